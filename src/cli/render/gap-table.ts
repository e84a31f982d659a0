/** Gaps for people. */
import type { Gap, GapGate } from "../../index.ts";
import { counted } from "./counted.ts";
import { visible } from "./safe-text.ts";
import { renderTable, type Column } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export function renderGaps(gaps: readonly Gap[], terminal: Terminal): string {
  if (gaps.length === 0) return "No gaps";
  const columns: Column<Gap>[] = [
    {
      title: "",
      cell: (gap) => signOf(gap, terminal),
      paint: (text, { status }) => terminal.paint(status === "open" ? "yellow" : "green", text),
    },
    { title: "ID", cell: ({ id }) => String(id), align: "right" },
    { title: "PRIORITY", cell: ({ priority }) => priority },
    { title: "CAPABILITY", cell: ({ capability }) => capability, minWidth: 16 },
    { title: "TASK", cell: ({ taskId }) => taskId ?? "", minWidth: 6, expendable: 1 },
    { title: "SOURCE", cell: ({ source }) => source, minWidth: 6, expendable: 3 },
    { title: "EVIDENCE", cell: ({ evidence }) => evidence ?? "", minWidth: 10, expendable: 2 },
  ];
  const hasTwins = new Set(gaps.map(({ id }) => id)).size < gaps.length;
  // Only where an id does not tell which one is meant.
  if (hasTwins) columns.splice(2, 0, { title: "UID", cell: ({ uid }) => uid });
  return renderTable(gaps, columns, terminal);
}

/** What became of one, on a line. */
export function renderGap(gap: Gap, verb: string, terminal: Terminal): string {
  return `${signOf(gap, terminal)} ${verb} #${gap.id} ${visible(gap.capability)}`;
}

/** The gate: its word, why, and the gaps that keep it closed. */
export function renderGate(epicId: string, gate: GapGate, terminal: Terminal): string {
  const { openBlocking, openNonBlocking, resolved } = gate;
  const rest = `${resolved.length} resolved, ${openNonBlocking.length} nice to have`;
  const of = visible(epicId);
  if (gate.gate === "pass") {
    return `${terminal.paint("green", "pass")}: no gap of ${of} blocks (${rest})`;
  }
  const blocking = `${counted(openBlocking.length, "gap")} of ${of} ${openBlocking.length === 1 ? "blocks" : "block"}`;
  return [
    `${terminal.paint("red", "fail")}: ${blocking} (${rest})`,
    renderGaps(openBlocking, terminal),
  ].join("\n");
}

function signOf({ status }: Gap, { symbols }: Terminal): string {
  return status === "open" ? symbols.status.ready : symbols.status.passing;
}
