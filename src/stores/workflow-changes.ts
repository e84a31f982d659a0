/** Guarded changes of executions: each is decided and written in one commit. */

import { badField, requireInput, requireText } from "../model/given.ts";
import { toIso } from "../model/time.ts";
import { changed, requirePatch, type Change } from "../model/workflow-decisions.ts";
import { mayTakeBack } from "../model/workflow-steps.ts";
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
import { requireNote, type StoreContext } from "./context.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { inOrderOfSignals } from "./workflow-orders.ts";
import { noSuch } from "./workflow-errors.ts";
import { LEASE_NAMES, WorkflowLeases } from "./workflow-leases.ts";

/** Ids are numbered under these names, in this clone alone. */
const CHECKPOINT_KIND = "local:workflow-checkpoint";
const SIGNAL_KIND = "local:workflow-signal";
/** Behind an id of a caller's own as many are left for those that the store gives. */
const LAST_OF_CALLERS = 2 ** 52;

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
  /** In place of `to`: `COMPENSATING` where steps are to be taken back, else `CANCELLED`. */
  readonly cancels?: boolean | undefined;
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

/** Decides and writes changes within one commit. */
export class WorkflowChanges {
  readonly #context: StoreContext;
  readonly files: WorkflowFiles;
  readonly leases: WorkflowLeases;
  readonly checksReferences: boolean;

  constructor(context: StoreContext, files: WorkflowFiles, checksReferences: boolean) {
    this.#context = context;
    this.files = files;
    this.leases = new WorkflowLeases(context, files);
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
    if (number === next && number > LAST_OF_CALLERS)
      throw badField("Cannot save the signal", "workflowSignalId", "is too large");
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
    const lease = input.token === undefined ? null : this.leases.require(write, id, input.token);
    const to = input.cancels === true ? this.#endOf(write, id) : input.to;
    const after = changed(before, { ...input, to }, this.#now);
    if (input.reopens === true) {
      this.leases.forgetClaims(write, id);
      this.#reviveSignals(write, id);
    }
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
    // What is over is nobody's, and what got further was worth its claim.
    if (lease !== null && isTerminal(after.status)) this.leases.end(write, id, lease);
    else if (lease !== null && checkpoints.some((row) => row.status === "COMPLETED"))
      this.leases.progressed(write, id, lease);
    return { execution: { ...after }, checkpoints, signal };
  }

  /** Decided within the commit: a step that ends meanwhile is not overlooked. */
  #endOf(write: Writing, id: string): "CANCELLED" | "COMPENSATING" {
    const isRun = this.leases.isHeld(write, id);
    return mayTakeBack(this.files.checkpoints(write, id), isRun) ? "COMPENSATING" : "CANCELLED";
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

  /** What was sent and never taken is taken by the run that begins anew. */
  #reviveSignals(write: Writing, id: string): void {
    for (const signal of this.files.all(write, id).signals)
      if (signal.status === "EXPIRED") this.saveSignal(write, { ...signal, status: "PENDING" });
  }

  #endWaits(write: Writing, id: string): void {
    for (const timer of this.files.waitingTimers(write, id))
      this.saveTimer(write, { ...timer, status: "CANCELLED" });
    for (const signal of this.files.waitingSignals(write, id))
      this.saveSignal(write, { ...signal, status: "EXPIRED" });
  }
}

/** What {@link AdvanceInput} gives, judged: its records belong to the execution. */
export interface JudgedAdvance extends Change {
  readonly token: number | undefined;
  readonly checkpoints: readonly StepCheckpoint[];
  readonly timers: readonly WorkflowTimer[];
  readonly consume:
    | { readonly signalName: string; readonly checkpoint: StepCheckpoint }
    | undefined;
  readonly cancels: boolean | undefined;
  readonly endWaits: boolean | undefined;
  /** All that it may write. */
  readonly texts: readonly unknown[];
}

/** @throws FlowError `BAD_REQUEST`. */
export function judgedAdvance(id: string, input: AdvanceInput): JudgedAdvance {
  const { from, to, patch, token, endWaits, reopens, cancels, consume } = requireNote(
    input,
    ADVANCE_NAMES,
    "input",
  );
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
  return { from, to, reopens, cancels, ...rest };
}

const DOING = "Cannot change the execution";
const ADVANCE_NAMES = {
  ...LEASE_NAMES,
  from: true,
  to: true,
  patch: true,
  endWaits: true,
  reopens: true,
  cancels: true,
  consume: true,
  checkpoints: true,
  timers: true,
} as const;

/** @throws FlowError `BAD_REQUEST` where it is not said from which status, or into which. */
export function requireTransition(
  input: Pick<AdvanceInput, "from" | "to" | "patch" | "token">,
): void {
  const { from, to } = requireNote(
    input,
    { ...LEASE_NAMES, from: true, to: true, patch: true },
    "input",
  );
  if (from === undefined) throw badField(DOING, "from", "is missing");
  if (to === undefined) throw badField(DOING, "to", "is missing");
}

function listOf<T>(field: string, list: readonly T[] | undefined): readonly T[] {
  if (list === undefined) return [];
  if (Array.isArray(list)) return list as readonly T[];
  throw badField(DOING, field, "must be a list");
}
