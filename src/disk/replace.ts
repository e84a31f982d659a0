/**
 * Whole files replaced outside a commit, by write-file-atomic: what `init` writes, schemas,
 * exports. Its known defects are closed by the way it is called:
 *
 * | defect | remedy |
 * | --- | --- |
 * | a short write (full disk) replaces the good file by a cut one and reports success | the payload is written in its `tmpfileCreated` hook, in full or not at all |
 * | not durable without a sync of the folder | the folder is synced afterwards |
 * | it changes the options object it is given | a fresh one a call |
 * | temporary names collide between containers | only called under the store's guard, or by `init` on files that are the same whoever writes them |
 */

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import type WriteFileAtomic from "write-file-atomic";

import type { Disk } from "./disk.ts";
import { isFlowError } from "../errors.ts";
import { errnoOf, ioError } from "./io-error.ts";
import { randomBytesOf } from "./random.ts";

/** Loaded when a file is replaced: it takes 12 ms, which other commands need not wait. */
let writeFileAtomic: typeof WriteFileAtomic | undefined;

function loadWriteFileAtomic(): typeof WriteFileAtomic {
  writeFileAtomic ??= createRequire(import.meta.url)("write-file-atomic") as typeof WriteFileAtomic;
  return writeFileAtomic;
}

/**
 * Replaces a file: whoever reads it finds the old or the new content, also after a power cut.
 *
 * @throws FlowError `IO`: the old content stands.
 */
export function replaceFile(disk: Disk, path: string, text: string): void {
  replaceAt(`${disk.root}/${path}`, path, text);
  const slash = path.lastIndexOf("/");
  disk.syncFolder(slash < 0 ? "" : path.slice(0, slash));
}

/** {@link replaceFile} for a file of the user's own, by its absolute path; its folder is not synced. */
export function replaceAt(fullPath: string, shownPath: string, text: string): void {
  try {
    loadWriteFileAtomic().sync(fullPath, "", {
      tmpfileCreated: (temporary: string) => writeAll(temporary, Buffer.from(text)),
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    throw ioError("replace", shownPath, errno, error);
  }
}

/** All of it or an error: the package itself ignores how much was written. */
function writeAll(path: string, data: Buffer): void {
  const fd = openSync(path, "r+");
  try {
    writeAllOf(fd, data);
  } finally {
    closeSync(fd);
  }
}

function writeAllOf(fd: number, data: Uint8Array): void {
  let written = 0;
  while (written < data.length) written += writeSync(fd, data, written, data.length - written);
}

/**
 * {@link replaceAt} for what comes in pieces: they are written beside it under a name of chance,
 * made durable, and only then renamed. A link is followed, and the rights of a file that is there stay.
 *
 * @throws FlowError `IO`, or whatever `chunks` end with: the old content stands.
 */
export async function replaceFrom(
  fullPath: string,
  shownPath: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const target = targetOf(fullPath);
  const temporary = `${target}.${Buffer.from(randomBytesOf(6)).toString("hex")}.tmp`;
  try {
    const fd = openSync(temporary, "wx");
    try {
      for await (const chunk of chunks) writeAllOf(fd, chunk);
      const mode = statSync(target, { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    const errno = isFlowError(error) ? null : errnoOf(error);
    if (errno === null) throw error;
    throw ioError("replace", shownPath, errno, error);
  }
}

/** Where a link leads; a name that is not there is its own. */
function targetOf(fullPath: string): string {
  try {
    return realpathSync(fullPath);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return fullPath;
  }
}
