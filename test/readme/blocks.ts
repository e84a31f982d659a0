/** README.md in parts: its fenced blocks, its marks and its tables. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const REPOSITORY = resolve(import.meta.dirname, "../../..");

export const README = readFileSync(resolve(REPOSITORY, "README.md"), "utf8");

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** The line of its first fence, from 1. */
  readonly line: number;
}

/** A comment on a line of its own, such as `<!-- session: tour -->`. */
export interface Mark {
  readonly mark: string;
  readonly line: number;
}

/** Blocks and marks, in order. */
export function partsOf(text: string): (Block | Mark)[] {
  const parts: (Block | Mark)[] = [];
  let open: { language: string; line: number; lines: string[] } | null = null;
  for (const [index, content] of text.split("\n").entries()) {
    const line = index + 1;
    if (open !== null && content === "```") {
      parts.push({
        language: open.language,
        text: `${open.lines.join("\n")}\n`,
        line: open.line,
      });
      open = null;
    } else if (open !== null) {
      open.lines.push(content);
    } else if (content.startsWith("```")) {
      open = { language: content.slice(3), line, lines: [] };
    } else {
      const mark = /^<!-- (.*) -->$/.exec(content)?.[1];
      if (mark !== undefined) parts.push({ mark, line });
    }
  }
  return parts;
}

/** The rows of every table as cells, by the cells of its first row joined with `|`. */
export function tablesOf(text: string): Map<string, string[][]> {
  const tables = new Map<string, string[][]>();
  let rows: string[][] | null = null;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) {
      rows = null;
      continue;
    }
    const cells = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (rows === null) {
      rows = [];
      tables.set(cells.join("|"), rows);
    } else if (!cells.every((cell) => /^-+$/.test(cell))) {
      rows.push(cells);
    }
  }
  return tables;
}

/** What stands between backquotes in a cell. */
export function codesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? "");
}

/** What differs from run to run, made alike: ids, times, checksums, the folder. */
export function masked(text: string, folder: string): string {
  return text
    .replaceAll(folder, "/home/you/shop")
    .replace(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "<ulid>")
    .replace(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, "<time>")
    .replace(/-[0-9a-z]{6}\.json/g, "-<uid6>.json")
    .replace(/"crc":"[0-9a-f]{8}"/g, '"crc":"<crc>"')
    .replace(/"revision":"[0-9a-f]+"/g, '"revision":"<revision>"');
}
