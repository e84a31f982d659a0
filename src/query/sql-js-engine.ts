/**
 * SQLite's exact dialect, for who installs sql.js: the tables that a query names are loaded into a
 * database in memory, which lives as long as the query.
 */

import { FlowError } from "../errors.ts";
import { isPlainObject, setOwn } from "../model/json-values.ts";
import {
  refuse,
  type QueryBudget,
  type QueryEngine,
  type QueryRequest,
  type QueryTable,
  type SqlValue,
} from "./query-engine.ts";

/** What `await initSqlJs()` gives, as far as it is used. */
export interface SqlJs {
  Database: new () => {
    run(sql: string): unknown;
    prepare(sql: string): { run(params: SqlValue[]): unknown; free(): unknown };
    iterateStatements(sql: string): Iterable<SqlJsStatement>;
    close(): void;
  };
}

interface SqlJsStatement {
  bind(params: SqlValue[] | Record<string, SqlValue>): unknown;
  step(): boolean;
  get(): unknown[];
  getColumnNames(): string[];
  getSQL(): string;
}

const TYPES = { text: "TEXT", integer: "INTEGER", none: "" } as const;
const SELECT = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:SELECT|WITH|VALUES)\b/i;

/**
 * An engine for `query({ engine })` over sql.js. What a statement writes is lost with its database.
 * Time is looked at between rows alone: WITH RECURSIVE may hold the process until the first one.
 *
 * @param sqlJs what `await initSqlJs()` of the package `sql.js` gives. Default: the package is
 * loaded when a query runs.
 * @throws FlowError, by its queries: `BAD_REQUEST` where the package is not installed.
 */
export function sqlJsEngine(sqlJs?: SqlJs): QueryEngine {
  let loaded: Promise<SqlJs> | null = sqlJs === undefined ? null : Promise.resolve(sqlJs);
  return {
    query: async (request) => {
      loaded ??= loadSqlJs();
      return run(await loaded, request);
    },
  };
}

async function loadSqlJs(): Promise<SqlJs> {
  try {
    const sqlJs = (await import("sql.js")) as { default: () => Promise<SqlJs> };
    return await sqlJs.default();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new FlowError("BAD_REQUEST", "Cannot run the query: sql.js is not installed", {
      context: { package: "sql.js" },
      hint: "Install it beside flowstore: npm install sql.js.",
      cause: error,
    });
  }
}

function run(sqlJs: SqlJs, request: QueryRequest): Record<string, unknown>[] {
  if (!SELECT.test(request.sql)) throw refuse("it is no SELECT");
  const database = new sqlJs.Database();
  try {
    for (const table of request.tables) fill(database, table, request.budget);
    database.run("PRAGMA query_only = 1");
    return select(database, request);
  } catch (error) {
    // SQLite's own errors are plain ones, about the query; ours go on.
    if (!(error instanceof Error) || error.name !== "Error") throw error;
    throw refuse(error.message, undefined, error);
  } finally {
    database.close();
  }
}

function fill(
  database: InstanceType<SqlJs["Database"]>,
  { name, columns, rows }: QueryTable,
  budget: QueryBudget,
): void {
  const list = columns.map((column) => `"${column.name}" ${TYPES[column.affinity]}`);
  database.run(`CREATE TABLE "${name}" (${list.join(", ")})`);
  const insert = database.prepare(
    `INSERT INTO "${name}" VALUES (${columns.map(() => "?").join(", ")})`,
  );
  database.run("BEGIN");
  for (const row of rows) {
    budget.step();
    insert.run([...row]);
  }
  database.run("COMMIT");
  insert.free();
}

function select(
  database: InstanceType<SqlJs["Database"]>,
  { sql, params, budget }: QueryRequest,
): Record<string, unknown>[] {
  let rows: Record<string, unknown>[] | null = null;
  for (const statement of database.iterateStatements(sql)) {
    if (rows !== null) throw refuse("it may hold one statement, and something follows it");
    rows = [];
    statement.bind(
      isPlainObject(params)
        ? withMarks(params as Record<string, SqlValue>)
        : [...(params as SqlValue[])],
    );
    const names = statement.getColumnNames();
    while (statement.step()) {
      budget.step();
      budget.look();
      const row = {};
      for (const [at, value] of statement.get().entries()) setOwn(row, names[at] ?? "", value);
      rows.push(row);
      budget.rows(rows.length);
    }
  }
  return rows ?? [];
}

/** sql.js takes names with the mark that they have in the text. */
function withMarks(params: Record<string, SqlValue>): Record<string, SqlValue> {
  const marked = Object.entries(params).flatMap(([key, value]) =>
    [":", "@", "$"].map((mark) => [`${mark}${key}`, value] as const),
  );
  return Object.fromEntries(marked);
}
