/** Decisions for people. */
import type { DecisionEntry } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { lineOf } from "./value-text.ts";

export function renderDecisions(entries: readonly DecisionEntry[], terminal: Terminal): string {
  if (entries.length === 0) return "No decisions";
  return renderTable(
    entries,
    [
      { title: "TIME", cell: ({ createdAt }) => createdAt, expendable: 3 },
      { title: "EPIC", cell: ({ epicId }) => epicId, minWidth: 7, expendable: 2 },
      { title: "TASK", cell: ({ taskId }) => taskId ?? "", minWidth: 6, expendable: 3 },
      { title: "KEY", cell: ({ key }) => key, minWidth: 8 },
      { title: "VALUE", cell: ({ value }) => lineOf(value), minWidth: 12 },
      { title: "REASON", cell: ({ reason }) => reason ?? "", minWidth: 10, expendable: 1 },
      { title: "AGENT", cell: ({ agent }) => agent ?? "", minWidth: 6, expendable: 2 },
    ],
    terminal,
  );
}

/** What was decided, on a line. */
export function renderDecision({ key, value }: DecisionEntry): string {
  return `Decided ${visible(key)}: ${visible(lineOf(value))}`;
}
