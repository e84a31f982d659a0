/** Rows of tables that only a program declared, columns that differ in case, times without a zone. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FlowStore } from "flowstore";
import { temporaryStore, withCode } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

const STOCK = {
  name: "stock",
  primaryKey: "sku",
  columns: [
    { name: "n", type: "integer" },
    { name: "sku", type: "text", required: true },
  ],
} as const;

test("a table with a key of its own is whole to those who do not know its declaration", async (t) => {
  const store = await temporaryStore(t);
  await store.projections.declare(STOCK);
  await store.projections.upsert({
    table: "stock",
    rows: [
      { n: 3, sku: "A/1" },
      { n: 4, sku: "a/1" },
      { n: 5, sku: "3" },
    ],
  });
  const other = await FlowStore.open(store.root);
  atEnd(t, () => other.close());
  const sql = "SELECT sku, n FROM stock ORDER BY n";
  const rows = await store.projections.query({ sql });
  assert.equal(rows.length, 3);
  assert.deepEqual(await other.projections.query({ sql }), rows);
  const all = { sql: "SELECT * FROM stock" };
  assert.deepEqual(await other.projections.query(all), await store.projections.query(all));
  assert.deepEqual(await other.projections.get("stock", "a/1"), { n: 4, sku: "a/1" });
  assert.deepEqual(await other.check(), []);
  assert.equal((await other.status()).problems.length, 0);
  assert.equal(await other.projections.truncate({ table: "stock" }), 3);
  assert.deepEqual(await store.projections.list("stock"), []);
  await store.projections.upsert({ table: "stock", rows: [{ sku: "A/1", n: 1 }] });
  assert.deepEqual(await other.projections.list("stock"), [{ sku: "A/1", n: 1 }]);
});

test("a row that lies under a name of none of its columns is still named", async (t) => {
  const store = await temporaryStore(t);
  await store.projections.upsert({ table: "t", rows: [{ id: "a" }] });
  writeFileSync(join(store.root, "projections/t/b.json"), '{ "id": "c", "n": 1 }\n');
  const [problem, ...more] = await store.check();
  assert.equal(problem?.file, "projections/t/b.json");
  assert.equal(problem?.severity, "error");
  assert.deepEqual(more, []);
});

test("columns that differ in case alone are one column, spelt as it first was", async (t) => {
  const { projections, root } = await temporaryStore(t);
  await projections.upsert({ table: "t", rows: [{ id: 1, Name: "x" }] });
  await projections.upsert({ table: "t", rows: [{ id: 1, name: "y" }] });
  await projections.upsert({ table: "t", rows: [{ id: 2, NAME: "z" }] });
  assert.deepEqual(await projections.get("t", 1), { id: 1, Name: "y" });
  assert.deepEqual(await projections.query({ sql: "SELECT id, name FROM t" }), [
    { id: 1, Name: "y" },
    { id: 2, Name: "z" },
  ]);
  writeFileSync(join(root, "projections/t/3.json"), '{ "id": 3, "a": 1, "A": 2 }\n');
  const other = await FlowStore.open(root);
  atEnd(t, () => other.close());
  await assert.rejects(other.projections.get("t", 3), withCode("CORRUPT"));
  const [problem] = await other.check();
  assert.match(problem?.message ?? "", /projections\/t\/3\.json.*twice but for its case/);
});

test("times are the same on every machine, and are times that exist", async (t) => {
  const zone = process.env["TZ"];
  process.env["TZ"] = "America/New_York";
  atEnd(t, () => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });
  assert.notEqual(new Date(2026, 0, 1).getUTCHours(), 0);
  const { projections } = await temporaryStore(t);
  const written = async (at: string): Promise<unknown> => {
    const row = { id: "r", workflow_version_id: "v", trigger: "api", status: "queued" };
    const rows = [{ ...row, started_at: at }];
    return (await projections.upsert({ table: "runs", rows }))[0]?.["started_at"];
  };
  for (const [given, expected] of [
    ["2026-01-01", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01T10:00", "2026-01-01T10:00:00.000Z"],
    ["2026-01-01 10:00", "2026-01-01T10:00:00.000Z"],
    ["2026-01-01 10:00:00", "2026-01-01T10:00:00.000Z"],
    ["2026-01-01 10:00:00.123456", "2026-01-01T10:00:00.123Z"],
    ["2026-01-01 10:00:00+02:00", "2026-01-01T08:00:00.000Z"],
  ]) {
    assert.equal(await written(given ?? ""), expected, given);
  }
  for (const given of ["2026-02-30", "2026-01-01 (x)", "2026-01-01 10:00:00 EST", "soon"]) {
    await assert.rejects(written(given), /must be a time as ISO 8601 text/, given);
  }
});
