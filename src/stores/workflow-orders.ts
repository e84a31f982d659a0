/** The orders in which records are returned; times are compared as instants, not as texts. */

import { instantKey } from "../model/workflow-times.ts";
import type { WorkflowExecution, WorkflowSignal, WorkflowTimer } from "../model/workflows.ts";

/** By creation, then by id. */
export function oldestFirst(left: WorkflowExecution, right: WorkflowExecution): number {
  return (
    compare(instantKey(left.createdAt), instantKey(right.createdAt)) ||
    compare(left.workflowExecutionId, right.workflowExecutionId)
  );
}

/** By when they fire, then by id. */
export function firstToFire(left: WorkflowTimer, right: WorkflowTimer): number {
  return (
    compare(instantKey(left.fireAt), instantKey(right.fireAt)) ||
    compare(left.workflowTimerId, right.workflowTimerId)
  );
}

/** Oldest first, then by id. */
export function inOrderOfSignals(signals: readonly WorkflowSignal[]): WorkflowSignal[] {
  return [...signals].sort(
    (left, right) =>
      compare(instantKey(left.createdAt), instantKey(right.createdAt)) ||
      (left.workflowSignalId ?? 0) - (right.workflowSignalId ?? 0),
  );
}

function compare(left: string | null, right: string | null): number {
  const [one, other] = [left ?? "", right ?? ""];
  return one < other ? -1 : one > other ? 1 : 0;
}
