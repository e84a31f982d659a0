/**
 * Projections: read models as tables of rows, one file a row. Rows go with events into one commit,
 * and like them they are there whole or not at all.
 */

import { FlowError } from "../errors.ts";
import { FLOWFORGE_TABLES, LOG_TABLES } from "../model/flowforge-tables.ts";
import { badField, requireInput, requireWord } from "../model/given.ts";
import { copyJson, ownValue, setOwn, shown } from "../model/json-values.ts";
import {
  identifierProblem,
  keyColumnOf,
  refusal,
  requireTableName,
  rowGiven,
  rowKey,
  rowProblems,
  speltAs,
  uniqueValue,
  withDefaults,
  type ProjectionRow,
  type TableSchema,
} from "../model/projection-schema.ts";
import { toIso } from "../model/time.ts";
import { ulidBehind } from "../model/ulid.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { requireNote, type StoreContext } from "./context.ts";
import type { QueryEngine, QueryResult } from "../query/query-engine.ts";
import { logTable, namesIn, queryGiven, rowTable } from "./projection-queries.ts";
import { TableRows, tablesIn, type RowFile } from "./projection-rows.ts";

/** What is put into a table. */
export interface UpsertRowsInput {
  readonly table: string;
  /** Each with its primary key; an empty list does nothing. */
  readonly rows: readonly ProjectionRow[];
  /**
   * `merge` (the default): columns that a row does not name stay. `replace`: the row is as it was
   * given and stands last, and rows that share a unique value with it go, as SQLite's REPLACE does.
   */
  readonly mode?: "merge" | "replace" | undefined;
}

/** A table as it is. */
export interface ProjectionTable {
  readonly name: string;
  readonly isDeclared: boolean;
  readonly rows: number;
}

const WRITING = "Cannot write rows";
const UPSERTING = `${WRITING} of`;
const MODES = ["merge", "replace"] as const;

interface Prepared {
  readonly key: string;
  readonly row: ProjectionRow;
  /** For messages: the place of the row in the call. */
  readonly at: string;
  readonly place: string;
}

/** A query over tables. */
export interface QueryInput {
  /** One SELECT. */
  readonly sql: string;
  /**
   * Values for `?` and `?1` in a list, for `:name`, `@name` and `$name` in an object: texts, finite
   * numbers, `null`, and booleans, which SQL knows as 1 and 0. Default: none.
   */
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>> | undefined;
  /** Ends the query with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, in ms. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How many rows it may give. Default 100,000. */
  readonly maxRows?: number | undefined;
  /** How many values it may look at. Default 5,000,000. */
  readonly maxSteps?: number | undefined;
  /** What runs it. Default: the engine that comes with the store. */
  readonly engine?: QueryEngine | undefined;
}

/** Tables of rows. */
export class Projections {
  readonly #context: StoreContext;
  readonly #declared = new Map(FLOWFORGE_TABLES.map((one) => [one.name, one]));
  #lastPlace: string | null = null;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Declares a table for this open store: what is required, unique or one of some texts is refused
   * from now on, and queries know its columns. FlowForge's tables are declared from the start.
   *
   * @throws FlowError `CONFLICT` for a name that is declared, or shows the log; `BAD_REQUEST`.
   */
  async declare(schema: TableSchema): Promise<void> {
    const doing = "Cannot declare the table";
    const { name, columns } = requireInput(doing, schema) as unknown as TableSchema;
    const problem = identifierProblem(name);
    if (problem !== null) throw badField(doing, "name", problem);
    if (!Array.isArray(columns)) throw badField(doing, "columns", "must be a list");
    for (const [at, column] of columns.entries()) {
      const broken = identifierProblem(requireInput(doing, column)["name"]);
      if (broken !== null) throw badField(doing, `columns[${at}].name`, broken);
      const types = ["text", "integer", "timestamp"] as const;
      requireWord(doing, `columns[${at}].type`, column.type, types);
    }
    const taken = this.#spelling(null, name);
    if (taken !== null) {
      throw new FlowError("CONFLICT", `${doing} ${shown(name)}: ${taken} is declared already`, {
        context: { table: name },
      });
    }
    this.#declared.set(name, copyJson(schema) as TableSchema);
  }

