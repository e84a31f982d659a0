/** One execution while this engine runs it: its lease, its history, and the writes under that lease. */

import type { AsyncLocalStorage } from "node:async_hooks";

import { FlowError, isFlowError } from "../errors.ts";
import type { ExecutionStatus, StepCheckpoint, WorkflowExecution } from "../model/workflows.ts";
import type { Advanced, AdvanceInput } from "../stores/workflow-changes.ts";
import type { ExecutionLease } from "../stores/workflow-leases.ts";
import type { CommitWatch } from "./commit-watch.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { Settings } from "./options.ts";
import { BodyStopped, type StopReason } from "./stopped.ts";

/** What compensates a step, by its index. */
export interface Compensation {
  readonly stepName: string;
  /** The one that completed the step. */
  readonly attempt: number;
  readonly undo: () => unknown;
}

/** What the executions that an engine runs share. */
export interface Shared {
  readonly settings: Settings;
  readonly watch: CommitWatch;
  readonly keeper: LeaseKeeper;
  /** The execution in whose action, or compensation, one is. */
  readonly acting: AsyncLocalStorage<RunningExecution>;
}

/** The machine's clock goes on while the machine sleeps, and a timer does not: look at it again. */
const LONGEST_SLEEP_MS = 60_000;
const FINAL: readonly string[] = ["COMPLETED", "FAILED", "CANCELLED"];
const NEVER = new AbortController().signal;
/** In which a body begins something, or comes to its end. */
const IN_BODY: readonly ExecutionStatus[] = ["PENDING", "RUNNING", "SUSPENDED"];
/** Why nothing new begins, though what was done meanwhile is recorded. */
const ENDINGS: readonly (StopReason | null)[] = [null, "cancelled", "disposed"];

export class RunningExecution {
  readonly id: string;
  readonly shared: Shared;
  readonly settings: Settings;
  readonly lease: ExecutionLease;
  readonly rows: readonly StepCheckpoint[];
  readonly compensations = new Map<number, Compensation>();
  /** A replay that only finds out how to compensate: nothing new is done. */
  readonly onlyReplays: boolean;
  /** Attempts under way, and whether what they do can be taken back. */
  readonly #attempts = new Map<Promise<unknown>, boolean>();
  /** Why nothing more is recorded. */
  #stopped: StopReason | null = null;
  #isBodyOver = false;
  #isEnding = false;
  /** By this engine's clock: until then nobody else can have taken the lease. */
  #heldUntilMs: number;
  /** Wakes what waits in this process. */
  #wake = new AbortController();
  #wakes = 0;
  readonly #leaveKeeper: () => void;
  /** Ends being told of what other processes do; `null` before the first wait. */
  #leaveWatch: (() => void) | null = null;
  execution: WorkflowExecution;
  /** How many sleeps and waits are open: with one it is SUSPENDED. */
  #waits = 0;

  /** @param heldUntilMs by this engine's clock, before which the lease is nobody else's */
  constructor(
    shared: Shared,
    execution: WorkflowExecution,
    lease: ExecutionLease,
    rows: readonly StepCheckpoint[],
    heldUntilMs: number,
  ) {
    this.id = execution.workflowExecutionId;
    this.shared = shared;
    this.settings = shared.settings;
    this.execution = execution;
    this.lease = lease;
    this.rows = rows;
    this.#heldUntilMs = heldUntilMs;
    this.onlyReplays = execution.status === "COMPENSATING";
    this.#leaveKeeper = shared.keeper.join(this);
  }

  get now(): string {
    return new Date(this.settings.clock()).toISOString();
  }

  /** Whether nothing more is recorded, and why. */
  get stopped(): StopReason | null {
    return this.#stopped;
  }

  /** Whether its last change is being recorded: with that its lease ends. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  get heldUntilMs(): number {
    return this.#heldUntilMs;
  }

  /** How often it was woken: taken before a look, it tells {@link pause} what the look missed. */
  get wakes(): number {
    return this.#wakes;
  }

