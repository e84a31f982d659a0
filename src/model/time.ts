/** Instants as text. The time itself is always passed in: this room never looks at a clock. */
import { FlowError } from "../errors.ts";

/** The last millisecond that ISO 8601 writes with a year of four digits. */
export const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** The first one: year 0. `Date.UTC` would read a year below 100 as 19xx. */
const EARLIEST_MS = Date.parse("0000-01-01T00:00:00.000Z");

const ISO_TEXT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/**
 * `ms` (milliseconds since 1970, UTC; a fraction is cut off) as ISO 8601 with milliseconds and
 * `Z`. The texts sort as the times do.
 *
 * @throws FlowError `BAD_REQUEST` when `ms` is no number or outside the years 0 to 9999.
 */
export function toIso(ms: number): string {
  if (!(ms >= EARLIEST_MS && ms <= LATEST_MS)) {
    throw new FlowError("BAD_REQUEST", `${String(ms)} is no time between the years 0 and 9999`);
  }
  return new Date(ms).toISOString();
}

/** Whether `text` is an existing instant exactly as {@link toIso} writes it. */
export function isIso(text: unknown): text is string {
  if (typeof text !== "string" || !ISO_TEXT.test(text)) return false;
  const ms = Date.parse(text);
  // Date.parse takes 30 February for 1 March: only a round trip shows that the day exists.
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}

const MOMENT =
  /^\d{4}-\d{2}-\d{2}(?<time>T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?<zone>Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * The instant (ms since 1970, UTC) that a person or a program wrote as ISO 8601, a date alone at its
 * beginning. Without a zone it is UTC: the same text is the same instant on every machine.
 *
 * @returns `null` for what is no such text, or no time that exists.
 */
export function momentMs(text: string): number | null {
  const groups = MOMENT.exec(text)?.groups;
  if (groups === undefined) return null;
  const isWithoutZone = groups["time"] !== undefined && groups["zone"] === undefined;
  const ms = Date.parse(isWithoutZone ? `${text}Z` : text);
  if (!(ms >= EARLIEST_MS && ms <= LATEST_MS)) return null;
  // 30 February is parsed as a day in March.
  const day = text.slice(0, "2026-11-21".length);
  return new Date(Date.parse(day)).toISOString().startsWith(day) ? ms : null;
}
