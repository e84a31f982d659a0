/**
 * The rules of the dependency graph, as pure functions over any objects with the fields they use.
 * The order of the input has no influence on a result, no depth is too deep, features that bear
 * one id count as one with the dependencies of all, and dependencies on unknown ids are ignored
 * unless said otherwise.
 */
import { FlowError } from "../errors.ts";
import { countReached, idGraph, reversed, takeInOrder } from "./graph-nodes.ts";

/** What every rule needs of a feature. */
export interface GraphFeature {
  readonly id: number;
  readonly dependencies: readonly number[];
}

/** What the rules need that also look at the order. */
export interface PrioritisedFeature extends GraphFeature {
  /** Lower comes first. */
  readonly priority: number;
}

/** A score is this much for each feature that waits, */
const POINTS_PER_UNBLOCKED = 1000;
/** at most this much for standing early in the order, */
const POINTS_FOR_DEPTH = 100;
/** and at most this much for a low priority number (flow-db's weights). */
const POINTS_FOR_IMPORTANCE = 10;

/** How many ids of a circle a message names; `context.path` has all. */
const NAMED_IDS = 12;

/**
 * The features in an order in which each comes after all it depends on: always the one with the
 * lowest priority number, then the lowest id, of those whose dependencies are all placed.
 *
 * @throws FlowError `CYCLE_DETECTED`: `context.path` is one circle (first id = last id),
 *   `context.unplaced` the ids of circles and of all that waits for one.
 */
export function topologicalSort<F extends PrioritisedFeature & { readonly uid?: string }>(
  features: readonly F[],
): F[] {
  // Sorted first, so that a node's number is its rank and ties need no further rule.
  const sorted = [...features].sort(
    (left, right) =>
      left.priority - right.priority ||
      left.id - right.id ||
      compareTexts(left.uid ?? "", right.uid ?? ""),
  );
  const bearers = new Map<number, number[]>();
  for (const [node, { id }] of sorted.entries()) {
    const known = bearers.get(id);
    if (known === undefined) bearers.set(id, [node]);
    else known.push(node);
  }
  const edges = sorted.map(({ dependencies }) =>
    [...new Set(dependencies)].flatMap((id) => bearers.get(id) ?? []),
  );
  const order = takeInOrder(edges, (left, right) => left < right);
  if (order.length < sorted.length) {
    const placed = new Set(order);
    throw circleAmong(sorted.filter((_, node) => !placed.has(node)));
  }
  return order.map((node) => sorted[node] as F);
}

/**
 * Whether `feature` would stand in a circle if it depended on `newDependencyId` too: when that is
 * its own id, or depends on it over any number of steps.
 */
export function wouldCreateCycle(
  feature: Pick<GraphFeature, "id">,
  newDependencyId: number,
  features: readonly GraphFeature[],
): boolean {
  if (feature.id === newDependencyId) return true;
  const needs = new Map<number, (readonly number[])[]>();
  for (const { id, dependencies } of features) {
    const known = needs.get(id);
    if (known === undefined) needs.set(id, [dependencies]);
    else known.push(dependencies);
  }
  const dependenciesOf = (id: number): readonly number[] => (needs.get(id) ?? []).flat();
  return pathBetween(newDependencyId, feature.id, dependenciesOf) !== null;
}

/**
 * Circles in the graph: one for each dependency that leads back into the path by which a walk,
 * from the smallest id on, came to it. Every feature in a circle reaches at least one of them; not
 * every way round is listed, because their number can double with every feature. Each begins at
 * its smallest id and goes on to what that depends on (`[1, 2]`: 1 needs 2, 2 needs 1); a feature
 * that depends on itself is `[id]`. Sorted; empty when there is none.
 */
export function findCycles(features: readonly GraphFeature[]): number[][] {
  const { ids, edges } = idGraph(features);
  const cycles: number[][] = [];
  /** Where a node stands in the path; -1 not yet seen, -2 done. */
  const place = new Int32Array(ids.length).fill(-1);
  const nextEdge = new Int32Array(ids.length);
  const path: number[] = [];
  const enter = (node: number): void => {
    place[node] = path.length;
    path.push(node);
  };
  for (let start = 0; start < ids.length; start += 1) {
    if (place[start] !== -1) continue;
    enter(start);
    while (path.length > 0) {
      const node = path[path.length - 1] as number;
      const target = edges[node]?.[nextEdge[node] as number];
      if (target === undefined) {
        place[node] = -2;
        path.pop();
        continue;
      }
      (nextEdge[node] as number) += 1;
      const seen = place[target] as number;
      if (seen === -1) enter(target);
      else if (seen >= 0)
        cycles.push(fromSmallest(path.slice(seen).map((at) => ids[at] as number)));
    }
  }
  return cycles.sort(compareLists);
}

/**
 * How soon each feature should be done, by id; higher is sooner.
 *
 * `1000 × unblocks + 100 × depth + 10 × importance`: *unblocks* is the exact number of features
 * that depend on it directly or indirectly, whatever their state; *depth* its place in
 * {@link topologicalSort}, 1 for the first and 0 for the last (0 for all when there is a circle);
 * *importance* 1 for the lowest priority number and 0 for the highest (0 for all when equal).
 */
