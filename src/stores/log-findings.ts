/** What is wrong with the event log, as it shows while it is read. */

import type { Finding } from "../finding.ts";
import { EVENTS, inFolder } from "../storage/layout.ts";
import type { LogFaults } from "../storage/log-reader.ts";
import type { LogDamage } from "../storage/segments.ts";
import type { FindingListener } from "./told.ts";

/** Lines and segments that do not count. */
export function logFindings({ damage, conflicts, unreadable }: LogFaults): Finding[] {
  return [
    ...damage.map(damaged),
    ...conflicts.map(({ segment, line, id }) => ({
      file: inFolder(EVENTS, segment),
      line,
      rule: "event-conflict",
      severity: "error" as const,
      message: `${inFolder(EVENTS, segment)}, line ${line}: another line bears the id ${id} and says something else`,
    })),
    ...unreadable.map(({ segment, why }) => unreadableSegment(segment, why)),
  ];
}

/** A segment of which nothing can be read. */
export function unreadableSegment(segment: string, why: string): Finding {
  const file = inFolder(EVENTS, segment);
  const message = `${file} cannot be read: ${why}`;
  return { file, rule: "unreadable", severity: "error", message };
}

/**
 * Reports what a reader came upon; a line that still grows is no damage.
 *
 * @param isWhole whether it has read the whole log: then what it did not meet is mended.
 */
export function reportFaults(faults: LogFaults, listener: FindingListener, isWhole: boolean): void {
  const found = logFindings(faults).filter(({ severity }) => severity === "error");
  for (const finding of found) listener.report(finding);
  if (isWhole) listener.settle(EVENTS, found);
}

function damaged({ segment, line, at, why, growing }: LogDamage): Finding {
  const file = inFolder(EVENTS, segment);
  const isMarker = why.includes("conflict marker");
  return {
    file,
    line,
    rule: growing ? "torn-tail" : isMarker ? "conflict-markers" : "event-damaged",
    severity: growing ? "warning" : "error",
    message: `${file}, line ${line}, byte ${at}: ${why}; it does not count, the others do`,
  };
}
