/** Taking back what was done: the last step first, each once it is recorded. */

import { historyOf, isTakenBack, takesBack, type StepHistory } from "../model/workflow-steps.ts";
import type { GivenCheckpoint } from "../model/workflows.ts";
import type { RunningExecution } from "./execution.ts";

/** What an execution says that was cancelled while it had something to take back. */
export const CANCELLED_MESSAGE = "Cancelled";

/**
 * The steps of an execution that comes to a bad end. Those that nobody can take back any more, since
 * its workflow was changed, are told of.
 */
export async function stepsAtItsEnd(run: RunningExecution): Promise<Map<number, StepHistory>> {
  const { store, onWarning } = run.settings;
  const steps = historyOf(await run.look(() => store.loadCheckpoints(run.id)));
  for (const [stepIndex, step] of steps) {
    const { completed } = step;
    if (completed === null || completed.compensateRef === null || isTakenBack(step)) continue;
    if (run.compensations.has(stepIndex)) continue;
    const message = `Cannot take back ${completed.stepName} of ${run.id}: its workflow does not say how any more`;
    onWarning({ executionId: run.id, kind: "compensation-failed", message });
  }
  return steps;
}

/**
 * Runs the compensation of every finished step that has one and was not taken back yet, then ends
 * the execution. One that fails is told of and does not keep the others from running.
 */
export async function compensate(run: RunningExecution): Promise<void> {
  const { onWarning, formatError } = run.settings;
  const steps = await stepsAtItsEnd(run);
  const recordUndo = async (row: GivenCheckpoint): Promise<unknown> =>
    run.recordEnd({ from: "COMPENSATING", checkpoints: [row] });
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
    await run.holdLease();
    try {
      await run.act(compensation.undo);
    } catch (cause) {
      // Whatever it throws: the steps before it are still to be taken back.
      const errorMessage = formatError(cause);
      const message = `Cannot take back ${compensation.stepName} of ${run.id}: ${errorMessage}`;
      onWarning({ executionId: run.id, kind: "compensation-failed", message, cause });
      await recordUndo({ ...row, status: "FAILED", errorMessage });
      continue;
    }
    await recordUndo({ ...row, status: "COMPENSATED", completedAt: run.now });
  }
  const isCancelled = run.execution.errorMessage === CANCELLED_MESSAGE;
  await run.recordEnd({
    from: "COMPENSATING",
    to: isCancelled ? "CANCELLED" : "FAILED",
    endWaits: true,
  });
}