  /** Ends it here: it goes on elsewhere, or is over. */
  stop(why: StopReason): void {
    this.#stopped ??= why;
    this.wake();
  }

  /** The body has come to its end: no branch of it begins anything more, and none waits on. */
  endBody(): void {
    this.#isBodyOver = true;
    this.wake();
  }

  /** Lets what waits look again. */
  wake(): void {
    const before = this.#wake;
    this.#wake = new AbortController();
    this.#wakes += 1;
    before.abort();
  }

  /** @throws BodyStopped. */
  refuseStopped(): void {
    if (this.#stopped !== null) throw new BodyStopped(this.id, this.#stopped);
    if (this.#isBodyOver) throw new BodyStopped(this.id, "over");
  }

  /** @throws FlowError `TIMEOUT` past its time to live. */
  refuseExpired(): void {
    const { ttlExpiresAt } = this.execution;
    if (this.onlyReplays || ttlExpiresAt === null) return;
    if (Date.parse(ttlExpiresAt) <= this.settings.clock()) throw expired(this.id);
  }

  // ---- recording -----------------------------------------------------------------------------

  /**
   * Records what the body begins or waits for, under the lease. What comes too late is not
   * recorded: it was cancelled, or somebody else runs it.
   *
   * @throws BodyStopped.
   */
  async record(change: AdvanceInput): Promise<Advanced> {
    this.refuseStopped();
    return this.#orTold(this.#advance({ from: IN_BODY, ...change }));
  }

  /**
   * The same for what an attempt came to: it is done, also where an end came meanwhile. So what
   * keeps it from being recorded is waited for, as long as the lease lasts.
   */
  async recordResult(change: AdvanceInput): Promise<Advanced> {
    const { clock, pollMs, sleep } = this.settings;
    for (;;) {
      if (!ENDINGS.includes(this.#stopped)) this.refuseStopped();
      try {
        return await this.#advance({ from: [...IN_BODY, "COMPENSATING"], ...change });
      } catch (error) {
        const isPassing = isFlowError(error) && error.retryable;
        if (!isPassing || clock() >= this.#heldUntilMs) throw this.#told(error);
        await sleep(pollMs, NEVER);
      }
    }
  }

  /** The same for what follows from the end of the body. */
  async recordEnd(change: AdvanceInput): Promise<Advanced> {
    if (this.#stopped !== null) this.refuseStopped();
    this.#isEnding = FINAL.includes(change.to ?? "");
    const from = this.onlyReplays ? ("COMPENSATING" as const) : IN_BODY;
    return this.#orTold(this.#advance({ from, ...change }));
  }

  async #advance(change: AdvanceInput): Promise<Advanced> {
    const { token } = this.lease;
    const done = await this.settings.store.advance(this.id, { ...change, token });
    this.execution = done.execution;
    return done;
  }

  async #orTold(advanced: Promise<Advanced>): Promise<Advanced> {
    try {
      return await advanced;
    } catch (error) {
      // Whatever it is: what it means for the execution is seen, and it goes on.
      throw this.#told(error);
    }
  }

  /** What a change was refused with, as the body is told of it. */
  #told(error: unknown): unknown {
    this.#isEnding = false;
    if (isFlowError(error, "LOCK_LOST") || isFlowError(error, "NOT_FOUND")) this.stop("lease-lost");
    else if (isFlowError(error, "CONFLICT")) this.stop("cancelled");
    // A refused input is the body's own fault; what else fails is not, and it can be run again.
    else if (!isFlowError(error, "BAD_REQUEST")) this.stop("store-failed");
    return this.#stopped === null ? error : new BodyStopped(this.id, this.#stopped, error);
  }

  /** Reads for the body. What cannot be read is not the body's fault. @throws BodyStopped. */
  async look<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isFlowError(error)) throw error;
      this.stop("store-failed");
      throw new BodyStopped(this.id, "store-failed", error);
    }
  }

