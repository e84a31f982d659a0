/** Words of the command line, with what standard input holds in place of `-`. */
import { FlowError } from "../../errors.ts";
import type { CommandContext } from "../command.ts";
import { readInput, readInputWords, STANDARD_INPUT } from "../input.ts";

/**
 * Texts, which may hold blanks: one a word, or one a line of standard input; blank lines are left
 * out.
 *
 * @param what one of them, such as `phase`
 * @throws FlowError `BAD_REQUEST` where `-` stands for none: with fewer than were meant, a command
 * would do something else.
 */
export async function textsOf(words: readonly string[], what: string): Promise<string[]> {
  return expanded(words, what, async () => linesOf((await readInput(STANDARD_INPUT)).text));
}

/** The same for IDs, of which a line of standard input may hold several. */
export async function wordsOf(words: readonly string[]): Promise<string[]> {
  return expanded(words, "ID", readInputWords);
}

/**
 * The text of a command that works on one thing: the word, or the line of standard input in place
 * of `-`.
 *
 * @param what such as `key`
 */
export async function oneTextOf({ positionals }: CommandContext, what: string): Promise<string> {
  const [text = "", ...more] = await textsOf(positionals, what);
  if (more.length === 0) return text;
  throw new FlowError(
    "BAD_REQUEST",
    `One ${what} is taken here, and standard input held ${more.length + 1}`,
  );
}

async function expanded(
  words: readonly string[],
  what: string,
  read: () => Promise<string[]>,
): Promise<string[]> {
  const texts: string[] = [];
  for (const word of words) {
    const found = word === STANDARD_INPUT ? await read() : [word];
    if (found.length === 0) throw new FlowError("BAD_REQUEST", `Standard input held no ${what}`);
    for (const text of found) texts.push(text);
  }
  return texts;
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}
