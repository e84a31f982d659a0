/**
 * P2: the power goes at any operation, on a disk that may lose or reorder whatever was not synced.
 *
 * `POWER_RANDOMS=50` tries the random fate of the unsynced so often at each operation.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk, type CrashState } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { inLanes, openStorage, putValue, until } from "../storage/support.ts";
import { assertPlainFilesAreWhole } from "./checks.ts";
import { add, stateOf, without } from "./scenarios.ts";

const USUAL_RANDOMS = 2;
const RANDOMS = Number(process.env["POWER_RANDOMS"] ?? USUAL_RANDOMS);
/** Disks at once: they wait for timers more than they compute. */
const AT_ONCE = 16;
const SEED = Number(process.env["POWER_SEED"] ?? 1);

/** As after a start of the machine: other processes, another boot. */
function booted(boot: string, changed: Partial<StorageOptions> = {}): Partial<StorageOptions> {
  return { identity: { ...thisProcess(), bootId: boot }, gitHead: () => "head", ...changed };
}

/**
 * Makes waiting short: a lock of the last boot whose owner's file was torn counts as silent only
 * after a second.
 */
const HURRY = 40;
const hurried: Partial<StorageOptions> = {
  guardTimeoutMs: 10_000 * HURRY,
  monotonicMs: () => performance.now() * HURRY,
  sleep: async (ms) => {
    await sleep(ms / HURRY);
  },
};

/** One answered step of a workload, and which operations it lasted. */
interface Step {
  readonly from: number;
  readonly to: number;
  readonly state: string;
}

/** Does steps one after another on a disk and notes what is to be seen after each. */
class Workload {
  readonly disk = new MemoryDisk();
  readonly steps: Step[] = [];
  readonly #options: Partial<StorageOptions>;
  #storage: Storage;

  constructor(options: Partial<StorageOptions>) {
    this.#options = options;
    for (const folder of ["features", "events"]) {
      this.disk.makeFolder(folder);
      this.disk.syncFolder("");
    }
    this.#storage = this.open();
    this.steps.push({ from: 0, to: this.disk.operations, state: "|" });
  }

