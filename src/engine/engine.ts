/** The engine: runs bodies so that a crash at any moment loses no finished step. */

import { FlowError, isFlowError } from "../errors.ts";
import { badField } from "../model/given.ts";
import { requireIdentifier } from "../model/workflow-decisions.ts";
import { rowsToRunAgain } from "../model/workflow-steps.ts";
import type { ExecutionStatus, WorkflowExecution, WorkflowSignal } from "../model/workflows.ts";
import type { ExecutionLease } from "../stores/workflow-changes.ts";
import { CommitWatch } from "./commit-watch.ts";
import { CANCELLED_MESSAGE, compensate } from "./compensation.ts";
import { BodyContext } from "./context.ts";
import { settingsOf } from "./defaults.ts";
import { RunningExecution } from "./execution.ts";
import { jsonOrNone, payloadOf } from "./json.ts";
import type {
  DurableEngineOptions,
  RecoveryReport,
  RunOptions,
  RunResult,
  Settings,
  WorkflowBody,
} from "./options.ts";
import { failedError, otherType, outcomeOf, stoppedError, unknownType } from "./outcomes.ts";
import { BodyStopped } from "./stopped.ts";

const LIVING: readonly ExecutionStatus[] = ["PENDING", "RUNNING", "SUSPENDED", "COMPENSATING"];

const CLAIMS_AT_ONCE = 32;
const NEVER = new AbortController().signal;

/** An execution that this engine runs; without `run` while its history is read. */
interface Running {
  run: RunningExecution | null;
  readonly end: Promise<unknown>;
}

/**
 * Runs workflows over a checkpoint store. Any number of engines, in any number of processes, may
 * work on one store: an execution is run by one of them at a time.
 */
export class DurableEngine {
  readonly #settings: Settings;
  readonly #watch: CommitWatch;
  readonly #running = new Map<string, Running>();
  #isDisposed = false;

  constructor(options: DurableEngineOptions) {
    this.#settings = settingsOf(options, () => Date.now());
    this.#watch = new CommitWatch(this.#settings.store, this.#settings.pollMs);
  }

