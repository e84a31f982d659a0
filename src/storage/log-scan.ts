/**
 * Going through the log in sequence order: one segment after another, as the ledger's runs lead, so
 * that a few segments are held at a time and never all.
 */

import type { EventLine } from "./event-lines.ts";
import type { Place } from "./index-keys.ts";
import type { Run } from "./journal-lines.ts";
import type { Ledger } from "./ledger.ts";
import type { LogIndex } from "./log-index.ts";
import type { LogReader, NumberedLine, Scan } from "./log-reader.ts";
import { placeKey, type LogTwins } from "./log-twins.ts";
import { LineReader } from "./segment-bytes.ts";
import type { SegmentLine } from "./segments.ts";
import type { Unnumbered } from "./unnumbered.ts";

/** So many events are given at a time: 5 ms to read. */
const CHUNK = 1024;
/** Runs may alternate between segments: those of so many are kept decoded. */
const KEPT_SEGMENTS = 4;
/** A run of fewer lines is not worth reading its segment for itself: others of it will follow. */
const FEW_LINES = 256;
/** Numbers of streams that are kept for versions, in all. */
const KEPT_NUMBERS = 200_000;
/** A prefix or type of so few events is read line by line. */
const FEW = 4096;

/** An event whose version may have to be found out. */
type Line = Omit<NumberedLine, "version"> & { version?: number | undefined };

/** What a scan needs of a reader. */
export interface ScannedLog extends Pick<LogReader, "ofStream" | "streams"> {
  readonly index: LogIndex;
  readonly twins: LogTwins;
  readonly ledger: Ledger;
  readonly unnumbered: Unnumbered;
  /** Numbers from here on were given after this look. */
  readonly limit: number;
  /** The number of the first event that a write under way adds. */
  readonly firstPending: number;
  pendingLines(): NumberedLine[];
  ofType(type: string): NumberedLine[];
  numbered(kind: "stream", stream: string): readonly { readonly sequence: number | null }[];
  versionIn(found: {
    readonly event: EventLine;
    readonly place: Place;
    readonly sequence: number;
    readonly provisional: boolean;
  }): number;
}

/** Chunks of events that fit, in sequence order. */
export function* scanLog(reader: ScannedLog, scan: Scan): Generator<readonly NumberedLine[]> {
  const few = fewOf(reader, scan);
  const versions = new Versions(reader, isFromStart(scan) && few === null);
  const order = scan.order ?? "asc";
  const lines = few === null ? allLines(reader, scan, order) : linesOf(few, order);
  let chunk: NumberedLine[] = [];
  let read = 0;
  const isPlain = everything(scan);
  for (const line of lines) {
    const version = line.version ?? versions.of(line);
    read += 1;
    if (isPlain || fits(line, scan)) chunk.push(versioned(line, version, versions));
    if (read < CHUNK) continue;
    yield chunk;
    chunk = [];
    read = 0;
  }
  if (chunk.length > 0) yield chunk;
}

/** Whether all events fit that are not before the first. */
function everything({ stream, type, prefix, agent, since, until }: Scan): boolean {
  return [stream, type, prefix, agent, since, until].every((filter) => filter === undefined);
}

function versioned(line: Line, version: number | null, versions: Versions): NumberedLine {
  if (version === null) return new LookedUp(line, versions);
  // A million events: no second object for each.
  line.version = version;
  return line as NumberedLine;
}

/** An event whose version is found out when it is asked for: that costs more than to read the event. */
class LookedUp implements NumberedLine {
  readonly event: EventLine;
  readonly segment: string;
  readonly line: number;
  readonly sequence: number;
  readonly provisional: boolean;
  readonly #versions: Versions;

  constructor({ event, segment, line, sequence, provisional }: Line, versions: Versions) {
    this.event = event;
    this.segment = segment;
    this.line = line;
    this.sequence = sequence;
    this.provisional = provisional;
    this.#versions = versions;
  }

  get version(): number {
    return this.#versions.lookUp(this);
  }
}

function isFromStart({ from = 1, order, since, until }: Scan): boolean {
  return from <= 1 && order !== "desc" && since === undefined && until === undefined;
}

