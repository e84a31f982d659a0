/** What can be wrong with the event log. */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import type { IndexedReader } from "../storage/indexed-reader.ts";
import { EVENTS, inFolder, segmentsIn } from "../storage/layout.ts";
import type { SegmentFacts } from "../storage/index-part.ts";
import { LineReader } from "../storage/segment-bytes.ts";
import { statSegment } from "../storage/segment-files.ts";
import type { Storage } from "../storage/storage.ts";
import { logFindings, unreadableSegment } from "../stores/log-findings.ts";
import type { Sight } from "./sight.ts";

/** Every problem of the log. */
export function findEventProblems({ storage, log }: Sight): Finding[] {
  if (log === null) return [];
  return [
    ...logFindings({ ...log.faults(), conflicts: log.twins.conflicts() }),
    ...silentSegments(log, storage.disk),
    ...headless(log),
    ...farAhead(log, storage),
  ];
}

/** Pipes and devices that bear a segment's name: they read as empty. */
function silentSegments(log: IndexedReader, disk: Disk): Finding[] {
  return segmentsIn(disk.list(EVENTS) ?? [])
    .filter((name) => statSegment(disk, name)?.stat.isFile() === false)
    .filter((name) => !log.index.unreadable.has(name))
    .map((name) => unreadableSegment(name, "it is no file"));
}

/** Segments whose first line is an event: somebody took the header away. */
function headless(log: IndexedReader): Finding[] {
  return factsOf(log)
    .filter(({ isHeadless }) => isHeadless)
    .map(({ name }) => ({
      file: inFolder(EVENTS, name),
      line: 1,
      rule: "no-header",
      severity: "warning" as const,
      message: `${inFolder(EVENTS, name)} lacks its first line, which says what ids were in use; its events count`,
    }));
}

function factsOf(log: IndexedReader): SegmentFacts[] {
  return log.index.names().flatMap((name) => log.index.factsOf(name) ?? []);
}

const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** Ids from a clock that was far ahead: they sort last until that day comes. */
function farAhead(log: IndexedReader, storage: Storage): Finding[] {
  const { nowMs, newUlid } = storage.options;
  const limit = newUlid(null, nowMs() + MAX_AHEAD_MS);
  const lines = new LineReader(storage.disk, storage.overlay);
  try {
    return factsOf(log)
      .filter(({ maxId }) => maxId > limit)
      .flatMap(({ name }) => lines.segment(name)?.events.map((one) => ({ name, ...one })) ?? [])
      .filter(({ event }) => event.id > limit)
      .map(({ event, name, line }) => ({
        file: inFolder(EVENTS, name),
        line,
        rule: "event-ahead",
        severity: "warning" as const,
        message: `${inFolder(EVENTS, name)}, line ${line}: the id ${event.id} is more than a day ahead of the clock`,
      }));
  } finally {
    lines.close();
  }
}
