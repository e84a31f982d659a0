/** A file system in memory, for tests: a power cut takes from it whatever was not synced. */

import { isUtf8 } from "node:buffer";

import { FlowError } from "../errors.ts";
import type { Disk, Handle, OpenMode, Stat } from "./disk.ts";
import type { CrashVariant, Operation } from "./durability.ts";
import { checkPath, ioError, type IoDetails } from "./io-error.ts";
import { memoryHandle } from "./memory-handle.ts";
import { renameFault, ROOT_INO, setName, statOf, Tree } from "./memory-tree.ts";
import type { Effect, Entries, Node, Place } from "./memory-tree.ts";
import { cutAt, cuts } from "./power-cut.ts";
import type { CrashOptions, CrashStatesOptions } from "./power-cut.ts";

export interface MemoryDiskOptions {
  /** Milliseconds of the wall clock; default `Date.now`. */
  readonly now?: () => number;
  /** What the disk calls its root; nothing lies there. Default `/memory`. */
  readonly root?: string;
}

/** One thing that a power cut may leave. */
export interface CrashState {
  readonly at: number;
  readonly variant: CrashVariant;
  readonly disk: MemoryDisk;
}

/**
 * The port in memory, without links of the symbolic kind.
 *
 * Behaves as Linux does, inode numbers, link counts and times included, but for one thing: a
 * number is not given to a second inode. {@link crash} tells what lasts; syncing a folder through
 * `syncFile` or a handle makes nothing last here.
 */
export class MemoryDisk implements Disk {
  readonly root: string;
  /** Called before every operation that changes or syncs; may act on this disk, or throw. */
  onOperation: ((name: string, path: string) => void) | null = null;
  /** Whether {@link onOperation} hears of reading too. */
  hookReads = false;

  readonly #now: () => number;
  readonly #dev: number;
  /** What lasted when this disk began. */
  readonly #beginning: Tree;
  readonly #tree: Tree;
  readonly #log: Operation[] = [];
  #inHook = false;

  constructor(options: MemoryDiskOptions = {}, beginning?: { tree: Tree; dev: number }) {
    this.root = options.root ?? "/memory";
    this.#now = options.now ?? Date.now;
    this.#dev = beginning?.dev ?? 1;
    this.#beginning = beginning?.tree ?? new Tree();
    if (beginning === undefined) this.#beginning.make(ROOT_INO, true, this.#now()).nlink = 1;
    this.#tree = this.#beginning.clone();
  }

  /** How many operations have changed or synced something so far; failed ones do not count. */
  get operations(): number {
    return this.#log.length;
  }

