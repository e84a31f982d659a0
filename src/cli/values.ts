/** Words of the command line as values; each refusal says what was expected. */
import { FlowError } from "../errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** How the API takes a feature: by its id, or by its uid where two bear one id. */
export type FeatureRef = number | string;

/** @throws FlowError `BAD_REQUEST` */
export function readId(word: string): FeatureRef {
  if (/^[1-9]\d*$/.test(word) && Number.isSafeInteger(Number(word))) return Number(word);
  if (/^[0-9A-HJKMNP-TV-Z]{26}$/i.test(word)) return word.toUpperCase();
  throw refusal(word, "an ID", "a whole number from 1, or a uid of 26 characters");
}

/** IDs separated by commas. */
export function readIds(text: string): FeatureRef[] {
  return text
    .split(",")
    .filter((word) => word.trim() !== "")
    .map((word) => readId(word.trim()));
}

/** `30m`, `2h`, `90s`, `1500ms`. */
export function readDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNIT_MS[unit ?? ""] ?? Number.NaN));
  if (ms >= 1 && Number.isSafeInteger(ms)) return ms;
  throw refusal(text, "a duration", "a number with ms, s, m or h, such as 30m");
}

export function readInteger(text: string, name: string): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw refusal(text, name, "a whole number");
}

export function readCount(text: string, name: string): number {
  const value = readInteger(text, name);
  if (value >= 1) return value;
  throw refusal(text, name, "a whole number from 1");
}

/** A moment as the store writes it. Without a zone it is UTC, as everything here. */
export function readMoment(text: string, name: string): string {
  const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(
    text,
  );
  const isLocal = text.includes("T") && !/(Z|[+-]\d{2}:\d{2})$/.test(text);
  const at = isIso ? new Date(isLocal ? `${text}Z` : text) : new Date(Number.NaN);
  if (!Number.isNaN(at.getTime())) return at.toISOString();
  throw refusal(text, name, "a time such as 2026-11-21 or 2026-11-21T10:00:00Z");
}

/** `key=value`. */
export function readAssignment(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw refusal(text, "a change", "key=value");
}

export function readChoice<T extends string>(text: string, name: string, known: readonly T[]): T {
  const choice = known.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  throw refusal(text, name, `one of ${known.join(", ")}`);
}

/** Names with commas between them, each once. */
export function readPhases(text: string): string[] {
  const phases = text.split(",").map((phase) => phase.trim());
  if (!phases.includes("") && new Set(phases).size === phases.length) return phases;
  throw refusal(text, "a list of phases", "names with commas between them, each once");
}

function refusal(text: string, what: string, expected: string): FlowError {
  return new FlowError("BAD_REQUEST", `"${text}" is not ${what}: expected ${expected}`);
}
