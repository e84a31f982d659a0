/** Approvals for people. */
import type { Approval, ApprovalStatus } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Colour, Terminal } from "./terminal.ts";

const COLOURS: Readonly<Record<ApprovalStatus, Colour>> = {
  pending: "yellow",
  approved: "green",
  rejected: "red",
};

export function renderApprovals(approvals: readonly Approval[], terminal: Terminal): string {
  if (approvals.length === 0) return "No approvals";
  return renderTable(
    approvals,
    [
      {
        title: "STATUS",
        cell: ({ status }) => status,
        paint: (text, { status }) => terminal.paint(COLOURS[status], text),
      },
      { title: "ID", cell: ({ id }) => id },
      { title: "KIND", cell: ({ kind }) => kind, expendable: 2 },
      { title: "TASK", cell: ({ taskId }) => taskId, minWidth: 8 },
      { title: "CREATED", cell: ({ createdAt }) => createdAt, expendable: 3 },
      { title: "BY", cell: ({ resolver }) => resolver ?? "", minWidth: 5, expendable: 1 },
      { title: "REASON", cell: ({ reason }) => reason ?? "", minWidth: 8, expendable: 2 },
    ],
    terminal,
  );
}

/** What became of one, on a line. */
export function renderDecision(approval: Approval, terminal: Terminal): string {
  const { id, taskId, status, resolver, reason } = approval;
  const word = terminal.paint(COLOURS[status], status);
  const by = resolver === null ? "" : ` by ${visible(resolver)}`;
  const why = reason === null ? "" : `: ${visible(reason)}`;
  return `Approval ${id} of ${visible(taskId)}: ${word}${by}${why}`;
}
