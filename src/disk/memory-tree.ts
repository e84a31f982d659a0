/** The memory disk's inodes and names, and the effects that change them. */

import type { Stat } from "./disk.ts";
import { Content } from "./memory-content.ts";

interface NodeFacts {
  readonly ino: number;
  nlink: number;
  mtimeMs: number;
  ctimeMs: number;
}

export interface FileNode extends NodeFacts {
  readonly kind: "file";
  readonly content: Content;
}

export interface FolderNode extends NodeFacts {
  readonly kind: "folder";
  /** Names and inode numbers. */
  readonly entries: Map<string, number>;
}

export type Node = FileNode | FolderNode;

/** A name and the inode it is given; `null` takes it away. */
export type EntryChange = readonly [name: string, ino: number | null];

/** Changes of one folder's names that a power cut keeps or drops together. */
export interface Entries {
  readonly kind: "entries";
  readonly folder: number;
  readonly changes: readonly EntryChange[];
  /** Of a removal by a move to another folder: the addition there. */
  readonly after?: Entries;
  /** A folder is never in two places: the removal is there whenever the addition is. */
  readonly together?: boolean;
}

/** What an operation did; enough to do it again. */
export type Effect =
  | { readonly kind: "make"; readonly ino: number; readonly folder: boolean }
  | {
      readonly kind: "write";
      readonly ino: number;
      readonly position: number;
      readonly data: Buffer;
    }
  | { readonly kind: "touch"; readonly ino: number; readonly mtimeMs: number }
  | { readonly kind: "syncFile"; readonly ino: number }
  /** A sync failed: what it was to save is not saved by a later one either. */
  | { readonly kind: "loseFile"; readonly ino: number }
  | { readonly kind: "syncFolder"; readonly ino: number }
  | Entries;

export const ROOT_INO = 2;

/** Where a path leads: the folder that holds or would hold its last name, and what bears it. */
export interface Place {
  readonly parent: FolderNode;
  readonly name: string;
  readonly node: Node | null;
}

/** The change of what a place's name stands for. */
export function setName(place: Place, ino: number | null): Entries {
  return { kind: "entries", folder: place.parent.ino, changes: [[place.name, ino]] };
}

/** What `stat` tells of an inode. */
export function statOf(node: Node, dev: number): Stat {
  const { kind, ino, nlink, mtimeMs, ctimeMs } = node;
  return {
    dev,
    ino,
    nlink,
    mtimeMs,
    ctimeMs,
    size: node.kind === "file" ? node.content.size : 4096, // A block, as ext4 says of a folder.
    isFile: () => kind === "file",
    isDirectory: () => kind === "folder",
    isSymbolicLink: () => false,
  };
}

/** Inodes, never forgotten: open handles may still hold one that has no name. */
export class Tree {
  readonly nodes = new Map<number, Node>();
  nextIno = ROOT_INO + 1;

  make(ino: number, folder: boolean, atMs: number): Node {
    const facts = { ino, nlink: 0, mtimeMs: atMs, ctimeMs: atMs };
    const node: Node = folder
      ? { ...facts, kind: "folder", entries: new Map() }
      : { ...facts, kind: "file", content: new Content() };
    this.nodes.set(ino, node);
    this.nextIno = Math.max(this.nextIno, ino + 1);
    return node;
  }

  get root(): FolderNode {
    return this.folder(ROOT_INO);
  }

  node(ino: number): Node {
    const node = this.nodes.get(ino);
    if (node === undefined) throw new Error(`no inode ${ino}`);
    return node;
  }

  folder(ino: number): FolderNode {
    const node = this.node(ino);
    if (node.kind !== "folder") throw new Error(`inode ${ino} is no folder`);
    return node;
  }

  /** Follows `path`; the errno when a part before the last one is missing or no folder. */
  find(path: string): Place | "ENOENT" | "ENOTDIR" {
    let parent = this.root;
    if (path === "") return { parent, name: "", node: parent };
    const parts = path.split("/");
    const name = parts.pop() ?? "";
    for (const part of parts) {
      const ino = parent.entries.get(part);
      if (ino === undefined) return "ENOENT";
      const node = this.node(ino);
      if (node.kind !== "folder") return "ENOTDIR";
      parent = node;
    }
    const ino = parent.entries.get(name);
    return { parent, name, node: ino === undefined ? null : this.node(ino) };
  }

  apply(effect: Effect, atMs: number): void {
    switch (effect.kind) {
      case "make":
        this.make(effect.ino, effect.folder, atMs);
        break;
      case "write": {
        const node = this.node(effect.ino);
        if (node.kind === "file") node.content.write(effect.position, effect.data);
        node.mtimeMs = node.ctimeMs = atMs;
        break;
      }
      case "touch": {
        const node = this.node(effect.ino);
        node.mtimeMs = effect.mtimeMs;
        node.ctimeMs = atMs;
        break;
      }
      case "entries":
        this.#change(effect, atMs);
        break;
      case "syncFile":
      case "loseFile":
      case "syncFolder":
        break; // Seen only by a power cut.
    }
  }

  #change(effect: Entries, atMs: number): void {
    const folder = this.folder(effect.folder);
    for (const [name, ino] of effect.changes) {
      const before = folder.entries.get(name);
      if (before !== undefined) this.#relink(before, -1, atMs);
      if (ino === null) {
        folder.entries.delete(name);
      } else {
        folder.entries.set(name, ino);
        this.#relink(ino, 1, atMs);
      }
    }
    folder.mtimeMs = folder.ctimeMs = atMs;
  }

  #relink(ino: number, by: number, atMs: number): void {
    const node = this.node(ino);
    node.nlink += by;
    node.ctimeMs = atMs;
  }

  /**
   * Every file that has a name, in no order.
   *
   * @yields path and file; a file of two names comes twice
   */
  *files(folder: FolderNode = this.root, prefix = ""): Generator<[path: string, file: FileNode]> {
    for (const [name, ino] of folder.entries) {
      const node = this.node(ino);
      if (node.kind === "file") yield [prefix + name, node];
      else yield* this.files(node, `${prefix}${name}/`);
    }
  }

  /** A tree that can go its own way. */
  clone(): Tree {
    const copy = new Tree();
    for (const [ino, node] of this.nodes) {
      copy.nodes.set(
        ino,
        node.kind === "file"
          ? { ...node, content: node.content.share() }
          : { ...node, entries: new Map(node.entries) },
      );
    }
    copy.nextIno = this.nextIno;
    return copy;
  }
}

/** Linux's verdict on a rename, in Linux's order; `null` when nothing speaks against it. */
export function renameFault(from: string, source: Place, to: string, target: Place): string | null {
  if (from === "" || to === "") return "EBUSY";
  if (source.node === null) return "ENOENT";
  if (to.startsWith(`${from}/`)) return "EINVAL";
  if (from.startsWith(`${to}/`)) return "ENOTEMPTY";
  if (target.node === null || target.node === source.node) return null;
  if (source.node.kind === "file") return target.node.kind === "file" ? null : "EISDIR";
  if (target.node.kind === "file") return "ENOTDIR";
  return target.node.entries.size > 0 ? "ENOTEMPTY" : null;
}
