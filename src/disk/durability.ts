/**
 * What a power cut leaves on a disk that is stricter than POSIX promises.
 *
 * A file's data lasts only after a sync of that file, a name only after a sync of its folder, and
 * neither brings the other. Of the rest any part may be lost, in any order, with these limits:
 * a rename within one folder is one change, and a move between folders never loses the file
 * (unless asked for, `evilRenames`), though it may leave both names. Bytes that lasted and are
 * written again are the old ones or the new ones: zeros stand only where a file has grown.
 */

import { ROOT_INO } from "./memory-tree.ts";
import type { Effect, Entries, Tree } from "./memory-tree.ts";

/**
 * What becomes of changes that were not synced: `nothing` of them is left; `all` are; the `names`
 * without the data (files empty, short or old); the `data` without the names; names and sizes
 * with `zeros` for data; names and the first `half` of each write; each by a throw of `random`.
 */
export const CRASH_VARIANTS = [
  "nothing",
  "all",
  "names",
  "data",
  "zeros",
  "half",
  "random",
] as const;

/** One of {@link CRASH_VARIANTS}. */
export type CrashVariant = (typeof CRASH_VARIANTS)[number];

/** One mutating call and what it did. */
export interface Operation {
  readonly name: string;
  readonly path: string;
  readonly atMs: number;
  readonly effects: readonly Effect[];
}

/** Numbers in [0, 1). */
export type Random = () => number;

type Write = Extract<Effect, { kind: "write" }>;

interface PendingWrite {
  readonly effect: Write;
  readonly atMs: number;
}

interface PendingNames {
  readonly effect: Entries;
  readonly atMs: number;
  /** Those of the effect that no later, lasting change has made meaningless. */
  changes: Entries["changes"];
}

/** What lasts after the operations taken so far, and what may be lost. */
export class Durability {
  readonly #lasting: Tree;
  readonly #evilRenames: boolean;
  /** In the order of the operations. */
  #names: PendingNames[] = [];
  #writes: PendingWrite[] = [];

  /** @param lasting what lasts at the beginning; its caller gives it away */
  constructor(lasting: Tree, evilRenames: boolean) {
    this.#lasting = lasting;
    this.#evilRenames = evilRenames;
  }

  /** The variants whose outcomes differ now. */
  variants(): CrashVariant[] {
    if (this.#names.length > 0 && this.#writes.length > 0) return [...CRASH_VARIANTS];
    if (this.#writes.length > 0) return ["nothing", "all", "zeros", "half", "random"];
    return this.#names.length > 0 ? ["nothing", "all", "random"] : ["nothing"];
  }

  take(operation: Operation): void {
    const { atMs } = operation;
    for (const effect of operation.effects) {
      if (effect.kind === "write") this.#writes.push({ effect, atMs });
      else if (effect.kind === "entries") {
        this.#names.push({ effect, atMs, changes: effect.changes });
      } else if (effect.kind === "syncFile") this.#syncFile(effect.ino);
      else if (effect.kind === "loseFile") this.#forgetWrites(effect.ino);
      else if (effect.kind === "syncFolder") this.#syncFolder(effect.ino);
      // An inode without a name is nothing, and a lost time stamp would show nothing new.
      else this.#lasting.apply(effect, atMs);
    }
  }

  /** The tree that a power cut leaves now. */
  cut(variant: CrashVariant, random: Random): Tree {
    const left = this.#lasting.clone();
    for (const { effect, changes, atMs } of this.#namesLeft(variant, random)) {
      left.apply({ ...effect, changes }, atMs);
    }
    for (const { effect, atMs } of this.#writesLeft(variant, random)) left.apply(effect, atMs);
    prune(left);
    return left;
  }

  #syncFile(ino: number): void {
    for (const { effect, atMs } of this.#writes) {
      if (effect.ino === ino) this.#lasting.apply(effect, atMs);
    }
    this.#forgetWrites(ino);
  }

  #forgetWrites(ino: number): void {
    this.#writes = this.#writes.filter(({ effect }) => effect.ino !== ino);
  }

  #syncFolder(ino: number): void {
    const settled = this.#names.filter(({ effect }) => effect.folder === ino);
    this.#names = this.#names.filter(({ effect }) => effect.folder !== ino);
    for (const { effect, changes, atMs } of settled) {
      // The removal lasts from here on, so the addition elsewhere must.
      if (effect.after !== undefined && !this.#evilRenames) this.#settleAlone(effect.after);
      this.#lasting.apply({ ...effect, changes }, atMs);
    }
  }

  /** Makes one change last before earlier ones of its folder. */
  #settleAlone(addition: Entries): void {
    const index = this.#names.findIndex(({ effect }) => effect === addition);
    const pending = this.#names[index];
    if (pending === undefined) return; // It lasts already.
    this.#names.splice(index, 1);
    const names = new Set(pending.changes.map(([name]) => name));
    for (const earlier of this.#names.slice(0, index)) {
      if (earlier.effect.folder !== addition.folder) continue;
      earlier.changes = earlier.changes.filter(([name]) => !names.has(name));
    }
    this.#lasting.apply({ ...addition, changes: pending.changes }, pending.atMs);
  }

