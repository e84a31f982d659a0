/**
 * Bringing committed records into the files: once, in order, by whoever comes first.
 *
 * INVARIANT: nothing is applied before its record is confirmed (`Journal.confirm`), nothing is
 * put in place except by a rename out of the standing fence, and doing it twice does no harm.
 *
 * | rule | without it |
 * | --- | --- |
 * | rename only out of the own fence | a sleeper's old image comes back over a newer commit |
 * | log bytes at a recorded offset, by the descriptor whose size and tail were checked | lines twice after a kill; a hole of zeros after git replaced the segment |
 * | a file that is neither expected nor ours goes to `quarantine/` first | a hand edit made in the same moment is lost |
 * | a path that cannot be written is stuck, the others go on | one read-only file blocks every writer |
 * | a temporary is put in place for the record that it was made for alone | another writer's record comes between two looks, and the older image goes into the file under its mark |
 * | lines wait behind lines of the same log that could not be written | the log looks like another's: they go into a segment of their own, and their numbers to whoever comes next |
 * | a path that was stuck is put anew, and synced at once | after a failed sync the next one saves nothing and succeeds |
 */

import { isUtf8 } from "node:buffer";

import { isFlowError } from "../errors.ts";
import type { Disk, Handle } from "../disk/disk.ts";
import { sameStat, type FileEntry, type FileFault } from "./files.ts";
import type { Fence } from "./fence.ts";
import { checksum, digest } from "./hash.ts";
import {
  imageCounts,
  imageOf,
  isExpectedEnd,
  isOlder,
  isRemnant,
  segmentAfter,
  TAIL_BYTES,
  type Found,
} from "./judge.ts";
import type { FileChange } from "./journal-lines.ts";
import { pathOf } from "./journal-lines.ts";
import type { WindowEntry } from "./journal-state.ts";
import type { Journal } from "./journal.ts";
import { EVENTS, folderOf, foldersOf, inFolder, LOG_SUFFIX, nameOf, QUARANTINE } from "./layout.ts";
import type { OpenLog, OpenLogs } from "./open-logs.ts";

/** Somebody took the fence down: this process slept, others have gone on. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

/** Temporaries with the images of one record, by path; `null` for those of none. */
export interface Staged {
  readonly record: string | null;
  readonly byPath: ReadonlyMap<string, string>;
}

export const NOTHING_STAGED: Staged = { record: null, byPath: new Map() };

export interface ApplyContext {
  readonly disk: Disk;
  readonly fence: Fence;
  readonly journal: Journal;
  readonly openLogs: OpenLogs;
  readonly bootId: string;
  /** Whether what is kept aside must outlast a power cut. */
  readonly sync: boolean;
  readonly randomName: () => string;
  readonly nowIso: () => string;
  /** What was made before the record was written. */
  readonly staged: Staged;
  /** Shows other processes that this one lives. */
  readonly beat: () => void;
  /** What was last seen at a path, if an equal stat proves that it need not be read again. */
  readonly settled: (path: string) => FileEntry | FileFault | null | undefined;
  /** Told of a file that no commit names. */
  readonly added: (path: string) => void;
  /** What a segment begins with that holds lines which could not go where they belong. */
  readonly recoveryHeader: () => string;
}

/** A path that could not be written, and why. */
export interface StuckPath {
  readonly n: number;
  readonly path: string;
  readonly reason: string;
}

/**
 * Applies every record that is not yet in the files and marks it.
 *
 * @throws Fenced when the fence fell; nothing was put in place after that.
 */
export function applyPending(context: ApplyContext): StuckPath[] {
  const { journal } = context;
  const entries = journal.unapplied();
  if (entries.length === 0) return [];
  const newest = new Map<string, WindowEntry>();
  for (const entry of entries) {
    for (const change of entry.record.changes) {
      if (!("append" in change)) newest.set(pathOf(change), entry);
    }
  }
  const stuck: StuckPath[] = [];
  const doomed = doomedLogs(context, entries);
  for (const entry of entries) {
    for (const change of entry.record.changes) {
      const path = pathOf(change);
      if ("append" in change && doomed.has(path)) continue;
      const isNewest = "append" in change || newest.get(path) === entry;
      const settled = entry.appliedIn === context.bootId && !entry.stuck.has(path);
      if (!isNewest || settled) continue;
      if ("append" in change && stuck.some((one) => one.path === path)) {
        stuck.push({ n: entry.record.n, path, reason: "what comes before it is not there yet" });
        continue;
      }
      context.beat();
      try {
        if (doomed.has(path)) moveOutOf(context, path);
        else applyChange(context, entry, change, entries);
        if (entry.stuck.has(path)) syncPut(context, path);
      } catch (error) {
        // A denied permission, a full disk, a read-only mount: this path waits, the others go on.
        if (!isFlowError(error, "IO")) throw error;
        stuck.push({ n: entry.record.n, path, reason: error.message });
      }
    }
  }
  const before = entries.flatMap(({ record, stuck: paths }) =>
    [...paths].map((path) => [record.n, path] as const),
  );
  const isStuck = ([n, path]: readonly [number, string]): boolean =>
    stuck.some((one) => one.n === n && one.path === path);
  const freed = before.filter((one) => !isStuck(one));
  const nothingNew =
    entries.every(({ appliedIn }) => appliedIn === context.bootId) &&
    freed.length === 0 &&
    before.length === stuck.length;
  if (!nothingNew) {
    const now = stuck.map(({ n, path }) => [n, path] as const);
    journal.mark(journal.ok, now, freed);
  }
  return stuck;
}

