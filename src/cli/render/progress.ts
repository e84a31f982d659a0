/** How far something is: the phases of a task one below the other, those of an epic in a line. */
import type { CompletedPhase, Phase, PipelineState } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { cut } from "./width.ts";

/** The phases of a sequence with those that are done, then what is done beside it. */
export function renderPhases(
  sequence: readonly Phase[],
  completed: readonly CompletedPhase[],
  terminal: Terminal,
): string {
  const doneAt = new Map(completed.map(({ phase, at }) => [phase, at]));
  const known = new Set(sequence.map(({ phase }) => phase));
  const beside = completed.filter(({ phase }) => !known.has(phase));
  const rows = [...sequence, ...beside.map(({ phase }) => ({ phase, title: null }))];
  if (rows.length === 0) return "No phase is done";
  const next = sequence.find(({ phase }) => !doneAt.has(phase))?.phase;
  const { status, step } = terminal.symbols;
  return rows
    .map(({ phase, title }) => {
      const at = doneAt.get(phase);
      const sign = at !== undefined ? status.passing : phase === next ? step.here : status.ready;
      const text = `${sign} ${titleOf({ phase, title })}${at === undefined ? "" : `  ${visible(at)}`}`;
      const line = cut(text, terminal.width, terminal.symbols.ellipsis);
      if (at !== undefined) return terminal.paint("green", line);
      return phase === next ? terminal.paint("cyan", line) : line;
    })
    .join("\n");
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
      { title: "PIPELINE", cell: (state) => lineOf(state, phases, terminal), minWidth: 20 },
      { title: "SINCE", cell: ({ updatedAt }) => updatedAt ?? "", expendable: 1 },
    ],
    terminal,
  );
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
