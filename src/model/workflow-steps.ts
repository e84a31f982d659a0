/** What the rows of a step say together, and what another run of a failed execution does again. */

import type { GivenCheckpoint, StepCheckpoint, WorkflowExecution } from "./workflows.ts";

/** What is known of one step. */
export interface StepHistory {
  readonly completed: StepCheckpoint | null;
  /** The last attempt that failed; `null` when none did. */
  readonly failed: StepCheckpoint | null;
  /** How many attempts failed; Infinity where the last one allows no other. */
  readonly failures: number;
  /** The number of the last attempt that was begun; 0 before the first. */
  readonly attempts: number;
  /** The last attempt, where it was begun and neither completed nor failed. */
  readonly open: StepCheckpoint | null;
  /** The attempt that was taken back; `null` when none was, 0 where the row does not say which. */
  readonly undone: number | null;
}

/** A step of which nothing is known. */
export const UNKNOWN_STEP: StepHistory = {
  completed: null,
  failed: null,
  failures: 0,
  attempts: 0,
  open: null,
  undone: null,
};

/** In the input of a row: what was recorded of the step before it counts no more. */
const AGAIN = JSON.stringify({ again: true });

/** In the input of a row: it failed, and another try would do again what it did. */
export const FINAL = JSON.stringify({ final: true });

/** What {@link waitText} writes. */
const WAIT = /^\{"kind":"(sleep|signal)","wakeAt":(?:null|"([^"]+)")\}$/;

/** Rows by step; those of a step in the order of their attempts. */
export function historyOf(rows: readonly StepCheckpoint[]): Map<number, StepHistory> {
  const found = new Map<number, StepHistory>();
  for (const row of rows) {
    const before = found.get(row.stepIndex) ?? UNKNOWN_STEP;
    found.set(row.stepIndex, withRow(before, row));
  }
  return found;
}

function withRow(before: StepHistory, row: StepCheckpoint): StepHistory {
  if (row.attempt === 0)
    return row.status === "COMPENSATED" ? { ...before, undone: undoneBy(row) } : before;
  const attempts = Math.max(before.attempts, row.attempt);
  if (isAgain(row)) return { ...UNKNOWN_STEP, undone: before.undone, attempts };
  if (row.status === "COMPLETED") return { ...before, attempts, completed: row, open: null };
  if (row.status === "FAILED") {
    const failures = row.inputData === FINAL ? Infinity : before.failures + 1;
    return { ...before, attempts, failed: row, failures, open: null };
  }
  return row.status === "INTENT" ? { ...before, attempts, open: row } : before;
}

/** Whether a row only says that what was before it counts no more. */
export function isAgain({ status, inputData }: StepCheckpoint): boolean {
  return status === "INTENT" && inputData === AGAIN;
}

/** What a step is, as its row tells. */
export type StepKind = "action" | WaitKind;

/** What an execution waits for in a step that is no action. */
export type WaitKind = "sleep" | "signal";

/** What the row of a wait says in its input: for what, and until when; `null`: without an end. */
export interface Wait {
  readonly kind: WaitKind;
  readonly wakeAt: string | null;
}

export function waitText({ kind, wakeAt }: Wait): string {
  return JSON.stringify({ kind, wakeAt });
}

/** `null` for the row of an action. */
export function waitIn(row: StepCheckpoint | null): Wait | null {
  const [, kind, wakeAt] = WAIT.exec(row?.inputData ?? "") ?? [];
  if (kind === undefined) return null;
  return { kind: kind === "sleep" ? kind : "signal", wakeAt: wakeAt ?? null };
}

export function kindOf(row: StepCheckpoint): StepKind {
  return waitIn(row)?.kind ?? "action";
}

/** Whether the attempt that completed a step was taken back. */
export function isTakenBack({ completed, undone }: StepHistory): boolean {
  return completed !== null && (undone === 0 || undone === completed.attempt);
}

/**
 * Whether an execution that ends has something to take back: a step that is done, or one that
 * somebody is still at.
 */
export function mayTakeBack(rows: readonly StepCheckpoint[], isRun: boolean): boolean {
  return [...historyOf(rows).values()].some((step) => {
    const { completed, open } = step;
    if (completed !== null) return completed.compensateRef !== null && !isTakenBack(step);
    return isRun && open !== null && open.compensateRef !== null;
  });
}

/** The input of the row of a compensation: which attempt it took back. */
export function takesBack(attempt: number): string {
  return JSON.stringify({ attempt });
}

function undoneBy({ inputData }: StepCheckpoint): number {
  const [, attempt = 0] = /^\{"attempt":(\d+)\}$/.exec(inputData ?? "") ?? [];
  return Number(attempt);
}

/**
 * The rows by which another run of an execution does some steps again: from the first one that was
 * taken back on all of them, since later ones may have used its result; where none was, the step
 * that it failed with. What else was recorded is given back as before.
 */
export function rowsToRunAgain(
  { workflowExecutionId, errorMessage }: WorkflowExecution,
  rows: readonly StepCheckpoint[],
): GivenCheckpoint[] {
  const steps = [...historyOf(rows)];
  const first = steps.find(([, step]) => isTakenBack(step))?.[0];
  const again =
    first === undefined
      ? failedWith(steps, errorMessage ?? "")
      : steps.filter(([stepIndex]) => stepIndex >= first);
  return again.map(([stepIndex, { attempts, completed, failed, open }]) => ({
    workflowExecutionId,
    stepIndex,
    stepName: (completed ?? failed ?? open)?.stepName ?? "",
    status: "INTENT",
    attempt: attempts + 1,
    inputData: AGAIN,
  }));
}

/** Of the steps that failed, the last one, if its words are those of the execution. */
function failedWith(
  steps: readonly (readonly [number, StepHistory])[],
  errorMessage: string,
): (readonly [number, StepHistory])[] {
  const failed = steps.filter(([, step]) => step.completed === null && step.failed !== null);
  const last = failed.toSorted(([, left], [, right]) => idOf(left) - idOf(right)).at(-1);
  const words = last?.[1].failed?.errorMessage ?? null;
  return last !== undefined && words !== null && errorMessage.includes(words) ? [last] : [];
}

function idOf({ failed }: StepHistory): number {
  return failed?.id ?? 0;
}