/**
 * Logs that a record drops, and that hold what it expects once the lines before are in them. These
 * are not brought up to date first: that would give the file a time behind the record's, as if
 * somebody had put it back since, and all that was deleted would be there again.
 */
function doomedLogs(context: ApplyContext, entries: readonly WindowEntry[]): ReadonlySet<string> {
  const doomed = new Set<string>();
  for (const { record } of entries) {
    for (const change of record.changes) {
      if (!("drop" in change) || !change.drop.endsWith(LOG_SUFFIX)) continue;
      if (isDropped(context, change.drop, entries)) doomed.add(change.drop);
    }
  }
  return doomed;
}

function isDropped(
  { disk, journal }: ApplyContext,
  path: string,
  entries: readonly WindowEntry[],
): boolean {
  const stat = disk.stat(path);
  if (stat?.isFile() !== true) return false;
  let left = disk.read(path);
  let isExpected = false;
  for (const entry of entries) {
    for (const change of entry.record.changes) {
      if (pathOf(change) !== path) continue;
      if ("drop" in change) {
        isExpected = left !== null && isUtf8(left) && digest(left.toString("utf8")) === change.pre;
      }
      left = segmentAfter(left, stat.mtimeMs, { entry, change }, journal.window.values());
    }
  }
  return isExpected && left === null;
}

/** The floor may have passed a record with a stuck path: nobody else syncs it any more. */
function syncPut({ disk, sync }: ApplyContext, path: string): void {
  if (!sync) return;
  disk.syncFile(path);
  for (const folder of foldersOf(path)) disk.syncFolder(folder);
}

function applyChange(
  context: ApplyContext,
  entry: WindowEntry,
  change: FileChange,
  entries: readonly WindowEntry[],
): void {
  if ("append" in change) applyAppend(context, entry, change);
  else applyImage(context, entry, change, entries);
}

function applyImage(
  context: ApplyContext,
  entry: WindowEntry,
  change: Exclude<FileChange, { append: string }>,
  entries: readonly WindowEntry[],
): void {
  const { disk, fence } = context;
  const path = pathOf(change);
  const image = imageOf(change);
  const found = find(disk, path, context.settled(path));
  // Bytes that are no text are no image either, not even that of a file which is to go.
  const isThere = found === null ? image === null : image !== null && found.text === image;
  // What of a stuck path is on the disk is not known: what is there is put there anew.
  if (isThere && (image === null || !entry.stuck.has(path))) return;
  if (!imageCounts(entry, change, found, context.journal.window.values())) return;
  const text = entry.stuck.has(path) ? withLinesSince(path, found, image) : image;
  if (found !== null && !isSame(found.text, text) && !isOlder(path, found.text, entries)) {
    if (!fence.stands()) throw new Fenced();
    quarantine(context, path, entry);
  }
  if (text === null) {
    moveOutOf(context, path);
    return;
  }
  const { staged } = context;
  const isMade = staged.record === entry.record.id && text === image;
  moveInto(context, (isMade ? staged.byPath.get(path) : undefined) ?? stage(context, text), path);
}

/** Bytes that are no text are never the same as anything, least of all as "no file". */
function isSame(found: string | null, image: string | null): boolean {
  return found !== null && found === image;
}

/** A log that was begun by a record may hold more lines by now. */
function withLinesSince(path: string, found: Found | null, image: string | null): string | null {
  const there = found?.text ?? null;
  const goesOn = path.endsWith(LOG_SUFFIX) && image !== null && there?.startsWith(image) === true;
  return goesOn ? there : image;
}

/** The fence may have fallen before the temporary could be made. */
function stage(context: ApplyContext, data: string): string {
  try {
    return context.fence.stage(data);
  } catch (error) {
    if (isFlowError(error, "IO") && !context.fence.stands()) throw new Fenced();
    throw error;
  }
}

function moveInto(context: ApplyContext, temporary: string, path: string): void {
  for (let tries = 0; ; tries += 1) {
    try {
      context.disk.rename(temporary, path);
      return;
    } catch (error) {
      if (!isFlowError(error, "IO") || error.context["errno"] !== "ENOENT") throw error;
      // The temporary goes with the fence, or before it when `local/` is being removed.
      if (!context.fence.stands() || context.disk.stat(temporary) === null) throw new Fenced();
      // The folder is gone: git removes a folder that a checkout leaves empty.
      if (tries > 0) throw error;
      makeFolders(context.disk, folderOf(path));
    }
  }
}

