/**
 * The index of the event log in `local/cache/`: files that are never changed, each a part, written
 * by writers and believed only where every byte and the segments' `stat` agree. Losing, cutting or
 * exchanging any of them costs time and changes no answer.
 *
 * A file: the tables, the checksum of each block of them, a line of JSON that says what they cover,
 * and a last line that says where that begins.
 */

import type { Disk, Handle } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import { checksum } from "./hash.ts";
import type { BuiltPart } from "./index-build.ts";
import {
  BLOCK_BYTES,
  blockSums,
  IndexPart,
  PartDamaged,
  type PartBytes,
  type PartTables,
  type SegmentFacts,
} from "./index-part.ts";
import { crc32 } from "node:zlib";
import { CACHE, inFolder } from "./layout.ts";
import { readFrom } from "./segment-files.ts";

const FORMAT = 1;
const NAME = /^events-[a-z0-9]+\.index$/;
/** `00000012345678 000001234567 01234567` and LF. */
const END_BYTES = 38;
const END = /^(\d{14}) (\d{13}) ([0-9a-f]{8})\n$/;
/** So many blocks of a file are kept: the same few are asked for again and again. */
const MAX_KEPT_BLOCKS = 256;

interface PartHeader {
  readonly format: number;
  readonly segments: readonly SegmentFacts[];
  readonly tables: PartTables;
  readonly body: number;
  /** CRC-32 of the checksums of all blocks. */
  readonly sums: string;
}

/** Names of the index's files. */
export function indexFiles(disk: Disk): string[] {
  return (disk.list(CACHE) ?? []).filter((name) => NAME.test(name));
}

/** What a new file of the index is called. */
export function indexFileName(randomName: string): string {
  return `events-${randomName}.index`;
}

/** The bytes of a file for a part. */
export function encodePart({ segments, tables, body }: BuiltPart): Buffer {
  const sums = blockSums(body);
  const header: PartHeader = {
    format: FORMAT,
    segments,
    tables,
    body: body.length,
    sums: checksum(sums),
  };
  const json = Buffer.from(JSON.stringify(header));
  const at = String(body.length + sums.length).padStart(14, "0");
  const end = `${at} ${String(json.length).padStart(13, "0")} ${checksum(json)}\n`;
  return Buffer.concat([body, sums, json, Buffer.from(end)]);
}

/** The part in a file; `null` where it is gone, damaged or of another version. */
export function openPart(disk: Disk, name: string): IndexPart | null {
  try {
    const handle = disk.open(inFolder(CACHE, name), "read");
    if (handle === null) return null;
    const part = partIn(handle);
    if (part === null) handle.close();
    return part;
  } catch (error) {
    // A link, a folder, a denied permission: then the log itself is read.
    if (isFlowError(error, "IO")) return null;
    throw error;
  }
}

function partIn(handle: Handle): IndexPart | null {
  const { size } = handle.stat();
  const end = END.exec(readFrom(handle, Math.max(0, size - END_BYTES), size).toString("latin1"));
  if (end === null) return null;
  const from = Number(end[1]);
  const json = readFrom(handle, from, from + Number(end[2]));
  if (from + Number(end[2]) + END_BYTES !== size || checksum(json) !== end[3]) return null;
  const header = JSON.parse(json.toString("utf8")) as PartHeader;
  if (header.format !== FORMAT) return null;
  const sums = readFrom(handle, header.body, from);
  if (checksum(sums) !== header.sums) return null;
  return new IndexPart(header.segments, header.tables, new BytesInFile(handle, sums));
}

/** The tables of a file, block by block. */
class BytesInFile implements PartBytes {
  readonly #handle: Handle;
  readonly #sums: Buffer;
  readonly #kept = new Map<number, Buffer>();

  constructor(handle: Handle, sums: Buffer) {
    this.#handle = handle;
    this.#sums = sums;
  }

  close(): void {
    this.#handle.close();
  }

  read(from: number, to: number): Buffer {
    const first = Math.floor(from / BLOCK_BYTES);
    const last = Math.floor(Math.max(from, to - 1) / BLOCK_BYTES);
    if (first === last) {
      const bytes = this.#kept.get(first) ?? this.#keep(first, this.#checked(first, last));
      return bytes.subarray(from - first * BLOCK_BYTES, to - first * BLOCK_BYTES);
    }
    const bytes = this.#checked(first, last);
    return bytes.subarray(from - first * BLOCK_BYTES, to - first * BLOCK_BYTES);
  }

  #keep(block: number, bytes: Buffer): Buffer {
    if (this.#kept.size >= MAX_KEPT_BLOCKS) this.#kept.clear();
    this.#kept.set(block, bytes);
    return bytes;
  }

  #checked(first: number, last: number): Buffer {
    const bytes = this.#readBlocks(first, last);
    for (let block = first; block <= last; block += 1) {
      const at = (block - first) * BLOCK_BYTES;
      const part = bytes.subarray(at, at + BLOCK_BYTES);
      const sum = block * 4 + 4 <= this.#sums.length ? this.#sums.readUInt32LE(block * 4) : null;
      if (part.length !== BLOCK_BYTES || sum !== crc32(part)) throw new PartDamaged();
    }
    return bytes;
  }

  #readBlocks(first: number, last: number): Buffer {
    try {
      return readFrom(this.#handle, first * BLOCK_BYTES, (last + 1) * BLOCK_BYTES);
    } catch (error) {
      if (!isFlowError(error, "IO")) throw error;
      throw new PartDamaged();
    }
  }
}