  // ---- attempts ------------------------------------------------------------------------------

  /** Runs an action, or what takes one back: inside of it, the body's own calls are refused. */
  async act<T>(action: () => T | Promise<T>): Promise<T> {
    return this.shared.acting.run(this, action);
  }

  /**
   * Before an action. A process that was stopped for longer than its lease asks for it first: what
   * somebody else has taken since is not begun here any more.
   *
   * @throws BodyStopped.
   */
  async holdLease(): Promise<void> {
    const { store, clock, leaseMs } = this.settings;
    if (clock() < this.#heldUntilMs) return;
    const untilMs = clock() + leaseMs;
    const [renewed] = await this.look(() => store.renewClaims([this.lease], leaseMs));
    if (renewed === undefined) this.stop("lease-lost");
    if (this.#stopped !== null) throw new BodyStopped(this.id, this.#stopped);
    this.renewed(untilMs);
  }

  /** The lease was renewed. */
  renewed(heldUntilMs: number): void {
    this.#heldUntilMs = heldUntilMs;
  }

  /** Knows of an attempt until it is over and recorded. */
  async attempt<T>(attempt: Promise<T>, canBeTakenBack: boolean): Promise<T> {
    this.#attempts.set(attempt, canBeTakenBack);
    try {
      return await attempt;
    } finally {
      this.#attempts.delete(attempt);
    }
  }

  /** Until no attempt is under way that is to be taken back; or none at all that is to be kept. */
  async settled(): Promise<void> {
    for (;;) {
      const isMeant = this.#stopped === "disposed" ? () => true : Boolean;
      const open = [...this.#attempts].flatMap(([one, can]) => (isMeant(can) ? [one] : []));
      if (open.length === 0 || !ENDINGS.includes(this.#stopped)) return;
      await Promise.allSettled(open);
    }
  }

  // ---- waits ---------------------------------------------------------------------------------

  /** The status that fits how many sleeps and waits are open after this one. */
  statusAfter(opened: 1 | -1): "RUNNING" | "SUSPENDED" {
    this.#waits += opened;
    return this.#waits > 0 ? "SUSPENDED" : "RUNNING";
  }

  /**
   * Waits until `untilMs`, a wake since, or the end.
   *
   * @param since {@link wakes} before the look that found nothing
   * @throws BodyStopped when it was cancelled or stopped meanwhile; FlowError `TIMEOUT` past its time.
   */
  async pause(untilMs: number, since: number): Promise<void> {
    this.refuseStopped();
    this.#leaveWatch ??= this.shared.watch.join(() => this.wake());
    const { sleep, clock, store } = this.settings;
    const { ttlExpiresAt } = this.execution;
    const endMs = ttlExpiresAt === null ? Infinity : Date.parse(ttlExpiresAt);
    const leftMs = Math.min(untilMs, endMs) - clock();
    if (this.#wakes === since) await sleep(clamped(leftMs), this.#wake.signal);
    this.refuseStopped();
    const now = await this.look(() => store.loadExecution(this.id));
    this.refuseStopped();
    if (now === null) this.stop("lease-lost");
    else if (FINAL.includes(now.status) || now.status === "COMPENSATING") this.stop("cancelled");
    this.refuseStopped();
    this.refuseExpired();
  }

  /** It is over here: what it left running is not recorded, and the lease is renewed no more. */
  end(): void {
    this.#stopped ??= "over";
    this.#leaveWatch?.();
    this.#leaveKeeper();
  }
}

function clamped(ms: number): number {
  return Math.max(0, Math.min(ms, LONGEST_SLEEP_MS));
}

/** What an execution fails with whose time is over. */
export function expired(id: string): FlowError {
  return new FlowError("TIMEOUT", `Workflow TTL expired: ${id} was not over in time`, {
    context: { kind: "execution", id },
  });
}
