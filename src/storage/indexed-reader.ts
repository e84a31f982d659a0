/**
 * The log as of one commit, read by the index: of a stream the lines that belong to it, of
 * everything one segment after another.
 */

import { linesOf, type EventLine } from "./event-lines.ts";
import { bears, entityKey, type FindKind, type Place } from "./index-keys.ts";
import type { Ledger } from "./ledger.ts";
import type { LogIndex } from "./log-index.ts";
import { scanLog } from "./log-scan.ts";
import type { LogFaults, LogReader, NumberedLine, Scan } from "./log-reader.ts";
import type { LogTwins } from "./log-twins.ts";
import { LineReader, PendingSegments } from "./segment-bytes.ts";
import type { Unnumbered } from "./unnumbered.ts";
import type { NumberedEvent } from "./view.ts";

/** What is known of a segment is read anew so often before what it says is left out. */
const MAX_TRIES = 3;

/** A line and its number, without its version. */
export interface Found {
  readonly event: EventLine;
  readonly place: Place;
  readonly sequence: number;
  readonly provisional: boolean;
}

interface Numbered {
  readonly place: Place;
  /** `null` for a line without one. */
  readonly sequence: number | null;
}

export class IndexedReader implements LogReader {
  readonly index: LogIndex;
  readonly twins: LogTwins;
  readonly ledger: Ledger;
  readonly unnumbered: Unnumbered;
  readonly epoch: string | null;
  /** What a write under way adds. */
  readonly pending: readonly EventLine[];
  /** Numbers from here on were given after this look. */
  readonly limit: number;
  #firstPending: number | null = null;
  /** What the index was when this reader was made. */
  readonly #changes: number;
  readonly #pendingSegments: PendingSegments;
  #isLenient = false;

  constructor(
    readers: {
      readonly index: LogIndex;
      readonly twins: LogTwins;
      unnumbered(ledger: Ledger): Unnumbered;
    },
    { epoch, ledger }: { readonly epoch: string | null; readonly ledger: Ledger },
    pending: readonly (readonly NumberedEvent[])[],
  ) {
    this.index = readers.index;
    this.#pendingSegments = new PendingSegments(readers.index.disk, readers.index.overlay);
    this.#changes = readers.index.changes;
    this.twins = readers.twins;
    this.ledger = ledger;
    this.epoch = epoch;
    this.limit = ledger.nextSequence;
    this.unnumbered = readers.unnumbered(ledger);
    this.pending = pending.flatMap(linesOf);
  }

  get lastGiven(): number {
    return this.limit - 1;
  }

