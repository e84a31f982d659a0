/** A task for a claim's attack in a test. */
import type { TestContext } from "node:test";

import type { Task } from "./claim.ts";
import { atEnd } from "../at-end.ts";

/** `TORTURE_SEED=7` tries another one. */
const SEED = Number(process.env["TORTURE_SEED"] ?? 1);

export function shortTask(context: TestContext, goal: number, changed: Partial<Task> = {}): Task {
  return {
    size: "short",
    goal,
    seed: SEED,
    deadline: Infinity,
    progress: () => undefined,
    cleanUp: (act) => atEnd(context, act),
    ...changed,
  };
}
