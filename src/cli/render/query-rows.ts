/** Rows of a query: as a table for people, as JSON and CSV for programs. */
import { renderTable, type Column } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { lineOf } from "./value-text.ts";

type Row = Readonly<Record<string, unknown>>;

/** A column is cut no further than that. */
const MIN_WIDTH = 8;

export function renderRows(rows: readonly Row[], terminal: Terminal): string {
  if (rows.length === 0) return "No rows";
  const columns = columnsOf(rows).map((name): Column<Row> => {
    const values = rows.map((row) => row[name]);
    const areNumbers = values.every((value) => value === null || typeof value === "number");
    return {
      title: name,
      cell: (row) => (row[name] === null ? "" : lineOf(row[name])),
      align: areNumbers ? "right" : "left",
      minWidth: MIN_WIDTH,
    };
  });
  return renderTable(rows, columns, terminal);
}

/** One row a line. */
export function renderJson(rows: readonly Row[]): string {
  if (rows.length === 0) return "[]";
  return `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]`;
}

/**
 * As RFC 4180 says, with a line of names and lines that end in a newline alone; NULL is an empty
 * field, and an empty text a quoted one.
 */
export function renderCsv(rows: readonly Row[]): string {
  const names = columnsOf(rows);
  const lines = rows.map((row) => names.map((name) => csvField(row[name])).join(","));
  return [names.map(csvField).join(","), ...lines].join("\n");
}

function columnsOf([first]: readonly Row[]): string[] {
  return Object.keys(first ?? {});
}

function csvField(value: unknown): string {
  if (value === null) return "";
  const text = lineOf(value);
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
