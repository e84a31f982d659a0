/**
 * The phases that a worker goes through with a task: named sequences of them, and which are done.
 * A phase is a text; sequences are data.
 */
import { FlowError } from "../errors.ts";
import { badField, requireText } from "./given.ts";
import { isPlainObject, shown } from "./json-values.ts";
import { list, nullable, object, optional, text, time, type Shape } from "./shape.ts";

/** A phase that is done, and since when. */
export interface CompletedPhase {
  readonly phase: string;
  /** When it was done first, ISO 8601. */
  readonly at: string;
}

/** A phase of a sequence. */
export interface Phase {
  /** What `markDone` takes. */
  readonly phase: string;
  /** `null` in sequences of your own. */
  readonly title: string | null;
  /** What must be so before it counts as done; `null` where the title says it. */
  readonly doneWhen: string | null;
}

/** What is done of one task, as it lies in its file. */
export interface PhasesDocument {
  readonly taskId: string;
  /** In the order of completion. */
  readonly completed: readonly CompletedPhase[];
  /** Only on tombstones. */
  readonly deletedAt?: string | null | undefined;
}

export const PHASES_SHAPE: Shape<PhasesDocument> = {
  name: "phases",
  about: "Which phases of a task are done.",
  fields: {
    taskId: text("The task; the file is named after it."),
    completed: list(
      "The phases that are done, in the order of completion.",
      object("A phase.", { phase: text("Which one."), at: time("When it was done, ISO 8601.") }),
    ),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};

/** Sequences by name. */
export type PhaseSequences = ReadonlyMap<string, readonly Phase[]>;

const PRESET_PHASES: Readonly<Record<string, readonly [title: string, doneWhen?: string]>> = {
  1: ["Verify Configuration"],
  2: ["Re-anchor", "the spec is read"],
  3: ["Investigation"],
  4: ["TDD Red-Green"],
  5: ["Implement"],
  6: ["Verify & Fix", "the checks pass and the diff is reviewed"],
  7: ["Commit"],
  8: ["Review", "the reviewer approves"],
  9: ["Outputs Dump"],
  10: ["Complete", "the task is done"],
  11: ["Memory Auto-Save"],
  12: ["Return"],
};

/**
 * For small, middle and large tasks, as flowctl had them. What depended on its configuration is as
 * its defaults were: 9 is in `L`, 11 (off by default) in none, and 4 and 8, which options added to
 * `S` and `M`, only in `L`. So `S` and `M` are alike; other mixtures are sequences of your own.
 */
const PRESET_SEQUENCES: Readonly<Record<string, string>> = {
  S: "1 2 5 6 7 10 12",
  M: "1 2 5 6 7 10 12",
  L: "1 2 4 5 6 7 8 9 10 12",
};

/**
 * The presets with those that a caller adds; one of a preset's name takes its place.
 *
 * @throws FlowError `BAD_REQUEST` for what is no list of texts, none of them twice.
 */
export function phaseSequencesOf(given: unknown): PhaseSequences {
  const sequences = new Map<string, readonly Phase[]>();
  for (const [name, phases] of Object.entries(PRESET_SEQUENCES)) {
    sequences.set(name, phases.split(" ").map(presetPhase));
  }
  if (given === undefined) return sequences;
  const doing = "Cannot use the store";
  if (!isPlainObject(given)) {
    throw badField(doing, "phaseSequences", `must be an object, not ${shown(given)}`);
  }
  for (const [name, phases] of Object.entries(given)) {
    requireText(doing, "a name in phaseSequences", name);
    const field = `phaseSequences.${name}`;
    sequences.set(
      name,
      requirePhases(doing, field, phases).map((phase) => ({ phase, title: null, doneWhen: null })),
    );
  }
  return sequences;
}

/**
 * A list of phases in their order.
 *
 * @throws FlowError `BAD_REQUEST` unless it is a list of one text or more, none of them twice.
 */
export function requirePhases(doing: string, field: string, given: unknown): string[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw badField(doing, field, `must be a list of at least one phase, not ${shown(given)}`);
  }
  // By index, so that a hole is seen.
  const phases = Array.from(given, (one: unknown, at) =>
    requireText(doing, `${field}[${at}]`, one),
  );
  const again = phases.find((phase, at) => phases.indexOf(phase) !== at);
  if (again === undefined) return phases;
  throw badField(doing, field, `names ${shown(again)} twice`);
}

/**
 * The phases of the sequence of that name.
 *
 * @throws FlowError `BAD_REQUEST`, with the names that are known.
 */
export function sequenceNamed(sequences: PhaseSequences, name: unknown): readonly Phase[] {
  const found = typeof name === "string" ? sequences.get(name) : undefined;
  if (found !== undefined) return found;
  const known = [...sequences.keys()];
  throw new FlowError(
    "BAD_REQUEST",
    `Cannot tell the next phase: ${shown(name)} is no sequence, known are ${known.join(", ")}`,
    { context: { field: "sequence", known } },
  );
}

/** What a document says is done: each phase once, where it stands first. */
export function completedOf(document: PhasesDocument | null): CompletedPhase[] {
  if (document === null) return [];
  const seen = new Set<string>();
  const completed: CompletedPhase[] = [];
  for (const { phase, at } of document.completed) {
    // Twice in one file only where a merge or a hand put it there.
    if (seen.has(phase)) continue;
    seen.add(phase);
    completed.push({ phase, at });
  }
  return completed;
}

/** The document with one more phase done. */
export function withPhase(
  before: PhasesDocument | null,
  taskId: string,
  added: CompletedPhase,
): PhasesDocument {
  return { taskId, completed: [...(before?.completed ?? []), added] };
}

function presetPhase(phase: string): Phase {
  const [title = null, doneWhen = null] = PRESET_PHASES[phase] ?? [];
  return { phase, title, doneWhen };
}