  /**
   * Writes rows, all of them or none: a row whose primary key is there is merged into it and keeps
   * its place, a new one stands last. Values take the form of a declared column, as in SQLite.
   *
   * @returns the rows as they are now, in the order of the input.
   * @throws FlowError `CONFLICT` when a unique value is another row's; `BAD_REQUEST` for a missing
   * or unfit value and for the tables that show the log: message and `context` name table, row and
   * column; `CORRUPT` when the file of a row cannot be used.
   */
  async upsert(input: UpsertRowsInput): Promise<Record<string, unknown>[]> {
    const given = requireInput(`${UPSERTING} a table`, input);
    requireNote(input, { table: true, rows: true, mode: true }, "input");
    const { table: name, rows, mode = "merge" } = given;
    const table = this.#requireWritable(UPSERTING, requireTableName(WRITING, name));
    requireWord(`${UPSERTING} ${table}`, "mode", mode, MODES);
    if (!Array.isArray(rows)) {
      throw badField(`${UPSERTING} ${table}`, "rows", `must be a list, not ${shown(rows)}`);
    }
    const prepared = this.#prepare(table, rows);
    if (prepared.length === 0) return [];
    requireBearable(prepared.map(({ row }) => row));
    const now = toIso(this.#context.nowMs());
    const commit = this.#context.storage.commit((write) => {
      const change = new RowChange(this.#rows(table), table, this.#schema(table), now);
      this.#refuseOtherCase(write, table);
      return mode === "merge" ? change.merge(write, prepared) : change.replace(write, prepared);
    });
    const written = await tooLarge(commit);
    return written.map((row) => copyJson(row) as Record<string, unknown>);
  }

  #prepare(table: string, rows: readonly unknown[]): Prepared[] {
    const schema = this.#schema(table);
    return Array.from(rows, (given, index) => {
      const at = `rows[${index}]`;
      const row = rowGiven(UPSERTING, table, schema, given, at);
      const key = rowKey(ownValue(row, keyColumnOf(schema))) ?? "";
      this.#lastPlace = ulidBehind(this.#context.newUid(), this.#lastPlace);
      return { key, row, at, place: this.#lastPlace };
    });
  }