/** The events of one stream, of few streams, of a rare type; `null` where all is to be read. */
function fewOf(reader: ScannedLog, { stream, prefix, type }: Scan): NumberedLine[] | null {
  if (stream !== undefined) return reader.ofStream(stream);
  if (prefix !== undefined && prefix !== "") {
    const counts = reader.index.counted("stream", prefix);
    if (sum(counts.values()) > FEW) return null;
    return inSequence(reader.streams(prefix).flatMap((name) => reader.ofStream(name)));
  }
  if (type === undefined) return null;
  return (reader.index.counted("type", type).get(type) ?? 0) > FEW ? null : reader.ofType(type);
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function inSequence(lines: NumberedLine[]): NumberedLine[] {
  return lines.sort((a, b) => a.sequence - b.sequence);
}

function linesOf(lines: readonly NumberedLine[], order: "asc" | "desc"): readonly NumberedLine[] {
  return order === "asc" ? lines : lines.toReversed();
}

/** Whether an event is among those that are asked for. */
function fits({ event, sequence }: Line, scan: Scan): boolean {
  const { from, stream, type, prefix, agent, since, until } = scan;
  return (
    (from === undefined || sequence >= from) &&
    (stream === undefined || event.stream === stream) &&
    (type === undefined || event.type === type) &&
    (prefix === undefined || event.stream.startsWith(prefix)) &&
    (agent === undefined || event.agent === agent) &&
    (since === undefined || event.createdAt >= since) &&
    (until === undefined || event.createdAt < until)
  );
}

// ---- all -------------------------------------------------------------------------------------

function* allLines(reader: ScannedLog, scan: Scan, order: "asc" | "desc"): Generator<Line> {
  if (order === "asc") {
    yield* numberedLines(reader, scan, order);
    yield* provisionalLines(reader, scan, order);
    yield* pendingLines(reader, scan);
  } else {
    yield* pendingLines(reader, scan).reverse();
    yield* provisionalLines(reader, scan, order);
    yield* numberedLines(reader, scan, order);
  }
}

function pendingLines(reader: ScannedLog, { from = 1 }: Scan): NumberedLine[] {
  return reader.pendingLines().filter(({ sequence }) => sequence >= from);
}

function* provisionalLines(
  reader: ScannedLog,
  { from = 1 }: Scan,
  order: "asc" | "desc",
): Generator<Line> {
  if (reader.unnumbered.isEmpty) return;
  const step = order === "asc" ? 1 : -1;
  let sequence = order === "asc" ? reader.limit : reader.firstPending - 1;
  for (const { event, segment, line } of reader.unnumbered.inOrder(order)) {
    if (sequence >= from) yield { event, segment, line, sequence, provisional: true };
    else if (step < 0) return;
    sequence += step;
  }
}

function* numberedLines(reader: ScannedLog, scan: Scan, order: "asc" | "desc"): Generator<Line> {
  const { from = 1 } = scan;
  const { runs } = reader.ledger;
  const first = firstRunFrom(runs, from);
  const last = runs.length - 1;
  const segments = new DecodedSegments(reader, scan);
  const hidden = hiddenBehind(reader, from);
  try {
    for (let step = 0; step <= last - first; step += 1) {
      const run = runs[order === "asc" ? first + step : last - step];
      if (run === undefined || run[0] >= reader.limit) continue;
      for (const line of segments.linesOf(run, from, order))
        if (hidden.size === 0 || !hidden.has(placeKey(line))) yield line;
    }
  } finally {
    segments.close();
  }
}

const NOTHING: ReadonlySet<string> = new Set();

/** Twins that are no events of their own, where there can be any in what is left to read. */
function hiddenBehind(reader: ScannedLog, from: number): ReadonlySet<string> {
  if (!reader.twins.hasOverlaps) return NOTHING;
  const { runs } = reader.ledger;
  const concerned = runs
    .slice(firstRunFrom(runs, from))
    .some((run) => reader.twins.overlaps(run[2]));
  return concerned ? reader.twins.hidden(reader.ledger) : NOTHING;
}

/** The first run that holds a number or a later one. */
function firstRunFrom(runs: readonly Run[], from: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle];
    if (run !== undefined && run[0] + run[1] > from) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The last few segments that were read. */
class DecodedSegments {
  readonly #reader: ScannedLog;
  readonly #scan: Scan;
  readonly #lines: LineReader;
  readonly #kept = new Map<string, readonly SegmentLine[]>();

  constructor(reader: ScannedLog, scan: Scan) {
    this.#reader = reader;
    this.#scan = scan;
    this.#lines = new LineReader(reader.index.disk, reader.index.overlay);
  }

  /** What a run numbers, from one number on. */
  *linesOf(run: Run, from: number, order: "asc" | "desc"): Generator<Line> {
    const [, count, segment] = run;
    if (order === "desc") {
      yield* this.#numbered(this.#eventsOf(segment), run, from).reverse();
    } else if (count < FEW_LINES || this.#kept.has(segment)) {
      yield* this.#numbered(this.#eventsOf(segment), run, from);
    } else if (this.#mayHold(segment)) {
      for (const events of this.#lines.pieces(segment)) yield* this.#numbered(events, run, from);
      this.#lines.release(segment);
    }
  }

  #numbered(events: readonly SegmentLine[], run: Run, from: number): Line[] {
    const [start, count, segment, first] = run;
    const found: Line[] = [];
    const end = Math.min(start + count, this.#reader.limit);
    for (const { event, line } of events) {
      const sequence = start + line - first;
      if (line < first || sequence < from) continue;
      if (sequence >= end) break;
      found.push({ event, segment, line, sequence, version: undefined, provisional: false });
    }
    return found;
  }

  #eventsOf(segment: string): readonly SegmentLine[] {
    const known = this.#kept.get(segment);
    if (known !== undefined) return known;
    const events = this.#mayHold(segment) ? (this.#lines.segment(segment)?.events ?? []) : [];
    this.#lines.release(segment);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= KEPT_SEGMENTS && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(segment, events);
    return events;
  }

  /** Whether a segment is there and holds events of the time that is asked for. */
  #mayHold(segment: string): boolean {
    const facts = this.#reader.index.factsOf(segment);
    if (facts === null) return false;
    const { since, until } = this.#scan;
    return (
      (since === undefined || facts.maxAt >= since) && (until === undefined || facts.minAt < until)
    );
  }

  close(): void {
    this.#lines.close();
  }
}

