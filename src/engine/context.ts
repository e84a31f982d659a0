/**
 * What a body works with. Each step, sleep and wait takes the next index; what is recorded there is
 * given back instead of being done again.
 */

import { FlowError } from "../errors.ts";
import { badField, requireNames } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { requireIdentifier, requireRetry, triesOf } from "../model/workflow-decisions.ts";
import {
  historyOf,
  kindOf,
  UNKNOWN_STEP,
  waitIn,
  waitText,
  type StepHistory,
  type StepKind,
  type WaitKind,
} from "../model/workflow-steps.ts";
import type { StepCheckpoint } from "../model/workflows.ts";
import { decoded, LAST_MS, timerOf, tried, type Outcome } from "./attempts.ts";
import { Deliveries } from "./deliveries.ts";
import type { RunningExecution } from "./execution.ts";
import { payloadOf } from "./json.ts";
import type { StepAttempt, StepOptions, WaitSignalOptions, WorkflowContext } from "./options.ts";
import { BodyStopped, IN_TRANSACTION } from "./stopped.ts";

const STEP_NAMES = ["compensate", "retry", "serialize", "deserialize"];
const TIMED_OUT = "No signal came in time";

/** {@link WorkflowContext} over the history of one execution. */
export class BodyContext implements WorkflowContext {
  readonly executionId: string;
  readonly #run: RunningExecution;
  readonly #history: Map<number, StepHistory>;
  readonly #deliveries = new Deliveries();
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

  // ---- steps ---------------------------------------------------------------------------------

