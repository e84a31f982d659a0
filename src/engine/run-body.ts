/** Running a body to the end of its execution, and what follows from how it ends. */

import type { ExecutionLease } from "../stores/workflow-leases.ts";
import { compensate, stepsAtItsEnd } from "./compensation.ts";
import { BodyContext } from "./context.ts";
import { RunningExecution, type Shared } from "./execution.ts";
import { jsonOrNone, payloadOf } from "./json.ts";
import type { RunResult, WorkflowBody } from "./options.ts";
import { failedError, outcomeOf, stoppedError } from "./outcomes.ts";
import { BodyStopped } from "./stopped.ts";

/** A lease, and until when it is nobody else's by this engine's clock. */
export interface Claimed extends ExecutionLease {
  readonly heldUntilMs: number;
}

/**
 * Runs a body from where its execution is. What was cancelled meanwhile is taken back, by a second
 * run that only gathers what is to be.
 *
 * @param known is told of each run, while its body is not begun
 * @throws what the body threw; FlowError `ABORTED`, `CONFLICT`.
 */
export async function runToItsEnd(
  shared: Shared,
  id: string,
  body: WorkflowBody,
  lease: Claimed,
  known: (run: RunningExecution) => void,
): Promise<RunResult> {
  let { heldUntilMs } = lease;
  for (let isCancelled = false; ;) {
    const { execution, checkpoints } = await shared.settings.store.history(id);
    if (isCancelled && execution.status !== "COMPENSATING") return outcomeOf(execution);
    const run = new RunningExecution(shared, execution, lease, checkpoints, heldUntilMs);
    known(run);
    try {
      return { executionId: id, result: await resultOf(run, body) };
    } catch (error) {
      isCancelled = run.stopped === "cancelled";
      if (!isCancelled) throw run.stopped === null ? error : stoppedError(id, error);
      ({ heldUntilMs } = run);
    } finally {
      run.end();
    }
  }
}

/** @returns the result as a later look at the execution gives it. */
async function resultOf(run: RunningExecution, body: WorkflowBody): Promise<unknown> {
  try {
    if (!run.onlyReplays && run.execution.status === "PENDING") await run.record({ to: "RUNNING" });
    const { inputData } = run.execution;
    const context = new BodyContext(run);
    const result = await body(context, inputData === null ? undefined : payloadOf(inputData));
    if (run.onlyReplays) throw new BodyStopped(run.id, "replayed");
    run.refuseStopped();
    context.endReached();
    run.refuseExpired();
    const outputData = result === null ? null : jsonOrNone("workflow's result", result);
    run.endBody();
    await run.recordEnd({ to: "COMPLETED", patch: { outputData }, endWaits: true });
    return payloadOf(outputData);
  } catch (error) {
    run.endBody();
    // What is being done shall be known before it is taken back, or is left to others.
    await run.settled();
    // Whatever a body throws ends its execution; what stopped it from outside does not.
    if (run.stopped === null) await failed(run, error);
    throw error;
  }
}

/** @throws FlowError of the end that was decided before, where only that is gone through with. */
async function failed(run: RunningExecution, error: unknown): Promise<void> {
  if (run.onlyReplays) {
    await compensate(run);
    throw failedError(run.execution);
  }
  const patch = { errorMessage: run.settings.formatError(error) };
  if (run.compensations.size === 0) {
    await stepsAtItsEnd(run);
    await run.recordEnd({ to: "FAILED", patch, endWaits: true });
    return;
  }
  await run.recordEnd({ to: "COMPENSATING", patch, endWaits: true });
  await compensate(run);
}
