/**
 * Patterns of users over texts of users. A pattern such as `(a+)+b` may take longer than the world
 * lasts, and nothing but a context of its own with a time limit can end it.
 */

import { createContext, runInContext } from "node:vm";

import { FlowError } from "../errors.ts";

/**
 * For all texts of one search together. Thousands of entries take some ms; a process that shows no
 * life for a second would lose its turn to write.
 */
const LIMIT_MS = 500;
/** `g` and `y` remember where the last match ended, `d` only costs time. */
const STATEFUL = /[gyd]/g;

/**
 * Of each list whether the pattern is in one of its texts, without regard to case.
 *
 * @throws FlowError `BAD_REQUEST` when it takes longer than 500 ms.
 */
export function foundIn(pattern: RegExp, lists: readonly (readonly string[])[]): boolean[] {
  const flags = pattern.flags.replace(STATEFUL, "");
  const sought = new RegExp(pattern.source, flags.includes("i") ? flags : `${flags}i`);
  const found: boolean[] = [];
  const look = (isFound: boolean): void => void found.push(isFound);
  const context = createContext({ sought, lists, look });
  try {
    const code = "for (const list of lists) look(list.some((text) => sought.test(text)))";
    runInContext(code, context, { timeout: LIMIT_MS });
  } catch (error) {
    if (!hasTimedOut(error)) throw error;
    throw new FlowError(
      "BAD_REQUEST",
      `Cannot search: the pattern takes longer than ${LIMIT_MS} ms`,
      {
        context: { field: "query", limitMs: LIMIT_MS },
        hint: "Write it without a repetition inside a repetition, or search for a text.",
        cause: error,
      },
    );
  }
  return found;
}

/** The error comes from the other context, whose `Error` is not ours. */
function hasTimedOut(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
