/** Checkpoints for people: which there are, and what going back changes. */
import type { Checkpoint, CheckpointChange, RestoredCheckpoint } from "../../index.ts";
import { counted } from "./counted.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Colour, Terminal } from "./terminal.ts";

export function renderCheckpoints(checkpoints: readonly Checkpoint[], terminal: Terminal): string {
  if (checkpoints.length === 0) return "No checkpoints";
  return renderTable(
    checkpoints,
    [
      { title: "NAME", cell: ({ name }) => name, minWidth: 12 },
      { title: "SAVED", cell: ({ createdAt }) => createdAt },
      { title: "DOCUMENTS", cell: ({ documents }) => String(documents), align: "right" },
      { title: "AGENT", cell: ({ agent }) => agent, minWidth: 6, expendable: 2 },
      { title: "SCOPE", cell: ({ scope }) => scope.join(","), minWidth: 10, expendable: 3 },
      { title: "NOTE", cell: ({ note }) => note ?? "", minWidth: 8, expendable: 1 },
    ],
    terminal,
  );
}

/** One on a line. */
export function renderCheckpoint({ name, documents, bytes }: Checkpoint, verb: string): string {
  return `${verb} ${visible(name)} (${counted(documents, "document")}, ${counted(bytes, "byte")})`;
}

const COLOURS: Readonly<Record<CheckpointChange, Colour>> = {
  restored: "cyan",
  recreated: "green",
  deleted: "yellow",
  unchanged: "dim",
  left: "red",
};

/** What was changed, or with a dry run would be: each document that is, then how many. */
export function renderRestored(
  { checkpoint, saved, counts, documents }: RestoredCheckpoint,
  isDryRun: boolean,
  terminal: Terminal,
): string {
  const changed = documents.filter(({ change }) => change !== "unchanged");
  const table = renderTable(
    changed,
    [
      {
        title: "CHANGE",
        cell: ({ change }) => change,
        paint: (text, { change }) => terminal.paint(COLOURS[change], text),
      },
      { title: "FILE", cell: ({ path }) => path, minWidth: 20 },
    ],
    terminal,
  );
  const sum = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([change, count]) => `${count} ${change}`)
    .join(", ");
  const verb = isDryRun ? "Would go back to" : "Went back to";
  const lines = [`${verb} ${visible(checkpoint.name)}: ${sum === "" ? "nothing there" : sum}`];
  if (saved !== null) lines.push(`What was replaced: ${visible(saved)}`);
  return [...(changed.length === 0 ? [] : [table]), ...lines].join("\n");
}
