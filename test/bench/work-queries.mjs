/** One SELECT over a table of rows: what FlowForge asks of its projections, and what people ask. */
import Database from "better-sqlite3";
import initSqlJs from "sql.js";
import { FlowStore, sqlJsEngine } from "./flowstore.mjs";
import { join } from "node:path";
import { alternate, mustBe, pause, temporaryFolder } from "./measure.mjs";

const GROUP = "queries";
const ROWS = 10_000;
const COLUMNS = ["id", "name", "description", "created_at"];
const CREATED = "2026-11-21T10:00:00.000Z";
/** Every hundredth is found. */
const FOUND = ROWS / 100;
const LIKE = "%Pipeline 42 %";

const WORK = [
  {
    work: "SELECT * … WHERE name LIKE ?",
    sql: "SELECT * FROM workflows WHERE name LIKE ?",
    params: [LIKE],
    rows: FOUND,
  },
  {
    work: "LIKE, ORDER BY, LIMIT",
    sql: "SELECT id, name FROM workflows WHERE name LIKE ? ORDER BY name DESC LIMIT 20",
    params: [LIKE],
    rows: 20,
  },
  {
    work: "GROUP BY",
    sql: "SELECT description, COUNT(*) AS n FROM workflows GROUP BY description ORDER BY n, 1",
    params: [],
    rows: 7,
  },
];

const table = Array.from({ length: ROWS }, (_one, at) => ({
  id: `w${at}`,
  name: `Pipeline ${at % 100} of ${at}`,
  description: `of kind ${at % 7}`,
  created_at: CREATED,
}));

export async function run(results, settings) {
  const folder = temporaryFolder();
  const store = await FlowStore.init(folder, { durability: "none" });
  await store.projections.upsert({ table: "workflows", rows: table });
  // A file must be a while old before its times prove that it did not change.
  await pause(100);
  const sqlite = fileDatabase(join(folder, "rows.sqlite"));
  const SqlJs = await initSqlJs();
  const memory = memoryDatabase(SqlJs);
  const engine = sqlJsEngine(SqlJs);
  for (const { work, sql, params, rows } of WORK) {
    const check = (found) => mustBe(`${work}: rows`, found.length, rows);
    const statement = sqlite.prepare(sql);
    const contenders = [
      { name: "FlowStore", act: () => store.projections.query({ sql, params }) },
      { name: "better-sqlite3, a file", act: () => statement.all(...params) },
      { name: "sql.js, rows in memory", act: () => rowsOf(memory, sql, params) },
      {
        name: "FlowStore with sql.js",
        act: () => store.projections.query({ sql, params, engine }),
      },
    ].map((one) => ({ ...one, check }));
    const times = await alternate(contenders, { ...settings, lead: 1 });
    results.compare({ group: GROUP, work, size: ROWS, times });
  }
  sqlite.close();
  memory.close();
  await store.close();
}

const CREATE = `CREATE TABLE workflows (${COLUMNS.map((name) => `${name} TEXT`).join(", ")})`;
const INSERT = `INSERT INTO workflows VALUES (${COLUMNS.map(() => "?").join(", ")})`;
const valuesOf = (row) => COLUMNS.map((name) => row[name]);

function fileDatabase(path) {
  const database = new Database(path);
  database.exec(CREATE);
  const insert = database.prepare(INSERT);
  database.transaction(() => table.forEach((row) => insert.run(...valuesOf(row))))();
  return database;
}

function memoryDatabase(SqlJs) {
  const database = new SqlJs.Database();
  database.run(CREATE);
  const insert = database.prepare(INSERT);
  for (const row of table) insert.run(valuesOf(row));
  insert.free();
  return database;
}

function rowsOf(database, sql, params) {
  const statement = database.prepare(sql, params);
  const rows = [];
  while (statement.step()) rows.push(statement.getAsObject());
  statement.free();
  return rows;
}
