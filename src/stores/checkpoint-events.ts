/** What the log says of going back to a checkpoint: that it was done, and what it made of each document. */

import { countChanges, type CheckpointDocument } from "../model/checkpoints.ts";
import { uidOf, wordOf, type FeatureWord } from "../model/feature.ts";
import type { EventDraft, Writing } from "../storage/view.ts";
import { changeDraft } from "./change-events.ts";
import type { Described } from "./checkpoint-kinds.ts";
import type { RestorePlan, Rewrite } from "./checkpoint-plan.ts";
import { attribution, type ChangeNote, type StoreContext } from "./context.ts";

/** What was done. */
export interface Restored {
  readonly manifest: CheckpointDocument;
  readonly plan: RestorePlan;
  /** The checkpoint that holds what was replaced. */
  readonly saved: string;
}

/** Logs that a store went back, and an event for each document, caused by that. */
export function logRestored(
  context: StoreContext,
  write: Writing,
  { manifest, plan, saved }: Restored,
  note: ChangeNote,
): void {
  const { name, createdAt, scope } = manifest;
  const by = attribution(context, note);
  const { id: causedBy } = write.append({
    stream: `checkpoint:${name}`,
    type: "checkpoint_restored",
    ...by,
    payload: { checkpoint: name, createdAt, scope, saved, ...countChanges(plan.documents) },
  });
  // What goes first: of two that bore one uid the one that stays has the last word.
  const inOrder = [
    ...plan.rewrites.filter(({ change }) => change === "deleted"),
    ...plan.rewrites.filter(({ change }) => change !== "deleted"),
  ];
  for (const rewrite of inOrder) {
    const event = featureEvent(context, rewrite, note) ?? documentEvent(rewrite, name, by);
    if (event !== null) write.append({ ...event, causedBy });
  }
}

/** What explains the state of a feature to whoever compares files with the log. */
function featureEvent(
  context: StoreContext,
  { before, after }: Rewrite,
  note: ChangeNote,
): EventDraft | null {
  const feature = after?.feature ?? null;
  if (feature === null) return null;
  const [was, is] = [wordIn(before), wordOf(feature)];
  const state =
    is === "deleted"
      ? { eventType: "deleted", field: null, oldValue: null, newValue: null }
      : { eventType: "restored", field: "status", oldValue: was, newValue: is };
  const subject = { featureId: feature.id, featureUid: uidOf(feature), agent: null };
  return changeDraft(context, { ...subject, ...state }, note);
}

/** `null` for what was not there, or could not be read. */
function wordIn(described: Described | null): FeatureWord | null {
  const feature = described?.feature ?? null;
  const word = feature === null ? "deleted" : wordOf(feature);
  return word === "deleted" ? null : word;
}

/** `null` where a damaged text comes back: nobody can say what it is. */
function documentEvent(
  { kind, change, after }: Rewrite,
  checkpoint: string,
  by: Pick<EventDraft, "agent" | "source" | "metadata">,
): EventDraft | null {
  if (after === null) return null;
  const { stream, payload } = after.subject;
  return { stream, type: kind.eventType, ...by, payload: { ...payload, change, checkpoint } };
}