// ---- versions --------------------------------------------------------------------------------

/** The place of each event in its stream: counted from the start, or looked up where that was not read. */
class Versions {
  readonly #reader: ScannedLog;
  readonly #counts: Map<string, number> | null;
  readonly #numbers = new Map<string, Float64Array>();
  #kept = 0;

  constructor(reader: ScannedLog, isFromStart: boolean) {
    this.#reader = reader;
    this.#counts = isFromStart ? new Map() : null;
  }

  /** Counts an event; `null` where it has to be looked up. */
  of({ event }: { readonly event: EventLine }): number | null {
    if (this.#counts === null) return null;
    const version = (this.#counts.get(event.stream) ?? 0) + 1;
    this.#counts.set(event.stream, version);
    return version;
  }

  lookUp(line: Line): number {
    if (line.provisional) {
      const { event, segment, line: number, sequence } = line;
      const place = { segment, line: number, at: 0 };
      return this.#reader.versionIn({ event, place, sequence, provisional: true });
    }
    const numbers = this.#numbersOf(line.event.stream);
    let low = 0;
    let high = numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((numbers[middle] ?? 0) < line.sequence) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  #numbersOf(stream: string): Float64Array {
    let numbers = this.#numbers.get(stream);
    if (numbers === undefined) {
      if (this.#kept > KEPT_NUMBERS) this.#numbers.clear();
      if (this.#numbers.size === 0) this.#kept = 0;
      const given = this.#reader.numbered("stream", stream).map(({ sequence }) => sequence);
      numbers = Float64Array.from(given.filter((number) => number !== null));
      this.#numbers.set(stream, numbers);
      this.#kept += numbers.length;
    }
    return numbers;
  }
}
