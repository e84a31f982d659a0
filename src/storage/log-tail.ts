/** What is known of a segment that was read line by line: it may grow, and is found in by its keys. */

import { keyOf, otherKeysOf, type IdsOf, type Place } from "./index-keys.ts";
import type { SegmentFacts } from "./index-part.ts";
import type { SegmentFile } from "./segment-files.ts";
import type { Segment, SegmentLine } from "./segments.ts";

export class Tail {
  readonly segment: Segment;
  /** Whether its file was old enough when it was read for its `stat` to tell of each change. */
  isStill = false;
  minId = "";
  maxId = "";
  minAt = "";
  maxAt = "";
  readonly #byKey = new Map<string, SegmentLine[]>();
  #seen = 0;
  #isHeadless = false;
  #isOrdered = true;

  readonly #idsOf: IdsOf;

  constructor(segment: Segment, idsOf: IdsOf) {
    this.segment = segment;
    this.#idsOf = idsOf;
  }

  /** Takes over the events that came since; returns the lowest of their ids. */
  sync(): string | null {
    const { events } = this.segment;
    let lowest: string | null = null;
    for (; this.#seen < events.length; this.#seen += 1) {
      const one = events[this.#seen];
      if (one === undefined) continue;
      this.#take(one);
      if (lowest === null || one.event.id < lowest) lowest = one.event.id;
    }
    return lowest;
  }

  #take(one: SegmentLine): void {
    const { event, line } = one;
    if (event.id <= this.maxId) this.#isOrdered = false;
    if (this.#seen === 0 || event.id < this.minId) this.minId = event.id;
    if (this.#seen === 0 || event.id > this.maxId) this.maxId = event.id;
    if (this.#seen === 0 || event.createdAt < this.minAt) this.minAt = event.createdAt;
    if (this.#seen === 0 || event.createdAt > this.maxAt) this.maxAt = event.createdAt;
    if (line === 1) this.#isHeadless = true;
    const own = [keyOf("id", event.id), keyOf("stream", event.stream), keyOf("type", event.type)];
    for (const key of [...own, ...otherKeysOf(event, this.#idsOf)]) {
      const known = this.#byKey.get(key);
      if (known === undefined) this.#byKey.set(key, [one]);
      else known.push(one);
    }
  }

  /** Places of the events that bear a key. */
  find(key: string): Place[] {
    const { name } = this.segment;
    return (this.#byKey.get(key) ?? []).map(({ line, at }) => ({ segment: name, line, at }));
  }

  /** How many events bear a key. */
  countOf(key: string): number {
    return this.#byKey.get(key)?.length ?? 0;
  }

  /** The texts under a key's first character, with how many events bear each. */
  *counted(mark: string): Generator<readonly [text: string, count: number]> {
    for (const [key, lines] of this.#byKey) {
      if (key.startsWith(mark)) yield [key.slice(mark.length), lines.length];
    }
  }

  facts(): SegmentFacts {
    const { name, bytes, lines, events, header, damage, laterHeaders, file } = this.segment;
    const { minId, maxId, minAt, maxAt } = this;
    return {
      name,
      file: identityOf(file),
      bytes,
      lines,
      events: events.length,
      ...{ minId, maxId, minAt, maxAt },
      ids: header?.ids ?? null,
      isOrdered: this.#isOrdered,
      isHeadless: this.#isHeadless,
      damage: damage.map(({ line, at, why }) => [line, at, why]),
      laterHeaders: [...laterHeaders],
    };
  }
}

/** By which a file is known to be the same. */
export function identityOf(file: SegmentFile | null): SegmentFacts["file"] {
  if (file === null) return [false, -1, -1, -1, -1];
  const { size, ino, mtimeMs, ctimeMs } = file.stat;
  return [file.isPacked, size, ino, mtimeMs, ctimeMs];
}

/** Whether a file is the one that was seen. */
export function isIdentical(a: SegmentFacts["file"], b: SegmentFacts["file"]): boolean {
  return a.every((value, index) => value === b[index]);
}
