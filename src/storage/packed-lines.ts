/**
 * An archived segment: its bytes as gzip in blocks of 64 KiB, each a gzip member of its own (BGZF,
 * as bioinformatics has used it for long; `zcat` reads it). So one line is read without unpacking
 * all, and a damaged byte costs one block: each says in an extra field of its header at which byte
 * and line of the unpacked text it begins, so that what follows a damaged one keeps its place.
 */

import { deflateRawSync, crc32, inflateRawSync, constants } from "node:zlib";

/** Unpacked bytes of a block: the two bytes that hold a packed block's length allow no more. */
const BLOCK_BYTES = 60 * 1024;
const LF = 10;
/** Stands for each byte that was lost; no line of JSON holds it. */
export const LOST_BYTE = 1;

/** ID1 ID2, deflate, an extra field follows. */
const MAGIC = Buffer.from([0x1f, 0x8b, 0x08, 0x04]);
const EXTRA_LENGTH_AT = 10;
/** `BC`, 2, the block's length less one: BGZF's own field. `FL`, 12: offset, line, their CRC-32. */
const BGZF_FIELD_AT = 12;
const PLACE_FIELD_AT = 18;
const EXTRA_BYTES = 22;
const HEADER_BYTES = 34;
/** CRC-32 and length of the unpacked bytes. */
const TRAILER_BYTES = 8;
const UNKNOWN_SYSTEM = 255;
/** An empty block ends a whole file. */
const END_DATA = Buffer.from([0x03, 0x00]);
const END_BYTES = HEADER_BYTES + END_DATA.length + TRAILER_BYTES;

interface Block {
  /** In the packed file. */
  readonly at: number;
  readonly length: number;
  /** In the unpacked text. */
  readonly offset: number;
  /** Lines that end before it. */
  readonly line: number;
}

/** Packs the bytes of a segment. */
export function packLines(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [];
  let line = 0;
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    const part = bytes.subarray(offset, offset + BLOCK_BYTES);
    blocks.push(blockOf(packed(part), part, offset, line));
    line += countLines(part);
  }
  blocks.push(blockOf(END_DATA, Buffer.alloc(0), bytes.length, line));
  return Buffer.concat(blocks);
}

/** What cannot be made shorter is stored: a block may be longer than its text by a few bytes only. */
function packed(part: Buffer): Buffer {
  return deflateRawSync(part, { level: constants.Z_BEST_COMPRESSION });
}

function blockOf(data: Buffer, part: Buffer, offset: number, line: number): Buffer {
  const block = Buffer.alloc(HEADER_BYTES + data.length + TRAILER_BYTES);
  MAGIC.copy(block);
  block[9] = UNKNOWN_SYSTEM;
  block.writeUInt16LE(EXTRA_BYTES, EXTRA_LENGTH_AT);
  block.write("BC", BGZF_FIELD_AT, "latin1");
  block.writeUInt16LE(2, BGZF_FIELD_AT + 2);
  block.writeUInt16LE(block.length - 1, BGZF_FIELD_AT + 4);
  block.write("FL", PLACE_FIELD_AT, "latin1");
  block.writeUInt16LE(12, PLACE_FIELD_AT + 2);
  block.writeUInt32LE(offset, PLACE_FIELD_AT + 4);
  block.writeUInt32LE(line, PLACE_FIELD_AT + 8);
  block.writeUInt32LE(placeSum(block), PLACE_FIELD_AT + 12);
  data.copy(block, HEADER_BYTES);
  block.writeUInt32LE(crc32(part), block.length - TRAILER_BYTES);
  block.writeUInt32LE(part.length, block.length - TRAILER_BYTES + 4);
  return block;
}

