/** Copies of the state, and the way back to them. */
import { FlowError } from "../../errors.ts";
import type { Checkpoint, CheckpointScope, FlowStore } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { oneTextOf, textsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const INTEGER = { type: "integer" };
const SCHEMA = objectOf({
  name: TEXT,
  createdAt: TEXT,
  agent: TEXT,
  note: { type: ["string", "null"] },
  scope: listOf(TEXT),
  documents: INTEGER,
  bytes: INTEGER,
});
const KEYS = "{ name, createdAt, agent, note, scope, documents, bytes }";
const ONE: DataShape = { text: KEYS, schema: SCHEMA };
const NAMES = objectOf({ name: TEXT });

export const save: Command = {
  usage: "NAME [--scope WORDS] [--replace] [--dry-run] [--note TEXT]",
  details: [
    "A copy of all documents of one moment, kept in this clone (.flow/local). It is",
    "refused when one of them is damaged. WORDS are some of features, gaps, phases,",
    "pipeline, approvals, memory, settings, with commas between them; default: all.",
  ].join("\n"),
  options: {
    scope: { type: "string", value: "WORDS", help: "Only these kinds of documents" },
    replace: { type: "boolean", help: "In place of the checkpoint of that name" },
    ...DRY_RUN,
    ...NOTE,
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore checkpoint save before-refactoring",
    "flowstore checkpoint save plan --scope features,gaps --replace --json",
  ],
  data: ONE,
  async run(context) {
    const name = await oneTextOf(context, "name");
    const words = context.options.text("scope");
    const scope = words?.split(",").map((word) => word.trim() as CheckpointScope);
    const store = await context.openStore("write");
    const saved = await unlessDry(context, store, () =>
      store.checkpoints.save(name, {
        ...noteOf(context),
        ...(scope === undefined ? {} : { scope }),
        replace: context.options.flag("replace"),
      }),
    );
    const dryRun = isDryRun(context);
    return {
      data: saved,
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: async () => {
        const { renderCheckpoint } = await import("../render/checkpoint-table.ts");
        return renderCheckpoint(saved, dryRun ? "Would save" : "Saved");
      },
    };
  },
};

export const restore: Command = {
  usage: "NAME [--dry-run] [--note TEXT]",
  details: [
    "Brings back exactly what was saved, in one step; what came since is deleted.",
    "What is replaced is saved first, and its name told: going back to that undoes",
    "it. Events stay, and it adds its own. With --dry-run it changes nothing and",
    "shows every document that would change.",
  ].join("\n"),
  options: { ...DRY_RUN, ...NOTE },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore checkpoint restore before-refactoring --dry-run",
    "flowstore checkpoint restore before-refactoring --json",
  ],
  data: {
    text: "{ checkpoint, saved, counts, documents }: documents is a list of { path, change }, and change one of restored, recreated, deleted, unchanged, left",
    schema: objectOf({
      checkpoint: SCHEMA,
      saved: { type: ["string", "null"] },
      counts: { type: "object", additionalProperties: INTEGER },
      documents: listOf(
        objectOf({
          path: TEXT,
          change: { enum: ["restored", "recreated", "deleted", "unchanged", "left"] },
        }),
      ),
    }),
  },
  async run(context) {
    const name = await oneTextOf(context, "name");
    const dryRun = isDryRun(context);
    const store = await context.openStore("write");
    const done = await unlessDry(context, store, () =>
      store.checkpoints.restore(name, noteOf(context)),
    );
    // What would be saved first is not there to go back to.
    const data = dryRun ? { ...done, saved: null } : done;
    return {
      data,
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: async () => {
        const { renderRestored } = await import("../render/checkpoint-table.ts");
        return renderRestored(data, dryRun, context.terminal);
      },
    };
  },
};

export const list: Command = {
  usage: "",
  details: "Newest first.",
  options: {},
  positionals: { min: 0, max: 0 },
  examples: ["flowstore checkpoint list", "flowstore checkpoint list --json"],
  data: { text: `a list of ${KEYS}; meta.count says how many`, schema: listOf(SCHEMA) },
  async run(context) {
    const store = await context.openStore("read");
    const data = await store.checkpoints.list();
    return {
      data,
      meta: { count: data.length },
      text: async () => {
        const { renderCheckpoints } = await import("../render/checkpoint-table.ts");
        return renderCheckpoints(data, context.terminal);
      },
    };
  },
};

export const show: Command = {
  usage: "NAME",
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore checkpoint show before-refactoring --json"],
  data: ONE,
  async run(context) {
    const name = await oneTextOf(context, "name");
    const store = await context.openStore("read");
    const data = await found(store, name);
    return {
      data,
      text: async () => {
        const { renderFacts } = await import("../render/facts.ts");
        return renderFacts({ ...data, scope: data.scope.join(", ") });
      },
    };
  },
};

export const deleteCommand: Command = {
  usage: "NAME… [--dry-run]",
  details: [
    "Also damaged ones. Several names: all or none. The NAME - reads names from",
    "standard input, one a line.",
  ].join("\n"),
  options: DRY_RUN,
  positionals: { min: 1, max: MANY },
  examples: ["flowstore checkpoint delete before-refactoring"],
  data: {
    text: "{ name }; with several names a list of them, in the order given",
    schema: { anyOf: [NAMES, listOf(NAMES)] },
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const names = await textsOf(context.positionals, "name");
    const store = await context.openStore("write");
    const deleted = await unlessDry(context, store, () =>
      changeEach(context, store, names, (name) => store.checkpoints.delete(name)),
    );
    const verb = dryRun ? "Would delete" : "Deleted";
    return {
      data: asNamed(deleted),
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        return deleted.map(({ name }) => `${verb} ${visible(name)}`).join("\n");
      },
    };
  },
};

async function found(store: FlowStore, name: string): Promise<Checkpoint> {
  const checkpoint = await store.checkpoints.get(name);
  if (checkpoint !== null) return checkpoint;
  throw new FlowError("NOT_FOUND", `There is no checkpoint "${name}"`, {
    context: { kind: "checkpoint", name },
    hint: "flowstore checkpoint list shows those that there are.",
  });
}