  async #step<T>(
    name: string,
    action: (attempt: StepAttempt) => T | Promise<T>,
    options: StepOptions<T>,
  ): Promise<T> {
    const doing = `Cannot run the step ${String(name)}`;
    if (typeof action !== "function") throw badField(doing, "action", "must be a function");
    requireNames(doing, options, STEP_NAMES);
    const retry = requireRetry(doing, options.retry);
    const { index, past } = this.#begin(name, "action");
    const { completed, failed } = past;
    if (completed !== null) {
      const value = decoded(completed.outputData, options);
      this.#compensable(index, completed, value, options);
      return this.#given(completed, value);
    }
    if (failed !== null && past.failures >= triesOf(retry)) {
      await this.#given(failed, null);
      throw new Error(failed.errorMessage ?? `Step ${name} failed`);
    }
    await this.#refuseNew();
    const attempt = this.#tried({ name, index, past, action, options, retry });
    const outcome = await this.#run.attempt(attempt, options.compensate !== undefined);
    await this.#deliveries.turn(outcome.id);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  /** What can be taken back is known as soon as it is recorded. */
  async #tried<T>(trial: Parameters<typeof tried<T>>[1]): Promise<Outcome<T>> {
    const outcome = await tried(this.#run, trial);
    const { name: stepName, index, options } = trial;
    if ("value" in outcome)
      this.#compensable(index, { ...outcome, stepName }, outcome.value, options);
    return outcome;
  }

  #compensable<T>(
    index: number,
    { stepName, attempt }: { readonly stepName: string; readonly attempt: number },
    value: T,
    { compensate }: StepOptions<T>,
  ): void {
    if (compensate === undefined) return;
    this.#run.compensations.set(index, { stepName, attempt, undo: () => compensate(value) });
  }

  /** What is recorded, when it is its turn. */
  async #given<T>(row: StepCheckpoint, value: T): Promise<T> {
    await this.#deliveries.turn(row.id ?? 0);
    return value;
  }

  // ---- sleeps and signals --------------------------------------------------------------------

  async #sleep(name: string, ms: number): Promise<void> {
    requireWait("ms", ms);
    const { index, past } = this.#begin(name, "sleep");
    if (past.completed !== null) return this.#given(past.completed, undefined);
    await this.#refuseNew();
    const run = this.#run;
    const wait = await this.#open(name, index, past, { kind: "sleep", ms });
    const { untilMs } = wait;
    while (run.settings.clock() < untilMs) await run.pause(untilMs, run.wakes);
    await this.#deliveries.turn(await this.#close(wait, { status: "COMPLETED" }));
  }

  async #waitSignal(name: string, options: WaitSignalOptions): Promise<unknown> {
    requireNames(`Cannot wait for the signal ${String(name)}`, options, ["timeoutMs"]);
    const { timeoutMs } = options;
    if (timeoutMs !== undefined) requireWait("timeoutMs", timeoutMs);
    const { index, past } = this.#begin(name, "signal");
    const { completed, failed } = past;
    if (completed !== null) return this.#given(completed, payloadOf(completed.outputData));
    if (failed !== null) {
      await this.#given(failed, null);
      throw timedOut(this.executionId, name);
    }
    await this.#refuseNew();
    const run = this.#run;
    const wait = await this.#open(name, index, past, { kind: "signal", ms: timeoutMs ?? null });
    const { untilMs } = wait;
    for (;;) {
      const { wakes } = run;
      const taken = await this.#take(name, wait);
      if (taken !== null) {
        await this.#deliveries.turn(taken.id);
        return taken.payload;
      }
      if (run.settings.clock() >= untilMs) break;
      await run.pause(untilMs, wakes);
    }
    const id = await this.#close(wait, { status: "FAILED", errorMessage: TIMED_OUT });
    await this.#deliveries.turn(id);
    throw timedOut(this.executionId, name);
  }

  /** The oldest signal, with the id under which it is recorded; `null` while there is none. */
  async #take(
    signalName: string,
    { row, untilMs }: OpenWait,
  ): Promise<{ id: number; payload: unknown } | null> {
    const run = this.#run;
    const { store } = run.settings;
    const waiting = await run.look(() => store.loadPendingSignals(run.id, { signalName }));
    if (waiting.length === 0) return null;
    const own = { ...row, workflowExecutionId: run.id, status: "COMPLETED" as const };
    const checkpoint = { ...own, completedAt: run.now };
    const to = run.statusAfter(-1);
    const timers = untilMs === Infinity ? [] : [timerOf(run, row, untilMs, "CANCELLED")];
    const change = { to, timers, consume: { signalName, checkpoint } };
    const { signal, checkpoints } = await run.record(change);
    if (signal !== null) return { id: checkpoints[0]?.id ?? 0, payload: payloadOf(signal.payload) };
    run.statusAfter(1);
    return null;
  }

  /** Records that it waits, and until when; once. */
  async #open(
    name: string,
    index: number,
    past: StepHistory,
    { kind, ms }: { readonly kind: WaitKind; readonly ms: number | null },
  ): Promise<OpenWait> {
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
    const timers = untilMs === Infinity ? [] : [timerOf(run, row, untilMs, "PENDING")];
    if (wakeAt === undefined) {
      const intent = { ...row, workflowExecutionId: run.id, status: "INTENT" as const };
      const patch = { currentStep: index };
      await run.record({ timers, to: status, patch, checkpoints: [intent] });
    } else if (run.execution.status !== status) {
      // Also where it runs again after its end, which cancelled the timer.
      await run.record({ to: status, timers });
    }
    return { row, untilMs };
  }

  /** Records that it waits no more. @returns the id of that. */
  async #close(
    { row, untilMs }: OpenWait,
    end: { readonly status: "COMPLETED" | "FAILED"; readonly errorMessage?: string },
  ): Promise<number> {
    const run = this.#run;
    const checkpoint = { ...row, ...end, workflowExecutionId: run.id, completedAt: run.now };
    const timers = [timerOf(run, row, untilMs, "FIRED")];
    const to = run.statusAfter(-1);
    const { checkpoints } = await run.record({ timers, to, checkpoints: [checkpoint] });
    return checkpoints[0]?.id ?? 0;
  }

  #endOf(ms: number | null): number {
    if (ms === null || ms === Infinity) return Infinity;
    return Math.min(this.#run.settings.clock() + ms, LAST_MS);
  }

  // ---- the order -----------------------------------------------------------------------------

  #begin(name: string, kind: StepKind): { index: number; past: StepHistory } {
    requireIdentifier("Cannot run the step", "name", name);
    const run = this.#run;
    if (run.shared.acting.getStore() === run) throw misplaced(name, kind, INSIDE_ACTION);
    if (run.settings.store.isInTransaction) throw misplaced(name, kind, IN_TRANSACTION);
    run.refuseStopped();
    const index = this.#next;
    this.#next += 1;
    const past = this.#history.get(index) ?? UNKNOWN_STEP;
    const before = past.completed ?? past.failed ?? past.open;
    if (before !== null && (before.stepName !== name || kindOf(before) !== kind))
      this.#mismatch(before, `the ${kind} ${name}`);
    return { index, past };
  }

  /** @throws BodyStopped where only what was done is gathered; FlowError `TIMEOUT`. */
  async #refuseNew(): Promise<void> {
    const run = this.#run;
    if (run.onlyReplays) {
      // Last of all: branches beside it may have more that is to be gathered.
      await this.#deliveries.turn(Infinity);
      throw new BodyStopped(run.id, "replayed");
    }
    run.refuseExpired();
  }

  /** The body has ended. @throws FlowError `CONFLICT` where it came to less than is recorded. */
  endReached(): void {
    for (const [index, { completed, failed, open }] of this.#history) {
      const row = completed ?? failed ?? open;
      if (index < this.#next || row === null) continue;
      this.#mismatch(row, "none");
      return;
    }
  }

  #mismatch(before: StepCheckpoint, is: string): void {
    const { settings, id } = this.#run;
    const { stepIndex } = before;
    const was = `the ${kindOf(before)} ${before.stepName}`;
    const message = `Step ${stepIndex} of ${id} was ${was} and is now ${is}: the workflow's code changed`;
    if (settings.onStepNameMismatch === "fail")
      throw new FlowError("CONFLICT", message, { context: { id, stepIndex, was, is } });
    settings.onWarning({ executionId: id, kind: "step-name-mismatch", message });
  }
}

interface WaitRow {
  readonly stepName: string;
  readonly stepIndex: number;
  readonly attempt: number;
  readonly startedAt: string;
  readonly inputData: string;
}

/** A wait that is recorded, and until when. */
interface OpenWait {
  readonly row: WaitRow;
  readonly untilMs: number;
}

function textOf(untilMs: number): string | null {
  return untilMs === Infinity ? null : new Date(untilMs).toISOString();
}

function parsedEnd(wakeAt: string | null): number {
  return wakeAt === null ? Infinity : Date.parse(wakeAt);
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

const INSIDE_ACTION =
  "inside an action or a compensation: what is recorded does not run again, so a later run would not come by";

function misplaced(name: string, kind: StepKind, why: string): FlowError {
  const message = `Cannot begin the ${kind} ${name} ${why}`;
  return new FlowError("BAD_REQUEST", message, { context: { name } });
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
