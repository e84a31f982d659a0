/** What epics lack: noting it, resolving it, and taking back what was none. */
import { FlowError } from "../../errors.ts";
import { GAP_PRIORITIES } from "../../index.ts";
import type { ChangeNote, FlowStore, Gap, GapPriority } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { readChoice, readId } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { textsOf, wordsOf } from "./each-text.ts";
import { GAP, GAP_KEYS } from "./gap-shapes.ts";

const FLAG = { type: "boolean" };
const ADDED = objectOf({ gap: GAP, created: FLAG, reopened: FLAG });
const RESOLVED = objectOf({ gap: GAP, changed: FLAG });

export const add: Command = {
  usage: "EPIC CAPABILITY… [options]",
  details: [
    "Of one capability, without case and blanks around it, an epic has one gap: an",
    "open one stays as it is, a resolved one is opened again. Several capabilities:",
    "all or none. The CAPABILITY - reads them from standard input, one a line.",
  ].join("\n"),
  options: {
    priority: {
      type: "string",
      value: "NAME",
      help: `${GAP_PRIORITIES.join(", ")}; default required; the last one blocks nothing`,
    },
    source: { type: "string", value: "NAME", help: "Where it came from; default manual" },
    task: { type: "string", value: "ID", help: "The task that is to close it" },
    ...NOTE,
  },
  positionals: { min: 2, max: MANY },
  examples: [
    'flowstore gap add fn-1 "Log out everywhere" --task fn-1.4',
    'flowstore gap add fn-1 "Dark mode" --priority nice-to-have --json',
  ],
  data: {
    text: "{ gap, created, reopened }; with several capabilities a list of them",
    schema: { anyOf: [ADDED, listOf(ADDED)] },
  },
  async run(context) {
    const [epicId = "", ...words] = context.positionals;
    const capabilities = await textsOf(words, "capability");
    const about = aboutOf(context);
    const store = await context.openStore("write");
    const added = await changeEach(context, store, capabilities, (capability) =>
      store.gaps.add({ epicId, capability, ...about }, noteOf(context)),
    );
    return {
      data: asNamed(added),
      isConfirmation: true,
      text: async () => {
        const { renderGap } = await import("../render/gap-table.ts");
        return added
          .map(({ gap, created, reopened }) => {
            const verb = created ? "Opened" : reopened ? "Reopened" : "Open already:";
            return renderGap(gap, verb, context.terminal);
          })
          .join("\n");
      },
    };
  },
};

function aboutOf({ options }: CommandContext): {
  priority?: GapPriority;
  source?: string;
  taskId?: string;
} {
  const [priority, source, task] = ["priority", "source", "task"].map((name) => options.text(name));
  return {
    ...(priority === undefined
      ? {}
      : { priority: readChoice(priority, "a priority", GAP_PRIORITIES) }),
    ...(source === undefined ? {} : { source }),
    ...(task === undefined ? {} : { taskId: task }),
  };
}

export const resolve: Command = {
  usage: "EPIC ID… --evidence TEXT | EPIC --capability TEXT --evidence TEXT",
  details: [
    "Resolved already is no change: the first evidence stays, and changed is false.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    evidence: { type: "string", value: "TEXT", help: "How it was shown to be closed" },
    capability: { type: "string", value: "TEXT", help: "The gap of this capability" },
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: [
    'flowstore gap resolve fn-1 3 --evidence "test/session.test.ts"',
    'flowstore gap resolve fn-1 --capability "Dark mode" --evidence "commit 1f2e3d4" --json',
  ],
  data: {
    text: "{ gap, changed }; with several IDs a list of them",
    schema: { anyOf: [RESOLVED, listOf(RESOLVED)] },
  },
  async run(context) {
    const [epicId = "", ...words] = context.positionals;
    const [capability, evidence] = ["capability", "evidence"].map((name) =>
      context.options.text(name),
    );
    if (evidence === undefined) {
      throw new FlowError("BAD_REQUEST", "Say how it was shown to be closed: give --evidence");
    }
    if ((capability === undefined) === (words.length === 0)) {
      throw new FlowError("BAD_REQUEST", "Name the gap either by an ID or by --capability");
    }
    const ids = (await wordsOf(words)).map(readId);
    const store = await context.openStore("write");
    const note = noteOf(context);
    const resolved =
      capability === undefined
        ? await changeEach(context, store, ids, (id) =>
            store.gaps.resolve(epicId, id, evidence, note),
          )
        : [await store.gaps.resolveByCapability(epicId, capability, evidence, note)];
    return {
      data: asNamed(resolved),
      isConfirmation: true,
      text: async () => {
        const { renderGap } = await import("../render/gap-table.ts");
        return resolved
          .map(({ gap, changed }) =>
            renderGap(gap, changed ? "Resolved" : "Resolved already:", context.terminal),
          )
          .join("\n");
      },
    };
  },
};

export const remove: Command = {
  usage: "EPIC ID… | EPIC --all [--dry-run] [--note TEXT]",
  details: [
    "For gaps that were none. The file stays as a tombstone, the ID is not used",
    "again. Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    all: { type: "boolean", help: "Every gap of the epic" },
    ...DRY_RUN,
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore gap remove fn-1 3 --dry-run", "flowstore gap remove fn-1 --all"],
  data: {
    text: `the gap that was removed ${GAP_KEYS}; with several IDs, or with --all, a list of them`,
    schema: { anyOf: [GAP, listOf(GAP)] },
  },
  async run(context) {
    const [epicId = "", ...words] = context.positionals;
    const isAll = context.options.flag("all");
    const dryRun = isDryRun(context);
    if (isAll === words.length > 0) throw new FlowError("BAD_REQUEST", "Name either IDs or --all");
    const ids = (await wordsOf(words)).map(readId);
    const store = await context.openStore("write");
    const note = noteOf(context);
    const removed = await unlessDry(context, store, () =>
      isAll
        ? removeAll(store, epicId, note)
        : changeEach(context, store, ids, (id) => store.gaps.remove(epicId, id, note)),
    );
    return {
      data: isAll ? removed : asNamed(removed),
      meta: { dryRun, count: removed.length },
      isConfirmation: !dryRun,
      text: async () => {
        if (removed.length === 0) return "No gaps";
        const { visible } = await import("../render/safe-text.ts");
        const verb = dryRun ? "Would remove" : "Removed";
        return removed
          .map(({ id, capability }) => `${verb} #${id} ${visible(capability)}`)
          .join("\n");
      },
    };
  },
};

/** All gaps that are there, looked at and removed in one step. */
async function removeAll(store: FlowStore, epicId: string, note: ChangeNote): Promise<Gap[]> {
  return store.transaction(async () => {
    const gaps = await store.gaps.list(epicId);
    await store.gaps.removeAll(epicId, note);
    return gaps;
  });
}
