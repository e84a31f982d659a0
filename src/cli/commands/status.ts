/** The store at a glance. */
import type { FlowStore, FlowStoreStatus } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { objectOf } from "../data-shapes.ts";
import type { Watched } from "../watch.ts";

const INTEGER = { type: "integer" };
const OBJECT = { type: "object" };
const COUNTED = objectOf({ total: INTEGER });

export const status: Command = {
  usage: "[--watch]",
  details: [
    "What is done and what is under way: features, locks with the time that is left,",
    "the pipelines of epics, gaps that keep them open, approvals that wait. What is",
    "wrong is shown as warnings. Writes nothing.",
    "--watch shows it again whenever it changes, until it is interrupted; with --json",
    "one envelope a line.",
  ].join("\n"),
  options: {
    watch: { type: "boolean", help: "Show it again whenever it changes" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore status", "flowstore status --watch", "flowstore status --json"],
  data: {
    text: "counts by noun; open: { locks, pipelines, gaps, approvals }, lists of what is under way or waits; format, durability, sizes, and problems: a list of findings",
    schema: objectOf({
      features: OBJECT,
      locks: objectOf({ held: INTEGER, tasks: INTEGER }),
      phases: objectOf({ tasks: INTEGER }),
      pipeline: objectOf({ epics: INTEGER, completed: INTEGER }),
      gaps: objectOf({ total: INTEGER, open: INTEGER, blocking: INTEGER, resolved: INTEGER }),
      approvals: objectOf({ pending: INTEGER, approved: INTEGER, rejected: INTEGER }),
      decisions: COUNTED,
      memory: COUNTED,
      outputs: COUNTED,
      settings: COUNTED,
      checkpoints: COUNTED,
      open: OBJECT,
      events: OBJECT,
      problems: { type: "array", items: { $ref: "#/$defs/finding" } },
    }),
  },
  async run(context) {
    // Reads alone, but a store opened for reading would call itself read-only.
    const store = await context.openStore("write");
    if (context.options.flag("watch")) {
      const { watch } = await import("../watch.ts");
      return watch(context, "status", () => look(context, store));
    }
    return look(context, store);
  },
};

async function look(context: CommandContext, store: FlowStore): Promise<Watched> {
  const data = await store.status();
  const { problems } = data;
  for (const problem of problems) context.warn(problem);
  return {
    data,
    key: keyOf(data),
    problems: () => problems,
    text: () => rendered(context, store, data),
  };
}

/** What counts as a change: not how old a lock is, nor how the store keeps its files. */
function keyOf({ open, journal: _journal, ...counts }: FlowStoreStatus): string {
  const locks = open.locks.map(({ ageMs: _age, ...lock }) => lock);
  return JSON.stringify({ ...counts, open: { ...open, locks } });
}

async function rendered(
  context: CommandContext,
  store: FlowStore,
  data: FlowStoreStatus,
): Promise<string> {
  const { renderStatus } = await import("../render/status.ts");
  const pipelinePhases = await store.pipeline.phases();
  return renderStatus(data, { pipelinePhases, nowMs: Date.now() }, context.terminal);
}
