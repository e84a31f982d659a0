/**
 * What callers give to coordination, judged: each refusal is `BAD_REQUEST`, begins with what could
 * not be done (`doing`, such as `Cannot create the approval`) and names the field. `null` is no
 * default: a field that may be left out is left out.
 */
import { FlowError } from "../errors.ts";
import { copyJson, isPlainObject, jsonProblem, shown, textProblem } from "./json-values.ts";

/** What a field cannot be, and why. */
export function badField(doing: string, field: string, why: string): FlowError {
  return new FlowError("BAD_REQUEST", `${doing}: ${field} ${why}`, { context: { field } });
}

/** Any text that is not empty: keys and ids are. */
export function requireText(doing: string, field: string, value: unknown): string {
  const text = requireAnyText(doing, field, value);
  if (text !== "") return text;
  throw badField(doing, field, "must not be empty");
}

/** Any text. */
export function requireAnyText(doing: string, field: string, value: unknown): string {
  if (typeof value !== "string") throw unfit(doing, field, "a text", value);
  const problem = textProblem(value);
  if (problem === null) return value;
  throw badField(doing, field, problem);
}

/** {@link requireText}, or `null` where it was left out. */
export function textOrNull(doing: string, field: string, value: unknown): string | null {
  return value === undefined ? null : requireText(doing, field, value);
}

/** A list of texts that are not empty, each once; empty where it was left out. */
export function textsOrNone(doing: string, field: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw unfit(doing, field, "a list of texts", value);
  // By index: a hole is no text.
  const texts = Array.from(value, (one: unknown, at) => requireText(doing, `${field}[${at}]`, one));
  return [...new Set(texts)];
}

/** One of these words. */
export function requireWord<W extends string>(
  doing: string,
  field: string,
  value: unknown,
  words: readonly W[],
): W {
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  throw unfit(doing, field, `one of ${words.join(", ")}`, value);
}

/** A copy of any value that can be written as JSON and read back the same. */
export function requireJson(doing: string, field: string, value: unknown): unknown {
  if (value === undefined) throw badField(doing, field, "is missing");
  const problem = jsonProblem(value, field);
  if (problem === null) return copyJson(value);
  throw badField(doing, problem.path, problem.message);
}

/** A flag; `false` where it was left out. */
export function flagOrFalse(doing: string, field: string, value: unknown): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  throw unfit(doing, field, "true or false", value);
}

/** How many at most; `undefined` where it was left out. */
export function countOrAll(doing: string, field: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw unfit(doing, field, "a whole number from 1", value);
}

/** The object that holds the fields of a new document. */
export function requireInput(doing: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isPlainObject(value)) return value;
  throw unfit(doing, "input", "a plain object", value);
}

/** No names but these: one that is mistyped would be overlooked, and the call do something else. */
export function requireNames(doing: string, given: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || names.includes(name)) continue;
    throw badField(doing, name, `is none of what the call takes: ${names.join(", ")}`);
  }
}

function unfit(doing: string, field: string, expected: string, value: unknown): FlowError {
  const why = value === undefined ? "is missing" : `must be ${expected}, not ${shown(value)}`;
  return badField(doing, field, why);
}
