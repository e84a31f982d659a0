/** Reading the lines of segments as this look sees them: what is committed and not yet in a file too. */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import {
  decodeEventLine,
  eachLine,
  type EventLine,
  type ReadLine,
  type SegmentHeader,
} from "./event-lines.ts";
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

/** Lines of segments, for the time of one call: what it opens it closes. */
export class LineReader {
  readonly #disk: Disk;
  readonly #overlay: Overlay;
  readonly #open = new Map<string, Pick<SegmentBytes, "read" | "size" | "close"> | null>();

  constructor(disk: Disk, overlay: Overlay) {
    this.#disk = disk;
    this.#overlay = overlay;
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

  #bytesOf(name: string): Pick<SegmentBytes, "read" | "size" | "close"> | null {
    let bytes = this.#open.get(name);
    if (bytes === undefined) {
      bytes = this.#pending(name) ?? openSegment(this.#disk, name);
      this.#open.set(name, bytes);
    }
    return bytes;
  }

  #pending(name: string): Pick<SegmentBytes, "read" | "size" | "close"> | null {
    const path = inFolder(EVENTS, name);
    if (this.#overlay.isEmpty || this.#overlay.endOf(path) === null) return null;
    const changedMs = statSegment(this.#disk, name)?.stat.mtimeMs ?? 0;
    const bytes = this.#overlay.segment(path, this.#disk.read(path), changedMs);
    if (bytes === null) return null;
    const read = (from: number, to: number): Buffer => bytes.subarray(from, to);
    return { size: bytes.length, read, close: () => undefined };
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
