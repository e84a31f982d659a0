/** Shows something again whenever it changes, until it is interrupted or nobody reads any more. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "../index.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { success } from "./envelope.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "./exit-codes.ts";
import { print } from "./streams.ts";

/** A second is soon enough for a person, and what times are shown in; a look costs milliseconds. */
const LOOK_EVERY_MS = 1000;
/** Goes to the corner of the screen and clears all behind: no line above is lost by scrolling. */
const REDRAW = "\x1b[H\x1b[2J";

/** One look at what is watched. */
export interface Watched extends Pick<CommandResult, "data" | "meta" | "text"> {
  /** Differs when something changed; what only grows older, such as ages, is not in it. */
  readonly key: string;
  /** What is wrong in the store at this moment; asked for only once something was warned of. */
  problems(): readonly Finding[] | Promise<readonly Finding[]>;
}

/**
 * Looks once a second. On a terminal the screen is drawn anew whenever the text became another,
 * elsewhere a block and a blank line follow whenever something changed; with `--json` one envelope
 * a line. What is wrong stands in every envelope until it is mended; people are told once.
 */
export async function watch(
  context: CommandContext,
  command: string,
  look: () => Promise<Watched>,
): Promise<CommandResult> {
  const { signal } = context;
  const isJson = context.options.flag("json");
  const isScreen = process.stdout.isTTY === true && !isJson;
  const blockOf = ({ data, meta }: Watched, warnings: readonly Finding[], text: string): string => {
    if (isJson) return `${JSON.stringify(success(command, data, warnings, meta ?? {}))}\n`;
    return isScreen ? `${REDRAW}${text}\n` : `${text}\n\n`;
  };
  let before: string | null = null;
  let warnedOf: readonly Finding[] = [];
  let isRead = true;
  while (isRead && !signal.aborted) {
    const seen = await look();
    const warnings = await standing(context, seen);
    const text = isJson ? "" : await seen.text();
    const now = isScreen ? text : `${seen.key}${isJson ? JSON.stringify(warnings) : ""}`;
    if (now !== before) isRead = await print(process.stdout, blockOf(seen, warnings, text));
    before = now;
    // Behind what is shown, so that a screen that was cleared for it does not take it along.
    await context.tell(warnings.filter((one) => !warnedOf.some((known) => isSame(one, known))));
    warnedOf = warnings;
    await pause(signal);
  }
  const exitCode = signal.aborted ? EXIT_INTERRUPTED : EXIT_DONE;
  return { data: null, exitCode, isPrinted: true, text: () => "" };
}

/** What was warned of and is not mended: the store speaks of each thing once, and not of its end. */
async function standing(context: CommandContext, seen: Watched): Promise<readonly Finding[]> {
  const told = context.warnings();
  if (told.length === 0) return [];
  return (await seen.problems()).filter((problem) => told.some((one) => isSame(one, problem)));
}

function isSame(left: Finding, right: Finding): boolean {
  return left.file === right.file && left.rule === right.rule;
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  } catch (error) {
    // The interruption ends the pause early; there is nothing else that it could throw.
    if (!signal.aborted) throw error;
  }
}