function moveOutOf(context: ApplyContext, path: string): void {
  const trash = context.fence.trash();
  try {
    context.disk.rename(path, trash);
  } catch (error) {
    if (!isFlowError(error, "IO") || error.context["errno"] !== "ENOENT") throw error;
    if (!context.fence.stands()) throw new Fenced();
    return;
  }
  context.disk.remove(trash);
}

function find(
  disk: Disk,
  path: string,
  seen: FileEntry | FileFault | null | undefined,
): Found | null {
  const stat = disk.stat(path);
  if (stat === null) return null;
  if (seen !== undefined && seen !== null && "text" in seen && sameStat(seen.stat, stat)) {
    return { text: seen.text, changedMs: stat.mtimeMs };
  }
  try {
    const text = disk.readText(path);
    return text === null ? null : { text, changedMs: stat.mtimeMs };
  } catch (error) {
    // Bytes that are no text: certainly not ours.
    if (!isFlowError(error, "CORRUPT")) throw error;
    return { text: null, changedMs: stat.mtimeMs };
  }
}

/** Makes a folder and those above it. */
export function makeFolders(disk: Disk, folder: string): void {
  if (folder === "" || disk.stat(folder) !== null) return;
  makeFolders(disk, folderOf(folder));
  disk.makeFolder(folder);
}

/**
 * Keeps the bytes of a file that a person or git put where a commit goes. They may be on the disk
 * in their own place only, from where the commit is about to take them: the copy is synced first.
 */
function quarantine(context: ApplyContext, path: string, entry: WindowEntry): void {
  const { disk } = context;
  const bytes = disk.read(path);
  if (bytes === null || isRemnant(bytes, path, context.journal.window.values())) return;
  makeFolders(disk, QUARANTINE);
  const name = `${context.randomName()}-${nameOf(path)}`;
  const why = { path, kept: name, at: context.nowIso(), commit: entry.record.id };
  const files = { [name]: bytes, [`${name}.why.json`]: `${JSON.stringify(why, null, 2)}\n` };
  for (const [file, content] of Object.entries(files)) {
    disk.create(inFolder(QUARANTINE, file), content);
    if (context.sync) disk.syncFile(inFolder(QUARANTINE, file));
  }
  if (!context.sync) return;
  for (const folder of [QUARANTINE, folderOf(QUARANTINE)]) disk.syncFolder(folder);
}

function applyAppend(
  context: ApplyContext,
  entry: WindowEntry,
  change: Extract<FileChange, { append: string }>,
): void {
  const data = Buffer.from(change.data);
  const log = context.openLogs.at(change.append);
  if (log !== null && isExpected(log, change, data)) {
    const { handle, size } = log;
    const isStuck = entry.stuck.has(change.append);
    if (isStuck || size < change.at + data.length || !holds(handle, change.at, data)) {
      handle.write(data, change.at);
    }
    return;
  }
  // The segment is another's now (git checked out an older one). What was applied before and
  // taken away since is git's will; what was never applied goes into a segment of its own.
  if (entry.appliedIn !== null && !entry.stuck.has(change.append)) return;
  if (!context.fence.stands()) throw new Fenced();
  const name = `${/"id":"([0-9A-Z]{26})"/.exec(change.data)?.[1] ?? entry.record.id}.jsonl`;
  const folder = folderOf(change.append);
  const path = inFolder(folder, name);
  if (context.disk.stat(path) !== null) return;
  const header = folder === EVENTS ? context.recoveryHeader() : "";
  moveInto(context, stage(context, `${header}${change.data}`), path);
  context.added(path);
}

/** Whether the segment is as it was when the record was written, or holds (part of) our bytes. */
function isExpected(
  { handle, size }: OpenLog,
  change: Extract<FileChange, { append: string }>,
  data: Buffer,
): boolean {
  if (size < change.at) return false;
  const there = bytesAt(handle, change.at, Math.min(size - change.at, data.length));
  return isExpectedEnd(change, data, endBefore(handle, change.at), there);
}

function holds(handle: Handle, at: number, data: Buffer): boolean {
  return bytesAt(handle, at, data.length).equals(data);
}

function bytesAt(handle: Handle, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = handle.read(bytes, filled, length - filled, at + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Checksum of the bytes before `at`, by which a segment's end is recognised. */
export function tailOf(handle: Handle, at: number): string {
  return checksum(endBefore(handle, at));
}

function endBefore(handle: Handle, at: number): Buffer {
  const from = Math.max(0, at - TAIL_BYTES);
  return bytesAt(handle, from, at - from);
}
