/** Commands that do the same to each feature named: all of them in one transaction, or none. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { FlowError } from "../../errors.ts";
import type { Feature, FlowStore } from "../../index.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { readId, type FeatureRef } from "../values.ts";
import { wordsOf } from "./each-text.ts";

/** The most IDs a command takes; a command line holds no more words anyway. */
export const MANY = 100_000;

/** A millisecond a feature is usual; a slow disk shall not undo thousands of them. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** So that an interruption is heard within a few hundredths of a second. */
const CHANGES_A_TURN = 50;

/**
 * The IDs of the command line, with those of standard input in place of `-`.
 *
 * @throws FlowError `BAD_REQUEST` for a word that is no ID, and where `-` stands for none.
 */
export async function idsOf({ positionals }: CommandContext): Promise<FeatureRef[]> {
  return (await wordsOf(positionals)).map(readId);
}

/** {@link idsOf} of a command that works on one feature. */
export async function oneIdOf(context: CommandContext): Promise<FeatureRef> {
  const [id = 0, ...more] = await idsOf(context);
  if (more.length === 0) return id;
  throw new FlowError(
    "BAD_REQUEST",
    `One ID is taken here, and standard input held ${more.length + 1}`,
  );
}

/** Runs `change` for every id; an error or an interruption undoes all. */
export async function changeEach<T, Id = FeatureRef>(
  context: CommandContext,
  store: FlowStore,
  ids: readonly Id[],
  change: (id: Id) => Promise<T>,
): Promise<T[]> {
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) return [await change(only)];
  return store.transaction(
    async () => {
      const results: T[] = [];
      for (const id of ids) {
        results.push(await change(id));
        // A signal comes between turns of the event loop, and the store needs none for its answer.
        if (results.length % CHANGES_A_TURN === 0) await nextTurn();
        refuseAborted(context.signal);
      }
      return results;
    },
    { timeoutMs: TRANSACTION_TIMEOUT_MS },
  );
}

/** One ID gives one result, several give a list. */
export function asNamed<T>(results: readonly T[]): T | readonly T[] {
  return results.length === 1 ? (results[0] as T) : results;
}

/** The result of a command that changed features; its text only confirms. */
export function changed(
  context: CommandContext,
  features: readonly Feature[],
  verb: string,
): CommandResult {
  return {
    data: asNamed(features),
    isConfirmation: true,
    text: async () => {
      const { visible } = await import("../render/safe-text.ts");
      const { symbols, paint } = context.terminal;
      const { STATUS_COLOURS } = await import("../render/terminal.ts");
      return features
        .map(({ id, name, status }) => {
          return `${paint(STATUS_COLOURS[status], symbols.status[status])} ${verb} #${id} ${visible(name)}`;
        })
        .join("\n");
    },
  };
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new FlowError("ABORTED", "Interrupted; nothing was changed");
}
