/** The store at a glance: a line for each noun, and below it what is under way or waits. */
import type { Approval, FlowStoreStatus, Gap, LockHolder, PipelineState } from "../../index.ts";
import { counted } from "./counted.ts";
import { lineOf } from "./progress.ts";
import { visible } from "./safe-text.ts";
import type { Colour, Terminal } from "./terminal.ts";
import { timeSpan } from "./time-span.ts";
import { cut, pad, widthOf } from "./width.ts";

/** What a status is shown against. */
export interface StatusView {
  readonly pipelinePhases: readonly string[];
  /** What is left of a lock, and how long an approval waits, are counted from it. */
  readonly nowMs: number;
}

/** More of a kind are only counted: it is to be read at a glance. */
const MOST_ROWS = 8;
const GAP = "  ";
/** Where a row has more to say than fits, each of its cells but the last is cut to this. */
const MAX_CELL = 32;

interface Section {
  readonly title: string;
  /** Empty where there is nothing of it. */
  readonly sum: string;
  readonly colour?: Colour;
  /** The cells of each row. */
  readonly rows?: readonly (readonly string[])[];
}

export function renderStatus(
  status: FlowStoreStatus,
  view: StatusView,
  terminal: Terminal,
): string {
  const sections = sectionsOf(status, view, terminal).filter(({ sum }) => sum !== "");
  const width = Math.max(...sections.map(({ title }) => title.length));
  const { root, format, durability, fileSystem } = status;
  const head = `${visible(root)}  format ${format}, ${durability}, ${visible(fileSystem.name)}`;
  const lines = sections.flatMap((section) => linesOf(section, width, terminal));
  return [terminal.paint("dim", fit(head, terminal)), ...lines].join("\n");
}

function sectionsOf(
  status: FlowStoreStatus,
  { pipelinePhases, nowMs }: StatusView,
  terminal: Terminal,
): Section[] {
  const { locks, pipeline, gaps, approvals, events, journal, problems, open } = status;
  const decided = approvals.approved + approvals.rejected;
  const epicWidth = Math.max(0, ...open.pipelines.map(({ epicId }) => widthOf(visible(epicId))));
  const room = terminal.width - GAP.length - Math.min(epicWidth, MAX_CELL) - GAP.length;
  return [
    { title: "Features", sum: featureSum(status) },
    {
      title: "Locks",
      sum: locks.held === 0 ? "" : `${locks.held} held by ${counted(locks.tasks, "task")}`,
      rows: open.locks.map((lock) => lockRow(lock, nowMs)),
    },
    {
      title: "Pipelines",
      sum: pipeline.epics === 0 ? "" : `${pipeline.completed} of ${pipeline.epics} completed`,
      rows: open.pipelines.map((state) => [
        state.epicId,
        progressOf(state, pipelinePhases, room, terminal),
      ]),
    },
    {
      title: "Gaps",
      sum:
        gaps.total === 0
          ? ""
          : `${gaps.open} open, of which ${gaps.blocking} block, ${gaps.resolved} resolved`,
      ...(gaps.blocking === 0 ? {} : { colour: "yellow" }),
      rows: open.gaps.map(gapRow),
    },
    {
      title: "Approvals",
      sum:
        approvals.pending + decided === 0 ? "" : `${approvals.pending} pending, ${decided} decided`,
      ...(approvals.pending === 0 ? {} : { colour: "yellow" }),
      rows: open.approvals.map((approval) => approvalRow(approval, nowMs)),
    },
    { title: "Also", sum: others(status) },
    {
      title: "Events",
      sum: `${events.total} in ${counted(events.segments, "segment")}`,
    },
    {
      title: "Journal",
      sum:
        journal.pending === 0 ? "" : `${counted(journal.pending, "commit")} not in the files yet`,
    },
    problems.length === 0
      ? { title: "Problems", sum: "none" }
      : {
          title: "Problems",
          sum: `${problems.length}, named by flowstore check`,
          colour: "red",
        },
  ];
}

