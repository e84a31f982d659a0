/** The files of rows: `projections/<table>/<key>.json`, the columns of one row and its place. */

import { isPlainObject, ownValue, sameJson, setOwn } from "../model/json-values.ts";
import { identifierProblem, rowKey, type ProjectionRow } from "../model/projection-schema.ts";
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

/** What a file says, or why it cannot be used. */
export function decodeRow(file: Document, keyColumn: string): RowFile | Damaged {
  if (isFault(file)) return unreadable(file);
  const kept = file.decoded as { column: string; decoded: RowFile | Damaged } | undefined;
  if (kept?.column === keyColumn) return kept.decoded;
  const decoded = decodeText(file.path, file.text, keyColumn);
  file.decoded = { column: keyColumn, decoded };
  return decoded;
}

function decodeText(path: string, text: string, keyColumn: string): RowFile | Damaged {
  const json = decodeJson(path, text);
  if (!("value" in json)) return json;
  const { value } = json;
  if (!isPlainObject(value)) return damaged(path, "schema", "it must be an object");
  const row: Record<string, unknown> = {};
  for (const [column, one] of Object.entries(value)) {
    if (column.startsWith("$")) continue;
    const problem = identifierProblem(column);
    if (problem !== null) return damaged(path, "schema", `the column ${problem}`);
    setOwn(row, column, one);
  }
  const key = rowKey(ownValue(row, keyColumn));
  if (key === null) {
    return damaged(
      path,
      "schema",
      `${keyColumn}: must be a text or a whole number, and is the key`,
    );
  }
  const misplaced = placeProblem(key, fileNameFor, nameOf(path), "the row ");
  if (misplaced !== null) return damaged(path, "name", misplaced);
  const place = ownValue(value, PLACE);
  const isRemoved = typeof ownValue(value, REMOVED) === "string";
  return { path, text, key, place: typeof place === "string" ? place : "", isRemoved, row };
}

/** The rows of a table, read and written through one look. */
export class TableRows {
  readonly #findings: FindingListener;
  readonly #folder: string;
  readonly #keyColumn: string;

  constructor(findings: FindingListener, table: string, keyColumn: string) {
    this.#findings = findings;
    this.#folder = folderOfTable(table);
    this.#keyColumn = keyColumn;
  }

  /**
   * The file of a row, a removed one's too; `null` when there is none.
   *
   * @throws FlowError `CORRUPT` when it cannot be used.
   */
  file(view: Reading | Writing, key: string): RowFile | null {
    const file = view.get(this.#folder, fileNameFor(key));
    if (file === null) return null;
    const decoded = decodeRow(file, this.#keyColumn);
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
    const rows: RowFile[] = [];
    for (const file of view.list(this.#folder)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = decodeRow(file, this.#keyColumn);
      if ("error" in decoded) {
        if (decoded.error.retryable) throw decoded.error;
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
    const left = { [this.#keyColumn]: ownValue(before.row, this.#keyColumn), [REMOVED]: at };
    write.put(
      this.#folder,
      fileNameFor(before.key),
      formatJson({ [PLACE]: before.place, ...left }),
    );
  }
}

function byPlace(left: RowFile, right: RowFile): number {
  const [a, b] = [left.place || LAST_PLACE, right.place || LAST_PLACE];
  if (a !== b) return a < b ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
