/** What is over and old goes. */

import { badField } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { instantKey, keyOfMs } from "../model/workflow-times.ts";
import { isTerminal, requireStatuses, type ExecutionStatus } from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { isOlder } from "./workflow-log.ts";

/** The statuses that nothing leads out of. */
export type FinalStatus = "COMPLETED" | "FAILED" | "CANCELLED";

export const FINAL_STATUSES: readonly FinalStatus[] = ["COMPLETED", "FAILED", "CANCELLED"];
const DOING = "Cannot clean up";
/** Behind every key: what has no time is never too old. */
const NEVER = "~";

/** The key of the moment before which all is old. @throws FlowError `BAD_REQUEST`. */
export function cutoffKey(cutoff: unknown): string {
  if (cutoff instanceof Date && !Number.isNaN(cutoff.getTime())) return keyOfMs(cutoff.getTime());
  throw badField(DOING, "cutoff", `must be a Date, not ${shown(cutoff)}`);
}

/** @throws FlowError `BAD_REQUEST` for what is not final. */
export function requireFinal(statuses: unknown): ExecutionStatus[] {
  const wanted = requireStatuses(DOING, statuses);
  const living = wanted.find((one) => !isTerminal(one));
  if (living === undefined) return wanted;
  throw badField(DOING, "statuses", `must be final ones, not ${living}`);
}

/** The ids of what is finished and was last changed before. */
export function finishedBefore(
  files: WorkflowFiles,
  view: Reading | Writing,
  statuses: readonly ExecutionStatus[],
  key: string,
): string[] {
  return files
    .inStatuses(view, statuses)
    .filter(({ updatedAt }) => (instantKey(updatedAt) ?? NEVER) < key)
    .map(({ workflowExecutionId }) => workflowExecutionId);
}

/** Of a damaged log nothing goes; it is reported. */
export function dropOld(
  files: WorkflowFiles,
  write: Writing,
  forget: "timers" | "signals",
  before: string,
): number {
  let count = 0;
  for (const folder of files.folders(write)) {
    const over: readonly { readonly createdAt: string }[] =
      files.usableLog(write, folder)?.[forget] ?? [];
    const old = over.filter((one) => isOlder(one, before)).length;
    if (old > 0) files.log.add(write, folder, { forget, before });
    count += old;
  }
  return count;
}
