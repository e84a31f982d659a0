/** Looking at locks: who holds what, what happened, and what must not be committed. */
import { FlowError } from "../../errors.ts";
import type { Finding, FlowStore, LockHolder } from "../../index.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf } from "../data-shapes.ts";
import { readCount } from "../values.ts";
import type { Watched } from "../watch.ts";
import { ENTRY_KEYS, fromHere, HOLDER, LOCK_EVENT } from "./lock-shapes.ts";

/** A screen of events; more only when asked for. */
const DEFAULT_LIMIT = 50;

/** What one command can show of locks; each leaves no room for another. */
const VIEWS = ["expired", "history", "staged"] as const;

export const locks: Command = {
  usage: "[PATH] [--task ID] [--expired | --history | --staged] [--watch]",
  details: [
    "With PATH those on it, on a folder above it, and below it. Nobody has to clean",
    "up: what is over is not shown, or only by --expired.",
    "--staged looks at the files that git is about to commit: exit code 5 and the",
    "list when somebody holds one of them for writing, other than the task of",
    "--task. As a pre-commit hook it keeps a commit from taking along what another",
    "one works on.",
    "--watch shows every change until it is interrupted; with --json one envelope a",
    "line.",
  ].join("\n"),
  options: {
    task: { type: "string", value: "ID", help: "Only of this task; with --staged: all others" },
    expired: { type: "boolean", help: "Those that are over and not yet cleaned up" },
    history: { type: "boolean", help: `What happened to locks; the newest ${DEFAULT_LIMIT}` },
    limit: { type: "string", value: "N", help: "With --history: the newest N" },
    staged: { type: "boolean", help: "Those for writing, of what is staged for a commit" },
    watch: { type: "boolean", help: "Show them again whenever they change" },
  },
  positionals: { min: 0, max: 1 },
  examples: [
    "flowstore locks",
    "flowstore locks src/auth --json",
    "flowstore locks --history --task fn-1.2",
    "flowstore locks --staged --task fn-1.2",
  ],
  data: {
    text: `a list of locks: ${ENTRY_KEYS} with ageMs and alive (null where it cannot be told); with --history a list of { id, at, event, path, taskId, … }; meta.count says how many`,
    schema: { anyOf: [listOf(HOLDER), listOf(LOCK_EVENT)] },
  },
  async run(context) {
    const view = viewOf(context);
    const store = await context.openStore("read");
    if (view === "history") return history(context, store);
    if (view === "staged") {
      const { staged } = await import("./lock-staged.ts");
      return staged(context, store);
    }
    if (context.options.flag("watch")) {
      const { watch } = await import("../watch.ts");
      return watch(context, "locks", () => watched(context, store));
    }
    return shown(context, await found(context, store));
  },
};

/** The one thing that is asked for; `undefined`: the locks that live. */
function viewOf({ options, positionals }: CommandContext): (typeof VIEWS)[number] | undefined {
  const asked = VIEWS.filter((name) => options.flag(name));
  const [view, other] = asked;
  const names = asked.map((name) => `--${name}`).join(" and ");
  if (other !== undefined)
    throw new FlowError("BAD_REQUEST", `${names} show different things: give one of them`);
  if (options.flag("watch") && (view === "history" || view === "staged"))
    throw new FlowError("BAD_REQUEST", `--watch shows locks; it does not go with --${view}`);
  if (options.text("limit") !== undefined && view !== "history")
    throw new FlowError("BAD_REQUEST", "--limit goes with --history");
  if (view === "staged" && positionals.length > 0)
    throw new FlowError("BAD_REQUEST", "--staged looks at what git has staged: name no path");
  return view;
}

/** What narrows a list. */
function queryOf({ options, positionals }: CommandContext): { taskId?: string; path?: string } {
  const taskId = options.text("task");
  const [path] = positionals;
  return {
    ...(taskId === undefined ? {} : { taskId }),
    ...(path === undefined ? {} : { path: fromHere(path) }),
  };
}

async function found(context: CommandContext, store: FlowStore): Promise<LockHolder[]> {
  const expired = context.options.flag("expired");
  return store.locks.holders({ ...queryOf(context), expired });
}

/** A list of locks, as data and as a table. */
function shown(context: CommandContext, holders: readonly LockHolder[]): CommandResult {
  return {
    data: holders,
    meta: { count: holders.length },
    text: async () => {
      const { renderLocks } = await import("../render/lock-table.ts");
      return renderLocks(holders, context.terminal, Date.now());
    },
  };
}

async function watched(context: CommandContext, store: FlowStore): Promise<Watched> {
  const locks = await found(context, store);
  const key = JSON.stringify(locks.map(({ ageMs: _age, ...lock }) => lock));
  const problems = async (): Promise<readonly Finding[]> => (await store.status()).problems;
  return { ...shown(context, locks), key, problems };
}

async function history(context: CommandContext, store: FlowStore): Promise<CommandResult> {
  const limit = readCount(context.options.text("limit") ?? String(DEFAULT_LIMIT), "a limit");
  const events = (await store.locks.history(queryOf(context))).slice(-limit);
  return {
    data: events,
    meta: { count: events.length },
    text: async () => {
      const { renderLockHistory } = await import("../render/lock-table.ts");
      return renderLockHistory(events, context.terminal);
    },
  };
}
