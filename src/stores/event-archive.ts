/** Packing what of the log is closed. */

import { badField, flagOrFalse } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import type { ArchiveReport } from "../storage/log-archive.ts";
import { requireNote, type StoreContext } from "./context.ts";

/** Which segments of the log are archived. */
export interface ArchiveEventsOptions {
  /**
   * Segments that other clones began stay while their last event is younger than so many ms: their
   * clone may still write them. Default 30 days.
   */
  readonly olderThanMs?: number | undefined;
  /** Only tells what would be done. Default false. */
  readonly dryRun?: boolean | undefined;
}

export type { ArchivedSegment, ArchiveReport, KeptSegment } from "../storage/log-archive.ts";

const DEFAULT_AGE_MS = 30 * 24 * 60 * 60 * 1000;
const DOING = "Cannot archive events";

export async function archiveEvents(
  context: StoreContext,
  options: ArchiveEventsOptions,
): Promise<ArchiveReport> {
  const { olderThanMs = DEFAULT_AGE_MS, dryRun } = requireNote(options, {
    olderThanMs: true,
    dryRun: true,
  });
  if (!(Number.isFinite(olderThanMs) && olderThanMs >= 0)) {
    throw badField(DOING, "olderThanMs", `must be a number from 0, not ${shown(olderThanMs)}`);
  }
  return context.storage.archive({ olderThanMs, dryRun: flagOrFalse(DOING, "dryRun", dryRun) });
}
