/** Commands that take several texts, which may hold blanks: one a word, or one a line of standard input. */
import { FlowError } from "../../errors.ts";
import { readInput, STANDARD_INPUT } from "../input.ts";

/**
 * The words, with the lines of standard input in place of `-`; blank lines are left out.
 *
 * @param what one of them, such as `phase`
 * @throws FlowError `BAD_REQUEST` where `-` stands for none: with fewer than were meant, a command
 * would do something else.
 */
export async function textsOf(words: readonly string[], what: string): Promise<string[]> {
  const texts: string[] = [];
  for (const word of words) {
    const read = word === STANDARD_INPUT ? linesOf((await readInput(word)).text) : [word];
    if (read.length === 0) throw new FlowError("BAD_REQUEST", `Standard input held no ${what}`);
    for (const text of read) texts.push(text);
  }
  return texts;
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}
