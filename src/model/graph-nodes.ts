/**
 * Graph algorithms over numbered nodes, each without recursion, so that a chain of 100,000 needs
 * no stack. `edges[n]` are the nodes that node `n` points to.
 */

/** A graph whose nodes stand for ids; node numbers follow the order of the ids. */
export interface IdGraph {
  readonly ids: readonly number[];
  /** Each list sorted, each node in it once. */
  readonly edges: readonly (readonly number[])[];
}

/** The strongly connected components of a graph: nodes that reach each other. */
export interface Components {
  /** The component of each node. An edge between two components leads to the lower number. */
  readonly componentOf: Int32Array;
  readonly sizes: readonly number[];
}

/** What one sweep of {@link countReached} may take: 16 MB, so 10,000 nodes need a single one. */
const SWEEP_WORDS = 4 * 1024 * 1024;
const WORD_BITS = 32;

/**
 * One node for each id, with an edge for each dependency on an id that is there; features that
 * bear one id are one node with the edges of all. The order of `features` has no influence.
 */
export function idGraph(
  features: Iterable<{ readonly id: number; readonly dependencies: readonly number[] }>,
): IdGraph {
  const needs = new Map<number, Set<number>>();
  for (const { id, dependencies } of features) {
    const known = needs.get(id) ?? new Set();
    for (const dependency of dependencies) known.add(dependency);
    needs.set(id, known);
  }
  const ids = [...needs.keys()].sort((left, right) => left - right);
  const nodeOf = new Map(ids.map((id, node) => [id, node]));
  const edges = ids.map((id) => {
    const nodes: number[] = [];
    for (const dependency of needs.get(id) ?? []) {
      const node = nodeOf.get(dependency);
      if (node !== undefined) nodes.push(node);
    }
    return nodes.sort((left, right) => left - right);
  });
  return { ids, edges };
}

/** The same nodes with every edge turned round. */
export function reversed(edges: readonly (readonly number[])[]): number[][] {
  const turned: number[][] = edges.map(() => []);
  for (const [from, targets] of edges.entries()) {
    for (const to of targets) turned[to]?.push(from);
  }
  return turned;
}

/**
 * Kahn's algorithm: always takes, among the nodes all of whose targets are taken, the one that
 * `before` puts first. Returns the nodes in the order taken; nodes of a circle, and what points
 * to one, are missing.
 */
export function takeInOrder(
  edges: readonly (readonly number[])[],
  before: (left: number, right: number) => boolean,
): number[] {
  const waiting = reversed(edges);
  const open = edges.map((targets) => targets.length);
  const ready: number[] = [];
  for (const [node, count] of open.entries()) if (count === 0) pushToHeap(ready, node, before);
  const taken: number[] = [];
  for (let node = popFromHeap(ready, before); node !== null; node = popFromHeap(ready, before)) {
    taken.push(node);
    for (const next of waiting[node] ?? []) {
      const left = (open[next] ?? 0) - 1;
      open[next] = left;
      if (left === 0) pushToHeap(ready, next, before);
    }
  }
  return taken;
}

/** Tarjan's algorithm with a stack of its own. */
export function componentsOf(edges: readonly (readonly number[])[]): Components {
  const count = edges.length;
  const componentOf = new Int32Array(count).fill(-1);
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const nextEdge = new Int32Array(count);
  const sizes: number[] = [];
  const path: number[] = [];
  const unassigned: number[] = [];
  let visited = 0;

  const enter = (node: number): void => {
    order[node] = low[node] = visited;
    visited += 1;
    path.push(node);
    unassigned.push(node);
  };
  const close = (root: number): void => {
    let size = 0;
    for (let node = -1; node !== root; size += 1) {
      node = unassigned.pop() as number;
      componentOf[node] = sizes.length;
    }
    sizes.push(size);
  };
  const lower = (node: number, to: number): void => {
    low[node] = Math.min(low[node] as number, to);
  };

  for (let start = 0; start < count; start += 1) {
    if (order[start] !== -1) continue;
    enter(start);
    while (path.length > 0) {
      const node = path[path.length - 1] as number;
      const target = edges[node]?.[nextEdge[node] as number];
      if (target !== undefined) {
        (nextEdge[node] as number) += 1;
        if (order[target] === -1) enter(target);
        else if (componentOf[target] === -1) lower(node, order[target] as number);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) lower(parent, low[node] as number);
      if (low[node] === order[node]) close(node);
    }
  }
  return { componentOf, sizes };
}

/**
 * For each node the exact number of other nodes that it reaches. Sets of bits, one row a
 * component, joined along the edges; for many nodes in several sweeps over a part of the columns,
 * so that memory stays bounded.
 */
export function countReached(edges: readonly (readonly number[])[]): number[] {
  const { componentOf, sizes } = componentsOf(edges);
  const targets = componentEdges(edges, componentOf, sizes.length);
  const reached = sizes.map((size) => size - 1);
  const words = Math.max(
    1,
    Math.min(Math.ceil(sizes.length / WORD_BITS), Math.floor(SWEEP_WORDS / (sizes.length + 1))),
  );
  const rows = new Int32Array(sizes.length * words);
  const allSingle = sizes.every((size) => size === 1);
  for (let first = 0; first < sizes.length; first += words * WORD_BITS) {
    // Edges lead to lower numbers, so rows up to `first` cannot reach these columns.
    for (let row = first; row < sizes.length; row += 1) {
      const next = targets[row] as readonly number[];
      if (next.length === 0) continue;
      const start = row * words;
      rows.fill(0, start, start + words);
      for (const target of next) {
        if (target < first) continue;
        const column = target - first;
        if (column < words * WORD_BITS) {
          (rows[start + (column >>> 5)] as number) |= 1 << (column & 31);
        }
        const other = target * words;
        for (let word = 0; word < words; word += 1) {
          (rows[start + word] as number) |= rows[other + word] as number;
        }
      }
      let sum = 0;
      for (let word = 0; word < words; word += 1) {
        const bits = rows[start + word] as number;
        if (bits === 0) continue;
        sum += allSingle ? countBits(bits) : weigh(bits, first + word * WORD_BITS, sizes);
      }
      (reached[row] as number) += sum;
    }
  }
  return Array.from(componentOf, (component) => reached[component] as number);
}

/** The distinct edges between components, without those inside one. */
function componentEdges(
  edges: readonly (readonly number[])[],
  componentOf: Int32Array,
  count: number,
): readonly (readonly number[])[] {
  const targets: Set<number>[] = Array.from({ length: count }, () => new Set());
  for (const [node, list] of edges.entries()) {
    const own = componentOf[node] as number;
    for (const target of list) {
      const other = componentOf[target] as number;
      if (other !== own) targets[own]?.add(other);
    }
  }
  return targets.map((set) => [...set]);
}

function weigh(bits: number, first: number, sizes: readonly number[]): number {
  let sum = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) {
    sum += sizes[first + 31 - Math.clz32(rest & -rest)] ?? 0;
  }
  return sum;
}

/** The number of bits set in a 32-bit word, by adding neighbours in ever larger groups. */
function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function pushToHeap(
  heap: number[],
  node: number,
  before: (left: number, right: number) => boolean,
): void {
  let at = heap.length;
  heap.push(node);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as number;
    if (!before(node, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = node;
}

function popFromHeap(
  heap: number[],
  before: (left: number, right: number) => boolean,
): number | null {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined) return null;
  if (heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as number, heap[child] as number)) {
      child += 1;
    }
    const below = heap[child] as number;
    if (!before(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return top;
}