function featureSum({ features }: FlowStoreStatus): string {
  const { total, passing, inProgress, failing, blocked } = features;
  if (total === 0) return "none";
  return `${total}: ${passing} passing, ${inProgress} in progress, ${failing - blocked} ready, ${blocked} blocked`;
}

function others(status: FlowStoreStatus): string {
  const { memory, decisions, outputs, settings, checkpoints, phases } = status;
  const { projections, blobs } = status;
  const nouns: readonly (readonly [count: number, text: string])[] = [
    [phases.tasks, `phases of ${counted(phases.tasks, "task")}`],
    [decisions.total, counted(decisions.total, "decision")],
    [memory.total, `${memory.total} remembered`],
    [outputs.total, counted(outputs.total, "output")],
    [settings.total, counted(settings.total, "setting")],
    [checkpoints.total, counted(checkpoints.total, "checkpoint")],
    [
      projections.rows,
      `${counted(projections.rows, "row")} in ${counted(projections.tables, "table")}`,
    ],
    [blobs.total, counted(blobs.total, "blob")],
  ];
  return nouns.flatMap(([count, text]) => (count === 0 ? [] : [text])).join(", ");
}

/** All phases in a line, or where that does not fit the one that it is in. */
function progressOf(
  state: PipelineState,
  phases: readonly string[],
  room: number,
  terminal: Terminal,
): string {
  const line = lineOf(state, phases, terminal);
  const at = phases.indexOf(state.phase);
  if (at < 0 || widthOf(visible(line)) <= room) return line;
  return `${state.phase} ${terminal.symbols.step.here} ${at + 1} of ${phases.length}`;
}

function lockRow(lock: LockHolder, nowMs: number): string[] {
  const left = `${timeSpan(Math.max(0, Date.parse(lock.expiresAt) - nowMs))} left`;
  return [lock.path, lock.mode, left, lock.taskId, lock.owner];
}

function gapRow({ epicId, id, priority, capability }: Gap): string[] {
  return [epicId, `#${id}`, priority, capability];
}

function approvalRow({ id, kind, taskId, createdAt }: Approval, nowMs: number): string[] {
  const waits = `waits ${timeSpan(Math.max(0, nowMs - Date.parse(createdAt)))}`;
  return [id, kind, taskId, waits];
}

function linesOf(
  { title, sum, colour, rows = [] }: Section,
  width: number,
  terminal: Terminal,
): string[] {
  const lead = `${pad(title, width, "left")}${GAP}`;
  const rest = cut(sum, Math.max(0, terminal.width - lead.length), terminal.symbols.ellipsis);
  const text = colour === undefined ? rest : terminal.paint(colour, rest);
  const shown = rows.slice(0, MOST_ROWS).map((row) => row.map(visible));
  const more = rows.length - shown.length;
  return [
    `${terminal.paint("bold", lead)}${text}`,
    ...aligned(shown, terminal).map((row) => fit(`${GAP}${row}`, terminal)),
    ...(more === 0 ? [] : [fit(`${GAP}${terminal.symbols.ellipsis} and ${more} more`, terminal)]),
  ];
}

/** Rows with their cells one below the other; the last one needs no more than it has. */
function aligned(rows: readonly (readonly string[])[], terminal: Terminal): string[] {
  const widths = (rows[0] ?? []).map((_, at) => {
    const widest = Math.max(...rows.map((row) => widthOf(row[at] ?? "")));
    return Number.isFinite(terminal.width) ? Math.min(widest, MAX_CELL) : widest;
  });
  return rows.map((row) => {
    const last = row.length - 1;
    const cells = row.map((cell, at) => {
      if (at === last) return cell;
      const width = widths[at] ?? 0;
      return pad(cut(cell, width, terminal.symbols.ellipsis), width, "left");
    });
    return cells.join(GAP);
  });
}

function fit(line: string, { width, symbols }: Terminal): string {
  return cut(line, width, symbols.ellipsis);
}
