/**
 * C8 in short. That the machine finds races is shown in the same run, by that of proper-lockfile; that
 * it finds a weaker engine's takes more schedules, and is C3's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDuels } from "./c08-duels.ts";
import { C8 } from "./c08-interleavings.ts";
import { pairDirector, randomDirector } from "./c08-schedules.ts";
import { shortTask } from "./short-task.ts";
import { Simulation } from "./simulation.ts";
import type { Director, Scene } from "./simulation-run.ts";

const PENDING = { operation: "start", path: "" };
const SCHEDULES = 165;

test("whoever goes on when, there is one history", async (context) => {
  const { tried, violations, notes } = await C8.attack(shortTask(context, SCHEDULES));
  assert.deepEqual([tried, violations], [SCHEDULES, []]);
  assert.match(notes.join("; "), /proper-lockfile's race: found in schedule \d+/);
  context.diagnostic(notes.join("; "));
});

test("a journal goes on in a new file where a duel says so", async () => {
  const simulation = await Simulation.start(1);
  for (const { name, beginning, plans } of await makeDuels()) {
    const [plan] = plans;
    if (!name.includes("rotate") || plan === undefined) continue;
    const director: Director = ({ ready }) => ({
      kind: "go",
      process: ready[0] ?? 0,
      steps: 10_000,
    });
    const { disk } = simulation.run(beginning, { plans: [plan], director, seed: 1 });
    const before = beginning.disk().list("local/journal") ?? [];
    const after = disk.list("local/journal") ?? [];
    assert.ok(before.length > 0 && after.length > 0);
    for (const file of after) assert.ok(!before.includes(file), `${name}: still ${file}`);
  }
  await simulation.end();
});

test("who is not in his stretch looks dead before the other goes on", async () => {
  const seen: string[] = [];
  const director = pairDirector(0, 2, 2);
  const scene = { ready: [0, 1], living: [0, 1], last: -1, nowMs: 0, pending: () => PENDING };
  for (let steps = 0; steps < 8; steps += 2) {
    for (let choice = director({ ...scene, steps }); ; choice = director({ ...scene, steps })) {
      seen.push(`${choice.kind} ${choice.process}`);
      if (choice.kind === "go") break;
    }
  }
  assert.deepEqual(seen.slice(0, 5), ["stop 1", "go 0", "resume 1", "stop 0", "go 1"]);
});

test("chance kills as many as it may, and stops nobody in their place", () => {
  const scene: Scene = {
    ready: [0, 1],
    living: [0, 1],
    last: -1,
    steps: 0,
    nowMs: 0,
    pending: () => PENDING,
  };
  const director = randomDirector(7, { stop: 0, kill: 0.5, mostKills: 2 });
  const kinds = Array.from({ length: 50 }, () => director(scene).kind);
  assert.deepEqual(
    kinds.filter((kind) => kind !== "go"),
    ["kill", "kill"],
  );
});
