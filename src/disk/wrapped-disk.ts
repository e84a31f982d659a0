/** A disk whose every operation passes through one function. */

import type { Disk, Handle } from "./disk.ts";

/** The operations that change or sync something; those of an open file are `write` and `sync`. */
export const MUTATING: ReadonlySet<string> = new Set([
  "create",
  "rename",
  "link",
  "remove",
  "makeFolder",
  "removeFolder",
  "touch",
  "syncFile",
  "syncFolder",
  "write",
  "sync",
]);

/**
 * Stands before an operation and decides whether and how it is done.
 *
 * @param operation the port's verb; of an open file `pread`, `fstat`, `write`, `sync`, `close`
 * @param act does it
 * @param write of a `write`: what is to be written, and a way to write the first bytes of it
 */
export type Around = <T>(
  operation: string,
  path: string,
  act: () => T,
  write?: { readonly length: number; first(bytes: number): void },
) => T;

export function wrapDisk(inner: Disk, around: Around): Disk {
  return {
    root: inner.root,
    read: (path) => around("read", path, () => inner.read(path)),
    readText: (path) => around("readText", path, () => inner.readText(path)),
    stat: (path) => around("stat", path, () => inner.stat(path)),
    list: (path) => around("list", path, () => inner.list(path)),
    open(path, mode) {
      const handle = around("open", path, () => inner.open(path, mode));
      return handle && wrapHandle(handle, around);
    },
    create: (path, data) => around("create", path, () => inner.create(path, data)),
    rename: (from, to) => around("rename", from, () => inner.rename(from, to)),
    link: (from, to) => around("link", from, () => inner.link(from, to)),
    remove: (path) => around("remove", path, () => inner.remove(path)),
    makeFolder: (path) => around("makeFolder", path, () => inner.makeFolder(path)),
    removeFolder: (path) => around("removeFolder", path, () => inner.removeFolder(path)),
    touch: (path, atMs) => around("touch", path, () => inner.touch(path, atMs)),
    syncFile: (path) => around("syncFile", path, () => inner.syncFile(path)),
    syncFolder: (path) => around("syncFolder", path, () => inner.syncFolder(path)),
  };
}

function wrapHandle(inner: Handle, around: Around): Handle {
  const { path } = inner;
  return {
    path,
    stat: () => around("fstat", path, () => inner.stat()),
    read: (buffer, offset, length, position) =>
      around("pread", path, () => inner.read(buffer, offset, length, position)),
    write: (data, position) =>
      around("write", path, () => inner.write(data, position), {
        length: data.length,
        first: (bytes) => inner.write(data.subarray(0, bytes), position),
      }),
    sync: () => around("sync", path, () => inner.sync()),
    close: () => around("close", path, () => inner.close()),
  };
}
