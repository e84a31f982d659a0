/**
 * Where an answer is easily nearly SQLite's: each is compared with SQLite's own. And what SQLite
 * would take: refused by its name, with its place and a way on.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import initSqlJs from "sql.js";
import { FlowError, FlowStore, sqlJsEngine, type QueryEngine } from "flowstore";

/** Each the whole of what is selected. */
const CORNERS: Readonly<Record<string, readonly string[]>> = {
  "texts that functions make of numbers": [
    "replace(5, '', 'x'), typeof(replace(n, '', 'x')), replace(n, n, '') FROM t",
    "substr('abc', -5), substr('abc', -5, 4), substr('abc', '1e2'), substr(12345, '2x', 2.9)",
    "round(2.567, '1e2'), round(2.567, ' 1')",
  ],
  "which of equal values is given": [
    "typeof(min(1, 1.0)), typeof(min(1.0, 1)), typeof(max(1, 1.0)), typeof(max(1.0, 1))",
    "DISTINCT CASE id WHEN 'a' THEN 1.0 ELSE 1 END / 2 FROM t",
  ],
  "a remainder takes the digits that a text begins with": [
    "7 % '1e2', typeof(7 % '1e2'), '9x' % 5, typeof('9x' % 5), 7 % 2.9",
  ],
  "JSON is given as it is written": [
    `json_extract('{"a":1,"a":2}', '$.a')`,
    `json_extract('{"b":1,"2":2,"1":3}', '$'), '{"b":{"10":1,"9":2}}' -> 'b'`,
    String.raw`'{"a":"x\u0041\/\n"}' -> 'a', '{"a":"x\u0041\/\n"}' ->> 'a', '{"\u0061":1}' -> '$'`,
    `json_type('[1, 2.0, 1e2, true, null, "x", [], {}]', '$[2]'), '[ 1 , [ 2.50 ] ]' -> '$[1]'`,
    `json_extract('{"__proto__":3}', '$.__proto__'), json_extract('[1,[2,[3]]]', '$[1][1][0]')`,
    "json_array_length('[1,[2,3]]', '$[1]'), json_array_length('{}'), json_valid('[1,]')",
  ],
  "times at their ends": [
    "datetime('2026-01-01 00:00+14:30'), datetime('2026-01-01 00:00+15:00')",
    "datetime('2026-01-01', '+1  day'), time('2026-01-01 10:20', '-90 minutes')",
    "strftime('%f', '2026-01-01 00:00:00.4566'), unixepoch('2026-01-01T00:00:00.123456Z')",
    "julianday('2026-01-01 10:20:30.123'), julianday('1999-12-31 23:59:59.999')",
    "date('2026-02-31'), date('2024-02-29', '+1 year'), date('2026-03-31', '-1 month')",
  ],
  "a subquery in WHERE reads its row, also where rows are grouped": [
    "COUNT(*) FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.n > t.n)",
    "MAX(id) FROM t a WHERE a.n = (SELECT MAX(n) FROM t u WHERE u.id <= a.id)",
    "v, COUNT(*) FROM t WHERE n IN (SELECT n FROM t u WHERE u.id = t.id) GROUP BY v ORDER BY v",
    "COUNT(*) FROM t a JOIN t b ON a.id = b.id WHERE EXISTS (SELECT 1 FROM t WHERE t.n > b.n)",
  ],
};

/** With the place of what is refused, and what it is called. */
const REFUSED: readonly (readonly [sql: string, at: number, what: RegExp])[] = [
  ["SELECT 1 < 2 = 1", 13, /= does not fit there/],
  ["SELECT 1 = 1 IS NULL", 13, /IS does not fit there/],
  ["SELECT +n FROM t", 7, /a plus without a left side/],
  ["SELECT 1 IN ()", 13, /an empty list/],
  ["SELECT x'ab'", 7, /a literal of bytes/],
  ["SELECT id FROM t LIMIT 1, 2", 24, /LIMIT with a comma/],
  ["SELECT CAST(n AS NUMERIC) FROM t", 17, /NUMERIC does not fit there/],
  ["SELECT -9223372036854775808", 8, /the least of all integers/],
  ["SELECT MAX(n), id FROM t", 15, /id, which is neither grouped by nor aggregated/],
  ["SELECT DISTINCT v FROM t ORDER BY n", 34, /to order DISTINCT rows/],
  ["SELECT id FROM t WHERE id GLOB 'a*'", 26, /GLOB/],
  ["SELECT id FROM t ORDER BY id COLLATE NOCASE", 29, /COLLATE/],
  ["SELECT n & 1 FROM t", 9, /"&"/],
  ["SELECT COUNT(*) OVER () FROM t", 16, /OVER/],
  ["SELECT * FROM json_each('[1]')", 14, /the function json_each/],
  ["SELECT * FROM t RIGHT JOIN t u ON 1", 16, /RIGHT/],
  ["SELECT 1 UNION SELECT 1.0", 15, /which of two equal numbers/],
  ["SELECT CASE id WHEN 'a' THEN 1 ELSE 1.0 END AS k FROM t GROUP BY k", 7, /two equal numbers/],
  ["SELECT date('2026-02-30', '+1 day')", 7, /a shift of 2026-02-30/],
  ["SELECT time('2026-01-01 24:00')", 7, /the hour 24/],
  ["SELECT date('2026-01-01', '+1day')", 7, /the modifier "\+1day"/],
  ["SELECT date('-2026-01-01')", 7, /the time "-2026-01-01"/],
  [`SELECT '{"a":1}' -> ''`, 7, /an empty path/],
  [`SELECT '{a:1}' -> NULL`, 7, /no JSON/],
];

describe("corners of the dialect", () => {
  let store: FlowStore;
  let sqlite: QueryEngine;

  before(async () => {
    store = await FlowStore.openTemporary({ durability: "none" });
    sqlite = sqlJsEngine(await initSqlJs());
    await store.projections.upsert({
      table: "t",
      rows: [
        { id: "a", n: 1, v: "x" },
        { id: "b", n: 2.5 },
        { id: "c", n: "3", v: true },
        { id: "d", n: 5, v: "5" },
      ],
    });
  });

  after(() => store.close());

  for (const [what, selects] of Object.entries(CORNERS)) {
    test(what, async () => {
      for (const select of selects) {
        const sql = `SELECT ${select}`;
        const theirs = await store.projections.query({ sql, engine: sqlite });
        assert.ok(theirs.length > 0, sql);
        assert.deepEqual(await store.projections.query({ sql }), theirs, sql);
      }
    });
  }

  test("what is not known is refused by its name, with its place and a way on", async () => {
    for (const [sql, at, what] of REFUSED) {
      await assert.rejects(store.projections.query({ sql }), (error) => {
        assert.ok(error instanceof FlowError);
        assert.equal(error.code, "BAD_REQUEST");
        assert.match(error.message, what);
        assert.match(error.hint ?? "", /--engine sql\.js/, sql);
        assert.deepEqual(error.context["position"], at, sql);
        return true;
      });
    }
  });

  test("what SQLite refuses is refused", async () => {
    for (const sql of ["SELECT group_concat(DISTINCT v, '-') FROM t"]) {
      await assert.rejects(store.projections.query({ sql, engine: sqlite }), /DISTINCT/);
      await assert.rejects(store.projections.query({ sql }), /DISTINCT/);
    }
  });

  test("a text in double quotes is a name, and told so", async () => {
    const sql = 'SELECT id FROM t WHERE v = "x"';
    await assert.rejects(store.projections.query({ sql }), /a text stands in single quotes/);
  });
});
