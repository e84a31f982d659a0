/** Rows of a query: as a table for people, as JSON and CSV for programs. */
import { renderTable, type Column } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { lineOf } from "./value-text.ts";

type Names = readonly string[];
/** In the order of the names. */
type Row = readonly unknown[];

/** A column is cut no further than that. */
const MIN_WIDTH = 8;

export function renderRows(names: Names, rows: readonly Row[], terminal: Terminal): string {
  if (rows.length === 0) return "No rows";
  const columns = names.map((name, at): Column<Row> => {
    const values = rows.map((row) => row[at]);
    const areNumbers = values.every((value) => value === null || typeof value === "number");
    return {
      title: name,
      cell: (row) => (row[at] === null ? "" : lineOf(row[at])),
      align: areNumbers ? "right" : "left",
      minWidth: MIN_WIDTH,
    };
  });
  return renderTable(rows, columns, terminal);
}

/** One row a line. */
export function renderJson(rows: readonly Readonly<Record<string, unknown>>[]): string {
  if (rows.length === 0) return "[]";
  return `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]`;
}

/**
 * As RFC 4180 says, with a line of names and lines that end in a newline alone; NULL is an empty
 * field, and an empty text a quoted one.
 */
export function renderCsv(names: Names, rows: readonly Row[]): string {
  return [names, ...rows].map((row) => row.map(csvField).join(",")).join("\n");
}

function csvField(value: unknown): string {
  if (value === null) return "";
  const text = lineOf(value);
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
