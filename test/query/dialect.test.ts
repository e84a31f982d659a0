/**
 * The rules of SQLite that people stumble over, each by name: the answer that is expected is also
 * SQLite's own, and the names of columns are too.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import initSqlJs from "sql.js";
import { FlowStore, sqlJsEngine, type QueryEngine } from "flowstore";

/** Rows as lists of their values, so that a row is short to write. */
type Answer = readonly (readonly unknown[])[];
type Rule = readonly [what: string, sql: string, answer: Answer, params?: readonly unknown[]];

const LOGIC: readonly Rule[] = [
  ["NOT of NULL is NULL", "SELECT NOT NULL, NOT 0, NOT 'a'", [[null, 1, 1]]],
  [
    "NOT of a comparison with NULL leaves a row out",
    "SELECT id FROM t WHERE NOT (v = 'x')",
    [["c"], ["d"]],
  ],
  [
    "AND and OR in three values",
    "SELECT NULL AND 0, NULL AND 1, NULL OR 1, NULL OR 0",
    [[0, null, 1, null]],
  ],
  ["NOT IN a list with NULL finds nothing", "SELECT id FROM t WHERE id NOT IN ('a', NULL)", []],
  ["NOT IN rows with NULL finds nothing", "SELECT id FROM t WHERE id NOT IN (SELECT v FROM t)", []],
  [
    "NULL IN nothing is false",
    "SELECT NULL IN (SELECT id FROM t WHERE 0), NULL NOT IN (SELECT id FROM t WHERE 0)",
    [[0, 1]],
  ],
  [
    "CASE takes unknown for not",
    "SELECT CASE WHEN NULL THEN 1 ELSE 2 END, CASE NULL WHEN NULL THEN 1 END",
    [[2, null]],
  ],
  [
    "IS tells NULL from the rest",
    "SELECT id FROM t WHERE v IS NOT 'x' ORDER BY id",
    [["b"], ["c"], ["d"]],
  ],
  ["IS TRUE asks for truth", "SELECT 5 IS TRUE, 0 IS NOT FALSE, NULL IS TRUE", [[1, 0, 0]]],
  [
    "BETWEEN with NULL",
    "SELECT 1 BETWEEN NULL AND 0, 1 BETWEEN NULL AND 2, 1 NOT BETWEEN 2 AND NULL",
    [[0, null, 1]],
  ],
];

const VALUES: readonly Rule[] = [
  ["a TEXT column finds a number", "SELECT id FROM runs WHERE id = 2", [["2"]]],
  ["an INTEGER column finds a text", "SELECT version FROM schemas WHERE version = '10'", [[10]]],
  ["a column without a type compares as it is", "SELECT id FROM t WHERE n = '1'", []],
  [
    "two columns, one TEXT, compare as they are",
    "SELECT t.id FROM t JOIN runs ON runs.id = t.n",
    [["c"]],
  ],
  [
    "integers divide to integers, fractions to fractions",
    "SELECT 7 / 2, -7 / 2, 7 / 2.0, 7 % -3, 1 / 0",
    [[3, -3, 3.5, 1, null]],
  ],
  [
    "texts calculate by the number they begin with",
    "SELECT '12abc' + 1, 'x' + 1, '1.5' * 2",
    [[13, 1, 3]],
  ],
  [
    "|| binds before *, and NULL wins",
    "SELECT 2 * 1 || 0, 'a' || 1.0 || 'b', 'a' || NULL",
    [[20, "a1.0b", null]],
  ],
  ["a minus binds before ||", "SELECT -1 || 2, 3 - -1", [["-12", 4]]],
  [
    "CAST cuts",
    "SELECT CAST('12abc' AS INTEGER), CAST(-1.9 AS INTEGER), CAST(5 AS REAL) / 2, CAST(1.0 AS TEXT)",
    [[12, -1, 2.5, "1.0"]],
  ],
  [
    "5 and 5.0 are equal, and of two types",
    "SELECT 5 = 5.0, typeof(5), typeof(5.0), 5.0 || ''",
    [[1, "integer", "real", "5.0"]],
  ],
  [
    "numbers come before texts, NULL before both",
    "SELECT n FROM t ORDER BY n",
    [[null], [1], [2.5], ["3"]],
  ],
  [
    "NULL last, when it is asked for",
    "SELECT n FROM t ORDER BY n DESC NULLS FIRST, id",
    [[null], ["3"], [2.5], [1]],
  ],
  [
    "LIKE without case, of ASCII alone",
    "SELECT 'ABC' LIKE 'a_c', 'É' LIKE 'é', 'a%' LIKE 'a!%' ESCAPE '!', 'ab' LIKE 'a!%' ESCAPE '!'",
    [[1, 0, 1, 0]],
  ],
  ["LIKE takes numbers for texts", "SELECT 12 LIKE '1%', NULL LIKE '%'", [[1, null]]],
  [
    "true, false, objects and lists",
    "SELECT id, v, o FROM t WHERE id IN ('c', 'd')",
    [
      ["c", 1, '{"k":[1,{"z":"é"}]}'],
      ["d", 0, null],
    ],
  ],
];

