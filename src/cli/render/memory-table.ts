/** What is remembered, for people. */
import type { MemoryEntry } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { renderText } from "./value-text.ts";

export function renderMemory(entries: readonly MemoryEntry[], terminal: Terminal): string {
  if (entries.length === 0) return "Nothing found";
  return renderTable(
    entries,
    [
      { title: "ID", cell: ({ id }) => id },
      { title: "TYPE", cell: ({ type }) => type, minWidth: 8, expendable: 2 },
      { title: "SEVERITY", cell: ({ severity }) => severity ?? "", expendable: 3 },
      { title: "TEXT", cell: firstLineOf, minWidth: 16 },
      { title: "TAGS", cell: ({ tags }) => tags.join(","), minWidth: 6, expendable: 1 },
      { title: "MODULE", cell: ({ module }) => module ?? "", minWidth: 6, expendable: 2 },
      {
        title: "VERIFIED",
        cell: ({ lastVerified }) => lastVerified?.slice(0, 10) ?? "",
        expendable: 4,
      },
    ],
    terminal,
  );
}

/** One entry whole: what is known about it, then its text. */
export function renderEntry(entry: MemoryEntry): string {
  const { id, type, severity, module, tags, createdAt, lastVerified, text } = entry;
  const facts = { id, type, severity, module, tags: tags.join(", "), createdAt, lastVerified };
  const lines = Object.entries(facts)
    .filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => `${key}: ${visible(value ?? "")}`);
  return [...lines, "", renderText(text.trim())].join("\n");
}

/** The text cut to its first line. */
export function firstLineOf({ text }: MemoryEntry): string {
  return text.trim().split(/\r?\n/, 1)[0] ?? "";
}