  /**
   * Begins an execution and runs it to its end. With the id of one that is there, that one is
   * resumed; a finished one gives its result.
   *
   * @throws what the body threw; FlowError `ABORTED` when it was cancelled or this engine disposed
   * of; `CONFLICT` while another engine runs it; `TIMEOUT` past `ttlMs`; `BAD_REQUEST`.
   */
  async run(type: string, options: RunOptions = {}): Promise<RunResult> {
    this.#refuseDisposed();
    requireIdentifier("Cannot run the workflow", "type", type);
    if (!Object.hasOwn(this.#settings.workflows, type)) throw unknownType(type);
    const id = options.executionId ?? this.#settings.newId();
    requireIdentifier("Cannot run the workflow", "executionId", id);
    const now = this.#settings.clock();
    const at = new Date(now).toISOString();
    const { ttlMs, input } = options;
    if (ttlMs !== undefined) requireTtl(ttlMs);
    const record = {
      workflowExecutionId: id,
      workflowId: `wf-${type}`,
      inputData: jsonOrNone("input", input),
      ttlExpiresAt: ttlMs === undefined ? null : new Date(now + ttlMs).toISOString(),
      guarantee: options.guarantee,
      createdAt: at,
      updatedAt: at,
    };
    const workflow = { workflowId: `wf-${type}`, workflowType: type, createdAt: at };
    const { store } = this.#settings;
    const { execution, created } = await store.createIfAbsent(record, { workflow });
    if (execution.workflowId !== record.workflowId) throw otherType(id, execution.workflowId);
    return created ? this.#runNew(id) : this.resume(id);
  }

  /** Another engine's `recover` may take it before this one does: then that one's result counts. */
  async #runNew(id: string): Promise<RunResult> {
    const { sleep, pollMs } = this.#settings;
    for (;;) {
      const execution = await this.#find(id);
      if (!LIVING.includes(execution.status)) return outcomeOf(execution);
      const lease = await this.#claimIfFree(id);
      if (lease !== null) return this.#drive(id, await this.#bodyOf(execution), lease);
      await sleep(pollMs, NEVER);
      this.#refuseDisposed();
    }
  }

  /** Runs an execution on from where it is. The same errors as {@link run}; `NOT_FOUND`. */
  async resume(executionId: string): Promise<RunResult> {
    this.#refuseDisposed();
    if (this.#running.has(executionId))
      throw new FlowError("CONFLICT", `Cannot resume ${executionId}: this engine runs it already`);
    const execution = await this.#find(executionId);
    if (!LIVING.includes(execution.status)) return outcomeOf(execution);
    const body = await this.#bodyOf(execution);
    const lease = await this.#claim(executionId);
    return this.#drive(executionId, body, lease);
  }

  /**
   * Ends an execution, wherever it runs. One that has steps to take back is `COMPENSATING` first;
   * whoever runs it, or recovers it, takes them back.
   *
   * @returns the execution; a finished one as it is.
   * @throws FlowError `NOT_FOUND`.
   */
  async cancel(executionId: string): Promise<WorkflowExecution> {
    const { store } = this.#settings;
    for (;;) {
      const { execution, checkpoints } = await store.history(executionId);
      const { status } = execution;
      if (!LIVING.includes(status) || status === "COMPENSATING") return execution;
      const isDone = (row: { status: string; compensateRef: string | null }): boolean =>
        row.status === "COMPLETED" && row.compensateRef !== null;
      const to = checkpoints.some(isDone) ? "COMPENSATING" : "CANCELLED";
      const patch = { errorMessage: CANCELLED_MESSAGE };
      try {
        const done = await store.advance(executionId, { from: status, to, patch, endWaits: true });
        this.#running.get(executionId)?.run?.wake();
        return done.execution;
      } catch (error) {
        // It moved meanwhile: what it is now decides.
        if (!isFlowError(error, "CONFLICT")) throw error;
      }
    }
  }

  /**
   * Lets an execution that is `FAILED` or `CANCELLED` run again: it is `PENDING`, and runs where it
   * is recovered. What was recorded is given back; the step that failed has all its tries again, and
   * from the first step that was taken back on all are done again. A time to live begins anew.
   *
   * @throws FlowError `CONFLICT` in another status, or while somebody still runs it; `NOT_FOUND`.
   */
  async retry(executionId: string): Promise<WorkflowExecution> {
    const { store, clock } = this.#settings;
    const { execution, checkpoints } = await store.history(executionId);
    const { ttlExpiresAt, createdAt } = execution;
    const ttlMs = ttlExpiresAt === null ? null : Date.parse(ttlExpiresAt) - Date.parse(createdAt);
    const done = await store.advance(executionId, {
      reopens: true,
      to: "PENDING",
      checkpoints: rowsToRunAgain(execution, checkpoints),
      patch: {
        errorMessage: null,
        ttlExpiresAt: ttlMs === null ? null : new Date(clock() + ttlMs).toISOString(),
      },
    });
    return done.execution;
  }

  /** The execution now, then whenever it changed, until it is over; nothing for an unknown one. */
  async *observe(executionId: string): AsyncIterableIterator<WorkflowExecution> {
    for await (const execution of this.#settings.store.watchExecution(executionId)) {
      if (execution === null) return;
      yield execution;
      if (!LIVING.includes(execution.status)) return;
    }
  }

  /**
   * Sends a signal. It stays until one wait of that name takes it, be it sent before the wait or
   * before the execution began.
   *
   * @param payload any JSON value. Default: none.
   */
  async sendSignal(executionId: string, name: string, payload?: unknown): Promise<WorkflowSignal> {
    this.#refuseDisposed();
    requireIdentifier("Cannot send the signal", "executionId", executionId);
    requireIdentifier("Cannot send the signal", "name", name);
    const sent = await this.#settings.store.withoutReferenceChecks().saveSignal({
      workflowExecutionId: executionId,
      signalName: name,
      payload: jsonOrNone("payload", payload),
      createdAt: new Date(this.#settings.clock()).toISOString(),
    });
    this.#running.get(executionId)?.run?.wake();
    return sent;
  }

  /**
   * Takes every execution that is not over and that nobody runs, and runs it on. Does not wait for
   * them: one that sleeps holds up no other.
   */
  async recover(): Promise<RecoveryReport> {
    this.#refuseDisposed();
    const report = { resumed: [], expired: [], failed: [], held: [] } as RecoveryReport;
    const found = await this.#settings.store.loadExecutionsByStatus(LIVING);
    for (let from = 0; from < found.length; from += CLAIMS_AT_ONCE) {
      const some = found.slice(from, from + CLAIMS_AT_ONCE);
      // Claims made at the same time share the wait for the disk.
      const kinds = await Promise.all(some.map(async (one) => this.#recoverOne(one)));
      for (const [at, kind] of kinds.entries())
        report[kind].push(some[at]?.workflowExecutionId ?? "");
    }
    return report;
  }

  async #recoverOne(execution: WorkflowExecution): Promise<keyof RecoveryReport> {
    const id = execution.workflowExecutionId;
    if (this.#running.has(id)) return "held";
    const lease = await this.#claimIfFree(id);
    if (lease === null) return "held";
    const { ttlExpiresAt, status } = execution;
    const isOver = ttlExpiresAt !== null && Date.parse(ttlExpiresAt) <= this.#settings.clock();
    const definition = await this.#settings.store.loadWorkflow(execution.workflowId);
    const type = definition?.workflowType ?? execution.workflowId;
    const body = Object.hasOwn(this.#settings.workflows, type)
      ? this.#settings.workflows[type]
      : undefined;
    if (body === undefined) return this.#giveUp(lease, unknownType(type).message);
    if (lease.claims > this.#settings.maxClaims)
      return this.#giveUp(lease, `It was run ${lease.claims - 1} times and never came to its end`);
    // What runs now is not waited for; how it ends is in its record.
    void this.#drive(id, body, lease).catch((error: unknown) => this.#told(id, error));
    return isOver && status !== "COMPENSATING" ? "expired" : "resumed";
  }

  async #giveUp(lease: ExecutionLease, errorMessage: string): Promise<"failed"> {
    const { workflowExecutionId: id, token } = lease;
    const patch = { errorMessage };
    await this.#settings.store.advance(id, { to: "FAILED", patch, token, endWaits: true });
    return "failed";
  }

  #told(executionId: string, cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    this.#settings.onWarning({ executionId, kind: "run-failed", message, cause });
  }

  /** Stops what runs, gives its leases back, and refuses later calls. Safe to repeat. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const ends = [...this.#running.values()].map(({ run, end }) => {
      run?.stop("disposed");
      return end;
    });
    await Promise.allSettled(ends);
  }

  /** The executions that this engine runs now have ended when this is fulfilled. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ end }) => end));
  }

  /** Known as running from now on, so that nobody waits for it in vain. */
  async #drive(id: string, body: WorkflowBody, lease: ExecutionLease): Promise<RunResult> {
    const end = this.#toItsEnd(id, body, lease);
    this.#running.set(id, { run: null, end });
    return end;
  }

  async #toItsEnd(id: string, body: WorkflowBody, lease: ExecutionLease): Promise<RunResult> {
    try {
      const { execution, checkpoints } = await this.#settings.store.history(id);
      return await this.#attend(
        new RunningExecution(this.#settings, execution, lease, checkpoints, this.#watch),
        body,
      );
    } finally {
      this.#running.delete(id);
      await this.#release(lease);
    }
  }

  /** Runs a body while its lease is renewed. */
  async #attend(run: RunningExecution, body: WorkflowBody): Promise<RunResult> {
    const known = this.#running.get(run.id);
    if (known !== undefined) known.run = run;
    if (this.#isDisposed) run.stop("disposed");
    const kept = run.keepLease();
    // It is waited for below; until then its end is no unhandled one.
    kept.catch(() => undefined);
    try {
      return await this.#perform(run, body);
    } finally {
      run.end();
      await kept;
    }
  }

  async #release({ workflowExecutionId: id, token }: ExecutionLease): Promise<void> {
    try {
      await this.#settings.store.releaseClaim(id, token);
    } catch (error) {
      // A lease that cannot be given back runs out by itself.
      if (!isFlowError(error)) throw error;
    }
  }

