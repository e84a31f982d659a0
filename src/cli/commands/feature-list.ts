/** Looking at features. */
import { FlowError } from "../../errors.ts";
import type { Feature, FlowStore } from "../../index.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { FEATURE_EACH, FEATURES, STATS } from "../data-shapes.ts";
import { readChoice, readCount } from "../values.ts";
import { asNamed, idsOf, MANY } from "./each-feature.ts";

const STATUSES = ["passing", "in_progress", "blocked", "ready"] as const;

export const list: Command = {
  usage: "[--status NAME] [--category NAME] [--text WORDS] [--limit N] [--after CURSOR]",
  details: "Sorted by priority, then by ID. --text takes upper and lower case as the same.",
  options: {
    status: { type: "string", value: "NAME", help: STATUSES.join(", ") },
    category: { type: "string", value: "NAME", help: "Only of this category" },
    text: {
      type: "string",
      value: "WORDS",
      help: "Only with this text in name, description or steps",
    },
    limit: { type: "string", value: "N", help: "At most this many" },
    after: { type: "string", value: "CURSOR", help: "Go on after meta.next of the list before" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore feature list", "flowstore feature list --status ready --limit 20 --json"],
  data: {
    ...FEATURES,
    text: `${FEATURES.text}, and meta.next is a cursor, or null when there are no more`,
  },
  async run(context) {
    const { options } = context;
    const [status, category, text, limit, after] = [
      "status",
      "category",
      "text",
      "limit",
      "after",
    ].map((name) => options.text(name));
    const query = {
      ...(status === undefined ? {} : { status: readChoice(status, "a status", STATUSES) }),
      ...(category === undefined ? {} : { category }),
      ...(text === undefined ? {} : { text }),
      ...(limit === undefined ? {} : { limit: readCount(limit, "a limit") }),
      ...(after === undefined ? {} : { after }),
    };
    const store = await context.openStore("read");
    const { items, next } = await store.features.list(query);
    return features(context, items, { count: items.length, next });
  },
};

export const ready = simpleList(
  "ready",
  "Not passing, held by nobody, and all they need is passing.",
  (store) => store.features.getReady(),
);
export const blocked = simpleList(
  "blocked",
  "Something that they need is not passing yet.",
  (store) => store.features.getBlocked(),
);

function simpleList(
  name: string,
  details: string,
  read: (store: FlowStore) => Promise<Feature[]>,
): Command {
  return {
    usage: "",
    details: `${details}\nSorted by priority, then by ID.`,
    options: {},
    positionals: { min: 0, max: 0 },
    examples: [`flowstore feature ${name}`, `flowstore feature ${name} --json`],
    data: FEATURES,
    async run(context) {
      const found = await read(await context.openStore("read"));
      return features(context, found, { count: found.length });
    },
  };
}

function features(
  context: CommandContext,
  found: readonly Feature[],
  meta: Readonly<Record<string, unknown>>,
): CommandResult {
  return {
    data: found,
    meta,
    text: async () => {
      const { renderFeatures } = await import("../render/feature-table.ts");
      return renderFeatures(found, context.terminal);
    },
  };
}

export const show: Command = {
  usage: "ID…",
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore feature show 3", "flowstore feature show 3 4 --json"],
  data: FEATURE_EACH,
  async run(context) {
    const ids = await idsOf(context);
    const store = await context.openStore("read");
    const found: Feature[] = [];
    for (const id of ids) {
      const feature = await store.features.getById(id);
      if (feature === null) {
        throw new FlowError("NOT_FOUND", `There is no feature ${id}`, { context: { id } });
      }
      found.push(feature);
    }
    return {
      data: asNamed(found),
      text: async () => {
        const { renderDetails } = await import("../render/feature-details.ts");
        return found.map((feature) => renderDetails(feature, context.terminal)).join("\n\n");
      },
    };
  },
};

export const stats: Command = {
  usage: "",
  details: "failing = total - passing - inProgress; the blocked ones are among them.",
  options: {},
  positionals: { min: 0, max: 0 },
  examples: ["flowstore feature stats", "flowstore feature stats --json"],
  data: STATS,
  async run(context) {
    const store = await context.openStore("read");
    const data = await store.features.getStats();
    return {
      data,
      text: async () => (await import("../render/facts.ts")).renderFacts(data),
    };
  },
};
