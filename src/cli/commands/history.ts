/** What has happened to one feature. */
import { FlowError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { listOf } from "../data-shapes.ts";
import { oneIdOf } from "./each-feature.ts";

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
