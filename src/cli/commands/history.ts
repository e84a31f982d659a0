/** What has happened: to one feature, and in the store. */
import type { ChangeEvent, FlowStore, StoredEvent } from "../../index.ts";
import { FlowError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { listOf } from "../data-shapes.ts";
import { readCount, readId, readMoment } from "../values.ts";

/** A screen of events; more only when asked for. */
const DEFAULT_LIMIT = 50;

export const history: Command = {
  usage: "ID",
  details: "Oldest first. Deleted features have a history too.",
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore feature history 3", "flowstore feature history 3 --json"],
  data: {
    text: "a list of { id, featureId, featureUid, eventType, field, oldValue, newValue, agent, source, createdAt }",
    schema: listOf({ type: "object" }),
  },
  async run(context) {
    const id = readId(context.positionals[0] ?? "");
    const store = await context.openStore("read");
    const entries = await store.features.history(id);
    if (entries.length === 0 && (await store.features.getById(id)) === null) {
      throw new FlowError("NOT_FOUND", `There is no feature ${id}`, { context: { id } });
    }
    return {
      data: entries,
      meta: { count: entries.length },
      text: async () => {
        const { renderTable } = await import("../render/table.ts");
        if (entries.length === 0) return "No events";
        return renderTable<ChangeEvent>(
          entries,
          [
            { title: "TIME", cell: ({ createdAt }) => createdAt, expendable: 2 },
            { title: "EVENT", cell: ({ eventType }) => eventType },
            { title: "CHANGE", cell: changeText, minWidth: 12 },
            { title: "AGENT", cell: ({ agent }) => agent ?? "", minWidth: 6, expendable: 1 },
          ],
          context.terminal,
        );
      },
    };
  },
};

function changeText({ field, oldValue, newValue }: ChangeEvent): string {
  if (field === null) return newValue ?? "";
  return `${field}: ${oldValue ?? ""} -> ${newValue ?? ""}`;
}

export const events: Command = {
  usage: "[options]",
  details: "Oldest first.",
  options: {
    type: { type: "string", value: "NAME", help: "Only of this type" },
    agent: { type: "string", value: "NAME", help: "Only by this agent" },
    since: { type: "string", value: "TIME", help: "Only from this time on" },
    until: { type: "string", value: "TIME", help: "Only up to this time" },
    feature: { type: "string", value: "ID", help: "Only of this feature" },
    stream: { type: "string", value: "NAME", help: "Only of this stream" },
    limit: { type: "string", value: "N", help: `The newest N; default ${DEFAULT_LIMIT}` },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore events --limit 20",
    "flowstore events --type claimed --since 2026-11-21T10:00:00Z --json",
  ],
  data: {
    text: "a list of { sequence, id, stream, version, type, payload, metadata, createdAt, … }; meta.count says how many",
    schema: listOf({ type: "object" }),
  },
  async run(context) {
    const { options } = context;
    const moment = (name: string): string | undefined => {
      const text = options.text(name);
      return text === undefined ? undefined : readMoment(text, "a time");
    };
    const [since, until] = [moment("since"), moment("until")];
    const [type, agent] = [options.text("type"), options.text("agent")];
    const limit = readCount(options.text("limit") ?? String(DEFAULT_LIMIT), "a limit");
    const store = await context.openStore("read");
    const stream = await streamOf(store, options.text("stream"), options.text("feature"));
    const newest = await store.events.query({
      ...(stream === undefined ? {} : { stream }),
      ...(type === undefined ? {} : { type }),
      ...(agent === undefined ? {} : { agent }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      limit,
      order: "desc",
    });
    const found: StoredEvent[] = [...newest].reverse();
    return {
      data: found,
      meta: { count: found.length },
      text: async () => {
        const { renderTable } = await import("../render/table.ts");
        if (found.length === 0) return "No events";
        return renderTable<StoredEvent>(
          found,
          [
            { title: "#", cell: ({ sequence }) => String(sequence), align: "right" },
            { title: "TIME", cell: ({ createdAt }) => createdAt, expendable: 3 },
            { title: "STREAM", cell: ({ stream: name }) => name, minWidth: 8, expendable: 1 },
            { title: "TYPE", cell: ({ type: name }) => name, minWidth: 8 },
            {
              title: "PAYLOAD",
              cell: ({ payload }) => JSON.stringify(payload),
              minWidth: 10,
              expendable: 2,
            },
          ],
          context.terminal,
        );
      },
    };
  },
};

/** The stream that the user means, if any. */
async function streamOf(
  store: FlowStore,
  stream: string | undefined,
  feature: string | undefined,
): Promise<string | undefined> {
  if (feature === undefined) return stream;
  if (stream !== undefined)
    throw new FlowError("BAD_REQUEST", "Give --feature or --stream, not both");
  const [first] = await store.features.history(readId(feature));
  if (first === undefined) {
    throw new FlowError("NOT_FOUND", `There is no feature ${feature}`, {
      context: { id: feature },
    });
  }
  return `feature:${first.featureUid}`;
}
