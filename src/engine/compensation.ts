/** Taking back what was done: the last step first, each once it is recorded. */

import { historyOf, takesBack } from "../model/workflow-steps.ts";
import type { RunningExecution } from "./execution.ts";

/** What an execution says that was cancelled while it had something to take back. */
export const CANCELLED_MESSAGE = "Cancelled";

/**
 * Runs the compensation of every finished step that has one and was not taken back yet, then ends
 * the execution. One that fails is told of and does not keep the others from running.
 */
export async function compensate(run: RunningExecution): Promise<void> {
  const { store, onWarning, formatError } = run.settings;
  const steps = historyOf(await run.look(() => store.loadCheckpoints(run.id)));
  const indexes = [...run.compensations.keys()].sort((left, right) => right - left);
  for (const stepIndex of indexes) {
    const compensation = run.compensations.get(stepIndex);
    const undone = steps.get(stepIndex)?.undone ?? null;
    if (compensation === undefined || undone === 0 || undone === compensation.attempt) continue;
    const stepName = `${compensation.stepName}:compensate`;
    const row = {
      workflowExecutionId: run.id,
      stepIndex,
      stepName,
      attempt: 0,
      inputData: takesBack(compensation.attempt),
      startedAt: run.now,
    };
    try {
      await compensation.undo();
    } catch (cause) {
      // Whatever it throws: the steps before it are still to be taken back.
      const errorMessage = formatError(cause);
      const message = `Cannot take back ${compensation.stepName} of ${run.id}: ${errorMessage}`;
      onWarning({ executionId: run.id, kind: "compensation-failed", message, cause });
      await run.record({ checkpoints: [{ ...row, status: "FAILED", errorMessage }] });
      continue;
    }
    await run.record({ checkpoints: [{ ...row, status: "COMPENSATED", completedAt: run.now }] });
  }
  const isCancelled = run.execution.errorMessage === CANCELLED_MESSAGE;
  await run.record({ to: isCancelled ? "CANCELLED" : "FAILED", endWaits: true });
}
