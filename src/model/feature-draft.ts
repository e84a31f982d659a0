/**
 * A draft: the change of one feature while a decision makes up its mind. It collects keys to set,
 * the lease and the events, and leaves out at the end what would be no change.
 */
import { FlowError } from "../errors.ts";
import {
  effective,
  hasExpired,
  uidOf,
  type FeatureRecord,
  type FeatureState,
  type Lease,
} from "./feature.ts";
import type { FeatureRef } from "./feature-inputs.ts";
import {
  findOne,
  identity,
  requireAgent,
  type ChangeOptions,
  type Decision,
  type FeatureChange,
  type FeatureEventDraft,
  type FeatureWorld,
} from "./feature-world.ts";
import { sameJson } from "./json-values.ts";

/** One feature on its way to its next state. */
export interface FeatureDraft {
  readonly record: FeatureRecord;
  /** As it counts now, an expired claim already gone. */
  readonly state: FeatureState;
  readonly uid: string;
  /** Who does it; `null` for the store's actor. */
  readonly agent: string | null;
  readonly set: Map<string, unknown>;
  readonly unset: string[];
  /** `undefined` leaves the lease as it is. */
  lease: Lease | null | undefined;
  readonly events: FeatureEventDraft[];
}

/** How the state of a feature is called in events (flow-db's words). */
export type StatusWord = "pending" | "in_progress" | "completed";

/**
 * Begins a change of the feature that `ref` names.
 *
 * @throws FlowError as {@link findOne}; `CONFLICT` when the revision is not the expected one.
 */
export function openDraft(
  world: FeatureWorld,
  ref: FeatureRef,
  options: ChangeOptions,
): FeatureDraft {
  const { agent, expectedRevision } = options;
  if (agent !== undefined) requireAgent(agent);
  if (expectedRevision !== undefined && typeof expectedRevision !== "string") {
    throw new FlowError("BAD_REQUEST", "expectedRevision must be the text of a revision", {
      context: { field: "expectedRevision" },
    });
  }
  const record = findOne(world, ref);
  if (expectedRevision !== undefined && expectedRevision !== record.revision) {
    throw new FlowError("CONFLICT", `Feature ${record.document.id} has changed since it was read`, {
      hint: "Read it again and decide anew.",
      context: { ...identity(record), expected: expectedRevision, actual: record.revision },
    });
  }
  return draftOf(world, record, agent ?? null);
}

/**
 * Begins a change of a record. An expired claim leaves the file first, with its own event, which
 * names the agent that held it: so whatever follows starts from what everybody already saw.
 */
export function draftOf(
  world: FeatureWorld,
  record: FeatureRecord,
  agent: string | null,
): FeatureDraft {
  const draft: FeatureDraft = {
    record,
    state: effective(record, world.nowMs),
    uid: uidOf(record.document),
    agent,
    set: new Map(),
    unset: [],
    lease: undefined,
    events: [],
  };
  if (hasExpired(record, world.nowMs)) {
    letGo(draft);
    log(draft, "lease_expired", {
      ...statusChange("in_progress", "pending"),
      agent: record.document.claim?.agent ?? null,
    });
  }
  return draft;
}

/** Takes the claim out of the draft's file and its lease away. */
export function letGo(draft: FeatureDraft): void {
  draft.set.set("inProgress", false).set("claim", null);
  draft.lease = null;
}

/** Adds an event of the draft's feature. */
export function log(
  draft: FeatureDraft,
  eventType: string,
  details: Partial<Pick<FeatureEventDraft, "field" | "oldValue" | "newValue" | "agent">> = {},
): void {
  const { id, uid } = draft.state;
  const { field = null, oldValue = null, newValue = null, agent = draft.agent } = details;
  draft.events.push({
    featureId: id,
    featureUid: uid,
    eventType,
    field,
    oldValue,
    newValue,
    agent,
  });
}

/** The fields of an event that tells of a new state. */
export function statusChange(
  oldValue: StatusWord,
  newValue: StatusWord,
): Pick<FeatureEventDraft, "field" | "oldValue" | "newValue"> {
  return { field: "status", oldValue, newValue };
}

/** The draft's state in the words of events. */
export function statusWord(draft: FeatureDraft): StatusWord {
  if (draft.state.passes) return "completed";
  return draft.state.inProgress ? "in_progress" : "pending";
}

/** The decision that the drafts add up to. `uids` defaults to those of all drafts. */
export function decisionOf(
  drafts: readonly FeatureDraft[],
  uids: readonly string[] = drafts.map(({ uid }) => uid),
): Decision {
  return {
    changes: drafts.flatMap(changesOf),
    events: drafts.flatMap(({ events }) => events),
    uids,
  };
}

/** What an absent flag of a hand-made file means; writing it out would be no change. */
const ABSENT: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["passes", false],
  ["inProgress", false],
  ["claim", null],
]);

function changesOf(draft: FeatureDraft): FeatureChange[] {
  const { document, lease } = draft.record;
  const changes: FeatureChange[] = [];
  const set = new Map<string, unknown>();
  for (const [key, value] of draft.set) {
    const present = Object.hasOwn(document, key) ? document[key] : ABSENT.get(key);
    if (!sameJson(present, value)) set.set(key, value);
  }
  if (set.size > 0 || draft.unset.length > 0) {
    // From here on events name the uid, so it must outlive an edit of the id by hand.
    if (document.uid === undefined) set.set("uid", draft.uid);
    changes.push({ kind: "patch", uid: draft.uid, set, unset: draft.unset });
  }
  if (draft.lease !== undefined && !sameJson(draft.lease, lease)) {
    changes.push({ kind: "lease", uid: draft.uid, lease: draft.lease });
  }
  return changes;
}
