/**
 * What a body works with. Each step, sleep and wait takes the next index; what is recorded there is
 * given back instead of being done again.
 */

import { FlowError } from "../errors.ts";
import { badField } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import {
  requireIdentifier,
  requireRetry,
  retryDelayMs,
  triesOf,
  type RetryPolicy,
} from "../model/workflow-decisions.ts";
import {
  historyOf,
  UNKNOWN_STEP,
  waitIn,
  waitText,
  type StepHistory,
  type WaitKind,
} from "../model/workflow-steps.ts";
import type { GivenCheckpoint, WorkflowTimer } from "../model/workflows.ts";
import type { AdvanceInput } from "../stores/workflow-changes.ts";
import type { RunningExecution } from "./execution.ts";
import { jsonOf, payloadOf } from "./json.ts";
import type { StepAttempt, StepOptions, WaitSignalOptions, WorkflowContext } from "./options.ts";
import { BodyStopped } from "./stopped.ts";

const TIMED_OUT = "No signal came in time";
/** The last moment that a text of ISO 8601 can name with a year of four digits. */
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** {@link WorkflowContext} over the history of one execution. */
export class BodyContext implements WorkflowContext {
  readonly executionId: string;
  readonly #run: RunningExecution;
  readonly #history: Map<number, StepHistory>;
  #next = 0;

  constructor(run: RunningExecution) {
    this.executionId = run.id;
    this.#run = run;
    this.#history = historyOf(run.rows);
  }

  step<T>(
    name: string,
    action: (attempt: StepAttempt) => T | Promise<T>,
    options: StepOptions<T> = {},
  ): Promise<T> {
    return handled(this.#step(name, action, options));
  }

  sleep(name: string, ms: number): Promise<void> {
    return handled(this.#sleep(name, ms));
  }

  waitSignal(name: string, options: WaitSignalOptions = {}): Promise<unknown> {
    return handled(this.#waitSignal(name, options));
  }

  async #step<T>(
    name: string,
    action: (attempt: StepAttempt) => T | Promise<T>,
    options: StepOptions<T>,
  ): Promise<T> {
    const doing = `Cannot run the step ${String(name)}`;
    if (typeof action !== "function") throw badField(doing, "action", "must be a function");
    const retry = requireRetry(doing, options.retry);
    const { index, past } = this.#begin(name);
    if (past.completed !== null) {
      const { outputData, stepName, attempt } = past.completed;
      const value = decoded(outputData, options);
      this.#compensable(index, { stepName, attempt }, value, options);
      return value;
    }
    if (past.failures >= triesOf(retry)) throw failedBefore(name, past);
    const { value, attempt } = await this.#try(name, index, past, { action, options, retry });
    this.#compensable(index, { stepName: name, attempt }, value, options);
    return value;
  }

  #compensable<T>(
    index: number,
    done: { readonly stepName: string; readonly attempt: number },
    value: T,
    { compensate }: StepOptions<T>,
  ): void {
    if (compensate === undefined) return;
    this.#run.compensations.set(index, { ...done, undo: () => compensate(value) });
  }

  async #try<T>(
    name: string,
    index: number,
    past: StepHistory,
    { action, options, retry }: Trial<T>,
  ): Promise<{ readonly value: T; readonly attempt: number }> {
    const run = this.#run;
    const idempotencyKey = keyOf(run.id, index, past);
    const compensateRef = options.compensate === undefined ? null : name;
    let { failures } = past;
    if (failures > 0) await this.#waitForRetry(index);
    for (let attempt = past.attempts + 1; ; attempt += 1) {
      const own = { stepName: name, stepIndex: index, attempt, idempotencyKey, compensateRef };
      const begun = { ...own, startedAt: run.now };
      await this.#record({ ...begun, status: "INTENT" }, { patch: { currentStep: index } });
      let value: T;
      try {
        value = await action({ attempt, idempotencyKey });
      } catch (error) {
        // Whatever an action throws counts as its failure.
        failures += 1;
        const isLast = failures >= triesOf(retry);
        await this.#failed({ ...begun, status: "FAILED" }, error, isLast ? null : retry, failures);
        if (isLast) throw error;
        await this.#waitForRetry(index);
        continue;
      }
      return { value: await this.#completed(begun, value, options), attempt };
    }
  }

  /**
   * Records a result, and gives it as a later run will see it.
   *
   * @throws FlowError `BAD_REQUEST` for one that cannot be recorded: the step has failed, and is
   * not tried again, for what it did is done.
   */
  async #completed<T>(begun: StepRow, value: T, options: StepOptions<T>): Promise<T> {
    const run = this.#run;
    try {
      const outputData = encoded(value, options);
      const seen = decoded(outputData, options);
      const done = { ...begun, status: "COMPLETED" as const, outputData, completedAt: run.now };
      await this.#record(done, { patch: { currentStep: begun.stepIndex } });
      return seen;
    } catch (error) {
      // An error of the caller's own `serialize`, or a result that no record can hold.
      if (run.stopped === null) await this.#failed({ ...begun, status: "FAILED" }, error, null, 0);
      throw error;
    }
  }

