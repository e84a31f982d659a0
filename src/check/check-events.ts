/** What can be wrong with the event log. */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import type { LogLook } from "../storage/event-log.ts";
import { EVENTS, inFolder, LOG_SUFFIX } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import { logFindings, unreadableSegment } from "../stores/log-findings.ts";
import type { Sight } from "./sight.ts";

/** Every problem of the log. */
export function findEventProblems({ storage, log }: Sight): Finding[] {
  if (log === null) return [];
  return [
    ...logFindings(log),
    ...silentSegments(log, storage.disk),
    ...headless(log),
    ...farAhead(log, storage),
  ];
}

/** Pipes and devices that bear a segment's name: they read as empty. */
function silentSegments({ unreadable }: LogLook, disk: Disk): Finding[] {
  return (disk.list(EVENTS) ?? [])
    .filter((name) => name.endsWith(LOG_SUFFIX))
    .filter((name) => disk.stat(inFolder(EVENTS, name))?.isFile() === false)
    .filter((name) => unreadable.every(({ segment }) => segment !== name))
    .map((name) => unreadableSegment(name, "it is no file"));
}

/** Segments whose first line is an event: somebody took the header away. */
function headless({ events }: LogLook): Finding[] {
  return events
    .filter(({ line }) => line === 1)
    .map(({ segment }) => ({
      file: inFolder(EVENTS, segment),
      line: 1,
      rule: "no-header",
      severity: "warning" as const,
      message: `${inFolder(EVENTS, segment)} lacks its first line, which says what ids were in use; its events count`,
    }));
}

const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** Ids from a clock that was far ahead: they sort last until that day comes. */
function farAhead({ events }: LogLook, storage: Storage): Finding[] {
  const { nowMs, newUlid } = storage.options;
  const limit = newUlid(null, nowMs() + MAX_AHEAD_MS);
  return events
    .filter(({ event }) => event.id > limit)
    .map(({ event, segment, line }) => ({
      file: inFolder(EVENTS, segment),
      line,
      rule: "event-ahead",
      severity: "warning" as const,
      message: `${inFolder(EVENTS, segment)}, line ${line}: the id ${event.id} is more than a day ahead of the clock`,
    }));
}
