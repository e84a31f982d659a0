/** C5: what was acknowledged is there, once, whatever befalls the processes. */
import type { Claim, Task, Verdict } from "./claim.ts";
import { runChaos } from "./chaos.ts";
import { collect, scopeOf } from "./scope.ts";
import { claimAll } from "../process/store-race.ts";

/** From 8 to so many at a time. */
const PROCESSES = { short: 8, release: 16 };
const WANTED = { short: 60, release: 400 };
const RACE = {
  short: { features: 100, processes: 8 },
  release: { features: 1000, processes: 32 },
};

export const noLostUpdate: Claim = {
  id: "C5",
  title: "no lost update, no double claim: writers that are stopped, killed and followed by others",
  needs: ["linux"],
  goals: { short: 1500, release: 10_000 },
  attack,
};

async function attack(task: Task): Promise<Verdict> {
  const { size, seed, goal, deadline, progress } = task;
  const scope = scopeOf(task);
  const processes = PROCESSES[size];
  const writers = { wanted: WANTED[size] };
  const chaos = { seed, processes, goal, deadline, writers, progress };
  const chaotic = await runChaos(scope, chaos);
  const violations = [...chaotic.violations];
  const notes = [...chaotic.notes];
  const race = RACE[size];
  progress(`${race.processes} processes claim ${race.features} features`);
  await collect(violations, `the race for features`, async () => {
    const { seconds, conflicts } = await claimAll(scope, race);
    notes.push(
      `${race.processes} processes claimed ${race.features} features, each exactly once, ` +
        `in ${seconds.toFixed(1)} s; ${conflicts} races lost`,
    );
  });
  const untried =
    chaotic.takeovers === 0 ? ["taking the guard over from who is stopped or dead"] : [];
  return { tried: chaotic.acknowledged, unit: "changes acknowledged", violations, notes, untried };
}
