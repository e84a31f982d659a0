/**
 * proper-lockfile, used for the one thing it does well: `mkdir` as an exclusive claim, with its
 * removal on exit. Its known defects are closed here or by the guard above:
 *
 * | defect | remedy |
 * | --- | --- |
 * | two processes win one stale lock | the package never steals (`stale` is never); the guard steals by generation |
 * | `release` removes whatever bears the name | a name is never given to a second holder while the first may still release it: stealing makes a new name |
 * | the default `onCompromised` ends the process | it only tells the guard |
 * | retries starve, and repeat hopeless errors | none; the guard waits by itself |
 * | a file inside its folder breaks the release | the owner's file lies beside it |
 * | two locks of one `file` share an entry in its table | each has a `file` of its own |
 * | `lockSync` copies its file system object each call and probes the clock again | one adapter a disk, answering at once through the async form |
 */

import { createRequire } from "node:module";
import type * as ProperLockfile from "proper-lockfile";

import { FlowError, isFlowError } from "../errors.ts";
import type { Disk } from "./disk.ts";

/**
 * Not a long time either: a clock that is set on by more than that, or a file server whose clock is
 * so much behind, would have the package take a living holder's lock. (With `update` given, no timer
 * is made of it.)
 */
const NEVER_STALE_MS = Infinity;
/** How often the package renews its own time stamp; nobody here reads it. */
const PACKAGE_HEARTBEAT_MS = 60_000;

/** Loaded by the first write: it takes 14 ms, which a command that only reads need not wait. */
let properLockfile: typeof ProperLockfile | undefined;

function loadProperLockfile(): typeof ProperLockfile {
  properLockfile ??= createRequire(import.meta.url)("proper-lockfile") as typeof ProperLockfile;
  return properLockfile;
}

type Callback<T> = (error: unknown, value?: T) => void;

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The disk's failure as the package expects it: with its errno as the code. */
function asErrno(failure: FlowError): Error {
  return Object.assign(new Error(failure.message, { cause: failure }), {
    code: failure.context["errno"],
  });
}

/** The six calls that the package makes, answered at once by the disk. */
function adapterOf(disk: Disk): object {
  const answer = <T>(callback: Callback<T>, verb: () => T): void => {
    let value: T;
    try {
      value = verb();
    } catch (error) {
      callback(isFlowError(error, "IO") ? asErrno(error) : error);
      return;
    }
    callback(null, value);
  };
  return {
    mkdir: (path: string, callback: Callback<void>) =>
      answer(callback, () => {
        if (!disk.makeFolder(path)) throw errno("EEXIST");
      }),
    rmdir: (path: string, callback: Callback<void>) =>
      answer(callback, () => void disk.removeFolder(path)),
    rmdirSync: (path: string) => void disk.removeFolder(path),
    stat: (path: string, callback: Callback<{ mtime: Date }>) =>
      answer(callback, () => {
        const stat = disk.stat(path);
        if (stat === null) throw errno("ENOENT");
        return { mtime: new Date(stat.mtimeMs) };
      }),
    utimes: (path: string, _atime: Date, mtime: Date, callback: Callback<void>) =>
      answer(callback, () => disk.touch(path, mtime.getTime())),
    realpath: (path: string, callback: Callback<string>) => answer(callback, () => path),
  };
}

const adapters = new WeakMap<Disk, object>();

/**
 * Claims `path` (a folder is made there) for this process.
 *
 * @returns the release, or `null` when somebody holds it.
 * @throws FlowError `IO` when it could not be tried: a denied permission never reads as "held".
 */
export async function takeExclusive(
  disk: Disk,
  path: string,
  holder: string,
  onLost: () => void,
): Promise<(() => Promise<void>) | null> {
  let adapter = adapters.get(disk);
  if (adapter === undefined) adapters.set(disk, (adapter = adapterOf(disk)));
  try {
    const release = await loadProperLockfile().lock(`${disk.root}/${path}#${holder}`, {
      lockfilePath: path,
      fs: adapter,
      realpath: false,
      retries: 0,
      stale: NEVER_STALE_MS,
      update: PACKAGE_HEARTBEAT_MS,
      onCompromised: onLost,
    });
    return async () => {
      try {
        await release();
      } catch (error) {
        throw asFailure(error);
      }
    };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // EEXIST: the folder went away between the package's stat and its second mkdir, and came back.
    if (code === "ELOCKED" || code === "EEXIST") return null;
    throw asFailure(error);
  }
}

/** What the package threw; the disk's own failure where it is one. */
function asFailure(error: unknown): unknown {
  const { cause } = error as Error;
  return cause instanceof FlowError ? cause : error;
}
