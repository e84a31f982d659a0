/** The state of a stream after each of its events: a view for finding out what happened. */
import { FlowError } from "../../errors.ts";
import type { StoredEvent } from "../../index.ts";
import type { Command } from "../command.ts";
import { ANY_OBJECT, listOf, objectOf } from "../data-shapes.ts";
import { didYouMean } from "../../nearest.ts";
import type { ReplayStep } from "../render/event-table.ts";
import { readCount, readId } from "../values.ts";

export const replay: Command = {
  usage: "STREAM [--to VERSION]",
  details: [
    "The state is put together from payloads: an event of a field",
    "({ field, newValue }) sets that field, any other its keys. That shows what the",
    "events tell; what a program makes of them is its own. A STREAM is a name such",
    "as feature:01J…, or with --feature the ID of a feature.",
  ].join("\n"),
  options: {
    to: { type: "string", value: "VERSION", help: "Up to the event with this version" },
    feature: { type: "boolean", help: "STREAM is the ID of a feature" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore events replay epic:fn-1",
    "flowstore events replay 3 --feature --to 2 --json",
  ],
  data: {
    text: "a list of { event, changed: [{ key, before, after }], state }; meta.count says how many",
    schema: listOf(objectOf({ event: ANY_OBJECT, changed: listOf(ANY_OBJECT), state: ANY_OBJECT })),
  },
  async run(context) {
    const { options, positionals } = context;
    const [word = ""] = positionals;
    const to = options.text("to");
    const limit = to === undefined ? undefined : readCount(to, "a version");
    const store = await context.openStore("read");
    let stream = word;
    if (options.flag("feature")) {
      const [first] = await store.features.history(readId(word));
      stream = first === undefined ? `feature:${word}` : `feature:${first.featureUid}`;
    }
    const events = await store.events.load(stream, { limit });
    if (events.length === 0) {
      const names = new Set(
        (await store.events.query({ order: "desc", limit: MAX_NEAR })).map(streamOf),
      );
      const hint = didYouMean(stream, [...names]);
      throw new FlowError("NOT_FOUND", `There is no stream "${stream}"`, {
        context: { stream },
        ...(hint === undefined ? {} : { hint }),
      });
    }
    const steps = stepsOf(events);
    return {
      data: steps,
      meta: { count: steps.length },
      text: async () => {
        const { renderReplay } = await import("../render/event-table.ts");
        return renderReplay(steps);
      },
    };
  },
};

/** A slip of the finger is looked for among the streams of so many events. */
const MAX_NEAR = 1000;

function streamOf({ stream }: StoredEvent): string {
  return stream;
}

function stepsOf(events: readonly StoredEvent[]): ReplayStep[] {
  let before = new Map<string, unknown>();
  return events.map((event) => {
    const after = new Map([...before, ...told(event.payload)]);
    const changed = [...after]
      .map(([key, value]) => ({ key, before: before.get(key) ?? null, after: value }))
      .filter((one) => JSON.stringify(one.before) !== JSON.stringify(one.after));
    before = after;
    return { event, changed, state: Object.fromEntries(after) };
  });
}

/** What a payload says that the state has. */
function told(payload: unknown): [string, unknown][] {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return payload === null ? [] : [["payload", payload]];
  }
  const { field, newValue, oldValue: _, ...rest } = payload as Record<string, unknown>;
  if (typeof field !== "string") return Object.entries(payload);
  return [...Object.entries(rest), [field, newValue ?? null]];
}