  async #perform(run: RunningExecution, body: WorkflowBody): Promise<RunResult> {
    try {
      return { executionId: run.id, result: await this.#resultOf(run, body) };
    } catch (error) {
      if (run.stopped === "cancelled") return this.#cancelled(run, body);
      if (run.stopped !== null) throw stoppedError(run.id, error);
      throw error;
    }
  }

  /** @returns the result as a later look at the execution gives it. */
  async #resultOf(run: RunningExecution, body: WorkflowBody): Promise<unknown> {
    try {
      if (!run.onlyReplays && run.execution.status === "PENDING")
        await run.record({ to: "RUNNING" });
      const { inputData } = run.execution;
      const input = inputData === null ? undefined : payloadOf(inputData);
      const result = await body(new BodyContext(run), input);
      if (run.onlyReplays) throw new BodyStopped(run.id, "replayed");
      run.refuseExpired();
      const outputData = result === null ? null : jsonOrNone("workflow's result", result);
      await run.record({ to: "COMPLETED", patch: { outputData }, endWaits: true });
      return payloadOf(outputData);
    } catch (error) {
      // Whatever a body throws ends its execution; what stopped it from outside does not.
      if (run.stopped !== null) throw error;
      if (run.onlyReplays) {
        await compensate(run);
        throw failedError(run.execution);
      }
      const patch = { errorMessage: this.#settings.formatError(error) };
      const to = run.compensations.size > 0 ? "COMPENSATING" : "FAILED";
      await run.record({ to, patch, endWaits: true });
      if (to === "COMPENSATING") await compensate(run);
      throw error;
    }
  }

