/** Looking at executions of workflows. */
import { EXECUTION_STATUSES, timelineOf } from "../../index.ts";
import type { ExecutionStatus, FlowStore } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { listOf } from "../data-shapes.ts";
import { readChoice, readCount } from "../values.ts";
import type { ShownExecution } from "../render/workflow-timeline.ts";
import { asNamed, MANY } from "./each-feature.ts";
import { oneTextOf, textsOf } from "./each-text.ts";
import { happened } from "./workflow-happened.ts";
import { EXECUTION, EXECUTION_KEYS, HAPPENED, SHOWN } from "./workflow-shapes.ts";

export const list: Command = {
  usage: "[--status WORDS] [--workflow NAME] [--limit N] [--after CURSOR]",
  details: [
    "Newest first. WORDS are some of pending, running, suspended, completed, failed,",
    "compensating, cancelled, with commas between them; default: all. NAME is a type",
    "of workflow, or the id of a definition.",
  ].join("\n"),
  options: {
    status: { type: "string", value: "WORDS", help: "Only in these statuses" },
    workflow: { type: "string", value: "NAME", help: "Only of this workflow" },
    limit: { type: "string", value: "N", help: "At most this many; default 100" },
    after: { type: "string", value: "CURSOR", help: "Go on after meta.next of the list before" },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore workflow list --status running,suspended",
    "flowstore workflow list --workflow order --limit 20 --json",
  ],
  data: {
    text: `a list of executions ${EXECUTION_KEYS}; meta.count says how many, and meta.next is a cursor, or null when there are no more`,
    schema: listOf(EXECUTION),
  },
  async run(context) {
    const { options } = context;
    const [status, workflow, limit, after] = ["status", "workflow", "limit", "after"].map((name) =>
      options.text(name),
    );
    const statuses = status === undefined ? undefined : statusesIn(status);
    const count = limit === undefined ? undefined : readCount(limit, "a limit");
    const store = await context.openStore("read");
    const workflowId = workflow === undefined ? undefined : await definitionOf(store, workflow);
    const query = { statuses, workflowId, limit: count, after, order: "newest" } as const;
    const { items, next, hasMore } = await store.workflows.pageExecutions(query);
    return {
      data: items,
      meta: { count: items.length, next: hasMore ? next : null },
      text: async () => {
        const { renderExecutions } = await import("../render/workflow-table.ts");
        return renderExecutions(items, context.terminal, Date.now());
      },
    };
  },
};

function statusesIn(text: string): ExecutionStatus[] {
  return text
    .split(",")
    .map((word) => readChoice(word.trim().toUpperCase(), "a status", EXECUTION_STATUSES));
}

/** The engine names the definition of a type `wf-<type>`. */
async function definitionOf(store: FlowStore, name: string): Promise<string> {
  return (await store.workflows.loadWorkflow(name)) === null ? `wf-${name}` : name;
}

export const show: Command = {
  usage: "ID…",
  details: [
    "Each step with its place, how often it was begun, when, and where it stands;",
    "then what comes next. An execution that nobody runs goes on with the next",
    "recover of an engine that has its workflow.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore workflow show order-7", "flowstore workflow show order-7 --json"],
  data: {
    text: "{ execution, workflow, checkpoints, timers, signals, lease, steps }: steps is a list of { stepIndex, name, kind, state, attempts, startedAt, endedAt, wakeAt, error, takenBackAt }; with several IDs a list of them, in the order given",
    schema: { anyOf: [SHOWN, listOf(SHOWN)] },
  },
  async run(context) {
    const ids = await textsOf(context.positionals, "ID");
    const store = await context.openStore("read");
    const nowMs = Date.now();
    const found: ShownExecution[] = [];
    for (const id of ids) {
      const history = await store.workflows.history(id);
      found.push({ ...history, steps: timelineOf(history, nowMs) });
    }
    return {
      data: asNamed(found),
      text: async () => {
        const { renderTimeline } = await import("../render/workflow-timeline.ts");
        return found.map((one) => renderTimeline(one, context.terminal, nowMs)).join("\n\n");
      },
    };
  },
};

export const history: Command = {
  usage: "ID",
  details: "What is known to have happened, oldest first: every attempt, every signal.",
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore workflow history order-7", "flowstore workflow history order-7 --json"],
  data: {
    text: "a list of { at, what, name, stepIndex, attempt, detail }; meta.count says how many",
    schema: listOf(HAPPENED),
  },
  async run(context: CommandContext) {
    const id = await oneTextOf(context, "ID");
    const store = await context.openStore("read");
    const data = happened(await store.workflows.history(id));
    return {
      data,
      meta: { count: data.length },
      text: async () => {
        const { renderHappened } = await import("../render/workflow-table.ts");
        return renderHappened(data, context.terminal);
      },
    };
  },
};
