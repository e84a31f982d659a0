/**
 * Lives of a store: processes that change it by every kind of commit, come between each other, are
 * stopped, killed and met by failing operations; and between two boots a power cut.
 */
import { seededRandom, type CrashOptions } from "#src/disk/power-cut.js";
import { MemoryDisk, type CrashState } from "#src/disk/memory-disk.js";
import { commitsOf, shownOf, tagsOf, type ToldCommit } from "../crash/kept-commits.ts";
import { look } from "../crash/rebooted.ts";
import { judge, stateAfter } from "./c08-judge.ts";
import type { Failure } from "./simulation-mailbox.ts";
import type { Change, Writer } from "./simulation-programs.ts";
import { Beginning, type Simulation } from "./simulation.ts";
import type { Director, Plan, Scene } from "./simulation-run.ts";
import { judgeCut } from "./c02-cuts.ts";
import { EPOCH_MS } from "./simulation-time.ts";

export const LIFE_THREADS = 3;

type Random = NonNullable<CrashOptions["random"]>;

/** What was done from one start of the machine on, and what is to be there after it. */
export interface Chapter {
  readonly disk: MemoryDisk;
  /** Every commit that may be seen, those of earlier boots among them. */
  readonly commits: readonly ToldCommit[];
  /** The commits in their order, as they are at the end. */
  readonly order: readonly string[];
  /** Those that are durable when they are answered. */
  readonly durable: ReadonlySet<string>;
  /** How the run itself did not hold, and what the cut left that the next boot goes on from. */
  readonly problems: readonly string[];
  /** Whether another boot goes on from a cut of it, which is judged. */
  readonly goesOn: boolean;
  readonly steps: number;
  /** The time at its end. */
  readonly endMs: number;
}

class Chance {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.random() * all.length)] as T;
  }

  is(probability: number): boolean {
    return this.random() < probability;
  }

  upTo(most: number): number {
    return 1 + Math.floor(this.random() * most);
  }
}

const DOCUMENTS = ["a.json", "b.json", "c.json", "d.json"] as const;
/** Some of them together make a journal go on in a new file, also before it is closed. */
const LONG_BYTES = [20_000, 70_000, 140_000] as const;

function changeOf(chance: Chance, tag: string): Change {
  const documents = DOCUMENTS.filter(() => chance.is(0.4));
  const by = chance.pick(["commit", "commit", "group", "transaction"] as const);
  return {
    tag,
    by,
    documents: documents.length === 0 ? [chance.pick(DOCUMENTS)] : documents,
    ...(chance.is(0.07) ? { bytes: chance.pick(LONG_BYTES) } : {}),
  };
}

function writerOf(chance: Chance, name: string): Writer {
  const count = chance.upTo(4);
  return {
    changes: Array.from({ length: count }, (_, index) => changeOf(chance, `${name}${index}`)),
    durability: chance.is(0.75) ? "full" : "relaxed",
    head: chance.is(0.85) ? "head" : "moved",
    pauseMs: chance.pick([0, 0, 5, 130]),
    closes: chance.is(0.85),
  };
}

function plansOf(chance: Chance, boot: string | null, name: string): Plan[] {
  const count = LIFE_THREADS + chance.upTo(3) - 1;
  return Array.from({ length: count }, (_, index) => {
    const thread = index % LIFE_THREADS;
    const when = boot === null ? {} : { boot };
    if (chance.is(0.06)) return { thread, program: "recover", given: when };
    const given = writerOf(chance, `${name}${String.fromCodePoint(97 + index)}`);
    return { thread, program: "write", given: { ...given, ...when } };
  });
}

/** How an operation may fail on a worn or full disk. */
function failureOf(chance: Chance, operation: string): Failure {
  switch (operation) {
    case "sync":
    case "syncFile":
      return { errno: "EIO", loses: chance.is(0.7) };
    case "syncFolder":
      return { errno: "EIO" };
    case "write":
      return { errno: "ENOSPC", written: chance.pick([0, 1, 40, 300, 900, 2000]) };
    default:
      return { errno: chance.pick(["EIO", "ENOSPC", "EACCES", "EMFILE"]) };
  }
}

/** How long the machine is off between two boots. */
const OFF_MS = 10_000;

const STOPS_MS = [0.5, 10, 100, 1300] as const;

/** So many changes, and at most so many operations before each, are let pass for a sync. */
const MOST_PASSES = 40;
const PASSED_STEPS = 60;

