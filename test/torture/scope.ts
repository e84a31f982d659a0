/** What attacks share: letting go at the end, and violations in words. */
import { AssertionError } from "node:assert/strict";

import type { Scope } from "../at-end.ts";
import type { Task } from "./claim.ts";

/** A task as what the workers of the process tests belong to. */
export function scopeOf(task: Pick<Task, "cleanUp">): Scope {
  return { after: task.cleanUp };
}

/** Does `check`; what it asserts in vain is added to `violations`, after `where`. */
export async function collect(
  violations: string[],
  where: string,
  check: () => Promise<void> | void,
): Promise<boolean> {
  try {
    await check();
    return true;
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    violations.push(`${where}: ${error.message}`);
    return false;
  }
}
