/**
 * C3: the tests and the attacks have teeth. Each rule of the commit that is taken out of a copy of
 * the engine, each sync that is left out, each step that comes too early, must be noticed: by the
 * test that is named beside it, or by an attack (C2, C8) of a small size.
 */
import { MORE_MUTANTS } from "../crash/more-mutants.ts";
import { MutantRuns } from "../crash/mutant-runs.ts";
import { MUTANTS } from "../crash/mutants.ts";
import type { Claim, Task, Verdict } from "./claim.ts";

const ALL = [...MUTANTS, ...MORE_MUTANTS];

async function attack({ goal, deadline, progress, cleanUp }: Task): Promise<Verdict> {
  const runs = new MutantRuns();
  cleanUp(() => runs.end());
  const goesOn = (): boolean => performance.now() < deadline;
  // Those that the tests do not try come first.
  const mutants = [...MORE_MUTANTS, ...MUTANTS].slice(0, goal);
  progress("what should notice, on the engine as it is");
  const failing = await runs.failingOnItself(mutants, goesOn);
  let tried = 0;
  const survivors = await runs.survivors(mutants, (rule) => {
    if (!goesOn()) return false;
    tried += 1;
    progress(`${tried} mutants, now without: ${rule}`);
    return true;
  });
  return {
    tried,
    unit: "mutants",
    violations: [
      ...failing.map((name) => `fails on the engine as it is: ${name}`),
      ...survivors.map((rule) => `nobody misses: ${rule}`),
    ],
    notes: [`${tried - survivors.length} of ${tried} mutants were noticed`],
  };
}

export const C3: Claim = {
  id: "C3",
  title: "every rule that is taken out of the commit is missed by a test or an attack",
  needs: [],
  goals: { short: ALL.length, release: ALL.length },
  attack,
};
