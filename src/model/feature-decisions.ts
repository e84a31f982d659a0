/** Creating, editing, finishing and deleting features. Pure decisions; see `feature-world.ts`. */
import { compareFeatures, dependenciesOf } from "./feature.ts";
import { openMarked, type MarkOptions } from "./feature-claims.ts";
import { applyDependencies, replaceDependencies } from "./feature-dependencies.ts";
import {
  decisionOf,
  draftOf,
  letGo,
  log,
  openDraft,
  statusChange,
  statusWord,
  type FeatureDraft,
} from "./feature-draft.ts";
import {
  assertFeaturePatch,
  EDITABLE_FEATURE_KEYS,
  type FeaturePatch,
  type FeatureRef,
} from "./feature-inputs.ts";
import {
  priorityAfterAll,
  requireRef,
  type ChangeOptions,
  type Decision,
  type FeatureWorld,
} from "./feature-world.ts";
import { copyJson, ownValue, sameJson } from "./json-values.ts";
import { toIso } from "./time.ts";

/**
 * Sets a feature passing and gives it free, whether it was claimed or not. One that passes stays
 * as it is.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideMarkPassing(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions = {},
): Decision {
  const draft = openMarked(world, ref, options);
  const before = statusWord(draft);
  if (before !== "completed") {
    letGo(draft);
    draft.set.set("passes", true);
    log(draft, "status_change", statusChange(before, "completed"));
  }
  return decisionOf([draft]);
}

/**
 * Sets a feature neither passing nor in progress and gives it free. One that is so stays as it is.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideMarkFailing(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions = {},
): Decision {
  const draft = openMarked(world, ref, options);
  const before = statusWord(draft);
  if (before !== "pending") {
    letGo(draft);
    draft.set.set("passes", false);
    log(draft, "status_change", statusChange(before, "pending"));
  }
  return decisionOf([draft]);
}

/**
 * Puts a feature behind all others: its priority becomes the highest there is, its own included,
 * plus 1. Everything else stays.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideSkip(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions = {},
): Decision {
  const draft = openMarked(world, ref, options);
  const priority = priorityAfterAll(world);
  draft.set.set("priority", priority);
  log(draft, "skipped", {
    field: "priority",
    oldValue: String(draft.state.priority),
    newValue: String(priority),
  });
  return decisionOf([draft]);
}

/**
 * Sets what the patch names. Only what becomes different is written and logged.
 *
 * @throws FlowError `BAD_REQUEST` for reserved keys and wrong types (`context.issues`),
 *   `NOT_FOUND`, `CYCLE_DETECTED`, `CONFLICT`.
 */
export function decideUpdate(
  world: FeatureWorld,
  ref: FeatureRef,
  patch: FeaturePatch,
  options: ChangeOptions = {},
): Decision {
  requireRef(ref);
  assertFeaturePatch(patch, `Cannot update feature ${ref}`);
  const draft = openDraft(world, ref, options);
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (key === "dependencies") applyDependencies(world, draft, value as readonly FeatureRef[]);
    else if (EDITABLE_FEATURE_KEYS.has(key)) setField(draft, key, draft.state[key], value);
    else setUnknown(draft, key, value);
  }
  return decisionOf([draft]);
}

/** What `delete` comes to. `uids` is empty: there is no feature left to return. */
export interface DeleteDecision extends Decision {
  readonly id: number;
  /** The ids of the features that depended on it, in the order of lists. */
  readonly removedFrom: readonly number[];
}

/**
 * Turns a feature into a tombstone and takes its id out of the dependencies of all others, unless
 * another living feature bears the same id.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideDelete(
  world: FeatureWorld,
  ref: FeatureRef,
  options: ChangeOptions = {},
): DeleteDecision {
  const draft = openDraft(world, ref, options);
  const { id } = draft.state;
  letGo(draft);
  draft.set.set("deletedAt", toIso(world.nowMs));
  log(draft, "deleted");
  const dependants = world.find(id).length > 1 ? [] : dependantsOf(world, draft);
  for (const dependant of dependants) {
    const rest = dependant.state.dependencies.filter((dependency) => dependency !== id);
    replaceDependencies(dependant, rest);
  }
  const removedFrom = [...new Set(dependants.map(({ state }) => state.id))];
  return { ...decisionOf([draft, ...dependants], []), id, removedFrom };
}

function dependantsOf(world: FeatureWorld, deleted: FeatureDraft): FeatureDraft[] {
  const drafts: FeatureDraft[] = [];
  for (const record of world.all()) {
    if (!dependenciesOf(record.document).includes(deleted.state.id)) continue;
    const draft = draftOf(world, record, deleted.agent);
    // A feature that depends on itself (a hand edit) goes as a whole.
    if (draft.uid !== deleted.uid) drafts.push(draft);
  }
  return drafts.sort((left, right) => compareFeatures(left.state, right.state));
}

function setUnknown(draft: FeatureDraft, key: string, value: unknown): void {
  const present = ownValue(draft.record.document, key);
  if (value !== null) setField(draft, key, present, value);
  else if (present !== undefined) {
    draft.unset.push(key);
    log(draft, "updated", { field: key, oldValue: textOf(present), newValue: null });
  }
}

function setField(draft: FeatureDraft, key: string, present: unknown, value: unknown): void {
  if (sameJson(present, value)) return;
  draft.set.set(key, copyJson(value));
  log(draft, "updated", { field: key, oldValue: textOf(present), newValue: textOf(value) });
}

/** Texts as they are, everything else as JSON; `null` for what is absent. */
function textOf(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
