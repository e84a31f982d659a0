/** What can be wrong with the event log. */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import type { IndexedReader } from "../storage/indexed-reader.ts";
import { EVENTS, segmentsIn } from "../storage/layout.ts";
import type { SegmentFacts } from "../storage/index-part.ts";
import { LineReader } from "../storage/segment-bytes.ts";
import { statSegment } from "../storage/segment-files.ts";
import type { Storage } from "../storage/storage.ts";
import { fileOfSegment, logFindings, unreadableSegment } from "../stores/log-findings.ts";
import type { Sight } from "./sight.ts";

/** Every problem of the log. */
export function findEventProblems({ storage, log }: Sight): Finding[] {
  if (log === null) return [];
  return [
    ...logFindings({ ...log.faults(), conflicts: log.twins.conflicts() }, storage.disk),
    ...silentSegments(log, storage.disk),
    ...headless(log, storage.disk),
    ...farAhead(log, storage),
  ];
}

/** Pipes and devices that bear a segment's name: they read as empty. */
function silentSegments(log: IndexedReader, disk: Disk): Finding[] {
  return segmentsIn(disk.list(EVENTS) ?? [])
    .filter((name) => statSegment(disk, name)?.stat.isFile() === false)
    .filter((name) => !log.index.unreadable.has(name))
    .map((name) => unreadableSegment(fileOfSegment(disk, name), "it is no file"));
}

/** Segments whose first line is an event: somebody took the header away. */
function headless(log: IndexedReader, disk: Disk): Finding[] {
  return factsOf(log)
    .filter(({ isHeadless }) => isHeadless)
    .map(({ name }) => {
      const file = fileOfSegment(disk, name);
      const message = `${file} lacks its first line, which says what ids were in use; its events count`;
      return { file, line: 1, rule: "no-header", severity: "warning" as const, message };
    });
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
      .map(({ event, name, line }) => {
        const file = fileOfSegment(storage.disk, name);
        const message = `${file}, line ${line}: the id ${event.id} is more than a day ahead of the clock`;
        return { file, line, rule: "event-ahead", severity: "warning" as const, message };
      });
  } finally {
    lines.close();
  }
}
