/**
 * SQLite's exact dialect, for who installs sql.js: the tables that a query names are loaded into a
 * database in memory, which lives as long as the query.
 */

import { FlowError } from "../errors.ts";
import {
  refuse,
  type QueryBudget,
  type QueryEngine,
  type QueryRequest,
  type QueryResult,
  type QueryTable,
  type SqlValue,
} from "./query-engine.ts";
import { Binding } from "./sql-binding.ts";
import { placeholdersOf } from "./sql-tokens.ts";

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
  get(params: null, config: { useBigInt: true }): unknown[];
  getColumnNames(): string[];
}

const TYPES = { text: "TEXT", integer: "INTEGER", none: "" } as const;
const SELECT = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:SELECT|WITH|VALUES)\b/i;

/**
 * An engine for `query({ engine })` over sql.js. What a statement writes is lost with its database.
 * Time is looked at between rows alone: WITH RECURSIVE may hold the process until the first one. A
 * whole number of more than 32 bits that is given for a placeholder is a fraction to sql.js.
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

function run(sqlJs: SqlJs, request: QueryRequest): QueryResult {
  requireValues(request);
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

/** SQLite would take NULL for a value that is not given. */
function requireValues({ sql, params }: QueryRequest): void {
  const binding = new Binding(params);
  for (const { text, at } of placeholdersOf(sql)) binding.parameter(text, at);
  binding.end();
}

function fill(
  database: InstanceType<SqlJs["Database"]>,
  { name, columns, rows }: QueryTable,
  budget: QueryBudget,
): void {
  const list = columns.map((column) => `"${column.name}" ${TYPES[column.affinity]}`);
  database.run(`CREATE TABLE "${name}" (${list.join(", ")})`);
  const insert = database.prepare(
    `INSERT INTO "${name}" VALUES (${columns.map((_one, at) => asGiven(at + 1)).join(", ")})`,
  );
  database.run("BEGIN");
  for (const row of rows) {
    budget.step();
    insert.run([...row]);
  }
  database.run("COMMIT");
  insert.free();
}

/** sql.js takes a whole number of more than 32 bits for a fraction. */
function asGiven(place: number): string {
  const isWhole = `typeof(?${place}) = 'real' AND abs(?${place}) <= ${Number.MAX_SAFE_INTEGER} AND ?${place} = CAST(?${place} AS INTEGER)`;
  return `CASE WHEN ${isWhole} THEN CAST(?${place} AS INTEGER) ELSE ?${place} END`;
}

function select(
  database: InstanceType<SqlJs["Database"]>,
  { sql, params, budget }: QueryRequest,
): QueryResult {
  let result: QueryResult | null = null;
  for (const statement of database.iterateStatements(sql)) {
    if (result !== null) throw refuse("it may hold one statement, and something follows it");
    statement.bind(Array.isArray(params) ? [...(params as SqlValue[])] : named(params));
    const columns = statement.getColumnNames();
    const rows: unknown[][] = [];
    while (statement.step()) {
      budget.step();
      budget.look();
      rows.push(statement.get(null, { useBigInt: true }).map((value) => exact(value)));
      budget.rows(rows.length);
    }
    result = { columns, rows };
  }
  return result ?? { columns: [], rows: [] };
}

/** What JavaScript has no number for is not rounded. */
function exact(value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  if (Number.isSafeInteger(Number(value))) return Number(value);
  throw refuse(`its result has ${value}, a whole number of more than 53 bits`);
}

/** sql.js takes names with the mark that they have in the text. */
function named(params: QueryRequest["params"]): Record<string, SqlValue> {
  const marked = Object.entries(params).flatMap(([key, value]) =>
    [":", "@", "$"].map((mark) => [`${mark}${key}`, value as SqlValue] as const),
  );
  return Object.fromEntries(marked);
}
