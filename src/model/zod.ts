/**
 * zod, loaded at the first call and not before: it takes 70 to 100 ms, and who reads well-formed
 * files never needs it. Synchronously, because checks are; `require` is node's only way to that.
 */
// oxlint-disable-next-line no-restricted-imports -- only to load zod; nothing of the system is read
import { createRequire } from "node:module";
import type * as Zod from "zod";
import { pathText, shown, type Problem } from "./json-values.ts";

let loaded: typeof Zod | undefined;

/** The package itself. */
export function loadZod(): typeof Zod {
  loaded ??= createRequire(import.meta.url)("zod") as typeof Zod;
  return loaded;
}

/** What `schema` finds wrong with `value`, in our words; empty when nothing is. */
export function zodProblems(schema: Zod.ZodType, value: unknown): Problem[] {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return [];
  return result.error.issues.map((issue) => {
    // The one problem that lies in what is there, and not in what it is not.
    if (issue.code === "unrecognized_keys") {
      const keys = issue.keys.slice(0, NAMED_KEYS).map(shown).join(", ");
      return { path: pathText(issue.path), message: `no place for ${keys}` };
    }
    const got = issue.input === undefined ? "nothing" : shown(issue.input);
    return { path: pathText(issue.path), message: `${expectedBy(issue)}, got ${got}` };
  });
}

/** How many superfluous keys a message names. */
const NAMED_KEYS = 3;

/** Types as people call them; every number of ours is a whole one. */
const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a whole number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function expectedBy(issue: Zod.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${TYPES[issue.expected] ?? issue.expected}`;
    case "too_small":
      if (issue.origin === "string") return "expected a text that is not empty";
      return `expected a whole number from ${issue.minimum}`;
    case "too_big":
      return `expected a whole number up to ${issue.maximum}`;
    default:
      // Unions and checks of our own bring their words with them.
      return issue.message.startsWith("expected ") ? issue.message : "expected another value";
  }
}
