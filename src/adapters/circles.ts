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

  const walker = new Walker(betweenCircles(count, [...fixed, ...wanted]));
  for (const edge of fixed) walker.take(edge);
  for (const edge of wanted) {
    const way = walker.findWay(edge.to, edge.from);
    if (way === null) walker.take(edge);
    else closing.set(edge, way);
  }
  return closing;
}

/** Edges taken so far among the nodes that matter, and the ways along them. */
class Walker {
  readonly #isInside: Uint8Array;
  readonly #edges: number[][];
  /** In which walk a node was last reached, and from which node: cheaper than a set for each walk. */
  readonly #reachedIn: Int32Array;
  readonly #cameFrom: Int32Array;
  #walks = 0;

  /** @param isInside 1 for each node that a way may lead over */
  constructor(isInside: Uint8Array) {
    this.#isInside = isInside;
    this.#edges = Array.from(isInside, () => []);
    this.#reachedIn = new Int32Array(isInside.length);
    this.#cameFrom = new Int32Array(isInside.length);
  }

  take({ from, to }: Edge): void {
    if (this.#isInside[from] === 1 && this.#isInside[to] === 1) this.#edges[from]?.push(to);
  }

  /** The nodes from `start` to `goal`; `null` when there is no way. */
  findWay(start: number, goal: number): number[] | null {
    if (this.#isInside[start] !== 1 || this.#isInside[goal] !== 1) return null;
    this.#walks += 1;
    this.#reach(start, start);
    const open = [start];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node === goal) return this.#wayTo(goal, start);
      for (const next of this.#edges[node] ?? []) {
        if (this.#reachedIn[next] === this.#walks) continue;
        this.#reach(next, node);
        open.push(next);
      }
    }
    return null;
  }

  #reach(node: number, from: number): void {
    this.#reachedIn[node] = this.#walks;
    this.#cameFrom[node] = from;
  }

  #wayTo(goal: number, start: number): number[] {
    const way = [goal];
    for (let node = goal; node !== start;) {
      node = this.#cameFrom[node] ?? start;
      way.push(node);
    }
    return way.reverse();
  }
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

/** 1 for the nodes left when those that nothing leads to, or that lead to nothing, are peeled off. */
function betweenCircles(count: number, edges: readonly Edge[]): Uint8Array {
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
  return Uint8Array.from({ length: count }, (_, node) => (left.has(node) ? 1 : 0));
}