  /** The number of the first event that a write under way adds. */
  get firstPending(): number {
    return (this.#firstPending ??= this.limit + this.unnumbered.count);
  }

  get nextSequence(): number {
    return this.firstPending + this.pending.length;
  }

  get last(): LogReader["last"] {
    const pending = this.pending.at(-1);
    if (pending !== undefined) return { sequence: this.nextSequence - 1, id: pending.id };
    for (const chunk of scanLog(this, { order: "desc" })) {
      const line = chunk[0];
      if (line !== undefined) return { sequence: line.sequence, id: line.event.id };
    }
    return null;
  }

  scan(scan: Scan = {}): Generator<readonly NumberedLine[]> {
    return scanLog(this, scan);
  }

  // ---- by key --------------------------------------------------------------------------------

  ofStream(
    stream: string,
    { afterVersion = 0, limit = Infinity }: Parameters<LogReader["ofStream"]>[1] = {},
  ): NumberedLine[] {
    const end = afterVersion + limit;
    return this.#withLines((lines) => {
      const numbered = this.numbered("stream", stream);
      const found = this.#inOrder(numbered, lines, "stream", stream, [afterVersion, end]);
      const known = numbered.length;
      const added = this.pendingLines()
        .filter(({ event }) => event.stream === stream)
        .map((line, index) => ({ ...line, version: known + index + 1 }));
      const rest = added.slice(Math.max(0, afterVersion - known), Math.max(0, end - known));
      return [...found.map((one, index) => withVersion(one, afterVersion + index + 1)), ...rest];
    });
  }

  versionOf(stream: string): number {
    const pending = this.pending.filter((event) => event.stream === stream).length;
    return this.#lengthOf(stream) + pending;
  }

  /**
   * How many events a stream has without those of a write under way. Nothing but their number is
   * looked up where no line can be a twin, without a number, or newer than this look: else each
   * append would cost as much as its stream is long.
   */
  #lengthOf(stream: string): number {
    const { index, ledger, twins, unnumbered } = this;
    const isAsItWas = index.changes === this.#changes && ledger.nextSequence === this.limit;
    return isAsItWas && unnumbered.isEmpty && !twins.hasOverlaps
      ? index.countOf("stream", stream)
      : this.numbered("stream", stream).length;
  }

  byCommand(commandId: string): NumberedLine[] {
    return this.#byKey("command", commandId);
  }

  causedBy(id: string): NumberedLine[] {
    return this.#byKey("cause", id);
  }

  byId(id: string): NumberedLine | null {
    return this.#byKey("id", id)[0] ?? null;
  }

  /** The events that name an entity by its integer id, in sequence order. */
  ofEntity(kind: string, id: number): NumberedLine[] {
    return this.#byKey("entity", entityKey(kind, id));
  }

  /**
   * The events of a stream or of a type, those with the highest ids first, read as they are asked
   * for: where segments lie apart, the order of ids is known without a look.
   */
  *newestFirst(kind: "stream" | "type", text: string): Generator<EventLine> {
    yield* this.pending.filter((event) => this.#bears(event, kind, text)).reverse();
    const places = this.numbered(kind, text).map(({ place }) => place);
    const firstOf = new Map<string, string>();
    for (const { segment } of places) {
      const facts = this.index.factsOf(segment);
      const isApart = facts?.isOrdered === true && !this.twins.overlaps(segment);
      if (!isApart) return yield* this.#sortedById(kind, text);
      firstOf.set(segment, facts.minId);
    }
    places.sort((a, b) =>
      a.segment === b.segment
        ? b.line - a.line
        : (firstOf.get(a.segment) ?? "") < (firstOf.get(b.segment) ?? "")
          ? 1
          : -1,
    );
    for (const place of places) {
      const event = this.#withLines((lines) => this.#eventAt(place, lines, kind, text));
      if (event !== null) yield event;
    }
  }

  #sortedById(kind: FindKind, text: string): EventLine[] {
    const found = this.#byKey(kind, text).filter(({ segment }) => segment !== "");
    return found.map(({ event }) => event).sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** The events of a type, in sequence order. */
  ofType(type: string): NumberedLine[] {
    return this.#byKey("type", type);
  }

  #byKey(kind: FindKind, text: string): NumberedLine[] {
    const found = this.#withLines((lines) =>
      this.#inOrder(this.numbered(kind, text), lines, kind, text, [0, Infinity]),
    );
    const streams = new Map<string, Numbered[]>();
    for (const { event } of found) {
      if (!streams.has(event.stream))
        streams.set(event.stream, this.numbered("stream", event.stream));
    }
    const added = this.pendingLines().filter(({ event }) => this.#bears(event, kind, text));
    const versionOf = (one: Found): number => this.versionIn(one, streams.get(one.event.stream));
    return [...found.map((one) => withVersion(one, versionOf(one))), ...added];
  }

  /** What a write under way adds, numbered. */
  pendingLines(): NumberedLine[] {
    if (this.pending.length === 0) return [];
    const versions = new Map<string, number>();
    return this.pending.map((event, index) => {
      const { stream } = event;
      const version = (versions.get(stream) ?? this.#lengthOf(stream)) + 1;
      versions.set(stream, version);
      const sequence = this.firstPending + index;
      return { event, segment: "", line: 0, sequence, version, provisional: false };
    });
  }

  /** An event's place in its stream, of which `all` are the places. */
  versionIn(
    { event, place, sequence, provisional }: Found,
    all: readonly Numbered[] = this.numbered("stream", event.stream),
  ): number {
    const before = countBelow(all, provisional ? Infinity : sequence);
    if (!provisional) return before + 1;
    return this.#withLines((lines) => {
      const earlier = all.slice(before).filter(({ place: one }) => {
        const isSame = one.segment === place.segment && one.line === place.line;
        return !isSame && (lines.eventAt(one)?.id ?? "") < event.id;
      });
      return before + earlier.length + 1;
    });
  }

  /**
   * Places under a key, with their numbers; in the order of numbers, those without one last. Of a
   * hash that two keys share it may hold a place of the other.
   */
  numbered(kind: FindKind, text: string): Numbered[] {
    const found: Numbered[] = [];
    const places = this.twins.standing(this.index.find(kind, text), this.ledger);
    for (const place of places) {
      const number = this.ledger.numberOf(place.segment, place.line);
      const sequence = number !== null && number < this.limit ? number : null;
      // A line that came after this look has no number here, and is none of those without one.
      if (sequence !== null || this.unnumbered.holds(place)) found.push({ place, sequence });
    }
    return found.sort((a, b) => (a.sequence ?? Infinity) - (b.sequence ?? Infinity) || 0);
  }

  /** Reads the lines of a range of places; those without a number by their ids. */
  #inOrder(
    numbered: readonly Numbered[],
    lines: LineReader,
    kind: FindKind,
    text: string,
    [from, to]: readonly [number, number],
  ): Found[] {
    const first = numbered.findIndex(({ sequence }) => sequence === null);
    const given = first < 0 ? numbered : numbered.slice(0, first);
    const found: Found[] = [];
    for (const { place, sequence } of given.slice(from, to)) {
      const event = this.#eventAt(place, lines, kind, text);
      if (event !== null) found.push({ event, place, sequence: sequence ?? 0, provisional: false });
    }
    if (first < 0 || to <= given.length) return found;
    const without = numbered.slice(first).flatMap(({ place }) => {
      const event = this.#eventAt(place, lines, kind, text);
      return event === null ? [] : [{ event, place }];
    });
    without.sort((a, b) => (a.event.id < b.event.id ? -1 : 1));
    const wanted = without.slice(Math.max(0, from - given.length), to - given.length);
    for (const { event, place } of wanted) {
      const sequence = this.limit + this.unnumbered.rankOf(event.id);
      found.push({ event, place, sequence, provisional: true });
    }
    return found;
  }

  /** @throws Astray where the index says something else than the segment. */
  #eventAt(place: Place, lines: LineReader, kind: FindKind, text: string): EventLine | null {
    const event = lines.eventAt(place);
    if (event !== null && this.#bears(event, kind, text)) return event;
    // Another key with the same hash: the line is right, and not the one that is looked for.
    if (event !== null && kind !== "stream" && kind !== "type") return null;
    if (this.#isLenient) return null;
    throw new Astray(place.segment);
  }

  #bears(event: EventLine, kind: FindKind, text: string): boolean {
    return bears(event, kind, text, this.index.idsOf);
  }

  /** Does `act` again where what was known of a segment was wrong. */
  #withLines<T>(act: (lines: LineReader) => T): T {
    for (let tries = 1; ; tries += 1) {
      const lines = new LineReader(this.index.disk, this.index.overlay, this.#pendingSegments);
      try {
        return act(lines);
      } catch (error) {
        if (!(error instanceof Astray)) throw error;
        this.#isLenient = tries >= MAX_TRIES;
        this.index.distrustSegment(error.segment);
      } finally {
        lines.close();
      }
    }
  }

  // ---- of all --------------------------------------------------------------------------------

  streams(prefix: string): string[] {
    const names = new Set(this.index.counted("stream", prefix).keys());
    for (const { stream } of this.pending) if (stream.startsWith(prefix)) names.add(stream);
    return [...names].sort();
  }

  countByType(stream?: string): Map<string, number> {
    const counts = new Map<string, number>();
    const count = (type: string, number: number): void =>
      void counts.set(type, (counts.get(type) ?? 0) + number);
    if (stream !== undefined) {
      for (const { event } of this.ofStream(stream)) count(event.type, 1);
      return counts;
    }
    for (const [type, number] of this.index.counted("type")) count(type, number);
    for (const { type } of this.pending) count(type, 1);
    for (const event of this.#hiddenEvents()) count(event.type, -1);
    return new Map([...counts].filter(([, number]) => number > 0));
  }

  #hiddenEvents(): EventLine[] {
    const hidden = this.twins.groups().flatMap((group) => {
      const standing = new Set(this.twins.standing(group, this.ledger));
      return group.filter((place) => !standing.has(place));
    });
    return this.#withLines((lines) => hidden.flatMap((place) => lines.eventAt(place) ?? []));
  }

  /** How many events there are, and how many of them bear no number yet. */
  count(): { readonly total: number; readonly provisional: number } {
    let total = this.pending.length;
    for (const name of this.index.names()) total += this.index.factsOf(name)?.events ?? 0;
    for (const group of this.twins.groups()) total -= group.length - 1;
    return { total, provisional: this.unnumbered.count };
  }

  /** How long the log is, unpacked. */
  get bytes(): number {
    const { index } = this;
    return index.names().reduce((sum, name) => sum + (index.factsOf(name)?.bytes ?? 0), 0);
  }

  faults(): LogFaults {
    const { index, twins } = this;
    const unreadable = [...index.unreadable].map(([segment, why]) => ({ segment, why }));
    return { damage: index.damage(), conflicts: twins.knownConflicts(), unreadable };
  }
}

/** How many bear a number below that; those without one come last. */
function countBelow(numbered: readonly Numbered[], limit: number): number {
  let low = 0;
  let high = numbered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbered[middle]?.sequence ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index led to a line that is none of those it stands for. */
class Astray extends Error {
  override readonly name = "Astray";
  readonly segment: string;

  constructor(segment: string) {
    super(segment);
    this.segment = segment;
  }
}

/** What a caller gets. */
export function withVersion(
  { event, place, sequence, provisional }: Found,
  version: number,
): NumberedLine {
  const { segment, line } = place;
  return { event, segment, line, sequence, version, provisional };
}
