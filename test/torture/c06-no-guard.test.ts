/**
 * C6 in short, and that C5 and C6 would see what a weaker commit loses. For C5 itself see
 * `test/process/store-kill.test.ts`, `store-stopped.test.ts` and `store-claims.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { runChaos, type Chaos } from "./chaos.ts";
import { shortTask } from "./short-task.ts";

/** Nobody is stopped for long here, few are killed. */
const CALM = { kill: 0.1, longStop: 0, nothing: 0.5 };

function chaos(seed: number, changed: Partial<Chaos>): Chaos {
  const writers = { wanted: 20 };
  return { seed, processes: 4, goal: 60, deadline: Infinity, writers, moods: CALM, ...changed };
}

test("without any guard nothing is lost and nothing doubled", async (context) => {
  const { seed } = shortTask(context, 1);
  const { violations, acknowledged } = await runChaos(
    context,
    chaos(seed, { patches: ["no guard"] }),
  );
  assert.deepEqual(violations, []);
  assert.ok(acknowledged >= 60);
});

test("without the look at one's own record it is, and that is seen", async (context) => {
  const { seed } = shortTask(context, 1);
  const patches = ["no guard", "no read-back"] as const;
  const { violations } = await runChaos(context, chaos(seed, { goal: 200, patches }));
  assert.notDeepEqual(violations, []);
});
