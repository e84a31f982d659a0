/** Reading the lines of segments as this look sees them: what is committed and not yet in a file too. */

import type { Disk, Stat } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import {
  decodeEventLine,
  eachLine,
  type EventLine,
  type ReadLine,
  type SegmentHeader,
} from "./event-lines.ts";
import { sameStat } from "./files.ts";
import type { Place } from "./index-keys.ts";
import { EVENTS, inFolder } from "./layout.ts";
import type { Overlay } from "./overlay.ts";
import { openSegment, statSegment, type SegmentBytes } from "./segment-files.ts";
import { Segment, type SegmentLine } from "./segments.ts";

/** A header is one short line. */
const HEADER_BYTES = 4096;
/** Most lines are shorter: one read each. */
const LINE_BYTES = 2048;
/** So much is taken apart at a time by who reads all: what dies young costs the collector nothing. */
const PIECE_BYTES = 128 * 1024;
const LF = 10;

/** A segment's first line; `null` when it is no header, `undefined` when it cannot be read. */
export function segmentHeader(disk: Disk, name: string): SegmentHeader | null | undefined {
  const segment = openSegment(disk, name);
  if (segment === null) return undefined;
  try {
    let header: SegmentHeader | null = null;
    eachLine(segment.read(0, HEADER_BYTES), 1, (line, number) => {
      if (number !== 1) return;
      const read = decodeEventLine(line);
      if (read.kind === "header") header = read.header;
    });
    return header;
  } catch (error) {
    // A segment that cannot be read is named by `check`; it gives out no ids.
    if (!isFlowError(error, "IO")) throw error;
    return undefined;
  } finally {
    segment.close();
  }
}

type LineBytes = Pick<SegmentBytes, "read" | "size" | "close">;

/**
 * Segments as they are once what is pending is in them. After a restart every record of the journal is
 * pending until somebody writes, so that the one that was put together last is kept.
 */
export class PendingSegments {
  readonly #disk: Disk;
  readonly #overlay: Overlay;
  #kept: { name: string; version: number; stat: Stat | null; bytes: Buffer | null } | null = null;

  constructor(disk: Disk, overlay: Overlay) {
    this.#disk = disk;
    this.#overlay = overlay;
  }

  /** `null` when nothing is pending, or the segment goes. */
  of(name: string): LineBytes | null {
    const path = inFolder(EVENTS, name);
    if (this.#overlay.isEmpty || this.#overlay.endOf(path) === null) return null;
    const bytes = this.#bytesOf(name, path);
    if (bytes === null) return null;
    const read = (from: number, to: number): Buffer => bytes.subarray(from, to);
    return { size: bytes.length, read, close: () => undefined };
  }

  #bytesOf(name: string, path: string): Buffer | null {
    const { version } = this.#overlay;
    const stat = statSegment(this.#disk, name)?.stat ?? null;
    const kept = this.#kept;
    const isKept = kept?.name === name && kept.version === version && sameStat(kept.stat, stat);
    if (isKept) return kept.bytes;
    const bytes = this.#overlay.segment(path, this.#disk.read(path), stat?.mtimeMs ?? 0);
    this.#kept = { name, version, stat, bytes };
    return bytes;
  }
}

/** Lines of segments, for the time of one call: what it opens it closes. */
export class LineReader {
  readonly #disk: Disk;
  readonly #pending: PendingSegments;
  readonly #open = new Map<string, LineBytes | null>();

  /** @param pending shared by calls of one reader */
  constructor(disk: Disk, overlay: Overlay, pending = new PendingSegments(disk, overlay)) {
    this.#disk = disk;
    this.#pending = pending;
  }

  /** The event that stands at a place; `null` where none stands that can be read. */
  eventAt({ segment, at }: Place): EventLine | null {
    const bytes = this.#bytesOf(segment);
    if (bytes === null || at >= bytes.size) return null;
    let length = LINE_BYTES;
    let text = bytes.read(at, at + length);
    let end = text.indexOf(LF);
    while (end < 0 && at + length < bytes.size) {
      length *= 8;
      text = bytes.read(at, at + length);
      end = text.indexOf(LF);
    }
    if (end < 0) return null;
    const line = decodeEventLine(text.subarray(0, end));
    return line.kind === "event" ? line.event : null;
  }

  /** All of a segment; `null` when it is not there. */
  segment(name: string, decode: (line: Buffer) => ReadLine = decodeEventLine): Segment | null {
    const bytes = this.#bytesOf(name);
    if (bytes === null) return null;
    const use = { decode, added: () => undefined, keepsEvents: true };
    const segment = new Segment(name, use);
    segment.take(bytes.read(0, bytes.size));
    segment.end = bytes.size;
    return segment;
  }

  /** The events of a segment, a few hundred at a time: what was given need not be kept. */
  *pieces(name: string): Generator<readonly SegmentLine[]> {
    const bytes = this.#bytesOf(name);
    if (bytes === null) return;
    const use = { decode: decodeEventLine, added: () => undefined, keepsEvents: true };
    const segment = new Segment(name, use);
    for (let length = PIECE_BYTES; segment.bytes < bytes.size;) {
      const before = segment.bytes;
      segment.take(bytes.read(before, Math.min(bytes.size, before + length)));
      // A line that is longer than a piece; at the end one without its end.
      if (segment.bytes === before) {
        if (before + length >= bytes.size) return;
        length *= 8;
        continue;
      }
      const events = segment.events;
      segment.events = [];
      yield events;
    }
  }

  #bytesOf(name: string): LineBytes | null {
    let bytes = this.#open.get(name);
    if (bytes === undefined) {
      bytes = this.#pending.of(name) ?? openSegment(this.#disk, name);
      this.#open.set(name, bytes);
    }
    return bytes;
  }

  /** Lets a segment go. */
  release(name: string): void {
    this.#open.get(name)?.close();
    this.#open.delete(name);
  }

  close(): void {
    for (const bytes of this.#open.values()) bytes?.close();
    this.#open.clear();
  }
}
