/**
 * P2: the power goes at any operation of a workload, on a disk that may lose or reorder whatever
 * was not synced.
 */

import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk, type CrashState } from "#src/disk/memory-disk.js";
import type { CrashStatesOptions } from "#src/disk/power-cut.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { inLanes, openStorage, putValue, until } from "../storage/support.ts";
import { booted, hurried, named, survives } from "./rebooted.ts";
import { add, stateOf } from "./scenarios.ts";
import { carelessWorkload, fullWorkload, relaxedWorkload, type Workload } from "./workload.ts";

/** How much is tried, and from which chance. */
export interface Pains {
  /** How often the random fate of the unsynced is tried at each operation. */
  readonly randoms: number;
  readonly seed: number;
  /** Whether each disk is opened again and again, and not only some. */
  readonly thorough: boolean;
  /** Asked before each disk: whether to go on. */
  readonly goesOn?: () => boolean;
  /** Asked for each state before it is made; default: all are wanted. */
  readonly isWanted?: () => boolean;
}

function statesOf({ randoms, seed, isWanted }: Pains): CrashStatesOptions {
  return { randoms, seed, ...(isWanted === undefined ? {} : { isWanted }) };
}

/** What was tried. */
export interface Tally {
  readonly disks: number;
  readonly operations: number;
}

/** Disks at once: they wait for timers more than they compute. */
const AT_ONCE = 16;

interface Demand {
  /** How many steps must be there at least, and may be there at most, when the power goes then. */
  bounds(at: number): readonly [least: number, most: number];
  readonly from?: number;
}

/** One disk that a power cut left. */
async function tryCut(
  { steps }: Pick<Workload, "steps">,
  { bounds }: Demand,
  state: CrashState,
  { number, thorough }: { number: number; thorough: boolean },
): Promise<void> {
  // Not for each: what follows changes little from one disk to the next.
  const oneMore = number % 5 === 0;
  const seen = await survives(state, { oneMore, again: thorough || number % 5 === 1 });
  const [least, most] = bounds(state.at);
  const possible = steps.slice(least, most + 1).map((step) => step.state);
  assert.ok(possible.includes(seen), `a reader sees ${seen}, not ${possible.join(" or ")}`);
}

/** Every disk that a power cut may leave, opened after a reboot. */
async function tryEveryCut(work: Workload, demand: Demand, pains: Pains): Promise<Tally> {
  const { thorough, goesOn = () => true } = pains;
  let disks = 0;
  function* cases(): Generator<() => Promise<void>> {
    const options = { ...statesOf(pains), from: demand.from ?? 0 };
    for (const state of work.disk.crashStates(options)) {
      if (!goesOn()) return;
      disks += 1;
      const number = disks;
      yield () => named(state, () => tryCut(work, demand, state, { number, thorough }));
    }
  }
  await inLanes(cases(), AT_ONCE);
  return { disks, operations: work.disk.operations };
}

/** `full`: what was answered is there, each commit wholly or not at all. */
export async function attackFull(pains: Pains): Promise<Tally> {
  const work = await fullWorkload();
  const { steps } = work;
  const bounds = (at: number): [number, number] => [
    steps.findLastIndex(({ to }) => to <= at),
    steps.findLastIndex(({ from }) => from <= at),
  ];
  return tryEveryCut(work, { bounds, from: steps[0]?.to ?? 0 }, pains);
}

/** `relaxed`: whole commits in order, and those of 100 ms ago. */
export async function attackRelaxed(pains: Pains): Promise<Tally> {
  const { work, synced } = await relaxedWorkload();
  const { steps } = work;
  const bounds = (at: number): [number, number] => [
    Math.max(
      0,
      synced.findLastIndex((operation) => operation !== undefined && operation <= at),
    ),
    steps.findLastIndex(({ from }) => from <= at),
  ];
  return tryEveryCut(work, { bounds, from: steps[0]?.to ?? 0 }, pains);
}

