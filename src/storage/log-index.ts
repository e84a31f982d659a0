/**
 * Where every event of the log stands, by its id, command, cause, stream and type, without holding
 * the events. Of most segments the parts in `local/cache/` tell; a segment that they do not cover,
 * or that is not as it was, is read line by line, and what was read is kept in the same form.
 *
 * INVARIANT: nothing here is an answer. Whoever gets a place reads the line there, checks its
 * checksum and compares the key; {@link LogIndex.distrustSegment} is for one that did not agree.
 */

import type { Disk } from "../disk/disk.ts";
import {
  decodeEventHead,
  decodeEventLine,
  type ReadLine,
  type SegmentHeader,
} from "./event-lines.ts";
import { PartBuilder } from "./index-build.ts";
import { hashKey, keyOf, type FindKind, type IdsOf, type Place } from "./index-keys.ts";
import { entryAt, HASH_BYTES, type IndexPart, type SegmentFacts } from "./index-part.ts";
import type { FileChange } from "./journal-lines.ts";
import { segmentsIn } from "./layout.ts";
import { LogParts } from "./log-parts.ts";
import { Tail } from "./log-tail.ts";
import type { Overlay } from "./overlay.ts";
import { segmentHeader } from "./segment-bytes.ts";
import type { SegmentFile } from "./segment-files.ts";
import { Segments, type LogDamage, type Segment } from "./segments.ts";

/** So much of the log is kept event by event; beyond it whole segments are put into a part. */
const TAIL_BYTES = 4 * 1024 * 1024;
export interface IndexOptions {
  /** Off: every line is read anew and no cache is believed. */
  readonly usesCache: boolean;
  /** Whether what changed at that time (ms) will bear another time when it changes once more. */
  readonly isStill: (changedMs: number) => boolean;
  readonly idsOf: IdsOf;
  readonly namesIds: (stream: string) => boolean;
}

export class LogIndex {
  readonly disk: Disk;
  readonly overlay: Overlay;
  readonly #options: IndexOptions;
  readonly #segments: Segments;
  readonly #tails = new Map<string, Tail>();
  /** What of the log is not held event by event. */
  readonly parts: LogParts;
  readonly #headers = new Map<string, SegmentHeader | null>();
  #names: readonly string[] = [];
  #lookedAt = -Infinity;
  #hasChanged = true;
  #hasGrown = false;
  #isOpen = false;
  #highestId = "";
  /** Rises with every change but that a segment grows by events that are newer than all others. */
  version = 0;
  /** Rises with every change. */
  changes = 0;

  constructor(disk: Disk, overlay: Overlay, options: IndexOptions) {
    this.disk = disk;
    this.overlay = overlay;
    this.#options = options;
    this.parts = new LogParts(disk);
    const use = {
      decode: (line: Buffer) => this.#decode(line),
      added: () => undefined,
      keepsEvents: true,
      isKnown: (name: string, file: SegmentFile | null) => this.parts.covers(name, file),
      wasRead: (segment: Segment) => this.#wasRead(segment),
    };
    this.#segments = new Segments(disk, overlay, use, () => undefined);
  }

  get idsOf(): IdsOf {
    return this.#options.idsOf;
  }

  #decode(line: Buffer): ReadLine {
    if (!this.#options.usesCache) return decodeEventLine(line);
    const read = decodeEventHead(line);
    const isEnough = read.kind !== "event" || !this.#options.namesIds(read.event.stream);
    return isEnough ? read : decodeEventLine(line);
  }

