/**
 * Contents of blobs: files named after the SHA-256 of what they hold. One is whole and durable
 * before a commit names it: written under a name of its own in `local/`, synced, renamed into place.
 */

import { createHash, type Hash } from "node:crypto";

import { FlowError } from "../errors.ts";
import type { Disk, Handle } from "../disk/disk.ts";
import { ioError } from "../disk/io-error.ts";
import {
  BLOB_DATA,
  BLOB_PARTS,
  BLOBS,
  folderOf,
  foldersOf,
  inFolder,
  LOCAL,
  nameOf,
} from "./layout.ts";

/** So much is read at once. */
const CHUNK_BYTES = 256 * 1024;
/** Two digits of the name make its folder, so that none holds too many files. */
const FOLDER_DIGITS = 2;

/** What was written. */
export interface WrittenContent {
  readonly sha256: string;
  readonly size: number;
}

/** Where the content of this digest lies. */
export function pathOfContent(sha256: string): string {
  return inFolder(inFolder(BLOB_DATA, sha256.slice(0, FOLDER_DIGITS)), sha256);
}

const FOLDER_NAME = new RegExp(`^[0-9a-f]{${FOLDER_DIGITS}}$`);
const CONTENT_NAME = /^[0-9a-f]{64}$/;

/** Whether contents lie in such a folder. */
export function isContentFolder(path: string): boolean {
  return folderOf(path) === BLOB_DATA && FOLDER_NAME.test(nameOf(path));
}

/** Whether a path is that of a content. */
export function isContent(path: string): boolean {
  return CONTENT_NAME.test(nameOf(path)) && pathOfContent(nameOf(path)) === path;
}

/**
 * A link in the place of a folder may lead anywhere: nothing is read or written through it.
 *
 * @throws FlowError `IO` of errno `ELOOP`.
 */
function refuseLinks(disk: Disk, path: string): void {
  for (const folder of foldersOf(path)) {
    if (disk.stat(folder)?.isSymbolicLink() === true) throw ioError("open", folder, "ELOOP");
  }
}

/** One content that is being written; nobody sees it before {@link finish}. */
export class ContentWriter {
  readonly #disk: Disk;
  readonly #isDurable: boolean;
  readonly #part: string;
  readonly #handle: Handle;
  readonly #hash: Hash = createHash("sha256");
  #size = 0;

