/** The parts of the index: which of them speaks for which segment, and the files of those that have one. */

import type { Disk } from "../disk/disk.ts";
import { MAX_ENTRIES, PartBuilder } from "./index-build.ts";
import { indexFiles, openPart } from "./index-files.ts";
import { bytesInMemory, IndexPart, PartDamaged, type SegmentFacts } from "./index-part.ts";
import { identityOf, isIdentical } from "./log-tail.ts";
import type { SegmentFile } from "./segment-files.ts";

/** So many parts of about one size become one. */
export const MERGE_PARTS = 8;
/** A part of so many segments is not merged any more: what a merge holds in memory stays small. */
export const FULL_PART_SEGMENTS = 64;

interface Cover {
  readonly part: IndexPart;
  /** Of the segment in its part. */
  readonly number: number;
}

export class LogParts {
  readonly #disk: Disk;
  readonly #covers = new Map<string, Cover>();
  readonly #files = new Map<string, IndexPart | null>();
  #parts: IndexPart[] = [];
  /** Whether a segment is covered by another part, or by none, since this was last set to false. */
  hasChanged = false;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Names of the segments that a part speaks for. */
  names(): IterableIterator<string> {
    return this.#covers.keys();
  }

  has(segment: string): boolean {
    return this.#covers.has(segment);
  }

  /** What a part knows of a segment. */
  factsOf(segment: string): SegmentFacts | null {
    const cover = this.#covers.get(segment);
    return cover?.part.segments[cover.number] ?? null;
  }

  /** Whether a segment's file is known to be as its part says. */
  isLive(segment: string): boolean {
    const cover = this.#covers.get(segment);
    return cover?.part.live[cover.number] === true;
  }

  /** Whether a part speaks for this very file; one that does not is not asked for it any more. */
  covers(segment: string, file: SegmentFile | null): boolean {
    const cover = this.#covers.get(segment);
    if (cover === undefined) return false;
    const facts = this.factsOf(segment);
    if (file === null || facts === null || !isIdentical(facts.file, identityOf(file))) {
      this.uncover(segment);
      return false;
    }
    if (cover.part.live[cover.number] !== true) this.hasChanged = true;
    cover.part.live[cover.number] = true;
    return true;
  }

  /** No part speaks for a segment any more. */
  uncover(segment: string): void {
    const cover = this.#covers.get(segment);
    if (cover === undefined) return;
    cover.part.live[cover.number] = false;
    this.#covers.delete(segment);
    this.hasChanged = true;
  }

  /** Uses a part for the segments that no other covers; one that was just made, for all of its own. */
  add(part: IndexPart, isLive: boolean): void {
    this.#parts.push(part);
    for (const [number, { name }] of part.segments.entries()) {
      const known = this.#covers.get(name);
      if (known !== undefined && !isLive) continue;
      if (known !== undefined) known.part.live[known.number] = false;
      this.#covers.set(name, { part, number });
      part.live[number] = isLive;
    }
    this.hasChanged = true;
  }

  /** Keeps what was built in memory; many small parts become one. */
  adopt(builder: PartBuilder): void {
    this.#addBuilt(builder);
    const inFiles = new Set(this.#files.values());
    const small = this.#parts.filter(
      (part) => !inFiles.has(part) && part.liveCount < FULL_PART_SEGMENTS,
    );
    if (small.length < MERGE_PARTS) return;
    this.#addBuilt(mergedParts(small));
    this.dropDead();
  }

  #addBuilt(builder: PartBuilder): void {
    const { segments, tables, body } = builder.finish();
    this.add(new IndexPart(segments, tables, bytesInMemory(body)), true);
  }

  /** Lets parts go that speak for no segment. */
  dropDead(): void {
    const used = new Set([...this.#covers.values()].map(({ part }) => part));
    for (const part of this.#parts) if (!used.has(part)) part.bytes.close();
    this.#parts = this.#parts.filter((part) => used.has(part));
  }

  /** What each part answers; one that is found damaged is dropped, and `null` is the answer. */
  ask<T>(question: (part: IndexPart) => T): T[] | null {
    const answers: T[] = [];
    for (const part of this.#parts) {
      try {
        answers.push(question(part));
      } catch (error) {
        if (!(error instanceof PartDamaged)) throw error;
        this.#drop(part);
        return null;
      }
    }
    return answers;
  }

  #drop(part: IndexPart): void {
    for (const { name } of part.segments) {
      if (this.#covers.get(name)?.part === part) this.uncover(name);
    }
    this.dropDead();
  }

  // ---- files ---------------------------------------------------------------------------------

  openFiles(): void {
    for (const name of indexFiles(this.#disk)) {
      const part = openPart(this.#disk, name);
      this.#files.set(name, part);
      if (part !== null) this.add(part, false);
    }
  }

  /** A part was written; returns the segments that it speaks for from here on. */
  wroteFile(name: string): readonly string[] {
    const part = openPart(this.#disk, name);
    this.#files.set(name, part);
    if (part === null) return [];
    this.add(part, true);
    this.dropDead();
    return part.segments.map((facts) => facts.name);
  }

  /** Files that serve for nothing any more: damaged ones, and those whose segments are not as they were. */
  uselessFiles(): string[] {
    const used = new Set(this.#parts);
    return [...this.#files].flatMap(([name, part]) =>
      part === null || !used.has(part) ? [name] : [],
    );
  }

  /** A file was removed. */
  forgetFile(name: string): void {
    this.#files.delete(name);
  }

  /** The parts, with the names of their files; `null` for one in memory. */
  byFile(): { part: IndexPart; file: string | null }[] {
    const names = new Map([...this.#files].map(([name, part]) => [part, name]));
    return this.#parts.map((part) => ({ part, file: names.get(part) ?? null }));
  }

  close(): void {
    for (const part of this.#parts) part.bytes.close();
    this.#parts = [];
    this.#covers.clear();
  }
}

/** What several parts know together, as far as it fits into one. */
export function mergedParts(parts: readonly IndexPart[]): PartBuilder {
  const builder = new PartBuilder();
  for (const part of parts) if (builder.entries < MAX_ENTRIES / 2) builder.addPart(part);
  return builder;
}
