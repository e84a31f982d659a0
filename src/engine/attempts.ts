/** Trying an action: each attempt is recorded before it begins, and when it is over. */

import { retryDelayMs, triesOf, type RetryPolicy } from "../model/workflow-decisions.ts";
import { FINAL, type StepHistory } from "../model/workflow-steps.ts";
import type { GivenCheckpoint, WorkflowTimer } from "../model/workflows.ts";
import type { AdvanceInput } from "../stores/workflow-changes.ts";
import type { RunningExecution } from "./execution.ts";
import { jsonOf } from "./json.ts";
import type { StepAttempt, StepOptions } from "./options.ts";

/** The last moment that a text of ISO 8601 can name with a year of four digits. */
export const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** The row of an attempt, before it is known how it ends. */
type StepRow = Omit<GivenCheckpoint, "workflowExecutionId" | "status">;

/** A step that is tried. */
export interface Trial<T> {
  readonly name: string;
  readonly index: number;
  readonly past: StepHistory;
  readonly action: (attempt: StepAttempt) => T | Promise<T>;
  readonly options: StepOptions<T>;
  readonly retry: RetryPolicy;
}

/** What a step came to: a result or an error, and the id under which that is recorded. */
export type Outcome<T> =
  | { readonly id: number; readonly attempt: number; readonly value: T }
  | { readonly id: number; readonly error: unknown };

/**
 * Tries a step until it succeeds or no try is left.
 *
 * @throws BodyStopped; FlowError `TIMEOUT` past the time to live.
 */
export async function tried<T>(run: RunningExecution, trial: Trial<T>): Promise<Outcome<T>> {
  const { name, index, past, action, options, retry } = trial;
  const idempotencyKey = keyOf(run.id, index, past);
  const compensateRef = options.compensate === undefined ? null : name;
  let { failures } = past;
  if (failures > 0) await waitForRetry(run, index);
  for (let attempt = past.attempts + 1; ; attempt += 1) {
    run.refuseExpired();
    const own = { stepName: name, stepIndex: index, attempt, idempotencyKey, compensateRef };
    const begun = { ...own, startedAt: run.now };
    const intent = rowOf(run, { ...begun, status: "INTENT" });
    await run.record({ checkpoints: [intent], patch: { currentStep: index } });
    await run.holdLease();
    // Nothing begins that an end came before.
    run.refuseStopped();
    let value: T;
    try {
      value = await run.act(() => action({ attempt, idempotencyKey }));
    } catch (error) {
      // Whatever an action throws counts as its failure, unless somebody else runs it by now.
      if (run.stopped === "lease-lost" || run.stopped === "store-failed") throw error;
      failures += 1;
      const isLast = failures >= triesOf(retry);
      const id = await failed(run, begun, error, isLast ? null : { retry, failures });
      if (isLast) return { id, error };
      await waitForRetry(run, index);
      continue;
    }
    return completed(run, begun, value, options);
  }
}

/**
 * Records a result, and gives it as a later run will see it. One that cannot be recorded: the step
 * has failed, and is not tried again, for what it did is done.
 */
async function completed<T>(
  run: RunningExecution,
  begun: StepRow,
  value: T,
  options: StepOptions<T>,
): Promise<Outcome<T>> {
  try {
    const outputData = encoded(value, options);
    const seen = decoded(outputData, options);
    const done = { ...begun, status: "COMPLETED" as const, outputData, completedAt: run.now };
    const id = await recorded(run, done, { patch: { currentStep: begun.stepIndex } });
    return { id, attempt: begun.attempt ?? 1, value: seen };
  } catch (error) {
    // An error of the caller's own `serialize`, or a result that no record can hold.
    if (run.stopped === "lease-lost" || run.stopped === "store-failed") throw error;
    return { id: await failed(run, { ...begun, inputData: FINAL }, error, null), error };
  }
}

async function failed(
  run: RunningExecution,
  row: StepRow,
  error: unknown,
  again: { readonly retry: RetryPolicy; readonly failures: number } | null,
): Promise<number> {
  const { formatError, random, clock } = run.settings;
  const errorMessage = formatError(error);
  const done = { ...row, status: "FAILED" as const, errorMessage, completedAt: run.now };
  if (again === null) return recorded(run, done, {});
  const delayMs = retryDelayMs(again.retry, again.failures, random());
  const timer = timerOf(run, row, Math.min(clock() + delayMs, LAST_MS), "PENDING");
  return recorded(run, done, { timers: [timer] });
}

async function recorded(
  run: RunningExecution,
  row: Omit<GivenCheckpoint, "workflowExecutionId">,
  change: AdvanceInput,
): Promise<number> {
  const { checkpoints } = await run.recordResult({ ...change, checkpoints: [rowOf(run, row)] });
  return checkpoints[0]?.id ?? 0;
}

function rowOf(
  { id }: RunningExecution,
  row: Omit<GivenCheckpoint, "workflowExecutionId">,
): GivenCheckpoint {
  return { ...row, workflowExecutionId: id };
}

/** The time of the next try is on disk: a crash neither shortens nor renews it. */
async function waitForRetry(run: RunningExecution, index: number): Promise<void> {
  const { store, clock } = run.settings;
  const { timers } = await run.look(() => store.history(run.id));
  const id = timerIdOf(run, index);
  const timer = timers.find((one) => one.workflowTimerId === id && one.status === "PENDING");
  if (timer === undefined) return;
  const atMs = Date.parse(timer.fireAt);
  while (clock() < atMs) await run.pause(atMs, run.wakes);
  await run.record({ timers: [{ ...timer, status: "FIRED" }] });
}

function timerIdOf({ id }: RunningExecution, index: number): string {
  return `timer-${id}-${index}`;
}

/** The timer of a step: when it is tried again, or when its wait is over. */
export function timerOf(
  run: RunningExecution,
  { stepName, stepIndex }: { readonly stepName: string; readonly stepIndex: number },
  atMs: number,
  status: WorkflowTimer["status"],
): WorkflowTimer {
  return {
    workflowTimerId: timerIdOf(run, stepIndex),
    workflowExecutionId: run.id,
    stepName,
    fireAt: new Date(atMs === Infinity ? 0 : atMs).toISOString(),
    status,
    createdAt: run.now,
  };
}

/** Of what was taken back another one: for whom it was done, it was undone since. */
function keyOf(id: string, index: number, { undone }: StepHistory): string {
  return undone === null ? `${id}:${index}` : `${id}:${index}:${undone}`;
}

function encoded<T>(value: T, { serialize }: StepOptions<T>): string | null {
  if (value === undefined || value === null) return null;
  return serialize === undefined ? jsonOf("step's result", value) : serialize(value);
}

/** A result as its record gives it. */
export function decoded<T>(text: string | null, { deserialize }: StepOptions<T>): T {
  if (text === null) return null as T;
  return deserialize === undefined ? (JSON.parse(text) as T) : deserialize(text);
}
