/** Which of a plan's edges become dependencies. */
import { closingEdges, type Edge } from "./circles.ts";
import type { DroppedDependency } from "./imported.ts";
import type { Match, Matches } from "./match-items.ts";

/** An edge of the plan that becomes no dependency. */
export interface DroppedEdge extends DroppedDependency {
  /** The item that has it. */
  readonly from: string;
  /** The circle it would close, by the source's ids, from the item and back to it. */
  readonly path?: readonly string[];
}

/** An edge that is a dependency by the plan's word. */
export interface AcceptedEdge {
  readonly to: number;
  /** The source's id of what it depends on. */
  readonly id: string;
}

export interface JudgedEdges {
  /** By node, in the plan's order. */
  readonly accepted: ReadonlyMap<number, readonly AcceptedEdge[]>;
  readonly dropped: ReadonlyMap<number, readonly DroppedEdge[]>;
}

interface WantedEdge extends Edge {
  readonly id: string;
  readonly item: string;
}

/** Edges are taken by the line of their item, so the same file always drops the same ones. */
export function judgeEdges(matches: Matches): JudgedEdges {
  const accepted = new Map<number, AcceptedEdge[]>();
  const dropped = new Map<number, DroppedEdge[]>();
  const wanted: WantedEdge[] = [];
  const byLine = [...matches.all].sort((left, right) => left.item.line - right.item.line);
  for (const match of byLine) {
    const { item, node } = match;
    for (const id of new Set(item.dependsOn)) {
      const to = matches.resolve(item, id);
      if (to === undefined) add(dropped, node, { from: item.sourceId, id, reason: "unknown" });
      else if (to === node) add(dropped, node, { from: item.sourceId, id, reason: "self" });
      else if (wasRemovedHere(match, to)) add(accepted, node, { to, id });
      else wanted.push({ from: node, to, id, item: item.sourceId });
    }
  }

  const count = matches.features.length + matches.all.length;
  const closing = closingEdges(count, edgesOfTheStore(matches), wanted);
  const name = nodeNames(matches);
  for (const edge of wanted) {
    const way = closing.get(edge);
    if (way === undefined) add(accepted, edge.from, { to: edge.to, id: edge.id });
    else {
      const path = [edge.item, ...way.map(name)];
      add(dropped, edge.from, { from: edge.item, id: edge.id, reason: "circle", path });
    }
  }
  return { accepted, dropped };
}

/** Whether somebody took the dependency away here; then the plan does not bring it back. */
function wasRemovedHere({ base, current }: Match, to: number): boolean {
  return base.has(to) && !current.has(to);
}

/** The dependencies that are there and that the plan does not speak about. */
function edgesOfTheStore(matches: Matches): Edge[] {
  const base = new Map(matches.all.map((match) => [match.node, match.base]));
  return matches.dependencies.flatMap((targets, from) =>
    targets.filter((to) => base.get(from)?.has(to) !== true).map((to) => ({ from, to })),
  );
}

function nodeNames(matches: Matches): (node: number) => string {
  const names = new Map(matches.all.map(({ node, item }) => [node, item.sourceId]));
  return (node) => names.get(node) ?? `#${matches.features[node]?.id ?? "?"}`;
}

function add<T>(lists: Map<number, T[]>, node: number, value: T): void {
  const list = lists.get(node);
  if (list === undefined) lists.set(node, [value]);
  else list.push(value);
}