  async #failed(
    row: StepRow & { readonly status: "FAILED" },
    error: unknown,
    retry: RetryPolicy | null,
    failures: number,
  ): Promise<void> {
    const run = this.#run;
    const { formatError, random, clock } = run.settings;
    const failed = { ...row, errorMessage: formatError(error), completedAt: run.now };
    if (retry === null) return this.#record(failed, {});
    const atMs = clock() + retryDelayMs(retry, failures, random());
    await this.#record(failed, { timers: [this.#timer(row, atMs, "PENDING")] });
  }

  /** The time of the next try is on disk: a crash neither shortens nor renews it. */
  async #waitForRetry(index: number): Promise<void> {
    const run = this.#run;
    const { timers } = await run.look(() => run.settings.store.history(run.id));
    const id = this.#timerId(index);
    const timer = timers.find((one) => one.workflowTimerId === id && one.status === "PENDING");
    if (timer === undefined) return;
    const atMs = Date.parse(timer.fireAt);
    while (run.settings.clock() < atMs) await run.pause(atMs, run.wakes);
    await run.record({ timers: [{ ...timer, status: "FIRED" }] });
  }

  async #sleep(name: string, ms: number): Promise<void> {
    requireWait("ms", ms);
    const { index, past } = this.#begin(name);
    if (past.completed !== null) return;
    const run = this.#run;
    const { row, untilMs } = await this.#open(name, index, past, { kind: "sleep", ms });
    while (run.settings.clock() < untilMs) await run.pause(untilMs, run.wakes);
    const done = { ...row, status: "COMPLETED" as const };
    const timers = [this.#timer(done, untilMs, "FIRED")];
    await this.#record({ ...done, completedAt: run.now }, { timers, to: run.statusAfter(-1) });
  }

  async #waitSignal(name: string, { timeoutMs }: WaitSignalOptions): Promise<unknown> {
    if (timeoutMs !== undefined) requireWait("timeoutMs", timeoutMs);
    const { index, past } = this.#begin(name);
    if (past.completed !== null) return payloadOf(past.completed.outputData);
    if (past.failed !== null) throw timedOut(this.executionId, name);
    const run = this.#run;
    const wait = { kind: "signal", ms: timeoutMs ?? null } as const;
    const { row, untilMs } = await this.#open(name, index, past, wait);
    for (;;) {
      const { wakes } = run;
      const taken = await this.#take(name, row, untilMs);
      if (taken !== undefined) return taken;
      if (run.settings.clock() >= untilMs) break;
      await run.pause(untilMs, wakes);
    }
    const failed = { ...row, status: "FAILED" as const, errorMessage: TIMED_OUT };
    const timers = [this.#timer(row, untilMs, "FIRED")];
    await this.#record({ ...failed, completedAt: run.now }, { timers, to: run.statusAfter(-1) });
    throw timedOut(this.executionId, name);
  }

  async #take(signalName: string, row: WaitRow, untilMs: number): Promise<unknown> {
    const run = this.#run;
    const { store } = run.settings;
    const waiting = await run.look(() => store.loadPendingSignals(run.id, { signalName }));
    if (waiting.length === 0) return undefined;
    const own = { ...row, workflowExecutionId: run.id, status: "COMPLETED" as const };
    const checkpoint = { ...own, completedAt: run.now };
    const to = run.statusAfter(-1);
    const timers = untilMs === Infinity ? [] : [this.#timer(row, untilMs, "CANCELLED")];
    const { signal } = await run.record({ to, timers, consume: { signalName, checkpoint } });
    if (signal !== null) return payloadOf(signal.payload);
    run.statusAfter(1);
    return undefined;
  }

  /** Records that it waits, and until when; once. */
  async #open(
    name: string,
    index: number,
    past: StepHistory,
    { kind, ms }: { readonly kind: WaitKind; readonly ms: number | null },
  ): Promise<{ readonly row: WaitRow; readonly untilMs: number }> {
    const run = this.#run;
    const wakeAt = waitIn(past.open)?.wakeAt;
    const untilMs = wakeAt === undefined ? this.#endOf(ms) : parsedEnd(wakeAt);
    const { open, attempts } = past;
    const row: WaitRow = {
      stepName: name,
      stepIndex: index,
      attempt: open === null ? attempts + 1 : open.attempt,
      startedAt: open?.startedAt ?? run.now,
      inputData: waitText({ kind, wakeAt: textOf(untilMs) }),
    };
    const status = run.statusAfter(1);
    const timers = untilMs === Infinity ? [] : [this.#timer(row, untilMs, "PENDING")];
    if (wakeAt === undefined) {
      const change = { timers, to: status, patch: { currentStep: index } };
      await this.#record({ ...row, status: "INTENT" }, change);
    } else if (run.execution.status !== status) {
      // Also where it runs again after its end, which cancelled the timer.
      await run.record({ to: status, timers });
    }
    return { row, untilMs };
  }

  #endOf(ms: number | null): number {
    if (ms === null || ms === Infinity) return Infinity;
    return Math.min(this.#run.settings.clock() + ms, LAST_MS);
  }

  #begin(name: string): { index: number; past: StepHistory } {
    requireIdentifier("Cannot run the step", "name", name);
    const run = this.#run;
    run.refuseStopped();
    const index = this.#next;
    this.#next += 1;
    const past = this.#history.get(index) ?? UNKNOWN_STEP;
    const before = past.completed ?? past.failed ?? past.open;
    if (before !== null && before.stepName !== name) this.#mismatch(index, before.stepName, name);
    if (run.onlyReplays && past.completed === null && past.failed === null)
      throw new BodyStopped(run.id, "replayed");
    if (past.completed === null) run.refuseExpired();
    return { index, past };
  }

  #mismatch(index: number, was: string, is: string): void {
    const { settings, id } = this.#run;
    const message = `Step ${index} of ${id} was ${was} and is now ${is}: the workflow's code changed`;
    if (settings.onStepNameMismatch === "fail") {
      throw new FlowError("CONFLICT", message, { context: { id, stepIndex: index, was, is } });
    }
    settings.onWarning({ executionId: id, kind: "step-name-mismatch", message });
  }

  async #record(
    row: Omit<GivenCheckpoint, "workflowExecutionId">,
    change: AdvanceInput,
  ): Promise<void> {
    const checkpoint = { ...row, workflowExecutionId: this.executionId };
    await this.#run.record({ ...change, checkpoints: [checkpoint] });
  }

  #timerId(index: number): string {
    return `timer-${this.executionId}-${index}`;
  }

  #timer(
    { stepName, stepIndex }: { readonly stepName: string; readonly stepIndex: number },
    atMs: number,
    status: WorkflowTimer["status"],
  ): WorkflowTimer {
    return {
      workflowTimerId: this.#timerId(stepIndex),
      workflowExecutionId: this.executionId,
      stepName,
      fireAt: new Date(atMs === Infinity ? 0 : atMs).toISOString(),
      status,
      createdAt: this.#run.now,
    };
  }
}

