/** An execution at a glance: its steps in order, when each was busy or waited, and what comes next. */
import type { ExecutionHistory, TimelineStep } from "../../index.ts";
import { counted } from "./counted.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Colour, Terminal } from "./terminal.ts";
import { timeSpan } from "./time-span.ts";
import { EXECUTION_COLOURS, nameOf } from "./workflow-table.ts";

/** What is shown: all that is known, and the steps that follow from it. */
export interface ShownExecution extends ExecutionHistory {
  readonly steps: readonly TimelineStep[];
}

/** The columns of a bar: enough to tell a tenth of the time. */
const BAR_WIDTH = 24;
const SECOND_MS = 1000;

const WORDS: Readonly<Record<TimelineStep["state"], string>> = {
  completed: "done",
  failed: "failed",
  running: "runs",
  interrupted: "cut off",
  retrying: "tried again",
  sleeping: "sleeps",
  waiting: "waits",
  again: "done again",
  taken_back: "taken back",
};

const COLOURS: Readonly<Record<TimelineStep["state"], Colour>> = {
  completed: "green",
  failed: "red",
  running: "cyan",
  interrupted: "yellow",
  retrying: "yellow",
  sleeping: "yellow",
  waiting: "yellow",
  again: "yellow",
  taken_back: "dim",
};

export function renderTimeline(shown: ShownExecution, terminal: Terminal, nowMs: number): string {
  return [
    ...headOf(shown, terminal, nowMs),
    ...(shown.steps.length === 0 ? [] : ["", stepsOf(shown, terminal, nowMs)]),
    "",
    ...nextOf(shown, nowMs),
  ].join("\n");
}

function headOf(shown: ShownExecution, terminal: Terminal, nowMs: number): string[] {
  const { execution, workflow } = shown;
  const { workflowExecutionId, workflowId, status, createdAt, ttlExpiresAt } = execution;
  const type = workflow?.workflowType ?? nameOf(workflowId);
  const word = terminal.paint(EXECUTION_COLOURS[status], status);
  const life = timeSpan(endOf(shown, nowMs) - Date.parse(createdAt));
  const ttl = ttlExpiresAt === null ? "" : `, at most until ${ttlExpiresAt}`;
  return [
    `${visible(workflowExecutionId)}  ${visible(type)}  ${word}`,
    `Begun ${createdAt}, ${isOver(shown) ? `over after ${life}` : `${life} ago`}${ttl}`,
  ];
}

function isOver({ execution: { status } }: ShownExecution): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}

/** Where the timeline ends: with the execution, or now. */
function endOf(shown: ShownExecution, nowMs: number): number {
  const { createdAt, updatedAt } = shown.execution;
  return Math.max(Date.parse(createdAt), isOver(shown) ? Date.parse(updatedAt) : nowMs);
}

function stepsOf(shown: ShownExecution, terminal: Terminal, nowMs: number): string {
  const { symbols, paint } = terminal;
  const fromMs = Date.parse(shown.execution.createdAt);
  const endMs = endOf(shown, nowMs);
  const markOf = ({ state }: TimelineStep): string =>
    state === "completed" || state === "taken_back" ? symbols.step.done : symbols.step.here;
  return renderTable(
    shown.steps,
    [
      { title: "", cell: markOf, paint: (text, { state }) => paint(COLOURS[state], text) },
      { title: "STEP", cell: ({ stepIndex }) => String(stepIndex), align: "right" },
      { title: "NAME", cell: ({ name }) => name, minWidth: 8 },
      {
        title: "STATE",
        cell: ({ state }) => WORDS[state],
        paint: (text, { state }) => paint(COLOURS[state], text),
      },
      { title: "TRIES", cell: ({ attempts }) => String(attempts), align: "right", expendable: 2 },
      {
        title: "TIME",
        cell: (step) => lengthOf(step, endMs),
        align: "right",
      },
      {
        title: "WHEN",
        cell: (step) => barOf(step, { fromMs, endMs, bar: symbols.bar }),
        expendable: 3,
      },
      { title: "DETAIL", cell: (step) => detailOf(step, nowMs), minWidth: 12, expendable: 1 },
    ],
    terminal,
  );
}

