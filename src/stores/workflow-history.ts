/** All that is known of an execution, as of one moment. */

import type { WorkflowExecution } from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { firstToFire, inOrderOfSignals } from "./workflow-orders.ts";
import type { ExecutionHistory } from "./workflow-results.ts";

/** @throws FlowError `CORRUPT`. */
export function historyIn(
  files: WorkflowFiles,
  view: Reading | Writing,
  execution: WorkflowExecution,
): ExecutionHistory {
  const id = execution.workflowExecutionId;
  const workflow = files.definition(view, execution.workflowId);
  const lease = files.lease(view, id);
  const { checkpoints, timers, signals } = files.all(view, id);
  return {
    execution: { ...execution },
    workflow: workflow === null ? null : { ...workflow },
    checkpoints: checkpoints.map((row) => ({ ...row })),
    timers: timers.sort(firstToFire).map((one) => ({ ...one })),
    signals: inOrderOfSignals(signals).map((one) => ({ ...one })),
    lease: lease === null ? null : { workflowExecutionId: id, ...lease },
  };
}
