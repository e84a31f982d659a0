/** The log of the store: its newest events, and with --follow those that come. */
import { FlowError } from "../../errors.ts";
import type { EventQuery, FlowStore, StoredEvent } from "../../index.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { follow } from "../follow.ts";
import { readChoice, readCount, readId, readMoment } from "../values.ts";

/** A screen of events; more only when asked for. */
const DEFAULT_LIMIT = 50;
const ORDERS = ["asc", "desc"] as const;

export const events: Command = {
  usage: "[options]",
  details: [
    "The newest 50, or --limit, the oldest of them first. --order desc: the newest",
    "first; --order asc: the oldest of all. A TIME is 2026-11-21 or",
    "2026-11-21T10:00:00Z, in UTC. Types: created, claimed, status_change,",
    "claim_released, lease_expired, skipped, updated, dependency_added,",
    "dependency_removed, deleted, restored, and those of your own.",
    "--follow goes on with every event that comes, from any process, until it is",
    "interrupted; with --json one envelope a line, with the event under data.",
  ].join("\n"),
  options: {
    type: { type: "string", value: "NAME", help: "Only of this type" },
    agent: { type: "string", value: "NAME", help: "Only by this agent" },
    since: { type: "string", value: "TIME", help: "Only from this time on" },
    until: { type: "string", value: "TIME", help: "Only before this time" },
    feature: { type: "string", value: "ID", help: "Only of this feature" },
    stream: { type: "string", value: "NAME", help: "Only of this stream" },
    "stream-prefix": {
      type: "string",
      value: "TEXT",
      help: "Only of streams whose name begins so",
    },
    limit: { type: "string", value: "N", help: `The newest N; default ${DEFAULT_LIMIT}` },
    order: { type: "string", value: "asc|desc", help: "By number, the first N from that end" },
    follow: { type: "boolean", help: "Go on with what comes" },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore events --limit 20",
    "flowstore events --type claimed --since 2026-11-21T10:00:00Z --json",
    "flowstore events --follow --stream-prefix feature: --json",
  ],
  data: {
    text: "a list of { sequence, id, stream, version, type, payload, metadata, createdAt, … }, meta.count says how many; with --follow one of them a line, and once null with meta.caughtUp",
    schema: {
      anyOf: [
        listOf({ type: "object" }),
        objectOf({ sequence: { type: "integer" } }),
        { type: "null" },
      ],
    },
  },
  async run(context) {
    const order = orderOf(context);
    const store = await context.openStore("read");
    const wanted = await wantedOf(context, store);
    if (context.options.flag("follow")) return followed(context, store, wanted);
    const found = await firstOf(store, wanted, order);
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

async function wantedOf({ options }: CommandContext, store: FlowStore): Promise<EventQuery> {
  const moment = (name: string): string | undefined => {
    const text = options.text(name);
    return text === undefined ? undefined : readMoment(text, "a time");
  };
  const streamPrefix = options.text("stream-prefix");
  const stream = await streamOf(store, options.text("stream"), options.text("feature"));
  if (stream !== undefined && streamPrefix !== undefined) {
    throw new FlowError("BAD_REQUEST", "Give --stream-prefix, or one stream, not both");
  }
  return {
    stream,
    streamPrefix,
    type: options.text("type"),
    agent: options.text("agent"),
    since: moment("since"),
    until: moment("until"),
    limit: readCount(options.text("limit") ?? String(DEFAULT_LIMIT), "a limit"),
  };
}

type Order = (typeof ORDERS)[number] | undefined;

function orderOf({ options }: CommandContext): Order {
  const text = options.text("order");
  const order = text === undefined ? undefined : readChoice(text, "an order", ORDERS);
  const odd = [order, options.text("until")].some((one) => one !== undefined);
  if (!odd || !options.flag("follow")) return order;
  throw new FlowError(
    "BAD_REQUEST",
    "--follow goes on without an end: it takes no --until and no --order",
  );
}

async function firstOf(store: FlowStore, wanted: EventQuery, order: Order): Promise<StoredEvent[]> {
  const found = await store.events.query({ ...wanted, order: order ?? "desc" });
  return order === undefined ? found.reverse() : found;
}

/** Only those of what comes that were asked for: a subscription looks for streams and types alone. */
function fits(
  event: StoredEvent,
  { type, agent, since, until, streamPrefix }: EventQuery,
): boolean {
  return (
    (type === undefined || event.type === type) &&
    (streamPrefix === undefined || event.stream.startsWith(streamPrefix)) &&
    (agent === undefined || event.agent === agent) &&
    (since === undefined || event.createdAt >= since) &&
    (until === undefined || event.createdAt < until)
  );
}

async function followed(
  context: CommandContext,
  store: FlowStore,
  wanted: EventQuery,
): Promise<CommandResult> {
  const { stream, type } = wanted;
  const items = store.events.subscribe({ from: "end", stream, type, signal: context.signal });
  // It begins where the log ends now; what comes while the newest are looked for comes in both.
  const next = items.next();
  const newest = await firstOf(store, wanted, undefined);
  const shown = new Set(newest.map(({ id }) => id));
  return follow(context, "events", {
    before: newest,
    first: next,
    items,
    wants: (event) => !shown.has(event.id) && fits(event, wanted),
  });
}

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
