/**
 * C8 in short. That the machine finds races is shown in the same run, by that of proper-lockfile; that
 * it finds a weaker engine's takes more schedules, and is C3's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { randomDirector } from "./c08-schedules.ts";
import { C8 } from "./c08-interleavings.ts";
import { shortTask } from "./short-task.ts";
import type { Scene } from "./simulation-run.ts";

const SCHEDULES = 120;

test("whoever goes on when, there is one history", async (context) => {
  const { tried, violations, notes } = await C8.attack(shortTask(context, SCHEDULES));
  assert.deepEqual([tried, violations], [SCHEDULES, []]);
  assert.match(notes.join("; "), /proper-lockfile's race: found in schedule \d+/);
  context.diagnostic(notes.join("; "));
});

test("chance kills as many as it may, and stops nobody in their place", () => {
  const scene: Scene = {
    ready: [0, 1],
    living: [0, 1],
    last: -1,
    steps: 0,
    nowMs: 0,
    pending: () => ({ operation: "start", path: "" }),
  };
  const director = randomDirector(7, { stop: 0, kill: 0.5, mostKills: 2 });
  const kinds = Array.from({ length: 50 }, () => director(scene).kind);
  assert.deepEqual(
    kinds.filter((kind) => kind !== "go"),
    ["kill", "kill"],
  );
});
