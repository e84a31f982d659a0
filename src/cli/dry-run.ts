/** `--dry-run`: what is asked for is done in a transaction that comes to nothing. */
import type { FlowStore } from "../index.ts";
import type { CommandContext } from "./command.ts";
import type { OptionSpec } from "./options.ts";

export const DRY_RUN: Readonly<Record<string, OptionSpec>> = {
  "dry-run": { type: "boolean", help: "Only tell what would be done" },
};

/** As long as the changes of many things may take. */
const TIMEOUT_MS = 60_000;

/** Ends a transaction so that nothing of it is kept. */
class Undone extends Error {}

export function isDryRun({ options }: CommandContext): boolean {
  return options.flag("dry-run");
}

/**
 * Does what a command does, with `--dry-run` so that nothing of it is kept: what it would give, or
 * refuse, is what doing it gives or refuses.
 */
export async function unlessDry<T>(
  context: CommandContext,
  store: FlowStore,
  act: () => Promise<T>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  return isDryRun(context) ? undone(store, act, timeoutMs) : act();
}

async function undone<T>(store: FlowStore, act: () => Promise<T>, timeoutMs: number): Promise<T> {
  const done: T[] = [];
  try {
    await store.transaction(
      async () => {
        done.push(await act());
        throw new Undone();
      },
      { timeoutMs },
    );
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  return done[0] as T;
}