/** Over the whole header before it: a length that was changed would lead astray too. */
function placeSum(block: Buffer): number {
  return crc32(block.subarray(0, PLACE_FIELD_AT + 12));
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

/** How long the unpacked text is, by the last bytes of the file; `null` for one that is cut or none. */
export function unpackedSize(lastBytes: Buffer): number | null {
  const end = blockAt(lastBytes, lastBytes.length - END_BYTES);
  return end === null || !isEnd(end) ? null : end.offset;
}

/** So many bytes {@link unpackedSize} needs. */
export const PACKED_END_BYTES = END_BYTES;

function isEnd({ length }: Block): boolean {
  return length === END_BYTES;
}

function blockAt(file: Buffer, at: number): Block | null {
  if (at < 0 || at + HEADER_BYTES > file.length) return null;
  const head = file.subarray(at, at + HEADER_BYTES);
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  if (head.readUInt32LE(PLACE_FIELD_AT + 12) !== placeSum(head)) return null;
  const length = head.readUInt16LE(BGZF_FIELD_AT + 4) + 1;
  const offset = head.readUInt32LE(PLACE_FIELD_AT + 4);
  return { at, length, offset, line: head.readUInt32LE(PLACE_FIELD_AT + 8) };
}

/** The unpacked bytes of an archived segment, block by block as they are asked for. */
export class PackedLines {
  readonly #file: Buffer;
  readonly #blocks: Block[] = [];
  readonly #unpacked = new Map<number, Buffer>();
  readonly size: number;
  /** The end is missing: what it held is not known. */
  readonly isCut: boolean;

  constructor(file: Buffer) {
    this.#file = file;
    let end: Block | null = null;
    for (let at = 0; at >= 0 && at < file.length && end === null;) {
      const block = blockAt(file, at);
      if (block === null) {
        at = file.indexOf(MAGIC, at + 1);
      } else if (isEnd(block)) {
        if (at + END_BYTES <= file.length) end = block;
        at += END_BYTES;
      } else {
        this.#blocks.push(block);
        at += block.length;
      }
    }
    this.isCut = end === null;
    this.size = end?.offset ?? this.#sizeWithoutEnd();
    this.#blocks.push(end ?? { at: file.length, length: 0, offset: this.size, line: -1 });
  }

  #sizeWithoutEnd(): number {
    const last = this.#blocks.at(-1);
    if (last === undefined) return 0;
    return last.offset + (this.#inflated(last)?.length ?? 0);
  }

  /** The bytes between two positions of the unpacked text, as far as there are any. */
  read(from: number, to: number): Buffer {
    const end = Math.min(to, this.size);
    if (from >= end) return Buffer.alloc(0);
    const parts: Buffer[] = [];
    for (let at = from; at < end;) {
      const { offset, bytes } = this.#around(at);
      const part = bytes.subarray(at - offset, end - offset);
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  }

  /** The block that holds a position, or what stands for blocks that are lost there. */
  #around(at: number): { offset: number; bytes: Buffer } {
    let low = -1;
    let high = this.#blocks.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.offset ?? 0) <= at) low = middle;
      else high = middle;
    }
    const block = this.#blocks[low];
    const next = this.#blocks[low + 1];
    const known = this.#unpacked.get(low);
    if (known !== undefined) return { offset: block?.offset ?? 0, bytes: known };
    const bytes = this.#bytesOf(block, next);
    this.#unpacked.set(low, bytes);
    return { offset: block?.offset ?? 0, bytes };
  }

  #bytesOf(block: Block | undefined, next: Block | undefined): Buffer {
    const offset = block?.offset ?? 0;
    const length = (next?.offset ?? this.size) - offset;
    const whole = block === undefined ? null : this.#inflated(block);
    if (whole !== null && whole.length === length) return whole;
    const known = whole ?? Buffer.alloc(0);
    const lines = (next?.line ?? 0) - (block?.line ?? 0) - countLines(known);
    return Buffer.concat([known, lost(length - known.length, lines)]);
  }

  #inflated({ at, length }: Block): Buffer | null {
    const trailer = at + length - TRAILER_BYTES;
    if (at + length > this.#file.length) return null;
    try {
      const bytes = inflateRawSync(this.#file.subarray(at + HEADER_BYTES, trailer));
      const isRight =
        this.#file.readUInt32LE(trailer) === crc32(bytes) &&
        this.#file.readUInt32LE(trailer + 4) === bytes.length;
      return isRight ? bytes : null;
    } catch (error) {
      // zlib's own errors have a code; the damage is what is looked for here.
      if (!(error instanceof Error) || !("code" in error)) throw error;
      return null;
    }
  }
}

/** So many bytes with so many ends of lines, none of them empty. */
function lost(length: number, lines: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, length), LOST_BYTE);
  for (let line = 1; line <= lines; line += 1) {
    const at = length - 1 - 2 * (lines - line);
    if (at > 0) bytes[at] = LF;
  }
  return bytes;
}
