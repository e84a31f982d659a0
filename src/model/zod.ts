/**
 * zod, loaded at the first call and not before: it takes 70 to 100 ms, and who reads well-formed
 * files never needs it. Synchronously, because checks are; `require` is node's only way to that.
 */
// oxlint-disable-next-line no-restricted-imports -- only to load zod; nothing of the system is read
import { createRequire } from "node:module";
import type * as Zod from "zod";
import { pathText, type Problem } from "./json-values.ts";

let loaded: typeof Zod | undefined;

/** The package itself. */
export function loadZod(): typeof Zod {
  loaded ??= createRequire(import.meta.url)("zod") as typeof Zod;
  return loaded;
}

/** What `schema` finds wrong with `value`, in our words for the place; empty when nothing is. */
export function zodProblems(schema: Zod.ZodType, value: unknown): Problem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({ path: pathText(path), message }));
}