  constructor(disk: Disk, name: string, isDurable: boolean) {
    this.#disk = disk;
    this.#isDurable = isDurable;
    for (const folder of [LOCAL, BLOB_PARTS]) disk.makeFolder(folder);
    this.#part = inFolder(BLOB_PARTS, name);
    refuseLinks(disk, this.#part);
    disk.create(this.#part, "");
    const handle = disk.open(this.#part, "append");
    if (handle === null) throw new FlowError("INTERNAL", `Cannot open ${this.#part} again`);
    this.#handle = handle;
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#hash.update(chunk);
    this.#handle.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#size += chunk.length;
  }

  /** Puts it into its place. What is there under its name already is replaced: it may be damaged. */
  finish(): WrittenContent {
    if (this.#isDurable) this.#handle.sync();
    this.#handle.close();
    const sha256 = this.#hash.digest("hex");
    const path = pathOfContent(sha256);
    for (const folder of [BLOBS, BLOB_DATA, folderOf(path)]) this.#makeFolder(folder);
    refuseLinks(this.#disk, path);
    this.#disk.rename(this.#part, path);
    if (this.#isDurable) this.#disk.syncFolder(folderOf(path));
    return { sha256, size: this.#size };
  }

  #makeFolder(folder: string): void {
    this.#disk.makeFolder(folder);
    // Another process may have made it, and not have synced its name yet.
    if (this.#isDurable) this.#disk.syncFolder(folderOf(folder));
  }

  /** Leaves nothing behind. */
  abort(): void {
    this.#handle.close();
    this.#disk.remove(this.#part);
  }
}

/** The bytes of a content, chunk by chunk; `null` when there is no file. */
export function readContent(disk: Disk, sha256: string): ContentReader | null {
  return (
    openContent(disk, pathOfContent(sha256), sha256) ?? openContent(disk, asideOf(sha256), sha256)
  );
}

function openContent(disk: Disk, path: string, sha256: string): ContentReader | null {
  refuseLinks(disk, path);
  const stat = disk.stat(path);
  if (stat === null) return null;
  if (!stat.isFile()) throw damagedContent(path, "it is no file");
  const handle = disk.open(path, "read");
  return handle === null ? null : new ContentReader(handle, path, sha256);
}

/** How large a content is, by a look at its name; `null` when there is no file. */
export function sizeOfContent(disk: Disk, sha256: string): number | null {
  refuseLinks(disk, pathOfContent(sha256));
  const stat = disk.stat(pathOfContent(sha256)) ?? disk.stat(asideOf(sha256));
  return stat === null ? null : stat.size;
}

/** Reads a content from its beginning, and tells at the end whether it is what its name says. */
export class ContentReader {
  readonly #handle: Handle;
  readonly #path: string;
  readonly #sha256: string;
  readonly #hash: Hash = createHash("sha256");
  #position = 0;

  constructor(handle: Handle, path: string, sha256: string) {
    this.#handle = handle;
    this.#path = path;
    this.#sha256 = sha256;
  }

  /**
   * The next bytes; `null` at the end.
   *
   * @throws FlowError `CORRUPT` at the end of what is another content.
   */
  next(): Buffer | null {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = this.#handle.read(buffer, 0, CHUNK_BYTES, this.#position);
    this.#position += count;
    const chunk = buffer.subarray(0, count);
    this.#hash.update(chunk);
    if (count > 0) return chunk;
    if (this.#hash.digest("hex") === this.#sha256) return null;
    throw damagedContent(this.#path, "its content is not the one that its name stands for");
  }

  close(): void {
    this.#handle.close();
  }
}

/** What is wrong with a content. */
export function damagedContent(path: string, why: string): FlowError {
  return new FlowError("CORRUPT", `Cannot use ${path}: ${why}`, {
    context: { file: path },
    hint: "Take the file back from git, or put the blob anew.",
  });
}

/** A content as its folder tells of it. */
export interface ContentFile {
  readonly sha256: string;
  readonly bytes: number;
  readonly changedMs: number;
}

/** Contents by digest, with their size and the time of their last change. */
export function listContents(disk: Disk): ContentFile[] {
  refuseLinks(disk, inFolder(BLOB_DATA, "any"));
  return (disk.list(BLOB_DATA) ?? []).flatMap((folder) => {
    const path = inFolder(BLOB_DATA, folder);
    if (disk.stat(path)?.isDirectory() !== true) return [];
    return (disk.list(path) ?? []).flatMap((sha256) => {
      const stat = disk.stat(inFolder(path, sha256));
      if (stat?.isFile() !== true || !isContent(inFolder(path, sha256))) return [];
      return [{ sha256, bytes: stat.size, changedMs: Math.max(stat.mtimeMs, stat.ctimeMs) }];
    });
  });
}

/** What a collection has taken aside bears this before its digest. */
const ASIDE = "gone-";

/**
 * Contents that a collection takes away: out of their place first, and for good only when its
 * commit has won. Until then readers find them. What a killed one left the next puts back.
 */
export class ContentsAside {
  readonly #disk: Disk;
  readonly #taken = new Set<string>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Puts back what a killed collection left. */
  takeBack(): void {
    if (this.#disk.stat(BLOB_PARTS)?.isDirectory() !== true) return;
    for (const name of this.#disk.list(BLOB_PARTS) ?? []) {
      if (name.startsWith(ASIDE)) this.#taken.add(name.slice(ASIDE.length));
    }
    this.putBack();
  }

  take(sha256: string): void {
    for (const folder of [LOCAL, BLOB_PARTS]) this.#disk.makeFolder(folder);
    this.#disk.rename(pathOfContent(sha256), asideOf(sha256));
    this.#taken.add(sha256);
  }

  /** Puts back what was taken; what was put anew by now stays. */
  putBack(): void {
    for (const sha256 of this.#taken) {
      const path = pathOfContent(sha256);
      this.#taken.delete(sha256);
      // Whoever took over may have put it back, or removed it.
      if (this.#disk.stat(asideOf(sha256)) === null) continue;
      if (this.#disk.stat(path) !== null) {
        this.#disk.remove(asideOf(sha256));
        continue;
      }
      for (const folder of [BLOBS, BLOB_DATA, folderOf(path)]) this.#disk.makeFolder(folder);
      refuseLinks(this.#disk, path);
      this.#disk.rename(asideOf(sha256), path);
    }
  }

  /** Removes what was taken. */
  drop(): void {
    for (const sha256 of this.#taken) this.#disk.remove(asideOf(sha256));
    this.#taken.clear();
  }
}

function asideOf(sha256: string): string {
  return inFolder(BLOB_PARTS, ASIDE + sha256);
}

/** What writers have begun and not finished, and when each was written last. */
export function listParts(disk: Disk): { path: string; writtenMs: number }[] {
  if (disk.stat(BLOB_PARTS)?.isDirectory() !== true) return [];
  return (disk.list(BLOB_PARTS) ?? []).flatMap((name) => {
    const path = inFolder(BLOB_PARTS, name);
    const stat = disk.stat(path);
    if (stat?.isFile() !== true || name.startsWith(ASIDE)) return [];
    return [{ path, writtenMs: stat.mtimeMs }];
  });
}

/** A writer that has not written for so long is taken for dead. */
export const SILENT_PART_MS = 3_600_000;
