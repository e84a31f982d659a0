/**
 * Reading the event log: which events there are, in which order, under which number.
 *
 * The order of the log is the order of ids; equal ids are one event (a merge may bring a line
 * twice). A batch counts only when all its lines are there, so a cut one is absent as a whole.
 * Sequence numbers come from the ledger's runs; lines without one (brought by a merge) come last,
 * by id, and are provisional until the next commit numbers them.
 */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import {
  decodeEventLine,
  eachLine,
  linesOf,
  type EventLine,
  type SegmentHeader,
} from "./event-lines.ts";
import type { FileChange, Run } from "./journal-lines.ts";
import { LOG_SUFFIX } from "./layout.ts";
import type { Ledger } from "./ledger.ts";
import {
  openSegment,
  Segments,
  type LogDamage,
  type Segment,
  type SegmentLine,
} from "./segments.ts";
import type { Overlay } from "./overlay.ts";
import type { NumberedEvent } from "./view.ts";

/** An event, where it stands, and its number. */
export interface LoggedEvent {
  readonly event: EventLine;
  readonly segment: string;
  readonly line: number;
  readonly sequence: number;
  /** The number may change with the next commit: a merge brought the line. */
  readonly provisional: boolean;
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
  readonly #segments: Segments;
  readonly #headers = new Map<string, SegmentHeader | null>();
  #look: LogLook | null = null;
  #lookRuns = "";

  constructor(disk: Disk, overlay: Overlay) {
    this.#disk = disk;
    const use = { decode: decodeEventLine, added: () => undefined, keepsEvents: true };
    this.#segments = new Segments(disk, overlay, use, () => undefined);
  }

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    this.#segments.distrust();
  }

  /** Takes over what a commit adds to the log. */
  committed(changes: readonly FileChange[]): void {
    if (this.#segments.committed(changes)) this.#look = null;
  }

  /** Brings what is known of every segment up to date, as seen at `since` or later. */
  refresh(names: readonly string[], since: number, lookedAt: number): void {
    if (this.#segments.refresh(names, since, lookedAt)) this.#look = null;
  }

  /** The log, numbered by the ledger. Call {@link refresh} before. */
  look(ledger: Ledger): LogLook {
    const runs = `${ledger.nextSequence}/${ledger.runs.length}`;
    if (this.#look !== null && this.#lookRuns === runs) return this.#look;
    const all: { entry: SegmentLine; segment: string; sequence: number | null }[] = [];
    const damage: LogDamage[] = [];
    const runsOf = groupRuns(ledger.runs);
    for (const segment of [...this.#segments.byName.values()].sort(byName)) {
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
    const unreadable = [...this.#segments.unreadable].map(([segment, why]) => ({ segment, why }));
    this.#look = { events, damage, conflicts, unreadable };
    this.#lookRuns = runs;
    return this.#look;
  }

  /** Extents of the segments that are read: bytes and lines that are whole. */
  extents(): Map<string, readonly [bytes: number, lines: number]> {
    return new Map(
      [...this.#segments.byName].map(([name, { bytes, lines }]) => [name, [bytes, lines]]),
    );
  }

  /** The highest integer id of a kind that any segment's header names. */
  highestId(kind: string, names: readonly string[]): number {
    let highest = 0;
    for (const name of names) {
      if (!name.endsWith(LOG_SUFFIX)) continue;
      highest = Math.max(highest, this.#headerOf(name)?.ids[kind] ?? 0);
    }
    return highest;
  }

  /** The ids that a segment's header names, by kind. */
  idsIn(segment: string): Readonly<Record<string, number>> {
    return this.#headerOf(segment)?.ids ?? {};
  }

  /** A segment's first line, which never changes while it bears this name. */
  #headerOf(name: string): SegmentHeader | null {
    const known = this.#headers.get(name);
    if (known !== undefined) return known;
    const handle = openSegment(this.#disk, name);
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

/** A look with the events of a transaction that has not ended: numbered as if it ended now. */
export function withPending(look: LogLook, pending: readonly NumberedEvent[]): LogLook {
  if (pending.length === 0) return look;
  const next = (look.events.at(-1)?.sequence ?? 0) + 1;
  const added = linesOf(pending).map((event, index) => ({
    event,
    segment: "",
    line: 0,
    sequence: next + index,
    provisional: true,
  }));
  return { ...look, events: [...look.events, ...added] };
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
