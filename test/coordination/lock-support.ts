/** Stores whose clock the test moves, and the questions that tests of locks ask. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FlowStore, FlowStoreOptions, LockEntry, LockMode, Locks } from "flowstore";
import { makeStore, TestClock } from "../features/support.ts";

export const MODES = ["read", "directory_add", "write"] as const;

export const MINUTES = 60_000;

/** A store with a clock of its own. */
export async function makeLocks(
  context: TestContext,
  options: FlowStoreOptions = {},
): Promise<{ store: FlowStore; locks: Locks; clock: TestClock; project: string }> {
  const clock = new TestClock();
  const store = await makeStore(context, { clock: clock.now, ...options });
  return { store, locks: store.locks, clock, project: store.root.slice(0, -"/.flow".length) };
}

/** One lock on one path. */
export async function lockOne(
  locks: Locks,
  path: string,
  taskId: string,
  mode: LockMode = "write",
): Promise<LockEntry> {
  const [lock] = await locks.acquire({ paths: [path], taskId, mode });
  if (lock === undefined) throw new Error("No lock was returned");
  return lock;
}

/** Whether a task gets a lock now; it keeps it then. */
export async function gets(
  locks: Locks,
  path: string,
  taskId: string,
  mode: LockMode = "write",
): Promise<boolean> {
  const { acquired } = await locks.tryAcquire({ paths: [path], taskId, mode });
  return acquired;
}

/** Locks as `task mode path`. */
export function brief(locks: readonly LockEntry[]): string[] {
  return locks.map(({ taskId, mode, path }) => `${taskId} ${mode} ${path}`);
}

/** The names of the files in a folder below `local/`, none where there is no such folder. */
export function filesIn(store: FlowStore, folder: string): string[] {
  try {
    return readdirSync(join(store.root, "local", folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What the log says: `event task mode path`; of a heartbeat `event task`. */
export async function logOf(
  locks: Locks,
  query: { path?: string; taskId?: string } = {},
): Promise<string[]> {
  return (await locks.history(query)).map(({ event, taskId, mode, path }) =>
    [event, taskId, mode, path].filter((part) => part !== null).join(" "),
  );
}
