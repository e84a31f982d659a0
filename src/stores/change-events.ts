/** Changes of features as events: what their lines hold, and how they read. */

import type { ChangeEvent } from "../model/feature.ts";
import type { FeatureEventDraft } from "../model/feature-world.ts";
import type { EventLine } from "../storage/event-lines.ts";
import type { EventDraft } from "../storage/view.ts";
import { attribution, type ChangeNote, type StoreContext } from "./context.ts";

const STREAM_TYPE = "feature";
/** Ids of features are numbered under this name. */
export const FEATURE_KIND = "feature";

/** The stream that holds a feature's events. */
export function featureStream(uid: string): string {
  return `${STREAM_TYPE}:${uid}`;
}

/** What is in the line of a feature's event. */
export interface ChangePayload {
  readonly featureId: number;
  readonly featureUid: string;
  readonly field?: string;
  readonly oldValue?: string;
  readonly newValue?: string;
}

/** The event of one change, as it goes into the log. */
export function changeDraft(
  context: StoreContext,
  event: FeatureEventDraft,
  note: ChangeNote,
): EventDraft {
  const { featureId, featureUid, field, oldValue, newValue } = event;
  return {
    stream: featureStream(featureUid),
    type: event.eventType,
    ...attribution(context, note, event.agent),
    payload: {
      featureId,
      featureUid,
      ...(field === null ? {} : { field }),
      ...(oldValue === null ? {} : { oldValue }),
      ...(newValue === null ? {} : { newValue }),
    },
  };
}

/** A line of the log as a change; `null` when it is none. */
export function changeOf(line: EventLine): ChangeEvent | null {
  if (!line.stream.startsWith(`${STREAM_TYPE}:`)) return null;
  const payload = line.payload as Partial<ChangePayload> | null;
  if (typeof payload?.featureId !== "number") return null;
  return {
    id: line.id,
    featureId: payload.featureId,
    featureUid: payload.featureUid ?? line.stream.slice(STREAM_TYPE.length + 1),
    eventType: line.type,
    field: payload.field ?? null,
    oldValue: payload.oldValue ?? null,
    newValue: payload.newValue ?? null,
    agent: line.agent ?? null,
    source: line.source ?? "",
    createdAt: line.createdAt,
  };
}

/** Whether events of a stream may name ids of features. */
export function namesIds(stream: string): boolean {
  return stream.startsWith(`${STREAM_TYPE}:`);
}

/** The ids that an event names: a feature may be gone, and its history must not become another's. */
export function idsOf(line: EventLine): readonly (readonly [kind: string, id: number])[] {
  const id = changeOf(line)?.featureId;
  return id !== undefined && Number.isSafeInteger(id) ? [[FEATURE_KIND, id]] : [];
}
