/** What an import did, for people. */
import type { KeptAside } from "../../adapters/format.ts";
import { KEPT_UNDER_IMPORTED, type ImportReport } from "../../adapters/import-plan.ts";
import { visible } from "./safe-text.ts";
import type { Terminal } from "./terminal.ts";
import { wrapIndented } from "./width.ts";

/** So that a large plan leaves the counts on the screen; --json names all. */
const NAMED_EDGES = 20;

/** What became of one file, or would become of it. */
export interface FileReport extends ImportReport {
  readonly dryRun: boolean;
}

export function renderImport(report: FileReport, terminal: Terminal): string {
  const { created, updated, unchanged, finished, mapped, keptAside, droppedEdges, problems } =
    report;
  const did = report.dryRun ? "Would import" : "Imported";
  const edges = droppedEdges.slice(0, NAMED_EDGES).map((edge) => `  ${edgeText(edge)}`);
  const more = droppedEdges.length - edges.length;
  return [
    `${did} ${report.file} as ${report.format}: ${created} created, ${updated} updated, ${unchanged} unchanged (${finished} finished)`,
    "Fields:",
    ...mapped.filter(({ from, to }) => from !== to).map(({ from, to }) => `  ${from} -> ${to}`),
    ...(mapped.every(({ from, to }) => from === to) ? ["  as they are"] : []),
    ...title("Kept aside:", keptAside),
    ...keptAside.filter(isParticular).map(({ what, count, why }) => `  ${what}: ${count}, ${why}`),
    ...fieldsLine(keptAside.filter((kept) => !isParticular(kept))),
    ...title("Edges that are no dependencies:", droppedEdges),
    ...edges,
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...title("Problems:", problems),
    ...problems.map(({ line, message }) => `  ${line === null ? "" : `line ${line}: `}${message}`),
  ]
    .flatMap((line) => folded(line, terminal))
    .join("\n");
}

/** What did not come in as it stands in the plan, each line with its file. */
export function renderProblems(report: ImportReport, terminal: Terminal): string[] {
  const { file, problems, droppedEdges } = report;
  return [
    ...problems.map(({ line, message }) => `${file}${line === null ? "" : `:${line}`}: ${message}`),
    ...droppedEdges.map((edge) => `${file}: ${edgeText(edge)}`),
  ].flatMap((line) => folded(line, terminal));
}

function edgeText({ from, id, reason, path }: ImportReport["droppedEdges"][number]): string {
  const why =
    reason === "circle" ? `closes the circle ${(path ?? []).join(" > ")}` : REASONS[reason];
  return `${from} needs ${id}: ${why}`;
}

function isParticular({ why }: KeptAside): boolean {
  return why !== KEPT_UNDER_IMPORTED;
}

/** The fields that share one reason, on one line. */
function fieldsLine(kept: readonly KeptAside[]): string[] {
  if (kept.length === 0) return [];
  return [`  under imported: ${kept.map(({ what, count }) => `${what} (${count})`).join(", ")}`];
}

const REASONS = { unknown: "there is no such item", self: "it is the item itself" } as const;

function title(text: string, list: readonly unknown[]): string[] {
  return list.length === 0 ? [] : [text];
}

function folded(line: string, terminal: Terminal): string[] {
  return wrapIndented(visible(line), terminal.width);
}
