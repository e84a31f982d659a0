/** The text of a plan as JSON, with the line of every refusal. Parsing goes no further than syntax. */
import { planError } from "./format.ts";
import { errorPosition } from "./json-position.ts";

/** One record of a plan and the line on which it begins. */
export interface PlanRecord {
  readonly line: number;
  readonly value: unknown;
}

/**
 * How long a line of JSONL may be, in UTF-16 units. The longest real issue seen has 30,000; a line
 * a hundred times that is no plan, and its document could be opened by no editor.
 */
const MAX_LINE_LENGTH = 4_000_000;

/** What git leaves in a file that it could not merge. No line of JSON can begin like this. */
const CONFLICT_MARKER = /^(<{7}|={7}|>{7}|\|{7})( |\r?$)/m;

/**
 * @throws FlowError `CORRUPT` for conflict markers, `BAD_REQUEST` for a text without content.
 */
export function refuseUnreadable(text: string, fileName: string): void {
  const marker = CONFLICT_MARKER.exec(text);
  if (marker !== null) {
    const line = lineAt(text, marker.index);
    throw planError("CORRUPT", fileName, line, "a merge left conflict markers here");
  }
  if (text.trim() === "") throw planError("BAD_REQUEST", fileName, null, "the file is empty");
}

/**
 * The records of JSONL text; empty lines are skipped.
 *
 * @throws FlowError `CORRUPT` at the first line that does not parse.
 */
export function parseLines(text: string, fileName: string): PlanRecord[] {
  refuseUnreadable(text, fileName);
  const records: PlanRecord[] = [];
  let line = 0;
  for (let start = 0; start < text.length;) {
    line += 1;
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    if (end - start > MAX_LINE_LENGTH) {
      const limit = `${MAX_LINE_LENGTH.toLocaleString("en")} characters`;
      throw planError("BAD_REQUEST", fileName, line, `the line is longer than ${limit}`);
    }
    const content = text.slice(start, end);
    start = end + 1;
    if (content.trim() === "") continue;
    records.push({ line, value: parseOne(content, fileName, () => line) });
  }
  return records;
}

/**
 * One JSON value.
 *
 * @throws FlowError `CORRUPT` with the line where parsing stopped.
 */
export function parseWhole(text: string, fileName: string): unknown {
  refuseUnreadable(text, fileName);
  return parseOne(text, fileName, (position) => lineAt(text, position));
}

function parseOne(text: string, fileName: string, lineOf: (position: number) => number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse throws nothing but SyntaxError.
    if (!(error instanceof SyntaxError)) throw error;
    const line = lineOf(errorPosition(text));
    throw planError("CORRUPT", fileName, line, "this is not JSON");
  }
}

/** The line of a position, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  return line;
}

/**
 * The lines on which the elements of the first list of a JSON text begin, so that a problem in a
 * pretty-printed list can be pointed at. `text` must have parsed.
 */
export function elementLines(text: string): number[] {
  const lines: number[] = [];
  let line = 1;
  let depth = 0;
  /** The depth inside the list; -1 before it begins. */
  let inside = -1;
  let awaits = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\n") line += 1;
    if (char === undefined || char <= " ") continue;
    if (awaits && char !== "]") {
      lines.push(line);
      awaits = false;
    }
    if (char === '"') {
      for (at += 1; text[at] !== '"'; at += 1) if (text[at] === "\\") at += 1;
    } else if (char === "[" || char === "{") {
      depth += 1;
      if (char === "[" && inside < 0) {
        inside = depth;
        awaits = true;
      }
    } else if (char === "]" || char === "}") {
      depth -= 1;
      if (inside > 0 && depth < inside) break;
    } else if (char === "," && depth === inside) {
      awaits = true;
    }
  }
  return lines;
}

/** Whether `value` is an object of JSON. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