  // ---- following the log ---------------------------------------------------------------------

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    this.#segments.distrust();
  }

  /** Takes over what a commit adds to the log. */
  committed(changes: readonly FileChange[]): void {
    if (this.#segments.committed(changes)) this.#hasGrown = true;
  }

  /** Brings what is known of every segment up to date, as seen at `since` or later. */
  refresh(names: readonly string[], since: number, lookedAt: number): void {
    this.#names = segmentsIn(names);
    this.#lookedAt = lookedAt;
    if (!this.#isOpen && this.#options.usesCache) this.parts.openFiles();
    this.#isOpen = true;
    const hasLooked = this.#segments.refresh(names, since, lookedAt);
    this.#sync(hasLooked);
  }

  /** What the last refresh saw, seen again: something known of it was wrong. */
  #refreshAgain(): void {
    this.#segments.distrust();
    const hasLooked = this.#segments.refresh(this.#names, -1, this.#lookedAt);
    this.#sync(hasLooked);
  }

  #sync(hasLooked: boolean): void {
    const { parts } = this;
    if (!hasLooked && !this.#hasChanged && !parts.hasChanged && !this.#hasGrown) return;
    const there = new Set(this.#names);
    for (const name of parts.names()) {
      if (!there.has(name) || this.#segments.byName.has(name)) parts.uncover(name);
    }
    for (const name of this.#tails.keys()) {
      if (this.#segments.byName.has(name)) continue;
      this.#tails.delete(name);
      this.#hasChanged = true;
    }
    for (const segment of this.#segments.byName.values()) this.#syncTail(segment);
    if (this.#hasChanged || parts.hasChanged) this.#changed();
    this.#hasGrown = false;
  }

  #changed(): void {
    const { parts } = this;
    parts.dropDead();
    for (const name of parts.names()) {
      const { maxId } = parts.factsOf(name) ?? { maxId: "" };
      if (maxId > this.#highestId) this.#highestId = maxId;
    }
    parts.hasChanged = false;
    this.#hasChanged = false;
    this.version += 1;
    this.changes += 1;
  }

  #syncTail(segment: Segment): void {
    if (this.#tails.get(segment.name)?.segment !== segment) this.#hasChanged = true;
    const tail = this.#tailOf(segment);
    const lowest = tail.sync();
    if (lowest !== null) this.changes += 1;
    if (lowest !== null && lowest <= this.#highestId) this.#hasChanged = true;
    if (tail.maxId > this.#highestId) this.#highestId = tail.maxId;
  }

  #tailOf(segment: Segment): Tail {
    const known = this.#tails.get(segment.name);
    if (known?.segment === segment) return known;
    const tail = new Tail(segment, this.#options.idsOf);
    this.#tails.set(segment.name, tail);
    return tail;
  }

  /** A clone that was just made has no cache at all: all of its log must not be held event by event. */
  #wasRead(segment: Segment): void {
    const { stat } = segment.file ?? {};
    const changedMs = stat === undefined ? Infinity : Math.max(stat.mtimeMs, stat.ctimeMs);
    this.#tailOf(segment).isStill = this.#options.isStill(changedMs);
    let bytes = 0;
    for (const one of this.#segments.byName.values()) bytes += one.bytes;
    if (bytes > TAIL_BYTES) this.#freeze();
  }

  /**
   * Puts whole segments into a part in memory; the newest two, which may grow, stay, and so does what
   * was read within a tick of its last change: only a part that tells of each change is left for others.
   */
  #freeze(): void {
    const whole = [...this.#segments.byName.values()]
      .filter((one) => one.isWhole && one.file !== null && this.#tailOf(one).isStill)
      .sort((a, b) => (a.file?.stat.mtimeMs ?? 0) - (b.file?.stat.mtimeMs ?? 0))
      .slice(0, -2);
    if (whole.length === 0) return;
    const builder = new PartBuilder();
    for (const segment of whole) {
      const tail = this.#tailOf(segment);
      tail.sync();
      builder.addSegment(tail.facts(), segment.events, this.#options.idsOf);
    }
    this.parts.adopt(builder);
    this.#release(whole.map(({ name }) => name));
  }

  /** Forgets segments event by event. */
  #release(names: readonly string[]): void {
    for (const name of names) {
      this.#segments.release(name);
      this.#tails.delete(name);
    }
  }

  // ---- the cache -----------------------------------------------------------------------------

  /** What is known of a segment led astray: it is read. */
  distrustSegment(name: string): void {
    this.parts.uncover(name);
    this.#segments.reread(name);
    this.#refreshAgain();
  }

  /** Whether anybody has asked it yet. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether what changed at that time will bear another time when it changes once more. */
  isStill(changedMs: number): boolean {
    return this.#options.isStill(changedMs);
  }

  /** Reads a segment anew: it was young when it was read. */
  reread(names: readonly string[]): void {
    for (const name of names) this.#segments.reread(name);
    if (names.length > 0) this.#refreshAgain();
  }

  /** Segments that no part covers. */
  get tails(): ReadonlyMap<string, Tail> {
    return this.#tails;
  }

  /** A part was written: it serves from its file from here on. */
  wroteFile(name: string): void {
    this.#release(this.parts.wroteFile(name));
  }

  /** Lets the files of the cache go. */
  close(): void {
    this.parts.close();
  }

  // ---- answers -------------------------------------------------------------------------------

  /** Names of the segments that can be read, sorted. */
  names(): string[] {
    return [...this.parts.names(), ...this.#tails.keys()].sort();
  }

  /** What is known of a segment; `null` for one that is not there. */
  factsOf(name: string): SegmentFacts | null {
    if (this.parts.has(name)) return this.parts.factsOf(name);
    return this.#tails.get(name)?.facts() ?? null;
  }

  /** Places where an event stands that bears a key; now and then one where it does not. */
  find(kind: FindKind, text: string): Place[] {
    const key = keyOf(kind, text);
    const found = this.#fromParts((part) => {
      if (kind === "id") return part.byId(key);
      return kind === "stream" || kind === "type" ? part.byTerm(key) : part.byKey(key);
    });
    return [...found.flat(), ...[...this.#tails.values()].flatMap((tail) => tail.find(key))];
  }

  /** How many events a stream or a type has. */
  countOf(kind: "stream" | "type", text: string): number {
    const key = keyOf(kind, text);
    const counts = this.#fromParts((part) => part.countOfTerm(key));
    for (const tail of this.#tails.values()) counts.push(tail.countOf(key));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The streams or types that begin so, with how many events each has. */
  counted(kind: "stream" | "type", prefix = ""): Map<string, number> {
    const counts = new Map<string, number>();
    const mark = keyOf(kind, "");
    const count = (text: string, number: number): void =>
      void counts.set(text, (counts.get(text) ?? 0) + number);
    const ofParts = this.#fromParts((part) => countedIn(part, keyOf(kind, prefix)));
    for (const [text, number] of ofParts.flat()) count(text.slice(mark.length), number);
    for (const tail of this.#tails.values()) {
      for (const [text, number] of tail.counted(keyOf(kind, prefix))) count(prefix + text, number);
    }
    return counts;
  }

  /** What each part answers; one that is found damaged is dropped, its segments are read, and all are asked again. */
  #fromParts<T>(question: (part: IndexPart) => T): T[] {
    for (;;) {
      const answers = this.parts.ask(question);
      if (answers !== null) return answers;
      this.#refreshAgain();
    }
  }

  /** The hash of every id, as one exact number, and where it stands. */
  eachId(each: (hash: number, place: () => Place, segment: string) => void): void {
    this.#fromParts((part) => {
      for (const bytes of part.entriesOf("ids")) {
        for (let at = 0; at < bytes.length; at += HASH_BYTES) {
          const [number, line, byte] = entryAt(bytes, at);
          const segment = part.segments[number]?.name ?? "";
          if (part.live[number] !== true) continue;
          each(hashAt(bytes, at), () => ({ segment, line, at: byte }), segment);
        }
      }
    });
    for (const [segment, { segment: read }] of this.#tails) {
      for (const { event, line, at } of read.events) {
        const { high, low } = hashKey(keyOf("id", event.id));
        each(high * LOW_FACTOR + low, () => ({ segment, line, at }), segment);
      }
    }
  }

  /** Lines that do not count. */
  damage(): LogDamage[] {
    const found: LogDamage[] = [];
    for (const name of this.names()) {
      const tail = this.#tails.get(name);
      if (tail !== undefined) found.push(...tail.segment.faults());
      else found.push(...damageIn(this.parts.factsOf(name)));
    }
    return found;
  }

  /** Segments that could not be read, and why. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#segments.unreadable;
  }

  // ---- ids of kinds --------------------------------------------------------------------------

  /** The highest integer id of a kind that any segment's header names. */
  highestId(kind: string, names: readonly string[]): number {
    let highest = 0;
    for (const name of segmentsIn(names)) {
      highest = Math.max(highest, this.idsIn(name)[kind] ?? 0);
    }
    return highest;
  }

  /** The ids that a segment's header names, by kind. */
  idsIn(segment: string): Readonly<Record<string, number>> {
    if (this.parts.isLive(segment)) return this.parts.factsOf(segment)?.ids ?? {};
    let header = this.#headers.get(segment);
    // A segment's first line never changes while it bears this name.
    if (header === undefined) {
      header = segmentHeader(this.disk, segment);
      if (header !== undefined) this.#headers.set(segment, header);
    }
    return header?.ids ?? {};
  }
}

const LOW_FACTOR = 2 ** 16;

function hashAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) * LOW_FACTOR + bytes.readUInt16LE(at + 4);
}

function countedIn(part: IndexPart, prefix: string): (readonly [string, number])[] {
  const { from, to } = part.termsWith(prefix);
  const found: (readonly [string, number])[] = [];
  for (let number = from; number < to; number += 1) {
    const count = part.countOf(number);
    if (count > 0) found.push([part.termAt(number), count]);
  }
  return found;
}

function damageIn(facts: SegmentFacts | null): LogDamage[] {
  if (facts === null) return [];
  return facts.damage.map(([line, at, why]) => {
    return { segment: facts.name, line, at, why, growing: false };
  });
}
