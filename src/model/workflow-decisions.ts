/** What may become of an execution, decided on its record alone. */
import { FlowError } from "../errors.ts";
import { badField, requireAnyText, requireInput, requireJson, requireWord } from "./given.ts";
import { setOwn } from "./json-values.ts";
import { EXECUTION_STATUSES, executionOf, isTerminal } from "./workflows.ts";
import type { ExecutionStatus, WorkflowExecution } from "./workflows.ts";

/** Fields of an execution that a guarded change may set; `undefined` keeps, `null` clears. */
export type ExecutionPatch = {
  readonly [K in PatchedField]?: WorkflowExecution[K] | undefined;
};
type PatchedField =
  | "currentStep"
  | "inputData"
  | "outputData"
  | "errorMessage"
  | "ttlExpiresAt"
  | "guarantee";

/** What only the store sets, or another call. */
const FIXED = ["workflowExecutionId", "workflowId", "status", "createdAt", "updatedAt"];
const PATCHED = [
  "currentStep",
  "inputData",
  "outputData",
  "errorMessage",
  "ttlExpiresAt",
  "guarantee",
];
const DOING = "Cannot change the execution";

/** From which statuses, into which one, and what else changes. */
export interface Change {
  readonly from?: readonly ExecutionStatus[] | ExecutionStatus | undefined;
  readonly to?: ExecutionStatus | undefined;
  readonly patch?: ExecutionPatch | undefined;
  /** Somebody asks for another run of what is over: the one way out of `FAILED` and `CANCELLED`. */
  readonly reopens?: boolean | undefined;
}

/**
 * An execution after a guarded change. A terminal status is final: nothing but `reopens` changes
 * it, not even into itself, and nothing changes `COMPLETED`.
 *
 * @throws FlowError `CONFLICT` with `context.status` when it is in another status than it must be;
 * `BAD_REQUEST`.
 */
export function changed(
  before: WorkflowExecution,
  { from, to, patch, reopens = false }: Change,
  now: string,
): WorkflowExecution {
  const { status: was } = before;
  if (reopens && was !== "FAILED" && was !== "CANCELLED") throw notOver(before);
  const allowed = statusesOf(from);
  const isAllowed = allowed === null || allowed.includes(was);
  if ((isTerminal(was) && !reopens) || !isAllowed) throw moved(before, allowed, to);
  const status =
    to === undefined ? before.status : requireWord(DOING, "to", to, EXECUTION_STATUSES);
  return executionOf({ ...patched(before, patch ?? {}), status, updatedAt: now }, DOING);
}

function statusesOf(from: Change["from"]): readonly ExecutionStatus[] | null {
  if (from === undefined) return null;
  const statuses: readonly unknown[] = Array.isArray(from) ? from : [from];
  return statuses.map((one) => requireWord(DOING, "from", one, EXECUTION_STATUSES));
}

