/** What costs more than it looks like is counted: joins of many equal keys, and work on long texts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FlowStore } from "flowstore";
import { withCode } from "../events/support.ts";

const ROWS = 60;
const LONG = 200_000;

describe("the cost of a query", () => {
  let store: FlowStore;

  before(async () => {
    store = await FlowStore.openTemporary({ durability: "none" });
    const rows = Array.from({ length: ROWS }, (_one, at) => ({ id: at, n: at, same: "x" }));
    await store.projections.upsert({ table: "t", rows });
    await store.projections.upsert({ table: "nothing", rows: [{ id: "none", same: "y" }] });
  });

  after(() => store.close());

  for (const [what, sql] of [
    ["are counted", "SELECT COUNT(*) FROM t a JOIN t b ON a.same = b.same"],
    ["by WHERE are counted", "SELECT a.id FROM t a, t b WHERE a.same = b.same ORDER BY b.id"],
    ["to the left are counted", "SELECT COUNT(*) FROM t a LEFT JOIN t b ON a.same = b.same"],
    [
      "that a third table drops are counted",
      "SELECT 1 FROM t a JOIN t b ON a.same = b.same JOIN nothing c ON c.same = b.same",
    ],
    ["before a LIMIT are counted", "SELECT 1 FROM t a JOIN t b USING_ LIMIT 1 OFFSET 3599"],
  ] as const) {
    test(`pairs of equal keys ${what}`, async () => {
      const text = sql.replace("USING_", "ON a.same = b.same");
      const few = store.projections.query({ sql: text, maxSteps: 30_000 });
      await assert.rejects(few, /more than 30000 operations/);
      await store.projections.query({ sql: text, maxSteps: 300_000 });
    });
  }

  test("a join that looks rows up lets others run, and heeds an abort", async () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const sql =
      "SELECT COUNT(*) FROM t a JOIN t b ON a.same = b.same JOIN t c ON c.same = b.same WHERE c.n < 0";
    const query = store.projections.query({ sql, signal: controller.signal });
    await assert.rejects(query, withCode("ABORTED"));
  });

  test("texts do not grow without end", async () => {
    let text = "'aaaaaaaaaa'";
    for (let level = 0; level < 9; level += 1) text = `replace(${text}, 'a', 'aaaaaaaaaa')`;
    const parts = Array.from({ length: 40 }, (_one, at) => {
      return `, w${at + 1} AS (SELECT x || x AS x FROM w${at})`;
    });
    for (const sql of [
      `SELECT length(${text})`,
      `WITH w0 AS (SELECT 'aaaa' AS x)${parts.join("")} SELECT length(x) FROM w40`,
      `WITH w0 AS (SELECT 'aaaa' AS x)${parts.slice(0, 20).join("")}
       SELECT length(group_concat(x)) FROM w20 JOIN t ON 1`,
    ]) {
      const query = store.projections.query({ sql });
      await assert.rejects(query, /a text of more than|operations/, sql.slice(0, 40));
    }
  });

  for (const [what, sql, params] of [
    ["LIKE", "SELECT ? LIKE ?", ["a".repeat(LONG), `%${"a".repeat(LONG / 10)}b`]],
    ["instr", "SELECT instr(?, ?)", ["a".repeat(LONG), `${"a".repeat(LONG / 4)}b`]],
    ["replace", "SELECT replace(?, ?, '')", ["a".repeat(LONG), `${"a".repeat(LONG / 4)}b`]],
    ["substr", "SELECT substr(?, n) FROM t", ["a".repeat(LONG)]],
    ["||", "SELECT length(? || n) FROM t", ["a".repeat(LONG)]],
  ] as const) {
    test(`${what} over long texts counts their length`, async () => {
      const query = store.projections.query({ sql, params, maxSteps: 300_000 });
      await assert.rejects(query, /more than 300000 operations/);
    });
  }

  test("short texts cost nothing beside their operations", async () => {
    const sql = "SELECT COUNT(*) AS n FROM t WHERE replace(same || 'abc', 'b', '') LIKE 'x%c'";
    const maxSteps = 10 * ROWS;
    assert.deepEqual(await store.projections.query({ sql, maxSteps }), [{ n: ROWS }]);
  });
});
