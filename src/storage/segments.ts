/**
 * Following the segments of the event log as they grow. Segments are only ever appended to, so a
 * look reads what was added since the last one; a segment that is shorter or reads otherwise where
 * the last look ended (git switched it) is read anew. What a commit adds is taken from the commit, without a look at the disk.
 */

import type { Disk, Handle, Stat } from "../disk/disk.ts";
import { FlowError, isFlowError } from "../errors.ts";
import { eachLine, type EventLine, type ReadLine, type SegmentHeader } from "./event-lines.ts";
import { checksum } from "./hash.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import { EVENTS, folderOf, inFolder, LOG_SUFFIX, nameOf } from "./layout.ts";
import type { Overlay } from "./overlay.ts";

/** A segment is known to go on from what was read of it by so many bytes at its read end. */
export const JOINT_BYTES = 64;

/** A line that does not count, and why. */
export interface LogDamage {
  readonly segment: string;
  readonly line: number;
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
}

/** An event and its place in its segment. */
export interface SegmentLine {
  readonly event: EventLine;
  readonly line: number;
}

/** What is known of one segment. */
export class Segment {
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

  readonly #use: SegmentUse;

  constructor(name: string, use: SegmentUse) {
    this.name = name;
    this.#use = use;
  }

  /** Takes bytes that follow those already read; keeps what has no end yet for the next time. */
  take(bytes: Buffer): void {
    const { used, lines } = eachLine(bytes, this.lines + 1, (line, number) =>
      this.#line(line, number),
    );
    if (used === 0) return;
    this.bytes += used;
    this.lines += lines;
    this.joint = checksum(bytes.subarray(Math.max(0, used - JOINT_BYTES), used));
  }

  #line(bytes: Buffer, line: number): void {
    const read = this.#use.decode(bytes);
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
        for (const whole of this.open) {
          this.#use.added(whole.event);
          if (this.#use.keepsEvents) this.events.push(whole);
        }
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
        this.#start(nameOf(path)).take(Buffer.from(change.data));
      } else if ("append" in change && segment?.bytes === change.at) {
        segment.take(Buffer.from(change.data));
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
    const there = new Set(names.filter((name) => name.endsWith(LOG_SUFFIX)));
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
    const stat = this.#disk.stat(path);
    let segment = this.#byName.get(name);
    const same = segment !== undefined && isSameFile(segment, stat);
    if (end !== null) {
      return same && (segment?.bytes ?? 0) >= end ? false : this.#readPending(name, path, stat);
    }
    if (stat === null) return this.#remove(name);
    if (same) return false;
    const handle = this.#disk.open(path, "read");
    if (handle === null) return this.#remove(name);
    try {
      const size = handle.stat().size;
      if (size === 0) throw emptied(path);
      if (segment === undefined || !this.#goesOn(segment, handle, size)) {
        segment = this.#start(name);
      }
      segment.take(readFrom(handle, segment.bytes, size));
      segment.size = size;
      segment.ino = stat.ino;
      segment.ctimeMs = stat.ctimeMs;
    } finally {
      handle.close();
    }
    return true;
  }

  /** A segment that somebody has still to finish: what it will hold. */
  #readPending(name: string, path: string, stat: Stat | null): boolean {
    const bytes = this.#overlay.segment(path, this.#disk.read(path), stat?.mtimeMs ?? 0);
    if (bytes === null) return this.#remove(name);
    const segment = this.#start(name);
    segment.take(bytes);
    segment.size = stat?.size ?? -1;
    segment.ino = stat?.ino ?? -1;
    segment.ctimeMs = stat?.ctimeMs ?? -1;
    return true;
  }

  #goesOn(segment: Segment, handle: ReturnType<Disk["open"]> & object, size: number): boolean {
    if (size < segment.bytes) return false;
    const from = Math.max(0, segment.bytes - JOINT_BYTES);
    return checksum(readFrom(handle, from, segment.bytes)) === segment.joint || segment.bytes === 0;
  }
}

/** Each is made with its first line, so that an empty one was emptied. */
function emptied(path: string): FlowError {
  return new FlowError("IO", `${path} is empty: what it held is gone`, { context: { file: path } });
}

function isSameFile(segment: Segment, stat: Stat | null): boolean {
  if (stat === null) return segment.ino === -1;
  return segment.ino === stat.ino && segment.size === stat.size && segment.ctimeMs === stat.ctimeMs;
}

/** A segment to be read; `null` also for one that cannot be, which `check` names. */
export function openSegment(disk: Disk, name: string): Handle | null {
  try {
    return disk.open(inFolder(EVENTS, name), "read");
  } catch (error) {
    // A link, a denied permission.
    if (!isFlowError(error, "IO")) throw error;
    return null;
  }
}

/** The bytes of an open file between two positions, as far as there are any. */
export function readFrom(
  handle: ReturnType<Disk["open"]> & object,
  from: number,
  to: number,
): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  let filled = 0;
  while (filled < bytes.length) {
    const count = handle.read(bytes, filled, bytes.length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
