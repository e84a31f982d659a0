/** The calls that proper-lockfile makes, done by a disk in memory. */
import type { Disk } from "#src/disk/disk.js";
import { isFlowError } from "#src/errors.js";

type Answer<T> = (error: unknown, value?: T) => void;

function errno(code: unknown): Error {
  return Object.assign(new Error(String(code)), { code });
}

/** Each call is answered at once. */
export function lockfileOn(disk: Disk): object {
  const answer = <T>(callback: Answer<T>, verb: () => T): void => {
    let value: T;
    try {
      value = verb();
    } catch (error) {
      const isPlain = !isFlowError(error, "IO");
      callback(isPlain ? error : errno(error.context["errno"]));
      return;
    }
    callback(null, value);
  };
  return {
    mkdir: (path: string, callback: Answer<void>) =>
      answer(callback, () => {
        if (!disk.makeFolder(path)) throw errno("EEXIST");
      }),
    rmdir: (path: string, callback: Answer<void>) =>
      answer(callback, () => void disk.removeFolder(path)),
    rmdirSync: (path: string) => void disk.removeFolder(path),
    stat: (path: string, callback: Answer<{ mtime: Date }>) =>
      answer(callback, () => {
        const stat = disk.stat(path);
        if (stat === null) throw errno("ENOENT");
        return { mtime: new Date(stat.mtimeMs) };
      }),
    utimes: (path: string, _atime: Date, mtime: Date, callback: Answer<void>) =>
      answer(callback, () => disk.touch(path, mtime.getTime())),
  };
}
