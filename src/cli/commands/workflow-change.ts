/** Signals to executions, ending them, running them again, and clearing away what is over. */
import { DurableEngine } from "../../index.ts";
import { FlowError } from "../../errors.ts";
import type { FinalStatus, FlowStore, WorkflowExecution } from "../../index.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { parseJson, readText } from "../json-word.ts";
import { readChoice, readDuration } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { textsOf } from "./each-text.ts";
import { EXECUTION, EXECUTION_KEYS, SIGNAL } from "./workflow-shapes.ts";

const INTEGER = { type: "integer" };
const FINAL: readonly FinalStatus[] = ["COMPLETED", "FAILED", "CANCELLED"];
/** 30 days. */
const KEPT_MS = 30 * 24 * 3_600_000;

const EACH: DataShape = {
  text: `the execution: ${EXECUTION_KEYS}; with several IDs a list of them, in the order given`,
  schema: { anyOf: [EXECUTION, listOf(EXECUTION)] },
};

/** An engine without workflows: it runs nothing, and speaks to those that do. */
function engineOf(store: FlowStore): DurableEngine {
  return new DurableEngine({ store, workflows: {} });
}

export const signal: Command = {
  usage: "ID NAME [--payload JSON] [--early]",
  details: [
    "One wait for NAME takes it; until one does it stays. An engine in another",
    "process notices within a moment, one that is not running when it recovers.",
    "@FILE reads the payload from a file, - from standard input.",
  ].join("\n"),
  options: {
    payload: { type: "string", value: "JSON", help: "What the wait gets; JSON, @FILE or -" },
    early: { type: "boolean", help: "Also where there is no such execution yet" },
  },
  positionals: { min: 2, max: 2 },
  examples: [
    "flowstore workflow signal order-7 approve",
    'flowstore workflow signal order-7 approve --payload \'{"by":"ann"}\' --json',
  ],
  data: {
    text: "the signal: { workflowSignalId, workflowExecutionId, signalName, payload, status, createdAt }",
    schema: SIGNAL,
  },
  async run(context) {
    const [id = "", name = ""] = context.positionals;
    const { options } = context;
    const text = options.text("payload");
    const payload = text === undefined ? undefined : parseJson(await readText(text), "The payload");
    const store = await context.openStore("write");
    const sent = await store.transaction(async () => {
      await refuseUnheard(store, id, options.flag("early"));
      return engineOf(store).sendSignal(id, name, payload);
    });
    return {
      data: sent,
      isConfirmation: true,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        return `Signal ${visible(name)} sent to ${visible(id)}`;
      },
    };
  },
};

/** @throws FlowError where no wait will ever take it. */
async function refuseUnheard(store: FlowStore, id: string, isEarly: boolean): Promise<void> {
  const execution = await store.workflows.loadExecution(id);
  const context = { kind: "execution", id, status: execution?.status ?? null };
  if (execution === null && !isEarly) {
    throw new FlowError("NOT_FOUND", `There is no execution ${id}`, {
      context,
      hint: "With --early it is kept until there is one.",
    });
  }
  if (FINAL.some((status) => status === execution?.status))
    throw new FlowError("CONFLICT", `Cannot send a signal to ${id}: it is over`, { context });
}

export const cancel: Command = {
  usage: "ID… [--dry-run]",
  details: [
    "One with steps to take back, or amid one that can be, is COMPENSATING first:",
    "no further step begins, and the engine that runs it, in whatever process,",
    "notices within a moment and takes them back; where none runs it, the next",
    "recover does. Others are CANCELLED at once. One that is over stays as it is.",
    "Several IDs: all or none.",
  ].join("\n"),
  options: DRY_RUN,
  positionals: { min: 1, max: MANY },
  examples: ["flowstore workflow cancel order-7", "flowstore workflow cancel order-7 --json"],
  data: EACH,
  async run(context) {
    return changed(context, (engine, id) => engine.cancel(id));
  },
};

export const retry: Command = {
  usage: "ID… [--dry-run]",
  details: [
    "Of executions that are FAILED or CANCELLED. They are PENDING again, and run",
    "where an engine recovers them. What is done is kept; the step that failed has",
    "all its tries again. From the first step that was taken back on, all are done",
    "again, those taken back with other idempotency keys. Signals that nobody took",
    "wait again. Several IDs: all or none.",
  ].join("\n"),
  options: DRY_RUN,
  positionals: { min: 1, max: MANY },
  examples: ["flowstore workflow retry order-7", "flowstore workflow retry order-7 --json"],
  data: EACH,
  async run(context) {
    return changed(context, (engine, id) => engine.retry(id));
  },
};

async function changed(
  context: CommandContext,
  change: (engine: DurableEngine, id: string) => Promise<WorkflowExecution>,
): Promise<CommandResult> {
  const ids = await textsOf(context.positionals, "ID");
  const store = await context.openStore("write");
  const engine = engineOf(store);
  const dryRun = isDryRun(context);
  const executions = await unlessDry(context, store, () =>
    changeEach(context, store, ids, (id) => change(engine, id)),
  );
  return {
    data: asNamed(executions),
    meta: { dryRun },
    isConfirmation: !dryRun,
    text: async () => {
      const { renderState } = await import("../render/workflow-table.ts");
      const would = dryRun ? "Would be: " : "";
      return executions.map((one) => would + renderState(one, context.terminal)).join("\n");
    },
  };
}

export const gc: Command = {
  usage: "[--older-than DURATION] [--status WORDS] [--dry-run]",
  details: [
    "Deletes executions that are over and were last changed before, with their",
    "steps, timers and signals; and of the others timers and signals that are over.",
    "WORDS are some of completed, failed, cancelled, with commas between them;",
    "default: all.",
  ].join("\n"),
  options: {
    "older-than": { type: "string", value: "DURATION", help: "Default 720h" },
    status: { type: "string", value: "WORDS", help: "Only executions in these statuses" },
    ...DRY_RUN,
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore workflow gc --dry-run",
    "flowstore workflow gc --older-than 168h --status completed",
  ],
  data: {
    text: "{ executions, timers, signals }: how many were deleted",
    schema: objectOf({ executions: INTEGER, timers: INTEGER, signals: INTEGER }),
  },
  async run(context) {
    const age = context.options.text("older-than");
    const words = context.options.text("status");
    const statuses = words === undefined ? FINAL : finalIn(words);
    const cutoff = new Date(Date.now() - (age === undefined ? KEPT_MS : readDuration(age)));
    const store = await context.openStore("write");
    const dryRun = isDryRun(context);
    const { workflows } = store;
    const collect = async (): Promise<Collected> => ({
      executions: await workflows.deleteFinishedBefore(cutoff, statuses),
      timers: await workflows.deleteOldTimers(cutoff),
      signals: await workflows.deleteOldSignals(cutoff),
    });
    const data = await unlessDry(context, store, collect);
    return {
      data,
      meta: { dryRun },
      text: async () => {
        const { counted } = await import("../render/counted.ts");
        const { executions, timers, signals } = data;
        const parts = [
          counted(executions, "execution"),
          counted(timers, "timer"),
          counted(signals, "signal"),
        ];
        return `${dryRun ? "Would delete" : "Deleted"} ${parts.join(", ")}`;
      },
    };
  },
};

interface Collected {
  readonly executions: number;
  readonly timers: number;
  readonly signals: number;
}

function finalIn(text: string): FinalStatus[] {
  return text
    .split(",")
    .map((word) => readChoice(word.trim().toUpperCase(), "a status that is over", FINAL));
}
