/**
 * Which is the truth for a path that a commit changed: the commit's image or the file?
 *
 * Until a record is applied, its image is. Afterwards the file is, even when it equals an older
 * image, because git or a person may have put it back. After an unclean end of the machine
 * neither is certain: a rename that was not synced may be lost, leaving an older, empty or torn
 * file. Then the image counts if the file is such a leftover and is not younger than the record.
 */

import { digest } from "./hash.ts";
import { pathOf, type FileChange } from "./journal-lines.ts";
import type { WindowEntry } from "./journal.ts";

/** File systems stamp with a clock that ticks every 4 ms at the slowest. */
const CLOCK_TICK_MS = 5;

/** The text that a change leaves; null for none. */
export function imageOf(change: FileChange): string | null {
  return "put" in change ? change.data : null;
}

/** A file as found; null text where the bytes are not text. */
export interface Found {
  readonly text: string | null;
  readonly changedMs: number;
}

/** Whether the image of `change` is the truth rather than what was `found` at its path. */
export function imageCounts(
  entry: WindowEntry,
  change: FileChange,
  found: Found | null,
  window: Iterable<WindowEntry>,
): boolean {
  if (entry.appliedIn === null || entry.stuck.has(pathOf(change))) return true;
  const image = imageOf(change);
  if (found === null) return image !== null;
  if (found.text === image) return false;
  if (found.text === null || isLeftover(pathOf(change), found.text)) return true;
  return (
    isOlder(pathOf(change), found.text, window) &&
    found.changedMs <= entry.record.at + CLOCK_TICK_MS
  );
}

/** Empty, zero-filled or cut: what a power cut leaves of a file that was not synced. */
function isLeftover(path: string, text: string): boolean {
  if (text === "" || text.includes("\0")) return true;
  if (!path.endsWith(".json")) return false;
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

/** Whether a text is one that a record in the window expected or made at this path. */
export function isOlder(path: string, text: string | null, window: Iterable<WindowEntry>): boolean {
  const found = text === null ? null : digest(text);
  for (const { record } of window) {
    for (const change of record.changes) {
      if ("append" in change || pathOf(change) !== path) continue;
      if (change.pre === found || imageOf(change) === text) return true;
    }
  }
  return false;
}
