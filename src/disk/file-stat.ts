/** What is kept of a `stat`: Node's own answer holds four dates more, and thousands are remembered. */

import { constants, type Stats } from "node:fs";

import type { Stat } from "./disk.ts";

const { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } = constants;

export class FileStat implements Stat {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly nlink: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly #type: number;

  constructor({ dev, ino, size, nlink, mtimeMs, ctimeMs, mode }: Stats) {
    this.dev = dev;
    this.ino = ino;
    this.size = size;
    this.nlink = nlink;
    this.mtimeMs = mtimeMs;
    this.ctimeMs = ctimeMs;
    this.#type = mode & S_IFMT;
  }

  isFile(): boolean {
    return this.#type === S_IFREG;
  }

  isDirectory(): boolean {
    return this.#type === S_IFDIR;
  }

  isSymbolicLink(): boolean {
    return this.#type === S_IFLNK;
  }
}
