/**
 * Logs of this clone alone, in `local/`: lines of JSON that are appended in the same commit as what
 * they report, like the event log's, but without numbers and without an end that matters to
 * others. They roll over, and only the last files are kept.
 */

import { isUtf8 } from "node:buffer";

import type { Disk } from "../disk/disk.ts";
import { tailOf } from "./apply.ts";
import { sealLine } from "./sealed-lines.ts";
import { checksum, digest } from "./hash.ts";
import { TAIL_BYTES } from "./judge.ts";
import type { FileChange } from "./journal-lines.ts";
import { inFolder, isLocalLogName, keepsEveryLine, LOG_SUFFIX } from "./layout.ts";
import type { Overlay } from "./overlay.ts";

/** A file goes on in another when it is this long. */
const FILE_BYTES = 1024 * 1024;
/** So many files are kept, the one that grows among them. */
const KEPT_FILES = 4;
const LF = 10;

/** A line, before it has a name of its own. */
export type LocalLine = Readonly<Record<string, unknown>>;

/** Stands in a write for all that was in the log before: its files are dropped by the same write. */
export const CLEARED: LocalLine = Object.freeze({});

/** The lines that a write leaves in a log, of those that it added. */
export function afterClearing(lines: readonly LocalLine[]): readonly LocalLine[] {
  return lines.slice(lines.lastIndexOf(CLEARED) + 1);
}

export interface LocalLogOptions {
  readonly newUlid: (after: string | null, nowMs: number) => string;
  readonly nowMs: () => number;
  readonly toIso: (ms: number) => string;
}

/** What a commit changes in a folder of such logs so that it ends with `lines`. */
export function localLogChanges(
  disk: Disk,
  overlay: Overlay,
  folder: string,
  names: readonly string[],
  lines: readonly LocalLine[],
  options: LocalLogOptions,
): FileChange[] {
  // A copy that somebody made takes no line: it may sort behind the file that grows.
  const named = names.filter(isLocalLogName);
  // What else bears such a name, a folder or a link, takes no line and is left where it is.
  const files = named.filter((name) => isFileOrNone(disk, inFolder(folder, name)));
  const last = files.at(-1)?.slice(0, -LOG_SUFFIX.length) ?? null;
  const now = options.nowMs();
  let id = named.at(-1)?.slice(0, -LOG_SUFFIX.length) ?? null;
  const encoded = lines.map((line) => {
    id = options.newUlid(id, now);
    return { id, text: textOf(folder, { id, at: options.toIso(now), ...line }) };
  });
  const [first] = encoded;
  if (first === undefined) return [];
  const data = encoded.map(({ text }) => text).join("");
  const end = last === null ? null : endOf(disk, overlay, inFolder(folder, `${last}${LOG_SUFFIX}`));
  if (last !== null && end !== null) {
    return [{ append: inFolder(folder, `${last}${LOG_SUFFIX}`), ...end, data }];
  }
  const changes: FileChange[] = [
    { put: inFolder(folder, `${first.id}${LOG_SUFFIX}`), pre: null, data },
  ];
  if (keepsEveryLine(folder)) return changes;
  for (const name of files.slice(0, Math.max(0, files.length + 1 - KEPT_FILES))) {
    const path = inFolder(folder, name);
    const bytes = disk.read(path);
    // Bytes that are no text are none of ours: they go to the quarantine.
    const pre = bytes !== null && isUtf8(bytes) ? digest(bytes.toString("utf8")) : null;
    if (bytes !== null) changes.push({ drop: path, pre });
  }
  return changes;
}

/** What is said nowhere else bears a checksum: a flipped bit of a text is still JSON. */
function textOf(folder: string, line: LocalLine): string {
  return keepsEveryLine(folder) ? sealLine(line) : `${JSON.stringify(line)}\n`;
}

/** A name that only a commit has given yet has no file. */
function isFileOrNone(disk: Disk, path: string): boolean {
  return disk.stat(path)?.isFile() !== false;
}

