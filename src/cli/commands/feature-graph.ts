/** Which feature needs which. */
import type { Command } from "../command.ts";
import { GRAPH_NODES } from "../data-shapes.ts";
import { readChoice } from "../values.ts";

const FORMATS = ["tree", "mermaid", "dot"] as const;

export const graph: Command = {
  usage: "[--format tree|mermaid|dot]",
  details: "In the tree each feature stands above what it needs.",
  options: {
    format: { type: "string", value: "NAME", help: `${FORMATS.join(", ")}; default tree` },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore feature graph", "flowstore feature graph --format dot | dot -Tsvg"],
  data: GRAPH_NODES,
  async run(context) {
    const format = readChoice(context.options.text("format") ?? "tree", "a format", FORMATS);
    const store = await context.openStore("read");
    const nodes = await store.features.getGraph();
    const { renderDot, renderMermaid, renderTree } = await import("../render/graph.ts");
    const meta = { count: nodes.length };
    if (format === "tree")
      return { data: nodes, meta, text: () => renderTree(nodes, context.terminal) };
    const text = format === "dot" ? renderDot(nodes) : renderMermaid(nodes);
    return { data: { format, text }, meta, text: () => text };
  },
};
