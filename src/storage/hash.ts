/** Checksums: CRC-32 against damage (never against intent), SHA-1 to tell two texts apart. */

import { hash } from "node:crypto";
import { crc32 } from "node:zlib";

/** CRC-32 as 8 hex digits: cheap enough for every line (0.8 µs a KB). */
export function checksum(data: string | Uint8Array): string {
  return crc32(data).toString(16).padStart(8, "0");
}

const HEX_DIGITS = 8;

/** Whether the 8 hex digits at a place of some bytes are the {@link checksum} of what is before `end`. */
export function isChecksumAt(bytes: Uint8Array, at: number, end: number): boolean {
  let told = 0;
  for (let index = at; index < at + HEX_DIGITS; index += 1) {
    const code = bytes[index] ?? 0;
    // 0 to 9, a to f.
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1;
    if (digit < 0) return false;
    told = told * 16 + digit;
  }
  return told === crc32(bytes.subarray(0, end));
}

/** Enough of a SHA-1 (80 bits) to say whether a file holds the text one expects. */
const DIGEST_CHARACTERS = 20;

/** A short text that differs when `text` differs. */
export function digest(text: string): string {
  return hash("sha1", text, "hex").slice(0, DIGEST_CHARACTERS);
}
