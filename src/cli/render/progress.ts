/** How far something is: the phases of a task one below the other, those of an epic in a line. */
import type { CompletedPhase, Phase, PipelineState } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { cut } from "./width.ts";

/** What is done of a task, and what there is to do. */
export interface TaskProgress {
  readonly task: string;
  /** Empty where nobody says what there is to do. */
  readonly sequence: readonly Phase[];
  readonly completed: readonly CompletedPhase[];
}

/** The task with its phases below it: those of the sequence, then what is done beside them. */
export function renderPhases(progress: TaskProgress, terminal: Terminal): string {
  const { sequence, completed } = progress;
  const doneAt = new Map(completed.map(({ phase, at }) => [phase, at]));
  const known = new Set(sequence.map(({ phase }) => phase));
  const beside = completed.filter(({ phase }) => !known.has(phase));
  const rows = [...sequence, ...beside.map(({ phase }) => ({ phase, title: null }))];
  if (rows.length === 0) return "No phase is done";
  const next = sequence.find(({ phase }) => !doneAt.has(phase))?.phase;
  const { status, step, tree, ellipsis } = terminal.symbols;
  const [branch, last] = tree;
  const lines = rows.map(({ phase, title }, row) => {
    const at = doneAt.get(phase);
    const sign = at !== undefined ? status.passing : phase === next ? step.here : status.ready;
    const since = at === undefined ? "" : `  ${visible(at)}`;
    const text = `${row === rows.length - 1 ? last : branch}${sign} ${titleOf({ phase, title })}${since}`;
    const line = cut(text, terminal.width, ellipsis);
    if (at !== undefined) return terminal.paint("green", line);
    return phase === next ? terminal.paint("cyan", line) : line;
  });
  return [cut(headOf(progress, beside.length), terminal.width, ellipsis), ...lines].join("\n");
}

function headOf({ task, sequence, completed }: TaskProgress, beside: number): string {
  const name = visible(task);
  if (sequence.length === 0) return `${name}: ${beside} done`;
  const more = beside === 0 ? "" : `, and ${beside} beside them`;
  return `${name}: ${completed.length - beside} of ${sequence.length} done${more}`;
}

/** A phase by its id and, where it has one, its title. */
export function titleOf({ phase, title }: Pick<Phase, "phase" | "title">): string {
  return title === null ? visible(phase) : `${visible(phase)} ${visible(title)}`;
}

/** Where epics stand, each with its phases in a line. */
export function renderPipelines(
  states: readonly PipelineState[],
  phases: readonly string[],
  terminal: Terminal,
): string {
  if (states.length === 0) return "No pipelines";
  return renderTable(
    states,
    [
      { title: "EPIC", cell: ({ epicId }) => epicId, minWidth: 8 },
      { title: "DONE", cell: (state) => doneOf(state, phases), expendable: 2 },
      { title: "PIPELINE", cell: (state) => lineOf(state, phases, terminal), minWidth: 20 },
      { title: "SINCE", cell: ({ updatedAt }) => updatedAt ?? "", expendable: 1 },
    ],
    terminal,
  );
}

/** `2 of 5`; nothing for a phase that nobody knows. */
function doneOf({ phase }: PipelineState, phases: readonly string[]): string {
  const done = phase === COMPLETED ? phases.length : phases.indexOf(phase);
  return done < 0 ? "" : `${done} of ${phases.length}`;
}

/** `plan ✓ → plan_review ● → work`: what is behind an epic, where it is, what comes. */
export function lineOf(
  { phase }: PipelineState,
  phases: readonly string[],
  { symbols }: Terminal,
): string {
  const { done, here, arrow } = symbols.step;
  const at = phases.indexOf(phase);
  if (at >= 0) {
    const signs = phases.map((name, place) =>
      place < at ? `${name} ${done}` : place === at ? `${name} ${here}` : name,
    );
    return signs.join(` ${arrow} `);
  }
  if (phase === COMPLETED) return phases.map((name) => `${name} ${done}`).join(` ${arrow} `);
  return `${phase} ${here} (none of ${phases.join(", ")}, ${COMPLETED})`;
}

/** Where an epic is behind its last phase. */
const COMPLETED = "completed";
