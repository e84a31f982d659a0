/**
 * The files of segments: plain, or archived. Positions, sizes and line numbers are always those of
 * the unpacked bytes. Where both files are there (an archive was interrupted, a merge brought one),
 * the plain one counts.
 */

import type { Disk, Handle, Stat } from "../disk/disk.ts";
import { ioError } from "../disk/io-error.ts";
import { isFlowError } from "../errors.ts";
import { EVENTS, inFolder, PACKED_SUFFIX } from "./layout.ts";
import { PACKED_END_BYTES, PackedLines, unpackedSize } from "./packed-lines.ts";

/** A segment's file and what `stat` tells of it. */
export interface SegmentFile {
  readonly path: string;
  readonly isPacked: boolean;
  readonly stat: Stat;
}

/** An open segment, to be read. */
export interface SegmentBytes extends SegmentFile {
  /** Of the unpacked bytes. */
  readonly size: number;
  /** The end of an archived one is missing. */
  readonly isCut: boolean;
  /** The bytes between two positions, as far as there are any. */
  read(from: number, to: number): Buffer;
  close(): void;
}

/** The file that holds a segment; `null` for none. */
export function statSegment(disk: Disk, name: string): SegmentFile | null {
  for (const isPacked of [false, true]) {
    const path = pathOfSegment(name, isPacked);
    const stat = disk.stat(path);
    if (stat !== null) return { path, isPacked, stat };
  }
  return null;
}

/** Where a segment lies. */
export function pathOfSegment(name: string, isPacked: boolean): string {
  return inFolder(EVENTS, isPacked ? `${name}${PACKED_SUFFIX}` : name);
}

/**
 * A segment, open; `null` when there is none. Archiving makes the packed file before the plain one
 * goes, so whoever does not find the one finds the other.
 *
 * @throws FlowError `IO`.
 */
export function openBytes(disk: Disk, name: string): SegmentBytes | null {
  const plain = disk.open(pathOfSegment(name, false), "read");
  if (plain !== null) return plainBytes(plain);
  const path = pathOfSegment(name, true);
  const packed = disk.open(path, "read");
  if (packed === null) return null;
  try {
    const stat = packed.stat();
    if (!stat.isFile()) throw ioError("read", path, stat.isDirectory() ? "EISDIR" : "ENXIO");
    const lines = new PackedLines(readFrom(packed, 0, stat.size));
    const { size, isCut } = lines;
    const read = (from: number, to: number): Buffer => lines.read(from, to);
    return { path, isPacked: true, stat, size, isCut, read, close: () => undefined };
  } finally {
    packed.close();
  }
}

function plainBytes(handle: Handle): SegmentBytes {
  const stat = handle.stat();
  return {
    path: handle.path,
    isPacked: false,
    stat,
    size: stat.size,
    isCut: false,
    read: (from, to) => readFrom(handle, from, to),
    close: () => handle.close(),
  };
}

/** A segment to be read; `null` also for one that cannot be, which `check` names. */
export function openSegment(disk: Disk, name: string): SegmentBytes | null {
  try {
    return openBytes(disk, name);
  } catch (error) {
    // A link, a denied permission.
    if (!isFlowError(error, "IO")) throw error;
    return null;
  }
}

/** How long a segment's text is; 0 for one that is not there or cannot be told. */
export function lengthOfSegment(disk: Disk, name: string): number {
  const file = statSegment(disk, name);
  if (file?.isPacked !== true) return file?.stat.size ?? 0;
  const handle = disk.open(file.path, "read");
  if (handle === null) return 0;
  try {
    const { size } = handle.stat();
    return unpackedSize(readFrom(handle, Math.max(0, size - PACKED_END_BYTES), size)) ?? 0;
  } finally {
    handle.close();
  }
}

/** The bytes of an open file between two positions, as far as there are any. */
export function readFrom(handle: Handle, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  let filled = 0;
  while (filled < bytes.length) {
    const count = handle.read(bytes, filled, bytes.length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
