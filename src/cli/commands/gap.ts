/** What epics lack, and the gate that looks at it. */
import { FlowError } from "../../errors.ts";
import type { FlowStore, Gap, GapRef } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext } from "../command.ts";
import { listOf, objectOf, type DataShape, type JsonSchema } from "../data-shapes.ts";
import { EXIT_DONE, EXIT_FOUND_ERRORS } from "../exit-codes.ts";
import { readInputWords, STANDARD_INPUT } from "../input.ts";
import { readChoice, readId } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { textsOf } from "./each-text.ts";

const PRIORITIES = ["required", "important", "nice-to-have"] as const;
const STATUSES = ["open", "resolved"] as const;

const TEXT = { type: "string" };
const FLAG = { type: "boolean" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const GAP: JsonSchema = objectOf({
  id: { type: "integer" },
  uid: TEXT,
  epicId: TEXT,
  capability: TEXT,
  priority: { enum: PRIORITIES },
  source: TEXT,
  taskId: TEXT_OR_NULL,
  status: { enum: STATUSES },
  evidence: TEXT_OR_NULL,
  createdAt: TEXT_OR_NULL,
  resolvedAt: TEXT_OR_NULL,
});
const KEYS =
  "{ id, uid, epicId, capability, priority, source, taskId, status, evidence, createdAt, resolvedAt }";
const ADDED = objectOf({ gap: GAP, created: FLAG, reopened: FLAG });
const RESOLVED = objectOf({ gap: GAP, changed: FLAG });
const GAPS: DataShape = {
  text: `a list of gaps ${KEYS}; meta.count says how many`,
  schema: listOf(GAP),
};

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
      help: `${PRIORITIES.join(", ")}; default required; the last one blocks nothing`,
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
  priority?: (typeof PRIORITIES)[number];
  source?: string;
  taskId?: string;
} {
  const [priority, source, task] = ["priority", "source", "task"].map((name) => options.text(name));
  return {
    ...(priority === undefined ? {} : { priority: readChoice(priority, "a priority", PRIORITIES) }),
    ...(source === undefined ? {} : { source }),
    ...(task === undefined ? {} : { taskId: task }),
  };
}

export const list: Command = {
  usage: "EPIC [--status NAME]",
  details: "Sorted by ID. Two that bear one ID, as after a merge, are shown with their uids.",
  options: { status: { type: "string", value: "NAME", help: STATUSES.join(", ") } },
  positionals: { min: 1, max: 1 },
  examples: ["flowstore gap list fn-1 --status open", "flowstore gap list fn-1 --json"],
  data: GAPS,
  async run(context) {
    const [epicId = ""] = context.positionals;
    const status = context.options.text("status");
    const query = status === undefined ? {} : { status: readChoice(status, "a status", STATUSES) };
    const store = await context.openStore("read");
    const gaps = await store.gaps.list(epicId, query);
    return {
      data: gaps,
      meta: { count: gaps.length },
      text: async () => {
        const { renderGaps } = await import("../render/gap-table.ts");
        return renderGaps(gaps, context.terminal);
      },
    };
  },
};

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
    const ids = await idsOf(words);
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
    "dry-run": { type: "boolean", help: "Only tell what would be done" },
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore gap remove fn-1 3 --dry-run", "flowstore gap remove fn-1 --all"],
  data: {
    text: `the gap that was removed ${KEYS}; with several IDs, or with --all, a list of them`,
    schema: { anyOf: [GAP, listOf(GAP)] },
  },
  async run(context) {
    const [epicId = "", ...words] = context.positionals;
    const isAll = context.options.flag("all");
    const dryRun = context.options.flag("dry-run");
    if (isAll === words.length > 0) throw new FlowError("BAD_REQUEST", "Name either IDs or --all");
    const ids = await idsOf(words);
    const store = await context.openStore(dryRun ? "read" : "write");
    const removed = isAll
      ? await removeAll(context, store, epicId, dryRun)
      : dryRun
        ? await named(store, epicId, ids)
        : await changeEach(context, store, ids, (id) =>
            store.gaps.remove(epicId, id, noteOf(context)),
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
async function removeAll(
  context: CommandContext,
  store: FlowStore,
  epicId: string,
  dryRun: boolean,
): Promise<Gap[]> {
  if (dryRun) return store.gaps.list(epicId);
  return store.transaction(async () => {
    const gaps = await store.gaps.list(epicId);
    await store.gaps.removeAll(epicId, noteOf(context));
    return gaps;
  });
}

/** The gaps that `remove` would take, each once. */
async function named(store: FlowStore, epicId: string, ids: readonly GapRef[]): Promise<Gap[]> {
  let left = await store.gaps.list(epicId);
  return ids.map((ref) => {
    const [gap, ...others] = left.filter(({ id, uid }) => id === ref || uid === ref);
    const context = { kind: "gap", epicId, id: ref };
    if (gap === undefined) {
      throw new FlowError("NOT_FOUND", `There is no gap ${ref} in "${epicId}"`, { context });
    }
    if (others.length > 0) {
      const uids = [gap, ...others].map(({ uid }) => uid);
      throw new FlowError("CONFLICT", `${uids.length} gaps of "${epicId}" bear ${ref}`, {
        context: { ...context, uids },
        hint: `Name the one you mean by its uid: ${uids.join(", ")}.`,
      });
    }
    left = left.filter((other) => other !== gap);
    return gap;
  });
}

export const check: Command = {
  usage: "EPIC",
  details: [
    "Exit code 4 while a required or important gap is open; 6 when a file of its gaps",
    "cannot be read: what cannot be read is not no gaps. An epic that nobody knows",
    "has none.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore gap check fn-1 && flowstore pipeline advance fn-1 --from close",
    "flowstore gap check fn-1 --json",
  ],
  data: {
    text: "{ gate, total, openBlocking, openNonBlocking, resolved }: gate is pass or fail, total a number, the others are lists of gaps",
    schema: objectOf({
      gate: { enum: ["pass", "fail"] },
      total: { type: "integer" },
      openBlocking: listOf(GAP),
      openNonBlocking: listOf(GAP),
      resolved: listOf(GAP),
    }),
  },
  async run(context) {
    const [epicId = ""] = context.positionals;
    const store = await context.openStore("read");
    const gate = await store.gaps.check(epicId);
    return {
      data: gate,
      exitCode: gate.gate === "pass" ? EXIT_DONE : EXIT_FOUND_ERRORS,
      text: async () => {
        const { renderGate } = await import("../render/gap-table.ts");
        return renderGate(epicId, gate, context.terminal);
      },
    };
  },
};

/** IDs or uids, with those of standard input in place of `-`. */
async function idsOf(words: readonly string[]): Promise<GapRef[]> {
  const ids: GapRef[] = [];
  for (const word of words) {
    const read = word === STANDARD_INPUT ? await readInputWords() : [word];
    if (read.length === 0) throw new FlowError("BAD_REQUEST", "Standard input held no ID");
    for (const id of read) ids.push(readId(id));
  }
  return ids;
}
