/**
 * C8: every interleaving, not only the lucky ones.
 *
 * The verbs of the disk are synchronous, so that one process's commit cannot be cut into tasks for
 * a scheduler of promises. Instead each process is a thread of a {@link Simulation}, with the
 * engine as it is, guard, timers and all; at each operation of the disk and at each timer another
 * may go on. What is tried:
 *
 * * **pairs**: of two processes, every pair of places (k, j): one runs to its k-th operation and is
 *   stopped, the other runs to its j-th and is stopped, the first runs to its end, then the other.
 *   Whoever is stopped looks dead, so that the guard, which is politeness only, is stolen from it
 *   in the middle of everything. Two switches suffice for most races that there are, and all of
 *   them are tried here (in the short size a part of them, drawn anew for each seed).
 * * **chance**: four processes, stretches of any length, stops of all lengths, and kills.
 * * **the guard alone**: who holds it, with a holder that is dead, and kills, and stops too short to
 *   count as silence: never two; and two of whom one is overtaken at each of its operations.
 *
 * The same machine is set upon proper-lockfile as its users take it, and must find its known race:
 * two processes that both take a stale lock over.
 */
import { thisProcess, type ProcessIdentity } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import type { Claim, Task, Verdict } from "./claim.ts";
import { crowd, makeDuels, NOBODY, type Duel } from "./c08-duels.ts";
import { judge, together } from "./c08-judge.ts";
import { pairDirector, pauseDirector, randomDirector } from "./c08-schedules.ts";
import { Beginning, Simulation } from "./simulation.ts";
import type { Director, Plan } from "./simulation-run.ts";
import { EPOCH_MS } from "./simulation-time.ts";

const THREADS = 4;
/** The parts of the goal, but for the places at which one is overtaken while it takes the guard. */
const SHARES = { pairs: 0.65, chance: 0.25, guard: 0.1 } as const;
/** Until it holds the guard for the first time, a process does no more operations than these. */
const TAKING_STEPS = 45;
/** After so many, more of the same would tell nothing new. */
const MOST_VIOLATIONS = 20;
const PROGRESS_EVERY = 100;

/** Whoever is in the middle of something is overtaken by others, and is not given up by them. */
const GUARD_ROUGHNESS = { stop: 0.15, kill: 0.02, mostKills: 2, nobodyLooksDead: true } as const;

/** One schedule, by what repeats it. */
interface Schedule {
  readonly name: string;
  readonly director: () => Director;
}

class Attack {
  tried = 0;
  readonly violations: string[] = [];
  readonly notes: string[] = [];
  readonly #task: Task;
  readonly #simulation: Simulation;

  constructor(task: Task, simulation: Simulation) {
    this.#task = task;
    this.#simulation = simulation;
  }

  get isOver(): boolean {
    return performance.now() > this.#task.deadline || this.violations.length >= MOST_VIOLATIONS;
  }

  async duel(duel: Duel, { name, director }: Schedule): Promise<void> {
    const { beginning, plans, before } = duel;
    await this.#attempt(`${duel.name}, ${name}`, async () => {
      const outcome = this.#simulation.run(beginning, { plans, director: director(), seed: 1 });
      return judge(outcome, { before });
    });
  }

  async guard({ beginning, plans }: GuardScene, { name, director }: Schedule): Promise<void> {
    await this.#attempt(`the guard, ${name}`, async () => {
      const scenario = { plans, director: director(), seed: 1 };
      const { notes, errors } = this.#simulation.run(beginning, scenario);
      const wrong = errors.filter((error) => error !== null && error !== "killed");
      const killed = new Set(
        errors.flatMap((error, process) => (error === "killed" ? [process] : [])),
      );
      return [
        ...wrong.map(String),
        ...together(notes.filter(({ process }) => !killed.has(process))),
      ];
    });
  }

  async #attempt(name: string, act: () => Promise<readonly string[]>): Promise<void> {
    this.tried += 1;
    if (this.tried % PROGRESS_EVERY === 0)
      this.#task.progress(`${this.tried} schedules, now ${name}`);
    let problems: readonly string[];
    try {
      problems = await act();
    } catch (error) {
      problems = [String((error as Error).stack)];
    }
    if (problems.length > 0) this.violations.push(`${name}: ${problems.join("; ")}`);
  }
}

/** All pairs of places of all duels, or so many of them, drawn by chance. */
function pairsOf(
  duels: readonly Duel[],
  lengths: readonly (readonly [number, number])[],
  count: number,
  random: () => number,
): { pairs: { duel: Duel; first: number; k: number; j: number }[]; all: number } {
  const all = duels.flatMap((duel, index) => {
    const [a, b] = lengths[index] ?? [0, 0];
    return [0, 1].flatMap((first) => {
      const [own, other] = first === 0 ? [a, b] : [b, a];
      return Array.from({ length: own * other }, (_, at) => {
        return { duel, first, k: 1 + Math.floor(at / other), j: 1 + (at % other) };
      });
    });
  });
  for (let index = all.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const [here, there] = [all[index], all[other]];
    if (here !== undefined && there !== undefined) [all[index], all[other]] = [there, here];
  }
  return { pairs: all.slice(0, count), all: all.length };
}

/** How many operations it takes to steal the guard of one who looks dead. */
const STEAL_STEPS = 14;

