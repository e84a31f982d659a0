/**
 * C7: the guard of a dead holder has one winner at a time, whoever waits, and is taken soon. Some
 * holders never lived (their files were laid down), some are killed while all wait.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as after } from "node:timers/promises";

import type { Disk } from "#src/disk/disk.js";
import { GUARD, GUARD_QUEUE } from "#src/storage/layout.js";
import { Contender, guardedRoot, leaveDeadHolder } from "../process/contenders.ts";
import { sharedMs } from "../process/guard.worker.ts";
import type { Claim, Task, Verdict } from "./claim.ts";

const WAITERS = 16;
/** Each so manieth holder lived, and is killed. */
const KILLED_EVERY = 4;
/** The guard of a dead holder is in other hands after so long, 95 times of 100, */
const TAKEN_WITHIN_MS = 100;
const MOST = 0.95;
/** or, where so many others want each processor, every other time: what they take is not the guard's. */
const MIDDLE = 0.5;
const BUSY_LOAD = 2;
/** Names of the guard that may lie there between two rounds. */
const MAX_NAMES = 4;

export const takeover: Claim = {
  id: "C7",
  title: "taking the guard over from a dead holder has one winner at a time",
  needs: ["linux"],
  goals: { short: 100, release: 1000 },
  attack,
};

async function attack(task: Task): Promise<Verdict> {
  const { goal, seed, deadline } = task;
  const { root, disk } = guardedRoot();
  const before = await otherLoad();
  const all = await Promise.all(Array.from({ length: WAITERS }, () => Contender.start(root)));
  task.cleanUp(() => all.forEach(({ child }) => child.kill("SIGKILL")));
  const violations: string[] = [];
  const laid: number[] = [];
  const killed: number[] = [];
  let round = 0;
  while (round < goal && performance.now() < deadline) {
    round += 1;
    const isKilled = (round + seed) % KILLED_EVERY === 0;
    const race = isKilled ? await afterKill(root, disk, all) : await afterCrash(disk, all);
    (isKilled ? killed : laid).push(race.tookMs);
    if (race.overlaps > 0) violations.push(`round ${round}: ${race.overlaps} were not alone`);
    const names = disk.list(GUARD) ?? [];
    if (names.length > MAX_NAMES) violations.push(`round ${round} left ${names.join(", ")}`);
    task.progress(`${round} of ${goal} rounds, ${violations.length} violations`);
  }
  await Promise.all(all.map((one) => one.end()));
  const load = Math.max(before, await otherLoad());
  violations.push(...[laid, killed].flatMap((took) => lateIn(took, load)));
  return {
    tried: round,
    unit: `rounds of ${WAITERS} waiters`,
    violations,
    notes: [
      `taken from ${laid.length} holders that crashed before: ${timesOf(laid)}`,
      `taken from ${killed.length} holders that were killed: ${timesOf(killed)}`,
      ...(load > BUSY_LOAD
        ? [`judged by the middle: others kept ${load.toFixed(1)} processes busy on each processor`]
        : []),
    ],
  };
}

const SAMPLES = 25;
const SAMPLE_EVERY_MS = 20;

/**
 * How many others want each processor, while nothing of this attack runs: what the contenders take
 * from each other is no excuse. The kernel's own average would still hold what ran before.
 */
async function otherLoad(): Promise<number> {
  let waiting = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const running = /^(?:\S+ ){3}(\d+)\//.exec(readFileSync("/proc/loadavg", "latin1"))?.[1];
    // Without the one that looks.
    waiting += Number(running) - 1;
    await after(SAMPLE_EVERY_MS);
  }
  return waiting / SAMPLES / availableParallelism();
}

interface RaceResult {
  readonly overlaps: number;
  /** From the end of the holder until the first one is in. */
  readonly tookMs: number;
}

/** All come upon a guard whose holder crashed some time ago. */
async function afterCrash(disk: Disk, all: readonly Contender[]): Promise<RaceResult> {
  leaveDeadHolder(disk);
  const begun = sharedMs();
  return resultOf(await Promise.all(all.map((one) => one.tell(RACE))), begun);
}

/** All wait while the holder is killed. */
async function afterKill(root: string, disk: Disk, all: readonly Contender[]): Promise<RaceResult> {
  const holder = await Contender.start(root);
  await holder.tell({ act: "take", timeoutMs: 10_000 });
  const answers = all.map((one) => one.tell(RACE));
  while ((disk.list(GUARD_QUEUE) ?? []).length < all.length) await after(2);
  const begun = sharedMs();
  await holder.end("SIGKILL");
  return resultOf(await Promise.all(answers), begun);
}

const RACE = { act: "race", waiters: 1 } as const;

function resultOf(
  answers: readonly { overlaps?: number; entered?: readonly number[] }[],
  begun: number,
): RaceResult {
  return {
    overlaps: answers.reduce((sum, { overlaps = 0 }) => sum + overlaps, 0),
    tookMs: Math.min(...answers.flatMap(({ entered = [] }) => entered)) - begun,
  };
}

/** What is wrong with the times that takeovers took, beside so many others on each processor. */
export function lateIn(took: readonly number[], load: number): string[] {
  const judged = load > BUSY_LOAD ? MIDDLE : MOST;
  return reached(took, judged) > TAKEN_WITHIN_MS ? [`taken late: ${timesOf(took)}`] : [];
}

/** The time that a share of all has not passed. */
function reached(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

function timesOf(times: readonly number[]): string {
  const at = (share: number): string => `${reached(times, share).toFixed(1)} ms`;
  return `${at(MIDDLE)} in the middle, 95 of 100 within ${at(MOST)}, the last ${at(1)}`;
}
