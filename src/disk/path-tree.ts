/** A file system that holds nothing but some paths: a pattern is matched with them as with a disk. */

import type { Dirent, Stats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import type { FileSystemAdapter } from "fast-glob";

/** Paths relative to a folder, with `/`, and what each of them is. */
export type KnownPaths = ReadonlyMap<string, "file" | "folder">;

interface Node {
  readonly entry: Entry;
  readonly below: Map<string, Entry>;
}

/** As much of a `Dirent`, and of a `Stats`, as is asked for. */
class Entry {
  readonly name: string;
  #isFolder: boolean;

  constructor(name: string, isFolder: boolean) {
    this.name = name;
    this.#isFolder = isFolder;
  }

  /** What has something below it is a folder. */
  becomeFolder(): void {
    this.#isFolder = true;
  }

  readonly isFile = (): boolean => !this.#isFolder;
  readonly isDirectory = (): boolean => this.#isFolder;
  readonly isSymbolicLink = (): boolean => false;
  readonly isBlockDevice = (): boolean => false;
  readonly isCharacterDevice = (): boolean => false;
  readonly isFIFO = (): boolean => false;
  readonly isSocket = (): boolean => false;
}

/** What fast-glob searches in place of the disk. */
export function treeOf(folder: string, paths: KnownPaths): Partial<FileSystemAdapter> {
  const nodes = new Map<string, Node>();
  const add = (path: string, isFolder: boolean): Node => {
    const known = nodes.get(path);
    if (known !== undefined) {
      if (isFolder) known.entry.becomeFolder();
      return known;
    }
    const node = { entry: new Entry(basename(path), isFolder), below: new Map<string, Entry>() };
    nodes.set(path, node);
    if (path !== folder) add(dirname(path), true).below.set(node.entry.name, node.entry);
    return node;
  };
  add(folder, true);
  for (const [path, kind] of paths) add(join(folder, path), kind === "folder");
  const look = <T>(path: string, what: (node: Node) => T, done: (...answer: never[]) => void) => {
    const node = nodes.get(resolve(path));
    const answer = done as (error: NodeJS.ErrnoException | null, found?: T) => void;
    if (node === undefined) answer(Object.assign(new Error(`No ${path}`), { code: "ENOENT" }));
    else answer(null, what(node));
  };
  const stat: FileSystemAdapter["stat"] = (path, done) =>
    look(path, ({ entry }) => entry as unknown as Stats, done);
  const readdir = (path: string, _options: unknown, done: (...answer: never[]) => void) =>
    look(path, ({ below }) => [...below.values()] as unknown as Dirent[], done);
  // It is asked for entries only, not for bare names.
  return { stat, lstat: stat, readdir: readdir as FileSystemAdapter["readdir"] };
}
