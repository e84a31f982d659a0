/** Tables that fit the terminal: wide columns shrink, then the least important ones go. */
import type { Terminal } from "./terminal.ts";
import { visible } from "./safe-text.ts";
import { cut, pad, widthOf } from "./width.ts";

export interface Column<Row> {
  readonly title: string;
  /** The text of a cell; it is made safe here. */
  readonly cell: (row: Row) => string;
  readonly align?: "left" | "right";
  /** May be cut, down to this many columns. Without it the column is shown whole or not at all. */
  readonly minWidth?: number;
  /** Left out when the table does not fit otherwise, the highest first. */
  readonly expendable?: number;
  /** Colours a cell that is padded already. */
  readonly paint?: (text: string, row: Row) => string;
}

const GAP = "  ";

/** The table without a final newline. No line is wider than the terminal. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  terminal: Terminal,
): string {
  const cells = columns.map((column) => rows.map((row) => visible(column.cell(row))));
  const natural = columns.map((column, at) =>
    (cells[at] ?? []).reduce(
      (width, cell) => Math.max(width, widthOf(cell)),
      widthOf(column.title),
    ),
  );
  const { shown, widths } = fit(columns, natural, terminal.width);
  const line = (parts: readonly string[]): string =>
    cut(
      parts.join(GAP).trimEnd(),
      terminal.hasColour ? Number.POSITIVE_INFINITY : terminal.width,
      "",
    );
  const { ellipsis } = terminal.symbols;
  const head = shown.map((at) => {
    const { title, align } = columns[at] as Column<Row>;
    return pad(cut(title, widths[at] ?? 0, ""), widths[at] ?? 0, align ?? "left");
  });
  const body = rows.map((row, index) =>
    line(
      shown.map((at) => {
        const { align, paint } = columns[at] as Column<Row>;
        const width = widths[at] ?? 0;
        const text = pad(cut(cells[at]?.[index] ?? "", width, ellipsis), width, align ?? "left");
        return paint === undefined ? text : paint(text, row);
      }),
    ),
  );
  return [terminal.paint("dim", line(head)), ...body].join("\n");
}

interface Fit {
  /** The places of the columns that are shown. */
  readonly shown: readonly number[];
  readonly widths: readonly number[];
}

function fit<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  available: number,
): Fit {
  const shown = columns.map((_, at) => at);
  const widths = [...natural];
  for (;;) {
    const total = shown.reduce((sum, at) => sum + (natural[at] ?? 0), 0);
    let excess = total + GAP.length * (shown.length - 1) - available;
    if (excess <= 0) break;
    // The widest gives way first, so that short texts stay whole.
    const flexible = shown.filter((at) => columns[at]?.minWidth !== undefined);
    const spare = flexible.reduce((sum, at) => sum + spareOf(columns, natural, at), 0);
    if (spare >= excess) {
      while (excess > 0) {
        const widest = flexible.reduce((best, at) => {
          const room = (widths[at] ?? 0) - (columns[at]?.minWidth ?? 0);
          const bestRoom = (widths[best] ?? 0) - (columns[best]?.minWidth ?? 0);
          return room > bestRoom ? at : best;
        });
        widths[widest] = (widths[widest] ?? 0) - 1;
        excess -= 1;
      }
      break;
    }
    const expendable = shown.filter((at) => columns[at]?.expendable !== undefined);
    const first = expendable.sort((left, right) => rank(columns, right) - rank(columns, left))[0];
    if (first === undefined) {
      for (const at of flexible) widths[at] = Math.min(widths[at] ?? 0, columns[at]?.minWidth ?? 0);
      break;
    }
    shown.splice(shown.indexOf(first), 1);
  }
  return { shown, widths };
}

function spareOf<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  at: number,
): number {
  return Math.max(0, (natural[at] ?? 0) - (columns[at]?.minWidth ?? 0));
}

function rank<Row>(columns: readonly Column<Row>[], at: number): number {
  return columns[at]?.expendable ?? 0;
}