/** Where a file ends and with what; `null` when it is not to be appended to. */
function endOf(disk: Disk, overlay: Overlay, path: string): { at: number; tail: string } | null {
  const last = overlay.isEmpty ? null : overlay.lastBytes(path);
  if (last !== null && last.bytes.length >= TAIL_BYTES) {
    // Without a look at the file: that may be long, and a burst of commits adds to it each time.
    if (last.end >= FILE_BYTES || last.bytes.at(-1) !== LF) return null;
    return { at: last.end, tail: checksum(last.bytes.subarray(-TAIL_BYTES)) };
  }
  if (!overlay.isEmpty && overlay.endOf(path) !== null) {
    const bytes = overlay.segment(path, disk.read(path), disk.stat(path)?.mtimeMs ?? 0);
    if (bytes === null || bytes.length >= FILE_BYTES || bytes.at(-1) !== LF) return null;
    return { at: bytes.length, tail: checksum(bytes.subarray(-TAIL_BYTES)) };
  }
  const handle = disk.open(path, "read");
  if (handle === null) return null;
  try {
    const at = handle.stat().size;
    const lastByte = Buffer.alloc(1);
    if (at === 0 || at >= FILE_BYTES || handle.read(lastByte, 0, 1, at - 1) !== 1) return null;
    return lastByte[0] === LF ? { at, tail: tailOf(handle, at) } : null;
  } finally {
    handle.close();
  }
}

/** What a log that is to be dropped holds, with what was appended and is not in the file yet. */
export function digestOfLog(disk: Disk, overlay: Overlay, path: string): string | null {
  const bytes = bytesOf(disk, overlay, path);
  return bytes !== null && isUtf8(bytes) ? digest(bytes.toString("utf8")) : null;
}

/** What a log has under a name of its files that is none: a folder, a link, a pipe. */
export function noFilesIn(disk: Disk, folder: string, names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith(LOG_SUFFIX))
    .map((name) => inFolder(folder, name))
    .filter((path) => !isFileOrNone(disk, path));
}

/**
 * Every line that is whole, oldest first; what a power cut left of others is passed over, and so
 * are {@link noFilesIn}.
 *
 * @param holding only lines whose text holds this: the others need not be taken apart
 */
export function readLocalLog(
  disk: Disk,
  overlay: Overlay,
  folder: string,
  names: readonly string[],
  holding = "",
): LocalLine[] {
  const lines: LocalLine[] = [];
  for (const name of names) {
    if (!name.endsWith(LOG_SUFFIX)) continue;
    const bytes = bytesOf(disk, overlay, inFolder(folder, name));
    for (const text of (bytes?.toString("utf8") ?? "").split("\n").slice(0, -1)) {
      const line = text.includes(holding) ? parsed(text) : null;
      if (line !== null) lines.push(line);
    }
  }
  return lines;
}

/** The bytes of every line of one file, whole or not; the last ones have no end yet. */
export function localLogLines(disk: Disk, overlay: Overlay, path: string): Buffer[] {
  const lines: Buffer[] = [];
  const bytes = bytesOf(disk, overlay, path) ?? Buffer.alloc(0);
  for (let from = 0; ;) {
    const end = bytes.indexOf(LF, from);
    if (end < 0) return [...lines, bytes.subarray(from)];
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
}

/** Some of the bytes of one file, without reading all of it where nothing of it is pending. */
export function localLogPart(
  disk: Disk,
  overlay: Overlay,
  path: string,
): { readonly size: number; readonly read: (from: number, to: number) => Buffer } {
  if (overlay.isEmpty || overlay.endOf(path) === null) {
    const stat = disk.stat(path);
    const size = stat?.isFile() === true ? stat.size : 0;
    return { size, read: (from, to) => rangeOf(disk, path, from, to) };
  }
  const bytes = bytesOf(disk, overlay, path) ?? Buffer.alloc(0);
  return { size: bytes.length, read: (from, to) => bytes.subarray(from, to) };
}

function rangeOf(disk: Disk, path: string, from: number, to: number): Buffer {
  const handle = disk.open(path, "read");
  if (handle === null) return Buffer.alloc(0);
  try {
    const bytes = Buffer.alloc(to - from);
    let filled = 0;
    while (filled < bytes.length) {
      const count = handle.read(bytes, filled, bytes.length - filled, from + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    handle.close();
  }
}

function bytesOf(disk: Disk, overlay: Overlay, path: string): Buffer | null {
  const stat = disk.stat(path);
  if (stat?.isFile() === false) return null;
  return overlay.segment(path, disk.read(path), stat?.mtimeMs ?? 0);
}

function parsed(text: string): LocalLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as LocalLine)
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
