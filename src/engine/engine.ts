/** The engine: runs bodies so that a crash at any moment loses no finished step. */

import { AsyncLocalStorage } from "node:async_hooks";

import { FlowError, isFlowError } from "../errors.ts";
import { requireNames } from "../model/given.ts";
import { requireIdentifier } from "../model/workflow-decisions.ts";
import { rowsToRunAgain } from "../model/workflow-steps.ts";
import type { ExecutionStatus, WorkflowExecution, WorkflowSignal } from "../model/workflows.ts";
import type { ExecutionLease } from "../stores/workflow-leases.ts";
import { CommitWatch } from "./commit-watch.ts";
import { CANCELLED_MESSAGE } from "./compensation.ts";
import { settingsOf } from "./defaults.ts";
import type { RunningExecution, Shared } from "./execution.ts";
import { jsonOrNone } from "./json.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type {
  DurableEngineOptions,
  RecoveryReport,
  RunOptions,
  RunResult,
  Settings,
  WorkflowBody,
} from "./options.ts";
import { otherType, outcomeOf, unknownType } from "./outcomes.ts";
import { IN_TRANSACTION } from "./stopped.ts";
import { runToItsEnd, type Claimed } from "./run-body.ts";
import { requireTtl, ttlFrom, ttlOf } from "./time-to-live.ts";

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
  readonly #shared: Shared;
  /** Calls under way, which may begin to run something. */
  readonly #calls = new Set<Promise<unknown>>();
  readonly #running = new Map<string, Running>();
  #isDisposed = false;

  constructor(options: DurableEngineOptions) {
    const settings = settingsOf(options, () => Date.now());
    this.#settings = settings;
    this.#shared = {
      settings,
      watch: new CommitWatch(settings.store, settings.pollMs),
      keeper: new LeaseKeeper(settings),
      acting: new AsyncLocalStorage(),
    };
  }

  /**
   * Begins an execution and runs it to its end. With the id of one that is there, that one is
   * resumed; a finished one gives its result.
   *
   * @throws what the body threw; FlowError `ABORTED` when it was cancelled or this engine disposed
   * of; `CONFLICT` while another engine runs it; `TIMEOUT` past `ttlMs`; `BAD_REQUEST`.
   */
  async run(type: string, options: RunOptions = {}): Promise<RunResult> {
    this.#refuseToRun();
    return this.#during(this.#run(type, options));
  }

  async #run(type: string, options: RunOptions): Promise<RunResult> {
    const doing = "Cannot run the workflow";
    requireNames(doing, options, ["input", "executionId", "ttlMs", "guarantee"]);
    requireIdentifier(doing, "type", type);
    if (!Object.hasOwn(this.#settings.workflows, type)) throw unknownType(type);
    const id = options.executionId ?? this.#settings.newId();
    requireIdentifier(doing, "executionId", id);
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
    return created ? this.#runNew(id) : this.#resume(id);
  }

  /** Another engine's `recover` may take it before this one does: then that one's result counts. */
  async #runNew(id: string): Promise<RunResult> {
    const { sleep, pollMs } = this.#settings;
    for (;;) {
      const execution = await this.#find(id);
      if (!LIVING.includes(execution.status)) return outcomeOf(execution);
      const body = await this.#bodyOf(execution);
      const lease = await this.#claimIfFree(id);
      if (lease !== null) return this.#drive(id, body, lease);
      await sleep(pollMs, NEVER);
      this.#refuseDisposed();
    }
  }

  /** Runs an execution on from where it is. The same errors as {@link run}; `NOT_FOUND`. */
  async resume(executionId: string): Promise<RunResult> {
    this.#refuseToRun();
    return this.#during(this.#resume(executionId));
  }

  async #resume(executionId: string): Promise<RunResult> {
    if (this.#running.has(executionId))
      throw new FlowError("CONFLICT", `Cannot resume ${executionId}: this engine runs it already`);
    const execution = await this.#find(executionId);
    if (!LIVING.includes(execution.status)) return outcomeOf(execution);
    const body = await this.#bodyOf(execution);
    const lease = await this.#claim(executionId);
    return this.#drive(executionId, body, lease);
  }

  /**
   * Ends an execution, wherever it runs: no further step begins. One that has steps to take back, or
   * is amid one that can be, is `COMPENSATING` first; whoever runs it, or recovers it, takes them back.
   *
   * @returns the execution; a finished one as it is.
   * @throws FlowError `NOT_FOUND`.
   */
  async cancel(executionId: string): Promise<WorkflowExecution> {
    const { store } = this.#settings;
    for (;;) {
      const execution = await this.#find(executionId);
      const { status } = execution;
      if (!LIVING.includes(status) || status === "COMPENSATING") return execution;
      const patch = { errorMessage: CANCELLED_MESSAGE };
      try {
        const change = { from: status, cancels: true, patch, endWaits: true };
        const done = await store.advance(executionId, change);
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
    const ttlMs = ttlOf(execution);
    const done = await store.advance(executionId, {
      reopens: true,
      to: "PENDING",
      checkpoints: rowsToRunAgain(execution, checkpoints),
      patch: { errorMessage: null, ...ttlFrom(clock(), ttlMs) },
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
   * them: one that sleeps holds up no other, nor does one that is damaged.
   */
  async recover(): Promise<RecoveryReport> {
    this.#refuseToRun();
    return this.#during(this.#recoverAll());
  }

  async #recoverAll(): Promise<RecoveryReport> {
    const report: RecoveryReport = { resumed: [], expired: [], failed: [], held: [], damaged: [] };
    const found = await this.#settings.store.loadExecutionsByStatus(LIVING);
    for (let from = 0; from < found.length && !this.#isDisposed; from += CLAIMS_AT_ONCE) {
      const some = found.slice(from, from + CLAIMS_AT_ONCE);
      // Claims made at the same time share the wait for the disk.
      const kinds = await Promise.all(some.map(async (one) => this.#recoverUsable(one)));
      for (const [at, kind] of kinds.entries())
        report[kind].push(some[at]?.workflowExecutionId ?? "");
    }
    return report;
  }

  /** One that is damaged holds up no other. */
  async #recoverUsable(execution: WorkflowExecution): Promise<keyof RecoveryReport> {
    try {
      return await this.#recoverOne(execution);
    } catch (error) {
      if (!isFlowError(error, "CORRUPT")) throw error;
      this.#told(execution.workflowExecutionId, error);
      return "damaged";
    }
  }

  async #recoverOne(execution: WorkflowExecution): Promise<keyof RecoveryReport> {
    const id = execution.workflowExecutionId;
    if (this.#running.has(id)) return "held";
    const { store, workflows, clock, maxClaims } = this.#settings;
    const definition = await store.loadWorkflow(execution.workflowId);
    const type = definition?.workflowType ?? execution.workflowId;
    const lease = await this.#claimIfFree(id);
    if (lease === null) return "held";
    const { ttlExpiresAt, status } = execution;
    const isOver = ttlExpiresAt !== null && Date.parse(ttlExpiresAt) <= clock();
    const body = Object.hasOwn(workflows, type) ? workflows[type] : undefined;
    if (body === undefined) return this.#giveUp(lease, unknownType(type).message);
    if (lease.claims > maxClaims)
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

  /**
   * Stops what runs, gives its leases back, and refuses later calls. Actions under way are waited
   * for, and what they did is recorded; nothing new begins. Safe to repeat.
   */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    for (const { run } of this.#running.values()) run?.stop("disposed");
    // What they begin from now on is stopped at once.
    await Promise.allSettled(this.#calls);
    await this.idle();
    this.#shared.acting.disable();
  }

  async #during<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** The executions that this engine runs now have ended when this is fulfilled. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ end }) => end));
  }

  /** Known as running from now on, so that nobody waits for it in vain. */
  async #drive(id: string, body: WorkflowBody, lease: Claimed): Promise<RunResult> {
    const end = this.#toItsEnd(id, body, lease);
    this.#running.set(id, { run: null, end });
    return end;
  }

  async #toItsEnd(id: string, body: WorkflowBody, lease: Claimed): Promise<RunResult> {
    const known = (run: RunningExecution): void => {
      const running = this.#running.get(id);
      if (running !== undefined) running.run = run;
      if (this.#isDisposed) run.stop("disposed");
    };
    try {
      return await runToItsEnd(this.#shared, id, body, lease, known);
    } finally {
      this.#running.delete(id);
      await this.#release(lease);
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

  async #claimIfFree(id: string): Promise<Claimed | null> {
    try {
      return await this.#claim(id);
    } catch (error) {
      // Held, finished or deleted meanwhile.
      if (isFlowError(error, "CONFLICT") || isFlowError(error, "NOT_FOUND")) return null;
      throw error;
    }
  }

  async #claim(id: string): Promise<Claimed> {
    const { owner, leaseMs, store, clock } = this.#settings;
    const heldUntilMs = clock() + leaseMs;
    return { ...(await store.claimExecution(id, { owner, leaseMs })), heldUntilMs };
  }

  #refuseToRun(): void {
    this.#refuseDisposed();
    if (this.#settings.store.isInTransaction)
      throw new FlowError("BAD_REQUEST", `Cannot run workflows ${IN_TRANSACTION}`);
  }

  #refuseDisposed(): void {
    if (this.#isDisposed)
      throw new FlowError("CLOSED", "Cannot use the engine: it was disposed of");
  }
}
