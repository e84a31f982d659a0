/**
 * Reading the event log: which events there are, in which order, under which number.
 *
 * The order of the log is the order of ids; equal ids are one event (a merge may bring a line
 * twice). A batch counts only when all its lines are there, so a cut one is absent as a whole.
 * Sequence numbers come from the ledger's runs; lines without one (brought by a merge) come last,
 * by id, and are provisional until the next commit numbers them.
 *
 * Segments are only ever appended to, so a look reads what was added since the last one; a
 * segment whose start changed (git switched it) is read anew.
 */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import { decodeEventLine, eachLine, type EventLine, type SegmentHeader } from "./event-lines.ts";
import { checksum } from "./hash.ts";
import { pathOf, type FileChange, type Run } from "./journal-lines.ts";
import { EVENTS, folderOf, inFolder, nameOf } from "./layout.ts";
import type { Ledger } from "./ledger.ts";
import { isFault, type Overlay } from "./view.ts";

const SEGMENT_SUFFIX = ".jsonl";
/** A segment is known to go on from what was read of it by so many bytes at its read end. */
const JOINT_BYTES = 64;

/** An event, where it stands, and its number. */
export interface LoggedEvent {
  readonly event: EventLine;
  readonly segment: string;
  readonly line: number;
  readonly sequence: number;
  /** The number may change with the next commit: a merge brought the line. */
  readonly provisional: boolean;
}

/** A line that does not count, and why. */
export interface LogDamage {
  readonly segment: string;
  readonly line: number;
  readonly why: string;
  /** A last line without its end may still be growing. */
  readonly growing: boolean;
}

interface SegmentLine {
  readonly event: EventLine;
  readonly line: number;
}

/** What is known of one segment. */
class Segment {
  readonly name: string;
  bytes = 0;
  lines = 0;
  joint = "";
  size = -1;
  ino = -1;
  ctimeMs = -1;
  header: SegmentHeader | null = null;
  events: SegmentLine[] = [];
  damage: LogDamage[] = [];
  /** Lines of a batch whose end was not seen yet. */
  open: SegmentLine[] = [];

  readonly #added: (event: EventLine) => void;

  constructor(name: string, added: (event: EventLine) => void) {
    this.name = name;
    this.#added = added;
  }

  /** Takes bytes that follow those already read; keeps what has no end yet for the next time. */
  take(bytes: Buffer): void {
    const before = this.events.length;
    const { used, lines } = eachLine(bytes, this.lines + 1, (line, number) =>
      this.#line(line, number),
    );
    if (used === 0) return;
    this.bytes += used;
    this.lines += lines;
    this.joint = checksum(bytes.subarray(Math.max(0, used - JOINT_BYTES), used));
    for (const { event } of this.events.slice(before)) this.#added(event);
  }

  #line(bytes: Buffer, line: number): void {
    const read = decodeEventLine(bytes);
    if (read.kind === "event") {
      const { event } = read;
      const last = this.open.at(-1)?.event;
      const goesOn = last !== undefined && last.txId === event.txId && last.n + 1 === event.n;
      if (!goesOn) this.#dropOpen();
      if (!goesOn && event.n !== 1) {
        this.damage.push(this.#damaged(line, `the batch ${event.txId} lacks its beginning`));
        return;
      }
      this.open.push({ event, line });
      if (event.n === event.of) {
        this.events.push(...this.open);
        this.open = [];
      }
      return;
    }
    this.#dropOpen();
    if (read.kind === "damaged") this.damage.push(this.#damaged(line, read.why));
    else if (line === 1) this.header = read.header;
  }

  #dropOpen(): void {
    for (const { event, line } of this.open) {
      this.damage.push(
        this.#damaged(
          line,
          `the batch ${event.txId} has ${this.open.length} of its ${event.of} lines`,
        ),
      );
    }
    this.open = [];
  }

  #damaged(line: number, why: string): LogDamage {
    return { segment: this.name, line, why, growing: false };
  }
}

/** The log as of one commit. */
export interface LogLook {
  /** In the order of sequence numbers. */
  readonly events: readonly LoggedEvent[];
  readonly damage: readonly LogDamage[];
  /** Lines that bear the id of another line and say something else. */
  readonly conflicts: readonly { segment: string; line: number; id: string }[];
  /** Segments that could not be read at all. */
  readonly unreadable: readonly { segment: string; why: string }[];
}

export class EventLog {
  readonly #disk: Disk;
  readonly #overlay: Overlay;
  readonly #segments = new Map<string, Segment>();
  readonly #headers = new Map<string, SegmentHeader | null>();
  readonly #unreadable = new Map<string, string>();
  #lookedAt = -Infinity;
  #look: LogLook | null = null;
  #lastOf: Map<string, EventLine> | null = new Map();
  #lookRuns = "";

