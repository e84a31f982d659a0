/** What every store is made with: the engine, and who acts when a call does not say. */

import { FlowError } from "../errors.ts";
import { requireNames } from "../model/given.ts";
import { shown, textProblem } from "../model/json-values.ts";
import type { Storage } from "../storage/storage.ts";
import type { EventDraft } from "../storage/view.ts";
import type { FindingListener } from "./told.ts";

export interface StoreContext {
  readonly storage: Storage;
  /** Who acts, unless a call names an agent. */
  readonly actor: string;
  /** Through what, unless a call names a source. */
  readonly source: string;
  readonly nowMs: () => number;
  readonly newUid: () => string;
  /** Takes what is wrong with files that calls come upon. */
  readonly findings: FindingListener;
}

/** What every changing call takes for the event it logs. */
export interface ChangeNote {
  /** Who does it. Default: the store's `actor`. */
  readonly agent?: string | undefined;
  /** Through what: `api`, `cli` … Default: the store's `source`. */
  readonly source?: string | undefined;
  /** A remark, kept in the event's `metadata.note`. */
  readonly note?: string | undefined;
}

/** The name of everything that a call takes; the compiler sees to it that none is left out. */
type Names<K extends PropertyKey> = Readonly<Record<K, true>>;

/**
 * A call's last argument. A name in its place (`claimAndGet(7, "agent-1")`), or one that is
 * mistyped (`{ lease: 1000 }`), would else be overlooked, and the call do something else.
 *
 * @throws FlowError `BAD_REQUEST` for `null`, what is no object, and names that the call does not take.
 */
export function requireOptions<T extends object>(
  options: T,
  names: Names<keyof T>,
  field = "options",
): T {
  requireObject(options, field);
  requireNames(`Cannot use the ${field}`, options, Object.keys(names));
  return options;
}

/** @throws FlowError `BAD_REQUEST` for `null` and what is no object. */
export function requireObject(given: unknown, field: string): void {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return;
  throw new FlowError("BAD_REQUEST", `${field} must be an object, not ${shown(given)}`, {
    context: { field },
  });
}

const NOTE_NAMES: Names<keyof ChangeNote> = { agent: true, source: true, note: true };

/**
 * {@link requireOptions}, with what every changing call takes for the event that it logs.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireNote<T extends object>(
  options: T,
  names: Names<Exclude<keyof T, keyof ChangeNote>>,
  field = "options",
): T {
  requireOptions<object>(options, { ...names, ...NOTE_NAMES }, field);
  return requireNoteIn(options);
}

/**
 * The same of an input whose other keys are the caller's own.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireNoteIn<T extends object>(options: T): T {
  requireObject(options, "options");
  for (const key of ["agent", "source", "note"] as const) {
    const value: unknown = (options as ChangeNote)[key];
    if (value === undefined) continue;
    const isText = typeof value === "string" && (key === "note" || value !== "");
    const kind = key === "note" ? "a text" : "a text that is not empty";
    const problem = isText ? textProblem(value) : `must be ${kind}, not ${shown(value)}`;
    if (problem === null) continue;
    throw new FlowError("BAD_REQUEST", `${key} ${problem}`, { context: { field: key } });
  }
  return options;
}

/** The parts of an event that say who, through what, and why; of a note that was judged before. */
export function attribution(
  context: StoreContext,
  note: ChangeNote,
  agent: string | null = null,
): Pick<EventDraft, "agent" | "source" | "metadata"> {
  return {
    agent: agent ?? note.agent ?? context.actor,
    source: note.source ?? context.source,
    ...(note.note === undefined ? {} : { metadata: { note: note.note } }),
  };
}
