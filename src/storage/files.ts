/**
 * What was last seen of the files, so that a look that finds nothing new costs a `stat` or less.
 *
 * A remembered text is trusted only if inode, size, mtime and ctime are all unchanged and the file
 * was already older than {@link RACY_MS} when it was read: two edits within one tick of the file
 * system's clock look alike otherwise (git's "racy" rule; 74 % of quick versions of one file
 * collided on size and milliseconds alone).
 *
 * A caller says how old a look may be (`since`): a commit by anybody is seen at once, because the
 * journal names the paths it touched; a hand edit by looks that begin {@link FRESH_MS} later.
 */

import { isFlowError, type FlowError } from "../errors.ts";
import type { Disk, Stat } from "../disk/disk.ts";
import { ioError } from "../disk/io-error.ts";
import { placeIn } from "./added-names.ts";
import { digest } from "./hash.ts";
import { folderOf, inFolder, nameOf } from "./layout.ts";

/** A hand edit may go unseen for this long. */
export const FRESH_MS = 20;
/** Younger than this when read, a file's stat does not prove its content. */
const RACY_MS = 20;
/** The same on file systems shared between kernels, whose clocks and caches lag. */
const RACY_SHARED_MS = 2000;
/** The same where the file system stamps with whole seconds (HFS+, ext3) or every other one (FAT). */
const RACY_COARSE_MS = 2000;
const SECOND_MS = 1000;

/** A file as it was seen. Entries are not changed: another content is another entry. */
export interface FileEntry {
  readonly path: string;
  readonly text: string;
  /** Opaque; differs when the text differs. */
  readonly revision: string;
  readonly stat: Stat;
  /** What a codec made of the text; kept here so that it is made once. */
  decoded: unknown;
}

/** A file that could not be read as text. */
export interface FileFault {
  readonly path: string;
  readonly fault: FlowError;
}

/** A document's file, or why it cannot be read. */
export type Document = FileEntry | FileFault;

/** Whether a document could not be read as text. */
export function isFault(document: Document): document is FileFault {
  return "fault" in document;
}

/** Whether a call failed because a link stands where a folder or a file belongs. */
export function isLinked(error: unknown): boolean {
  return isFlowError(error, "IO") && error.context["errno"] === "ELOOP";
}

/** Whether a folder could not be listed because something else stands in its place. */
export function isNoFolder(error: unknown): boolean {
  return isLinked(error) || (isFlowError(error, "IO") && error.context["errno"] === "ENOTDIR");
}

/** Of a text that is not in its file yet. */
export const NO_STAT: Stat = {
  dev: 0,
  ino: 0,
  size: 0,
  nlink: 0,
  mtimeMs: 0,
  ctimeMs: 0,
  isFile: () => true,
  isDirectory: () => false,
  isSymbolicLink: () => false,
};

interface Seen {
  entry: FileEntry | FileFault | null;
  lookedAt: number;
  /** Whether an equal stat proves an equal content. */
  settled: boolean;
}

interface SeenFolder {
  names: readonly string[];
  stat: Stat | null;
  lookedAt: number;
  settled: boolean;
  /** Rises whenever the folder was found changed. */
  version: number;
}

export interface FilesOptions {
  /** Wall clock in ms, the one that file times are compared with. */
  readonly wallMs: () => number;
  /** A clock in ms that never jumps. */
  readonly monotonicMs: () => number;
  readonly shared: boolean;
}

export class Files {
  readonly #disk: Disk;
  readonly #options: FilesOptions;
  readonly #racyMs: number;
  readonly #files = new Map<string, Seen>();
  readonly #folders = new Map<string, SeenFolder>();

  constructor(disk: Disk, options: FilesOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#racyMs = options.shared ? RACY_SHARED_MS : RACY_MS;
  }

  /** The earliest look that a read which begins now may rely on. */
  freshSince(): number {
    return this.#options.monotonicMs() - FRESH_MS;
  }

  now(): number {
    return this.#options.monotonicMs();
  }

  /**
   * A commit changed this path: the next look goes to the disk. The names of its folder follow
   * from what the commit says, so the folder need not be listed again for it.
   */
  touched(path: string, isThere: boolean): void {
    const seen = this.#files.get(path);
    if (seen !== undefined) seen.lookedAt = -Infinity;
    this.#noteName(path, isThere);
    // A commit makes the folders that its files need, and removes none.
    if (!isThere) return;
    for (let at = folderOf(path); at !== ""; at = folderOf(at)) this.#noteName(at, true);
  }

