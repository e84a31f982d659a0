/** A list of features for people. */
import type { Feature } from "../../index.ts";
import { renderTable } from "./table.ts";
import { STATUS_COLOURS, type Terminal } from "./terminal.ts";

export function renderFeatures(features: readonly Feature[], terminal: Terminal): string {
  if (features.length === 0) return "No features";
  return renderTable(
    features,
    [
      {
        title: "",
        cell: ({ status }) => terminal.symbols.status[status],
        paint: (text, { status }) => terminal.paint(STATUS_COLOURS[status], text),
      },
      { title: "ID", cell: ({ id }) => String(id), align: "right" },
      {
        title: "PRIORITY",
        cell: ({ priority }) => String(priority),
        align: "right",
        expendable: 3,
      },
      { title: "NAME", cell: ({ name }) => name, minWidth: 12 },
      { title: "CATEGORY", cell: ({ category }) => category, minWidth: 8, expendable: 2 },
      {
        title: "NEEDS",
        cell: ({ dependencies }) => dependencies.join(","),
        minWidth: 5,
        expendable: 1,
      },
      { title: "AGENT", cell: ({ claim }) => claim?.agent ?? "", minWidth: 5, expendable: 1 },
    ],
    terminal,
  );
}
