/** Guarded changes of executions: each is decided and written in one commit. */

import { FlowError } from "../errors.ts";
import { badField, requireInput, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import { changed, requirePatch, type Change } from "../model/workflow-decisions.ts";
import { instantMs } from "../model/workflow-times.ts";
import {
  checkpointOf,
  isTerminal,
  timerOf,
  type GivenCheckpoint,
  type GivenTimer,
  type StepCheckpoint,
  type Workflow,
  type WorkflowExecution,
  type WorkflowSignal,
  type WorkflowTimer,
} from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { inOrderOfSignals } from "./workflow-orders.ts";
import type { StoredLease } from "./workflow-records.ts";

/** Ids are numbered under these names, in this clone alone. */
const CHECKPOINT_KIND = "local:workflow-checkpoint";
const SIGNAL_KIND = "local:workflow-signal";
const LEASE_KIND = "local:workflow-lease";

/** The right to run an execution, for a time. */
export interface ExecutionLease extends StoredLease {
  readonly workflowExecutionId: string;
}

/** How one claims. */
export interface ClaimExecutionOptions {
  /** A name of one's own among all that run executions. */
  readonly owner: string;
  /** In ms. Default 30,000. */
  readonly leaseMs?: number | undefined;
}

/** What changes with an execution, all in one commit. */
export interface AdvanceInput extends Change {
  /** Of the lease under which one acts: another one's since makes it `LOCK_LOST`. */
  readonly token?: number | undefined;
  readonly checkpoints?: readonly GivenCheckpoint[] | undefined;
  readonly timers?: readonly GivenTimer[] | undefined;
  /** Delivers the oldest signal of that name that waits, with its payload as the step's output. */
  readonly consume?:
    | { readonly signalName: string; readonly checkpoint: GivenCheckpoint }
    | undefined;
  /** Timers that wait become `CANCELLED`, signals `EXPIRED`. */
  readonly endWaits?: boolean | undefined;
}

/** What a guarded change came to. */
export interface Advanced {
  readonly execution: WorkflowExecution;
  readonly checkpoints: readonly StepCheckpoint[];
  /** That was consumed; `null` with `consume` when none waits: then nothing was changed. */
  readonly signal: WorkflowSignal | null;
}

const DEFAULT_LEASE_MS = 30_000;
const LONGEST_LEASE_MS = 24 * 60 * 60 * 1000;

/** Decides and writes changes within one commit. */
export class WorkflowChanges {
  readonly #context: StoreContext;
  readonly files: WorkflowFiles;
  readonly checksReferences: boolean;

  constructor(context: StoreContext, files: WorkflowFiles, checksReferences: boolean) {
    this.#context = context;
    this.files = files;
    this.checksReferences = checksReferences;
  }

  get #now(): string {
    return toIso(this.#context.nowMs());
  }

  /** @throws FlowError `NOT_FOUND`. */
  find(view: Reading | Writing, id: string): WorkflowExecution {
    const found = this.files.execution(view, id);
    if (found !== null) return found;
    throw noSuch("execution", id);
  }

  /** @throws FlowError `NOT_FOUND` where references are checked. */
  requireExecution(write: Writing, id: string): void {
    if (this.checksReferences) this.find(write, id);
  }

  saveExecution(write: Writing, execution: WorkflowExecution): WorkflowExecution {
    const { workflowId } = execution;
    if (this.checksReferences && this.files.definition(write, workflowId) === null)
      throw noSuch("workflow", workflowId);
    this.files.putExecution(write, execution);
    return { ...execution };
  }

  createIfAbsent(
    write: Writing,
    given: WorkflowExecution,
    definition: Workflow | null,
  ): { execution: WorkflowExecution; created: boolean } {
    const found = this.files.execution(write, given.workflowExecutionId);
    if (found !== null) return { execution: { ...found }, created: false };
    if (definition !== null && this.files.definition(write, definition.workflowId) === null)
      this.files.putDefinition(write, definition);
    return { execution: this.saveExecution(write, given), created: true };
  }

  saveCheckpoint(write: Writing, given: StepCheckpoint): StepCheckpoint {
    const id = given.workflowExecutionId;
    this.requireExecution(write, id);
    const checkpoint = { ...given, id: this.#nextId(write, CHECKPOINT_KIND, "checkpoint", 0) };
    this.files.addLine(write, id, { checkpoint });
    return { ...checkpoint };
  }

  saveTimer(write: Writing, timer: WorkflowTimer): WorkflowTimer {
    const { workflowExecutionId: id, workflowTimerId } = timer;
    this.requireExecution(write, id);
    if (!this.#stopWaiting(write, id, workflowTimerId)) {
      const holder = this.files.otherHolderOfTimer(write, workflowTimerId, id);
      if (holder !== null) this.#stopWaiting(write, holder, workflowTimerId);
    }
    if (timer.status !== "PENDING") this.files.addLine(write, id, { timer });
    else this.files.putWaitingTimers(write, id, [...this.files.waitingTimers(write, id), timer]);
    return { ...timer };
  }

  /** @returns whether it waited there. */
  #stopWaiting(write: Writing, id: string, timerId: string): boolean {
    const waiting = this.files.waitingTimers(write, id);
    const others = waiting.filter(({ workflowTimerId }) => workflowTimerId !== timerId);
    if (others.length === waiting.length) return false;
    this.files.putWaitingTimers(write, id, others);
    return true;
  }

  saveSignal(write: Writing, given: WorkflowSignal): WorkflowSignal {
    const id = given.workflowExecutionId;
    this.requireExecution(write, id);
    const number = given.workflowSignalId;
    // An id of the caller's own is never given to another signal either.
    const next = this.#nextId(write, SIGNAL_KIND, "signal", number === null ? 0 : number - 1);
    const signal = { ...given, workflowSignalId: number ?? next };
    const waiting = this.files.waitingSignals(write, id);
    const others = waiting.filter((one) => one.workflowSignalId !== signal.workflowSignalId);
    if (signal.status === "PENDING") this.files.putWaitingSignals(write, id, [...others, signal]);
    else {
      if (others.length < waiting.length) this.files.putWaitingSignals(write, id, others);
      this.files.addLine(write, id, { signal });
    }
    return { ...signal };
  }

  /** The journal knows the last id; where it is lost, the files do. */
  #nextId(write: Writing, kind: string, of: "checkpoint" | "signal", above: number): number {
    const told = write.hasIds(kind) ? 0 : this.files.highestIds(write)[of];
    return write.nextId(kind, Math.max(above, told));
  }

  // ---- guarded -------------------------------------------------------------------------------

  /** @throws FlowError `NOT_FOUND`, `CONFLICT`, `LOCK_LOST`, `BAD_REQUEST`. */
  advance(write: Writing, id: string, input: JudgedAdvance): Advanced {
    const before = this.find(write, id);
    if (input.token !== undefined) this.#requireLease(write, id, input.token);
    const after = changed(before, input, this.#now);
    if (input.reopens === true) this.#forgetClaims(write, id);
    const { consume } = input;
    const signal = consume === undefined ? null : this.#consume(write, id, consume);
    if (consume !== undefined && signal === null) {
      return { execution: { ...before }, checkpoints: [], signal: null };
    }
    const consumed =
      consume === undefined || signal === null
        ? []
        : [{ ...consume.checkpoint, outputData: signal.payload }];
    const checkpoints = [...input.checkpoints, ...consumed].map((row) =>
      this.saveCheckpoint(write, row),
    );
    for (const timer of input.timers) this.saveTimer(write, timer);
    if (input.endWaits === true) this.#endWaits(write, id);
    this.files.putExecution(write, after);
    return { execution: { ...after }, checkpoints, signal };
  }

  /** The oldest that waits; of any number of waiters exactly one gets it. */
  #consume(
    write: Writing,
    id: string,
    { signalName }: { signalName: string },
  ): WorkflowSignal | null {
    const [oldest] = inOrderOfSignals(
      this.files.waitingSignals(write, id).filter((one) => one.signalName === signalName),
    );
    if (oldest === undefined) return null;
    return this.saveSignal(write, { ...oldest, status: "DELIVERED" });
  }

  #endWaits(write: Writing, id: string): void {
    for (const timer of this.files.waitingTimers(write, id))
      this.saveTimer(write, { ...timer, status: "CANCELLED" });
    for (const signal of this.files.waitingSignals(write, id))
      this.saveSignal(write, { ...signal, status: "EXPIRED" });
  }

  // ---- leases --------------------------------------------------------------------------------

  /** @throws FlowError `NOT_FOUND`; `CONFLICT` when it is held or final. */
  claim(write: Writing, id: string, options: ClaimExecutionOptions): ExecutionLease {
    const { owner, leaseMs } = requireClaim(options);
    const { status } = this.find(write, id);
    if (isTerminal(status)) {
      throw new FlowError("CONFLICT", `Cannot claim execution ${id}: it is ${status}`, {
        context: { kind: "execution", id, status },
      });
    }
    const nowMs = this.#context.nowMs();
    const held = this.files.lease(write, id);
    if (held !== null && isLive(held, nowMs)) throw heldBy("claim", id, held);
    const token = write.nextId(LEASE_KIND, held?.token ?? 0);
    const claims = (held?.claims ?? 0) + 1;
    const lease = { owner, token, expiresAt: toIso(nowMs + leaseMs), claims };
    this.files.putLease(write, id, lease);
    return { workflowExecutionId: id, ...lease };
  }

  /** @throws FlowError `LOCK_LOST` when somebody else claimed it, or it is gone. */
  renew(write: Writing, id: string, token: number, leaseMs: number): ExecutionLease {
    const held = this.#requireLease(write, id, token);
    const lease = { ...held, expiresAt: toIso(this.#context.nowMs() + leaseMs) };
    this.files.putLease(write, id, lease);
    return { workflowExecutionId: id, ...lease };
  }

  /** Ends a lease; one that is another's by now stays. @returns whether it was ended. */
  release(write: Writing, id: string, token: number): boolean {
    const held = this.files.lease(write, id);
    if (held?.token !== token) return false;
    this.files.putLease(write, id, { ...held, expiresAt: toIso(0) });
    return true;
  }

  /** What runs again is claimed anew. @throws FlowError `CONFLICT` while somebody still runs it. */
  #forgetClaims(write: Writing, id: string): void {
    const held = this.files.lease(write, id);
    if (held === null) return;
    if (isLive(held, this.#context.nowMs())) throw heldBy("run", id, held);
    this.files.putLease(write, id, { ...held, claims: 0 });
  }

  #requireLease(write: Writing, id: string, token: number): StoredLease {
    const held = this.files.lease(write, id);
    if (held?.token === token && instantMs(held.expiresAt) > 0) return held;
    throw new FlowError("LOCK_LOST", `Cannot go on with execution ${id}: its lease is another's`, {
      context: { kind: "execution", id, token, holder: held?.owner ?? null },
      hint: "Nothing of this change was written; whoever holds the lease now goes on.",
    });
  }
}

/** Whether somebody may still act under a lease. */
export function isLive({ expiresAt }: StoredLease, nowMs: number): boolean {
  return instantMs(expiresAt) > nowMs;
}

/** A wait in ms that is one. @throws FlowError `BAD_REQUEST`. */
export function requireLeaseMs(leaseMs: unknown): number {
  if (typeof leaseMs === "number" && leaseMs >= 1 && leaseMs <= LONGEST_LEASE_MS) return leaseMs;
  const why = `must be 1 to ${LONGEST_LEASE_MS} ms, not ${shown(leaseMs)}`;
  throw badField("Cannot claim the execution", "leaseMs", why);
}

/** What a reference or an id leads to, and there is none. */
export function noSuch(kind: "execution" | "workflow", id: string): FlowError {
  return new FlowError("NOT_FOUND", `There is no ${kind} ${shown(id)}`, {
    context: { kind, id: id.slice(0, 300) },
  });
}

export function requireClaim(options: unknown): { owner: string; leaseMs: number } {
  const doing = "Cannot claim the execution";
  const { owner, leaseMs = DEFAULT_LEASE_MS } = requireInput(doing, options);
  return { owner: requireText(doing, "owner", owner), leaseMs: requireLeaseMs(leaseMs) };
}

function heldBy(doing: "claim" | "run", id: string, { owner, expiresAt }: StoredLease): FlowError {
  return new FlowError(
    "CONFLICT",
    `Cannot ${doing} execution ${id}: ${owner} holds it until ${expiresAt}`,
    { context: { kind: "execution", id, holder: owner, expiresAt } },
  );
}

/** What {@link AdvanceInput} gives, judged: its records belong to the execution. */
export interface JudgedAdvance extends Change {
  readonly token: number | undefined;
  readonly checkpoints: readonly StepCheckpoint[];
  readonly timers: readonly WorkflowTimer[];
  readonly consume:
    | { readonly signalName: string; readonly checkpoint: StepCheckpoint }
    | undefined;
  readonly endWaits: boolean | undefined;
  /** All that it may write. */
  readonly texts: readonly unknown[];
}

/** @throws FlowError `BAD_REQUEST`. */
export function judgedAdvance(id: string, input: AdvanceInput): JudgedAdvance {
  const { from, to, patch, token, endWaits, reopens, consume } = input;
  const own = { workflowExecutionId: id };
  const checkpoints = listOf("checkpoints", input.checkpoints).map((row) =>
    checkpointOf({ ...row, ...own }),
  );
  const timers = listOf("timers", input.timers).map((one) => timerOf({ ...one, ...own }));
  const given = consume === undefined ? undefined : requireInput(DOING, consume);
  const judged =
    given === undefined
      ? undefined
      : {
          signalName: requireText(DOING, "consume.signalName", given["signalName"]),
          checkpoint: checkpointOf({ ...(given["checkpoint"] as object), ...own }),
        };
  const patched = requirePatch(patch);
  const texts = [patched, checkpoints, timers, judged];
  const rest = { token, endWaits, patch: patched, checkpoints, timers, consume: judged, texts };
  return { from, to, reopens, ...rest };
}

const DOING = "Cannot change the execution";

/** @throws FlowError `BAD_REQUEST` where it is not said from which status, or into which. */
export function requireTransition({ from, to }: Pick<AdvanceInput, "from" | "to">): void {
  if (from === undefined) throw badField(DOING, "from", "is missing");
  if (to === undefined) throw badField(DOING, "to", "is missing");
}

function listOf<T>(field: string, list: readonly T[] | undefined): readonly T[] {
  if (list === undefined) return [];
  if (Array.isArray(list)) return list as readonly T[];
  throw badField(DOING, field, "must be a list");
}
