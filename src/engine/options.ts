/** What an engine is given; time, chance and waiting come from outside. */

import type { RetryPolicy } from "../model/workflow-decisions.ts";
import type { WorkflowGuarantee } from "../model/workflows.ts";
import type { CheckpointStore } from "../stores/workflows.ts";

/** A workflow: what it does, given what it was started with. */
export type WorkflowBody = (context: WorkflowContext, input: unknown) => unknown;

/** Something that went wrong beside the work itself. */
export interface EngineWarning {
  readonly executionId: string;
  readonly kind: "step-name-mismatch" | "compensation-failed" | "run-failed" | "lease-lost";
  readonly message: string;
  readonly cause?: unknown;
}

/** How an engine works. */
export interface DurableEngineOptions {
  /** An open store, or its `workflows`. */
  readonly store: CheckpointStore | { readonly workflows: CheckpointStore };
  /** The body of each workflow type. */
  readonly workflows: Readonly<Record<string, WorkflowBody>>;
  /** This engine's name in leases. Default: one of its own. */
  readonly owner?: string | undefined;
  /** How long a lease lasts that is not renewed, in ms; it is renewed at half of it. Default 30,000. */
  readonly leaseMs?: number | undefined;
  /**
   * What waits looks again this long after another process changed the store, in ms, with many that
   * wait at most 1 ms a wait; while nothing changes, nothing runs. Default 100.
   */
  readonly pollMs?: number | undefined;
  /**
   * An execution that was claimed more often than this fails: claims in a row whose process died
   * of it, as far as one can tell. Those count no more once a step of it is finished, its lease is
   * renewed while it waits, or its lease was given back. Default 100.
   */
  readonly maxClaims?: number | undefined;
  /** What a replay does whose step has another name than before. Default `warn`. */
  readonly onStepNameMismatch?: "warn" | "fail" | undefined;
  /** Is told what goes wrong beside the work; what it throws is not heard. */
  readonly onWarning?: ((warning: EngineWarning) => void) | undefined;
  /** What is kept of an error. Default: its message, cut to 1,000 characters. */
  readonly formatError?: ((error: unknown) => string) | undefined;
  /** Now, in ms since 1970. Default: the machine's clock. */
  readonly clock?: (() => number) | undefined;
  /** Waits that many ms, less when the signal is aborted. Default: a timer. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** From 0 to 1. Default: the machine's chance. */
  readonly random?: (() => number) | undefined;
  /** A new id for executions. Default: a random UUID. */
  readonly newId?: (() => string) | undefined;
}

/** How an execution is run. */
export interface RunOptions {
  /** Any JSON value; the body gets it as JSON gives it back. */
  readonly input?: unknown;
  /** A name of one's own; one that is there is not begun twice. Default: a new one. */
  readonly executionId?: string | undefined;
  /** It fails when it is not over after this long, in ms. Default: never. */
  readonly ttlMs?: number | undefined;
  /** Default `FOREGROUND_ONLY`. */
  readonly guarantee?: WorkflowGuarantee | undefined;
}

/** What an action is told about its attempt. */
export interface StepAttempt {
  /** From 1; attempts that a crash cut off count. */
  readonly attempt: number;
  /** The same at each attempt of this step of this execution, and of no other. */
  readonly idempotencyKey: string;
}

/** How a step is run. */
export interface StepOptions<T> {
  /** Takes back what the step did, when a later one fails; it may run more than once. */
  readonly compensate?: ((result: T) => unknown) | undefined;
  /** Default: one try. */
  readonly retry?: RetryPolicy | undefined;
  /** Default: JSON. */
  readonly serialize?: ((value: T) => string) | undefined;
  readonly deserialize?: ((text: string) => T) | undefined;
}

/** What a finished execution came to. */
export interface RunResult {
  readonly executionId: string;
  readonly result: unknown;
}

/** What `recover` did; it does not wait for what it started. */
export interface RecoveryReport {
  /** Run again by this engine. */
  readonly resumed: string[];
  /** Failed: their time was over. */
  readonly expired: string[];
  /** Failed: their type has no body here, or they were claimed too often. */
  readonly failed: string[];
  /** Run by somebody else, or already by this engine. */
  readonly held: string[];
  /** Left as they are: `check` tells what is wrong with their files. */
  readonly damaged: string[];
}

/** The options with their defaults. */
export type Settings = {
  readonly [K in Exclude<keyof DurableEngineOptions, "store">]-?: NonNullable<
    DurableEngineOptions[K]
  >;
} & { readonly store: CheckpointStore };

/** How a wait for a signal ends without one. */
export interface WaitSignalOptions {
  /** In ms. Default: it waits for ever. */
  readonly timeoutMs?: number | undefined;
}

/**
 * What a body works with: what is done through it is remembered. Several calls may be under way at
 * a time; their results come in the order in which they were recorded, at each later run too.
 * Inside an action or a compensation each is `BAD_REQUEST`: a later run would not come by.
 */
export interface WorkflowContext {
  /** The execution that runs. */
  readonly executionId: string;

  /**
   * Runs an action once: its result is recorded, and a later run of this execution gets the result
   * and does not run it. Cut off by a crash, it runs again; `idempotencyKey` is the same then.
   *
   * @returns the result as JSON gives it back, the first time too; `null` for none.
   * @throws what the action threw last, when no try is left; a later run throws an `Error` with its
   * words. FlowError `BAD_REQUEST` for a result that JSON cannot say, without another try.
   */
  step<T>(
    name: string,
    action: (attempt: StepAttempt) => T | Promise<T>,
    options?: StepOptions<T>,
  ): Promise<T>;

  /**
   * Rests until that many ms after it was first reached, at most until the year 9999: a crash does
   * not begin it anew.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  sleep(name: string, ms: number): Promise<void>;

  /**
   * Waits for a signal of that name and takes the oldest one; one that came before counts. It is
   * taken in one commit with the result, so no crash loses or doubles it.
   *
   * @returns its payload; `null` without one.
   * @throws FlowError `TIMEOUT`, also at every later run.
   */
  waitSignal(name: string, options?: WaitSignalOptions): Promise<unknown>;
}
