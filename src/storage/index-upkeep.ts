/**
 * Leaving the index of the log in `local/cache/`: by a writer, when nobody waits. A file is never
 * changed; some of one size become one, so that an answer asks few of them and each entry is written
 * anew only a few times in its life.
 */

import type { Fence } from "./fence.ts";
import { PartBuilder } from "./index-build.ts";
import { encodePart, indexFileName } from "./index-files.ts";
import { CACHE, EVENTS, inFolder } from "./layout.ts";
import type { LogIndex } from "./log-index.ts";
import { FULL_PART_SEGMENTS, mergedParts, MERGE_PARTS } from "./log-parts.ts";
import type { Tail } from "./log-tail.ts";
import { SEGMENT_BYTES } from "./log-writer.ts";
import type { Parts } from "./parts.ts";

/** So much of the log, closed and not in a file of the index yet, is worth one: 10 ms to read. */
const WORTH_INDEXING_BYTES = 1024 * 1024;

/** Writes what is not in a file yet, if it is enough; `own` is the segment that grows. */
export function leaveIndex(
  { disk, log, overlay }: Pick<Parts, "disk" | "log" | "overlay">,
  fence: Fence,
  own: string | null,
  randomName: () => string,
): void {
  const isClosed = ({ segment }: Tail): boolean =>
    segment.isWhole &&
    segment.file !== null &&
    (segment.name !== own || segment.bytes >= SEGMENT_BYTES) &&
    (overlay.isEmpty || overlay.endOf(inFolder(EVENTS, segment.name)) === null);
  if (bytesWithoutFile(log, isClosed) < WORTH_INDEXING_BYTES) return;
  rereadYoung(log, isClosed);
  const write = (builder: PartBuilder): void => {
    const name = indexFileName(randomName());
    disk.rename(fence.stage(encodePart(builder.finish())), inFolder(CACHE, name));
    log.wroteFile(name);
  };
  writeNew(log, isClosed, write);
  mergeFiles(log, write);
  for (const name of log.parts.uselessFiles()) {
    disk.remove(inFolder(CACHE, name));
    log.parts.forgetFile(name);
  }
}

function bytesWithoutFile(log: LogIndex, isClosed: (tail: Tail) => boolean): number {
  let bytes = 0;
  for (const tail of log.tails.values()) if (isClosed(tail)) bytes += tail.segment.bytes;
  for (const { part, file } of log.parts.byFile()) {
    if (file !== null) continue;
    for (const [number, facts] of part.segments.entries()) {
      if (part.live[number] === true) bytes += facts.bytes;
    }
  }
  return bytes;
}

/** What was read within a tick of its last change may have changed unseen. */
function rereadYoung(log: LogIndex, isClosed: (tail: Tail) => boolean): void {
  const young = [...log.tails.values()].filter((tail) => isClosed(tail) && !tail.isStill);
  log.reread(
    young.filter((tail) => log.isStill(changedAt(tail))).map(({ segment }) => segment.name),
  );
}

function changedAt({ segment }: Tail): number {
  const { stat } = segment.file ?? {};
  return stat === undefined ? Infinity : Math.max(stat.mtimeMs, stat.ctimeMs);
}

function writeNew(
  log: LogIndex,
  isClosed: (tail: Tail) => boolean,
  write: (builder: PartBuilder) => void,
): void {
  const inMemory = log.parts.byFile().flatMap(({ part, file }) => (file === null ? [part] : []));
  for (const part of inMemory) write(mergedParts([part]));
  const tails = [...log.tails.values()].filter((tail) => isClosed(tail) && tail.isStill);
  if (tails.length === 0) return;
  const builder = new PartBuilder();
  for (const tail of tails) builder.addSegment(tail.facts(), tail.segment.events, log.idsOf);
  write(builder);
}

/** Eight files of one order of size become one. */
function mergeFiles(log: LogIndex, write: (builder: PartBuilder) => void): void {
  for (const limit of [MERGE_PARTS, FULL_PART_SEGMENTS]) {
    const small = log.parts
      .byFile()
      .filter(({ part, file }) => file !== null && part.liveCount < limit)
      .map(({ part }) => part);
    if (small.length < MERGE_PARTS) continue;
    write(mergedParts(small));
  }
}
