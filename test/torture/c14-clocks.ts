/**
 * C14: clocks that are an hour wrong, clocks that are set while processes run, file systems that
 * stamp with whole seconds: nothing is lost, the order is that of the sequence, no living holder
 * loses the guard, no lock has two holders, and every hand edit is seen.
 */
import assert from "node:assert/strict";
import type { FlowStore } from "flowstore";

import { GUARD } from "#src/storage/layout.js";
import { Contender, guardedRoot } from "../process/contenders.ts";
import { temporaryFolder } from "../process/store-children.ts";
import { runChaos } from "./chaos.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { missedEdits, MOST_EDIT_MS } from "./c14-coarse.ts";
import { fightUnderClock } from "./c14-locks.ts";
import { clocksOf, HOUR_S, keepSetting, offsetIn, OddClock, type Part } from "./odd-clocks.ts";
import { scopeOf } from "./scope.ts";

const PROCESSES = 6;
const GUARD_MS = { short: 4000, release: 20_000 };
const FIGHT_MS = { short: 8000, release: 60_000 };
const EDITS = { short: 20, release: 200 };
/** What a process may take to start. */
const CLOCK_ROOM_S = 60;
/** How coarse a file system's times may be: FAT, HFS+ and ext3, slow kernels. */
export const TICKS_MS = [2000, 1000, 10] as const;

export const clocks: Claim = {
  id: "C14",
  title: "wrong clocks, clocks that are set, coarse times of files",
  needs: ["linux", "faketime"],
  goals: { short: 400, release: 3000 },
  attack,
};

async function attack(task: Task): Promise<Verdict> {
  const { size, seed, deadline } = task;
  const { tried, ...chaos } = await changeUnderClocks(task);
  const [violations, notes, untried] = [[...chaos.violations], [...chaos.notes], [] as string[]];
  /** A part that wants so long, or has what is left. */
  const run = async (name: string, ms: number, act: (ms: number) => Promise<Part>) => {
    const leftMs = deadline - performance.now();
    if (leftMs < ms) untried.push(name);
    if (leftMs <= 0) return;
    task.progress(name);
    const part = await act(Math.min(ms, leftMs));
    violations.push(...part.violations);
    notes.push(...part.notes);
  };
  await run("the guard under odd clocks", GUARD_MS[size], (ms) => contendUnderClocks(task, ms));
  const fight = (ms: number): Promise<Part> => fightUnderClock(task, ms);
  await run("locks under a clock that is being set", FIGHT_MS[size], fight);
  for (const tickMs of TICKS_MS) {
    const edits = EDITS[size];
    const name = `hand edits where times are of ${tickMs} ms`;
    await run(name, edits * MOST_EDIT_MS, async () => {
      const missed = await missedEdits({ tickMs, edits, seed, deadline });
      return {
        violations: missed.map((text) => `times of ${tickMs} ms: ${text}`),
        notes: [`times of ${tickMs} ms: ${missed.length} of ${edits} hand edits missed`],
      };
    });
  }
  return { tried, unit: "changes under odd clocks", violations, notes, untried };
}

/** Writers with clocks of their own, and one that is set an hour on and back while they write. */
export async function changeUnderClocks(task: Task): Promise<Part & { readonly tried: number }> {
  const scope = scopeOf(task);
  const folder = temporaryFolder(scope);
  const [late, early, set] = ["late", "early", "set"].map((name) => new OddClock(folder, name));
  if (late === undefined || early === undefined || set === undefined) throw new Error("no clocks");
  late.set(-HOUR_S);
  early.set(HOUR_S);
  const right = [late, early].flatMap((clock) => rightClock(clock));
  const stop = keepSetting(set, task.seed);
  try {
    const { seed, goal, deadline, progress } = task;
    const { acknowledged, counted, violations, notes } = await runChaos(scope, {
      ...{ seed, goal, deadline, progress, processes: PROCESSES },
      writers: { wanted: 20 },
      moods: { kill: 0.15, longStop: 0.03, nothing: 0.5 },
      surroundings: clocksOf([late, early, set, set]),
      inspect: assertOrdered,
    });
    const all = `${counted} of ${acknowledged} changes were made under clocks that were wrong then`;
    return { tried: counted, violations: [...right, ...violations], notes: [all, ...notes] };
  } finally {
    stop();
  }
}

/** A clock that was to be wrong by so much shows nothing where processes see another one. */
function rightClock(clock: OddClock): string[] {
  const seen = [true, false].map((fileTimes) => offsetIn(clock.env(fileTimes)));
  const isOdd = seen.every((offset) => Math.abs(offset - clock.offset) < CLOCK_ROOM_S);
  return isOdd ? [] : [`a clock of ${clock.offset} s is seen as ${seen.join(" and ")}: no teeth`];
}

/** The ids rise with the sequence, whatever the clocks said. */
async function assertOrdered(store: FlowStore): Promise<void> {
  const ids = (await store.events.query()).map(({ id }) => id);
  assert.deepEqual(ids, ids.toSorted());
}

/** Longer than any time that the package could be told to wait: 2^31 ms. */
const WEEKS_S = 30 * 24 * HOUR_S;

/** Holders that live, and wait for each other with clocks hours and weeks apart. */
export async function contendUnderClocks(task: Task, ms: number): Promise<Part> {
  const folder = temporaryFolder(scopeOf(task));
  const { root, disk } = guardedRoot();
  const all = await Promise.all(
    [-HOUR_S, 0, HOUR_S, WEEKS_S, null].map(async (offset) => {
      const clock = new OddClock(folder, String(offset));
      clock.set(offset ?? 0);
      if (offset === null) task.cleanUp(keepSetting(clock, task.seed));
      return Contender.start(root, clock.env(offset === HOUR_S));
    }),
  );
  const answers = await Promise.all(all.map((one) => one.tell({ act: "contend", ms })));
  await Promise.all(all.map((one) => one.end()));
  const turns = answers.map((answer) => answer.turns ?? 0);
  const overlaps = answers.reduce((sum, { overlaps: own = 0 }) => sum + own, 0);
  const stolen = (disk.list(GUARD) ?? []).filter((name) => name.endsWith(".generation"));
  const violations: string[] = [];
  if (overlaps > 0) violations.push(`the guard had two holders ${overlaps} times`);
  if (stolen.length > 0) violations.push(`the guard was taken from the living: ${stolen.join()}`);
  if (Math.min(...turns) === 0) violations.push(`somebody never had the guard: ${turns.join()}`);
  return { violations, notes: [`the guard went round ${turns.join(" + ")} times, never stolen`] };
}