const QUERIES: readonly Rule[] = [
  [
    "aggregates of nothing",
    "SELECT COUNT(*), COUNT(n), SUM(n), AVG(n), MIN(n), total(n), group_concat(n) FROM t WHERE 0",
    [[0, 0, null, null, null, 0, null]],
  ],
  ["groups of nothing are none", "SELECT id, COUNT(*) FROM t WHERE 0 GROUP BY id", []],
  [
    "NULL is a group",
    "SELECT v, COUNT(*) FROM t GROUP BY v ORDER BY v",
    [
      [null, 1],
      [0, 1],
      [1, 1],
      ["x", 1],
    ],
  ],
  [
    "HAVING, and names of the result",
    "SELECT trigger AS k, COUNT(*) AS c FROM runs GROUP BY k HAVING c > 1 ORDER BY 2 DESC",
    [["manual", 2]],
  ],
  [
    "FILTER and DISTINCT",
    "SELECT COUNT(*) FILTER (WHERE n > 1), COUNT(DISTINCT trigger), group_concat(DISTINCT trigger) FROM runs JOIN t ON 1",
    [[6, 2, "manual,api"]],
  ],
  ["DISTINCT takes NULL once", "SELECT DISTINCT NULL FROM t", [[null]]],
  [
    "LIMIT and OFFSET by values",
    "SELECT id FROM t ORDER BY id LIMIT ? OFFSET ?",
    [["b"], ["c"]],
    [2, 1],
  ],
  [
    "ORDER BY a place and an expression",
    "SELECT id, length(id || n) FROM t ORDER BY 2 DESC, lower(id)",
    [
      ["b", 4],
      ["a", 2],
      ["c", 2],
      ["d", null],
    ],
  ],
  [
    "a LEFT JOIN keeps what finds none",
    "SELECT t.id, runs.trigger FROM t LEFT JOIN runs ON runs.id = t.n AND runs.trigger = 'manual'",
    [
      ["a", null],
      ["b", null],
      ["c", "manual"],
      ["d", null],
    ],
  ],
  [
    "a LEFT JOIN on an empty table",
    "SELECT t.id, nodes.name FROM t LEFT JOIN nodes ON nodes.id = t.id LIMIT 1",
    [["a", null]],
  ],
  ["commas and CROSS JOIN", "SELECT COUNT(*) FROM t, runs CROSS JOIN schemas", [[24]]],
  [
    "a subquery for each row",
    "SELECT id, (SELECT COUNT(*) FROM runs WHERE CAST(runs.id AS INTEGER) <= t.n) FROM t",
    [
      ["a", 1],
      ["b", 2],
      ["c", 3],
      ["d", 0],
    ],
  ],
  [
    "a subquery without rows is NULL",
    "SELECT (SELECT id FROM t WHERE 0), EXISTS (SELECT 1 FROM t WHERE 0)",
    [[null, 0]],
  ],
  [
    "EXISTS of the row around",
    "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = t.n)",
    [["a"], ["b"], ["d"]],
  ],
  [
    "UNION takes each once, in order",
    "SELECT id FROM t UNION SELECT 'a' UNION SELECT 'B'",
    [["B"], ["a"], ["b"], ["c"], ["d"]],
  ],
  [
    "UNION ALL keeps all, as they come",
    "SELECT 2 UNION ALL SELECT 1 UNION ALL SELECT 2",
    [[2], [1], [2]],
  ],
  ["INTERSECT and EXCEPT", "SELECT id FROM t INTERSECT SELECT 'a' EXCEPT SELECT 'b'", [["a"]]],
  [
    "WITH, of several, with names",
    "WITH a(x) AS (SELECT id FROM t), b AS (SELECT x || '!' AS y FROM a) SELECT y FROM b LIMIT 1",
    [["a!"]],
  ],
  [
    "a subquery in FROM",
    "SELECT s.c FROM (SELECT trigger, COUNT(*) AS c FROM runs GROUP BY trigger) AS s WHERE s.trigger = 'api'",
    [[1]],
  ],
  [
    "JSON",
    "SELECT o ->> '$.k[1].z', o -> 'k', json_extract(o, '$.k[0]'), json_array_length(o, '$.k') FROM t WHERE o IS NOT NULL",
    [["é", '[1,{"z":"é"}]', 1, 2]],
  ],
  [
    "dates",
    "SELECT date('2026-01-31', '+1 month'), datetime('2026-01-01T23:59:59.999Z', '+1 day'), unixepoch('1970-01-02'), strftime('%H:%M', '2026-01-01 10:20')",
    [["2026-03-03", "2026-01-02 23:59:59", 86400, "10:20"]],
  ],
  [
    "functions of texts",
    "SELECT substr('abcdef', -3, 2), substr('abc', 0, 2), trim('..a.', '.'), replace('aXbX', 'X', '-'), instr('abc', 'c'), upper('aé')",
    [["de", "a", "a", "a-b-", 3, "Aé"]],
  ],
  [
    "functions of numbers",
    "SELECT round(2.5), round(-2.5), round(1.25, 1), abs(-3), max(1, 'a', 2.5), min(1, NULL)",
    [[3, -3, 1.3, 3, "a", null]],
  ],
  [
    "names in any quotes and case",
    'SELECT [ID], `n`, "Id" FROM "t" AS "odd name" WHERE "odd name".id = \'a\'',
    [["a", 1]],
  ],
];

describe("the dialect of queries", () => {
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
        { id: "c", n: "3", v: true, o: { k: [1, { z: "é" }] } },
        { id: "d", v: false },
      ],
    });
    await store.projections.upsert({
      table: "runs",
      rows: ["manual", "api", "manual"].map((trigger, at) => {
        return { id: String(at + 1), workflow_version_id: "w", trigger, status: "queued" };
      }),
    });
    await store.projections.upsert({
      table: "schemas",
      rows: [2, 10].map((version) => ({
        id: `s${version}`,
        name: "s",
        version,
        schema_json: "{}",
      })),
    });
  });

  after(() => store.close());

  for (const [what, sql, answer, params = []] of [...LOGIC, ...VALUES, ...QUERIES]) {
    test(what, async () => {
      const own = await store.projections.query({ sql, params });
      const theirs = await store.projections.query({ sql, params, engine: sqlite });
      assert.deepEqual(own, theirs);
      assert.deepEqual(
        own.map((row) => Object.values(row)),
        answer,
      );
    });
  }
});
