/** Chance, drawn from the system in blocks: a draw of its own for every id costs more than the id. */

import { randomFillSync } from "node:crypto";

const BLOCK_BYTES = 4096;

const block = Buffer.alloc(BLOCK_BYTES);
let used = BLOCK_BYTES;

/** So many random bytes (at most 4096), given to nobody else. */
export function randomBytesOf(count: number): Uint8Array {
  if (used + count > BLOCK_BYTES) {
    randomFillSync(block);
    used = 0;
  }
  used += count;
  return Uint8Array.prototype.slice.call(block, used - count, used);
}