/** The row of an attempt, before it is known how it ends. */
type StepRow = Omit<GivenCheckpoint, "workflowExecutionId" | "status">;

/** How a step is tried. */
interface Trial<T> {
  readonly action: (attempt: StepAttempt) => T | Promise<T>;
  readonly options: StepOptions<T>;
  readonly retry: RetryPolicy;
}

interface WaitRow {
  readonly stepName: string;
  readonly stepIndex: number;
  readonly attempt: number;
  readonly startedAt: string;
  readonly inputData: string;
}

function textOf(untilMs: number): string | null {
  return untilMs === Infinity ? null : new Date(untilMs).toISOString();
}

function parsedEnd(wakeAt: string | null): number {
  return wakeAt === null ? Infinity : Date.parse(wakeAt);
}

/** Of what was taken back another one: for whom it was done, it was undone since. */
function keyOf(id: string, index: number, { undone }: StepHistory): string {
  return undone === null ? `${id}:${index}` : `${id}:${index}:${undone}`;
}

/** A body that lets a step go unheeded shall not end the process by its error. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** @throws FlowError `BAD_REQUEST`. */
function requireWait(field: string, ms: unknown): void {
  if (typeof ms === "number" && ms >= 0) return;
  throw badField("Cannot wait", field, `must be a number of ms from 0, not ${shown(ms)}`);
}

function encoded<T>(value: T, { serialize }: StepOptions<T>): string | null {
  if (value === undefined || value === null) return null;
  return serialize === undefined ? jsonOf("step's result", value) : serialize(value);
}

function decoded<T>(text: string | null, { deserialize }: StepOptions<T>): T {
  if (text === null) return null as T;
  return deserialize === undefined ? (JSON.parse(text) as T) : deserialize(text);
}

function failedBefore(name: string, { failed }: StepHistory): Error {
  return new Error(failed?.errorMessage ?? `Step ${name} failed`);
}

function timedOut(id: string, signalName: string): FlowError {
  return new FlowError(
    "TIMEOUT",
    `Execution ${id} waited for the signal ${signalName}: ${TIMED_OUT}`,
    {
      context: { kind: "execution", id, signalName },
    },
  );
}
