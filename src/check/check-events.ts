/** What can be wrong with the event log. */

import type { Finding } from "../finding.ts";
import type { LogDamage } from "../storage/segments.ts";
import { EVENTS, inFolder } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";

/** Every problem of the log. */
export function findEventProblems(storage: Storage, view: Reading | Writing): Finding[] {
  if (storage.disk.stat(EVENTS)?.isDirectory() !== true) return [];
  storage.refreshLog(view);
  const { damage, conflicts, unreadable } = storage.log.look(storage.journal.ledger);
  return [
    ...damage.map(damaged),
    ...conflicts.map(({ segment, line, id }) => ({
      file: inFolder(EVENTS, segment),
      line,
      rule: "event-conflict",
      severity: "error" as const,
      message: `${inFolder(EVENTS, segment)}, line ${line}: another line bears the id ${id} and says something else`,
    })),
    ...unreadable.map(({ segment, why }) => ({
      file: inFolder(EVENTS, segment),
      rule: "unreadable",
      severity: "error" as const,
      message: `${inFolder(EVENTS, segment)} cannot be read: ${why}`,
    })),
    ...headless(storage),
    ...farAhead(storage),
  ];
}

function damaged({ segment, line, why, growing }: LogDamage): Finding {
  const file = inFolder(EVENTS, segment);
  const isMarker = why.includes("conflict marker");
  return {
    file,
    line,
    rule: growing ? "torn-tail" : isMarker ? "conflict-markers" : "event-damaged",
    severity: growing ? "warning" : "error",
    message: `${file}, line ${line}: ${why}; it does not count, the others do`,
  };
}

/** Segments whose first line is an event: somebody took the header away. */
function headless(storage: Storage): Finding[] {
  return storage.log
    .look(storage.journal.ledger)
    .events.filter(({ line }) => line === 1)
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
function farAhead(storage: Storage): Finding[] {
  const { nowMs, newUlid } = storage.options;
  const limit = newUlid(null, nowMs() + MAX_AHEAD_MS);
  return storage.log
    .look(storage.journal.ledger)
    .events.filter(({ event }) => event.id > limit)
    .map(({ event, segment, line }) => ({
      file: inFolder(EVENTS, segment),
      line,
      rule: "event-ahead",
      severity: "warning" as const,
      message: `${inFolder(EVENTS, segment)}, line ${line}: the id ${event.id} is more than a day ahead of the clock`,
    }));
}