/** `none`: no promise but that the store opens and works. */
export async function attackCareless(pains: Pains): Promise<Tally> {
  const { goesOn = () => true } = pains;
  const work = await carelessWorkload();
  let disks = 0;
  function* cases(): Generator<() => Promise<void>> {
    for (const state of work.disk.crashStates(statesOf(pains))) {
      const { disk } = state;
      if (disk.stat("features") === null || disk.stat("events") === null) continue;
      if (!goesOn()) return;
      disks += 1;
      yield () => named(state, () => worksOn(disk));
    }
  }
  await inLanes(cases(), AT_ONCE);
  return { disks, operations: work.disk.operations };
}

async function worksOn(disk: Disk): Promise<void> {
  const storage = openStorage(disk, booted("boot-2", hurried()));
  await storage.commit((write) => putValue(write, "more.json", { n: 1 }));
  const seen = await storage.read((view) => view.get("features", "more.json"));
  assert.ok(seen !== null && "text" in seen);
  await storage.close();
}

/** A writer is killed before each of its operations, a helper goes on, and its answer lasts. */
export async function attackHelper(pains: Pains): Promise<Tally> {
  const start = new MemoryDisk();
  for (const folder of ["features", "events"]) start.makeFolder(folder);
  start.syncFolder("");
  const storage = openStorage(start, booted("boot-1"));
  await storage.commit((write) => add(write, ["a.json", "b.json", "c.json"], "first"));
  await until(() => storage.journal.floor === storage.journal.head.n);
  await storage.close();
  let disks = 0;
  for (let k = 1; pains.goesOn?.() !== false; k += 1) {
    const tried = await tryHelper(start, k, pains);
    if (tried === null) return { disks, operations: k - 1 };
    disks += tried;
  }
  return { disks, operations: 0 };
}

/** A disk on which nothing works from the k-th change on, as for a process that was killed. */
function dyingDisk(inner: Disk, k: number): { disk: Disk; isDead: () => boolean } {
  let count = 0;
  const disk = wrapDisk(inner, (operation, path, act) => {
    if (MUTATING.has(operation)) count += 1;
    if (count >= k) throw ioError(operation, path, "EIO");
    return act();
  });
  return { disk, isDead: () => count >= k };
}

/** Nobody bears this pid. */
const DEAD_PID = 2 ** 30;

/**
 * A writer is killed before its k-th operation, another one goes on and is answered, and then the
 * power goes; `null` when the first writer has fewer operations.
 */
async function tryHelper(start: MemoryDisk, k: number, pains: Pains): Promise<number | null> {
  const disk = start.crash("all");
  const { disk: dying, isDead } = dyingDisk(disk, k);
  const killed = openStorage(dying, {
    ...booted("boot-1", hurried()),
    identity: { ...thisProcess(), bootId: "boot-1", pid: DEAD_PID, pidStart: null },
  });
  await killed.commit((write) => add(write, ["a.json", "b.json"], "killed")).catch(() => undefined);
  await killed.close();
  const before = disk.operations;
  const helper = openStorage(disk, booted("boot-1", hurried()));
  await helper.commit((write) => add(write, ["b.json", "c.json"], "helper"));
  const answered = disk.operations;
  const state = await stateOf(helper);
  await helper.close();
  const steps = [{ from: 0, to: answered, state }];
  let count = 0;
  function* cases(): Generator<() => Promise<void>> {
    // The dangerous ones are those in which the record goes and what was made of it stays.
    const options = { ...statesOf(pains), from: before, randoms: pains.randoms + 2 };
    for (const cut of disk.crashStates(options)) {
      if (cut.at > answered) break;
      count += 1;
      const how = { number: count, thorough: pains.thorough };
      yield () =>
        named(cut, async () => {
          if (cut.at >= answered) return tryCut({ steps }, { bounds: () => [0, 0] }, cut, how);
          const seen = await survives(cut, { oneMore: false, again: false });
          for (const [name, times] of countsOf(seen)) assert.ok(times, name);
        });
    }
  }
  await inLanes(cases(), AT_ONCE);
  return isDead() ? count : null;
}

/** Whether each document says as much as its events do. */
function countsOf(state: string): [string, boolean][] {
  const [documents = "", events = ""] = state.split(" |");
  return documents.split(" ").map((document) => {
    const [name = "", value = ""] = document.split("=");
    const n = events.split(" ").filter((event) => event.includes(`:${name}=`)).length;
    return [`${name} in ${state}`, value.startsWith(String(n))];
  });
}