  /**
   * Takes every row out of a table; the table stays. What is left of a row says that it was there.
   *
   * @returns how many there were.
   * @throws FlowError `BAD_REQUEST` for the tables that show the log.
   */
  async truncate(input: { readonly table: string }): Promise<number> {
    const doing = "Cannot empty the table";
    requireInput(doing, input);
    requireNote(input, { table: true }, "input");
    const table = this.#requireWritable(doing, input.table);
    const at = toIso(this.#context.nowMs());
    const commit = this.#context.storage.commit((write) => {
      const rows = this.#rows(table);
      const living = rows.all(write);
      for (const row of living) rows.remove(write, row, at);
      return living.length;
    });
    return tooLarge(commit);
  }

  /**
   * A row by its primary key; `null` when there is none.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when its file cannot be used.
   */
  async get(table: string, key: string | number): Promise<Record<string, unknown> | null> {
    const doing = "Cannot look at the row";
    requireTableName(doing, table);
    const text = rowKey(key);
    if (text === null) throw badField(doing, "key", `cannot be ${shown(key)}`);
    const file = await this.#context.storage.read((view) => this.#rows(table).file(view, text));
    return file === null || file.isRemoved ? null : (copyJson(file.row) as Record<string, unknown>);
  }

  /** The rows of a table, in the order in which they were inserted; an unknown one has none. */
  async list(table: string): Promise<Record<string, unknown>[]> {
    requireTableName("Cannot list rows", table);
    const rows = await this.#context.storage.read((view) => this.#rows(table).list(view));
    return rows.map(({ row }) => copyJson(row) as Record<string, unknown>);
  }

  /** Every table that is declared or has rows, by name, without those that show the log. */
  async tables(): Promise<ProjectionTable[]> {
    return this.#context.storage.read((view) => {
      const names = new Set([...this.#declared.keys(), ...tablesIn(view)]);
      return [...names].sort().map((name) => ({
        name,
        isDeclared: this.#declared.has(name),
        rows: this.#rows(name).list(view).length,
      }));
    });
  }

  /**
   * The rows of one read-only SELECT, over the state of one commit; in a transaction over its own.
   * Beside the tables of rows there are `events` and `snapshots`, which show the log. Objects and
   * lists in rows are JSON texts to SQL, `true` and `false` are 1 and 0. README says what of SQL
   * there is; an answer is SQLite's, or the query is refused. Of columns of one name the last counts.
   *
   * @throws FlowError `BAD_REQUEST` for what is no such SELECT, with `context.position` from 0, and
   * for more than its budget; `ABORTED` by its signal.
   */
  async query(input: QueryInput): Promise<Record<string, unknown>[]> {
    const { columns, rows } = await this.queryResult(input);
    return rows.map((values) => {
      const row = {};
      for (const [at, column] of columns.entries()) setOwn(row, column, values[at] ?? null);
      return row;
    });
  }

  /**
   * What {@link query} gives, as lists: with the names of all columns, also of two that bear one
   * name and of a result without rows.
   *
   * @throws FlowError as `query` does.
   */
  async queryResult(input: QueryInput): Promise<QueryResult> {
    const { engine, ...query } = queryGiven(input, this.#context.storage.options);
    const { storage } = this.#context;
    const tables = await storage.read((view) => {
      const source = { storage, view, schemaOf: (name: string) => this.#schema(name) };
      const names = [...new Set([...this.#declared.keys(), ...tablesIn(view)])];
      const isNamed = namesIn(query.sql);
      const named = [
        ...names.filter(isNamed).map((name) => rowTable(source, name, this.#rows(name).list(view))),
        ...LOG_TABLES.filter(isNamed).map((name) => logTable(source, name)),
      ];
      return { tables: named, tableNames: [...names, ...LOG_TABLES] };
    });
    query.budget.look();
    return engine.query({ ...query, ...tables });
  }

  #rows(table: string): TableRows {
    return new TableRows(this.#context.findings, table, this.#schema(table));
  }

  #schema(table: string): TableSchema | null {
    return this.#declared.get(table) ?? null;
  }

  /** A table that differs from a name in nothing but case, or is it; `null` for none. */
  #spelling(view: Reading | Writing | null, name: string): string | null {
    const known = [
      ...LOG_TABLES,
      ...this.#declared.keys(),
      ...(view === null ? [] : tablesIn(view)),
    ];
    return known.find((one) => one.toLowerCase() === name.toLowerCase()) ?? null;
  }

  #requireWritable(doing: string, name: unknown): string {
    const table = requireTableName(doing, name);
    if (!LOG_TABLES.some((one) => one === table.toLowerCase())) return table;
    throw new FlowError("BAD_REQUEST", `${doing} ${shown(table)}: it shows the event log`, {
      context: { field: "table", table },
      hint: "Append events, or save a snapshot, and query this table.",
    });
  }

  /** Two tables that SQL could not tell apart. */
  #refuseOtherCase(view: Writing, table: string): void {
    const spelling = this.#spelling(view, table) ?? table;
    if (spelling === table) return;
    throw badField(WRITING, "table", `${shown(table)} is spelt ${shown(spelling)}`);
  }
}

/** One upsert, decided within one commit. */
class RowChange {
  readonly #rows: TableRows;
  readonly #table: string;
  readonly #schema: TableSchema | null;
  readonly #now: string;

  constructor(rows: TableRows, table: string, schema: TableSchema | null, now: string) {
    this.#rows = rows;
    this.#table = table;
    this.#schema = schema;
    this.#now = now;
  }

  merge(write: Writing, prepared: readonly Prepared[]): ProjectionRow[] {
    const owners = new UniqueOwners(this.#schema, this.#living(write));
    return prepared.map((one) => {
      const before = this.#rows.file(write, one.key);
      const isThere = before !== null && !before.isRemoved;
      const row = isThere
        ? { ...before.row, ...speltAs(before.row, one.row) }
        : withDefaults(this.#schema, one.row, this.#now);
      this.#requireWhole(row, one);
      for (const { columns, owner } of owners.others(one.key, row)) {
        throw this.#taken(columns, owner, one);
      }
      owners.take(one.key, row);
      if (isThere) this.#rows.update(write, before, row);
      else this.#rows.insert(write, one.key, one.place, row);
      return row;
    });
  }

  replace(write: Writing, prepared: readonly Prepared[]): ProjectionRow[] {
    const owners = new UniqueOwners(this.#schema, this.#living(write));
    return prepared.map((one) => {
      // Where it is damaged this refuses: what cannot be read is not written over.
      this.#rows.file(write, one.key);
      const row = withDefaults(this.#schema, one.row, this.#now);
      this.#requireWhole(row, one);
      for (const { owner } of owners.others(one.key, row)) {
        const other = this.#rows.file(write, owner);
        if (other !== null) this.#rows.remove(write, other, this.#now);
        owners.leave(owner);
      }
      owners.take(one.key, row);
      this.#rows.insert(write, one.key, one.place, row);
      return row;
    });
  }

  #living(write: Writing): RowFile[] {
    return (this.#schema?.unique ?? []).length === 0 ? [] : this.#rows.all(write);
  }

  #requireWhole(row: ProjectionRow, { at, key }: Prepared): void {
    const [problem] = rowProblems(this.#schema, row);
    if (problem === undefined) return;
    const name = `${at} (${shown(key)})`;
    throw refusal(UPSERTING, this.#table, name, problem.column, problem.why);
  }

  #taken(columns: readonly string[], owner: string, { at, key }: Prepared): FlowError {
    const what = `${columns.join(", ")} of the row ${shown(key)} is that of the row ${shown(owner)}`;
    return new FlowError("CONFLICT", `${UPSERTING} ${shown(this.#table)}: ${what}`, {
      context: { table: this.#table, row: at, key, columns, holder: owner },
    });
  }
}

/** Which row has which unique value. */
class UniqueOwners {
  readonly #uniques: readonly { columns: readonly string[]; owners: Map<string, string> }[];
  /** Of each row, in the order of the uniques. */
  readonly #valuesOf = new Map<string, readonly (string | null)[]>();

  constructor(schema: TableSchema | null, rows: readonly RowFile[]) {
    this.#uniques = (schema?.unique ?? []).map((columns) => ({ columns, owners: new Map() }));
    for (const { key, row } of rows) this.take(key, row);
  }

  take(key: string, row: ProjectionRow): void {
    this.leave(key);
    const values = this.#uniques.map(({ columns }) => uniqueValue(columns, row));
    for (const [at, { owners }] of this.#uniques.entries()) {
      const value = values[at] ?? null;
      if (value !== null) owners.set(value, key);
    }
    this.#valuesOf.set(key, values);
  }

  leave(key: string): void {
    for (const [at, value] of (this.#valuesOf.get(key) ?? []).entries()) {
      if (value !== null) this.#uniques[at]?.owners.delete(value);
    }
    this.#valuesOf.delete(key);
  }

  /** The rows but for `key` that have a unique value of `row`. */
  others(key: string, row: ProjectionRow): { columns: readonly string[]; owner: string }[] {
    return this.#uniques.flatMap(({ columns, owners }) => {
      const owner = owners.get(uniqueValue(columns, row) ?? "");
      return owner === undefined || owner === key ? [] : [{ columns, owner }];
    });
  }
}
