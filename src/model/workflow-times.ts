/** Instants of workflows: texts as callers write them, with or without `Z`, down to microseconds. */
import { badField } from "./given.ts";
import { shown } from "./json-values.ts";

/** The part behind the seconds, and what says how far the clock is from UTC. */
const INSTANT = /^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/;
/** Milliseconds from year 0 to 1970: instants before it sort too. */
const YEAR_ZERO_MS = -Date.parse("0000-01-01T00:00:00.000Z");
/** Year 9999 in ms since year 0 has 15 digits; three more are microseconds. */
const MS_DIGITS = 15;
const MICRO_DIGITS = 3;

/**
 * A key that sorts as instants do: 18 digits. Texts do not: `.123Z` sorts behind `.123456Z`. A text
 * without an offset is UTC.
 *
 * @returns `null` for a text that is no instant.
 */
export function instantKey(text: string): string | null {
  const [, seconds, fraction = "", offset = "Z"] = INSTANT.exec(text) ?? [];
  if (seconds === undefined) return null;
  const digits = fraction.padEnd(9, "0");
  const ms = Date.parse(`${seconds.replace(" ", "T")}.${digits.slice(0, 3)}${offset}`);
  if (Number.isNaN(ms) || ms < -YEAR_ZERO_MS) return null;
  return keyOfMs(ms).slice(0, MS_DIGITS) + digits.slice(3, 3 + MICRO_DIGITS);
}

/** The key of an instant in ms since 1970. */
export function keyOfMs(ms: number): string {
  const whole = String(Math.floor(ms) + YEAR_ZERO_MS).padStart(MS_DIGITS, "0");
  return whole + "0".repeat(MICRO_DIGITS);
}

/** An instant in ms since 1970. The text was judged before. */
export function instantMs(text: string): number {
  return Number((instantKey(text) ?? "").slice(0, MS_DIGITS)) - YEAR_ZERO_MS;
}

/** An instant, unchanged. @throws FlowError `BAD_REQUEST`. */
export function requireInstant(doing: string, field: string, value: unknown): string {
  if (typeof value === "string" && instantKey(value) !== null) return value;
  throw badField(doing, field, `must be an instant of ISO 8601, not ${shown(value)}`);
}
