/** Durable workflows: the checkpoint store, by the names of durable_workflow. */

import { FlowError } from "../errors.ts";
import { badField, requireText } from "../model/given.ts";
import {
  checkpointOf,
  copyOf,
  executionOf,
  requireStatuses,
  signalOf,
  timerOf,
  workflowOf,
  type ExecutionStatus,
  type GivenCheckpoint,
  type GivenExecution,
  type GivenSignal,
  type GivenTimer,
  type GivenWorkflow,
  type StepCheckpoint,
  type Workflow,
  type WorkflowExecution,
  type WorkflowSignal,
  type WorkflowTimer,
} from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { requireNote, requireOptions, type StoreContext } from "./context.ts";
import type { LogWatch } from "./log-watch.ts";
import {
  cutoffKey,
  dropOld,
  finishedBefore,
  FINAL_STATUSES,
  requireFinal,
  type FinalStatus,
} from "./workflow-cleanup.ts";
import { historyIn } from "./workflow-history.ts";
import { firstToFire, inOrderOfSignals, oldestFirst } from "./workflow-orders.ts";
import type { CreatedExecution, ExecutionHistory, TransitionInput } from "./workflow-results.ts";
import {
  judgedAdvance,
  requireTransition,
  WorkflowChanges,
  type Advanced,
  type AdvanceInput,
} from "./workflow-changes.ts";
import { requireExecutionId } from "./workflow-errors.ts";
import {
  LEASE_NAMES,
  requireHeld,
  requireLeaseMs,
  type ClaimExecutionOptions,
  type ExecutionLease,
  type HeldLease,
} from "./workflow-leases.ts";
import { folderFor, WorkflowFiles } from "./workflow-files.ts";
import { recordPage, type RecordPage, type RecordPageOptions } from "./workflow-log-pages.ts";
import { dropExecution, removeEmptyFolder } from "./workflow-removal.ts";
import { pageOf, type ExecutionPage, type ExecutionPageOptions } from "./workflow-pages.ts";
import { validated, type WorkflowSchemaReport } from "./workflow-schema.ts";
import { commits, watched, type WatchWorkflowOptions } from "./workflow-watch.ts";

/**
 * Records of durable workflows: definitions, executions, steps, timers and signals. They belong to
 * the machine that runs them and lie in `local/`. Each call is one commit.
 */
export class CheckpointStore {
  readonly #context: StoreContext;
  readonly #watch: LogWatch;
  readonly #files: WorkflowFiles;
  readonly #changes: WorkflowChanges;
  #isClosed = false;

  constructor(context: StoreContext, watch: LogWatch, checksReferences = true) {
    this.#context = context;
    this.#watch = watch;
    this.#files = new WorkflowFiles(context);
    this.#changes = new WorkflowChanges(context, this.#files, checksReferences);
  }

