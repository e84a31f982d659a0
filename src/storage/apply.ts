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
 */

import { isFlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import { sameStat, type FileEntry, type FileFault } from "./files.ts";
import type { Fence } from "./fence.ts";
import { checksum } from "./hash.ts";
import { imageCounts, imageOf, isExpectedEnd, isOlder, TAIL_BYTES, type Found } from "./judge.ts";
import type { FileChange } from "./journal-lines.ts";
import { pathOf } from "./journal-lines.ts";
import type { WindowEntry } from "./journal-state.ts";
import type { Journal } from "./journal.ts";
import { EVENTS, folderOf, inFolder, nameOf, QUARANTINE } from "./layout.ts";

/** Somebody took the fence down: this process slept, others have gone on. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

export interface ApplyContext {
  readonly disk: Disk;
  readonly fence: Fence;
  readonly journal: Journal;
  readonly bootId: string;
  readonly randomName: () => string;
  readonly nowIso: () => string;
  /** Temporaries made before the record was written, by path. */
  readonly staged: ReadonlyMap<string, string>;
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
  for (const entry of entries) {
    for (const change of entry.record.changes) {
      const path = pathOf(change);
      const isNewest = "append" in change || newest.get(path) === entry;
      const settled = entry.appliedIn === context.bootId && !entry.stuck.has(path);
      if (!isNewest || settled) continue;
      context.beat();
      try {
        applyChange(context, entry, change, entries);
      } catch (error) {
        // A denied permission, a full disk, a read-only mount: this path waits, the others go on.
        if (!isFlowError(error, "IO")) throw error;
        stuck.push({ n: entry.record.n, path, reason: error.message });
      }
    }
  }
  const before = entries.flatMap(({ record, stuck: paths }) =>
    [...paths].map((path) => `${record.n} ${path}`),
  );
  const now = stuck.map(({ n, path }) => `${n} ${path}`);
  const nothingNew =
    entries.every(({ appliedIn }) => appliedIn === context.bootId) &&
    before.length === now.length &&
    before.every((text) => now.includes(text));
  if (!nothingNew) {
    journal.mark(
      journal.ok,
      stuck.map(({ n, path }) => [n, path] as const),
    );
  }
  return stuck;
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
  if (found === null ? image === null : image !== null && found.text === image) return;
  if (!imageCounts(entry, change, found, context.journal.window.values())) return;
  if (found !== null && !isOlder(path, found.text, entries)) {
    if (!fence.stands()) throw new Fenced();
    if (found.text !== "") quarantine(context, path, entry);
  }
  if (image === null) {
    moveOutOf(context, path);
    return;
  }
  const temporary = context.staged.get(path) ?? stage(context, image);
  moveInto(context, temporary, path);
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

/** Keeps the bytes of a file that a person or git put where a commit goes. */
function quarantine(context: ApplyContext, path: string, entry: WindowEntry): void {
  const { disk } = context;
  const bytes = disk.read(path);
  if (bytes === null) return;
  makeFolders(disk, QUARANTINE);
  const name = `${context.randomName()}-${nameOf(path)}`;
  disk.create(inFolder(QUARANTINE, name), bytes);
  const why = { path, kept: name, at: context.nowIso(), commit: entry.record.id };
  disk.create(inFolder(QUARANTINE, `${name}.why.json`), `${JSON.stringify(why, null, 2)}\n`);
}

function applyAppend(
  context: ApplyContext,
  entry: WindowEntry,
  change: Extract<FileChange, { append: string }>,
): void {
  const data = Buffer.from(change.data);
  const handle = context.disk.open(change.append, "write");
  if (handle !== null) {
    try {
      const size = handle.stat().size;
      if (isExpected(handle, change, data, size)) {
        if (size < change.at + data.length || !holds(handle, change.at, data)) {
          handle.write(data, change.at);
        }
        return;
      }
    } finally {
      handle.close();
    }
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

type Segment = NonNullable<ReturnType<Disk["open"]>>;

/** Whether the segment is as it was when the record was written, or holds (part of) our bytes. */
function isExpected(
  handle: Segment,
  change: Extract<FileChange, { append: string }>,
  data: Buffer,
  size: number,
): boolean {
  if (size < change.at) return false;
  const there = bytesAt(handle, change.at, Math.min(size - change.at, data.length));
  return isExpectedEnd(change, data, endBefore(handle, change.at), there);
}

function holds(handle: Segment, at: number, data: Buffer): boolean {
  return bytesAt(handle, at, data.length).equals(data);
}

function bytesAt(handle: Segment, at: number, length: number): Buffer {
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
export function tailOf(handle: Segment, at: number): string {
  return checksum(endBefore(handle, at));
}

function endBefore(handle: Segment, at: number): Buffer {
  const from = Math.max(0, at - TAIL_BYTES);
  return bytesAt(handle, from, at - from);
}
