/** What a query reads: rows of projections, and the log as FlowForge's tables show it. */

import { LOG_COLUMNS, type LOG_TABLES } from "../model/flowforge-tables.ts";
import { badField, countOrAll, requireInput, requireNames, requireText } from "../model/given.ts";
import { isPlainObject, shown } from "../model/json-values.ts";
import type { TableSchema } from "../model/projection-schema.ts";
import {
  QueryBudget,
  type Affinity,
  type QueryColumn,
  type QueryEngine,
  type QueryTable,
  type SqlValue,
} from "../query/query-engine.ts";
import { squirrelingEngine } from "../query/squirreling-engine.ts";
import type { StorageOptions } from "../storage/parts.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { RowFile } from "./projection-rows.ts";
import { listSnapshots } from "./snapshots.ts";

/** Where tables come from. */
export interface TableSource {
  readonly storage: Storage;
  readonly view: Reading | Writing;
  readonly schemaOf: (table: string) => TableSchema | null;
}

const DOING = "Cannot run the query";
const NAMES = ["sql", "params", "signal", "timeoutMs", "maxRows", "maxSteps", "engine"];
const MAX_MS = 10_000;
const MAX_ROWS = 100_000;
const MAX_STEPS = 5_000_000;

/** A query as it was given, judged. */
export function queryGiven(
  input: unknown,
  { monotonicMs, nowMs }: Pick<StorageOptions, "monotonicMs" | "nowMs">,
): {
  sql: string;
  params: SqlValue[] | Record<string, SqlValue>;
  budget: QueryBudget;
  nowMs: number;
  engine: QueryEngine;
} {
  const given = requireInput(DOING, input);
  requireNames(DOING, given, NAMES);
  const sql = requireText(DOING, "sql", given["sql"]);
  const limits = {
    maxMs: countOrAll(DOING, "timeoutMs", given["timeoutMs"]) ?? MAX_MS,
    maxRows: countOrAll(DOING, "maxRows", given["maxRows"]) ?? MAX_ROWS,
    maxSteps: countOrAll(DOING, "maxSteps", given["maxSteps"]) ?? MAX_STEPS,
  };
  const signal = given["signal"];
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw badField(DOING, "signal", `must be an AbortSignal, not ${shown(signal)}`);
  }
  const budget = new QueryBudget(limits, monotonicMs, signal);
  const engine = engineGiven(given["engine"]);
  const { params = [] } = given;
  return { sql, params: paramsGiven(params), budget, nowMs: nowMs(), engine };
}

function engineGiven(engine: unknown = squirrelingEngine): QueryEngine {
  const isObject = typeof engine === "object" && engine !== null;
  if (isObject && "query" in engine && typeof engine.query === "function") {
    return engine as QueryEngine;
  }
  throw badField(DOING, "engine", `must be an engine, such as sqlJsEngine(), not ${shown(engine)}`);
}

function paramsGiven(params: unknown): SqlValue[] | Record<string, SqlValue> {
  if (Array.isArray(params)) {
    return Array.from(params, (one: unknown, at) => paramGiven(`params[${at}]`, one));
  }
  if (!isPlainObject(params)) {
    throw badField(DOING, "params", `must be a list or an object, not ${shown(params)}`);
  }
  const entries = Object.entries(params);
  return Object.fromEntries(entries.map(([key, one]) => [key, paramGiven(`params.${key}`, one)]));
}

function paramGiven(field: string, value: unknown): SqlValue {
  if (typeof value === "boolean") return Number(value);
  const isWhole = Number.isInteger(value);
  if (value === null || typeof value === "string") return value;
  if (Number.isFinite(value) && (!isWhole || Number.isSafeInteger(value))) return value as number;
  throw badField(DOING, field, `must be a text, an exact number or null, not ${shown(value)}`);
}

/** Which tables a text may mean: those whose name is one of its words. */
export function namesIn(sql: string): (name: string) => boolean {
  const words = new Set(sql.toLowerCase().match(/[a-z_]\w*/g) ?? []);
  return (name) => words.has(name.toLowerCase());
}

/** A table of rows. */
export function rowTable(
  { schemaOf }: TableSource,
  name: string,
  rows: readonly RowFile[],
): QueryTable {
  const columns: QueryColumn[] = (schemaOf(name)?.columns ?? []).map((column) => ({
    name: column.name,
    affinity: affinityOf(column.type),
  }));
  const places = placesOf(columns, rows);
  const values = rows.map(({ row }) => {
    const cells = Array.from<SqlValue>({ length: columns.length }).fill(null);
    for (const column of Object.keys(row)) {
      cells[places.get(column) ?? 0] = sqlValue(row[column]);
    }
    return cells;
  });
  return { name, columns, rows: values };
}

/** Where each column of some rows stands; those that no declaration names are added. */
function placesOf(columns: QueryColumn[], rows: readonly RowFile[]): Map<string, number> {
  const places = new Map<string, number>();
  // SQL does not look at the case of columns: of several spellings the first is their name.
  const folded = new Map(columns.map((column, at) => [column.name.toLowerCase(), at]));
  const add = (column: string): void => {
    const name = column.toLowerCase();
    const place = folded.get(name) ?? columns.push({ name: column, affinity: "none" }) - 1;
    folded.set(name, place);
    places.set(column, place);
  };
  const isOfId = rows.length === 0 || rows.some(({ row }) => Object.hasOwn(row, "id"));
  if (columns.length === 0 && isOfId) add("id");
  for (const { row } of rows) {
    for (const column of Object.keys(row)) if (!places.has(column)) add(column);
  }
  return places;
}

/** A time is a text that compares as one. */
function affinityOf(type: string): Affinity {
  return type === "integer" ? "integer" : "text";
}

function sqlValue(value: unknown): SqlValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : JSON.stringify(value);
}

/** The log as a table. */
export function logTable(source: TableSource, name: (typeof LOG_TABLES)[number]): QueryTable {
  const columns = LOG_COLUMNS[name].map((column) => ({
    name: column[0],
    affinity: affinityOf(column[1]),
  }));
  return { name, columns, rows: name === "events" ? eventRows(source) : snapshotRows(source) };
}

function eventRows({ storage, view }: TableSource): SqlValue[][] {
  const rows: SqlValue[][] = [];
  for (const chunk of storage.readerIn(view).scan({})) {
    for (const { event, version } of chunk) {
      const { id, stream, type, txId, causedBy, payload, metadata, createdAt } = event;
      const json = (value: unknown): SqlValue =>
        value === undefined ? null : JSON.stringify(value);
      rows.push([
        ...[id, typeOf(stream), stream, type, event.schemaVersion ?? 1, version, txId],
        ...[causedBy ?? null, json(payload), json(metadata), createdAt],
      ]);
    }
  }
  return rows;
}

function snapshotRows({ storage, view }: TableSource): SqlValue[][] {
  return listSnapshots(view, storage.readerIn(view)).map(
    ({ stream, version, state, createdAt }) => [
      ...[stream, typeOf(stream), stream, version, JSON.stringify(state), createdAt],
    ],
  );
}

/** The text before the first colon. */
function typeOf(stream: string): string {
  const colon = stream.indexOf(":");
  return colon > 0 ? stream.slice(0, colon) : "default";
}
