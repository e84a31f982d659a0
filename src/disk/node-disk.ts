/** The port over `node:fs`; the only file that reads and writes a store's root for real. */

import { isUtf8 } from "node:buffer";
import * as fs from "node:fs";

import { FlowError } from "../errors.ts";
import type { Disk, Handle, OpenMode, Stat } from "./disk.ts";
import { FileStat } from "./file-stat.ts";
import { checkPath, errnoOf, ioError, type IoDetails } from "./io-error.ts";

const WINDOWS = process.platform === "win32";

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
// Windows has none of these three.
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Without O_NONBLOCK, opening a FIFO waits for a writer, for ever. */
const READING = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: READING,
  append: O_RDWR | O_APPEND | O_NOFOLLOW,
  write: O_RDWR | O_NOFOLLOW,
};
/** Windows flushes only through a descriptor that may write (untested). */
const SYNCING = WINDOWS ? O_RDWR : READING;

/** Node takes numbers here too; its types do not know it. */
const FLAG = READING as unknown as string;
const AS_TEXT = { encoding: "utf8", flag: FLAG } as const;
const AS_BYTES = { flag: FLAG } as const;
const MAY_BE_ABSENT = { throwIfNoEntry: false } as const;

/** Failures that are an answer. */
type Expected = readonly string[];
const NONE: Expected = [];
const ABSENT: Expected = ["ENOENT", "ENOTDIR"];
const TAKEN: Expected = ["EEXIST"];
const ABSENT_OR_FULL: Expected = [...ABSENT, "ENOTEMPTY", "EEXIST"];

/**
 * The folder `root` of the real file system.
 *
 * The root itself may be reached through a link; what is below it may not. A name that is not
 * UTF-8 is listed with U+FFFD in it and cannot be opened.
 *
 * @param root absolute
 */
export function nodeDisk(root: string): Disk {
  const prefix = root.endsWith("/") ? root : `${root}/`;

  /** Does `act`; every failure leaves as an `IO` error, an expected one as `otherwise`. */
  function attempt<T, Otherwise>(
    operation: string,
    path: string,
    act: (fullPath: string) => T,
    expected: Expected,
    otherwise: Otherwise,
    details?: IoDetails,
  ): T | Otherwise {
    checkPath(path);
    try {
      return act(prefix + path);
    } catch (error) {
      if (expected.includes(errnoOf(error) ?? "")) return otherwise;
      throw failure(operation, path, error, details);
    }
  }

  const stat = (path: string): Stat | null => attempt("stat", path, statAt, ABSENT, null);

  /** Says no when something of the wrong sort bears the name `path`. */
  function refuse(
    wrong: (found: Stat) => boolean,
    operation: string,
    path: string,
    errno: string,
  ): void {
    const found = stat(path);
    if (found !== null && wrong(found)) throw ioError(operation, path, errno);
  }

  function text(full: string, path: string): string {
    const found = fs.readFileSync(full, AS_TEXT);
    if (found === "") refuse(isSpecial, "readText", path, "ENXIO");
    if (found.indexOf("\uFFFD") === -1) return found;
    // The file holds that character, or bytes that are not UTF-8 have become it.
    const bytes = fs.readFileSync(full, AS_BYTES);
    if (isUtf8(bytes)) return bytes.toString("utf8");
    throw new FlowError("CORRUPT", `${path} is not UTF-8`, { context: { file: path } });
  }

  return {
    root,
    stat,
    read(path) {
      const bytes = attempt("read", path, (full) => fs.readFileSync(full, AS_BYTES), ABSENT, null);
      if (bytes?.length === 0) refuse(isSpecial, "read", path, "ENXIO");
      return bytes;
    },
    readText: (path) => attempt("readText", path, (full) => text(full, path), ABSENT, null),
    list(path) {
      refuse(isLink, "list", path, "ELOOP");
      return attempt("list", path, (full) => fs.readdirSync(full).sort(), ABSENT, null);
    },
    open(path, mode) {
      const opened = (full: string) => openHandle(path, fs.openSync(full, FLAGS[mode]), mode);
      return attempt("open", path, opened, ABSENT, null);
    },
    create: (path, data) =>
      attempt("create", path, (full) => createFile(full, data), NONE, undefined),
    rename(from, to) {
      checkPath(to);
      attempt("rename", from, (full) => renameFile(full, prefix + to), NONE, undefined, { to });
    },
    link(from, to) {
      checkPath(to);
      const linked = (full: string) => (fs.linkSync(full, prefix + to), true);
      return attempt("link", from, linked, TAKEN, false, { to });
    },
    remove: (path) => attempt("remove", path, (full) => (fs.unlinkSync(full), true), ABSENT, false),
    makeFolder(path) {
      const made = (full: string) => (fs.mkdirSync(full), true);
      if (attempt("makeFolder", path, made, TAKEN, false)) return true;
      refuse((found) => !found.isDirectory(), "makeFolder", path, "EEXIST");
      return false;
    },
    removeFolder: (path) =>
      attempt("removeFolder", path, (full) => (fs.rmdirSync(full), true), ABSENT_OR_FULL, false),
    touch(path, atMs) {
      const seconds = atMs / 1000;
      // Not utimes: that follows a link, out of the root as well.
      attempt("touch", path, (full) => fs.lutimesSync(full, seconds, seconds), NONE, undefined);
    },
    syncFile: (path) => attempt("syncFile", path, (full) => syncBy(full, SYNCING), ABSENT, false),
    syncFolder(path) {
      if (attempt("syncFolder", path, syncFolder, ABSENT, false)) return true;
      // Linux calls a link "not a folder"; that must not read as "gone".
      refuse(isLink, "syncFolder", path, "ELOOP");
      return false;
    },
  };
}

