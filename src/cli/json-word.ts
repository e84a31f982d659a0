/** Values that a user types: JSON, a file that holds it, or standard input. */
import { FlowError } from "../errors.ts";
import { readInput, STANDARD_INPUT } from "./input.ts";

const FILE_MARK = "@";

/** The text that a word stands for: `@FILE` and `-` are read, any other is itself. */
export async function readText(word: string): Promise<string> {
  if (word === STANDARD_INPUT) return (await readInput(word)).text;
  if (word.startsWith(FILE_MARK)) return (await readInput(word.slice(1))).text;
  return word;
}

/** Its JSON. @throws FlowError `BAD_REQUEST` where it is none. */
export function parseJson(text: string, name: string): unknown {
  const parsed = parse(text);
  if (parsed !== null) return parsed.value;
  throw new FlowError("BAD_REQUEST", `${name} is not JSON`, {
    hint: "A text stands in double quotes, such as '\"yes\"'.",
  });
}

/** Its JSON where it is JSON, else the text itself. */
export function parseJsonOrText(text: string): unknown {
  const parsed = parse(text);
  return parsed === null ? text : parsed.value;
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
