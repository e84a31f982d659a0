/** Which feature needs which: as a tree for the terminal, and for two programs that draw graphs. */
import type { FeatureGraphNode, FeatureStatus } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { STATUS_COLOURS, type Terminal } from "./terminal.ts";
import { cut } from "./width.ts";

/** Deeper branches go on as trees of their own: a chain of thousands would leave the screen. */
const MAX_DEPTH = 20;

interface Branch {
  readonly id: number;
  /** What stands before the node's own sign, from the branches above. */
  readonly indent: string;
  readonly sign: string;
  readonly below: string;
  readonly depth: number;
}

/** What nothing needs stands at the left, below each what it needs; the second time only by name. */
export function renderTree(nodes: readonly FeatureGraphNode[], terminal: Terminal): string {
  if (nodes.length === 0) return "No features";
  const known = new Map(nodes.map((node) => [node.id, node]));
  const seen = new Set<number>();
  const lines: string[] = [];
  const top = nodes.filter(({ dependents }) => dependents.length === 0).map(({ id }) => id);
  // Circles, which only a merge can bring, have no top: what is left over begins a tree as well.
  const roots = [...top, ...nodes.map(({ id }) => id)];
  for (let root = roots.shift(); root !== undefined; root = roots.shift()) {
    if (seen.has(root)) continue;
    const open: Branch[] = [{ id: root, indent: "", sign: "", below: "", depth: 0 }];
    for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
      const node = known.get(branch.id);
      const again = seen.has(branch.id);
      const children = node === undefined || again ? [] : node.dependencies;
      const isCut = children.length > 0 && branch.depth >= MAX_DEPTH;
      const note =
        again && (node?.dependencies.length ?? 0) > 0 ? " (above)" : isCut ? " (below)" : "";
      lines.push(treeLine(branch, node, note, terminal));
      if (isCut) {
        roots.unshift(branch.id);
        continue;
      }
      seen.add(branch.id);
      open.push(...branchesOf(children, branch, terminal).reverse());
    }
  }
  return lines.join("\n");
}

function branchesOf(children: readonly number[], above: Branch, terminal: Terminal): Branch[] {
  const [branch, last, below, belowLast] = terminal.symbols.tree;
  return children.map((id, at) => {
    const isLast = at === children.length - 1;
    return {
      id,
      indent: above.indent + above.below,
      sign: isLast ? last : branch,
      below: isLast ? belowLast : below,
      depth: above.depth + 1,
    };
  });
}

function treeLine(
  { id, indent, sign }: Branch,
  node: FeatureGraphNode | undefined,
  note: string,
  terminal: Terminal,
): string {
  const { symbols, width, paint } = terminal;
  if (node === undefined)
    return cut(`${indent}${sign}#${id} (no such feature)`, width, symbols.ellipsis);
  const status = statusOf(node);
  const text = `${indent}${sign}${symbols.status[status]} #${id} ${visible(node.name)}`;
  const line = cut(text, width - note.length, symbols.ellipsis) + note;
  return status === "ready" ? line : paint(STATUS_COLOURS[status], line);
}

export function statusOf(node: FeatureGraphNode): FeatureStatus {
  if (node.passes) return "passing";
  if (node.inProgress) return "in_progress";
  return node.blocked ? "blocked" : "ready";
}

/** Fill colours that read on white and on black. */
const FILLS: Readonly<Record<FeatureStatus, string>> = {
  passing: "#c8e6c9",
  in_progress: "#b3e5fc",
  blocked: "#ffe0b2",
  ready: "#ffffff",
};

/** For Mermaid; an arrow leads from what is needed to what needs it. */
export function renderMermaid(nodes: readonly FeatureGraphNode[]): string {
  const label = (text: string): string =>
    visible(text).replace(/["#&<>`\\[\]{}()|;]/g, (char) => `#${char.codePointAt(0) ?? 0};`);
  return [
    "graph TD",
    ...nodes.map(
      (node) => `  f${node.id}["#35;${node.id} ${label(node.name)}"]:::${statusOf(node)}`,
    ),
    ...nodes.flatMap(({ id, dependencies }) =>
      dependencies.map((needed) => `  f${needed} --> f${id}`),
    ),
    ...Object.entries(FILLS).map(
      ([status, fill]) => `  classDef ${status} fill:${fill},color:#000000`,
    ),
  ].join("\n");
}

/** For Graphviz; an arrow leads from what is needed to what needs it. */
export function renderDot(nodes: readonly FeatureGraphNode[]): string {
  const label = (text: string): string => visible(text).replace(/["\\]/g, "\\$&");
  return [
    "digraph features {",
    "  node [shape=box, style=filled];",
    ...nodes.map((node) => {
      const text = `#${node.id} ${label(node.name)}`;
      return `  f${node.id} [label="${text}", fillcolor="${FILLS[statusOf(node)]}"];`;
    }),
    ...nodes.flatMap(({ id, dependencies }) =>
      dependencies.map((needed) => `  f${needed} -> f${id};`),
    ),
    "}",
  ].join("\n");
}
