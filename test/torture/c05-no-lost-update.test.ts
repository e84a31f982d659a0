/**
 * C5 in short; what it holds acknowledgements against is tried in `c05-told.test.ts`, and races for
 * features in `test/process/store-claims.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { noLostUpdate } from "./c05-no-lost-update.ts";
import { runChaos } from "./chaos.ts";
import { missingNeeds } from "./needs.ts";
import { shortTask } from "./short-task.ts";

const missing = missingNeeds(noLostUpdate.needs);
const PROCESSES = 4;
const WANTED = 12;

test("writers that are stopped and killed lose no update", async (context) => {
  if (missing.length > 0) {
    context.skip(`NOT RUN: ${missing.join(", ")}`);
    return;
  }
  const { goal, seed, deadline } = shortTask(context, 60);
  const writers = { wanted: WANTED };
  const { acknowledged, violations, notes } = await runChaos(context, {
    ...{ goal, seed, deadline, writers, processes: PROCESSES },
  });
  assert.deepEqual(violations, []);
  assert.ok(acknowledged >= goal);
  context.diagnostic(notes.join());
});
