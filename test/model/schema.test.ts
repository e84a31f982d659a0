import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  explainCreateInput,
  explainFeaturePatch,
  isCreateInput,
  isFeaturePatch,
} from "#src/model/feature-inputs.js";
import {
  explainFeatureDocument,
  FEATURE_DOCUMENT_KEYS,
  featureJsonSchema,
  isFeatureDocument,
} from "#src/model/schema.js";
import { uid } from "./world.ts";

const KEYS = [...FEATURE_DOCUMENT_KEYS, "mine", "__proto__", "constructor", "status"];

// oxlint-disable-next-line no-sparse-arrays -- holes are what is tested
const hole: unknown[] = [1, , 2];

/** Values around the border of every rule. */
const value = fc.oneof(
  fc.constantFrom<unknown[]>(
    null,
    undefined,
    true,
    false,
    0,
    -0,
    1,
    2,
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    2 ** 53 - 1,
    "",
    "text",
    uid(1),
    uid(1).toLowerCase(),
    "\ud800",
    [],
    [1],
    [1, 1],
    [0],
    ["a"],
    ["a", 1],
    [undefined],
    hole,
    [[]],
    [uid(2), 3],
    [{ index: 0 }],
    [{ index: -1 }],
    [{}],
    [{ index: 0, more: 1 }],
    {},
    { agent: "a", at: "t" },
    { agent: "", at: "t" },
    { agent: "a" },
    { agent: "a", at: "t", more: [1] },
    new Map(),
    new Date(0),
    5n,
    Symbol("s"),
    () => 1,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

const good = fc.record(
  {
    $schema: fc.string(),
    id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    name: fc.string(),
    category: fc.string(),
    description: fc.string(),
    steps: fc.array(fc.string()),
    uid: fc.nat(9999).map(uid),
    priority: fc.maxSafeInteger(),
    dependencies: fc.array(fc.integer({ min: 1 })),
    createdAt: fc.option(fc.string()),
    passes: fc.boolean(),
    inProgress: fc.boolean(),
    claim: fc.option(fc.record({ agent: fc.string({ minLength: 1 }), at: fc.string() })),
    deletedAt: fc.option(fc.string()),
    mine: fc.jsonValue(),
  },
  { requiredKeys: ["id", "name"] },
);

const mutations = fc.array(fc.tuple(fc.constantFrom(...KEYS), value), { maxLength: 2 });

/** Sets keys as own ones, `__proto__` too. */
function mutated(document: object, changes: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries([...Object.entries(document), ...changes]);
}

describe("the quick checks and zod", () => {
  test("every generated good document is one", () => {
    fc.assert(fc.property(good, (document) => isFeatureDocument(document)));
  });

  test("agree on documents", () => {
    const verdicts = new Set<boolean>();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(good, mutations).map(([d, m]) => mutated(d, m)),
          value,
        ),
        (it) => {
          const quick = isFeatureDocument(it);
          verdicts.add(quick);
          assert.equal(quick, explainFeatureDocument(it).length === 0);
        },
      ),
      { numRuns: 2000 },
    );
    assert.equal(verdicts.size, 2, "both verdicts were seen");
  });

  test("agree on inputs and patches", () => {
    const verdicts = new Set<string>();
    const base = fc.record(
      {
        name: fc.string(),
        priority: fc.integer(),
        steps: fc.array(fc.string()),
        mine: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(base, mutations).map(([d, m]) => mutated(d, m)),
          value,
        ),
        (it) => {
          verdicts.add(`input ${isCreateInput(it)}`).add(`patch ${isFeaturePatch(it)}`);
          assert.equal(isCreateInput(it), explainCreateInput(it).length === 0);
          assert.equal(isFeaturePatch(it), explainFeaturePatch(it).length === 0);
        },
      ),
      { numRuns: 2000 },
    );
    assert.equal(verdicts.size, 4, "all verdicts were seen");
  });
});

