/**
 * Tables of projections: what their columns are, and what may stand in them. A value is brought
 * into the form of its column when it is written, as SQLite's affinity would, or refused.
 */

import { FlowError } from "../errors.ts";
import { badField } from "./given.ts";
import { isPlainObject, jsonProblem, copyJson, ownValue, setOwn, shown } from "./json-values.ts";
import { momentMs, toIso } from "./time.ts";

/** What a column holds: text, a whole number, or an instant as ISO 8601 text. */
export type ColumnType = "text" | "integer" | "timestamp";

/** A column of a declared table. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a row must have a value that is not `null`. Default `false`. */
  readonly required?: boolean | undefined;
  /** The only texts that may stand in it. Default: any. */
  readonly values?: readonly string[] | undefined;
  /** The table whose primary key it holds; a missing row is named by `check`. */
  readonly references?: string | undefined;
  /** `now`: a new row without a value gets the time of the call. */
  readonly default?: "now" | undefined;
}

/** A declared table. */
export interface TableSchema {
  /** An identifier, `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters. */
  readonly name: string;
  /** The column that tells rows apart. Default `id`. */
  readonly primaryKey?: string | undefined;
  readonly columns: readonly ColumnSchema[];
  /** Lists of columns whose values no two rows share; a row with a `null` among them is let through. */
  readonly unique?: readonly (readonly string[])[] | undefined;
}

/** A row as it was given or as it lies in its file, by column. */
export type ProjectionRow = Readonly<Record<string, unknown>>;

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Every character may take two in the name of a folder, and that must stay whole. */
const MAX_IDENTIFIER_LENGTH = 64;
const DEFAULT_KEY = "id";
/** Between day and time in SQLite's `CURRENT_TIMESTAMP`, which is UTC and does not say so. */
const SQL_GAP = /(?<=^\d{4}-\d{2}-\d{2}) (?=\d)/;
const INTEGER_TEXT = /^[+-]?\d+$/;

/** The column that tells the rows of a table apart. */
export function keyColumnOf(schema: TableSchema | null): string {
  return schema?.primaryKey ?? DEFAULT_KEY;
}

/** Why a text cannot name a table or a column, with that text; `null` when it can. */
export function identifierProblem(name: unknown): string | null {
  if (typeof name !== "string") return `must be a text, not ${shown(name)}`;
  return isIdentifier(name) ? null : `${shown(name)} ${NO_IDENTIFIER}`;
}

const NO_IDENTIFIER = `is no name for it: letters, digits and _, at most ${MAX_IDENTIFIER_LENGTH}, and none that every object bears`;

function isIdentifier(name: string): boolean {
  const isPlain = IDENTIFIER.test(name) && name.length <= MAX_IDENTIFIER_LENGTH;
  // What every object inherits would be found where nobody put it.
  return isPlain && !(name in Object.prototype) && name !== "prototype";
}

/** @throws FlowError `BAD_REQUEST` for what names no table. */
export function requireTableName(doing: string, name: unknown): string {
  const problem = identifierProblem(name);
  if (problem !== null) throw badField(doing, "table", problem);
  return name as string;
}

/** The text that names a row, of a value in its key column; `null` for what names none. */
export function rowKey(value: unknown): string | null {
  if (typeof value === "string" && value !== "" && value.isWellFormed()) return value;
  return Number.isSafeInteger(value) ? String(value) : null;
}

