/** What every store is made with: the engine, and who acts when a call does not say. */

import { FlowError } from "../errors.ts";
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

/**
 * A call's last argument. A name in its place (`claimAndGet(7, "agent-1")`) would else be
 * overlooked, and the call do its work in another's name.
 *
 * @throws FlowError `BAD_REQUEST` for `null` and what is no object.
 */
export function requireOptions<T extends object>(options: T, field = "options"): T {
  const given: unknown = options;
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return options;
  throw new FlowError("BAD_REQUEST", `${field} must be an object, not ${shown(given)}`, {
    context: { field },
  });
}

/**
 * {@link requireOptions}, with what every event may say of its change.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireNote<T extends ChangeNote>(options: T): T {
  requireOptions(options);
  for (const key of ["agent", "source", "note"] as const) {
    const value: unknown = options[key];
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