  #namesLeft(variant: CrashVariant, random: Random): PendingNames[] {
    const left = this.#chosenNames(variant, random);
    const pending = new Set(this.#names.map(({ effect }) => effect));
    return this.#names.filter(({ effect }) => {
      const { after, together } = effect;
      if (after === undefined) return left.has(effect);
      const added = left.has(after) || !pending.has(after);
      if (added && together === true) return true;
      return left.has(effect) && (added || this.#evilRenames);
    });
  }

  #chosenNames(variant: CrashVariant, random: Random): ReadonlySet<Entries> {
    if (variant === "nothing" || variant === "data") return new Set();
    const all = this.#names.map(({ effect }) => effect);
    if (variant !== "random") return new Set(all);
    const share = random(); // Sometimes nearly all, sometimes nearly none.
    return new Set(all.filter(() => random() < share));
  }

  #writesLeft(variant: CrashVariant, random: Random): PendingWrite[] {
    switch (variant) {
      case "nothing":
      case "names":
        return [];
      case "all":
      case "data":
        return this.#writes;
      case "zeros":
        return this.#writes.map((write) => this.#zeroed(write));
      case "half":
        return this.#writes.map((write) => cutTo(write, Math.floor(write.effect.data.length / 2)));
      case "random":
        return this.#randomWrites(random);
    }
  }

  #zeroed({ effect, atMs }: PendingWrite): PendingWrite {
    const { ino, position, data } = effect;
    const node = this.#lasting.nodes.get(ino);
    const size = node?.kind === "file" ? node.content.size : 0;
    const from = Math.min(Math.max(position, size), position + data.length);
    const zeros = Buffer.alloc(position + data.length - from);
    return { effect: { ...effect, position: from, data: zeros }, atMs };
  }

  /** Each file meets a fate of its own. */
  #randomWrites(random: Random): PendingWrite[] {
    const fates = new Map<number, (write: PendingWrite) => PendingWrite[]>();
    for (const { effect } of this.#writes) {
      if (!fates.has(effect.ino)) fates.set(effect.ino, this.#fate(effect.ino, random));
    }
    return this.#writes.flatMap((write) => fates.get(write.effect.ino)?.(write) ?? []);
  }

  #fate(ino: number, random: Random): (write: PendingWrite) => PendingWrite[] {
    const sizes = this.#writes.map(({ effect }) => (effect.ino === ino ? effect.data.length : 0));
    let budget = Math.floor(random() * (sizes.reduce((sum, size) => sum + size, 0) + 1));
    const fates: readonly ((write: PendingWrite) => PendingWrite[])[] = [
      () => [],
      (write) => [write],
      (write) => [this.#zeroed(write)],
      (write) => (random() < 0.5 ? [write] : []),
      (write) => {
        // The first bytes of all that was written, up to a cut anywhere.
        const kept = cutTo(write, budget);
        budget -= kept.effect.data.length;
        return [kept];
      },
    ];
    return fates[Math.floor(random() * fates.length)] ?? (() => []);
  }
}

function cutTo({ effect, atMs }: PendingWrite, length: number): PendingWrite {
  return { effect: { ...effect, data: effect.data.subarray(0, length) }, atMs };
}

/** Takes away the inodes that no name leads to, and counts the links of the others anew. */
function prune(tree: Tree): void {
  const links = new Map<number, number>([[ROOT_INO, 1]]);
  const open = [tree.root];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const ino of folder.entries.values()) {
      const node = tree.node(ino);
      if (node.kind === "folder" && !links.has(ino)) open.push(node);
      links.set(ino, (links.get(ino) ?? 0) + 1);
    }
  }
  for (const [ino, node] of tree.nodes) {
    const count = links.get(ino);
    if (count === undefined) tree.nodes.delete(ino);
    else node.nlink = count;
  }
}