/** A row as it was given, copied: every name and value judged, in the form of its column. */
export function rowGiven(
  doing: string,
  table: string,
  schema: TableSchema | null,
  given: unknown,
  at: string,
): Record<string, unknown> {
  if (!isPlainObject(given)) {
    throw refusal(doing, table, at, null, `must be a plain object, not ${shown(given)}`);
  }
  const row: Record<string, unknown> = {};
  const folded = new Set<string>();
  for (const [column, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const problem = isIdentifier(column) ? twice(folded, column) : NO_IDENTIFIER;
    if (problem !== null) throw refusal(doing, table, at, column, problem);
    const plain = value instanceof Date ? timeOf(value) : value;
    const broken = jsonProblem(plain, column);
    if (broken !== null) throw refusal(doing, table, at, broken.path, broken.message);
    const declared = declaredColumn(schema, column);
    const isKey = (declared?.name ?? column) === keyColumnOf(schema);
    if (isKey && rowKey(plain) === null) throw noKey(doing, table, at, column, plain);
    const fitted = declared === undefined ? copyJson(plain) : fit(declared, plain);
    if (fitted instanceof Misfit) throw refusal(doing, table, at, column, fitted.why);
    setOwn(row, declared?.name ?? column, fitted);
  }
  const key = keyColumnOf(schema);
  if (rowKey(ownValue(row, key)) === null) throw noKey(doing, table, at, key, undefined);
  return row;
}

function noKey(doing: string, table: string, at: string, key: string, value: unknown): FlowError {
  const why = `must be a text that is not empty or a whole number, not ${shown(value)}`;
  return refusal(doing, table, at, key, why);
}

/** A declared column by its name, whose case SQL does not look at. */
function declaredColumn(schema: TableSchema | null, name: string): ColumnSchema | undefined {
  return schema?.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

/** SQL tells columns apart without case. */
export function twice(folded: Set<string>, column: string): string | null {
  const name = column.toLowerCase();
  if (folded.has(name)) return "stands there twice but for its case";
  folded.add(name);
  return null;
}

class Misfit {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** A value in the form of its column. */
function fit(column: ColumnSchema, value: unknown): unknown {
  if (value === null) return null;
  const fitted = FITS[column.type](value);
  if (fitted instanceof Misfit || column.values === undefined) return fitted;
  if (column.values.includes(fitted as string)) return fitted;
  return new Misfit(`must be one of ${column.values.join(", ")}, not ${shown(value)}`);
}

const FITS: Readonly<Record<ColumnType, (value: unknown) => unknown>> = {
  text: textFrom,
  integer: integerFrom,
  timestamp: timeFrom,
};

function textFrom(value: unknown): unknown {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "object") return JSON.stringify(value);
  return new Misfit(`must be a text, not ${shown(value)}`);
}

function integerFrom(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  const isText = typeof value === "string" && INTEGER_TEXT.test(value);
  const number = isText ? Number(value) : value;
  return Number.isSafeInteger(number)
    ? number
    : new Misfit(`must be a whole number, not ${shown(value)}`);
}

function timeFrom(value: unknown): unknown {
  const ms = typeof value === "string" ? momentMs(value.replace(SQL_GAP, "T")) : null;
  return ms === null
    ? new Misfit(`must be a time as ISO 8601 text, not ${shown(value)}`)
    : toIso(ms);
}

function timeOf(value: Date): unknown {
  return Number.isNaN(value.getTime()) ? value : toIso(value.getTime());
}

/** A row whose columns are spelt as another one spells them: SQL does not look at their case. */
export function speltAs(other: ProjectionRow, row: ProjectionRow): Record<string, unknown> {
  const spellings = new Map(Object.keys(other).map((column) => [column.toLowerCase(), column]));
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      return [spellings.get(column.toLowerCase()) ?? column, value] as const;
    }),
  );
}

/** Puts in what a new row gets by default. */
export function withDefaults(
  schema: TableSchema | null,
  row: Readonly<Record<string, unknown>>,
  now: string,
): Record<string, unknown> {
  const whole: Record<string, unknown> = { ...row };
  for (const column of schema?.columns ?? []) {
    if (column.default === "now" && whole[column.name] === undefined) whole[column.name] = now;
  }
  return whole;
}

/** What a whole row breaks of its table's declaration, column by column. */
export function rowProblems(
  schema: TableSchema | null,
  row: ProjectionRow,
): { readonly column: string; readonly why: string }[] {
  const problems: { column: string; why: string }[] = [];
  for (const column of schema?.columns ?? []) {
    const value = ownValue(row, column.name) ?? null;
    if (value === null) {
      if (column.required === true) problems.push({ column: column.name, why: "is missing" });
      continue;
    }
    const fitted = fit(column, value);
    if (fitted instanceof Misfit) problems.push({ column: column.name, why: fitted.why });
    else if (fitted !== value) {
      problems.push({ column: column.name, why: `must be written as ${shown(fitted)}` });
    }
  }
  return problems;
}

/** What two rows must not share, as one text; `null` where a value is missing. */
export function uniqueValue(columns: readonly string[], row: ProjectionRow): string | null {
  const values = columns.map((column) => ownValue(row, column) ?? null);
  return values.includes(null) ? null : JSON.stringify(values);
}

/** A refusal of one row, that names table, row and column. */
export function refusal(
  doing: string,
  table: string,
  row: string,
  column: string | null,
  why: string,
): FlowError {
  const place = column === null ? row : `${row}, column ${shown(column)}`;
  return new FlowError("BAD_REQUEST", `${doing} ${shown(table)}: ${place} ${why}`, {
    context: { table, row, ...(column === null ? {} : { column }) },
  });
}
