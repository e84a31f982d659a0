/** What has happened: to one feature, and in the store. */
import type { FlowStore, StoredEvent } from "../../index.ts";
import { FlowError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { listOf } from "../data-shapes.ts";
import { readCount, readId, readMoment } from "../values.ts";
import { oneIdOf } from "./each-feature.ts";

/** A screen of events; more only when asked for. */
const DEFAULT_LIMIT = 50;

export const history: Command = {
  usage: "ID",
  details: [
    "Oldest first. Deleted features have a history too. The ID - reads one from",
    "standard input.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore feature history 3", "flowstore feature history 3 --json"],
  data: {
    text: "a list of { id, featureId, featureUid, eventType, field, oldValue, newValue, agent, source, createdAt }",
    schema: listOf({ type: "object" }),
  },
  async run(context) {
    const id = await oneIdOf(context);
    const store = await context.openStore("read");
    const entries = await store.features.history(id);
    if (entries.length === 0 && (await store.features.getById(id)) === null) {
      throw new FlowError("NOT_FOUND", `There is no feature ${id}`, { context: { id } });
    }
    return {
      data: entries,
      meta: { count: entries.length },
      text: async () => {
        const { renderHistory } = await import("../render/event-table.ts");
        return renderHistory(entries, context.terminal);
      },
    };
  },
};

export const events: Command = {
  usage: "[options]",
  details: [
    "The newest 50, or --limit, the oldest of them first. A TIME is 2026-11-21 or",
    "2026-11-21T10:00:00Z, in UTC. Types: created, claimed, status_change,",
    "claim_released, lease_expired, skipped, updated, dependency_added,",
    "dependency_removed, deleted, restored, and those of your own.",
  ].join("\n"),
  options: {
    type: { type: "string", value: "NAME", help: "Only of this type" },
    agent: { type: "string", value: "NAME", help: "Only by this agent" },
    since: { type: "string", value: "TIME", help: "Only from this time on" },
    until: { type: "string", value: "TIME", help: "Only before this time" },
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
        const { renderEvents } = await import("../render/event-table.ts");
        return renderEvents(found, context.terminal);
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
