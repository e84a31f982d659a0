/**
 * C4: real power cuts. A file system on a loop device is shut down without its log being written,
 * at a random moment while processes change a store on it; then it is mounted again, as after a
 * reboot, and everything that was acknowledged must be there.
 */
import type { ToldCut, Life } from "./c04-arena.worker.ts";
import { attackFullDisks } from "./c04-full-disks.ts";
import { FILE_SYSTEMS } from "./c04-loop-disk.ts";
import { runApart } from "./c04-namespace.ts";
import { BASELINES, WORKLOADS } from "./c04-workloads.ts";
import type { Claim, Task, Verdict } from "./claim.ts";

/** A store lives through so many cuts at the most; then another file system is made. */
const LONGEST_LIFE = 10;
/** A baseline loses something at two of three cuts. */
const UNTIL_LOSS = 20;

export const powerCuts: Claim = {
  id: "C4",
  title: "real power cuts on ext4 and xfs, and file systems that are full",
  needs: ["linux", "root", "loop devices"],
  goals: { short: 30, release: 600 },
  attack,
};

/** All that was told of lives of one sort. */
class Chronicle {
  readonly cuts: ToldCut[] = [];
  readonly violations: string[] = [];

  async add(life: Life, task: Task): Promise<void> {
    await runApart("c04-arena", JSON.stringify(life), task, (line) => {
      const cut = JSON.parse(line) as ToldCut;
      this.cuts.push(cut);
      const where = `${life.fileSystem}, ${life.workload}, seed ${life.seed}`;
      const kept = cut.kept === null ? "" : ` (what was left: ${cut.kept})`;
      this.violations.push(...cut.violations.map((text) => `${where}: ${text}${kept}`));
    });
  }

  sum(of: "acknowledged" | "forgotten" | "torn"): number {
    return this.cuts.reduce((sum, cut) => sum + cut[of], 0);
  }

  get lossy(): number {
    return this.cuts.filter(({ violations }) => violations.length > 0).length;
  }
}

async function attack(task: Task): Promise<Verdict> {
  const cuts = await cutStores(task);
  const baselines = await cutBaselines(task);
  const full = await attackFullDisks(task);
  return {
    tried: cuts.tried,
    unit: "power cuts",
    violations: [...cuts.violations, ...baselines.violations, ...full.violations],
    notes: [...cuts.notes, ...baselines.notes, ...full.notes],
    untried: [...baselines.untried, ...full.untried],
  };
}

/** What a part of the attack found. */
type Found = Pick<Verdict, "violations" | "notes">;

/** Stores, whose power is cut. */
export async function cutStores(task: Task): Promise<Found & Pick<Verdict, "tried">> {
  const chronicle = await cutEverything(task);
  const { cuts, violations } = chronicle;
  return { tried: cuts.length, violations, notes: [noteOf(chronicle)] };
}

async function cutEverything(task: Task): Promise<Chronicle> {
  const { goal, seed, deadline, progress } = task;
  const chronicle = new Chronicle();
  const sorts = FILE_SYSTEMS.length * WORKLOADS.length;
  const length = Math.min(LONGEST_LIFE, Math.ceil(goal / sorts));
  for (let number = 0; chronicle.cuts.length < goal && performance.now() < deadline; number += 1) {
    const fileSystem = FILE_SYSTEMS[number % FILE_SYSTEMS.length] ?? "ext4";
    const workload =
      WORKLOADS[Math.floor(number / FILE_SYSTEMS.length) % WORKLOADS.length] ?? "full";
    progress(`${chronicle.cuts.length} cuts, now ${workload} on ${fileSystem}`);
    await chronicle.add(
      {
        ...{ fileSystem, workload, seed: seed + number, untilLoss: false },
        cuts: Math.min(length, goal - chronicle.cuts.length),
        withinMs: msUntil(deadline),
      },
      task,
    );
  }
  return chronicle;
}

/** JSON knows no Infinity. */
function msUntil(deadline: number): number {
  return Math.min(deadline - performance.now(), Number.MAX_SAFE_INTEGER);
}

function noteOf(real: Chronicle): string {
  const longest = Math.max(0, ...real.cuts.map(({ longestMs }) => longestMs));
  return (
    `${real.sum("acknowledged")} changes acknowledged before the cuts; files that a cut had left ` +
    `empty or torn until the first write: ${real.sum("torn")}; of relaxed forgot ` +
    `${real.sum("forgotten")}, the oldest ${longest.toFixed(0)} ms old`
  );
}

/**
 * What must lose data, or nothing was shown: each on each file system; in short on one each, another
 * one each. That one file system loses its data vouches for no other one.
 */
export async function cutBaselines(
  task: Task,
  baselines: readonly (typeof BASELINES)[number][] = BASELINES,
): Promise<Found & { readonly untried: readonly string[] }> {
  const { size, seed, deadline } = task;
  const [violations, notes, untried]: [string[], string[], string[]] = [[], [], []];
  for (const [index, workload] of baselines.entries()) {
    for (const [place, fileSystem] of FILE_SYSTEMS.entries()) {
      if (size === "short" && place !== (seed + index) % FILE_SYSTEMS.length) continue;
      const where = `the baseline ${workload} on ${fileSystem}`;
      const { lossy, cuts } = await cutBaseline(task, { workload, fileSystem });
      notes.push(`${where}: data lost at ${lossy} of ${cuts.length} cuts`);
      if (lossy > 0) continue;
      // Out of time is short of the goal, no proof of anything.
      if (performance.now() >= deadline) untried.push(where);
      else violations.push(`${where} lost nothing at ${cuts.length} cuts: no teeth`);
    }
  }
  return { violations, notes, untried };
}

/** Until something is lost. */
async function cutBaseline(
  task: Task,
  sort: Pick<Life, "workload" | "fileSystem">,
): Promise<Chronicle> {
  const chronicle = new Chronicle();
  task.progress(`the baseline ${sort.workload} on ${sort.fileSystem}`);
  const withinMs = msUntil(task.deadline);
  const life = { ...sort, seed: task.seed, cuts: UNTIL_LOSS, withinMs, untilLoss: true };
  await chronicle.add(life, task);
  return chronicle;
}
