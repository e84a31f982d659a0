/**
 * ULIDs: 48 bits of time and 80 bits of chance as 26 characters of Crockford's base 32, so that
 * the order of the texts is the order of creation. Clock and chance are passed in.
 */
import { FlowError } from "../errors.ts";

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_TEXT = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Characters that hold the time; the other 16 hold the random part. */
const TIME_LENGTH = 10;
const RANDOM_LENGTH = 16;
const RANDOM_BYTES = 10;
/** The largest time of 48 bits: the year 10889. */
const MAX_TIME_MS = 2 ** 48 - 1;

/**
 * The ULID of a time in milliseconds since 1970 and 10 random bytes.
 *
 * @throws FlowError `BAD_REQUEST` when the time is no integer of 48 bits or there are not 10 bytes.
 */
export function encodeUlid(timeMs: number, randomBytes10: Uint8Array): string {
  if (!Number.isSafeInteger(timeMs) || timeMs < 0 || timeMs > MAX_TIME_MS) {
    throw new FlowError("BAD_REQUEST", `${String(timeMs)} is no time that a ULID can hold`);
  }
  if (randomBytes10.length !== RANDOM_BYTES) {
    throw new FlowError(
      "BAD_REQUEST",
      `A ULID needs ${RANDOM_BYTES} random bytes, not ${randomBytes10.length}`,
    );
  }
  return (
    encodeNumber(timeMs, TIME_LENGTH) +
    encodeNumber(fiveBytes(randomBytes10, 0), RANDOM_LENGTH / 2) +
    encodeNumber(fiveBytes(randomBytes10, 5), RANDOM_LENGTH / 2)
  );
}

/** Whether `text` is a ULID in its one canonical form: 26 upper-case characters, time in 48 bits. */
export function isUlid(text: unknown): text is string {
  return typeof text === "string" && ULID_TEXT.test(text);
}

/**
 * The time in a ULID, in milliseconds since 1970.
 *
 * @throws FlowError `BAD_REQUEST` when `id` is no ULID.
 */
export function ulidTime(id: string): number {
  requireUlid(id);
  let time = 0;
  for (let at = 0; at < TIME_LENGTH; at += 1) time = time * 32 + DIGITS.indexOf(id.charAt(at));
  return time;
}

/**
 * A ULID that is greater than `previous`, whatever the clock says. Its time is the later of
 * `nowMs` (a fraction is cut off) and the previous one's; in the same millisecond the random part
 * is the previous one plus 1, and when that overflows the next millisecond begins.
 *
 * @param previous the greatest ULID so far; `null` when there is none
 * @param random gives 10 random bytes; called only when a new millisecond begins
 * @throws FlowError `BAD_REQUEST` when `previous` is no ULID or nothing greater exists.
 */
export function nextUlid(previous: string | null, nowMs: number, random: () => Uint8Array): string {
  const now = Math.floor(nowMs);
  if (previous === null) return encodeUlid(now, random());
  const before = ulidTime(previous);
  if (now > before) return encodeUlid(now, random());
  const raised = plusOne(previous.slice(TIME_LENGTH));
  if (raised !== null) return previous.slice(0, TIME_LENGTH) + raised;
  return encodeUlid(before + 1, random());
}

/**
 * `fresh`, or where `previous` is of the same millisecond and not less, another one that is greater
 * than `previous`: so ids that are made one after another sort in that order. Half of the random
 * part stays as it was drawn, because two clones may go on from the same `previous`.
 */
export function ulidBehind(fresh: string, previous: string | null): string {
  const time = fresh.slice(0, TIME_LENGTH);
  if (previous === null || fresh > previous || !previous.startsWith(time)) return fresh;
  const half = TIME_LENGTH + RANDOM_LENGTH / 2;
  const raised = plusOne(previous.slice(TIME_LENGTH, half));
  return raised === null ? fresh : time + raised + fresh.slice(half);
}

function requireUlid(id: string): void {
  if (!isUlid(id)) throw new FlowError("BAD_REQUEST", `${JSON.stringify(id)} is no ULID`);
}

/** 40 bits stay exact in a number; 80 would not. */
function fiveBytes(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 5; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

function encodeNumber(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let at = 0; at < length; at += 1) {
    text = DIGITS.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The next number of the same length in base 32, or `null` when all digits are the last one. */
function plusOne(digits: string): string | null {
  let at = digits.length - 1;
  while (at >= 0 && digits.charAt(at) === "Z") at -= 1;
  if (at < 0) return null;
  const raised = DIGITS.charAt(DIGITS.indexOf(digits.charAt(at)) + 1);
  return digits.slice(0, at) + raised + "0".repeat(digits.length - 1 - at);
}