  #noteName(path: string, isThere: boolean): void {
    const folder = this.#folders.get(folderOf(path));
    if (folder === undefined) return;
    const name = nameOf(path);
    const at = placeIn(folder.names, name);
    if ((folder.names[at] === name) === isThere) return;
    folder.names = isThere ? folder.names.toSpliced(at, 0, name) : folder.names.toSpliced(at, 1);
    folder.version += 1;
  }

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    for (const seen of this.#files.values()) seen.lookedAt = -Infinity;
    for (const folder of this.#folders.values()) folder.lookedAt = -Infinity;
  }

  /** What was last seen at a path, at `since` or later; else `undefined`. */
  seen(path: string, since = -Infinity): FileEntry | FileFault | null | undefined {
    const seen = this.#files.get(path);
    return seen !== undefined && seen.lookedAt >= since ? seen.entry : undefined;
  }

  /** What was last seen at a path, if an equal stat proves that it is still so. */
  settled(path: string): FileEntry | FileFault | null | undefined {
    const seen = this.#files.get(path);
    return seen?.settled === true ? seen.entry : undefined;
  }

  /** A file as seen at `since` or later; `null` when there is none. */
  look(path: string, since: number): FileEntry | FileFault | null {
    const seen = this.#files.get(path);
    if (seen !== undefined && seen.lookedAt >= since) return seen.entry;
    const lookedAt = this.#options.monotonicMs();
    const stat = this.#disk.stat(path);
    if (seen !== undefined && seen.settled && isSame(seen.entry, stat)) {
      seen.lookedAt = lookedAt;
      return seen.entry;
    }
    return this.#read(path, stat, seen, lookedAt);
  }

  #read(
    path: string,
    stat: Stat | null,
    seen: Seen | undefined,
    lookedAt: number,
  ): FileEntry | FileFault | null {
    const entry = stat === null ? null : this.#entryOf(path, stat, seen?.entry ?? null);
    // A look that says nothing new may follow at once where the file was still when it was read.
    const settled = stat !== null && this.isStill(Math.max(stat.mtimeMs, stat.ctimeMs));
    if (seen === undefined) this.#files.set(path, { entry, lookedAt, settled });
    else Object.assign(seen, { entry, lookedAt, settled });
    return entry;
  }

  /** Whether what changed at `changedMs` will bear another time when it changes once more. */
  isStill(changedMs: number): boolean {
    // Finer clocks give a whole second as well, once in thousands of times: it is read once more.
    const isCoarse = changedMs % SECOND_MS === 0;
    const racyMs = isCoarse ? Math.max(this.#racyMs, RACY_COARSE_MS) : this.#racyMs;
    return this.#options.wallMs() - changedMs > racyMs;
  }

  #entryOf(
    path: string,
    stat: Stat,
    before: FileEntry | FileFault | null,
  ): FileEntry | FileFault | null {
    // A device may have no end, a pipe nobody who writes.
    if (!stat.isFile()) return sameFault(before, { path, fault: notAFile(path, stat) });
    let text: string | null;
    try {
      text = this.#disk.readText(path);
    } catch (error) {
      // Not UTF-8, a link, a folder, no permission: the file is named, the others are read.
      if (!isFlowError(error) || isPassing(error)) throw error;
      return sameFault(before, { path, fault: error });
    }
    if (text === null) return null;
    if (before !== null && "text" in before && before.text === text) {
      return Object.assign(before, { stat });
    }
    return entryOf(path, text, stat);
  }

  /** The names in a folder as seen at `since` or later; empty when there is no such folder. */
  names(folder: string, since: number): readonly string[] {
    const seen = this.#folders.get(folder);
    if (seen !== undefined && seen.lookedAt >= since) return seen.names;
    const lookedAt = this.#options.monotonicMs();
    const stat = this.#disk.stat(folder);
    if (seen !== undefined && seen.settled && sameStat(seen.stat, stat)) {
      seen.lookedAt = lookedAt;
      return seen.names;
    }
    const listed = this.#disk.list(folder) ?? [];
    const same = seen !== undefined && sameNames(seen.names, listed);
    const settled = stat !== null && this.isStill(stat.mtimeMs);
    const names = same ? seen.names : listed;
    const version = (seen?.version ?? 0) + 1;
    this.#folders.set(folder, { names, stat, lookedAt, settled, version });
    if (!same && seen !== undefined) this.#forgetVanished(folder, seen.names, new Set(listed));
    return names;
  }

  /** What is at a folder's path as seen at `since` or later; `null` when there is nothing. */
  folder(folder: string, since: number): Stat | null {
    const seen = this.#folders.get(folder);
    return seen !== undefined && seen.lookedAt >= since ? seen.stat : this.#disk.stat(folder);
  }

  /** When a folder was last looked at; `-Infinity` for never. */
  lookedAt(folder: string): number {
    return this.#folders.get(folder)?.lookedAt ?? -Infinity;
  }

  /** A number that rises whenever a folder was found changed. */
  folderVersion(folder: string): number {
    return this.#folders.get(folder)?.version ?? 0;
  }

  #forgetVanished(folder: string, before: readonly string[], now: ReadonlySet<string>): void {
    for (const name of before) if (!now.has(name)) this.#files.delete(inFolder(folder, name));
  }
}

class LazyEntry implements FileEntry {
  readonly path: string;
  readonly text: string;
  readonly stat: Stat;
  decoded: unknown = undefined;
  #revision: string | undefined;

  constructor(path: string, text: string, stat: Stat) {
    this.path = path;
    this.text = text;
    this.stat = stat;
  }

  get revision(): string {
    return (this.#revision ??= digest(this.text));
  }
}

/** The same fault is the same entry: who compares two looks must not see a change. */
function sameFault(before: FileEntry | FileFault | null, now: FileFault): FileFault {
  if (before === null || "text" in before) return now;
  return before.fault.message === now.fault.message ? before : now;
}

/** What the process or the machine lacks: it says nothing of the file, and lists must not go without. */
const PASSING: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EAGAIN"]);

function isPassing(error: FlowError): boolean {
  return error.code === "IO" && PASSING.has(error.context["errno"]);
}

function notAFile(path: string, stat: Stat): FlowError {
  const errno = stat.isDirectory() ? "EISDIR" : stat.isSymbolicLink() ? "ELOOP" : "ENXIO";
  return ioError("readText", path, errno);
}

/** An entry for a text that is (or will be) at `path`. */
export function entryOf(path: string, text: string, stat: Stat): FileEntry {
  return new LazyEntry(path, text, stat);
}

function isSame(entry: FileEntry | FileFault | null, stat: Stat | null): boolean {
  if (entry === null) return stat === null;
  return "text" in entry && stat !== null && sameStat(entry.stat, stat);
}

/** Whether two looks saw the same file, unchanged. */
export function sameStat(a: Stat | null, b: Stat | null): boolean {
  if (a === null || b === null) return a === b;
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
