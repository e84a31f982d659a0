/** The files of rows: `projections/<table>/<key>.json`, the columns of one row and its place. */

import type { FlowError } from "../errors.ts";
import { isPlainObject, ownValue, sameJson, setOwn, shown } from "../model/json-values.ts";
import {
  identifierProblem,
  keyColumnOf,
  rowKey,
  twice,
  type ProjectionRow,
  type TableSchema,
} from "../model/projection-schema.ts";
import { isFault, type Document } from "../storage/files.ts";
import { formatJson, patchJson } from "../storage/json-text.ts";
import { inFolder, nameOf, PROJECTIONS } from "../storage/layout.ts";
import { decodeName, encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { fileNameFor, placeProblem } from "./documents.ts";
import { isDocumentName } from "./feature-names.ts";
import type { FindingListener } from "./told.ts";

/** A row and what its file says beside its columns. */
export interface RowFile {
  readonly path: string;
  readonly text: string;
  /** The text of its primary key. */
  readonly key: string;
  /** Where that stands; in a table that is declared elsewhere perhaps in several columns. */
  readonly keyColumns: readonly string[];
  /** Its place among the others: a ULID; `""` for a file made by hand without one. */
  readonly place: string;
  /** Whether it is what removing a row leaves. */
  readonly isRemoved: boolean;
  readonly row: ProjectionRow;
}

/** No column bears such names: they are no identifiers. */
const PLACE = "$row";
const REMOVED = "$deletedAt";
const KNOWN = [PLACE, REMOVED] as const;
/** Rows without a place stand behind all that have one. */
const LAST_PLACE = "~";

/** The folder of a table. */
export function folderOfTable(table: string): string {
  return inFolder(PROJECTIONS, encodeName(table));
}

/** The tables that have a folder, by name. */
export function tablesIn(view: Reading | Writing): string[] {
  return view
    .names(PROJECTIONS)
    .map((name) => decodeName(name))
    .filter((name): name is string => name !== null && identifierProblem(name) === null)
    .sort();
}

/**
 * What a file says, or why it cannot be used.
 *
 * @param schema of its table; `null` where that is not declared here
 */
export function decodeRow(file: Document, schema: TableSchema | null): RowFile | Damaged {
  if (isFault(file)) return unreadable(file);
  const kept = file.decoded as { schema: typeof schema; decoded: RowFile | Damaged } | undefined;
  if (kept?.schema === schema) return kept.decoded;
  const decoded = decodeText(file.path, file.text, schema);
  file.decoded = { schema, decoded };
  return decoded;
}

function decodeText(path: string, text: string, schema: TableSchema | null): RowFile | Damaged {
  const json = decodeJson(path, text);
  if (!("value" in json)) return json;
  const { value } = json;
  if (!isPlainObject(value)) return damaged(path, "schema", "it must be an object");
  const row: Record<string, unknown> = {};
  const folded = new Set<string>();
  for (const [column, one] of Object.entries(value)) {
    if (column.startsWith("$")) continue;
    const problem = identifierProblem(column) ?? twiceProblem(folded, column);
    if (problem !== null) return damaged(path, "schema", `the column ${problem}`);
    setOwn(row, column, one);
  }
  const keys = keyOf(path, row, schema);
  if ("error" in keys) return keys;
  const place = ownValue(value, PLACE);
  const isRemoved = typeof ownValue(value, REMOVED) === "string";
  return { path, text, ...keys, place: typeof place === "string" ? place : "", isRemoved, row };
}

function twiceProblem(folded: Set<string>, column: string): string | null {
  const problem = twice(folded, column);
  return problem === null ? null : `${shown(column)} ${problem}`;
}

/** Whoever does not know the declaration of a table knows the key by the name of the file. */
function keyOf(
  path: string,
  row: ProjectionRow,
  schema: TableSchema | null,
): Pick<RowFile, "key" | "keyColumns"> | Damaged {
  const keyColumn = keyColumnOf(schema);
  const key = rowKey(ownValue(row, keyColumn));
  const misplaced = key === null ? null : placeProblem(key, fileNameFor, nameOf(path), "the row ");
  if (key !== null && misplaced === null) return { key, keyColumns: [keyColumn] };
  if (schema === null) {
    const fitting = Object.keys(row).filter((column) => {
      const text = rowKey(ownValue(row, column));
      return text !== null && fileNameFor(text) === nameOf(path);
    });
    const text = rowKey(ownValue(row, fitting[0] ?? keyColumn));
    if (fitting.length > 0 && text !== null) return { key: text, keyColumns: fitting };
  }
  if (misplaced !== null) return damaged(path, "name", misplaced);
  const why = `${keyColumn}: must be a text or a whole number, and is the key`;
  return damaged(path, "schema", why);
}

/** The rows of a table, read and written through one look. */
export class TableRows {
  readonly #findings: FindingListener;
  readonly #folder: string;
  readonly #schema: TableSchema | null;

  constructor(findings: FindingListener, table: string, schema: TableSchema | null) {
    this.#findings = findings;
    this.#folder = folderOfTable(table);
    this.#schema = schema;
  }

  /**
   * The file of a row, a removed one's too; `null` when there is none.
   *
   * @throws FlowError `CORRUPT` when it cannot be used.
   */
  file(view: Reading | Writing, key: string): RowFile | null {
    const file = view.get(this.#folder, fileNameFor(key));
    if (file === null) return null;
    const decoded = decodeRow(file, this.#schema);
    if (!("error" in decoded)) {
      this.#findings.fine(file.path);
      return decoded;
    }
    this.#findings.report(decoded.finding);
    throw decoded.error;
  }

  /**
   * Every living row in the order of insertion; files that cannot be used are reported.
   *
   * @throws FlowError `IO` of a passing kind: the list would lack what is only busy now.
   */
  list(view: Reading | Writing): RowFile[] {
    return this.#list(view, ({ retryable }) => retryable);
  }

  /**
   * The same for a decision over all of them.
   *
   * @throws FlowError `IO` when the disk does not give one of them.
   */
  all(write: Writing): RowFile[] {
    return this.#list(write, ({ code }) => code === "IO");
  }

  #list(view: Reading | Writing, isFatal: (error: FlowError) => boolean): RowFile[] {
    const rows: RowFile[] = [];
    for (const file of view.list(this.#folder)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = decodeRow(file, this.#schema);
      if ("error" in decoded) {
        if (isFatal(decoded.error)) throw decoded.error;
        this.#findings.report(decoded.finding);
        continue;
      }
      this.#findings.fine(file.path);
      if (!decoded.isRemoved) rows.push(decoded);
    }
    return rows.sort(byPlace);
  }

  /** Writes a new row, or one in place of what is there, at a place of its own. */
  insert(write: Writing, key: string, place: string, row: ProjectionRow): void {
    write.put(this.#folder, fileNameFor(key), formatJson({ [PLACE]: place, ...row }));
  }

  /** Writes the columns of a row that differ; what a person wrote around them stays. */
  update(write: Writing, before: RowFile, row: ProjectionRow): void {
    const set = new Map<string, unknown>();
    for (const [column, value] of Object.entries(row)) {
      if (!sameJson(ownValue(before.row, column), value)) set.set(column, value);
    }
    if (set.size === 0) return;
    const text = patchJson(before.text, set, [], KNOWN);
    write.put(this.#folder, fileNameFor(before.key), text);
  }

  /** Leaves of a row its key and when it went: git takes a file that is gone for another's origin. */
  remove(write: Writing, before: RowFile, at: string): void {
    const left = before.keyColumns.map((column) => [column, ownValue(before.row, column)]);
    const text = formatJson({ [PLACE]: before.place, ...Object.fromEntries(left), [REMOVED]: at });
    write.put(this.#folder, fileNameFor(before.key), text);
  }
}

function byPlace(left: RowFile, right: RowFile): number {
  const [a, b] = [left.place || LAST_PLACE, right.place || LAST_PLACE];
  if (a !== b) return a < b ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
