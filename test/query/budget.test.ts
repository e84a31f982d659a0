/** What a query may cost: operations, pairs of a join, rows, time, and the patience of its caller. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FlowStore } from "flowstore";
import { QueryBudget } from "#src/query/query-engine.js";
import { withCode } from "../events/support.ts";

const THOUSAND = 1_000;
const ALL_PAIRS = "SELECT COUNT(*) AS n FROM t a, t b";

describe("the budget of a query", () => {
  let store: FlowStore;

  before(async () => {
    store = await FlowStore.openTemporary({ durability: "none" });
    const rows = Array.from({ length: THOUSAND }, (_one, at) => ({ id: String(at), n: at }));
    await store.projections.upsert({ table: "t", rows });
  });

  after(() => store.close());

  test("a join of a million pairs is stopped by its operations", async () => {
    // A pair costs more than 20 of them, so that the default stops at a quarter of a million.
    const query = store.projections.query({ sql: ALL_PAIRS, maxSteps: 200_000 });
    await assert.rejects(query, /more than 200000 operations/);
    const few =
      "SELECT COUNT(*) AS n FROM (SELECT * FROM t LIMIT 90) a, (SELECT * FROM t LIMIT 90) b";
    const found = await store.projections.query({ sql: few, maxSteps: 200_000 });
    assert.deepEqual(found, [{ n: 8_100 }]);
  });

  test("a join by an equality looks rows up: as many operations as rows, not as pairs", async () => {
    const maxSteps = 30 * THOUSAND;
    for (const sql of [
      "SELECT COUNT(*) AS n FROM t a JOIN t b ON a.id = b.id",
      "SELECT COUNT(*) AS n FROM t a, t b WHERE a.n = b.id AND b.n >= 0",
      "SELECT COUNT(*) AS n FROM t a LEFT JOIN t b ON b.n = a.n + 0 AND b.n >= 0",
    ]) {
      const found = await store.projections.query({ sql, maxSteps });
      assert.deepEqual(found, [{ n: sql.includes("a.n = b.id") ? 0 : THOUSAND }], sql);
    }
  });

  test("more rows than may be given are refused, as many are given", async () => {
    const sql = "SELECT id FROM t";
    const all = await store.projections.query({ sql, maxRows: THOUSAND });
    assert.equal(all.length, THOUSAND);
    await assert.rejects(
      store.projections.query({ sql, maxRows: THOUSAND - 1 }),
      /more than 999 rows/,
    );
  });

  test("a subquery for each row counts, and is run once for each set of its values", async () => {
    const each = "SELECT (SELECT COUNT(*) FROM t b WHERE b.n < a.n) AS c FROM t a";
    await assert.rejects(store.projections.query({ sql: each, maxSteps: 100_000 }), /operations/);
    const few = "SELECT (SELECT COUNT(*) FROM t b WHERE b.n % 2 = a.n % 2) AS c FROM t a LIMIT 3";
    const found = await store.projections.query({ sql: few, maxSteps: 100_000 });
    assert.deepEqual(found, [{ c: 500 }, { c: 500 }, { c: 500 }]);
  });

  test("its time is that of a clock", () => {
    let now = 0;
    const limits = { maxSteps: 1_000_000, maxRows: 1, maxMs: 50 };
    const budget = new QueryBudget(limits, () => now, undefined);
    now = 50;
    assert.equal(budget.step(), false);
    budget.look();
    now = 51;
    assert.throws(() => budget.look(), /more than its time/);
    assert.throws(() => budget.step(10_000), /more than its time/);
  });

  test("it lets others run, and an abort is heeded then", async () => {
    const controller = new AbortController();
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      if (turns === 3) controller.abort();
      else setImmediate(turn);
    };
    setImmediate(turn);
    const query = store.projections.query({ sql: ALL_PAIRS, signal: controller.signal });
    await assert.rejects(query, withCode("ABORTED"));
    assert.equal(turns, 3);
    const late = store.projections.query({ sql: "SELECT 1", signal: controller.signal });
    await assert.rejects(late, withCode("ABORTED"));
  });
});
