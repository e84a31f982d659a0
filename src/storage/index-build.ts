/** Making a part of the index: of segments that were read, and of other parts. */

import type { EventLine } from "./event-lines.ts";
import { hashKey, keyOf, otherKeysOf, type IdsOf } from "./index-keys.ts";
import {
  BLOCK_BYTES,
  entryAt,
  HASH_BYTES,
  IS_TERM,
  POSTING_BYTES,
  TERM_BYTES,
  type IndexPart,
  type PartTables,
  type SegmentFacts,
} from "./index-part.ts";

/** The bytes of a part, ready to be used or written. */
export interface BuiltPart {
  readonly segments: readonly SegmentFacts[];
  readonly tables: PartTables;
  readonly body: Buffer;
}

/** Numbers of 32 bits, as many as there come. */
class NumberList {
  #numbers = new Uint32Array(1024);
  length = 0;

  push(number: number): void {
    if (this.length === this.#numbers.length) {
      const longer = new Uint32Array(this.length * 2);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.length] = number;
    this.length += 1;
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }
}

/** A table of hashes, sorted when it is done. */
class HashTable {
  readonly #fields = Array.from({ length: 5 }, () => new NumberList());

  add(high: number, low: number, segment: number, line: number, at: number): void {
    for (const [index, number] of [high, low, segment, line, at].entries()) {
      this.#fields[index]?.push(number);
    }
  }

  get length(): number {
    return this.#fields[0]?.length ?? 0;
  }

  writeTo(body: Buffer, from: number): void {
    const [highs, lows, segments, lines, ats] = this.#fields as [
      NumberList,
      NumberList,
      NumberList,
      NumberList,
      NumberList,
    ];
    // Numbers sort ten times as fast as objects: the hash above, the place in the list below.
    const order = new Float64Array(this.length);
    for (let index = 0; index < order.length; index += 1) {
      order[index] = highs.at(index) * ORDER + index;
    }
    order.sort();
    let at = from;
    for (const key of order) {
      const index = key % ORDER;
      body.writeUInt32LE(highs.at(index), at);
      body.writeUInt16LE(lows.at(index), at + 4);
      body.writeUInt16LE(segments.at(index), at + 6);
      body.writeUInt32LE(lines.at(index), at + 8);
      body.writeUInt32LE(ats.at(index), at + 12);
      at += HASH_BYTES;
    }
  }
}

/** A hash of 32 bits and so many entries fit into the 53 bits of an exact number. */
const ORDER = 2 ** 21;
/** No more entries than that go into one table; a part is closed long before. */
export const MAX_ENTRIES = ORDER;

export class PartBuilder {
  readonly #segments: SegmentFacts[] = [];
  readonly #ids = new HashTable();
  readonly #keys = new HashTable();
  readonly #terms = new Map<string, number>();
  /** For each posting: term, segment, line, byte. */
  readonly #postings = new NumberList();

  /** Entries of the fuller table, those of terms not yet counted. */
  get entries(): number {
    return Math.max(this.#ids.length, this.#keys.length + this.#terms.size);
  }

  /** Takes a segment's events. */
  addSegment(
    facts: SegmentFacts,
    events: Iterable<{ readonly event: EventLine; readonly line: number; readonly at: number }>,
    idsOf: IdsOf,
  ): void {
    const segment = this.#segments.push(facts) - 1;
    for (const { event, line, at } of events) {
      const id = hashKey(keyOf("id", event.id));
      this.#ids.add(id.high, id.low, segment, line, at);
      for (const key of otherKeysOf(event, idsOf)) {
        const { high, low } = hashKey(key);
        this.#keys.add(high, low, segment, line, at);
      }
      this.#addPosting(keyOf("stream", event.stream), segment, line, at);
      this.#addPosting(keyOf("type", event.type), segment, line, at);
    }
  }

  #addPosting(term: string, segment: number, line: number, at: number): void {
    let number = this.#terms.get(term);
    if (number === undefined) this.#terms.set(term, (number = this.#terms.size));
    for (const value of [number, segment, line, at]) this.#postings.push(value);
  }