/** How many operations each of two processes does when the other comes in the middle. */
function lengthsOf(simulation: Simulation, { beginning, plans }: Duel): [number, number] {
  const alone = (process: number): number => {
    const director: Director = ({ ready }) => ({
      kind: "go",
      process: ready[0] ?? 0,
      steps: 10_000,
    });
    const plan = plans[process];
    if (plan === undefined) return 0;
    return simulation.run(beginning, { plans: [plan], director, seed: 1 }).steps;
  };
  return [alone(0) + STEAL_STEPS, alone(1) + STEAL_STEPS];
}

async function attack(task: Task): Promise<Verdict> {
  const simulation = await Simulation.start(THREADS);
  const run = new Attack(task, simulation);
  try {
    await attackAll(task, run, simulation);
  } finally {
    await simulation.end();
  }
  const { tried, violations, notes } = run;
  return { tried, unit: "schedules", violations, notes };
}

async function attackAll(task: Task, run: Attack, simulation: Simulation): Promise<void> {
  const { goal, seed } = task;
  const random = seededRandom(seed);
  const duels = await makeDuels();
  const lengths = duels.map((duel) => lengthsOf(simulation, duel));
  const rest = Math.max(0, goal - TAKING_STEPS);
  const { pairs, all } = pairsOf(duels, lengths, Math.ceil(rest * SHARES.pairs), random);
  for (const { duel, first, k, j } of pairs) {
    if (run.isOver) break;
    const name = `pair ${first} ${k} ${j}`;
    await run.duel(duel, { name, director: () => pairDirector(first, k, j) });
  }
  run.notes.push(
    `pairs of places: ${Math.min(run.tried, pairs.length)} of all ${all} of ${duels.length} duels`,
  );
  const inGuard = Math.ceil(rest * SHARES.guard);
  const byChance = Math.max(0, rest - pairs.length - inGuard);
  for (let count = 0; count < byChance && !run.isOver; count += 1) {
    const duel = duels[count % duels.length];
    if (duel === undefined) break;
    const own = seed + count;
    const roughness = { stop: 0.12, kill: 0.02, mostKills: count % 3 };
    await run.duel(crowd(duel), {
      name: `chance ${own}`,
      director: () => randomDirector(own, roughness),
    });
  }
  await attackGuard(run, { seed, count: inGuard });
  run.notes.push(`proper-lockfile's race: ${await findLockfileRace(simulation, seed)}`);
}

/** Who meets at a guard whose holder is gone. */
interface GuardScene {
  readonly beginning: Beginning;
  readonly plans: readonly Plan[];
}

/** Processes that take the guard a few times; its holder is known to be dead, or only silent. */
function guardScene(owner: ProcessIdentity | null, processes: number, times: number): GuardScene {
  const disk = new MemoryDisk({ now: () => EPOCH_MS - 60_000 });
  for (const path of ["local", "local/guard", "local/guard/queue", "local/guard/3.lock"])
    disk.makeFolder(path);
  if (owner !== null) disk.create("local/guard/3.owner.json", JSON.stringify(owner));
  const plan: Plan = { program: "guard", given: { times } };
  return { beginning: new Beginning(disk), plans: Array.from({ length: processes }, () => plan) };
}

/** Long enough for another to steal the guard and to hold it a few times. */
const PAUSE_MS = 20;

/** All places at which one may be overtaken while it takes the guard, then so many by chance. */
async function attackGuard(
  run: Attack,
  { seed, count }: { seed: number; count: number },
): Promise<void> {
  const owner = { ...thisProcess(), pid: NOBODY };
  const duel = guardScene(owner, 2, 6);
  for (let k = 1; k <= TAKING_STEPS && !run.isOver; k += 1)
    await run.guard(duel, { name: `a pause at ${k}`, director: () => pauseDirector(k, PAUSE_MS) });
  const scenes = [guardScene(null, THREADS, 2), guardScene(owner, THREADS, 2)];
  for (let own = seed; own < seed + count && !run.isOver; own += 1) {
    const scene = scenes[own % scenes.length];
    const director = (): Director => randomDirector(own, GUARD_ROUGHNESS);
    if (scene !== undefined) await run.guard(scene, { name: `chance ${own}`, director });
  }
}

/** So many schedules at most until the race must have been found. */
const MOST_LOCKFILE_RUNS = 2000;

/** How many schedules it takes until two processes have both taken over one stale lock. */
export async function findLockfileRace(simulation: Simulation, seed: number): Promise<string> {
  const disk = new MemoryDisk({ now: () => EPOCH_MS - 60_000 });
  disk.makeFolder("lock");
  const beginning = new Beginning(disk);
  const plans = Array.from({ length: 3 }, () => ({
    program: "lockfile",
    given: { staleMs: 10_000 },
  }));
  for (let count = 1; count <= MOST_LOCKFILE_RUNS; count += 1) {
    const director = randomDirector(seed + count, { stop: 0, kill: 0, mostKills: 0 });
    const { notes, errors } = simulation.run(beginning, { plans, director, seed: count });
    const found = together(notes);
    if (found.length > 0) return `found in schedule ${count}`;
    void errors;
  }
  throw new Error(`proper-lockfile's race was not found in ${MOST_LOCKFILE_RUNS} schedules`);
}

export const C8: Claim = {
  id: "C8",
  title: "every interleaving of commits, recoveries, takeovers and rotations gives one history",
  needs: [],
  goals: { short: 2000, release: 20_000 },
  attack,
};