describe("documents", () => {
  test("made by hand need an id and a name", () => {
    assert.ok(isFeatureDocument({ id: 1, name: "" }));
    assert.deepEqual(
      explainFeatureDocument({ name: 1 }).map(({ path }) => path),
      ["id", "name"],
    );
    assert.deepEqual(
      explainFeatureDocument({
        id: 1,
        name: "x",
        dependencies: [1, "2"],
        claim: { agent: 1, at: "" },
      }).map(({ path }) => path),
      ["dependencies[1]", "claim.agent"],
    );
  });

  test("are explained in our words, with what stands there", () => {
    const said = (document: object): string[] =>
      explainFeatureDocument({ id: 1, name: "x", ...document }).map(
        ({ path, message }) => `${path}: ${message}`,
      );
    const cases: [document: object, problem: string][] = [
      [{ id: undefined }, "id: expected a whole number, got nothing"],
      [{ id: "1" }, 'id: expected a whole number, got "1"'],
      [{ id: 1.5 }, "id: expected a whole number, got 1.5"],
      [{ id: 0 }, "id: expected a whole number from 1, got 0"],
      [{ priority: 1e300 }, "priority: expected a whole number up to 9007199254740991, got 1e+300"],
      [{ name: null }, "name: expected a text, got null"],
      [{ steps: "one" }, 'steps: expected a list, got "one"'],
      [{ steps: ["one", {}] }, "steps[1]: expected a text, got an object"],
      [{ passes: "yes" }, 'passes: expected true or false, got "yes"'],
      [{ claim: [] }, "claim: expected an object, got a list"],
      [{ claim: { agent: "", at: "" } }, 'claim.agent: expected a text that is not empty, got ""'],
      [{ uid: "x" }, 'uid: expected a ULID of 26 upper-case characters, got "x"'],
    ];
    for (const [document, problem] of cases) assert.deepEqual(said(document), [problem]);
    assert.deepEqual(
      explainCreateInput({ name: "x", dependencies: [2.5, { index: 0, more: 1 }] }),
      [
        { path: "dependencies[0]", message: "expected an id, a uid or { index }, got 2.5" },
        { path: "dependencies[1]", message: 'no place for "more"' },
      ],
    );
    assert.doesNotMatch(JSON.stringify(explainFeatureDocument(null)), /Invalid|received/);
  });

  test("that nest too deep are refused and do not end the process", () => {
    const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    assert.ok(isFeatureDocument({ id: 1, name: "x", mine: deep(1000) }));
    for (const levels of [1001, 100_000]) {
      const document = { id: 1, name: "x", mine: deep(levels) };
      assert.equal(isFeatureDocument(document), false);
      assert.match(explainFeatureDocument(document)[0]?.message ?? "", /nests deeper/);
    }
  });

  test("have a JSON Schema that lets unknown keys be", () => {
    const schema = featureJsonSchema() as {
      required: string[];
      properties: Record<string, { description?: string }>;
      additionalProperties: unknown;
      title: string;
    };
    assert.deepEqual(schema.required.toSorted(), ["id", "name"]);
    assert.deepEqual(Object.keys(schema.properties), [...FEATURE_DOCUMENT_KEYS]);
    assert.deepEqual(schema.additionalProperties, {});
    assert.ok(schema.title);
    for (const key of ["id", "name", "steps", "uid", "priority", "dependencies", "passes"]) {
      assert.ok(schema.properties[key]?.description, key);
    }
  });
});

describe("inputs", () => {
  test("what is no JSON is named with its place", () => {
    const loop: unknown[] = [];
    loop.push({ again: loop });
    let deep: unknown = [];
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    const cases: [unknown, string, RegExp][] = [
      [() => 1, "mine", /function/],
      [[1n], "mine[0]", /bigint/],
      [{ a: [NaN] }, "mine.a[0]", /NaN/],
      [Infinity, "mine", /Infinity/],
      [[undefined], "mine[0]", /undefined/],
      [new Date(0), "mine", /instance/],
      [{ at: new Map() }, "mine.at", /instance/],
      ["\udc00", "mine", /half a character/],
      [{ "\ud800": 1 }, "mine.\ud800", /half a character/],
      [loop, "mine[0].again", /contains itself/],
      [deep, "mine[0][0][0][0][0][0][0]…", /deeper than 100/],
    ];
    for (const [mine, path, message] of cases) {
      const [problem, ...more] = explainCreateInput({ name: "x", mine });
      assert.equal(problem?.path, path);
      assert.match(problem.message, message);
      assert.deepEqual(more, []);
      assert.equal(isFeaturePatch({ mine }), false);
    }
  });

  test("what is JSON passes", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100; level += 1) deep = [deep];
    const shared = { a: 1 };
    for (const mine of [
      deep,
      [shared, shared],
      Object.create(null),
      "😀",
      null,
      { a: undefined },
    ]) {
      assert.deepEqual(explainCreateInput({ name: "x", mine }), []);
    }
    assert.equal(isCreateInput({ name: "x", mine: [deep] }), false);
    assert.equal(isCreateInput({ name: "\ud83d" }), false);
  });
});

test("reading good documents and inputs does not load zod", () => {
  const script = `
    import { createRequire } from "node:module";
    const { isFeatureDocument } = await import("#src/model/schema.js");
    const { isCreateInput } = await import("#src/model/feature-inputs.js");
    await import("#src/model/feature-creation.js");
    if (!isFeatureDocument({ id: 1, name: "x" }) || !isCreateInput({ name: "x" })) process.exit(1);
    const cache = Object.keys(createRequire(process.cwd() + "/x.js").cache);
    process.stdout.write(String(cache.some((file) => file.includes("/zod/"))));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  assert.equal(out, "false");
});
