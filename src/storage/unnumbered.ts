/**
 * Lines that bear no number yet: a merge brought them, or they were damaged when the others got
 * theirs and were mended since. They come last, in the order of ids, and are provisional.
 */

import { decodeEventHead, decodeEventLine, type EventLine } from "./event-lines.ts";
import type { Place } from "./index-keys.ts";
import type { SegmentFacts } from "./index-part.ts";
import type { Ledger } from "./ledger.ts";
import type { LogIndex } from "./log-index.ts";
import { placeKey, type LogTwins } from "./log-twins.ts";
import { LineReader } from "./segment-bytes.ts";

/** A line without a number, and where it stands. */
export interface UnnumberedLine extends Place {
  readonly event: EventLine;
}

interface Cursor {
  readonly facts: SegmentFacts;
  lines: UnnumberedLine[] | null;
  next: number;
}

/** The lines without a number, as of one state of the ledger. */
export class Unnumbered {
  readonly #index: LogIndex;
  readonly #twins: LogTwins;
  readonly #ledger: Ledger;
  /** Numbers from here on were given since. */
  readonly #limit: number;
  readonly #segments: readonly { readonly facts: SegmentFacts; readonly count: number }[];
  #ids: readonly string[] | null = null;

  /** @param names of the segments that may hold such lines. */
  constructor(index: LogIndex, twins: LogTwins, ledger: Ledger, names: Iterable<string>) {
    this.#index = index;
    this.#twins = twins;
    this.#ledger = ledger;
    this.#limit = ledger.nextSequence;
    this.#segments = [...names].flatMap((name) => {
      const facts = index.factsOf(name);
      const count = facts === null ? 0 : countUnnumbered(facts, ledger);
      return facts === null || count === 0 ? [] : [{ facts, count }];
    });
  }

  /** Whether a line has no number. */
  holds({ segment, line }: Pick<Place, "segment" | "line">): boolean {
    const known = this.#segments.find(({ facts }) => facts.name === segment);
    return known !== undefined && line <= known.facts.lines;
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Of which segments. */
  get segments(): readonly string[] {
    return this.#segments.map(({ facts }) => facts.name);
  }

  /** How many there are. */
  get count(): number {
    if (!this.#hasOverlaps) return this.#segments.reduce((sum, { count }) => sum + count, 0);
    return this.#allIds().length;
  }

  get #hasOverlaps(): boolean {
    return this.#segments.some(({ facts }) => this.#twins.overlaps(facts.name));
  }

  /** How many have a lower id. */
  rankOf(id: string): number {
    if (this.#hasOverlaps) {
      const ids = this.#allIds();
      return firstNotBelow(ids, id);
    }
    let rank = 0;
    for (const { facts, count } of this.#segments) {
      if (facts.maxId < id) rank += count;
      else if (facts.minId < id) rank += this.#rankIn(facts, id);
    }
    return rank;
  }

  #rankIn(facts: SegmentFacts, id: string): number {
    const cursor = { facts, lines: null, next: 0 };
    const lines = new LineReader(this.#index.disk, this.#index.overlay);
    try {
      const ids = this.#linesOf(cursor, lines, decodeEventHead).map(({ event }) => event.id);
      return firstNotBelow(ids, id);
    } finally {
      lines.close();
    }
  }

  #allIds(): readonly string[] {
    if (this.#ids === null) {
      const ids: string[] = [];
      for (const { event } of this.inOrder("asc", decodeEventHead)) ids.push(event.id);
      this.#ids = ids;
    }
    return this.#ids;
  }

  /** In the order of ids; of segments whose ids lie apart one is held at a time. */
  *inOrder(order: "asc" | "desc" = "asc", decode = decodeEventLine): Generator<UnnumberedLine> {
    const sign = order === "asc" ? 1 : -1;
    const first = ({ facts }: Cursor): string => (sign > 0 ? facts.minId : facts.maxId);
    const waiting: Cursor[] = this.#segments
      .map(({ facts }) => ({ facts, lines: null, next: 0 }))
      .sort((a, b) => sign * (first(a) < first(b) ? -1 : 1));
    const hidden = this.#hasOverlaps ? this.#twins.hidden(this.#ledger) : NOTHING;
    const lines = new LineReader(this.#index.disk, this.#index.overlay);
    let open: Cursor[] = [];
    try {
      while (waiting.length > 0 || open.length > 0) {
        const cursor = this.#next(waiting, open, sign);
        if (cursor === null) return;
        if (cursor.lines === null) {
          cursor.lines = this.#linesOf(cursor, lines, decode);
          if (sign < 0) cursor.lines.reverse();
          lines.release(cursor.facts.name);
          open.push(cursor);
          waiting.splice(waiting.indexOf(cursor), 1);
          open = open.filter((one) => one.next < (one.lines?.length ?? 0));
          continue;
        }
        const line = cursor.lines[cursor.next];
        cursor.next += 1;
        if (cursor.next >= cursor.lines.length) open = open.filter((one) => one !== cursor);
        if (line !== undefined && !hidden.has(placeKey(line))) yield line;
      }
    } finally {
      lines.close();
    }
  }

  /** The open segment whose next line comes first, or one to be opened because it may come before. */
  #next(waiting: readonly Cursor[], open: readonly Cursor[], sign: number): Cursor | null {
    let best: Cursor | null = null;
    let bestId = "";
    for (const cursor of open) {
      const id = cursor.lines?.[cursor.next]?.event.id ?? "";
      if (best !== null && sign * (id < bestId ? -1 : 1) > 0) continue;
      best = cursor;
      bestId = id;
    }
    const [next] = waiting;
    if (next === undefined) return best;
    const nextId = sign > 0 ? next.facts.minId : next.facts.maxId;
    return best === null || sign * (nextId < bestId ? -1 : 1) <= 0 ? next : best;
  }

  #linesOf(cursor: Cursor, lines: LineReader, decode: typeof decodeEventLine): UnnumberedLine[] {
    const { name, lines: most } = cursor.facts;
    const segment = lines.segment(name, decode);
    const found = (segment?.events ?? [])
      .filter(({ line }) => line <= most && this.#isUnnumbered(name, line))
      .map(({ event, line, at }) => ({ event, segment: name, line, at }));
    return found.sort((a, b) => (a.event.id < b.event.id ? -1 : a.event.id > b.event.id ? 1 : 0));
  }

  #isUnnumbered(segment: string, line: number): boolean {
    const number = this.#ledger.numberOf(segment, line);
    return number === null || number >= this.#limit;
  }
}

const NOTHING: ReadonlySet<string> = new Set();

/** How many events of a segment have no number: those that are there less those that have one. */
export function countUnnumbered(facts: SegmentFacts, ledger: Ledger): number {
  let numbered = 0;
  for (const [, count, , line] of ledger.runsOf(facts.name)) {
    const end = Math.min(line + count - 1, facts.lines);
    if (end < line) continue;
    numbered += end - line + 1;
    const noEvents = [...facts.damage.map(([damaged]) => damaged), ...facts.laterHeaders];
    for (const one of noEvents) if (one >= line && one <= end) numbered -= 1;
  }
  return Math.max(0, facts.events - numbered);
}

function firstNotBelow(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? "") < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
