/** The records of an execution as what happened, one moment after the other. */
import type { ExecutionHistory, StepCheckpoint, WorkflowSignal } from "../../index.ts";

/** One moment. */
export interface Happened {
  readonly at: string;
  readonly what: string;
  /** Of the step or the signal. */
  readonly name: string | null;
  readonly stepIndex: number | null;
  readonly attempt: number | null;
  /** A result, an error, a payload, the end of a wait. */
  readonly detail: string | null;
}

const ENDS = { COMPLETED: "completed", FAILED: "failed", COMPENSATED: "taken back" } as const;

/** Oldest first; of one moment in the order of the steps, what was begun before what ended. */
export function happened(history: ExecutionHistory): Happened[] {
  const { execution, checkpoints, signals } = history;
  const { createdAt, updatedAt, status, inputData, outputData, errorMessage } = execution;
  const moment = { name: null, stepIndex: null, attempt: null };
  const isOver = status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
  const first = { ...moment, at: createdAt, what: "created", detail: inputData };
  const last = {
    ...moment,
    at: updatedAt,
    what: status.toLowerCase(),
    detail: errorMessage ?? outputData,
  };
  const steps = [...signals.map(signalled), ...checkpoints.flatMap(ofAttempt)];
  const sorted = steps.toSorted((left, right) => Date.parse(left.at) - Date.parse(right.at));
  return [first, ...sorted, ...(isOver ? [last] : [])];
}

function signalled({ createdAt, signalName, payload, status }: WorkflowSignal): Happened {
  const moment = { at: createdAt, stepIndex: null, attempt: null };
  return { ...moment, what: `signal ${status.toLowerCase()}`, name: signalName, detail: payload };
}

function ofAttempt(row: StepCheckpoint): Happened[] {
  const { stepName, stepIndex, attempt, status, startedAt, completedAt } = row;
  const moment = { name: stepName, stepIndex, attempt };
  const begun =
    startedAt === null ? [] : [{ ...moment, at: startedAt, what: "begun", detail: null }];
  if (status === "INTENT" || completedAt === null) return begun;
  const detail = row.errorMessage ?? row.outputData;
  return [...begun, { ...moment, at: completedAt, what: ENDS[status], detail }];
}
