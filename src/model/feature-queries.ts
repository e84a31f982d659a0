/** Questions about all features at once, each answered in one pass over features and dependencies. */
import {
  compareFeatures,
  effective,
  isInProgress,
  statusOf,
  type Feature,
  type FeatureGraphNode,
  type FeatureRecord,
  type FeatureState,
  type FeatureStats,
  type FeatureStatus,
} from "./feature.ts";

/**
 * Living records as features at `nowMs`, in the order (priority, id, uid). What is asked of the
 * others (`status`) is asked of these, so all living records must be among them.
 */
export function featuresOf(records: Iterable<FeatureRecord>, nowMs: number): Feature[] {
  const states: FeatureState[] = [];
  for (const record of records) states.push(effective(record, nowMs));
  states.sort(compareFeatures);
  const isMet = metBy(states);
  // Object.assign on our own fresh object: a copy would cost as much again as making it.
  return states.map((state) => Object.assign(state, { status: statusOf(state, isMet) }));
}

/** A record and its status, for a question that needs no more of most features. */
export interface Standing {
  readonly record: FeatureRecord;
  readonly status: FeatureStatus;
}

/** The status of each record at `nowMs`, in the order given; all living records must be among them. */
export function standingsOf(records: readonly FeatureRecord[], nowMs: number): Standing[] {
  const states = records.map((record) => ({
    record,
    id: record.document.id,
    passes: record.document.passes === true,
    inProgress: isInProgress(record, nowMs),
    dependencies: record.document.dependencies ?? [],
  }));
  const isMet = metBy(states);
  return states.map((state) => ({ record: state.record, status: statusOf(state, isMet) }));
}

/** Standings as features at `nowMs`, in the order (priority, id, uid). */
export function featuresAt(standings: readonly Standing[], nowMs: number): Feature[] {
  return standings
    .map(({ record, status }) => Object.assign(effective(record, nowMs), { status }))
    .sort(compareFeatures);
}

/**
 * Whether a dependency on an id is met, over these features: some feature bears the id, and every
 * one that does passes.
 */
export function metBy(
  features: Iterable<Pick<FeatureState, "id" | "passes">>,
): (id: number) => boolean {
  const met = new Map<number, boolean>();
  for (const { id, passes } of features) met.set(id, passes && met.get(id) !== false);
  return (id) => met.get(id) === true;
}

/** The counts over all features; zeros when there is none. */
export function statsOf(features: Iterable<Pick<Feature, "status">>): FeatureStats {
  const counts = { passing: 0, in_progress: 0, blocked: 0, ready: 0 };
  for (const { status } of features) counts[status] += 1;
  const failing = counts.blocked + counts.ready;
  return {
    total: counts.passing + counts.in_progress + failing,
    passing: counts.passing,
    failing,
    inProgress: counts.in_progress,
    blocked: counts.blocked,
  };
}

/** The features that can be begun, in the order given. */
export function readyOf<F extends Pick<Feature, "status">>(features: readonly F[]): F[] {
  return features.filter(({ status }) => status === "ready");
}

/** Every feature with what it needs and what needs it, in the order given. */
export function graphOf(features: readonly Feature[]): FeatureGraphNode[] {
  const dependents = new Map<number, Set<number>>();
  for (const { id, dependencies } of features) {
    for (const dependency of dependencies) {
      const known = dependents.get(dependency);
      // A set, because two features that bear one id may need the same third one.
      if (known === undefined) dependents.set(dependency, new Set([id]));
      else known.add(id);
    }
  }
  return features.map((feature) => ({
    id: feature.id,
    name: feature.name,
    category: feature.category,
    priority: feature.priority,
    passes: feature.passes,
    inProgress: feature.inProgress,
    blocked: feature.status === "blocked",
    dependencies: feature.dependencies.slice(),
    dependents: [...(dependents.get(feature.id) ?? [])],
  }));
}
