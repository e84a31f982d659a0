/** What is committed and not yet in the files, laid over them. */

import { AddedNames } from "./added-names.ts";
import { entryOf, isFault, NO_STAT, type Document, type FileEntry } from "./files.ts";
import { imageCounts, imageOf, segmentAfter } from "./judge.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import type { WindowEntry } from "./journal-state.ts";
import type { Journal } from "./journal.ts";
import { LOG_SUFFIX } from "./layout.ts";

interface Pending {
  readonly entry: WindowEntry;
  readonly change: FileChange;
}

/** Committed images that are not in the files yet, by path; rebuilt when the journal moved. */
export class Overlay {
  readonly #journal: Journal;
  #version = -1;
  #byPath = new Map<string, Pending>();
  /** Of logs each change, in order: what they will hold follows from all of them. */
  #segments = new Map<string, Pending[]>();
  /** By folder, the names that pending commits add to it. */
  #added = new Map<string, AddedNames>();
  #entries = new WeakMap<FileChange, FileEntry>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  #refresh(): void {
    if (this.#version === this.#journal.version) return;
    this.#version = this.#journal.version;
    if (this.#byPath.size > 0) this.#byPath = new Map();
    if (this.#segments.size > 0) this.#segments = new Map();
    if (this.#added.size > 0) this.#added = new Map();
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

  /** Names of a folder, sorted, with those that pending commits add, folders among them. */
  namesOver(folder: string, names: readonly string[]): readonly string[] {
    this.#refresh();
    if (this.#byPath.size === 0) return names;
    let added = this.#added.get(folder);
    if (added === undefined) this.#added.set(folder, (added = this.#addedTo(folder)));
    return added.over(names);
  }

  #addedTo(folder: string): AddedNames {
    const added = new AddedNames();
    for (const path of this.#byPath.keys()) {
      const name = nameBelow(folder, path);
      if (name !== null) added.add(name);
    }
    return added;
  }

  /** Where a segment ends once what is pending is in it; `null` when nothing is pending. */
  endOf(segment: string): number | null {
    this.#refresh();
    const last = this.#segments.get(segment)?.at(-1)?.change;
    if (last === undefined) return null;
    const length = Buffer.byteLength(imageOf(last) ?? "");
    return "append" in last ? last.at + Buffer.byteLength(last.data) : length;
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
