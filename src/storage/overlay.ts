/** What is committed and not yet in the files, laid over them. */

import { AddedNames } from "./added-names.ts";
import { entryOf, isFault, NO_STAT, type Document, type FileEntry } from "./files.ts";
import { imageCounts, imageOf, segmentAfter } from "./judge.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import type { WindowEntry } from "./journal-state.ts";
import type { Journal } from "./journal.ts";
import { folderOf, inFolder, LOG_SUFFIX } from "./layout.ts";

interface Pending {
  readonly entry: WindowEntry;
  readonly change: FileChange;
}

/** What pending commits do to the names of a folder. */
interface PendingNames {
  readonly added: AddedNames;
  /** Of some of them it turns out that they stay. */
  readonly dropped: readonly string[];
}

/** Committed images that are not in the files yet, by path; rebuilt when the journal moved. */
export class Overlay {
  readonly #journal: Journal;
  #version = -1;
  #byPath = new Map<string, Pending>();
  /** Of logs each change, in order: what they will hold follows from all of them. */
  #segments = new Map<string, Pending[]>();
  /** By folder. */
  #names = new Map<string, PendingNames>();
  #entries = new WeakMap<FileChange, FileEntry>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  #refresh(): void {
    if (this.#version === this.#journal.version) return;
    this.#version = this.#journal.version;
    if (this.#byPath.size > 0) this.#byPath = new Map();
    if (this.#segments.size > 0) this.#segments = new Map();
    if (this.#names.size > 0) this.#names = new Map();
    for (const entry of this.#journal.unapplied()) {
      for (const change of entry.record.changes) {
        const path = pathOf(change);
        if (!this.#journal.isPending(entry, path)) continue;
        if (!("append" in change)) this.#byPath.set(path, { entry, change });
        if (!path.endsWith(LOG_SUFFIX)) continue;
        const pending = this.#segments.get(path);
        if (pending === undefined) this.#segments.set(path, [{ entry, change }]);
        else pending.push({ entry, change });
      }
    }
  }

  /** Changes with everything that is pending. */
  get version(): number {
    return this.#journal.version;
  }

  get isEmpty(): boolean {
    this.#refresh();
    return this.#byPath.size === 0 && this.#segments.size === 0;
  }

  /** What counts at a path instead of the file; `undefined` when the file does. */
  at(path: string, file: Document | null): FileEntry | null | undefined {
    this.#refresh();
    const pending = this.#byPath.get(path);
    if (pending === undefined) return undefined;
    const { entry, change } = pending;
    const found =
      file === null
        ? null
        : isFault(file)
          ? { text: null, changedMs: 0 }
          : { text: file.text, changedMs: file.stat.mtimeMs };
    if (!imageCounts(entry, change, found, this.#journal.window.values())) return undefined;
    const image = imageOf(change);
    if (image === null) return null;
    let made = this.#entries.get(change);
    if (made === undefined) this.#entries.set(change, (made = entryOf(path, image, NO_STAT)));
    return made;
  }

  /**
   * The names of a folder, sorted, with those that pending commits add to it, folders among them,
   * and without those that they take away and that are not there any more.
   */
  namesOver(
    folder: string,
    names: readonly string[],
    isThere: (path: string) => boolean,
  ): readonly string[] {
    this.#refresh();
    if (this.#byPath.size === 0) return names;
    let pending = this.#names.get(folder);
    if (pending === undefined) this.#names.set(folder, (pending = this.#pendingNames(folder)));
    const all = pending.added.over(names);
    const gone = pending.dropped.filter((name) => !isThere(inFolder(folder, name)));
    return gone.length === 0 ? all : all.filter((name) => !gone.includes(name));
  }

  #pendingNames(folder: string): PendingNames {
    const pending = { added: new AddedNames(), dropped: [] as string[] };
    for (const [path, { change }] of this.#byPath) {
      const name = nameBelow(folder, path);
      if (name === null) continue;
      if (imageOf(change) !== null) pending.added.add(name);
      else if (folderOf(path) === folder) pending.dropped.push(name);
    }
    return pending;
  }

  /** Where a segment ends once what is pending is in it; `null` when nothing is pending. */
  endOf(segment: string): number | null {
    this.#refresh();
    const last = this.#segments.get(segment)?.at(-1)?.change;
    if (last === undefined) return null;
    const length = Buffer.byteLength(imageOf(last) ?? "");
    return "append" in last ? last.at + Buffer.byteLength(last.data) : length;
  }

  /**
   * The last bytes that are pending for a segment, and where they end; `null` when nothing is
   * pending, or that it goes. Whether the file fits them is found out when they are applied.
   */
  lastBytes(segment: string): { readonly end: number; readonly bytes: Buffer } | null {
    this.#refresh();
    const last = this.#segments.get(segment)?.at(-1)?.change;
    if (last === undefined || "drop" in last) return null;
    const bytes = Buffer.from(last.data);
    return { end: ("append" in last ? last.at : 0) + bytes.length, bytes };
  }

  /** What a segment that holds `bytes` (null: that is not there) will hold. */
  segment(path: string, bytes: Buffer | null, changedMs: number): Buffer | null {
    this.#refresh();
    const window = [...this.#journal.window.values()];
    let left = bytes;
    for (const pending of this.#segments.get(path) ?? []) {
      left = segmentAfter(left, changedMs, pending, window);
    }
    return left;
  }
}

/** The part of a path that stands in a folder; `null` when the path is not below it. */
function nameBelow(folder: string, path: string): string | null {
  if (!path.startsWith(`${folder}/`)) return null;
  const rest = path.slice(folder.length + 1);
  const slash = rest.indexOf("/");
  return slash < 0 ? rest : rest.slice(0, slash);
}
