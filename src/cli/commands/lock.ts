/** Locking paths for a task, keeping the locks alive, and giving them back. */
import { FlowError } from "../../errors.ts";
import {
  LOCK_MODES,
  type FlowStore,
  type LockEntry,
  type LockHolder,
  type Locks,
} from "../../index.ts";
import { noteOf } from "../change-options.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { EXIT_DONE, exitCodeOf } from "../exit-codes.ts";
import { readChoice, readCount, readDuration } from "../values.ts";
import { ENTRY_KEYS, filesOf, HOLDER, LOCK, TASK, taskOf } from "./lock-shapes.ts";

const NOTE = {
  note: { type: "string", value: "TEXT", help: "Why; locks --history shows it" },
} as const;

const FILES = {
  files: {
    type: "string",
    multiple: true,
    value: "PATHS",
    help: "Files, folders and patterns, parted by commas; - reads them",
  },
} as const;

export const lock: Command = {
  usage: "--task ID --files PATHS [--mode NAME] [--ttl 45m] [--wait 30s] [options]",
  details: [
    "All of the paths or none. When somebody is in the way: exit code 5, and every",
    "lock that is, in error.context.holders. Paths are taken from the working folder",
    "and need not exist yet; a folder holds all below it. Patterns stand in quotes:",
    "'src/auth/**' is the folder itself, so that new files in it are covered; any",
    "other pattern is the files that match now.",
    "Modes: write keeps everybody out; read only those who want to write;",
    "directory_add adds names to a folder and leaves the files in it alone.",
    "A lock ends by itself after --ttl, unless heartbeat renews it. --wait queues up:",
    "first come, first served.",
  ].join("\n"),
  options: {
    ...TASK,
    ...FILES,
    mode: { type: "string", value: "NAME", help: `${LOCK_MODES.join(", ")}; default write` },
    ttl: { type: "string", value: "DURATION", help: "It ends after 90s, 45m, 2h; default 45m" },
    wait: { type: "string", value: "DURATION", help: "Wait at most so long for others" },
    owner: { type: "string", value: "NAME", help: "Who holds it; default the actor" },
    pid: { type: "string", value: "N", help: "It ends with this process; not that of a command" },
    ...NOTE,
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore lock --task fn-1.2 --files src/cart.ts,src/prices/ --ttl 30m",
    "flowstore lock --task fn-1.2 --files 'src/auth/**' --mode read --wait 30s --json",
  ],
  data: {
    text: `a list of locks ${ENTRY_KEYS}, in the order of the paths; meta.count says how many`,
    schema: listOf(LOCK),
  },
  async run(context) {
    const input = await inputOf(context);
    const store = await context.openStore("write");
    if (input.waitMs !== undefined) context.progress("Waiting for the lock");
    const locks = await store.locks.acquire({ ...input, signal: context.signal });
    return {
      data: locks,
      meta: { count: locks.length },
      isConfirmation: true,
      text: async () => {
        const { renderGranted } = await import("../render/lock-table.ts");
        return renderGranted(locks, context.terminal);
      },
    };
  },
};

async function inputOf(
  context: CommandContext,
): Promise<Parameters<Locks["acquire"]>[0] & { readonly waitMs?: number }> {
  const { options } = context;
  const taskId = taskOf(context);
  const [mode, ttl, wait, owner, pid] = ["mode", "ttl", "wait", "owner", "pid"].map((name) =>
    options.text(name),
  );
  const given = {
    taskId,
    ...(mode === undefined ? {} : { mode: readChoice(mode, "a mode", LOCK_MODES) }),
    ...(ttl === undefined ? {} : { ttlMs: readMs(ttl) }),
    ...(wait === undefined ? {} : { waitMs: readMs(wait) }),
    ...(owner === undefined ? {} : { owner }),
    ...(pid === undefined ? {} : { bindToPid: readCount(pid, "the number of a process") }),
    ...noteOf(context),
  };
  const paths = await filesOf(context);
  if (paths === null) throw new FlowError("BAD_REQUEST", "Say what to lock: give --files");
  return { ...given, paths };
}

/** A duration, or a number of ms. */
function readMs(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : readDuration(text);
}

