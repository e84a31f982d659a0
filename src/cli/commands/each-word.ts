/** What commands work on: several ids of any kind, or one text; `-` stands for standard input. */
import { FlowError } from "../../errors.ts";
import type { CommandContext } from "../command.ts";
import { readInputWords, STANDARD_INPUT } from "../input.ts";
import { textsOf } from "./each-text.ts";

/**
 * The words of the command line, with those of standard input in place of `-`.
 *
 * @throws FlowError `BAD_REQUEST` where `-` stands for none: with fewer words than were meant, a
 * command would do something else.
 */
export async function wordsOf({ positionals }: CommandContext): Promise<string[]> {
  const words: string[] = [];
  for (const word of positionals) {
    const read = word === STANDARD_INPUT ? await readInputWords() : [word];
    if (read.length === 0) throw new FlowError("BAD_REQUEST", "Standard input held no ID");
    words.push(...read);
  }
  return words;
}

/**
 * The text of a command that works on one thing, which may hold blanks: the word, or the line of
 * standard input in place of `-`.
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
