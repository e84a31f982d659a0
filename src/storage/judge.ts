/**
 * Which is the truth for a path that a commit changed: the commit's image or the file?
 *
 * Until a record is applied, its image is. Afterwards the file is, even when it equals an older
 * image, because git or a person may have put it back. After an unclean end of the machine
 * neither is certain: a rename that was not synced may be lost, leaving an older, empty or torn
 * file. Then the image counts if the file is such a leftover and is not younger than the record.
 * Of what is ours alone, a part of the image or zeros, the time does not matter: nobody's is lost.
 */

import { isUtf8 } from "node:buffer";

import { checksum, digest } from "./hash.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import type { WindowEntry } from "./journal-state.ts";

/** File systems stamp with a clock that ticks every 4 ms at the slowest. */
const CLOCK_TICK_MS = 5;
/** The files of a commit are written behind its time: those of the largest take some seconds. */
const WRITING_MS = 60_000;

/** The text that a change leaves; null for none. */
export function imageOf(change: FileChange): string | null {
  return "put" in change ? change.data : null;
}

/** A file as found; null text where the bytes are not text. */
export interface Found {
  readonly text: string | null;
  /**
   * Time of its last write. Not the inode's (`ctime`): that rises when a second name of the file
   * is swept away after a power cut, or a backup links it, and an old image would pass for new.
   */
  readonly changedMs: number;
}

/** Whether the image of `change` is the truth rather than what was `found` at its path. */
export function imageCounts(
  entry: WindowEntry,
  change: FileChange,
  found: Found | null,
  window: Iterable<WindowEntry>,
): boolean {
  if (entry.appliedIn === null || entry.stuck.has(pathOf(change))) return true;
  const image = imageOf(change);
  if (found === null) return image !== null;
  if (found.text === image) return false;
  if (found.text === null || isLeftover(found.text, image)) return true;
  const laterMs = found.changedMs - entry.record.at;
  if (isTorn(pathOf(change), found.text)) return laterMs <= WRITING_MS;
  return isOlder(pathOf(change), found.text, window, true) && laterMs <= CLOCK_TICK_MS;
}

/**
 * Whether all bytes of a file are ours or the zeros that a power cut leaves in their place, so that
 * nothing of a person's is among them.
 */
export function isRemnant(bytes: Buffer, path: string, window: Iterable<WindowEntry>): boolean {
  let ours = Buffer.alloc(0);
  const isOurs = (): boolean =>
    bytes.length <= ours.length && bytes.every((byte, index) => byte === ours[index] || byte === 0);
  for (const { record } of window) {
    for (const change of record.changes) {
      if (pathOf(change) !== path) continue;
      if (!("append" in change)) {
        if (isOurs()) return true;
        ours = Buffer.from(imageOf(change) ?? "");
      } else if (change.at === ours.length) {
        ours = Buffer.concat([ours, Buffer.from(change.data)]);
      }
    }
  }
  return isOurs();
}

/** So many bytes before an append are compared: more than any line's distinct end. */
export const TAIL_BYTES = 64;

/**
 * Whether lines belong where a commit says: the bytes before are those it was written after, and
 * what is `there` already is ours, wholly or in part, or the zeros that a power cut leaves (never
 * data, since no line holds a NUL).
 */
export function isExpectedEnd(
  change: Extract<FileChange, { append: string }>,
  data: Buffer,
  before: Buffer,
  there: Buffer,
): boolean {
  if (checksum(before) !== change.tail) return false;
  return there.every((byte, index) => byte === data[index] || byte === 0);
}

/** What a segment that holds `bytes` (null: that is not there) holds once a change is applied. */
export function segmentAfter(
  bytes: Buffer | null,
  changedMs: number,
  { entry, change }: { entry: WindowEntry; change: FileChange },
  window: Iterable<WindowEntry>,
): Buffer | null {
  if (!("append" in change)) {
    const found = bytes === null ? null : { text: textOf(bytes), changedMs };
    if (!imageCounts(entry, change, found, window)) return bytes;
    const image = imageOf(change);
    return image === null ? null : Buffer.from(image);
  }
  const { at } = change;
  const data = Buffer.from(change.data);
  if (bytes === null || bytes.length < at) return bytes;
  const before = bytes.subarray(Math.max(0, at - TAIL_BYTES), at);
  const there = bytes.subarray(at, at + data.length);
  // After a restart most of what is to be judged is there: the segment is not copied for each.
  if (there.equals(data) || !isExpectedEnd(change, data, before, there)) return bytes;
  return Buffer.concat([bytes.subarray(0, at), data, bytes.subarray(at + data.length)]);
}

/** Null where a cut went through a character. */
function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString("utf8") : null;
}

/** Empty, zero-filled or cut: what a power cut leaves of a file that was not synced. */
function isLeftover(text: string, image: string | null): boolean {
  return text === "" || text.includes("\0") || image?.startsWith(text) === true;
}

/** No document of ours, nor a part of one: a disk's garbage, or what git or a person left half done. */
function isTorn(path: string, text: string): boolean {
  if (!path.endsWith(".json")) return false;
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

/** Whether a text is one that a record in the window expected or made at this path, or cut it. */
export function isOlder(
  path: string,
  text: string | null,
  window: Iterable<WindowEntry>,
  orCut = false,
): boolean {
  if (text === null) return false;
  const found = digest(text);
  for (const { record } of window) {
    for (const change of record.changes) {
      if ("append" in change || pathOf(change) !== path) continue;
      const image = imageOf(change);
      if (change.pre === found || image === text) return true;
      if (orCut && image?.startsWith(text) === true) return true;
    }
  }
  return false;
}
