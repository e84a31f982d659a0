/** The files of the journal: their names, which one to start from. */

import type { Disk, Handle } from "../disk/disk.ts";
import { isFlowError, type FlowError } from "../errors.ts";
import { decodeLine, splitLines } from "./journal-lines.ts";
import { inFolder, JOURNAL } from "./layout.ts";

const BASE_DIGITS = 12;
const FILE_PATTERN = /^(\d{12,})-[a-z0-9]+\.jsonl$/;
const FIRST = `${"0".repeat(BASE_DIGITS)}-first`;

/**
 * The only names that two processes may both want; made by `link`, which one of them wins. The
 * first one that has a header counts: a power cut may leave an empty one, and so many of them, one
 * after another, are no leftovers of power cuts.
 */
export const FIRST_FILES: readonly string[] = ["", 2, 3, 4, 5, 6, 7, 8, 9].map(
  (count) => `${FIRST}${count}.jsonl`,
);

/** The name of a file that goes on after commit `base`; nobody else makes the same. */
export function fileName(base: number, randomName: string): string {
  return `${String(base).padStart(BASE_DIGITS, "0")}-${randomName}.jsonl`;
}

/** The commit that a file begins behind; `null` for another name. */
export function baseOf(name: string): number | null {
  const base = FILE_PATTERN.exec(name)?.[1];
  return base === undefined ? null : Number(base);
}

/** The names of all files, those with the highest base first. */
export function newestFirst(disk: Disk): string[] {
  return (disk.list(JOURNAL) ?? []).filter((name) => FILE_PATTERN.test(name)).reverse();
}

/** An open file of the journal. */
export interface OpenJournal {
  readonly handle: Handle | null;
  /** Why it is open for reading only, though it was to be written; else null. */
  readonly denied: FlowError | null;
}

/** Opens a file for appending; on a read-only root for reading. */
export function openJournal(disk: Disk, name: string, readOnly: boolean): OpenJournal {
  const path = inFolder(JOURNAL, name);
  if (readOnly) return { handle: disk.open(path, "read"), denied: null };
  try {
    return { handle: disk.open(path, "append"), denied: null };
  } catch (error) {
    if (!isFlowError(error, "IO")) throw error;
    const { errno } = error.context;
    if (errno !== "EACCES" && errno !== "EROFS" && errno !== "EPERM") throw error;
    return { handle: disk.open(path, "read"), denied: error };
  }
}

/**
 * Whether a file may be started from: a first one, or one with a valid line after its header.
 * Without such a line a file may be the orphan of a seal that lost.
 */
export function mayStartFrom(disk: Disk, name: string): boolean {
  if (name.startsWith(FIRST)) return true;
  const bytes = disk.read(inFolder(JOURNAL, name));
  if (bytes === null) return false;
  let lines = 0;
  const count = (line: Buffer): void => {
    if (lines < 2 && decodeLine(line, name) !== null) lines += 1;
  };
  count(bytes.subarray(splitLines(bytes, count)));
  return lines > 1;
}
