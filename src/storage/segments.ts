/**
 * Following the segments of the event log as they grow. Segments are only ever appended to, so a
 * look reads what was added since the last one; a segment that is shorter or reads otherwise where
 * the last look ended (git switched it) is read anew. What a commit adds is taken from the commit, without a look at the disk.
 */

import type { Disk } from "../disk/disk.ts";
import { FlowError, isFlowError } from "../errors.ts";
import { eachLine, type EventLine, type ReadLine, type SegmentHeader } from "./event-lines.ts";
import { sameStat } from "./files.ts";
import { checksum } from "./hash.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import { EVENTS, folderOf, inFolder, nameOf, segmentsIn } from "./layout.ts";
import type { Overlay } from "./overlay.ts";
import { openBytes, statSegment, type SegmentBytes, type SegmentFile } from "./segment-files.ts";

/** A segment is known to go on from what was read of it by so many bytes at its read end. */
export const JOINT_BYTES = 64;

/** A line that does not count, and why. */
export interface LogDamage {
  readonly segment: string;
  readonly line: number;
  /** Where the line begins, in bytes of the unpacked text. */
  readonly at: number;
  readonly why: string;
  /** A last line without its end may still be growing. */
  readonly growing: boolean;
}

/** What is wanted of the lines. */
export interface SegmentUse {
  readonly decode: (line: Buffer) => ReadLine;
  /** Takes each event that counts, in the order of lines. */
  readonly added: (event: EventLine) => void;
  readonly keepsEvents: boolean;
  /** Whether what a file holds is known otherwise, so that it need not be read; `null`: it is gone. */
  readonly isKnown?: (name: string, file: SegmentFile | null) => boolean;
  /** Told of a segment whose file was read just now. */
  readonly wasRead?: (segment: Segment) => void;
}

/** An event and its place in its segment. */
export interface SegmentLine {
  readonly event: EventLine;
  readonly line: number;
  /** Where the line begins, in bytes of the unpacked text. */
  readonly at: number;
}

/** What is known of one segment. */
export class Segment {
  readonly name: string;
  bytes = 0;
  lines = 0;
  joint = "";
  /** How long its text was when it was last read. */
  end = 0;
  file: SegmentFile | null = null;
  isCut = false;
  header: SegmentHeader | null = null;
  events: SegmentLine[] = [];
  damage: LogDamage[] = [];
  /** Lines behind the first that are headers. */
  laterHeaders: number[] = [];
  /** Lines of a batch whose end was not seen yet. */
  open: SegmentLine[] = [];
  /** How many damaged lines stand behind the last event. */
  #hurt = 0;
  /** A batch that was ended by a damaged line: what still comes of it counts too. */
  #endedHurt: string | null = null;

  readonly #use: SegmentUse;

  constructor(name: string, use: SegmentUse) {
    this.name = name;
    this.#use = use;
  }

  /** Takes bytes that follow those already read; keeps what has no end yet for the next time. */
  take(bytes: Buffer): void {
    const { used, lines } = eachLine(bytes, this.lines + 1, (line, number) =>
      this.#line(line, number, this.bytes + line.byteOffset - bytes.byteOffset),
    );
    if (used === 0) return;
    this.bytes += used;
    this.lines += lines;
    this.joint = checksum(bytes.subarray(Math.max(0, used - JOINT_BYTES), used));
  }

