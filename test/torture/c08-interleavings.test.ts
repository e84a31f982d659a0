/**
 * C8 in short. That the machine finds races is shown in the same run, by that of proper-lockfile; that
 * it finds a weaker engine's takes more schedules, and is C3's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { C8 } from "./c08-interleavings.ts";
import { shortTask } from "./short-task.ts";

const SCHEDULES = 120;

test("whoever goes on when, there is one history", async (context) => {
  const { tried, violations, notes } = await C8.attack(shortTask(context, SCHEDULES));
  assert.deepEqual([tried, violations], [SCHEDULES, []]);
  assert.match(notes.join("; "), /proper-lockfile's race: found in schedule \d+/);
  context.diagnostic(notes.join("; "));
});
