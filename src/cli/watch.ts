/** Shows something again whenever it changes, until it is interrupted or nobody reads any more. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandContext, CommandResult } from "./command.ts";
import { success } from "./envelope.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "./exit-codes.ts";
import { print } from "./streams.ts";

/** A second is soon enough for a person, and what times are shown in; a look costs milliseconds. */
const LOOK_EVERY_MS = 1000;
/** Goes to the corner of the screen and clears all behind: no line above is lost by scrolling. */
const REDRAW = "\x1b[H\x1b[2J";

/** One look at what is watched. */
export interface Watched {
  readonly data: unknown;
  /** Differs when something changed; what only grows older, such as ages, is not in it. */
  readonly key: string;
  text(): string | Promise<string>;
}

/**
 * Looks once a second. On a terminal the screen is drawn anew whenever the text became another,
 * elsewhere a block and a blank line follow whenever something changed; with `--json` one envelope
 * a line.
 */
export async function watch(
  context: CommandContext,
  command: string,
  look: () => Promise<Watched>,
): Promise<CommandResult> {
  const { signal } = context;
  const isJson = context.options.flag("json");
  const isScreen = process.stdout.isTTY === true && !isJson;
  const blockOf = (data: unknown, text: string): string => {
    if (isJson) return `${JSON.stringify(success(command, data, [], {}))}\n`;
    return isScreen ? `${REDRAW}${text}\n` : `${text}\n\n`;
  };
  let before: string | null = null;
  let isRead = true;
  while (isRead && !signal.aborted) {
    const seen = await look();
    const text = isJson ? "" : await seen.text();
    const now = isScreen ? text : seen.key;
    if (now !== before) isRead = await print(process.stdout, blockOf(seen.data, text));
    before = now;
    await pause(signal);
  }
  const exitCode = signal.aborted ? EXIT_INTERRUPTED : EXIT_DONE;
  return { data: null, exitCode, isPrinted: true, text: () => "" };
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  } catch (error) {
    // The interruption ends the pause early; there is nothing else that it could throw.
    if (!signal.aborted) throw error;
  }
}
