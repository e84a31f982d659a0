/** Texts that try to write, to run for ever or to end the process: refused, or stopped. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import initSqlJs from "sql.js";
import { FlowError, FlowStore, sqlJsEngine } from "flowstore";
import { temporaryStore, withCode } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

const HOSTILE = [
  "SELECT * FROM t; DROP TABLE t",
  "SELECT * FROM t;;SELECT 1 FROM t",
  "DELETE FROM t",
  "INSERT INTO t VALUES ('9')",
  "UPDATE t SET n = 1",
  "PRAGMA writable_schema = 1",
  "ATTACH DATABASE 'x' AS y",
  "SELECT * INTO other FROM t",
  "SELECT * INTO JSON('/tmp/x') FROM t",
  "SELECT * FROM TXT('/etc/passwd')",
  "SELECT load_extension('x') FROM t",
  "SELECT readfile('/etc/passwd') FROM t",
  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
  "WITH c AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
  "SELECT `id FROM t",
  "SELECT [id FROM t",
  'SELECT "$p0" FROM t WHERE id = 1',
  'SELECT "count"(id) FROM t',
  "SELECT * FROM t NATURAL JOIN t AS u",
  "SELECT * FROM UNNEST(id)",
  "SELECT * FROM json_each('[1]')",
  "FROM t",
  "VALUES (1)",
  "EXPLAIN SELECT * FROM t",
  "SELECT 9007199254740993 FROM t",
  "SELECT 0x10 FROM t",
  "SELECT id FROM t ORDER BY -1",
  "SELECT REGEXP_MATCHES('aaaaaaaaaaaaaaaaaaaaaaaa!', '(a+)+$') FROM t",
  "SELECT __proto__ FROM t",
  "SELECT constructor FROM t",
  "SELECT t.constructor.name FROM t",
  "SELECT toString(id) FROM t",
  "SELECT constructor(id) FROM t",
  "SELECT * FROM __proto__",
  "SELECT * FROM constructor",
  "SELECT * FROM t WHERE id = 'open",
  'SELECT "open FROM t',
  "SELECT /* open FROM t",
  "SELECT id FROM t WHERE id = ?",
  "SELECT id FROM t WHERE id = :name",
  "SELECT id FROM t LIMIT -1",
  "SELECT \0 FROM t",
  "",
  ";",
  "--",
  "SELECT",
];

describe("hostile queries", () => {
  async function filled(t: Parameters<typeof temporaryStore>[0]): Promise<FlowStore> {
    const store = await temporaryStore(t);
    await store.projections.upsert({ table: "t", rows: [{ id: "1", n: 1 }] });
    return store;
  }

  for (const sql of HOSTILE) {
    test(JSON.stringify(sql).slice(0, 60), async (t) => {
      const store = await filled(t);
      await assert.rejects(store.projections.query({ sql }), withCode("BAD_REQUEST"));
      assert.deepEqual(await store.projections.list("t"), [{ id: "1", n: 1 }]);
    });
  }

  test("change no file, on either engine", async (t) => {
    // A write lets go of its guard a little later; closing waits for it, so that no file of
    // local/ is left out here.
    const folder = await mkdtemp(join(tmpdir(), "flowstore-hostile-"));
    atEnd(t, () => rm(folder, { recursive: true, force: true }));
    const own = await FlowStore.init(folder);
    await own.projections.upsert({ table: "t", rows: [{ id: "1", n: 1 }] });
    await own.close();
    const store = await FlowStore.open(folder);
    atEnd(t, () => store.close());
    const content = (): string[] =>
      readdirSync(store.root, { recursive: true, encoding: "utf8", withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => `${path} ${readFileSync(path, "base64")}`)
        .sort();
    const before = content();
    const sqlite = sqlJsEngine(await initSqlJs());
    for (const sql of HOSTILE.filter((one) => !one.startsWith("WITH"))) {
      for (const engine of [undefined, sqlite]) {
        await store.projections.query({ sql, engine }).catch((error: unknown) => {
          assert.ok(error instanceof FlowError, String(error));
        });
      }
    }
    assert.deepEqual(await store.projections.query({ sql: "SELECT n FROM t" }), [{ n: 1 }]);
    assert.deepEqual(content(), before);
  });

  test("values and names of others are data", async (t) => {
    const store = await filled(t);
    const evil = "' OR 1=1; DROP TABLE t --";
    await store.projections.upsert({ table: "t", rows: [{ id: evil }] });
    const sql = "SELECT id FROM t WHERE id = ?";
    const rows = await store.projections.query({ sql, params: [evil] });
    assert.deepEqual(rows, [{ id: evil }]);
    const named = await store.projections.query({
      sql: "SELECT id AS \"__proto__\" FROM t WHERE id = :id AND '?' = '?' -- ?",
      params: { id: "1" },
    });
    assert.deepEqual(Object.entries(named[0] ?? {}), [["__proto__", "1"]]);
  });

  for (const [what, sql] of [
    ["parentheses", `SELECT ${"(".repeat(20_000)}1${")".repeat(20_000)} FROM t`],
    ["NOT", `SELECT id FROM t WHERE ${"NOT ".repeat(20_000)}1`],
    ["minus", `SELECT ${"- ".repeat(20_000)}1 FROM t`],
    ["CASE", `SELECT ${"CASE ".repeat(15_000)} FROM t`],
    ["AND", `SELECT id FROM t WHERE ${"1 AND ".repeat(12_000)}1`],
    ["plus", `SELECT ${"1 + ".repeat(20_000)}1 FROM t`],
    ["length", `SELECT '${"x".repeat(200_000)}' FROM t`],
  ] as const) {
    test(`a text of nothing but ${what} is refused and ends nothing`, async (t) => {
      const store = await filled(t);
      await assert.rejects(store.projections.query({ sql }), withCode("BAD_REQUEST"));
    });
  }

  test("a pattern that is slow for others is not", async (t) => {
    const store = await temporaryStore(t);
    await store.projections.upsert({ table: "t", rows: [{ id: "a".repeat(20_000) }] });
    // By a regular expression it takes longer than anybody waits.
    const timeoutMs = 5_000;
    const params = [`${"%a".repeat(50)}b`];
    assert.deepEqual(
      await store.projections.query({ sql: "SELECT id FROM t WHERE id LIKE ?", params, timeoutMs }),
      [],
    );
  });
});
