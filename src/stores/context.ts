/** What every store is made with: the engine, and who acts when a call does not say. */

import { FlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { Storage } from "../storage/storage.ts";
import type { EventDraft } from "../storage/view.ts";

export interface StoreContext {
  readonly storage: Storage;
  /** Who acts, unless a call names an agent. */
  readonly actor: string;
  /** Through what, unless a call names a source. */
  readonly source: string;
  readonly nowMs: () => number;
  readonly newUid: () => string;
  /** Takes what is wrong with a file that a call came upon. */
  readonly report: (finding: Finding) => void;
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

/** The parts of an event that say who, through what, and why. */
export function attribution(
  context: StoreContext,
  note: ChangeNote,
  agent: string | null = null,
): Pick<EventDraft, "agent" | "source" | "metadata"> {
  for (const key of ["agent", "source", "note"] as const) {
    const value: unknown = note[key];
    const isText =
      typeof value === "string" && value.isWellFormed() && (key === "note" || value !== "");
    if (value === undefined || isText) continue;
    throw new FlowError(
      "BAD_REQUEST",
      `Cannot log the change: ${key} must be a text${key === "note" ? "" : " that is not empty"}`,
      {
        context: { field: key },
      },
    );
  }
  return {
    agent: agent ?? note.agent ?? context.actor,
    source: note.source ?? context.source,
    ...(note.note === undefined ? {} : { metadata: { note: note.note } }),
  };
}