function statAt(full: string): Stat | null {
  const stats = fs.lstatSync(full, MAY_BE_ABSENT);
  return stats === undefined ? null : new FileStat(stats);
}

const isLink = (found: Stat): boolean => found.isSymbolicLink();

/** A FIFO, a socket, a device: reading one gives nothing, and "nothing" must not pass for a file. */
const isSpecial = (found: Stat): boolean =>
  !found.isFile() && !found.isDirectory() && !found.isSymbolicLink();

function failure(operation: string, path: string, error: unknown, details?: IoDetails): unknown {
  const errno = error instanceof FlowError ? null : errnoOf(error);
  // Not from the file system: ours already, or a defect to be seen as it is.
  return errno === null ? error : ioError(operation, path, errno, error, details);
}

function openHandle(path: string, descriptor: number, mode: OpenMode): Handle {
  let open = true;

  /** The number of a closed descriptor soon belongs to another file. */
  function attempt<T>(operation: string, act: (fd: number) => T): T {
    if (!open) throw ioError(operation, path, "EBADF");
    try {
      return act(descriptor);
    } catch (error) {
      throw failure(operation, path, error);
    }
  }

  return {
    path,
    stat: () => attempt("fstat", (fd) => new FileStat(fs.fstatSync(fd))),
    read: (buffer, offset, length, position) =>
      attempt("pread", (fd) => fs.readSync(fd, buffer, offset, length, position)),
    write(data, position) {
      if (mode === "write" && position === undefined) {
        throw new FlowError("INTERNAL", `A write to ${path} without a position`);
      }
      // An appending descriptor needs none, and systems differ on what they do with one.
      const at = mode === "append" ? null : position;
      const written = attempt("write", (fd) => fs.writeSync(fd, data, 0, data.length, at));
      if (written < data.length) throw ioError("write", path, "ENOSPC", undefined, { written });
    },
    sync: () => attempt("sync", (fd) => fs.fdatasyncSync(fd)),
    close() {
      if (!open) return;
      attempt("close", (fd) => {
        open = false;
        fs.closeSync(fd);
      });
    },
  };
}

function createFile(full: string, data: string | Buffer): void {
  const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  const fd = fs.openSync(full, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o666);
  let closed = false;
  try {
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(fd, bytes, done, bytes.length - done);
    }
    closed = true; // Also when closing fails: the descriptor is gone then too.
    fs.closeSync(fd);
  } catch (error) {
    try {
      if (!closed) fs.closeSync(fd);
      fs.unlinkSync(full);
    } catch {
      // A broken disk: the first failure is the one to report, and the caller sweeps leftovers.
    }
    throw error;
  }
}

/** How often, and how far apart, Windows is asked again (untested): about 150 ms in all. */
const RENAME_TRIES = 5;
const RENAME_PAUSE_MS = 10;

function renameFile(from: string, to: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      fs.renameSync(from, to);
      return;
    } catch (error) {
      // Windows refuses for as long as a virus scanner or a reader has the target open.
      const passing = WINDOWS && ["EPERM", "EBUSY", "EACCES"].includes(errnoOf(error) ?? "");
      if (!passing || attempt === RENAME_TRIES) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RENAME_PAUSE_MS * attempt);
    }
  }
}

function syncBy(full: string, flags: number): true {
  const fd = fs.openSync(full, flags);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  return true;
}

function syncFolder(full: string): true {
  try {
    return syncBy(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    // Windows (EPERM, EISDIR), some FUSE and network file systems (EINVAL) cannot do it at all.
    if (["EINVAL", "EPERM", "EISDIR"].includes(errnoOf(error) ?? "")) return true;
    throw error;
  }
}
