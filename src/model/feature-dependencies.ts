/** What depends on what. Pure decisions; see `feature-world.ts`. */
import { FlowError } from "../errors.ts";
import { decisionOf, log, openDraft, type FeatureDraft } from "./feature-draft.ts";
import type { FeatureRef } from "./feature-inputs.ts";
import {
  dependenciesIn,
  identity,
  requireRef,
  type ChangeOptions,
  type Decision,
  type FeatureWorld,
} from "./feature-world.ts";
import { sameJson } from "./json-values.ts";
import { cycleDetected, pathBetween } from "./graph.ts";

/** No feature bears this id: a node below which all new dependencies hang, to walk from them at once. */
const START = 0;

/**
 * Adds one dependency at the end; one that is there already stays where it is.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND` for either feature, `CYCLE_DETECTED`, `CONFLICT`.
 */
export function decideAddDependency(
  world: FeatureWorld,
  ref: FeatureRef,
  dependency: FeatureRef,
  options: ChangeOptions = {},
): Decision {
  const added = knownId(world, dependency);
  const draft = openDraft(world, ref, options);
  const present = draft.state.dependencies;
  if (added === draft.state.id || !present.includes(added)) {
    refuseCircle(world, draft, [added]);
    replaceDependencies(draft, [...present, added]);
  }
  return decisionOf([draft]);
}

/**
 * Removes one dependency, which need not exist as a feature; an absent one is no change.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideRemoveDependency(
  world: FeatureWorld,
  ref: FeatureRef,
  dependency: FeatureRef,
  options: ChangeOptions = {},
): Decision {
  const named = requireRef(dependency);
  const removed = typeof named === "number" ? named : world.find(named)[0]?.document.id;
  const draft = openDraft(world, ref, options);
  const present = draft.state.dependencies;
  if (removed !== undefined && present.includes(removed)) {
    replaceDependencies(
      draft,
      present.filter((id) => id !== removed),
    );
  }
  return decisionOf([draft]);
}

/**
 * Replaces all dependencies, in the order given; one that is named twice counts once.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND` for the first unknown one, `CYCLE_DETECTED`, `CONFLICT`.
 */
export function decideSetDependencies(
  world: FeatureWorld,
  ref: FeatureRef,
  dependencies: readonly FeatureRef[],
  options: ChangeOptions = {},
): Decision {
  if (!Array.isArray(dependencies)) {
    throw new FlowError("BAD_REQUEST", "dependencies must be a list of ids", {
      context: { field: "dependencies" },
    });
  }
  for (let at = 0; at < dependencies.length; at += 1) requireRef(dependencies[at]);
  const draft = openDraft(world, ref, options);
  applyDependencies(world, draft, dependencies);
  return decisionOf([draft]);
}

/** Puts a new list of dependencies into a draft, judged as {@link decideSetDependencies} does. */
export function applyDependencies(
  world: FeatureWorld,
  draft: FeatureDraft,
  dependencies: readonly FeatureRef[],
): void {
  const ids = [...new Set(dependencies.map((dependency) => knownId(world, dependency)))];
  refuseCircle(world, draft, ids);
  replaceDependencies(draft, ids);
}

/**
 * Puts a list of ids into a draft, unjudged: one event for each that goes and each that comes.
 * The same ones in another order are one `updated` event.
 */
export function replaceDependencies(draft: FeatureDraft, ids: readonly number[]): void {
  const present = draft.state.dependencies;
  if (sameJson(present, ids)) return;
  draft.set.set("dependencies", ids);
  const before = new Set(present);
  const after = new Set(ids);
  const field = "dependencies";
  const removed = present.filter((id) => !after.has(id));
  const added = ids.filter((id) => !before.has(id));
  for (const id of removed) log(draft, "dependency_removed", { field, oldValue: String(id) });
  for (const id of added) log(draft, "dependency_added", { field, newValue: String(id) });
  if (removed.length === 0 && added.length === 0) {
    const [oldValue, newValue] = [JSON.stringify(present), JSON.stringify(ids)];
    log(draft, "updated", { field, oldValue, newValue });
  }
}

/**
 * The id of a feature that some feature must bear; several may, then all of them count.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`.
 */
export function knownId(world: FeatureWorld, dependency: FeatureRef): number {
  const [record] = world.find(requireRef(dependency));
  if (record !== undefined) return record.document.id;
  throw new FlowError("NOT_FOUND", `There is no feature ${dependency} to depend on`, {
    context: { kind: "feature", dependency },
  });
}

function refuseCircle(world: FeatureWorld, draft: FeatureDraft, ids: readonly number[]): void {
  const own = draft.state.id;
  if (ids.includes(own)) throw circle(draft, [own, own]);
  const dependenciesOf = dependenciesIn(world);
  // The walk ends at the feature itself and never goes on from it: its old list has no say.
  const path = pathBetween(START, own, (id) => (id === START ? ids : dependenciesOf(id)));
  if (path !== null) throw circle(draft, [own, ...path.slice(1)]);
}

function circle(draft: FeatureDraft, path: readonly number[]): FlowError {
  const action = `Cannot change the dependencies of feature ${draft.state.id}`;
  return cycleDetected(action, path, identity(draft.record));
}