function lengthOf({ startedAt, endedAt }: TimelineStep, endMs: number): string {
  if (startedAt === null) return "";
  const ms = (endedAt === null ? endMs : Date.parse(endedAt)) - Date.parse(startedAt);
  return ms < SECOND_MS ? `${Math.max(0, ms)}ms` : timeSpan(ms);
}

/** Where in the life of the execution a step lies; at least one column wide. */
function barOf(
  { kind, startedAt, endedAt }: TimelineStep,
  {
    fromMs,
    endMs,
    bar,
  }: { readonly fromMs: number; readonly endMs: number; readonly bar: Terminal["symbols"]["bar"] },
): string {
  if (startedAt === null) return "";
  const perMs = BAR_WIDTH / Math.max(1, endMs - fromMs);
  const columnOf = (ms: number): number => Math.round((ms - fromMs) * perMs);
  const from = Math.min(Math.max(0, columnOf(Date.parse(startedAt))), BAR_WIDTH - 1);
  const end = Math.min(columnOf(endedAt === null ? endMs : Date.parse(endedAt)), BAR_WIDTH);
  const symbol = kind === "action" ? bar.busy : bar.rest;
  return " ".repeat(from) + symbol.repeat(Math.max(1, end - from));
}

function detailOf({ state, wakeAt, error, takenBackAt }: TimelineStep, nowMs: number): string {
  if (state === "taken_back") return takenBackAt === null ? "" : `at ${takenBackAt}`;
  const until = wakeAt === null ? "" : `until ${wakeAt}, ${inTime(wakeAt, nowMs)}`;
  if (state === "sleeping" || state === "waiting") return until;
  if (state === "retrying") return `${error ?? ""}; next try ${inTime(wakeAt ?? "", nowMs)}`;
  return error ?? "";
}

function inTime(at: string, nowMs: number): string {
  const ms = Date.parse(at) - nowMs;
  return ms > 0 ? `in ${timeSpan(ms)}` : "now due";
}

/** What has to happen for it to go on. */
function nextOf(shown: ShownExecution, nowMs: number): string[] {
  const { execution, lease, steps } = shown;
  const { status, errorMessage, outputData, workflowExecutionId: id } = execution;
  if (status === "COMPLETED") return [`Result: ${visible(outputData ?? "none")}`];
  if (isOver(shown)) return [`${status === "FAILED" ? "Failed" : "Ended"}: ${why(errorMessage)}`];
  const isRun = lease !== null && Date.parse(lease.expiresAt) > nowMs;
  const runner = isRun
    ? `Run by ${visible(lease.owner)}, whose lease lasts until ${lease.expiresAt}`
    : "Nobody runs it now: the next recover of an engine goes on with it";
  const what =
    status === "COMPENSATING"
      ? [`What was done is taken back, because: ${why(errorMessage)}`]
      : waitsOf(steps, id, nowMs);
  const unheard = shown.signals.filter((one) => one.status === "PENDING").length;
  const waiting = unheard === 0 ? [] : [`${counted(unheard, "signal")} no wait has taken yet`];
  return [...what, ...waiting, runner];
}

function why(errorMessage: string | null): string {
  return visible(errorMessage ?? "no reason was given");
}

function waitsOf(steps: readonly TimelineStep[], id: string, nowMs: number): string[] {
  return steps.flatMap(({ state, name, wakeAt }) => {
    const shownName = visible(name);
    if (state === "sleeping") return [`Next: ${shownName} is over ${inTime(wakeAt ?? "", nowMs)}`];
    if (state === "retrying")
      return [`Next: ${shownName} is tried again ${inTime(wakeAt ?? "", nowMs)}`];
    if (state !== "waiting") return [];
    return [`Next: a signal; flowstore workflow signal ${visible(id)} ${shownName}`];
  });
}