  constructor(disk: Disk, overlay: Overlay) {
    this.#disk = disk;
    this.#overlay = overlay;
  }

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    this.#lookedAt = -Infinity;
  }

  /** Takes over what a commit adds to the log, without a look at the disk where that is sound. */
  committed(changes: readonly FileChange[]): void {
    for (const change of changes) {
      const path = pathOf(change);
      if (folderOf(path) !== EVENTS) continue;
      const segment = this.#segments.get(nameOf(path));
      if ("put" in change && segment === undefined) {
        this.#newSegment(nameOf(path)).take(Buffer.from(change.data));
      } else if ("append" in change && segment?.bytes === change.at) {
        segment.take(Buffer.from(change.data));
      } else {
        this.distrust();
      }
      this.#look = null;
    }
  }

  #newSegment(name: string): Segment {
    if (this.#segments.has(name)) this.#lastOf = null;
    const segment = new Segment(name, (event) => this.#noteLast(event));
    this.#segments.set(name, segment);
    return segment;
  }

  #noteLast(event: EventLine): void {
    const last = this.#lastOf?.get(event.stream);
    if (last === undefined || last.id < event.id) this.#lastOf?.set(event.stream, event);
  }

  /** The last event of a stream; `null` for a stream without one. Call {@link refresh} before. */
  lastOf(stream: string): EventLine | null {
    if (this.#lastOf === null) {
      this.#lastOf = new Map();
      for (const segment of this.#segments.values()) {
        for (const { event } of segment.events) this.#noteLast(event);
      }
    }
    return this.#lastOf.get(stream) ?? null;
  }

  #removeSegment(name: string): boolean {
    this.#lastOf = null;
    return this.#segments.delete(name);
  }

  /** Brings what is known of every segment up to date, as seen at `since` or later. */
  refresh(names: readonly string[], since: number, now: number): boolean {
    if (this.#lookedAt >= since) return false;
    let changed = false;
    const there = new Set(names.filter((name) => name.endsWith(SEGMENT_SUFFIX)));
    for (const name of this.#segments.keys()) {
      if (!there.has(name)) changed = this.#removeSegment(name) || changed;
    }
    for (const name of there) changed = this.#tryRefresh(name) || changed;
    this.#lookedAt = now;
    if (changed) this.#look = null;
    return changed;
  }

  #tryRefresh(name: string): boolean {
    try {
      const changed = this.#refreshSegment(name);
      return this.#unreadable.delete(name) || changed;
    } catch (error) {
      // A link, a folder, no permission: this segment is named, the others are read.
      if (!isFlowError(error, "IO")) throw error;
      this.#removeSegment(name);
      this.#unreadable.set(name, error.message);
      return true;
    }
  }

  #refreshSegment(name: string): boolean {
    const path = inFolder(EVENTS, name);
    const appends = this.#overlay.appendsTo(path);
    const instead = this.#overlay.isEmpty ? undefined : this.#overlay.at(path, null);
    if (instead !== undefined && instead !== null && !isFault(instead)) {
      // A new segment that is committed and not in place yet.
      const segment = this.#newSegment(name);
      segment.take(Buffer.from(instead.text));
      for (const { data } of appends) segment.take(Buffer.from(data));
      return true;
    }
    const stat = this.#disk.stat(path);
    if (stat === null) return this.#removeSegment(name);
    let segment = this.#segments.get(name);
    const same =
      segment !== undefined &&
      segment.ino === stat.ino &&
      segment.size === stat.size &&
      segment.ctimeMs === stat.ctimeMs;
    if (same && appends.length === 0) return false;
    const handle = this.#disk.open(path, "read");
    if (handle === null) return this.#removeSegment(name);
    try {
      const size = handle.stat().size;
      if (segment === undefined || !this.#goesOn(segment, handle, size)) {
        segment = this.#newSegment(name);
      }
      segment.take(readFrom(handle, segment.bytes, size));
      segment.size = size;
      segment.ino = stat.ino;
      segment.ctimeMs = stat.ctimeMs;
    } finally {
      handle.close();
    }
    for (const { at, data } of appends) {
      const bytes = Buffer.from(data);
      if (at + bytes.length > segment.bytes) segment.take(bytes.subarray(segment.bytes - at));
      // What lies ahead of the file is looked at again next time.
      segment.size = -1;
    }
    return true;
  }

  #goesOn(segment: Segment, handle: ReturnType<Disk["open"]> & object, size: number): boolean {
    if (size < segment.bytes) return false;
    const from = Math.max(0, segment.bytes - JOINT_BYTES);
    return checksum(readFrom(handle, from, segment.bytes)) === segment.joint || segment.bytes === 0;
  }

  /** The log, numbered by the ledger. Call {@link refresh} before. */
  look(ledger: Ledger): LogLook {
    const runs = `${ledger.nextSequence}/${ledger.runs.length}`;
    if (this.#look !== null && this.#lookRuns === runs) return this.#look;
    const all: { entry: SegmentLine; segment: string; sequence: number | null }[] = [];
    const damage: LogDamage[] = [];
    const runsOf = groupRuns(ledger.runs);
    for (const segment of [...this.#segments.values()].sort(byName)) {
      damage.push(...segment.damage, ...growing(segment));
      const numbers = runsOf.get(segment.name) ?? [];
      let next = 0;
      for (const entry of segment.events) {
        while (next < numbers.length && isBefore(numbers[next], entry.line)) next += 1;
        all.push({ entry, segment: segment.name, sequence: sequenceOf(numbers[next], entry.line) });
      }
    }
    all.sort((a, b) => compareIds(a.entry.event.id, b.entry.event.id) || rank(a) - rank(b));
    const distinct = all.filter(
      (one, index) => one.entry.event.id !== all[index - 1]?.entry.event.id,
    );
    const numbered = distinct.filter(({ sequence }) => sequence !== null);
    numbered.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
    const provisional = distinct.filter(({ sequence }) => sequence === null);
    let sequence = ledger.nextSequence;
    const events = [
      ...numbered.map((one) => logged(one, one.sequence ?? 0, false)),
      ...provisional.map((one) => logged(one, sequence++, true)),
    ];
    const conflicts = all
      .filter((one, index) => isConflict(all[index - 1]?.entry.event, one.entry.event))
      .map(({ entry, segment }) => ({ segment, line: entry.line, id: entry.event.id }));
    const unreadable = [...this.#unreadable].map(([segment, why]) => ({ segment, why }));
    this.#look = { events, damage, conflicts, unreadable };
    this.#lookRuns = runs;
    return this.#look;
  }

  /** Extents of the segments that are read: bytes and lines that are whole. */
  extents(): Map<string, readonly [bytes: number, lines: number]> {
    return new Map([...this.#segments].map(([name, { bytes, lines }]) => [name, [bytes, lines]]));
  }

  /** The highest integer id of a kind that any segment's header names. */
  highestId(kind: string, names: readonly string[]): number {
    let highest = 0;
    for (const name of names) {
      if (!name.endsWith(SEGMENT_SUFFIX)) continue;
      highest = Math.max(highest, this.#headerOf(name)?.ids[kind] ?? 0);
    }
    return highest;
  }

  /** A segment's first line, which never changes while it bears this name. */
  #headerOf(name: string): SegmentHeader | null {
    const known = this.#headers.get(name);
    if (known !== undefined) return known;
    const handle = this.#disk.open(inFolder(EVENTS, name), "read");
    if (handle === null) return null;
    try {
      const buffer = Buffer.alloc(HEADER_BYTES);
      const bytes = buffer.subarray(0, handle.read(buffer, 0, buffer.length, 0));
      let header: SegmentHeader | null = null;
      eachLine(bytes, 1, (line, number) => {
        if (number !== 1) return;
        const read = decodeEventLine(line);
        if (read.kind === "header") header = read.header;
      });
      this.#headers.set(name, header);
      return header;
    } catch (error) {
      // A segment that cannot be read is named by `check`; it gives out no ids.
      if (!isFlowError(error, "IO")) throw error;
      return null;
    } finally {
      handle.close();
    }
  }
}

/** A header is one short line. */
const HEADER_BYTES = 4096;

function logged(
  one: { entry: SegmentLine; segment: string },
  sequence: number,
  provisional: boolean,
): LoggedEvent {
  return {
    event: one.entry.event,
    segment: one.segment,
    line: one.entry.line,
    sequence,
    provisional,
  };
}

/** Of two lines with one id the numbered one stands for both. */
function rank(one: { sequence: number | null }): number {
  return one.sequence ?? Number.MAX_SAFE_INTEGER;
}

function growing(segment: Segment): LogDamage[] {
  const open = segment.open.map(({ line }) => ({
    segment: segment.name,
    line,
    why: "its batch has no end yet",
    growing: true,
  }));
  if (segment.size > segment.bytes) {
    const why = "it has no end yet";
    return [...open, { segment: segment.name, line: segment.lines + 1, why, growing: true }];
  }
  return open;
}

function readFrom(handle: ReturnType<Disk["open"]> & object, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  let filled = 0;
  while (filled < bytes.length) {
    const count = handle.read(bytes, filled, bytes.length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function groupRuns(runs: readonly Run[]): Map<string, Run[]> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const group = groups.get(run[2]);
    if (group === undefined) groups.set(run[2], [run]);
    else group.push(run);
  }
  for (const group of groups.values()) group.sort((a, b) => a[3] - b[3]);
  return groups;
}

function isBefore(run: Run | undefined, line: number): boolean {
  return run !== undefined && run[3] + run[1] <= line;
}

function sequenceOf(run: Run | undefined, line: number): number | null {
  if (run === undefined || line < run[3]) return null;
  return run[0] + line - run[3];
}

/** Whether two lines bear one id and differ: JSON with a fixed key order says so by its text. */
function isConflict(a: EventLine | undefined, b: EventLine): boolean {
  return a !== undefined && a.id === b.id && JSON.stringify(a) !== JSON.stringify(b);
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byName(a: Segment, b: Segment): number {
  return compareIds(a.name, b.name);
}
