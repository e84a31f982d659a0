/**
 * Which edges of a plan have to be left out so that no circle remains. The same plan always gives
 * the same answer: edges are taken in their order, and one that would close a circle with those
 * taken before is left out.
 */
import { FlowError } from "../errors.ts";
import { topologicalSort } from "../index.ts";

/** `from` depends on `to`; both are numbers of nodes. */
export interface Edge {
  readonly from: number;
  readonly to: number;
}

/**
 * The edges of `wanted` that would close a circle, each with the way from `to` back to `from`.
 *
 * A plan without circles, the usual one, costs one topological sort. Otherwise only nodes that
 * lie on or between circles are walked, at most once an edge.
 *
 * @param count how many nodes there are, numbered from 0
 * @param fixed edges that are there already and are not judged
 */
export function closingEdges(
  count: number,
  fixed: readonly Edge[],
  wanted: readonly Edge[],
): Map<Edge, number[]> {
  const closing = new Map<Edge, number[]>();
  if (!hasCircle(count, [...fixed, ...wanted])) return closing;

  const suspects = betweenCircles(count, [...fixed, ...wanted]);
  const taken: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of fixed) taken[from]?.push(to);
  for (const edge of wanted) {
    const way =
      suspects.has(edge.from) && suspects.has(edge.to)
        ? findWay(edge.to, edge.from, taken, suspects)
        : null;
    if (way === null) taken[edge.from]?.push(edge.to);
    else closing.set(edge, way);
  }
  return closing;
}

function hasCircle(count: number, edges: readonly Edge[]): boolean {
  const nodes = Array.from({ length: count }, (_, id) => ({
    id: id + 1,
    priority: 0,
    dependencies: [] as number[],
  }));
  for (const { from, to } of edges) nodes[from]?.dependencies.push(to + 1);
  try {
    topologicalSort(nodes);
    return false;
  } catch (error) {
    if (error instanceof FlowError && error.code === "CYCLE_DETECTED") return true;
    throw error;
  }
}

/** The nodes left when those that nothing leads to, and those that lead to nothing, are peeled off. */
function betweenCircles(count: number, edges: readonly Edge[]): Set<number> {
  const left = new Set(Array.from({ length: count }, (_, node) => node));
  for (const [near, far] of [
    ["from", "to"],
    ["to", "from"],
  ] as const) {
    const degree = new Array<number>(count).fill(0);
    const next: number[][] = Array.from({ length: count }, () => []);
    for (const edge of edges) {
      if (!left.has(edge.from) || !left.has(edge.to)) continue;
      degree[edge[far]] = (degree[edge[far]] ?? 0) + 1;
      next[edge[near]]?.push(edge[far]);
    }
    const free = [...left].filter((node) => degree[node] === 0);
    for (let node = free.pop(); node !== undefined; node = free.pop()) {
      left.delete(node);
      for (const other of next[node] ?? []) {
        degree[other] = (degree[other] ?? 0) - 1;
        if (degree[other] === 0) free.push(other);
      }
    }
  }
  return left;
}

/** The nodes from `start` to `goal` along `edges`; `null` when there is no way. */
function findWay(
  start: number,
  goal: number,
  edges: readonly (readonly number[])[],
  within: ReadonlySet<number>,
): number[] | null {
  const cameFrom = new Map<number, number>([[start, start]]);
  const open = [start];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node === goal) return wayBack(goal, start, cameFrom);
    for (const next of edges[node] ?? []) {
      if (cameFrom.has(next) || !within.has(next)) continue;
      cameFrom.set(next, node);
      open.push(next);
    }
  }
  return null;
}

function wayBack(goal: number, start: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const way = [goal];
  for (let node = goal; node !== start; ) {
    node = cameFrom.get(node) ?? start;
    way.push(node);
  }
  return way.reverse();
}