/** By chance: long and short stretches, stops, kills, failing operations. */
function directorOf(chance: Chance, roughness: { kills: number; failures: number }): Director {
  let { kills, failures } = roughness;
  let toFail = -1;
  let passes = 0;
  return (scene: Scene) => {
    if (toFail >= 0 && scene.ready.includes(toFail)) {
      const process = toFail;
      const { operation } = scene.pending(process);
      if (passes > 0 && !operation.startsWith("sync")) {
        passes -= 1;
        return { kind: "go", process, steps: PASSED_STEPS, toChange: true };
      }
      toFail = -1;
      if (operation !== "start" && operation !== "wait")
        return { kind: "fail", process, failure: failureOf(chance, operation) };
    }
    const process = chance.pick(scene.ready);
    if (kills > 0 && chance.is(0.02)) {
      kills -= 1;
      return { kind: "kill", process };
    }
    if (chance.is(0.04)) {
      const forMs = chance.pick(STOPS_MS);
      return { kind: "stop", process, forMs, looksDead: chance.is(0.3) };
    }
    if (failures > 0 && chance.is(0.06)) {
      failures -= 1;
      toFail = process;
      // Of all that may fail a sync does the most harm, and it is one operation of many.
      passes = chance.is(0.5) ? MOST_PASSES : 0;
      return { kind: "go", process, steps: chance.upTo(60), toChange: true };
    }
    return { kind: "go", process, steps: chance.upTo(60) };
  };
}

/** One life: its chapters are the boots of the machine. */
export async function live(simulation: Simulation, seed: number): Promise<Chapter[]> {
  const chance = new Chance(seed);
  const boots = chance.pick([1, 1, 2, 3]);
  let disk = new MemoryDisk({ now: () => EPOCH_MS });
  for (const folder of ["features", "events"]) disk.makeFolder(folder);
  disk = disk.crash("all");
  let before: ToldCommit[] = [];
  const chapters: Chapter[] = [];
  for (let boot = 1; boot <= boots; boot += 1) {
    const chapter = await chapterOf(simulation, chance, {
      beginning: new Beginning(disk),
      before,
      // The last boot is the one that is: only in it a process can be told to be alive.
      boot: boot === boots ? null : `earlier-${boot}`,
      name: `t${boot}`,
      fromMs: (chapters.at(-1)?.endMs ?? 0) + OFF_MS,
    });
    if (boot === boots) {
      chapters.push(chapter);
      break;
    }
    const { operations } = chapter.disk;
    const at = Math.floor(operations * (0.3 + 0.7 * chance.random()));
    const variant = chance.pick(["nothing", "all", "random", "random"] as const);
    disk = chapter.disk.crash(variant, { at, random: chance.random });
    const judged = await withCut(chapter, { at, variant, disk });
    chapters.push(judged);
    // What does not open, or not rightly, is no beginning of anything.
    if (judged.problems.length > 0) break;
    const left = tagsOf(shownOf(await look(disk, "another boot")));
    before = chapter.commits
      .filter(({ tag }) => left.includes(tag))
      .map((commit) => ({ ...commit, from: -2, to: -1, fate: "kept" }));
  }
  return chapters;
}

/** With what did not hold of the cut that the next boot goes on from: that must not hide it. */
async function withCut(chapter: Chapter, { at, variant, disk }: CrashState): Promise<Chapter> {
  // Judging writes.
  const copy = new MemoryDisk({ now: () => EPOCH_MS }, disk.beginning());
  const found = await judgeCut(
    chapter,
    { at, variant, disk: copy },
    { oneMore: true, again: false },
  );
  const where = `the next boot's beginning, cut at ${at} by ${variant}`;
  const problems = found.map((problem) => `${where}: ${problem}`);
  return { ...chapter, problems: [...chapter.problems, ...problems], goesOn: true };
}

interface ChapterStart {
  readonly beginning: Beginning;
  readonly before: readonly ToldCommit[];
  readonly boot: string | null;
  readonly name: string;
  readonly fromMs: number;
}

async function chapterOf(
  simulation: Simulation,
  chance: Chance,
  { beginning, before, boot, name, fromMs }: ChapterStart,
): Promise<Chapter> {
  const plans = plansOf(chance, boot, name);
  const roughness = { kills: chance.pick([0, 1, 2]), failures: chance.pick([0, 0, 1, 2, 4]) };
  const outcome = simulation.run(beginning, {
    plans,
    fromMs,
    director: directorOf(chance, roughness),
    seed: Math.floor(chance.random() * 2 ** 31),
  });
  const refusals = roughness.failures > 0 ? ["IO"] : [];
  const copy = (): MemoryDisk => new MemoryDisk({ now: () => EPOCH_MS }, outcome.disk.beginning());
  const problems = await judge({ ...outcome, disk: copy() }, { before, refusals });
  const commits = [...before, ...commitsOf(outcome.notes)];
  const durable = new Set([
    ...before.map(({ tag }) => tag),
    ...plans.flatMap(({ given }) => {
      const writer = given as Partial<Writer>;
      return writer.durability === "full" ? (writer.changes ?? []).map(({ tag }) => tag) : [];
    }),
  ]);
  const order = tagsOf(shownOf(await stateAfter(copy())));
  return {
    disk: outcome.disk,
    commits,
    order,
    durable,
    problems,
    goesOn: false,
    steps: outcome.steps,
    endMs: outcome.nowMs,
  };
}
