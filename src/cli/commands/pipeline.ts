/** The phases that an epic goes through, one after another. */
import { FlowError } from "../../errors.ts";
import type { FlowStore, PipelineState } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext, CommandResult, OwnPhases } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import type { OptionSpec } from "../options.ts";
import { readPhases } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { textsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const SCHEMA = objectOf({
  epicId: TEXT,
  phase: TEXT,
  startedAt: TEXT_OR_NULL,
  updatedAt: TEXT_OR_NULL,
});
const KEYS = "{ epicId, phase, startedAt, updatedAt }";
const ONE: DataShape = { text: KEYS, schema: SCHEMA };
const EACH: DataShape = {
  text: `${KEYS}; with several epics a list of them, in the order given`,
  schema: { anyOf: [SCHEMA, listOf(SCHEMA)] },
};
const PHASES = "plan, plan_review, work, impl_review, close; behind them completed";
const OWN: Readonly<Record<string, OptionSpec>> = {
  phases: { type: "string", value: "NAMES", help: "Others than these, with commas between them" },
};

/** What the store must be opened with to know the phases that are meant. */
function phasesOf({ options }: CommandContext): OwnPhases {
  const own = options.text("phases");
  return own === undefined ? {} : { pipelinePhases: readPhases(own) };
}

export const show: Command = {
  usage: "EPIC… [--phases NAMES]",
  details: `Phases: ${PHASES}.`,
  options: OWN,
  positionals: { min: 1, max: MANY },
  examples: ["flowstore pipeline show fn-1", "flowstore pipeline show fn-1 --json"],
  data: EACH,
  async run(context) {
    const epics = await textsOf(context.positionals, "epic");
    const store = await context.openStore("read", phasesOf(context));
    const states: PipelineState[] = [];
    for (const epicId of epics) {
      const state = await store.pipeline.read(epicId);
      if (state === null) throw notBegun(epicId);
      states.push(state);
    }
    return { data: asNamed(states), text: () => rendered(context, store, states) };
  },
};

function notBegun(epicId: string): FlowError {
  return new FlowError("NOT_FOUND", `The pipeline of "${epicId}" has not begun`, {
    context: { kind: "pipeline", epicId },
    hint: "flowstore pipeline start begins it.",
  });
}

export const list: Command = {
  usage: "[--phases NAMES]",
  details: [
    "Sorted by epic, fn-2 before fn-10, with how many of its phases are done.",
    `Phases: ${PHASES}.`,
  ].join("\n"),
  options: OWN,
  positionals: { min: 0, max: 0 },
  examples: ["flowstore pipeline list", "flowstore pipeline list --json"],
  data: { text: `a list of ${KEYS}; meta.count says how many`, schema: listOf(SCHEMA) },
  async run(context) {
    const store = await context.openStore("read", phasesOf(context));
    const states = await store.pipeline.list();
    return {
      data: states,
      meta: { count: states.length },
      text: () => rendered(context, store, states),
    };
  },
};

export const start: Command = {
  usage: "EPIC… [--phases NAMES] [--note TEXT]",
  details: [
    "In the first phase. An epic whose pipeline has begun stays where it is;",
    "meta.created lists the others. Several epics: all or none. The EPIC - reads them",
    "from standard input, one a line.",
  ].join("\n"),
  options: { ...OWN, ...NOTE },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore pipeline start fn-1"],
  data: EACH,
  async run(context) {
    const epics = await textsOf(context.positionals, "epic");
    const store = await context.openStore("write", phasesOf(context));
    const started = await changeEach(context, store, epics, (epicId) =>
      store.pipeline.start(epicId, noteOf(context)),
    );
    const states = started.map(({ pipeline }) => pipeline);
    const created = started.flatMap(({ pipeline, created: isNew }) =>
      isNew ? [pipeline.epicId] : [],
    );
    return { ...(await moved(context, store, states)), meta: { created } };
  },
};

export const set: Command = {
  usage: "EPIC PHASE [--phases NAMES] [--note TEXT]",
  details: [
    "From wherever it is, or from nothing: pipeline advance is for the usual way.",
    `Phases: ${PHASES}.`,
  ].join("\n"),
  options: { ...OWN, ...NOTE },
  positionals: { min: 2, max: 2 },
  examples: ['flowstore pipeline set fn-1 work --note "the review asked for more"'],
  data: ONE,
  async run(context) {
    const [epicId = "", phase = ""] = context.positionals;
    const store = await context.openStore("write", phasesOf(context));
    return moved(context, store, [await store.pipeline.write(epicId, phase, noteOf(context))]);
  },
};

export const advance: Command = {
  usage: "EPIC --from PHASE [--phases NAMES] [--note TEXT]",
  details: [
    "To the next phase, from the last one to completed. --from says where the epic is",
    "as far as you know: of several that try exactly one moves it, the others, and",
    "whoever is mistaken, fail with exit code 5 and error.context.phase.",
  ].join("\n"),
  options: {
    from: { type: "string", value: "PHASE", help: "The phase that the epic is in" },
    ...OWN,
    ...NOTE,
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore pipeline advance fn-1 --from plan --json",
    "flowstore pipeline advance fn-1 --from build --phases build,ship",
  ],
  data: ONE,
  async run(context) {
    const [epicId = ""] = context.positionals;
    const from = context.options.text("from");
    if (from === undefined) throw new FlowError("BAD_REQUEST", "Say where it is: give --from");
    const store = await context.openStore("write", phasesOf(context));
    const state = await store.pipeline.advance(epicId, { from, ...noteOf(context) });
    return moved(context, store, [state]);
  },
};

async function rendered(
  context: CommandContext,
  store: FlowStore,
  states: readonly PipelineState[],
): Promise<string> {
  const { renderPipelines } = await import("../render/progress.ts");
  return renderPipelines(states, await store.pipeline.phases(), context.terminal);
}

/** The result of a command that moved epics; its text only confirms. */
async function moved(
  context: CommandContext,
  store: FlowStore,
  states: readonly PipelineState[],
): Promise<CommandResult> {
  const phases = await store.pipeline.phases();
  return {
    data: asNamed(states),
    isConfirmation: true,
    text: async () => {
      const { lineOf } = await import("../render/progress.ts");
      const { visible } = await import("../render/safe-text.ts");
      return states
        .map((state) => visible(`${state.epicId}: ${lineOf(state, phases, context.terminal)}`))
        .join("\n");
    },
  };
}
