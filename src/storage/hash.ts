/** Checksums: CRC-32 against damage (never against intent), SHA-1 to tell two texts apart. */

import { hash } from "node:crypto";
import { crc32 } from "node:zlib";

/** CRC-32 as 8 hex digits: cheap enough for every line (0.8 µs a KB). */
export function checksum(data: string | Uint8Array): string {
  return crc32(data).toString(16).padStart(8, "0");
}

/** Enough of a SHA-1 (80 bits) to say whether a file holds the text one expects. */
const DIGEST_CHARACTERS = 20;

/** A short text that differs when `text` differs. */
export function digest(text: string): string {
  return hash("sha1", text, "hex").slice(0, DIGEST_CHARACTERS);
}
