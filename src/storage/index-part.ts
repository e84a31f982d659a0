/**
 * A part of the index of the event log: what some segments hold, sorted so that an answer needs one
 * or two reads of 4 KiB. It lies in memory or in a file of `local/cache/`, in the same bytes.
 *
 * Two tables of hashes, each sorted: one of ids, one of other keys. An entry is 16 bytes: 32 bits of
 * the hash, 16 more, the segment's number, the line, the byte. Texts that many events share
 * (streams, types) are terms: their entry leads to a sorted list of texts, and that to the places.
 * INVARIANT: every block of a file is checked before a byte of it is used.
 */

import { crc32 } from "node:zlib";

import { hashKey, type KeyHash, type Place } from "./index-keys.ts";

export const BLOCK_BYTES = 4096;
export const HASH_BYTES = 16;
export const POSTING_BYTES = 12;
export const TERM_BYTES = 8;
/** In place of a segment's number: the entry leads to a term. */
export const IS_TERM = 0xffff;

/** What a part knows of a segment. */
export interface SegmentFacts {
  readonly name: string;
  /** By which its file is known to be the same. */
  readonly file: readonly [
    isPacked: boolean,
    size: number,
    ino: number,
    mtime: number,
    ctime: number,
  ];
  /** Of the unpacked text. */
  readonly bytes: number;
  readonly lines: number;
  readonly events: number;
  readonly minId: string;
  readonly maxId: string;
  readonly minAt: string;
  readonly maxAt: string;
  /** The highest integer ids that its header names; `null` without a header. */
  readonly ids: Readonly<Record<string, number>> | null;
  /** Whether each id is greater than the one before. */
  readonly isOrdered: boolean;
  /** Whether its first line is an event. */
  readonly isHeadless: boolean;
  readonly damage: readonly (readonly [line: number, at: number, why: string])[];
  /** Lines behind the first that are headers. */
  readonly laterHeaders: readonly number[];
}

/** Where the tables of a part lie: `[first byte, length]`, each on the border of a block. */
export interface PartTables {
  readonly ids: readonly [number, number];
  readonly keys: readonly [number, number];
  readonly postings: readonly [number, number];
  readonly terms: readonly [number, number];
  readonly texts: readonly [number, number];
}

/** The bytes of a part. */
export interface PartBytes {
  /** @throws PartDamaged */
  read(from: number, to: number): Buffer;
  close(): void;
}

/** The bytes are not those that were written. */
export class PartDamaged extends Error {
  override readonly name = "PartDamaged";
}

/** Bytes in memory. */
export function bytesInMemory(bytes: Buffer): PartBytes {
  return { read: (from, to) => bytes.subarray(from, to), close: () => undefined };
}

/** The checksums of all blocks. */
export function blockSums(bytes: Buffer): Buffer {
  const sums = Buffer.alloc(Math.ceil(bytes.length / BLOCK_BYTES) * 4);
  for (let block = 0; block * 4 < sums.length; block += 1) {
    const from = block * BLOCK_BYTES;
    sums.writeUInt32LE(crc32(bytes.subarray(from, from + BLOCK_BYTES)), block * 4);
  }
  return sums;
}

/** A posting or an entry: number of the segment, line, byte. */
export type Posting = readonly [segment: number, line: number, at: number];

export class IndexPart {
  readonly segments: readonly SegmentFacts[];
  readonly tables: PartTables;
  readonly bytes: PartBytes;
  /** Which of its segments are still as they were, by number. */
  readonly live: boolean[];

  constructor(segments: readonly SegmentFacts[], tables: PartTables, bytes: PartBytes) {
    this.segments = segments;
    this.tables = tables;
    this.bytes = bytes;
    this.live = segments.map(() => false);
  }

  get liveCount(): number {
    return this.live.filter(Boolean).length;
  }

