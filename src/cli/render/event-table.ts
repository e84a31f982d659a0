/** What has happened, one event a line. */
import type { ChangeEvent, StoredEvent } from "../../index.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What an event made of the state before it. */
export interface ReplayStep {
  readonly event: StoredEvent;
  /** Keys that are new or other than before. */
  readonly changed: readonly {
    readonly key: string;
    readonly before: unknown;
    readonly after: unknown;
  }[];
  readonly state: Readonly<Record<string, unknown>>;
}

type Change = Pick<ChangeEvent, "field" | "oldValue" | "newValue">;

export function renderHistory(events: readonly ChangeEvent[], terminal: Terminal): string {
  if (events.length === 0) return "No events";
  return renderTable(
    events,
    [
      { title: "TIME", cell: ({ createdAt }) => createdAt, expendable: 2 },
      { title: "EVENT", cell: ({ eventType }) => eventType },
      { title: "CHANGE", cell: changeText, minWidth: 12 },
      { title: "AGENT", cell: ({ agent }) => agent ?? "", minWidth: 6, expendable: 1 },
    ],
    terminal,
  );
}

export function renderEvents(events: readonly StoredEvent[], terminal: Terminal): string {
  if (events.length === 0) return "No events";
  const hasNotes = events.some((event) => noteIn(event) !== "");
  return renderTable(
    events,
    [
      { title: "#", cell: ({ sequence }) => String(sequence), align: "right" },
      { title: "TIME", cell: ({ createdAt }) => createdAt, expendable: 3 },
      { title: "OF", cell: ofWhat, minWidth: 8 },
      { title: "EVENT", cell: ({ type }) => type, minWidth: 14 },
      { title: "CHANGE", cell: contentOf, minWidth: 20, expendable: 1 },
      { title: "AGENT", cell: ({ agent }) => agent ?? "", minWidth: 6, expendable: 2 },
      ...(hasNotes ? [{ title: "NOTE", cell: noteIn, minWidth: 8, expendable: 2 }] : []),
    ],
    terminal,
  );
}

/** One event on one line, for what comes without an end. */
export function renderEventLine(event: StoredEvent): string {
  const { sequence, createdAt, type, agent } = event;
  const parts = [`#${sequence}`, createdAt, ofWhat(event), type, contentOf(event), agent ?? ""];
  return visible(parts.filter((part) => part !== "").join("  "));
}

/** Each event of a stream with what it changed, and the state at the end. */
export function renderReplay(steps: readonly ReplayStep[]): string {
  const texts = steps.map(({ event: { version, createdAt, type, agent }, changed }) => {
    const head = [`${version}`, createdAt, type, agent ?? ""].filter((part) => part !== "");
    const lines = changed.map(({ key, before, after }) => {
      return `   ${key}: ${before === null ? "" : `${valueText(before)} -> `}${valueText(after)}`;
    });
    return [head.join("  "), ...lines].map(visible).join("\n");
  });
  const state = Object.entries(steps.at(-1)?.state ?? {});
  const last = state.map(([key, value]) => visible(`   ${key}: ${valueText(value)}`));
  return [...texts, "", "State", ...last].join("\n");
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function changeText({ field, oldValue, newValue }: Change): string {
  if (field === null) return newValue ?? "";
  return `${field}: ${oldValue ?? ""} -> ${newValue ?? ""}`;
}

/** The payload of a feature's event; others are anybody's. */
function changeIn({ payload }: StoredEvent): (Partial<Change> & { featureId: number }) | null {
  if (typeof payload !== "object" || payload === null || !("featureId" in payload)) return null;
  return typeof payload.featureId === "number" ? (payload as ReturnType<typeof changeIn>) : null;
}

function ofWhat(event: StoredEvent): string {
  const change = changeIn(event);
  return change === null ? event.stream : `#${change.featureId}`;
}

function contentOf(event: StoredEvent): string {
  const change = changeIn(event);
  if (change === null) return JSON.stringify(event.payload);
  const { field = null, oldValue = null, newValue = null } = change;
  return changeText({ field, oldValue, newValue });
}

/** What `--note` said; empty when nothing was. */
function noteIn({ metadata }: StoredEvent): string {
  if (typeof metadata !== "object" || metadata === null || !("note" in metadata)) return "";
  return typeof metadata.note === "string" ? metadata.note : "";
}
