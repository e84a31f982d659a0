/** Rows as files: merged by primary key, refused by declaration, mended by hand, merged by git. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FLOWFORGE_TABLES, FlowError, FlowStore } from "flowstore";
import { temporaryStore, withCode } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

const RUN = { id: "run-1", workflow_version_id: "v1", trigger: "manual", status: "queued" };

describe("rows", () => {
  test("lie one in a file, the name by the one encoding, the columns as they were given", async (t) => {
    const store = await temporaryStore(t, { clock: () => Date.UTC(2026, 0, 2) });
    await store.projections.upsert({ table: "Notes", rows: [{ id: "a/B", tags: ["x"], n: 1.5 }] });
    const file = join(store.root, "projections/+notes/a%2f+b.json");
    const text = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    assert.deepEqual({ ...text, $row: "" }, { $row: "", id: "a/B", tags: ["x"], n: 1.5 });
    assert.deepEqual(await store.projections.get("Notes", "a/B"), {
      id: "a/B",
      tags: ["x"],
      n: 1.5,
    });
    assert.deepEqual(await store.check(), []);
  });

  test("merge by primary key: what is not named stays, and the row keeps its place", async (t) => {
    const store = await temporaryStore(t);
    const { projections } = store;
    const rows = ["c", "a", "b"].map((id) => ({ id, one: 1 }));
    await projections.upsert({ table: "t", rows });
    const now = await projections.upsert({ table: "t", rows: [{ id: "c", two: 2 }] });
    assert.deepEqual(now, [{ id: "c", one: 1, two: 2 }]);
    assert.deepEqual(await projections.list("t"), [
      { id: "c", one: 1, two: 2 },
      { id: "a", one: 1 },
      { id: "b", one: 1 },
    ]);
  });

  test("of one call may differ in their columns", async (t) => {
    const { projections } = await temporaryStore(t);
    await projections.upsert({ table: "t", rows: [{ id: "1" }, { id: "2", more: true }] });
    assert.deepEqual(await projections.list("t"), [{ id: "1" }, { id: "2", more: true }]);
  });

  test("replace: as given, last, and without those that share a unique value", async (t) => {
    const { projections } = await temporaryStore(t, { clock: () => Date.UTC(2026, 0, 2) });
    const created_at = "2026-01-02T00:00:00.000Z";
    await projections.upsert({
      table: "workflows",
      rows: [
        { id: "1", name: "one", description: "d" },
        { id: "2", name: "two" },
      ],
    });
    await projections.upsert({
      table: "workflows",
      rows: [
        { id: "1", name: "uno" },
        { id: "3", name: "two" },
      ],
      mode: "replace",
    });
    assert.deepEqual(await projections.list("workflows"), [
      { id: "1", name: "uno", created_at },
      { id: "3", name: "two", created_at },
    ]);
  });

  test("truncate empties, and leaves no name for git to take for another's origin", async (t) => {
    const store = await temporaryStore(t);
    const { projections } = store;
    await projections.upsert({ table: "t", rows: [{ id: "1" }, { id: "2" }] });
    assert.equal(await projections.truncate({ table: "t" }), 2);
    assert.equal(await projections.truncate({ table: "t" }), 0);
    assert.deepEqual(await projections.list("t"), []);
    assert.equal(await projections.get("t", "1"), null);
    assert.deepEqual(readdirSync(join(store.root, "projections/t")), ["1.json", "2.json"]);
    await projections.upsert({ table: "t", rows: [{ id: "1", again: true }] });
    assert.deepEqual(await projections.list("t"), [{ id: "1", again: true }]);
    assert.deepEqual(await store.check(), []);
  });

  test("a hand-made row, and a hand-edited one, count; those without a place stand last", async (t) => {
    const store = await temporaryStore(t);
    await store.projections.upsert({ table: "t", rows: [{ id: "z" }] });
    writeFileSync(join(store.root, "projections/t/a.json"), '{ "id": "a", "by": "hand" }\n');
    const file = join(store.root, "projections/t/z.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"id"', '"note": [1,  2],\n  "id"'));
    const other = await FlowStore.open(store.root);
    atEnd(t, () => other.close());
    assert.deepEqual(await other.projections.list("t"), [
      { note: [1, 2], id: "z" },
      { id: "a", by: "hand" },
    ]);
    await other.projections.upsert({ table: "t", rows: [{ id: "z", n: 1 }] });
    assert.match(readFileSync(file, "utf8"), /"note": \[1, {2}2\]/);
  });
});

describe("declared tables", () => {
  test("are FlowForge's 23 that take rows", async (t) => {
    const { projections } = await temporaryStore(t);
    const tables = await projections.tables();
    assert.equal(FLOWFORGE_TABLES.length, 23);
    assert.equal(tables.length, 23);
    assert.ok(tables.every(({ isDeclared, rows }) => isDeclared && rows === 0));
    const known = new Set(tables.map(({ name }) => name));
    const named = FLOWFORGE_TABLES.flatMap(({ columns }) => columns.map((one) => one.references));
    assert.deepEqual(
      named.filter((name) => name !== undefined && !known.has(name)),
      [],
    );
  });

  for (const [what, row, column] of [
    ["a missing value", { id: "r", trigger: "manual", status: "queued" }, "workflow_version_id"],
    ["a null in its place", { ...RUN, status: null }, "status"],
    ["another word", { ...RUN, status: "asleep" }, "status"],
    ["no time", { ...RUN, started_at: "soon" }, "started_at"],
    ["no text", { ...RUN, status: true }, "status"],
    ["no key", { ...RUN, id: "" }, "id"],
    ["a key that is no text", { ...RUN, id: {} }, "id"],
  ] as const) {
    test(`refuse ${what}, and say where`, async (t) => {
      const store = await temporaryStore(t);
      await assert.rejects(
        store.projections.upsert({ table: "runs", rows: [RUN, { ...row }] }),
        (error: unknown) => {
          assert.ok(error instanceof FlowError);
          assert.equal(error.code, "BAD_REQUEST");
          assert.equal(error.context["table"], "runs");
          assert.equal(error.context["column"], column);
          assert.match(error.message, /runs.*rows\[1\]/);
          return true;
        },
      );
      assert.deepEqual(await store.projections.list("runs"), []);
    });
  }

  test("refuse a unique value that is another's, in files or in the same call", async (t) => {
    const { projections } = await temporaryStore(t);
    await projections.upsert({ table: "workflows", rows: [{ id: "1", name: "one" }] });
    const taken = (error: unknown): boolean =>
      error instanceof FlowError &&
      error.code === "CONFLICT" &&
      error.context["holder"] === "1" &&
      error.message.includes('"1"') &&
      error.message.includes("name");
    const rows = [
      { id: "0", name: "zero" },
      { id: "2", name: "one" },
    ];
    await assert.rejects(projections.upsert({ table: "workflows", rows }), taken);
    await projections.upsert({ table: "workflows", rows: [{ id: "1", name: "uno" }] });
    await projections.upsert({ table: "workflows", rows });
    assert.deepEqual(
      (await projections.list("workflows")).map(({ name }) => name),
      ["uno", "zero", "one"],
    );
    const twice = [
      { id: "5", name: "five" },
      { id: "6", name: "five" },
    ];
    await assert.rejects(
      projections.upsert({ table: "workflows", rows: twice }),
      withCode("CONFLICT"),
    );
    assert.equal(await projections.get("workflows", "5"), null);
  });

  test("bring values into the form of their column", async (t) => {
    const { projections } = await temporaryStore(t, { clock: () => Date.UTC(2026, 0, 2) });
    const [row] = await projections.upsert({
      table: "runs",
      rows: [
        {
          ...RUN,
          started_at: "2026-01-02 03:04:05",
          finished_at: new Date(Date.UTC(2026, 0, 3)),
          input_manifest_json: { a: 1 },
        },
      ],
    });
    assert.deepEqual(row, {
      ...RUN,
      started_at: "2026-01-02T03:04:05.000Z",
      finished_at: "2026-01-03T00:00:00.000Z",
      input_manifest_json: '{"a":1}',
      created_at: "2026-01-02T00:00:00.000Z",
    });
    const [version] = await projections.upsert({
      table: "schemas",
      rows: [{ ID: "s", name: 7, version: "2", schema_json: "{}" }],
    });
    assert.equal(version?.["id"], "s");
    assert.equal(version["name"], "7");
    assert.equal(version["version"], 2);
  });

  test("of a user's own hold for the open store", async (t) => {
    const { projections } = await temporaryStore(t);
    const columns = [
      { name: "isbn", type: "text", required: true },
      { name: "shelf", type: "text", values: ["a", "b"] },
    ] as const;
    await projections.declare({ name: "books", primaryKey: "isbn", columns });
    await projections.upsert({ table: "books", rows: [{ isbn: "1", shelf: "a" }] });
    const bad = { table: "books", rows: [{ isbn: "2", shelf: "c" }] };
    await assert.rejects(projections.upsert(bad), withCode("BAD_REQUEST"));
    for (const name of ["books", "runs", "events"]) {
      await assert.rejects(projections.declare({ name, columns }), withCode("CONFLICT"));
    }
  });

  test("check names what hand edits and merges brought, and lost references", async (t) => {
    const store = await temporaryStore(t);
    await store.projections.upsert({ table: "runs", rows: [RUN] });
    await store.projections.upsert({ table: "workflows", rows: [{ id: "1", name: "n" }] });
    const folder = join(store.root, "projections/workflows");
    const text = readFileSync(join(folder, "1.json"), "utf8");
    writeFileSync(join(folder, "2.json"), text.replace('"id": "1"', '"id": "2"'));
    writeFileSync(join(folder, "3.json"), text);
    writeFileSync(join(folder, "4.json"), "{");
    writeFileSync(join(store.root, "projections/runs/x.json"), '{ "id": "x", "status": "odd" }');
    const other = await FlowStore.open(store.root);
    atEnd(t, () => other.close());
    const found = (await other.check()).map(({ file, rule }) => `${rule} ${file}`);
    assert.deepEqual(found, [
      "row-reference projections/runs/run-1.json",
      ...Array.from({ length: 4 }, () => "row-value projections/runs/x.json"),
      "row-unique projections/workflows/2.json",
      "name projections/workflows/3.json",
      "not-json projections/workflows/4.json",
    ]);
  });
});

describe("names", () => {
  const bad = ["__proto__", "constructor", "toString", "prototype", "", "a b", "a;b", "1a", "a-b"];
  for (const name of [...bad, "x".repeat(65), null, 7]) {
    test(`${JSON.stringify(name).slice(0, 20)} names no table and no column`, async (t) => {
      const store = await temporaryStore(t);
      const { projections } = store;
      const table = name as string;
      await assert.rejects(projections.upsert({ table, rows: [] }), withCode("BAD_REQUEST"));
      await assert.rejects(projections.truncate({ table }), withCode("BAD_REQUEST"));
      const row = JSON.parse(`{"id":"1",${JSON.stringify(String(name))}:2}`) as object;
      if (name === null) return;
      await assert.rejects(
        projections.upsert({ table: "t", rows: [{ ...row }, row as { id: string }] }),
        withCode("BAD_REQUEST"),
      );
      assert.deepEqual(readdirSync(store.root).includes("projections"), false);
    });
  }

  test("of the log are closed to writes in any case", async (t) => {
    const { projections } = await temporaryStore(t);
    for (const table of ["events", "snapshots", "Events", "SNAPSHOTS"]) {
      const rows = [{ id: "1" }];
      await assert.rejects(projections.upsert({ table, rows }), withCode("BAD_REQUEST"));
      await assert.rejects(projections.truncate({ table }), withCode("BAD_REQUEST"));
    }
  });

  test("that SQL could not tell apart are refused", async (t) => {
    const { projections } = await temporaryStore(t);
    const rows = [{ id: "1" }];
    await assert.rejects(projections.upsert({ table: "RUNS", rows }), withCode("BAD_REQUEST"));
    await projections.upsert({ table: "mine", rows });
    await assert.rejects(projections.upsert({ table: "Mine", rows }), withCode("BAD_REQUEST"));
    const both = { table: "mine", rows: [{ id: "1", a: 1, A: 2 }] };
    await assert.rejects(projections.upsert(both), withCode("BAD_REQUEST"));
  });

  test("and values may hold anything else", async (t) => {
    const store = await temporaryStore(t);
    const column = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((name) => name !== "id");
    const key = fc.oneof(fc.string({ minLength: 1, unit: "grapheme" }), fc.constant("__proto__"));
    let tables = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          key,
          fc.dictionary(column, fc.jsonValue({ noUnicodeString: false }), {
            noNullPrototype: true,
          }),
          {
            noNullPrototype: true,
            minKeys: 1,
            maxKeys: 4,
          },
        ),
        async (given) => {
          tables += 1;
          const table = `t${tables}`;
          const plain = JSON.parse(JSON.stringify(given)) as Record<string, object>;
          const rows = Object.entries(plain).map(([id, row]) => ({ ...row, id }));
          await store.projections.upsert({ table, rows });
          assert.deepEqual(
            await store.projections.list(table),
            rows.map(({ id, ...row }) => ({ ...row, id })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
