/**
 * The port to the file system: everything above this room speaks of one folder (a store's root)
 * and of paths relative to it, written with `/`.
 *
 * All verbs are synchronous: small files are read and replaced 2 to 40 times faster that way
 * than through the thread pool, and a commit must not be interleaved with the process's own work.
 * Every failure is a `FlowError` of code `IO` whose context holds `operation`, `file` and `errno`,
 * by construction; absence is `null` or `false` where a caller can expect it.
 *
 * Files are opened without following a link in their last part; `list` refuses a linked folder.
 */

/** What `stat` tells. Times are milliseconds with a fraction (resolution about 0.25 µs). */
export interface Stat {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly nlink: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** How a file is opened: never created by opening. */
export type OpenMode =
  /** For reading only. */
  | "read"
  /** For reading anywhere and writing at the end only (`O_APPEND`). */
  | "append"
  /** For reading and writing anywhere. */
  | "write";

/** An open file. It stays the same file when its name is given to another. */
export interface Handle {
  readonly path: string;
  stat(): Stat;
  /** Reads up to `length` bytes from `position` into `buffer` at `offset`; 0 at the end. */
  read(buffer: Buffer, offset: number, length: number, position: number): number;
  /**
   * Writes in one call, at `position` or, opened for appending, at the end.
   * Fewer bytes than given is an `IO` error of errno `ENOSPC` (a torn write); what was written
   * stays written.
   */
  write(data: Buffer, position?: number): void;
  /** Makes what was written durable (`fdatasync`). */
  sync(): void;
  close(): void;
}

/** One folder of a file system. Paths are relative to it; `""` is the folder itself. */
export interface Disk {
  /** The folder, absolute, for messages to people and for the few packages that need it. */
  readonly root: string;

  /** The bytes of a file; `null` when there is none. */
  read(path: string): Buffer | null;
  /** The text of a file; `null` when there is none. Bytes that are not UTF-8: `CORRUPT`. */
  readText(path: string): string | null;
  /** Facts about a name, links not followed; `null` when there is none. */
  stat(path: string): Stat | null;
  /** The names in a folder, sorted by code unit; `null` when there is no such folder. */
  list(path: string): string[] | null;
  open(path: string, mode: OpenMode): Handle | null;

  /** Makes a file that must not exist and writes all of `data`; not durable by itself. */
  create(path: string, data: string | Buffer): void;
  /** Gives a file or folder another name, replacing a file that bears it. */
  rename(from: string, to: string): void;
  /** A second name for a file; `false` when the name is taken. */
  link(from: string, to: string): boolean;
  /** Removes a file; `false` when there was none. */
  remove(path: string): boolean;
  /** Makes a folder whose parent exists; `false` when there was one. */
  makeFolder(path: string): boolean;
  /** Removes an empty folder; `false` when there was none or it is not empty. */
  removeFolder(path: string): boolean;
  /** Sets a file's time of change to `atMs`, the wall clock's milliseconds. */
  touch(path: string, atMs: number): void;
  /** Makes a file's content durable; `false` when there is none. */
  syncFile(path: string): boolean;
  /** Makes the names in a folder durable; `false` when there is none. */
  syncFolder(path: string): boolean;
}