export function computeScores(features: readonly PrioritisedFeature[]): Map<number, number> {
  const { ids, edges } = idGraph(features);
  const priorities = lowestPriorities(features);
  const priorityOf = (node: number): number => priorities.get(ids[node] as number) ?? 0;
  const order = takeInOrder(edges, (left, right) => {
    const difference = priorityOf(left) - priorityOf(right);
    // Node numbers follow the ids.
    return difference < 0 || (difference === 0 && left < right);
  });
  const depths = new Float64Array(ids.length);
  if (order.length === ids.length) {
    const last = Math.max(1, ids.length - 1);
    for (const [position, node] of order.entries()) depths[node] = 1 - position / last;
  }
  let lowest = Infinity;
  let highest = -Infinity;
  for (const priority of priorities.values()) {
    lowest = Math.min(lowest, priority);
    highest = Math.max(highest, priority);
  }
  const unblocks = countReached(reversed(edges));
  const scores = new Map<number, number>();
  for (const [node, id] of ids.entries()) {
    const importance =
      highest === lowest ? 0 : 1 - (priorityOf(node) - lowest) / (highest - lowest);
    scores.set(
      id,
      POINTS_PER_UNBLOCKED * (unblocks[node] ?? 0) +
        POINTS_FOR_DEPTH * (depths[node] ?? 0) +
        POINTS_FOR_IMPORTANCE * importance,
    );
  }
  return scores;
}

/**
 * Whether all that `feature` depends on is done: each id is borne by a feature of `features`, and
 * every one that bears it passes. True without dependencies; an unknown id is not done.
 */
export function areDependenciesSatisfied(
  feature: Pick<GraphFeature, "dependencies">,
  features: readonly { readonly id: number; readonly passes: boolean }[],
): boolean {
  if (feature.dependencies.length === 0) return true;
  const missing = new Set(feature.dependencies);
  for (const { id, passes } of features) if (passes) missing.delete(id);
  if (missing.size > 0) return false;
  const needed = new Set(feature.dependencies);
  return features.every(({ id, passes }) => passes || !needed.has(id));
}

/**
 * A shortest way from an id to another along dependencies, both included; `null` when there is
 * none. `dependenciesOf` may name ids twice and unknown ones.
 */
export function pathBetween(
  from: number,
  to: number,
  dependenciesOf: (id: number) => Iterable<number>,
): number[] | null {
  const cameFrom = new Map<number, number | null>([[from, null]]);
  const queue = [from];
  for (const id of queue) {
    if (id === to) return wayBack(id, cameFrom);
    for (const next of dependenciesOf(id)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, id);
      queue.push(next);
    }
  }
  return null;
}

/** The refusal of a circle. `path` is closed: its first id is its last. */
export function cycleDetected(
  action: string,
  path: readonly number[],
  context: Readonly<Record<string, unknown>> = {},
): FlowError {
  const named = path.slice(0, NAMED_IDS).join(" → ");
  const rest = path.length > NAMED_IDS ? ` → … → ${String(path.at(-1))}` : "";
  return new FlowError(
    "CYCLE_DETECTED",
    `${action}: the dependencies would go in a circle (${named}${rest})`,
    { hint: "Remove one dependency of the circle.", context: { ...context, path } },
  );
}

function circleAmong(unplaced: readonly GraphFeature[]): FlowError {
  const { ids, edges } = idGraph(unplaced);
  // Each of these waits for another of them, so a walk must come back to where it was.
  const place = new Map<number, number>();
  const walk: number[] = [];
  let node = 0;
  while (!place.has(node)) {
    place.set(node, walk.length);
    walk.push(node);
    node = edges[node]?.[0] ?? node;
  }
  const circle = fromSmallest(walk.slice(place.get(node)).map((at) => ids[at] as number));
  return cycleDetected("Cannot sort the features", [...circle, circle[0] as number], {
    unplaced: ids,
  });
}

function lowestPriorities(features: readonly PrioritisedFeature[]): Map<number, number> {
  const priorities = new Map<number, number>();
  for (const { id, priority } of features) {
    priorities.set(id, Math.min(priority, priorities.get(id) ?? Infinity));
  }
  return priorities;
}

function wayBack(end: number, cameFrom: ReadonlyMap<number, number | null>): number[] {
  const path: number[] = [];
  for (let id: number | null = end; id !== null; id = cameFrom.get(id) ?? null) path.push(id);
  return path.reverse();
}

function fromSmallest(cycle: readonly number[]): number[] {
  let smallest = 0;
  for (const [at, id] of cycle.entries()) if (id < (cycle[smallest] as number)) smallest = at;
  return [...cycle.slice(smallest), ...cycle.slice(0, smallest)];
}

function compareLists(left: readonly number[], right: readonly number[]): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (left[at] as number) - (right[at] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