  /** Everything that is on the disk now, as the beginning of another one. */
  beginning(): { tree: Tree; dev: number } {
    return { tree: this.#tree.clone(), dev: this.#dev };
  }

  /** What has changed or synced something, without the first `from` operations. */
  recorded(from = 0): readonly Operation[] {
    return this.#log.slice(from);
  }

  /** Does what another disk, which began and went on as this one, has {@link recorded}. */
  replay(operations: readonly Operation[]): void {
    for (const operation of operations) {
      for (const effect of operation.effects) this.#tree.apply(effect, operation.atMs);
      this.#log.push(operation);
    }
  }

  /**
   * The disk as a power cut leaves it: all that is on it lasts, its `dev` is another, inode
   * numbers are kept. This disk goes on as if nothing had happened.
   */
  crash(variant: CrashVariant, options: CrashOptions = {}): MemoryDisk {
    return this.#after(cutAt(this.#beginning, this.#log, variant, options));
  }

  /**
   * What a power cut may leave, at every point between the operations.
   *
   * @yields at each point each variant whose outcome may differ from the others' there
   */
  *crashStates(options: CrashStatesOptions = {}): Generator<CrashState> {
    for (const { at, variant, tree } of cuts(this.#beginning, this.#log, options)) {
      yield { at, variant, disk: this.#after(tree) };
    }
  }

  /** Every file's text by its path, sorted by path; folders are not in it. */
  snapshotTree(): Map<string, string> {
    const files = [...this.#tree.files()].sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(files.map(([path, file]) => [path, file.content.view().toString("utf8")]));
  }

  read(path: string): Buffer | null {
    return this.#bytes("read", path);
  }

  readText(path: string): string | null {
    const bytes = this.#bytes("readText", path);
    if (bytes === null || isUtf8(bytes)) return bytes?.toString("utf8") ?? null;
    throw new FlowError("CORRUPT", `${path} is not UTF-8`, { context: { file: path } });
  }

  stat(path: string): Stat | null {
    const node = this.#look("stat", path);
    return node && statOf(node, this.#dev);
  }

  list(path: string): string[] | null {
    const node = this.#look("list", path);
    return node?.kind === "folder" ? [...node.entries.keys()].sort() : null;
  }

  open(path: string, mode: OpenMode): Handle | null {
    const node = this.#look("open", path);
    if (node === null) return null;
    if (node.kind === "folder" && mode !== "read") throw ioError("open", path, "EISDIR");
    return memoryHandle(path, node, mode, {
      dev: this.#dev,
      reading: (name) => (this.hookReads ? this.#hook(name, path) : undefined),
      changing: (name) => this.#hook(name, path),
      do: (name, effect) => this.#do(name, path, effect === null ? [] : [effect]),
    });
  }

  create(path: string, data: string | Buffer): void {
    const place = this.#place("create", path);
    if (place.node !== null) throw ioError("create", path, "EEXIST");
    const ino = this.#tree.nextIno;
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : Buffer.from(data);
    const effects: Effect[] = [{ kind: "make", ino, folder: false }, setName(place, ino)];
    if (bytes.length > 0) effects.push({ kind: "write", ino, position: 0, data: bytes });
    this.#do("create", path, effects);
  }

  rename(from: string, to: string): void {
    this.#hook("rename", from);
    const source = this.#find("rename", from, from, { to });
    const target = this.#find("rename", to, from, { to });
    const errno = renameFault(from, source, to, target);
    if (errno !== null) throw ioError("rename", from, errno, undefined, { to });
    const { node } = source;
    // Two names of one file: POSIX leaves both.
    if (node === null || node === target.node) return this.#do("rename", from, []);
    if (source.parent === target.parent) {
      const changes: Entries["changes"] = [
        [source.name, null],
        [target.name, node.ino],
      ];
      return this.#do("rename", from, [{ kind: "entries", folder: source.parent.ino, changes }]);
    }
    const added = setName(target, node.ino);
    const together = node.kind === "folder";
    this.#do("rename", from, [added, { ...setName(source, null), after: added, together }]);
  }

  link(from: string, to: string): boolean {
    this.#hook("link", from);
    const { node } = this.#find("link", from, from, { to });
    if (node === null) throw ioError("link", from, "ENOENT", undefined, { to });
    const target = this.#find("link", to, from, { to });
    if (target.node !== null) return false;
    if (node.kind === "folder") throw ioError("link", from, "EPERM", undefined, { to });
    this.#do("link", from, [setName(target, node.ino)]);
    return true;
  }

  remove(path: string): boolean {
    const place = this.#placeIfAny("remove", path);
    if (place === null || place.node === null) return false;
    if (place.node.kind === "folder") throw ioError("remove", path, "EISDIR");
    this.#do("remove", path, [setName(place, null)]);
    return true;
  }

  makeFolder(path: string): boolean {
    const place = this.#place("makeFolder", path);
    if (place.node?.kind === "folder") return false;
    if (place.node !== null) throw ioError("makeFolder", path, "EEXIST");
    const ino = this.#tree.nextIno;
    this.#do("makeFolder", path, [{ kind: "make", ino, folder: true }, setName(place, ino)]);
    return true;
  }

  removeFolder(path: string): boolean {
    const place = this.#placeIfAny("removeFolder", path);
    if (path === "") throw ioError("removeFolder", path, "EBUSY");
    if (place?.node?.kind !== "folder" || place.node.entries.size > 0) return false;
    this.#do("removeFolder", path, [setName(place, null)]);
    return true;
  }

  touch(path: string, atMs: number): void {
    const { node } = this.#place("touch", path);
    if (node === null) throw ioError("touch", path, "ENOENT");
    this.#do("touch", path, [{ kind: "touch", ino: node.ino, mtimeMs: atMs }]);
  }

  syncFile(path: string): boolean {
    const node = this.#placeIfAny("syncFile", path)?.node ?? null;
    if (node !== null) this.#do("syncFile", path, [{ kind: "syncFile", ino: node.ino }]);
    return node !== null;
  }

  syncFolder(path: string): boolean {
    const node = this.#placeIfAny("syncFolder", path)?.node;
    if (node?.kind !== "folder") return false;
    this.#do("syncFolder", path, [{ kind: "syncFolder", ino: node.ino }]);
    return true;
  }

  /**
   * Does what a failed sync of a file does: nobody who reads it sees a difference, and what was not
   * synced before is not on the disk, whatever is synced later.
   */
  loseUnsynced(path: string): void {
    const { node } = this.#find("syncFile", path);
    if (node !== null) this.#do("syncFile", path, [{ kind: "loseFile", ino: node.ino }]);
  }

  #after(tree: Tree): MemoryDisk {
    return new MemoryDisk({ now: this.#now, root: this.root }, { tree, dev: this.#dev + 1 });
  }

  #hook(name: string, path: string): void {
    if (this.onOperation === null || this.#inHook) return;
    this.#inHook = true; // What the hook does on this disk calls no hook.
    try {
      this.onOperation(name, path);
    } finally {
      this.#inHook = false;
    }
  }

  #do(name: string, path: string, effects: readonly Effect[]): void {
    this.replay([{ name, path, atMs: this.#now(), effects }]);
  }

  #find(operation: string, path: string, file = path, details?: IoDetails): Place {
    checkPath(path);
    const place = this.#tree.find(path);
    if (typeof place === "string") throw ioError(operation, file, place, undefined, details);
    return place;
  }

  /** The place of something that an operation is to change. */
  #place(operation: string, path: string): Place {
    this.#hook(operation, path);
    return this.#find(operation, path);
  }

  /** The same; `null` when there is not even a folder for it. */
  #placeIfAny(operation: string, path: string): Place | null {
    this.#hook(operation, path);
    checkPath(path);
    const place = this.#tree.find(path);
    return typeof place === "string" ? null : place;
  }

  /** What bears a name that is to be read. */
  #look(operation: string, path: string): Node | null {
    if (this.hookReads) this.#hook(operation, path);
    checkPath(path);
    const place = this.#tree.find(path);
    return typeof place === "string" ? null : place.node;
  }

  #bytes(operation: string, path: string): Buffer | null {
    const node = this.#look(operation, path);
    if (node?.kind === "folder") throw ioError(operation, path, "EISDIR");
    return node && Buffer.from(node.content.view());
  }
}