  /**
   * The same records without the check that what they refer to is there: for signals that are sent
   * before their execution begins.
   */
  withoutReferenceChecks(): CheckpointStore {
    return new CheckpointStore(this.#context, this.#watch, false);
  }

  /** Whether a call would be part of a transaction of the caller's. */
  get isInTransaction(): boolean {
    return this.#context.storage.isInTransaction;
  }

  /** Saves a definition in place of an earlier one. @throws FlowError `BAD_REQUEST`. */
  async saveWorkflow(workflow: GivenWorkflow): Promise<Workflow> {
    const given = workflowOf(workflow);
    return this.#commit([given], (write) => {
      this.#files.putDefinition(write, given);
      return { ...given };
    });
  }

  /** A definition; `null` when there is none. @throws FlowError `CORRUPT`. */
  async loadWorkflow(workflowId: string): Promise<Workflow | null> {
    requireText("Cannot look at the workflow", "workflowId", workflowId);
    return this.#read((view) => copyOf(this.#files.definition(view, workflowId)));
  }

  /**
   * Saves an execution whole, in place of one in any status; `transition` is the guarded way.
   * @throws FlowError `NOT_FOUND` when its definition is unknown; `BAD_REQUEST`.
   */
  async saveExecution(execution: GivenExecution): Promise<WorkflowExecution> {
    const given = executionOf(execution);
    return this.#commit([given], (write) => this.#changes.saveExecution(write, given));
  }

  /** An execution; `null` when there is none. @throws FlowError `CORRUPT`. */
  async loadExecution(workflowExecutionId: string): Promise<WorkflowExecution | null> {
    const id = requireExecutionId(workflowExecutionId);
    return this.#read((view) => copyOf(this.#files.execution(view, id)));
  }

  /**
   * Executions in any of these statuses, oldest first; of equal times in the order of their ids.
   * None for an empty list. A file that cannot be used is left out and reported.
   */
  async loadExecutionsByStatus(statuses: readonly ExecutionStatus[]): Promise<WorkflowExecution[]> {
    const wanted = requireStatuses("Cannot list executions", statuses);
    const found = await this.#read((view) => this.#files.inStatuses(view, wanted));
    return found.sort(oldestFirst).map((one) => ({ ...one }));
  }

  /** Executions in pages, with a cursor that stays good while others come and go. */
  async pageExecutions(options: ExecutionPageOptions = {}): Promise<ExecutionPage> {
    return this.#read((view) => pageOf(this.#files, view, options));
  }

  /** How many executions are in each status. */
  async countExecutions(): Promise<Record<ExecutionStatus, number>> {
    return this.#read((view) => this.#files.counts(view));
  }

  /** All that is known of an execution, as of one moment. @throws FlowError `NOT_FOUND`, `CORRUPT`. */
  async history(workflowExecutionId: string): Promise<ExecutionHistory> {
    const id = requireExecutionId(workflowExecutionId);
    return this.#read((view) => historyIn(this.#files, view, this.#changes.find(view, id)));
  }

  /**
   * What was recorded of an execution, save by save, in pages that cost what they hold; none for an
   * unknown one. @throws FlowError `CORRUPT`, `BAD_REQUEST`.
   */
  async pageRecords(
    workflowExecutionId: string,
    options: RecordPageOptions = {},
  ): Promise<RecordPage> {
    const folder = folderFor(requireExecutionId(workflowExecutionId));
    return this.#read((view) =>
      recordPage(this.#context.storage, this.#files, view, folder, options),
    );
  }

  /**
   * Saves what is known of an attempt, in place of what was; its id is given anew each time.
   * @throws FlowError `NOT_FOUND` when its execution is unknown; `BAD_REQUEST`.
   */
  async saveCheckpoint(checkpoint: GivenCheckpoint): Promise<StepCheckpoint> {
    const row = checkpointOf(checkpoint);
    return this.#commit([row], (write) => this.#changes.saveCheckpoint(write, row));
  }

  /** The same for many, all or none; none for an empty list. */
  async saveCheckpoints(checkpoints: readonly GivenCheckpoint[]): Promise<StepCheckpoint[]> {
    if (!Array.isArray(checkpoints))
      throw badField("Cannot save checkpoints", "checkpoints", "must be a list");
    const rows = checkpoints.map(checkpointOf);
    if (rows.length === 0) return [];
    return this.#commit(rows, (write) =>
      rows.map((row) => this.#changes.saveCheckpoint(write, row)),
    );
  }

  /** The steps of an execution, by index and attempt; none for an unknown one. */
  async loadCheckpoints(workflowExecutionId: string): Promise<StepCheckpoint[]> {
    const id = requireExecutionId(workflowExecutionId);
    return this.#read((view) => this.#files.checkpoints(view, id).map((row) => ({ ...row })));
  }

  /** Saves a timer in place of one of that id. @throws FlowError `NOT_FOUND`, `BAD_REQUEST`. */
  async saveTimer(timer: GivenTimer): Promise<WorkflowTimer> {
    const given = timerOf(timer);
    return this.#commit([given], (write) => this.#changes.saveTimer(write, given));
  }

  /** All timers that wait, past and future ones, by when they fire, then by id. */
  async loadPendingTimers(): Promise<WorkflowTimer[]> {
    const timers = await this.#read((view) => this.#files.pendingTimers(view));
    return timers.sort(firstToFire).map((one) => ({ ...one }));
  }

  /**
   * Saves a signal: without an id a new one, with one in place of it. @returns it, with its id.
   * @throws FlowError `NOT_FOUND` when its execution is unknown; `BAD_REQUEST`.
   */
  async saveSignal(signal: GivenSignal): Promise<WorkflowSignal> {
    const given = signalOf(signal);
    return this.#commit([given], (write) => this.#changes.saveSignal(write, given));
  }

  /** The signals of an execution that wait, oldest first, then by id; of one name where it is given. */
  async loadPendingSignals(
    workflowExecutionId: string,
    options: { readonly signalName?: string | undefined } = {},
  ): Promise<WorkflowSignal[]> {
    const id = requireExecutionId(workflowExecutionId);
    const { signalName } = requireOptions(options, { signalName: true });
    const waiting = await this.#read((view) => this.#files.waitingSignals(view, id));
    const named = waiting.filter((one) => [undefined, one.signalName].includes(signalName));
    return inOrderOfSignals(named).map((one) => ({ ...one }));
  }

  /**
   * Makes an execution, and its definition where one is given; one that is there is returned.
   * @throws FlowError `NOT_FOUND` when its definition is unknown and none is given; `BAD_REQUEST`.
   */
  async createIfAbsent(
    execution: GivenExecution,
    options: { readonly workflow?: GivenWorkflow | undefined } = {},
  ): Promise<CreatedExecution> {
    const given = executionOf(execution);
    const { workflow } = requireNote(options, { workflow: true });
    const definition = workflow === undefined ? null : workflowOf(workflow);
    return this.#commit([given, definition], (write) =>
      this.#changes.createIfAbsent(write, given, definition),
    );
  }

  /**
   * Moves an execution from one status into another. Of racing ones exactly one counts; `COMPLETED`,
   * `FAILED` and `CANCELLED` are final.
   * @throws FlowError `CONFLICT` with `context.status`, `LOCK_LOST`, `NOT_FOUND`, `BAD_REQUEST`.
   */
  async transition(
    workflowExecutionId: string,
    input: TransitionInput,
  ): Promise<WorkflowExecution> {
    requireTransition(input);
    return (await this.advance(workflowExecutionId, input)).execution;
  }

  /**
   * Changes an execution with its steps, timers and signals in one commit: a step is finished or
   * not, and never without its execution. Guarded as {@link transition}.
   *
   * @throws FlowError `CONFLICT`, `LOCK_LOST`, `NOT_FOUND`, `BAD_REQUEST`.
   */
  async advance(workflowExecutionId: string, input: AdvanceInput): Promise<Advanced> {
    const id = requireExecutionId(workflowExecutionId);
    const given = judgedAdvance(id, input);
    return this.#commit(given.texts, (write) => this.#changes.advance(write, id, given));
  }

  /**
   * Takes the right to run an execution. Of racing claims, in any number of processes, exactly one
   * wins; a lease that is over can be taken.
   *
   * @throws FlowError `CONFLICT` with `context.holder` while somebody holds it, oneself among
   * them, and when it is final; `NOT_FOUND`; `BAD_REQUEST`.
   */
  async claimExecution(
    workflowExecutionId: string,
    options: ClaimExecutionOptions,
  ): Promise<ExecutionLease> {
    const id = requireExecutionId(workflowExecutionId);
    return this.#commit([options], (write) => this.#changes.leases.claim(write, id, options));
  }

  /** Lets a lease last longer. @throws FlowError `LOCK_LOST` when it is another's by now. */
  async renewClaim(
    workflowExecutionId: string,
    options: { readonly token: number; readonly leaseMs: number },
  ): Promise<ExecutionLease> {
    const id = requireExecutionId(workflowExecutionId);
    const { token, leaseMs } = requireNote(options, { ...LEASE_NAMES, leaseMs: true });
    const length = requireLeaseMs(leaseMs);
    return this.#commit([], (write) => this.#changes.leases.renew(write, id, token, length));
  }

  /** The same for many, in one commit. @returns those that are still the caller's. */
  async renewClaims(leases: readonly HeldLease[], leaseMs: number): Promise<ExecutionLease[]> {
    const held = requireHeld(leases);
    const length = requireLeaseMs(leaseMs);
    if (held.length === 0) return [];
    return this.#commit([], (write) => this.#changes.leases.renewAll(write, held, length));
  }

  /** Gives a lease back; `false` when it is another's by now. */
  async releaseClaim(workflowExecutionId: string, token: number): Promise<boolean> {
    const id = requireExecutionId(workflowExecutionId);
    return this.#commit([], (write) => this.#changes.leases.release(write, id, token));
  }

  /** Deletes an execution with its steps, timers and signals; an unknown one is no error. */
  async deleteExecution(workflowExecutionId: string): Promise<void> {
    const id = requireExecutionId(workflowExecutionId);
    await this.#drop(() => [id]);
  }

  /** Deletes `COMPLETED` executions last changed before `cutoff`, in one commit. @returns how many. */
  async deleteCompletedBefore(cutoff: Date): Promise<number> {
    return this.deleteFinishedBefore(cutoff, ["COMPLETED"]);
  }

  /** The same for any of the final statuses. Default: all three. */
  async deleteFinishedBefore(
    cutoff: Date,
    statuses: readonly FinalStatus[] = FINAL_STATUSES,
  ): Promise<number> {
    const key = cutoffKey(cutoff);
    const wanted = requireFinal(statuses);
    return this.#drop((write) => finishedBefore(this.#files, write, wanted, key));
  }

  /** Deletes timers that fired or were cancelled, created before `cutoff`. @returns how many. */
  async deleteOldTimers(cutoff: Date): Promise<number> {
    const key = cutoffKey(cutoff);
    return this.#commit([], (write) => dropOld(this.#files, write, "timers", key));
  }

  /** Deletes signals that were delivered or expired, created before `cutoff`. @returns how many. */
  async deleteOldSignals(cutoff: Date): Promise<number> {
    const key = cutoffKey(cutoff);
    return this.#commit([], (write) => dropOld(this.#files, write, "signals", key));
  }

  /** Whether collections and indexes are whole. */
  async validateSchema(): Promise<WorkflowSchemaReport> {
    return this.#read((view) => validated(this.#context.storage, view));
  }

  /** An execution now, and again whenever it changed, by whatever process; `null` while unknown. */
  watchExecution(
    workflowExecutionId: string,
    options: WatchWorkflowOptions = {},
  ): AsyncIterableIterator<WorkflowExecution | null> {
    return watched(this.#context, () => this.loadExecution(workflowExecutionId), options);
  }

  /** What {@link loadExecutionsByStatus} returns now, and again whenever it changed. */
  watchExecutionsByStatus(
    statuses: readonly ExecutionStatus[],
    options: WatchWorkflowOptions = {},
  ): AsyncIterableIterator<WorkflowExecution[]> {
    return watched(this.#context, () => this.loadExecutionsByStatus(statuses), options);
  }

  /** What {@link loadCheckpoints} returns now, and again whenever it changed. */
  watchCheckpoints(
    workflowExecutionId: string,
    options: WatchWorkflowOptions = {},
  ): AsyncIterableIterator<StepCheckpoint[]> {
    return watched(this.#context, () => this.loadCheckpoints(workflowExecutionId), options);
  }

  /** A mark that changes with every commit of any process: at once, and whenever it is another. */
  watchCommits(options: { readonly signal: AbortSignal }): AsyncIterableIterator<string> {
    return commits(this.#context, this.#watch, requireOptions(options, { signal: true }).signal);
  }

  /** Ends this object's use: later calls of it are `CLOSED`. The store itself stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** @returns how many were there. */
  async #drop(decide: (write: Writing) => readonly string[]): Promise<number> {
    const dropped = await this.#commit([], (write) =>
      decide(write).filter((id) => dropExecution(this.#context, this.#files, write, id)),
    );
    for (const id of dropped) removeEmptyFolder(this.#context, id);
    return dropped.length;
  }

  async #read<T>(look: (view: Reading | Writing) => T): Promise<T> {
    this.#refuseClosed();
    return this.#context.storage.read(look);
  }

  async #commit<T>(texts: readonly unknown[], decide: (write: Writing) => T): Promise<T> {
    this.#refuseClosed();
    requireBearable(texts);
    return tooLarge(this.#context.storage.commit(decide));
  }

  #refuseClosed(): void {
    if (this.#isClosed)
      throw new FlowError("CLOSED", "Cannot use the checkpoint store: it is closed");
  }
}