  /** Places where an event of this id may stand. */
  byId(key: string): Place[] {
    return this.#entries("ids", hashKey(key)).flatMap(([segment, line, at]) =>
      this.#live(segment, line, at),
    );
  }

  /** Places where an event that bears this key may stand. */
  byKey(key: string): Place[] {
    return this.#entries("keys", hashKey(key))
      .filter(([segment]) => segment !== IS_TERM)
      .flatMap(([segment, line, at]) => this.#live(segment, line, at));
  }

  /** Places of the events that share a term. */
  byTerm(term: string): Place[] {
    const number = this.#numberOf(term);
    return number === null ? [] : this.placesOf(number);
  }

  /** How many events bear a term, without their places. */
  countOfTerm(term: string): number {
    const number = this.#numberOf(term);
    return number === null ? 0 : this.countOf(number);
  }

  #numberOf(term: string): number | null {
    for (const [segment, number] of this.#entries("keys", hashKey(term))) {
      if (segment === IS_TERM && this.termAt(number) === term) return number;
    }
    return null;
  }

  #live(segment: number, line: number, at: number): Place[] {
    const facts = this.segments[segment];
    return facts !== undefined && this.live[segment] === true
      ? [{ segment: facts.name, line, at }]
      : [];
  }

  /** The entries under a hash: the first block is guessed, since hashes lie evenly. */
  #entries(table: "ids" | "keys", hash: KeyHash): Posting[] {
    const [start, length] = this.tables[table];
    const count = length / HASH_BYTES;
    const found: Posting[] = [];
    for (let index = this.#firstEntry(start, count, hash.high); index < count;) {
      const block = this.#blockWith(start, length, index);
      for (let at = block.at; at < block.bytes.length; at += HASH_BYTES, index += 1) {
        const high = block.bytes.readUInt32LE(at);
        if (high > hash.high) return found;
        if (high !== hash.high || block.bytes.readUInt16LE(at + 4) !== hash.low) continue;
        found.push(entryAt(block.bytes, at));
      }
    }
    return found;
  }

  /** The block that holds an entry, and where in it that begins. */
  #blockWith(start: number, length: number, index: number): { bytes: Buffer; at: number } {
    const from = Math.floor((index * HASH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
    const bytes = this.bytes.read(start + from, start + Math.min(length, from + BLOCK_BYTES));
    return { bytes, at: index * HASH_BYTES - from };
  }

  /** The first entry whose hash is not less. */
  #firstEntry(start: number, count: number, high: number): number {
    let low = 0;
    let end = count;
    let lowHash = 0;
    let endHash = 2 ** 32;
    while (low < end) {
      const share = (high - lowHash) / Math.max(1, endHash - lowHash);
      const guess = Math.min(end - 1, low + Math.floor(share * (end - low)));
      const block = this.#blockWith(start, count * HASH_BYTES, guess);
      const first = guess - block.at / HASH_BYTES;
      const last = first + block.bytes.length / HASH_BYTES - 1;
      const firstHash = block.bytes.readUInt32LE(0);
      const lastHash = block.bytes.readUInt32LE(block.bytes.length - HASH_BYTES);
      if (firstHash >= high && first > low) {
        end = first;
        endHash = firstHash;
      } else if (lastHash < high) {
        low = last + 1;
        lowHash = lastHash;
      } else {
        return first + firstIn(block.bytes, high);
      }
    }
    return low;
  }

  // ---- terms ---------------------------------------------------------------------------------

  get termCount(): number {
    return this.tables.terms[1] / TERM_BYTES - 1;
  }

  #termEntry(
    number: number,
  ): readonly [text: number, posting: number, textEnd: number, end: number] {
    const from = this.tables.terms[0] + number * TERM_BYTES;
    const bytes = this.bytes.read(from, from + 2 * TERM_BYTES);
    return [
      bytes.readUInt32LE(0),
      bytes.readUInt32LE(4),
      bytes.readUInt32LE(8),
      bytes.readUInt32LE(12),
    ];
  }

  /** The text of a term, by its number in the order of bytes. */
  termAt(number: number): string {
    const [from, , to] = this.#termEntry(number);
    const start = this.tables.texts[0];
    return this.bytes.read(start + from, start + to).toString("utf8");
  }

  /** Places of the events that share a term. */
  placesOf(number: number): Place[] {
    return this.postingsOf(number).flatMap(([segment, line, at]) => this.#live(segment, line, at));
  }

  postingsOf(number: number): Posting[] {
    const [, from, , to] = this.#termEntry(number);
    const start = this.tables.postings[0];
    const bytes = this.bytes.read(start + from * POSTING_BYTES, start + to * POSTING_BYTES);
    return Array.from({ length: to - from }, (_, index) => postingAt(bytes, index * POSTING_BYTES));
  }

  /** How many events share a term. */
  countOf(number: number): number {
    if (this.live.every(Boolean)) {
      const [, from, , to] = this.#termEntry(number);
      return to - from;
    }
    return this.placesOf(number).length;
  }

  /** Numbers of the terms that begin so. */
  termsWith(prefix: string): { from: number; to: number } {
    const wanted = Buffer.from(prefix);
    const isBefore = (number: number): boolean => this.#compare(number, wanted) < 0;
    const isUpTo = (number: number): boolean => this.#compare(number, wanted) <= 0;
    return {
      from: firstWhere(this.termCount, (number) => !isBefore(number)),
      to: firstWhere(this.termCount, (number) => !isUpTo(number)),
    };
  }

  /** The beginning of a term's text against a prefix. */
  #compare(number: number, prefix: Buffer): number {
    const [from, , to] = this.#termEntry(number);
    const start = this.tables.texts[0];
    return this.bytes
      .read(start + from, start + Math.min(to, from + prefix.length))
      .compare(prefix);
  }

  /** All entries of a table, in blocks. */
  *entriesOf(table: "ids" | "keys"): Generator<Buffer> {
    const [start, length] = this.tables[table];
    for (let from = 0; from < length; from += SWEEP_BYTES) {
      yield this.bytes.read(start + from, start + Math.min(length, from + SWEEP_BYTES));
    }
  }
}

/** So much is read at once by who goes through a whole table. */
const SWEEP_BYTES = 64 * BLOCK_BYTES;

export function entryAt(bytes: Buffer, at: number): Posting {
  return [bytes.readUInt16LE(at + 6), bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
}

function postingAt(bytes: Buffer, at: number): Posting {
  return [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
}

function firstIn(block: Buffer, high: number): number {
  return firstWhere(
    block.length / HASH_BYTES,
    (index) => block.readUInt32LE(index * HASH_BYTES) >= high,
  );
}

/** The first number below `count` for which it holds, of numbers for which it holds from one on. */
export function firstWhere(count: number, holds: (number: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
