/** What engines give beside rows: names of all columns; and what they refuse alike. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import initSqlJs from "sql.js";
import { FlowStore, sqlJsEngine, type QueryEngine, type QueryInput } from "flowstore";
import { withCode } from "../events/support.ts";

describe("results of queries", () => {
  let store: FlowStore;
  let engines: readonly (QueryEngine | undefined)[];

  before(async () => {
    store = await FlowStore.openTemporary({ durability: "none" });
    engines = [undefined, sqlJsEngine(await initSqlJs())];
    await store.projections.upsert({
      table: "t",
      rows: [
        { id: "a", n: 5_000_000_001 },
        { id: "b", n: 2 },
      ],
    });
  });

  after(() => store.close());

  test("name every column, of no rows too; in objects the last of one name counts", async () => {
    for (const engine of engines) {
      const sql = "SELECT a.id, a.n, b.id FROM t a JOIN t b ON a.id <> b.id ORDER BY 1";
      const result = await store.projections.queryResult({ sql, engine });
      assert.deepEqual(result, {
        columns: ["id", "n", "id"],
        rows: [
          ["a", 5_000_000_001, "b"],
          ["b", 2, "a"],
        ],
      });
      const objects = await store.projections.query({ sql, engine });
      assert.deepEqual(objects[0], { id: "b", n: 5_000_000_001 });
      const none = { sql: "SELECT id, n AS m FROM t WHERE 0", engine };
      assert.deepEqual(await store.projections.queryResult(none), {
        columns: ["id", "m"],
        rows: [],
      });
    }
  });

  test("whole numbers are whole numbers, whatever their size, and none is rounded", async () => {
    for (const engine of engines) {
      const sql = "SELECT n / 2 AS half, typeof(n) AS type FROM t WHERE n = :n";
      assert.deepEqual(
        await store.projections.query({ sql, params: { n: 5_000_000_001 }, engine }),
        [{ half: 2_500_000_000, type: "integer" }],
      );
      const beyond = { sql: "SELECT 9007199254740993 AS n", engine };
      await assert.rejects(store.projections.query(beyond), /whole number of more than 53 bits/);
    }
  });

  test("a value that is missing, or that nothing asks for, is refused", async () => {
    for (const engine of engines) {
      for (const [sql, params] of [
        ["SELECT ?", []],
        ["SELECT ?2", ["a"]],
        ["SELECT :a", {}],
        ["SELECT :a", { b: 1 }],
        ["SELECT '?'", ["a"]],
        ["SELECT 1 -- ?", ["a"]],
      ] as const) {
        const query = store.projections.query({ sql, params, engine });
        await assert.rejects(query, withCode("BAD_REQUEST"), sql);
      }
    }
  });

  test("what is no engine, and null for values, is refused", async () => {
    for (const input of [
      { sql: "SELECT 1", engine: "sql.js" },
      { sql: "SELECT 1", engine: {} },
      { sql: "SELECT 1", engine: null },
      { sql: "SELECT 1", params: null },
    ]) {
      const query = store.projections.query(input as unknown as QueryInput);
      await assert.rejects(query, withCode("BAD_REQUEST"), JSON.stringify(input));
    }
  });

  test("an engine of one's own is given the tables that the text names", async () => {
    const engine: QueryEngine = {
      query: async ({ tables, sql }) => ({
        columns: ["sql", "rows"],
        rows: tables.map(({ name, rows }) => [`${name}: ${sql}`, rows.length]),
      }),
    };
    assert.deepEqual(await store.projections.query({ sql: "count t", engine }), [
      { sql: "t: count t", rows: 2 },
    ]);
  });
});
