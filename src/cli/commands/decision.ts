/** What was decided, and why. */
import { NOTE, noteOf } from "../change-options.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { readInput, STANDARD_INPUT } from "../input.ts";
import { readCount } from "../values.ts";

const DEFAULT_LIMIT = 20;

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const SCHEMA = objectOf({
  id: TEXT,
  epicId: TEXT,
  taskId: TEXT_OR_NULL,
  key: TEXT,
  value: {},
  reason: TEXT_OR_NULL,
  agent: TEXT_OR_NULL,
  createdAt: TEXT,
});
const KEYS = "{ id, epicId, taskId, key, value, reason, agent, createdAt }";

export const log: Command = {
  usage: "KEY VALUE [--reason TEXT] [--epic ID] [--task ID] [--note TEXT]",
  details: [
    "The value is kept as a text. The VALUE - is read from standard input. Without",
    "--epic it belongs to _global.",
  ].join("\n"),
  options: {
    reason: { type: "string", value: "TEXT", help: "Why" },
    epic: { type: "string", value: "ID", help: "The epic it belongs to; default _global" },
    task: { type: "string", value: "ID", help: "The task it was made in" },
    ...NOTE,
  },
  positionals: { min: 2, max: 2 },
  examples: [
    'flowstore decision log storage files --reason "git carries them" --epic fn-1',
    "flowstore decision log review-backend codex --json",
  ],
  data: { text: KEYS, schema: SCHEMA },
  async run(context) {
    const [key = "", word = ""] = context.positionals;
    const value = word === STANDARD_INPUT ? (await readInput(word)).text.trimEnd() : word;
    const { options } = context;
    const [reason, epic, task] = ["reason", "epic", "task"].map((name) => options.text(name));
    const store = await context.openStore("write");
    const entry = await store.decisions.log(
      {
        key,
        value,
        ...(reason === undefined ? {} : { reason }),
        ...(epic === undefined ? {} : { epicId: epic }),
        ...(task === undefined ? {} : { taskId: task }),
      },
      noteOf(context),
    );
    return {
      data: entry,
      isConfirmation: true,
      text: async () => (await import("../render/decision-table.ts")).renderDecision(entry),
    };
  },
};

export const list: Command = {
  usage: "[--epic ID] [--limit N]",
  details: "Newest first. Without --epic those of all epics.",
  options: {
    epic: { type: "string", value: "ID", help: "Only of this epic" },
    limit: { type: "string", value: "N", help: `At most this many; default ${DEFAULT_LIMIT}` },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore decision list", "flowstore decision list --epic fn-1 --limit 5 --json"],
  data: { text: `a list of ${KEYS}; meta.count says how many`, schema: listOf(SCHEMA) },
  async run(context) {
    const epic = context.options.text("epic");
    const limit = readCount(context.options.text("limit") ?? String(DEFAULT_LIMIT), "a limit");
    const store = await context.openStore("read");
    const entries = await store.decisions.list({
      ...(epic === undefined ? {} : { epicId: epic }),
      limit,
    });
    return {
      data: entries,
      meta: { count: entries.length },
      text: async () => {
        const { renderDecisions } = await import("../render/decision-table.ts");
        return renderDecisions(entries, context.terminal);
      },
    };
  },
};