  #line(bytes: Buffer, line: number, at: number): void {
    const read = this.#use.decode(bytes);
    if (read.kind === "event") this.#event({ event: read.event, line, at });
    else if (read.kind === "damaged") this.#noEvent(line, at, read.why);
    else if (line === 1) this.header = read.header;
    else this.#laterHeader(line);
  }

  /** Of a file that was put together by hand: it says nothing, and does no harm. */
  #laterHeader(line: number): void {
    this.#dropOpen();
    this.laterHeaders.push(line);
  }

  #noEvent(line: number, at: number, why: string): void {
    this.damage.push(this.#damaged(line, at, why));
    this.#hurt += 1;
    const last = this.open.at(-1)?.event;
    if (last === undefined || last.n + this.#hurt < last.of) return;
    this.#endedHurt = last.txId;
    this.#close();
  }

  /**
   * A batch is there when all its lines are, be some of them damaged: a line that was changed after
   * it was written takes no other event with it. A batch that was cut lacks its last lines.
   */
  #event(one: SegmentLine): void {
    const { txId, n, of } = one.event;
    const last = this.open.at(-1)?.event;
    const lacking = n - 1 - (last?.txId === txId && last.n < n ? last.n : 0);
    const goesOn = last?.txId === txId && last.n < n && lacking <= this.#hurt;
    if (!goesOn) this.#dropOpen();
    const begins = n - 1 <= this.#hurt || txId === this.#endedHurt;
    this.#hurt = 0;
    if (!goesOn && !begins) {
      const why = `the batch ${txId} lacks its beginning`;
      this.damage.push(this.#damaged(one.line, one.at, why));
      return;
    }
    this.open.push(one);
    if (n === of || txId === this.#endedHurt) this.#close();
    else this.#endedHurt = null;
  }

  /** What is open counts. */
  #close(): void {
    for (const whole of this.open) {
      this.#use.added(whole.event);
      if (this.#use.keepsEvents) this.events.push(whole);
    }
    this.open = [];
  }

  #dropOpen(): void {
    for (const { event, line, at } of this.open) {
      this.damage.push(
        this.#damaged(
          line,
          at,
          `the batch ${event.txId} has ${this.open.length} of its ${event.of} lines`,
        ),
      );
    }
    this.open = [];
  }

  #damaged(line: number, at: number, why: string): LogDamage {
    return { segment: this.name, line, at, why, growing: false };
  }

  /** Lines that do not count, those among them that may still grow. */
  faults(): LogDamage[] {
    const growing = (line: number, at: number, why: string): LogDamage => {
      return { segment: this.name, line, at, why, growing: true };
    };
    const open = this.open.map(({ line, at }) => growing(line, at, "its batch has no end yet"));
    const rest = this.end > this.bytes && !this.isCut;
    return [
      ...this.damage,
      ...open,
      ...(rest ? [growing(this.lines + 1, this.bytes, "it has no end yet")] : []),
      ...(this.isCut ? [this.#damaged(this.lines + 1, this.bytes, CUT)] : []),
    ];
  }

  /** Whether it ends with a whole line and a whole batch. */
  get isWhole(): boolean {
    return this.open.length === 0 && this.bytes === this.end && !this.isCut;
  }
}

const CUT = "the packed file is cut: what it held from here on is lost";

/** Every segment, as far as it was read. */
export class Segments {
  readonly #disk: Disk;
  readonly #overlay: Overlay;
  readonly #use: SegmentUse;
  /** What was read is not a part of the log any more: what was made of it is to be made anew. */
  readonly #replaced: () => void;
  readonly #byName = new Map<string, Segment>();
  readonly #unreadable = new Map<string, string>();
  #lookedAt = -Infinity;
  #isUsed = false;

  constructor(disk: Disk, overlay: Overlay, use: SegmentUse, replaced: () => void) {
    this.#disk = disk;
    this.#overlay = overlay;
    this.#use = use;
    this.#replaced = replaced;
  }

  /** Segments by name. */
  get byName(): ReadonlyMap<string, Segment> {
    return this.#byName;
  }

  /** Segments that could not be read, and why. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    this.#lookedAt = -Infinity;
  }

  /** Forgets everything that was read. */
  clear(): void {
    this.#byName.clear();
    this.#lookedAt = -Infinity;
  }

  /** A segment of which so much is known already. */
  restore(name: string, bytes: number, lines: number, joint: string): void {
    Object.assign(this.#start(name), { bytes, lines, joint });
  }

  /** Forgets a segment of which all is known otherwise. */
  release(name: string): void {
    this.#byName.delete(name);
  }

  /** A segment is to be read anew, whatever its `stat` says. */
  reread(name: string): void {
    this.#byName.delete(name);
    this.distrust();
  }

  /** Takes over what a commit adds to the log; `false` when it adds nothing. */
  committed(changes: readonly FileChange[]): boolean {
    if (!this.#isUsed) return false;
    let touched = false;
    for (const change of changes) {
      const path = pathOf(change);
      if (folderOf(path) !== EVENTS) continue;
      touched = true;
      const segment = this.#byName.get(nameOf(path));
      if ("put" in change && segment === undefined) {
        grow(this.#start(nameOf(path)), change.data);
      } else if ("append" in change && segment?.bytes === change.at) {
        grow(segment, change.data);
      } else {
        this.distrust();
      }
    }
    return touched;
  }

  /**
   * Brings everything up to date, as seen at `since` or later.
   *
   * @param lookedAt when `names` were seen: no newer segment is known than by then.
   * @returns whether anything is new.
   */
  refresh(names: readonly string[], since: number, lookedAt: number): boolean {
    this.#isUsed = true;
    if (this.#lookedAt >= since) return false;
    let changed = false;
    const there = new Set(segmentsIn(names));
    for (const name of [...this.#byName.keys()]) {
      if (!there.has(name)) changed = this.#remove(name) || changed;
    }
    for (const name of there) changed = this.#tryRefresh(name) || changed;
    this.#lookedAt = lookedAt;
    return changed;
  }

  #start(name: string): Segment {
    if (this.#byName.has(name)) this.#replaced();
    const segment = new Segment(name, this.#use);
    this.#byName.set(name, segment);
    return segment;
  }

  #remove(name: string): boolean {
    if (!this.#byName.delete(name)) return false;
    this.#replaced();
    return true;
  }

  #tryRefresh(name: string): boolean {
    try {
      const changed = this.#refreshSegment(name);
      return this.#unreadable.delete(name) || changed;
    } catch (error) {
      // A link, a folder, no permission: this segment is named, the others are read.
      if (!isFlowError(error, "IO")) throw error;
      this.#remove(name);
      this.#unreadable.set(name, error.message);
      return true;
    }
  }

  #refreshSegment(name: string): boolean {
    const path = inFolder(EVENTS, name);
    const end = this.#overlay.isEmpty ? null : this.#overlay.endOf(path);
    const file = statSegment(this.#disk, name);
    const segment = this.#byName.get(name);
    const same = segment !== undefined && isSameFile(segment.file, file);
    if (end !== null) {
      return same && (segment?.bytes ?? 0) >= end ? false : this.#readPending(name, path, file);
    }
    if (same && file !== null) return false;
    if (this.#use.isKnown?.(name, file) === true) return this.#byName.delete(name);
    if (file === null) return this.#remove(name);
    const bytes = openBytes(this.#disk, name);
    if (bytes === null) return this.#remove(name);
    try {
      this.#read(name, segment, bytes);
    } finally {
      bytes.close();
    }
    return true;
  }

  #read(name: string, known: Segment | undefined, bytes: SegmentBytes): void {
    const { path, isPacked, stat, size, isCut } = bytes;
    if (size === 0 && !isCut) throw emptied(path);
    const segment = known !== undefined && goesOn(known, bytes) ? known : this.#start(name);
    segment.take(bytes.read(segment.bytes, size));
    Object.assign(segment, { end: size, isCut, file: { path, isPacked, stat } });
    this.#use.wasRead?.(segment);
  }

  /** A segment that somebody has still to finish: what it will hold. */
  #readPending(name: string, path: string, file: SegmentFile | null): boolean {
    const bytes = this.#overlay.segment(path, this.#disk.read(path), file?.stat.mtimeMs ?? 0);
    if (bytes === null) return this.#remove(name);
    const segment = this.#start(name);
    segment.take(bytes);
    Object.assign(segment, { end: bytes.length, file });
    return true;
  }
}

/** What a commit adds is in the file now, or will be. */
function grow(segment: Segment, data: string): void {
  segment.take(Buffer.from(data));
  segment.end = segment.bytes;
}

function goesOn(segment: Segment, bytes: SegmentBytes): boolean {
  if (bytes.size < segment.bytes || segment.isCut || bytes.isCut) return false;
  const from = Math.max(0, segment.bytes - JOINT_BYTES);
  return checksum(bytes.read(from, segment.bytes)) === segment.joint || segment.bytes === 0;
}

/** Each is made with its first line, so that an empty one was emptied. */
function emptied(path: string): FlowError {
  return new FlowError("IO", `${path} is empty: what it held is gone`, { context: { file: path } });
}

/** Whether two looks saw one file, unchanged. */
export function isSameFile(a: SegmentFile | null, b: SegmentFile | null): boolean {
  if (a === null || b === null) return a === b;
  return a.isPacked === b.isPacked && sameStat(a.stat, b.stat);
}
