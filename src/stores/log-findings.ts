/** What is wrong with the event log, as it shows while it is read. */

import type { Finding } from "../finding.ts";
import { EVENTS, inFolder } from "../storage/layout.ts";
import type { LogFaults } from "../storage/log-reader.ts";
import { statSegment } from "../storage/segment-files.ts";
import type { LogDamage } from "../storage/segments.ts";
import type { StoreContext } from "./context.ts";

type Disk = StoreContext["storage"]["disk"];

/** Lines and segments that do not count. */
export function logFindings({ damage, conflicts, unreadable }: LogFaults, disk: Disk): Finding[] {
  return [
    ...damage.map((one) => damaged(fileOfSegment(disk, one.segment), one)),
    ...conflicts.map(({ segment, line, id }) => {
      const file = fileOfSegment(disk, segment);
      const message = `${file}, line ${line}: another line bears the id ${id} and says something else`;
      return { file, line, rule: "event-conflict", severity: "error" as const, message };
    }),
    ...unreadable.map(({ segment, why }) => unreadableSegment(fileOfSegment(disk, segment), why)),
  ];
}

/** Where a segment lies: an archived one bears another name. */
export function fileOfSegment(disk: Disk, segment: string): string {
  return statSegment(disk, segment)?.path ?? inFolder(EVENTS, segment);
}

/** A segment of which nothing can be read. */
export function unreadableSegment(file: string, why: string): Finding {
  const message = `${file} cannot be read: ${why}`;
  return { file, rule: "unreadable", severity: "error", message };
}

/**
 * Reports what a reader came upon; a line that still grows is no damage.
 *
 * @param isWhole whether it has read the whole log: then what it did not meet is mended.
 */
export function reportFaults(
  faults: LogFaults,
  { findings, storage }: Pick<StoreContext, "findings" | "storage">,
  isWhole: boolean,
): void {
  const found = logFindings(faults, storage.disk).filter(({ severity }) => severity === "error");
  for (const finding of found) findings.report(finding);
  if (isWhole) findings.settle(EVENTS, found);
}

function damaged(file: string, { line, at, why, growing }: LogDamage): Finding {
  const isMarker = why.includes("conflict marker");
  return {
    file,
    line,
    rule: growing ? "torn-tail" : isMarker ? "conflict-markers" : "event-damaged",
    severity: growing ? "warning" : "error",
    message: `${file}, line ${line}, byte ${at}: ${why}; it does not count, the others do`,
  };
}