  /** Takes what another part knows of the segments that are as they were. */
  addPart(part: IndexPart): void {
    const numbers = part.segments.map((facts, index) =>
      part.live[index] === true ? this.#segments.push(facts) - 1 : -1,
    );
    for (const table of ["ids", "keys"] as const) {
      for (const bytes of part.entriesOf(table)) this.#addEntries(table, bytes, numbers);
    }
    for (let term = 0; term < part.termCount; term += 1) {
      const text = part.termAt(term);
      for (const [from, line, at] of part.postingsOf(term)) {
        const segment = numbers[from] ?? -1;
        if (segment >= 0) this.#addPosting(text, segment, line, at);
      }
    }
  }

  #addEntries(table: "ids" | "keys", bytes: Buffer, numbers: readonly number[]): void {
    const target = table === "ids" ? this.#ids : this.#keys;
    for (let offset = 0; offset < bytes.length; offset += HASH_BYTES) {
      const [from, line, at] = entryAt(bytes, offset);
      // Terms get an entry anew when the part is done.
      const segment = from === IS_TERM ? -1 : (numbers[from] ?? -1);
      if (segment < 0) continue;
      target.add(bytes.readUInt32LE(offset), bytes.readUInt16LE(offset + 4), segment, line, at);
    }
  }

  /** The part. */
  finish(): BuiltPart {
    const terms = [...this.#terms].map(([text, number]) => ({
      bytes: Buffer.from(text),
      text,
      number,
    }));
    terms.sort((a, b) => a.bytes.compare(b.bytes));
    for (const [place, { text }] of terms.entries()) {
      const { high, low } = hashKey(text);
      this.#keys.add(high, low, IS_TERM, place, 0);
    }
    const lengths = {
      ids: this.#ids.length * HASH_BYTES,
      keys: this.#keys.length * HASH_BYTES,
      postings: (this.#postings.length / 4) * POSTING_BYTES,
      terms: (terms.length + 1) * TERM_BYTES,
      texts: terms.reduce((sum, { bytes }) => sum + bytes.length, 0),
    };
    const { tables, size } = placed(lengths);
    const body = Buffer.alloc(size);
    this.#ids.writeTo(body, tables.ids[0]);
    this.#keys.writeTo(body, tables.keys[0]);
    this.#writeTerms(body, tables, terms);
    return { segments: this.#segments, tables, body };
  }

  #writeTerms(
    body: Buffer,
    tables: PartTables,
    terms: readonly { readonly bytes: Buffer; readonly number: number }[],
  ): void {
    const counts = new Uint32Array(terms.length);
    for (let at = 0; at < this.#postings.length; at += 4) {
      counts[this.#postings.at(at)] = (counts[this.#postings.at(at)] ?? 0) + 1;
    }
    const next = new Uint32Array(terms.length);
    let text = 0;
    let posting = 0;
    let entry = tables.terms[0];
    for (const { bytes, number } of terms) {
      next[number] = posting;
      body.writeUInt32LE(text, entry);
      body.writeUInt32LE(posting, entry + 4);
      bytes.copy(body, tables.texts[0] + text);
      text += bytes.length;
      posting += counts[number] ?? 0;
      entry += TERM_BYTES;
    }
    body.writeUInt32LE(text, entry);
    body.writeUInt32LE(posting, entry + 4);
    for (let at = 0; at < this.#postings.length; at += 4) {
      const term = this.#postings.at(at);
      const place = tables.postings[0] + (next[term] ?? 0) * POSTING_BYTES;
      next[term] = (next[term] ?? 0) + 1;
      for (const [index, field] of [1, 2, 3].entries()) {
        body.writeUInt32LE(this.#postings.at(at + field), place + index * 4);
      }
    }
  }
}

/** Each table begins with a block: a read of one entry is a read of one block. */
function placed(lengths: Readonly<Record<keyof PartTables, number>>): {
  tables: PartTables;
  size: number;
} {
  let size = 0;
  const place = (length: number): readonly [number, number] => {
    const from = size;
    size += Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
    return [from, length];
  };
  const tables = {
    ids: place(lengths.ids),
    keys: place(lengths.keys),
    postings: place(lengths.postings),
    terms: place(lengths.terms),
    texts: place(lengths.texts),
  };
  return { tables, size };
}
