/**
 * C2: whatever state a power cut may leave on a disk that is stricter than POSIX promises, the
 * store opens, shows every commit wholly or not at all, in order, and all that was answered.
 *
 * A disk in memory records what is done to it; at each point what was not synced may be lost in
 * part, as {@link CRASH_VARIANTS} says. Three kinds of work are cut:
 *
 * * **workloads** that are written down, at every operation, by every variant: every kind of commit,
 *   rotations, raised floors, helpers of killed writers, `relaxed`, `none` (which promises nothing
 *   but that the store opens);
 * * **all stores**: features, locks, checkpoints and the rest, by their public calls;
 * * **lives**: processes that come between each other, are stopped and killed, meet failing
 *   operations (a failed sync loses what it was to save, for good), over several boots. They bring
 *   about carried records, poison, paths that are stuck, staged temporaries that nobody uses,
 *   floors raised in the background, and two writers of whom one was asleep.
 *
 * States of lives and of all stores are counted once, however often they come about; of the others
 * two points may leave the same. Those of `none` do not count.
 */
import { seededRandom } from "#src/disk/power-cut.js";
import {
  attackCareless,
  attackFull,
  attackHelper,
  attackRelaxed,
  type Pains,
  type Tally,
} from "../crash/power-attacks.ts";
import { inLanes } from "../storage/support.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { cutsOf, judgeCut } from "./c02-cuts.ts";
import { live, LIFE_THREADS, type Chapter } from "./c02-lives.ts";
import { attackStores } from "./c02-stores.ts";
import { Simulation } from "./simulation.ts";

/** At this goal each state of what is written down is tried once, at a higher one more by chance. */
const WHOLE_GOAL = 40_000;
/** Another life finds more than more cuts of the same one. */
const CUTS_A_CHAPTER = 60;
const AT_ONCE = 8;
const MOST_VIOLATIONS = 20;

/** What is cut at every operation. */
interface Part {
  readonly name: string;
  /** Of all its states. */
  readonly share: number;
  /** Whether they count towards the goal; default: they do. */
  readonly counts?: boolean;
  /** Throws at the first thing that does not hold. */
  readonly attack: (pains: Pains) => Promise<Tally>;
}

class Run {
  tried = 0;
  readonly violations: string[] = [];
  readonly notes: string[] = [];
  readonly task: Task;

  constructor(task: Task) {
    this.task = task;
  }

  get goesOn(): boolean {
    return performance.now() < this.task.deadline && this.violations.length < MOST_VIOLATIONS;
  }

  async part({ name, share, counts = true, attack }: Part): Promise<void> {
    let disks = 0;
    const random = seededRandom(this.task.seed);
    const pains: Pains = {
      seed: this.task.seed,
      randoms: Math.max(1, Math.ceil(share)),
      thorough: false,
      isWanted: () => random() < share,
      goesOn: () => {
        disks += 1;
        return this.goesOn;
      },
    };
    try {
      const tally = await attack(pains);
      const apart = counts ? "" : ", of which none counts: they have only to open";
      this.notes.push(`${name}: ${tally.disks} states of ${tally.operations} operations${apart}`);
      if (counts) this.tried += tally.disks;
    } catch (error) {
      if (counts) this.tried += disks;
      this.violations.push(`${name}: ${String((error as Error).stack)}`);
    }
    this.task.progress(`${this.tried} states after ${name}`);
  }

  async chapter(chapter: Chapter, name: string, seed: number, count: number): Promise<void> {
    for (const problem of chapter.problems) this.violations.push(`${name}: ${problem}`);
    if (chapter.goesOn) this.tried += 1;
    const run = (state: Parameters<typeof judgeCut>[1], number: number) => async () => {
      const depth = { oneMore: number % 6 === 0, again: number % 6 === 1 };
      const problems = await judgeCut(chapter, state, depth);
      if (problems.length === 0) return;
      const where = `${name}, cut at ${state.at} by ${state.variant}`;
      this.violations.push(`${where}: ${problems.join("; ")}`);
    };
    function* cases(self: Run): Generator<() => Promise<void>> {
      for (const state of cutsOf(chapter, count, seed)) {
        if (!self.goesOn) return;
        self.tried += 1;
        yield run(state, self.tried);
      }
    }
    await inLanes(cases(this), AT_ONCE);
  }
}

async function attackLives(run: Run, simulation: Simulation): Promise<void> {
  const { goal, seed, progress } = run.task;
  let [lives, chapters, operations] = [0, 0, 0];
  const before = run.tried;
  for (; run.tried < goal && run.goesOn; lives += 1) {
    const own = seed + lives;
    for (const [index, chapter] of (await live(simulation, own)).entries()) {
      chapters += 1;
      operations += chapter.disk.operations;
      await run.chapter(chapter, `life ${own}, boot ${index + 1}`, own, CUTS_A_CHAPTER);
    }
    progress(`${run.tried} states, ${lives + 1} lives`);
  }
  run.notes.push(
    "states of lives and of all stores are no two alike; those of full, relaxed and a helper are by points and variants",
    `${lives} lives: ${run.tried - before} states of ${operations} operations in ${chapters} boots`,
  );
}

async function attack(task: Task): Promise<Verdict> {
  const run = new Run(task);
  const share = task.goal / WHOLE_GOAL;
  await run.part({ name: "full", share, attack: attackFull });
  await run.part({ name: "relaxed", share, attack: attackRelaxed });
  await run.part({ name: "a helper", share, attack: attackHelper });
  await run.part({ name: "none", share, attack: attackCareless, counts: false });
  await run.part({ name: "all stores", share, attack: attackStores });
  const simulation = await Simulation.start(LIFE_THREADS);
  try {
    await attackLives(run, simulation);
  } finally {
    await simulation.end();
  }
  const { tried, violations, notes } = run;
  return { tried, unit: "crash states", violations, notes };
}

export const C2: Claim = {
  id: "C2",
  title:
    "every state that a power cut may leave opens to whole commits, in order, none answered missing",
  needs: [],
  goals: { short: 10_000, release: 100_000 },
  attack,
};
