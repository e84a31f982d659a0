/** What agents learnt: remembering it, finding it, saying that it still holds. */
import { FlowError } from "../../errors.ts";
import { MEMORY_SEVERITIES } from "../../index.ts";
import type { AppendMemoryInput, FlowStore, MemoryEntry, MemoryFilter } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { readInput, STANDARD_INPUT } from "../input.ts";
import type { OptionSpec } from "../options.ts";
import { readChoice, readCount } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { wordsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const SCHEMA = objectOf({
  id: TEXT,
  type: TEXT,
  text: TEXT,
  tags: listOf(TEXT),
  module: TEXT_OR_NULL,
  severity: { enum: [...MEMORY_SEVERITIES, null] },
  createdAt: TEXT,
  lastVerified: TEXT_OR_NULL,
});
const KEYS = "{ id, type, text, tags, module, severity, createdAt, lastVerified }";
const EACH: DataShape = {
  text: `the entry: ${KEYS}; with several IDs a list of them, in the order given`,
  schema: { anyOf: [SCHEMA, listOf(SCHEMA)] },
};
const ENTRIES: DataShape = {
  text: `a list of entries ${KEYS}; meta.count says how many`,
  schema: listOf(SCHEMA),
};

const ABOUT: Readonly<Record<string, OptionSpec>> = {
  type: { type: "string", value: "NAME", help: "Such as pitfall, convention or decision" },
  module: { type: "string", value: "NAME", help: "The part of the project that it is about" },
  severity: { type: "string", value: "NAME", help: MEMORY_SEVERITIES.join(", ") },
  tag: { type: "string", multiple: true, value: "WORD", help: "A word to find it by" },
};
const FILTER: Readonly<Record<string, OptionSpec>> = {
  ...ABOUT,
  limit: { type: "string", value: "N", help: "At most this many" },
};

export const add: Command = {
  usage: "TEXT [options]",
  details: [
    "The same text again, but for white space at its ends, gives the entry that is",
    "there: meta.created is then false, and nothing is written. The TEXT - is read",
    "from standard input.",
  ].join("\n"),
  options: { ...ABOUT, ...NOTE },
  positionals: { min: 1, max: 1 },
  examples: [
    'flowstore memory add "The cookie is lost in Safari" --type pitfall --tag auth',
    "flowstore memory add - --severity high --json",
  ],
  data: { text: `the entry: ${KEYS}`, schema: SCHEMA },
  async run(context) {
    const input = { text: await textOf(context), ...aboutOf(context) };
    const store = await context.openStore("write");
    const { entry, created } = await remember(context, store, input);
    return {
      data: entry,
      meta: { created },
      text: () => (created ? entry.id : `${entry.id} (known since ${entry.createdAt})`),
    };
  },
};

/** What came by a pipe ends with a newline that nobody meant. */
async function textOf({ positionals: [word = ""] }: CommandContext): Promise<string> {
  if (word !== STANDARD_INPUT) return word;
  return (await readInput(word)).text.replace(/\r?\n$/, "");
}

/** In one transaction, so that nobody else's entry passes for the one that was added. */
async function remember(
  context: CommandContext,
  store: FlowStore,
  input: AppendMemoryInput,
): Promise<{ readonly entry: MemoryEntry; readonly created: boolean }> {
  return store.transaction(async () => {
    const before = await store.memory.list();
    const entry = await store.memory.append(input, noteOf(context));
    return { entry, created: !before.some(({ id }) => id === entry.id) };
  });
}

export const list: Command = {
  usage: "[--type NAME] [--module NAME] [--severity NAME] [--tag WORD]… [--limit N]",
  details: "Newest first. All that is given must hold, every --tag too.",
  options: FILTER,
  positionals: { min: 0, max: 0 },
  examples: ["flowstore memory list --type pitfall", "flowstore memory list --tag auth --json"],
  data: ENTRIES,
  async run(context) {
    const store = await context.openStore("read");
    return entries(context, await store.memory.list(filterOf(context)));
  },
};

export const search: Command = {
  usage: "WORDS [--regex] [options]",
  details: [
    "Newest first. Looks into texts and tags, and takes upper and lower case as the",
    "same. With --regex, WORDS are a pattern as JavaScript has them; one that takes",
    "longer than half a second is refused.",
  ].join("\n"),
  options: {
    regex: { type: "boolean", help: "WORDS are a pattern, such as 'cookie|session'" },
    ...FILTER,
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore memory search cookie --type pitfall",
    "flowstore memory search 'safari|webkit' --regex --json",
  ],
  data: ENTRIES,
  async run(context) {
    const [words = ""] = context.positionals;
    if (words === "") throw new FlowError("BAD_REQUEST", "There is nothing to search for");
    const query = context.options.flag("regex") ? patternOf(words) : words;
    const store = await context.openStore("read");
    return entries(context, await store.memory.search(query, filterOf(context)));
  },
};

function patternOf(words: string): RegExp {
  try {
    return new RegExp(words, "i");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FlowError("BAD_REQUEST", `"${words}" is not a pattern: ${error.message}`, {
      cause: error,
    });
  }
}

export const show: Command = {
  usage: "ID…",
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore memory show 01M7Z0YB2Z5YH27TAQ006SBDS0 --json"],
  data: EACH,
  async run(context) {
    const ids = await wordsOf(context.positionals);
    const store = await context.openStore("read");
    const found = await entriesOf(store, ids);
    return {
      data: asNamed(found),
      text: async () => {
        const { renderEntry } = await import("../render/memory-table.ts");
        return found.map((entry) => renderEntry(entry)).join("\n\n");
      },
    };
  },
};

export const verify: Command = {
  usage: "ID… [--note TEXT]",
  details: [
    "Says that they still hold, now. Several IDs: all or none. The ID - reads IDs",
    "from standard input.",
  ].join("\n"),
  options: { ...NOTE },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore memory verify 01M7Z0YB2Z5YH27TAQ006SBDS0"],
  data: EACH,
  async run(context) {
    const ids = await wordsOf(context.positionals);
    const store = await context.openStore("write");
    const verified = await changeEach(context, store, ids, (id) =>
      store.memory.verify(id, noteOf(context)),
    );
    return changed(verified, "Verified");
  },
};

export const deleteCommand: Command = {
  usage: "ID… [--dry-run] [--note TEXT]",
  details: [
    "The file stays as a tombstone; the same text may be remembered anew. Several",
    "IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    ...DRY_RUN,
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore memory delete 01M7Z0YB2Z5YH27TAQ006SBDS0 --dry-run"],
  data: EACH,
  async run(context) {
    const dryRun = isDryRun(context);
    const ids = await wordsOf(context.positionals);
    const store = await context.openStore("write");
    const deleted = await unlessDry(context, store, () =>
      changeEach(context, store, ids, (id) => store.memory.delete(id, noteOf(context))),
    );
    const result = changed(deleted, dryRun ? "Would delete" : "Deleted");
    return { ...result, isConfirmation: !dryRun, meta: { dryRun } };
  },
};

async function entriesOf(store: FlowStore, ids: readonly string[]): Promise<MemoryEntry[]> {
  const found: MemoryEntry[] = [];
  for (const id of ids) {
    const entry = await store.memory.get(id);
    if (entry === null) {
      throw new FlowError("NOT_FOUND", `There is no entry "${id}" in memory`, {
        context: { kind: "memory", id },
      });
    }
    found.push(entry);
  }
  return found;
}

function entries(context: CommandContext, found: readonly MemoryEntry[]): CommandResult {
  return {
    data: found,
    meta: { count: found.length },
    text: async () => {
      const { renderMemory } = await import("../render/memory-table.ts");
      return renderMemory(found, context.terminal);
    },
  };
}

function changed(found: readonly MemoryEntry[], verb: string): CommandResult {
  return {
    data: asNamed(found),
    isConfirmation: true,
    text: async () => {
      const { visible } = await import("../render/safe-text.ts");
      const { firstLineOf } = await import("../render/memory-table.ts");
      return found.map((entry) => `${verb} ${entry.id} ${visible(firstLineOf(entry))}`).join("\n");
    },
  };
}

function aboutOf({ options }: CommandContext): Omit<MemoryFilter, "limit"> {
  const [type, module, severity] = ["type", "module", "severity"].map((name) => options.text(name));
  const tags = options.list("tag");
  return {
    ...(type === undefined ? {} : { type }),
    ...(module === undefined ? {} : { module }),
    ...(severity === undefined
      ? {}
      : { severity: readChoice(severity, "a severity", MEMORY_SEVERITIES) }),
    ...(tags.length === 0 ? {} : { tags }),
  };
}

function filterOf(context: CommandContext): MemoryFilter {
  const limit = context.options.text("limit");
  const about = aboutOf(context);
  return limit === undefined ? about : { ...about, limit: readCount(limit, "a limit") };
}
