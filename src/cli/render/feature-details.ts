/** One feature with everything about it, for people. */
import type { Feature } from "../../index.ts";
import { visible, visibleLines } from "./safe-text.ts";
import { STATUS_COLOURS, type Terminal } from "./terminal.ts";
import { pad, wrap, wrapIndented } from "./width.ts";

/** Shown by a line of their own, or not at all. */
const SHOWN: ReadonlySet<string> = new Set([
  "id",
  "uid",
  "name",
  "status",
  "priority",
  "category",
  "dependencies",
  "claim",
  "createdAt",
  "updatedAt",
  "description",
  "steps",
  "passes",
  "inProgress",
  "revision",
]);
const LABEL_WIDTH = 12;

export function renderDetails(feature: Feature, terminal: Terminal): string {
  const { status, claim } = feature;
  const symbol = terminal.paint(STATUS_COLOURS[status], terminal.symbols.status[status]);
  const others = Object.entries(feature).filter(([key]) => !SHOWN.has(key));
  return [
    ...titleLines(`#${feature.id} ${feature.name}`, symbol, terminal),
    field("Status", status.replace("_", " "), terminal),
    field("Priority", String(feature.priority), terminal),
    field("Category", feature.category, terminal),
    field("Needs", feature.dependencies.map((id) => `#${id}`).join(", "), terminal),
    field("Held by", claim === null ? "" : holder(claim.agent, claim.expiresAt), terminal),
    field("Created", feature.createdAt ?? "", terminal),
    field("Updated", feature.updatedAt ?? "", terminal),
    field("Uid", feature.uid, terminal),
    field("Revision", feature.revision, terminal),
    ...block("Description", visibleLines(feature.description), terminal),
    ...block(
      "Steps",
      feature.steps.map((step, at) => `${at + 1}. ${visible(step)}`),
      terminal,
    ),
    ...others.flatMap(([key, value]) => {
      return block(visible(key), visibleLines(JSON.stringify(value, null, 2)), terminal);
    }),
  ]
    .filter((line) => line !== null)
    .join("\n");
}

function holder(agent: string, expiresAt: string | null): string {
  return expiresAt === null ? agent : `${agent} until ${expiresAt}`;
}

function titleLines(title: string, symbol: string, terminal: Terminal): string[] {
  const lines = wrap(visible(title), Math.max(10, terminal.width - 4));
  return lines.map((line, at) =>
    at === 0 ? `${symbol} ${terminal.paint("bold", line)}` : `  ${line}`,
  );
}

/** One labelled line, folded where it is too long; nothing for an empty value. */
function field(label: string, value: string, terminal: Terminal): string | null {
  if (value === "") return null;
  const lines = wrap(visible(value), Math.max(10, terminal.width - LABEL_WIDTH - 2));
  return lines
    .map((line, at) => `  ${pad(at === 0 ? label : "", LABEL_WIDTH, "left")}${line}`)
    .join("\n");
}

function block(title: string, lines: readonly string[], terminal: Terminal): string[] {
  if (lines.every((line) => line === "")) return [];
  const width = Math.max(10, terminal.width - 4);
  return [
    "",
    `  ${terminal.paint("bold", title)}`,
    ...lines.flatMap((line) => wrapIndented(line, width)).map((line) => `    ${line}`),
  ];
}
