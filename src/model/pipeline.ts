/** The phases that an epic goes through, one after another, and how it moves on. */
import { FlowError } from "../errors.ts";
import { shown } from "./json-values.ts";
import { requirePhases } from "./phases.ts";
import { nullable, optional, text, time, type Shape } from "./shape.ts";

/** Where an epic stands. */
export interface PipelineState {
  readonly epicId: string;
  /** One of the store's phases or `completed`; any other is shown as it is stored, and reported. */
  readonly phase: string;
  /** When it came into its first phase, ISO 8601; `null` when the file does not say. */
  readonly startedAt: string | null;
  /** When it came into its phase, ISO 8601; `startedAt` when the file does not say. */
  readonly updatedAt: string | null;
}

/** An epic's pipeline as it lies in its file. */
export interface PipelineDocument {
  readonly epicId: string;
  readonly phase: string;
  readonly startedAt?: string | null | undefined;
  readonly updatedAt?: string | null | undefined;
  /** Only on tombstones. */
  readonly deletedAt?: string | null | undefined;
}

export const PIPELINE_SHAPE: Shape<PipelineDocument> = {
  name: "pipeline",
  about: "Where an epic stands.",
  fields: {
    epicId: text("The epic; the file is named after it."),
    phase: text("The phase that it is in; completed behind the last one."),
    startedAt: optional(nullable(time("When it came into its first phase, ISO 8601."))),
    updatedAt: optional(nullable(time("When it came into its phase, ISO 8601."))),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};

/** Where an epic is behind its last phase. */
export const COMPLETED = "completed";

const PRESET: readonly string[] = ["plan", "plan_review", "work", "impl_review", "close"];

/**
 * The phases of a store, in their order.
 *
 * @throws FlowError `BAD_REQUEST` for what is no list of texts, none of them twice or `completed`.
 */
export function pipelinePhasesOf(given: unknown): readonly string[] {
  if (given === undefined) return PRESET;
  const phases = requirePhases("Cannot use the store", "pipelinePhases", given);
  if (!phases.includes(COMPLETED)) return phases;
  throw new FlowError(
    "BAD_REQUEST",
    `Cannot use the store: pipelinePhases must not name ${COMPLETED}, which follows them by itself`,
    { context: { field: "pipelinePhases" } },
  );
}

/** Whether an epic can be put into a phase. */
export function isKnownPhase(phases: readonly string[], phase: string): boolean {
  return phase === COMPLETED || phases.includes(phase);
}

/**
 * `phase`, if an epic can be put into it.
 *
 * @throws FlowError `BAD_REQUEST`, with the phases that are known.
 */
export function requireKnownPhase(
  doing: string,
  field: string,
  phases: readonly string[],
  phase: unknown,
): string {
  if (typeof phase === "string" && isKnownPhase(phases, phase)) return phase;
  const known = [...phases, COMPLETED];
  throw new FlowError(
    "BAD_REQUEST",
    `${doing}: ${field} ${shown(phase)} is no phase, known are ${known.join(", ")}`,
    { context: { field, known } },
  );
}

/** What a document says. */
export function pipelineOf(document: PipelineDocument): PipelineState {
  const { epicId, phase } = document;
  const startedAt = document.startedAt ?? null;
  return { epicId, phase, startedAt, updatedAt: document.updatedAt ?? startedAt };
}

/** The document of an epic that comes into a phase now. */
export function inPhase(
  before: PipelineDocument | null,
  epicId: string,
  phase: string,
  now: string,
): PipelineDocument {
  const startedAt = before === null ? now : before.startedAt;
  return { epicId, phase, startedAt, updatedAt: now };
}

/**
 * The phase that follows, if the epic still stands where its mover saw it.
 *
 * @throws FlowError `BAD_REQUEST` when `from` can be no phase; `NOT_FOUND` when the epic has no
 * pipeline; `CONFLICT` when it stands elsewhere, is completed, or in a phase nobody knows.
 */
export function decideAdvance(
  phases: readonly string[],
  state: PipelineState | null,
  epicId: string,
  from: string,
): string {
  const doing = `Cannot advance ${shown(epicId)}`;
  if (state?.phase !== from) requireKnownPhase(doing, "from", phases, from);
  if (state === null) {
    throw new FlowError("NOT_FOUND", `${doing}: its pipeline has not begun`, {
      context: { kind: "pipeline", epicId },
      hint: "Begin it first, with pipeline start.",
    });
  }
  const { phase } = state;
  const context = { kind: "pipeline", epicId, phase, from };
  if (phase !== from) {
    const since = state.updatedAt === null ? "" : ` since ${state.updatedAt}`;
    throw new FlowError(
      "CONFLICT",
      `${doing}: it is in ${shown(phase)}${since}, not in ${shown(from)}`,
      {
        context,
        hint: "Somebody else has moved it. Look where it stands, and decide anew.",
      },
    );
  }
  if (phase === COMPLETED) {
    throw new FlowError("CONFLICT", `${doing}: it is completed`, {
      context,
      hint: "Nothing follows. To go through it again, set it to a phase.",
    });
  }
  const at = phases.indexOf(phase);
  if (at < 0) {
    throw new FlowError("CONFLICT", `${doing}: nobody knows what follows ${shown(phase)}`, {
      context: { ...context, known: [...phases, COMPLETED] },
      hint: `Set it to one of ${[...phases, COMPLETED].join(", ")}; or open the store with the option pipelinePhases that has it.`,
    });
  }
  return phases[at + 1] ?? COMPLETED;
}