  open(changed: Partial<StorageOptions> = {}): Storage {
    return openStorage(this.disk, booted("boot-1", { ...this.#options, ...changed }));
  }

  async step(act: (storage: Storage) => Promise<unknown>): Promise<void> {
    const from = this.disk.operations;
    await act(this.#storage);
    const to = this.disk.operations;
    const reader = this.open({ readOnly: true });
    this.steps.push({ from, to, state: await stateOf(reader) });
    await reader.close();
  }

  /** Closes the store and opens another. */
  async reopen(changed: Partial<StorageOptions> = {}): Promise<void> {
    await this.#storage.close();
    this.#storage = this.open(changed);
  }

  /** Until what was committed is synced into the files, as it is in idle moments. */
  async idle(): Promise<void> {
    const { journal } = this.#storage;
    await until(() => journal.floor === journal.head.n);
  }

  async end(): Promise<void> {
    await this.#storage.close();
  }
}

async function commits(work: Workload): Promise<void> {
  await work.step((store) =>
    store.commit((write) => add(write, ["a.json", "b.json", "c.json"], "1")),
  );
  await work.step((store) => store.commit((write) => add(write, ["a.json"], "2")));
  await work.step((store) =>
    store.transaction(async () => {
      await store.commit((write) => add(write, ["a.json", "d.json"], "3"));
      await store.commit((write) => add(write, ["b.json"], "3"));
    }, 60_000),
  );
  await work.step((store) =>
    Promise.all([
      store.commit((write) => add(write, ["a.json"], "4")),
      store.commit((write) => add(write, ["e.json"], "4")),
    ]),
  );
  await work.step((store) =>
    store.commit((write) => {
      write.put("gaps/epic-1", "one.json", '{\n  "n": 1\n}\n');
      write.drop("features", "c.json");
      add(write, ["b.json"], "5");
    }),
  );
}

/** Every kind of commit, two rotations, raised floors, segments, several processes. */
async function fullWorkload(): Promise<Workload> {
  const work = new Workload({});
  await commits(work);
  await work.idle();
  await work.step((store) => store.commit((write) => add(write, ["a.json"], "6")));
  await work.reopen({ gitHead: () => "moved" });
  await work.step((store) => store.commit((write) => add(write, ["a.json"], "7")));
  // Longer than 64 KB: the close makes the journal go on in a new file.
  await work.step((store) =>
    store.commit((write) => {
      putValue(write, "long.json", { n: 1, text: "x".repeat(66_000) });
      add(write, ["a.json"], "8");
    }),
  );
  await work.reopen();
  await work.step((store) => store.commit((write) => add(write, ["a.json", "f.json"], "9")));
  await work.idle();
  await work.step((store) =>
    store.commit((write) => {
      putValue(write, "long.json", { n: 2, text: "y".repeat(66_000) });
      add(write, ["b.json"], "10");
    }),
  );
  await work.reopen();
  await work.step((store) => store.commit((write) => add(write, ["b.json", "a.json"], "11")));
  await work.end();
  return work;
}

async function look(disk: Disk, boot: string): Promise<string> {
  const reader = openStorage(disk, booted(boot, { readOnly: true }));
  const state = await stateOf(reader);
  await reader.close();
  return state;
}

async function recover(disk: Disk, boot: string, oneMore: boolean): Promise<string> {
  const storage = openStorage(disk, booted(boot, hurried));
  await storage.recover();
  const state = await stateOf(storage);
  if (oneMore) {
    await storage.commit((write) => add(write, ["more.json"], "more"));
    const after = await stateOf(storage);
    assert.match(after, /more\.json=1more/);
    assert.equal(without(after, "more"), state);
  }
  await storage.close();
  return state;
}

interface Demand {
  /** How many steps must be there at least, and may be there at most, when the power goes then. */
  bounds(at: number): readonly [least: number, most: number];
  readonly from?: number;
}

/** One disk that a power cut left. */
async function tryCut(
  work: Pick<Workload, "disk" | "steps">,
  { bounds }: Demand,
  { at, disk }: CrashState,
  count: number,
): Promise<void> {
  const seen = await look(disk, "boot-2");
  const [least, most] = bounds(at);
  const possible = work.steps.slice(least, most + 1).map(({ state }) => state);
  assert.ok(possible.includes(seen), `a reader sees ${seen}, not ${possible.join(" or ")}`);
  const oneMore = count % 5 === 0;
  assert.equal(await recover(disk, "boot-2", oneMore), seen, "recovered, not as seen");
  assertPlainFilesAreWhole(disk);
  // Not for each: what follows changes little from one disk to the next.
  if (oneMore || (count % 5 !== 1 && RANDOMS <= USUAL_RANDOMS)) return;
  assert.equal(await look(disk, "boot-2"), seen, "a second open");
  const again = disk.crash("nothing");
  assert.equal(await recover(again, "boot-3", false), seen, "after another power cut");
}

/** Every disk that a power cut may leave, opened after a reboot; returns how many there were. */
async function tryEveryCut(work: Workload, demand: Demand): Promise<number> {
  let count = 0;
  const options = { from: demand.from ?? 0, randoms: RANDOMS, seed: SEED };
  function* cases(): Generator<() => Promise<void>> {
    for (const state of work.disk.crashStates(options)) {
      count += 1;
      const number = count;
      yield () => named(state, () => tryCut(work, demand, state, number));
    }
  }
  await inLanes(cases(), AT_ONCE);
  return count;
}

async function named({ at, variant }: CrashState, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const where = `power cut after operation ${at}, variant ${variant}`;
    throw new Error(`${where}: ${String((error as Error).stack)}`, { cause: error });
  }
}

describe("after a power cut", () => {
  test("durability full: what was answered is there, each commit wholly or not at all", async (t) => {
    const work = await fullWorkload();
    const { steps } = work;
    const bounds = (at: number): [number, number] => [
      steps.findLastIndex(({ to }) => to <= at),
      steps.findLastIndex(({ from }) => from <= at),
    ];
    const count = await tryEveryCut(work, { bounds, from: steps[0]?.to ?? 0 });
    t.diagnostic(`${count} disks of ${work.disk.operations} operations, ${steps.length} steps`);
    assert.ok(count > 1000);
  });

  test("durability relaxed: whole commits in order, and those of 100 ms ago", async (t) => {
    const work = new Workload({ durability: "relaxed" });
    const synced: number[] = [];
    await commits(work);
    const before = work.steps.length - 1;
    await until(() => work.disk.list("local/guard/queue") !== null && !isDeferred(work));
    synced[before] = work.disk.operations;
    await commits(work);
    await work.reopen();
    synced[work.steps.length - 1] = work.disk.operations;
    await work.step((store) => store.commit((write) => add(write, ["a.json"], "last")));
    await work.end();
    const { steps } = work;
    const bounds = (at: number): [number, number] => [
      Math.max(
        0,
        synced.findLastIndex((operation) => operation !== undefined && operation <= at),
      ),
      steps.findLastIndex(({ from }) => from <= at),
    ];
    const count = await tryEveryCut(work, { bounds, from: steps[0]?.to ?? 0 });
    t.diagnostic(`${count} disks of ${work.disk.operations} operations, ${steps.length} steps`);
    assert.ok(count > 300);
  });

  test("a helper goes on after a killed writer, and its answer lasts", async (t) => {
    const start = new MemoryDisk();
    for (const folder of ["features", "events"]) start.makeFolder(folder);
    start.syncFolder("");
    const storage = openStorage(start, booted("boot-1"));
    await storage.commit((write) => add(write, ["a.json", "b.json", "c.json"], "first"));
    await until(() => storage.journal.floor === storage.journal.head.n);
    await storage.close();
    let count = 0;
    for (let k = 1; ; k += 1) {
      const tried = await tryHelper(start, k);
      if (tried === null) break;
      count += tried;
    }
    t.diagnostic(`${count} disks`);
    assert.ok(count > 500);
  });

  test("durability none: no promise but that the store opens and works", async (t) => {
    const work = new Workload({ durability: "none" });
    await commits(work);
    await work.step((store) =>
      store.commit((write) => putValue(write, "long.json", { n: 1, text: "x".repeat(66_000) })),
    );
    await work.reopen();
    await work.step((store) => store.commit((write) => add(write, ["a.json"], "6")));
    await work.end();
    let count = 0;
    function* cases(): Generator<() => Promise<void>> {
      for (const state of work.disk.crashStates({ randoms: RANDOMS, seed: SEED })) {
        const { disk } = state;
        if (disk.stat("features") === null || disk.stat("events") === null) continue;
        count += 1;
        yield () => named(state, () => worksOn(disk));
      }
    }
    await inLanes(cases(), AT_ONCE);
    t.diagnostic(`${count} disks of ${work.disk.operations} operations`);
  });
});

async function worksOn(disk: Disk): Promise<void> {
  const storage = openStorage(disk, booted("boot-2", hurried));
  await storage.commit((write) => putValue(write, "more.json", { n: 1 }));
  const seen = await storage.read((view) => view.get("features", "more.json"));
  assert.ok(seen !== null && "text" in seen);
  await storage.close();
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
async function tryHelper(start: MemoryDisk, k: number): Promise<number | null> {
  const disk = start.crash("all");
  const { disk: dying, isDead } = dyingDisk(disk, k);
  const killed = openStorage(dying, {
    ...booted("boot-1"),
    identity: { ...thisProcess(), bootId: "boot-1", pid: DEAD_PID, pidStart: null },
  });
  await killed.commit((write) => add(write, ["a.json", "b.json"], "killed")).catch(() => undefined);
  await killed.close();
  const before = disk.operations;
  const helper = openStorage(disk, booted("boot-1"));
  await helper.commit((write) => add(write, ["b.json", "c.json"], "helper"));
  const answered = disk.operations;
  const state = await stateOf(helper);
  await helper.close();
  const work = { disk, steps: [{ from: 0, to: answered, state }] };
  let count = 0;
  function* cases(): Generator<() => Promise<void>> {
    // The dangerous ones are those in which the record goes and what was made of it stays.
    const options = { from: before, randoms: RANDOMS + 2, seed: SEED };
    for (const cut of disk.crashStates(options)) {
      if (cut.at > answered) break;
      count += 1;
      yield () =>
        named(cut, async () => {
          if (cut.at >= answered) return tryCut(work, { bounds: () => [0, 0] }, cut, count);
          const seen = await look(cut.disk, "boot-2");
          assert.equal(await recover(cut.disk, "boot-2", false), seen, "recovered, not as seen");
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

/** Whether a plain file is not yet as the last step says. */
function isDeferred(work: Workload): boolean {
  const text = work.disk.readText("features/b.json") ?? "";
  return !text.includes('"5"');
}