/**
 * A patch, judged. A user's own key is set too; `null` takes it out.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requirePatch(patch: unknown): ExecutionPatch {
  if (patch === undefined) return {};
  const set = {};
  for (const [key, value] of Object.entries(requireInput(DOING, patch))) {
    if (FIXED.includes(key)) throw badField(DOING, `patch.${key}`, "cannot be set");
    if (value !== undefined) setOwn(set, key, requireJson(DOING, `patch.${key}`, value));
  }
  return set;
}

function patched(before: WorkflowExecution, patch: ExecutionPatch): object {
  const after = { ...before };
  for (const [key, value] of Object.entries(patch)) {
    // `null` is a value of the record's own fields alone.
    const isGone = value === null && !PATCHED.includes(key);
    setOwn(after, key, isGone ? undefined : value);
  }
  return after;
}

function moved(
  { workflowExecutionId, status }: WorkflowExecution,
  allowed: readonly ExecutionStatus[] | null,
  to: ExecutionStatus | undefined,
): FlowError {
  const why = isTerminal(status) ? "which is final" : `not ${(allowed ?? []).join(" or ")}`;
  return new FlowError(
    "CONFLICT",
    `Cannot change execution ${workflowExecutionId}: it is ${status}, ${why}`,
    { context: { kind: "execution", id: workflowExecutionId, status, to: to ?? null } },
  );
}

function notOver({ workflowExecutionId, status }: WorkflowExecution): FlowError {
  return new FlowError(
    "CONFLICT",
    `Cannot run execution ${workflowExecutionId} again: it is ${status}, not FAILED or CANCELLED`,
    { context: { kind: "execution", id: workflowExecutionId, status } },
  );
}

const MAX_IDENTIFIER = 256;
// oxlint-disable-next-line no-control-regex -- these are the characters that are refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * A name that people and logs show: not empty, no white space around it, at most 256 characters,
 * no control characters.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireIdentifier(doing: string, field: string, value: unknown): string {
  const text = requireAnyText(doing, field, value);
  if (text.trim() === "") throw badField(doing, field, "must not be empty or white space");
  if (text.trim() !== text) throw badField(doing, field, "must not begin or end in white space");
  if (text.length > MAX_IDENTIFIER)
    throw badField(doing, field, `must not be longer than ${MAX_IDENTIFIER} characters`);
  if (CONTROL.test(text)) throw badField(doing, field, "must not hold control characters");
  return text;
}

/** How often a step is tried, and how long it waits between. */
export type RetryPolicy =
  | { readonly type: "none" }
  | { readonly type: "fixed"; readonly maxAttempts: number; readonly delayMs: number }
  | {
      readonly type: "exponential";
      /** Counts the first try. */
      readonly maxAttempts: number;
      /** Default 1,000. */
      readonly initialDelayMs?: number;
      /** Default 2. */
      readonly multiplier?: number;
      /** Default 300,000. */
      readonly maxDelayMs?: number;
      /** The share by which a delay varies, 0 to 1. Default 0. */
      readonly jitter?: number;
    };

/** How many tries a policy allows, the first one among them. */
export function triesOf(policy: RetryPolicy): number {
  return policy.type === "none" ? 1 : policy.maxAttempts;
}

/**
 * How long to wait, in ms, after the `failures`-th failure.
 *
 * @param chance from 0 to 1, for the jitter
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, chance: number): number {
  if (policy.type === "none") return 0;
  if (policy.type === "fixed") return policy.delayMs;
  const { initialDelayMs = 1_000, multiplier = 2, maxDelayMs = 300_000, jitter = 0 } = policy;
  // A power that is beyond all numbers, times zero, would be none.
  const power = Math.min(multiplier ** (failures - 1), Number.MAX_VALUE);
  const delay = Math.min(initialDelayMs * power, maxDelayMs);
  return Math.max(0, Math.round(delay * (1 + (chance * 2 - 1) * jitter)));
}

/** @throws FlowError `BAD_REQUEST`. */
export function requireRetry(doing: string, value: unknown): RetryPolicy {
  if (value === undefined) return { type: "none" };
  const policy = requireInput(doing, value);
  const type = requireWord(doing, "retry.type", policy["type"], ["none", "fixed", "exponential"]);
  if (type === "none") return { type };
  const { maxAttempts } = policy;
  if (!(Number.isSafeInteger(maxAttempts) && (maxAttempts as number) >= 1))
    throw badField(doing, "retry.maxAttempts", "must be a whole number from 1");
  const numbers = ["delayMs", "initialDelayMs", "multiplier", "maxDelayMs", "jitter"] as const;
  for (const key of numbers) {
    const given = policy[key];
    if (given === undefined && !(type === "fixed" && key === "delayMs")) continue;
    if (!(typeof given === "number" && Number.isFinite(given) && given >= 0))
      throw badField(doing, `retry.${key}`, "must be a number from 0");
  }
  return policy as unknown as RetryPolicy;
}