export const unlock: Command = {
  usage: "--task ID [--files PATHS] | --all [--dry-run] [--note TEXT]",
  details: [
    "With --files exactly the locks on these paths, else all locks of the task.",
    "--all takes every lock away, whosever it is; the tasks learn it by their next",
    "heartbeat. A damaged file of locks goes with --all, and with its path; its bytes",
    "are kept in .flow/local/quarantine.",
  ].join("\n"),
  options: {
    ...TASK,
    ...FILES,
    all: { type: "boolean", help: "Every lock of every task" },
    "dry-run": { type: "boolean", help: "Only tell what would be done" },
    ...NOTE,
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore unlock --task fn-1.2",
    "flowstore unlock --task fn-1.2 --files src/cart.ts",
    "flowstore unlock --all --dry-run",
  ],
  data: {
    text: "{ released }: how many locks, and damaged files of locks; with --dry-run also { locks }: those that would go",
    schema: objectOf({ released: { type: "integer" }, locks: listOf(HOLDER) }, ["locks"]),
  },
  async run(context) {
    const isAll = context.options.flag("all");
    if (isAll === (context.options.text("task") !== undefined)) {
      throw new FlowError("BAD_REQUEST", "Say whose locks: give --task or --all, one of them");
    }
    const paths = await filesOf(context);
    if (isAll && paths !== null)
      throw new FlowError("BAD_REQUEST", "--files goes with --task, not with --all");
    const store = await context.openStore("write");
    if (context.options.flag("dry-run")) return wouldRelease(context, store, paths);
    const released = await releaseAs(context, store.locks, paths);
    return {
      data: { released },
      meta: { dryRun: false },
      isConfirmation: true,
      text: async () => {
        const { counted } = await import("../render/counted.ts");
        return `Released ${counted(released, "lock")}`;
      },
    };
  },
};

async function releaseAs(
  context: CommandContext,
  locks: Locks,
  paths: readonly string[] | null,
): Promise<number> {
  const note = noteOf(context);
  if (context.options.flag("all")) return locks.releaseAll(note);
  const taskId = taskOf(context);
  return paths === null
    ? locks.releaseForTask(taskId, note)
    : locks.release({ taskId, paths, ...note });
}

/** Ends a transaction so that nothing of it is kept. */
class Undone extends Error {}

async function wouldRelease(
  context: CommandContext,
  store: FlowStore,
  paths: readonly string[] | null,
): Promise<CommandResult> {
  let locks: LockHolder[] = [];
  let released = 0;
  try {
    await store.transaction(async () => {
      const before = await store.locks.holders();
      released = await releaseAs(context, store.locks, paths);
      const left = new Set((await store.locks.list()).map(({ token }) => token));
      locks = before.filter(({ token }) => !left.has(token));
      throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  return {
    data: { released, locks },
    meta: { dryRun: true },
    text: async () => {
      const { counted } = await import("../render/counted.ts");
      const { renderLocks } = await import("../render/lock-table.ts");
      const summary = `Would release ${counted(released, "lock")}`;
      if (locks.length === 0) return summary;
      return `${summary}\n${renderLocks(locks, context.terminal, Date.now())}`;
    },
  };
}

export const heartbeat: Command = {
  usage: "--task ID [--note TEXT]",
  details: [
    "Each lock of the task then lives for its --ttl from now on. What has expired is",
    "not revived, nor what somebody took away, nor what stands in a damaged file: it",
    "is told as lost, with exit code 5, by every heartbeat until the task locks it",
    "anew or unlocks it.",
  ].join("\n"),
  options: { ...TASK, ...NOTE },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore heartbeat --task fn-1.2",
    "flowstore heartbeat --task fn-1.2 --json || echo 'stop: a lock is lost'",
  ],
  data: {
    text: `{ extended, lost }: how many locks live on, and a list of those that do not: ${ENTRY_KEYS}`,
    schema: objectOf({ extended: { type: "integer" }, lost: listOf(LOCK) }),
  },
  async run(context) {
    const taskId = taskOf(context);
    const store = await context.openStore("write");
    const { extended, lost } = await store.locks.heartbeat(taskId, noteOf(context));
    return {
      data: { extended, lost },
      exitCode: lost.length === 0 ? EXIT_DONE : exitCodeOf("LOCK_LOST"),
      isConfirmation: lost.length === 0,
      text: async () => heartbeatText(taskId, extended, lost),
    };
  },
};

async function heartbeatText(
  taskId: string,
  extended: number,
  lost: readonly LockEntry[],
): Promise<string> {
  const { counted } = await import("../render/counted.ts");
  const { visible } = await import("../render/safe-text.ts");
  return [
    `Renewed ${counted(extended, "lock")} of ${visible(taskId)}`,
    ...lost.map(({ path, mode, expiresAt }) => {
      return `Lost ${visible(path)} (${mode}), which was held until ${expiresAt}`;
    }),
  ].join("\n");
}
