/** The steps of an execution as a person asks for them: where each stands, since when, how often. */

import { instantMs } from "./workflow-times.ts";
import {
  historyOf,
  isAgain,
  isTakenBack,
  waitIn,
  type StepHistory,
  type Wait,
} from "./workflow-steps.ts";
import { isTerminal, type StepCheckpoint, type WorkflowExecution } from "./workflows.ts";
import type { WorkflowTimer } from "./workflows.ts";

/** Every {@link TimelineStep.state}. */
export const TIMELINE_STATES = [
  "completed",
  "failed",
  "running",
  "interrupted",
  "retrying",
  "sleeping",
  "waiting",
  "again",
  "taken_back",
] as const;

/** One step of an execution. */
export interface TimelineStep {
  readonly stepIndex: number;
  readonly name: string;
  /** What was asked for by it. */
  readonly kind: "action" | "sleep" | "signal";
  /**
   * `interrupted`: begun, and nobody runs it now; also what an execution left open at its end. `retrying`: it failed and is tried again at
   * `wakeAt`. `again`: what was recorded of it counts no more, it is done anew.
   */
  readonly state: (typeof TIMELINE_STATES)[number];
  /** How many attempts were begun; those that a crash cut off count. */
  readonly attempts: number;
  /** Of the first attempt; of a step that is done again, since then. */
  readonly startedAt: string | null;
  /** Of the last one; `null` while it is not over. */
  readonly endedAt: string | null;
  /** When a sleep, a retry or the time of a signal is over. */
  readonly wakeAt: string | null;
  /** What the last attempt failed with, or what kept it from being taken back. */
  readonly error: string | null;
  /** When it was taken back. */
  readonly takenBackAt: string | null;
}

/** What a timeline is made of. */
export interface TimelineSource {
  readonly execution: WorkflowExecution;
  readonly checkpoints: readonly StepCheckpoint[];
  readonly timers: readonly WorkflowTimer[];
  readonly lease: { readonly expiresAt: string } | null;
}

/** The steps in order. `nowMs` decides whether somebody runs it. */
export function timelineOf(source: TimelineSource, nowMs: number): TimelineStep[] {
  const { execution, lease } = source;
  const isOver = isTerminal(execution.status);
  const isTakingBack = execution.status === "COMPENSATING";
  const isRun = !isOver && lease !== null && instantMs(lease.expiresAt) > nowMs;
  return [...historyOf(source.checkpoints)].map(([stepIndex, step]) => {
    const rows = source.checkpoints.filter((row) => row.stepIndex === stepIndex);
    return stepOf(source, { stepIndex, step, rows, isRun, isOver, isTakingBack });
  });
}

interface Look {
  readonly stepIndex: number;
  readonly step: StepHistory;
  readonly rows: readonly StepCheckpoint[];
  readonly isRun: boolean;
  readonly isOver: boolean;
  /** Whether what was done is being taken back: nothing waits any more. */
  readonly isTakingBack: boolean;
}

function stepOf({ timers }: TimelineSource, look: Look): TimelineStep {
  const { stepIndex, step, rows } = look;
  const tries = rows.filter((row) => row.attempt > 0 && !isAgain(row));
  const marker = rows.findLast(isAgain)?.attempt ?? 0;
  const since = tries.filter(({ attempt }) => attempt > marker);
  const last = step.completed ?? step.open ?? step.failed;
  const wait = waitIn(last ?? tries.at(-1) ?? null);
  const timer = timers.find((one) => one.status === "PENDING" && endsIn(one, stepIndex));
  const back = rows.find(({ attempt }) => attempt === 0);
  const isBack = isTakenBack(step);
  return {
    stepIndex,
    name: tries.at(-1)?.stepName ?? "",
    kind: wait?.kind ?? "action",
    state: isBack ? "taken_back" : stateOf(look, wait, timer),
    attempts: tries.length,
    startedAt: since.find((row) => row.startedAt !== null)?.startedAt ?? null,
    endedAt: last === step.open ? null : (last?.completedAt ?? null),
    wakeAt: step.completed === null ? (timer?.fireAt ?? wait?.wakeAt ?? null) : null,
    error:
      (back?.status === "FAILED" ? back : step.completed === null ? step.failed : null)
        ?.errorMessage ?? null,
    takenBackAt: isBack ? (back?.completedAt ?? null) : null,
  };
}

function stateOf(
  { step: { completed, failed, open, attempts }, isRun, isOver, isTakingBack }: Look,
  wait: Wait | null,
  timer: WorkflowTimer | undefined,
): TimelineStep["state"] {
  if (completed !== null) return "completed";
  if (open !== null) {
    if (isOver) return "interrupted";
    if (wait !== null) {
      if (isTakingBack) return "interrupted";
      return wait.kind === "sleep" ? "sleeping" : "waiting";
    }
    return isRun ? "running" : "interrupted";
  }
  if (failed === null) return attempts === 0 ? "interrupted" : "again";
  return timer === undefined ? "failed" : "retrying";
}

/** Timers of steps bear the index of the step at the end of their id. */
function endsIn({ workflowTimerId }: WorkflowTimer, stepIndex: number): boolean {
  return workflowTimerId.endsWith(`-${stepIndex}`);
}
