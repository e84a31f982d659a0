/** A JSON value, or a text of many lines, for people: whole, and nothing in it reaches the terminal as a command. */
import { visible } from "./safe-text.ts";

/** A text as it is; any other value as indented JSON. */
export function renderValue(value: unknown): string {
  return renderText(typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? ""));
}

/** The lines of a text, with their tabs. */
export function renderText(text: string): string {
  const safe = (line: string): string => line.split("\t").map(visible).join("\t");
  return text.split(/\r?\n/).map(safe).join("\n");
}

/** A value on one line, for a table. */
export function lineOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
