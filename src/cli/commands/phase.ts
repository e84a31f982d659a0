/** The phases that a worker goes through with a task. */
import { FlowError } from "../../errors.ts";
import type { FlowStore, Phase } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext, OwnPhases } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import type { OptionSpec } from "../options.ts";
import { readPhases } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { textsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const COMPLETED = objectOf({ phase: TEXT, at: TEXT });
const COUNT = objectOf({ taskId: TEXT, count: { type: "integer" } });

export const done: Command = {
  usage: "TASK PHASE… [--note TEXT]",
  details: [
    "A phase may be any text. Done already is no change: the first time stays.",
    "Several phases: all or none. The PHASE - reads phases from standard input, one a",
    "line.",
  ].join("\n"),
  options: { ...NOTE },
  positionals: { min: 2, max: MANY },
  examples: ["flowstore phase done fn-1.2 5", "flowstore phase done fn-1.2 1 2 5 --json"],
  data: {
    text: "{ phase, at }: which, and when it was done first; with several phases a list of them",
    schema: { anyOf: [COMPLETED, listOf(COMPLETED)] },
  },
  async run(context) {
    const [task = "", ...words] = context.positionals;
    const phases = await textsOf(words, "phase");
    const store = await context.openStore("write");
    const completed = await changeEach(context, store, phases, (phase) =>
      store.phases.markDone(task, phase, noteOf(context)),
    );
    return {
      data: asNamed(completed),
      isConfirmation: true,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        const sign = context.terminal.symbols.status.passing;
        return completed
          .map(({ phase }) => `${sign} ${visible(task)}: phase ${visible(phase)} is done`)
          .join("\n");
      },
    };
  },
};

/** The phases that are meant. */
const SEQUENCE: Readonly<Record<string, OptionSpec>> = {
  sequence: { type: "string", value: "NAME", help: "S, M or L" },
  phases: { type: "string", value: "NAMES", help: "Others instead, with commas between them" },
};

/** What phases of one call are called among the sequences. */
const OWN = "--phases";

export const list: Command = {
  usage: "TASK [--sequence NAME | --phases NAMES]",
  details: [
    "In the order of completion. With --sequence or --phases a person sees all of",
    "these phases, the next one marked, and how many are done; meta.next tells it.",
  ].join("\n"),
  options: SEQUENCE,
  positionals: { min: 1, max: 1 },
  examples: ["flowstore phase list fn-1.2 --sequence M", "flowstore phase list fn-1.2 --json"],
  data: {
    text: "a list of { phase, at }, what is done; meta.count says how many, meta.next is a phase or null with --sequence",
    schema: listOf(COMPLETED),
  },
  async run(context) {
    const [task = ""] = context.positionals;
    const { name, phases } = sequenceOf(context);
    const store = await context.openStore("read", phases);
    const completed = await store.phases.get(task);
    const next = name === undefined ? {} : { next: await store.phases.next(task, name) };
    const sequence = name === undefined ? [] : await phasesOf(store, name);
    return {
      data: completed,
      meta: { count: completed.length, ...next },
      text: async () => {
        const { renderPhases } = await import("../render/progress.ts");
        return renderPhases({ task, sequence, completed }, context.terminal);
      },
    };
  },
};

export const next: Command = {
  usage: "TASK --sequence NAME | TASK --phases NAMES",
  details: [
    "The first phase of the sequence that is not done. When all are: exit code 0 and",
    "data null. S and M go through 1 2 5 6 7 10 12, L through 1 2 4 5 6 7 8 9 10 12.",
    "Changes nothing.",
  ].join("\n"),
  options: SEQUENCE,
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore phase next fn-1.2 --sequence M --json",
    "flowstore phase next fn-1.2 --phases write,test,review",
  ],
  data: {
    text: "{ phase, title, doneWhen }; null when all are done; meta.completed and meta.sequence list phases",
    schema: {
      anyOf: [
        objectOf({ phase: TEXT, title: TEXT_OR_NULL, doneWhen: TEXT_OR_NULL }),
        { type: "null" },
      ],
    },
  },
  async run(context) {
    const [task = ""] = context.positionals;
    const { name, phases } = sequenceOf(context);
    if (name === undefined) {
      throw new FlowError("BAD_REQUEST", "Say which phases there are: give --sequence or --phases");
    }
    const store = await context.openStore("read", phases);
    const id = await store.phases.next(task, name);
    const sequence = await phasesOf(store, name);
    const found = sequence.find(({ phase }) => phase === id) ?? null;
    const completed = await store.phases.getCompleted(task);
    return {
      data: found,
      meta: { completed, sequence: sequence.map(({ phase }) => phase) },
      text: async () => {
        if (found === null) return `All phases${name === OWN ? "" : ` of ${name}`} are done`;
        const { titleOf } = await import("../render/progress.ts");
        const sign = context.terminal.symbols.step.here;
        const when = found.doneWhen === null ? "" : `\n  Done when ${found.doneWhen}`;
        return `${sign} ${titleOf(found)}${when}`;
      },
    };
  },
};

export const reset: Command = {
  usage: "TASK… [--dry-run] [--note TEXT]",
  details: [
    "Forgets which phases are done, as for a task that begins anew; events keep them.",
    "Several tasks: all or none. The TASK - reads tasks from standard input, one a",
    "line.",
  ].join("\n"),
  options: { ...DRY_RUN, ...NOTE },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore phase reset fn-1.2 --dry-run", "flowstore phase reset fn-1.2 fn-1.3"],
  data: {
    text: "{ taskId, count }: how many phases were done; with several tasks a list of them",
    schema: { anyOf: [COUNT, listOf(COUNT)] },
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const tasks = await textsOf(context.positionals, "task");
    const store = await context.openStore("write");
    const counts = await unlessDry(context, store, () =>
      changeEach(context, store, tasks, (task) => store.phases.reset(task, noteOf(context))),
    );
    const data = tasks.map((taskId, at) => ({ taskId, count: counts[at] ?? 0 }));
    return {
      data: asNamed(data),
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: async () => {
        const { counted } = await import("../render/counted.ts");
        const { visible } = await import("../render/safe-text.ts");
        const verb = dryRun ? "Would forget" : "Forgot";
        return data
          .map(({ taskId, count }) => `${verb} ${counted(count, "phase")} of ${visible(taskId)}`)
          .join("\n");
      },
    };
  },
};

/** Which phases are meant, and what the store must be opened with to know them. */
function sequenceOf({ options }: CommandContext): { name?: string; phases?: OwnPhases } {
  const [name, own] = [options.text("sequence"), options.text("phases")];
  if (own === undefined) return name === undefined ? {} : { name };
  if (name !== undefined) throw new FlowError("BAD_REQUEST", "Give either --sequence or --phases");
  return { name: OWN, phases: { phaseSequences: { [OWN]: readPhases(own) } } };
}

/** The phases of a sequence whose name is known to be one. */
async function phasesOf(store: FlowStore, name: string): Promise<readonly Phase[]> {
  const sequences = await store.phases.sequences();
  return (Object.hasOwn(sequences, name) ? sequences[name] : undefined) ?? [];
}
