/** C6: the same with the guard switched off. Safety rests on the commit, not on the lock. */
import type { Claim, Task, Verdict } from "./claim.ts";
import { runChaos } from "./chaos.ts";
import { scopeOf } from "./scope.ts";

const PROCESSES = 8;
const WANTED = 60;

export const noGuard: Claim = {
  id: "C6",
  title: "safe with the guard switched off: everybody writes at once",
  needs: ["linux"],
  goals: { short: 1000, release: 5000 },
  attack,
};

async function attack(task: Task): Promise<Verdict> {
  const { seed, goal, deadline, progress } = task;
  const { acknowledged, violations, notes } = await runChaos(scopeOf(task), {
    ...{ seed, goal, deadline, progress, processes: PROCESSES },
    writers: { wanted: WANTED },
    patches: ["no guard"],
  });
  return { tried: acknowledged, unit: "changes acknowledged", violations, notes };
}
