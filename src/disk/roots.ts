/** Finding a store's root from a folder of the user's, and making temporary ones. */

import { lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { errnoOf, ioError } from "./io-error.ts";

/**
 * Absolute, links resolved as far as the folder exists.
 *
 * @param dir from the working folder; `undefined` is that one itself
 * @throws FlowError `IO` where the working folder counts and was removed.
 */
export function absolute(dir = "."): string {
  const full = fromHere(dir);
  try {
    return realpathSync(full);
  } catch (error) {
    // It does not exist yet, or may not be looked at: then it is what it is called.
    if (errnoOf(error) !== null) return full;
    throw error;
  }
}

function fromHere(dir: string): string {
  try {
    return resolve(dir);
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === null ? error : ioError("find", "the working folder", errno, error);
  }
}

/** Whether `path` is a regular file; fails as {@link isFolder} does. */
export function isFile(path: string): boolean {
  return isThere(path, () => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/**
 * Whether `path` is a folder, or a link to one.
 *
 * @throws FlowError `IO` where the disk fails: a store on it must not pass for none.
 */
export function isFolder(path: string): boolean {
  return isThere(path, () => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
}

function isThere(path: string, look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    if (errno === "EIO") throw ioError("stat", path, errno, error);
    // A name too long, a circle of links, a file in place of a folder.
    return false;
  }
}

/** `dir` and the folders above it, up to the home folder or the file system's root. */
export function* upwards(dir: string): Iterable<string> {
  const home = absolute(homedir());
  const device = deviceOf(dir);
  for (let at = dir; ; at = dirname(at)) {
    const here = deviceOf(at);
    if (here !== null && device !== null && here !== device) return;
    yield at;
    if (at === home || dirname(at) === at) return;
  }
}

/** The device that a path lies on; `null` when it cannot be looked at. */
function deviceOf(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.dev ?? null;
  } catch (error) {
    // A name too long, a circle of links, a file in place of a folder: no store lies there.
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

/**
 * Makes a folder and those above it, where they are missing. One after another: node's own
 * `recursive` never returns where a folder is there and nothing can be made in it (`/proc`).
 *
 * @throws FlowError `IO`.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    // Two processes may both make it.
    if (errno !== "EEXIST" || !isFolder(path)) throw ioError("makeFolder", path, errno, error);
  }
}

/** A fresh folder that nobody else has. */
export function makeTemporaryFolder(): string {
  try {
    return absolute(mkdtempSync(join(tmpdir(), "flowstore-")));
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === null ? error : ioError("makeFolder", tmpdir(), errno, error);
  }
}

/**
 * Removes a temporary folder with all that is in it.
 *
 * @throws FlowError `IO`.
 */
export function removeTemporaryFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === null ? error : ioError("removeFolder", path, errno, error);
  }
}
