import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  anything,
  explainDocument,
  flag,
  integer,
  isDocumentOf,
  jsonSchemaOf,
  keysOf,
  list,
  nullable,
  object,
  oneOf,
  optional,
  text,
  time,
  ulid,
  type Shape,
} from "#src/model/shape.js";
import { uid } from "./world.ts";

interface Sample {
  readonly key: string;
  readonly note?: string | null | undefined;
  readonly count: number;
  readonly isOn?: boolean | undefined;
  readonly mode: string;
  readonly at: string;
  readonly uid: string;
  readonly tags: readonly string[];
  readonly parts: readonly { readonly name: string; readonly size?: number }[];
  readonly extra: unknown;
}

/** Every sort of field, required, optional and nullable. */
const SAMPLE: Shape<Sample> = {
  name: "sample",
  about: "A sample.",
  fields: {
    key: text("A key."),
    note: optional(nullable(text("A note.", { mayBeEmpty: true }))),
    count: integer("A number.", 1),
    isOn: optional(flag("A switch.")),
    mode: oneOf("A mode.", ["read", "write"]),
    at: time("A time."),
    uid: ulid("A uid."),
    tags: list("Tags.", text("A tag.")),
    parts: list(
      "Parts.",
      object("A part.", { name: text("A name."), size: optional(integer("Bytes.", 0)) }),
    ),
    extra: anything("Anything."),
  },
};

const GOOD: Sample = {
  key: "k",
  count: 1,
  mode: "read",
  at: "2026-01-01T00:00:00.000Z",
  uid: uid(1),
  tags: [],
  parts: [{ name: "p" }],
  extra: null,
};

// oxlint-disable-next-line no-sparse-arrays -- holes are what is tested
const hole: unknown[] = ["a", , "b"];

/** Values around the border of every rule. */
const value = fc.constantFrom<unknown[]>(
  undefined,
  null,
  true,
  0,
  -1,
  1,
  1.5,
  NaN,
  2 ** 53,
  "",
  "text",
  "read",
  "2026-01-01",
  uid(2),
  [],
  ["a"],
  [""],
  [1],
  hole,
  [{ name: "p", size: 0 }],
  [{ name: "p", size: -1 }],
  [{ name: "", more: 1 }],
  [null],
  {},
  { name: "p" },
  new Date(0),
);

describe("a shape", () => {
  test("is judged alike by the check and by zod", () => {
    const keys = [...keysOf(SAMPLE), "mine", "__proto__"];
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 }),
        fc.boolean(),
        (changes, isWhole) => {
          const document = { ...(isWhole ? GOOD : {}), ...changes };
          const problems = explainDocument(SAMPLE, document);
          assert.equal(isDocumentOf(SAMPLE, document), problems.length === 0, problems[0]?.message);
        },
      ),
      { numRuns: 3000 },
    );
    for (const one of [null, undefined, 1, "x", [], new Date(0)]) {
      assert.equal(isDocumentOf(SAMPLE, one), false);
      assert.notEqual(explainDocument(SAMPLE, one).length, 0);
    }
  });

  test("takes a document with foreign keys, and an inherited key for none", () => {
    assert.ok(isDocumentOf(SAMPLE, { ...GOOD, mine: { any: "thing" } }));
    const inherited = Object.create({ key: "k" }) as object;
    assert.equal(
      isDocumentOf(SAMPLE, Object.assign(inherited, { ...GOOD, key: undefined })),
      false,
    );
  });

  test("names what is wrong, where, and what was there", () => {
    const problems = explainDocument(SAMPLE, {
      ...GOOD,
      count: 0,
      mode: "walk",
      at: "soon",
      tags: ["a", 1],
      parts: [{ size: 1 }],
    });
    assert.deepEqual(
      problems.map(({ path, message }) => `${path}: ${message}`),
      [
        "count: expected a whole number from 1, got 0",
        'mode: expected one of read, write, got "walk"',
        'at: expected a time, got "soon"',
        "tags[1]: expected a text, got 1",
        "parts[0].name: expected a text, got nothing",
      ],
    );
  });

  test("gives the JSON Schema that editors use, in the order of the keys", () => {
    const schema = jsonSchemaOf(SAMPLE) as {
      title: string;
      required: string[];
      properties: Record<string, { description?: string }>;
    };
    assert.equal(schema.title, "FlowStore sample");
    assert.deepEqual(Object.keys(schema.properties), keysOf(SAMPLE));
    assert.deepEqual(
      schema.required.filter((key) => ["note", "isOn", "$schema"].includes(key)),
      [],
    );
    assert.equal(schema.properties["count"]?.description, "A number.");
    assert.notEqual(jsonSchemaOf(SAMPLE), jsonSchemaOf(SAMPLE), "a new one at each call");
  });
});