  /** It was moved from outside: finished there, or to be compensated here. */
  async #cancelled(run: RunningExecution, body: WorkflowBody): Promise<RunResult> {
    const { execution, checkpoints } = await this.#settings.store.history(run.id);
    if (execution.status !== "COMPENSATING") return outcomeOf(execution);
    const { lease } = run;
    const again = new RunningExecution(this.#settings, execution, lease, checkpoints, this.#watch);
    return this.#attend(again, body);
  }

  async #find(id: string): Promise<WorkflowExecution> {
    const found = await this.#settings.store.loadExecution(id);
    if (found !== null) return found;
    throw new FlowError("NOT_FOUND", `There is no execution ${id}`, {
      context: { kind: "execution", id },
    });
  }

  async #bodyOf({ workflowId }: WorkflowExecution): Promise<WorkflowBody> {
    const definition = await this.#settings.store.loadWorkflow(workflowId);
    const type = definition?.workflowType ?? workflowId;
    const { workflows } = this.#settings;
    const body = Object.hasOwn(workflows, type) ? workflows[type] : undefined;
    if (body === undefined) throw unknownType(type);
    return body;
  }

  async #claimIfFree(id: string): Promise<ExecutionLease | null> {
    try {
      return await this.#claim(id);
    } catch (error) {
      // Held, finished or deleted meanwhile.
      if (isFlowError(error, "CONFLICT") || isFlowError(error, "NOT_FOUND")) return null;
      throw error;
    }
  }

  async #claim(id: string): Promise<ExecutionLease> {
    const { owner, leaseMs, store } = this.#settings;
    return store.claimExecution(id, { owner, leaseMs });
  }

  #refuseDisposed(): void {
    if (this.#isDisposed)
      throw new FlowError("CLOSED", "Cannot use the engine: it was disposed of");
  }
}

/** Long enough for any, and the end stays a date that a text can name. */
const LONGEST_TTL_MS = 1000 * 365 * 24 * 3_600_000;

/** @throws FlowError `BAD_REQUEST`. */
function requireTtl(ttlMs: unknown): void {
  if (typeof ttlMs === "number" && ttlMs >= 0 && ttlMs <= LONGEST_TTL_MS) return;
  const why = `must be a number of ms from 0 to ${LONGEST_TTL_MS}`;
  throw badField("Cannot run the workflow", "ttlMs", why);
}
