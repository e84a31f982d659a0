/** One execution while this engine runs it: its lease, its history, and the writes under that lease. */

import { FlowError, isFlowError } from "../errors.ts";
import type { StepCheckpoint, WorkflowExecution } from "../model/workflows.ts";
import type { Advanced, AdvanceInput, ExecutionLease } from "../stores/workflow-changes.ts";
import type { Settings } from "./options.ts";
import type { CommitWatch } from "./commit-watch.ts";
import { BodyStopped, type StopReason } from "./stopped.ts";

/** What compensates a step, by its index. */
export interface Compensation {
  readonly stepName: string;
  /** The one that completed the step. */
  readonly attempt: number;
  readonly undo: () => unknown;
}

/** The machine's clock goes on while the machine sleeps, and a timer does not: look at it again. */
const LONGEST_SLEEP_MS = 60_000;
const FINAL: readonly string[] = ["COMPLETED", "FAILED", "CANCELLED"];

export class RunningExecution {
  readonly id: string;
  readonly settings: Settings;
  readonly lease: ExecutionLease;
  readonly rows: readonly StepCheckpoint[];
  readonly compensations = new Map<number, Compensation>();
  /** A replay that only finds out how to compensate: nothing new is done. */
  readonly onlyReplays: boolean;
  readonly #watch: CommitWatch;
  /** Ends the renewing of the lease. */
  readonly #end = new AbortController();
  /** Why nothing more is recorded. */
  #stopped: StopReason | null = null;
  /** Wakes what waits in this process. */
  #wake = new AbortController();
  #wakes = 0;
  /** Ends being told of what other processes do; `null` before the first wait. */
  #leaveWatch: (() => void) | null = null;
  execution: WorkflowExecution;
  /** How many sleeps and waits are open: with one it is SUSPENDED. */
  #waits = 0;

  constructor(
    settings: Settings,
    execution: WorkflowExecution,
    lease: ExecutionLease,
    rows: readonly StepCheckpoint[],
    watch: CommitWatch,
  ) {
    this.id = execution.workflowExecutionId;
    this.settings = settings;
    this.execution = execution;
    this.lease = lease;
    this.rows = rows;
    this.#watch = watch;
    this.onlyReplays = execution.status === "COMPENSATING";
  }

  get now(): string {
    return new Date(this.settings.clock()).toISOString();
  }

  /** Whether nothing more is recorded, and why. */
  get stopped(): StopReason | null {
    return this.#stopped;
  }

  /** How often it was woken: taken before a look, it tells {@link pause} what the look missed. */
  get wakes(): number {
    return this.#wakes;
  }

  /** Ends it here, without a record: it goes on elsewhere, or is over. */
  stop(why: StopReason): void {
    this.#stopped ??= why;
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
  }

  /** @throws FlowError `TIMEOUT` past its time to live. */
  refuseExpired(): void {
    const { ttlExpiresAt } = this.execution;
    if (this.onlyReplays || ttlExpiresAt === null) return;
    if (Date.parse(ttlExpiresAt) <= this.settings.clock()) throw expired(this.id);
  }

  /**
   * Records a change under the lease. One that comes too late is not recorded: it was cancelled, or
   * somebody else runs it.
   *
   * @throws BodyStopped.
   */
  async record(change: AdvanceInput): Promise<Advanced> {
    this.refuseStopped();
    try {
      const done = await this.settings.store.advance(this.id, {
        ...change,
        token: this.lease.token,
      });
      this.execution = done.execution;
      return done;
    } catch (error) {
      if (isFlowError(error, "LOCK_LOST") || isFlowError(error, "NOT_FOUND"))
        this.stop("lease-lost");
      else if (isFlowError(error, "CONFLICT")) this.stop("cancelled");
      // A refused input is the body's own fault; what else fails is not, and it can be run again.
      else if (!isFlowError(error, "BAD_REQUEST")) this.stop("store-failed");
      throw this.#stopped === null ? error : new BodyStopped(this.id, this.#stopped, error);
    }
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
    this.#leaveWatch ??= this.#watch.join(() => this.wake());
    const { sleep, clock, store } = this.settings;
    const { ttlExpiresAt } = this.execution;
    const endMs = ttlExpiresAt === null ? Infinity : Date.parse(ttlExpiresAt);
    const leftMs = Math.min(untilMs, endMs) - clock();
    if (this.#wakes === since) await sleep(clamped(leftMs), this.#wake.signal);
    this.refuseStopped();
    const now = await this.look(() => store.loadExecution(this.id));
    if (now === null) this.stop("lease-lost");
    else if (FINAL.includes(now.status) || now.status === "COMPENSATING") this.stop("cancelled");
    this.refuseStopped();
    this.refuseExpired();
  }

  /** Renews the lease at half its time until the end. */
  async keepLease(): Promise<void> {
    const { store, leaseMs, sleep, onWarning } = this.settings;
    const { signal } = this.#end;
    while (!signal.aborted) {
      await sleep(leaseMs / 2, signal);
      if (signal.aborted) return;
      try {
        await store.renewClaim(this.id, { token: this.lease.token, leaseMs });
      } catch (error) {
        // Any other failure may pass; when it does not, the lease goes and the next write says so.
        if (!isFlowError(error)) throw error;
        if (error.code !== "LOCK_LOST" && error.code !== "NOT_FOUND" && error.code !== "CLOSED")
          continue;
        const message = `The lease of ${this.id} is another's: it goes on there`;
        onWarning({ executionId: this.id, kind: "lease-lost", message, cause: error });
        this.stop("lease-lost");
        return;
      }
    }
  }

  /** The body has ended: what it left running is not recorded, and the lease is renewed no more. */
  end(): void {
    this.#stopped ??= "over";
    this.#leaveWatch?.();
    this.#end.abort();
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
