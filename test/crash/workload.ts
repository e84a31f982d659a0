/** What is done before the power goes: one step after another, and what is to be seen after each. */

import { MemoryDisk } from "#src/disk/memory-disk.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { openStorage, putValue, until } from "../storage/support.ts";
import { booted } from "./rebooted.ts";
import { add, stateOf } from "./scenarios.ts";

/** One answered step of a workload, and which operations it lasted. */
export interface Step {
  readonly from: number;
  readonly to: number;
  readonly state: string;
}

/** Does steps one after another on a disk and notes what is to be seen after each. */
export class Workload {
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
export async function fullWorkload(): Promise<Workload> {
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

/** The same commits, `relaxed`; and after which operations what was answered is on the disk. */
export async function relaxedWorkload(): Promise<{ work: Workload; synced: readonly number[] }> {
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
  return { work, synced };
}

/** Whether a plain file is not yet as the last step says. */
function isDeferred(work: Workload): boolean {
  const text = work.disk.readText("features/b.json") ?? "";
  return !text.includes('"5"');
}

/** The same commits without waiting for the disk, and a rotation. */
export async function carelessWorkload(): Promise<Workload> {
  const work = new Workload({ durability: "none" });
  await commits(work);
  await work.step((store) =>
    store.commit((write) => putValue(write, "long.json", { n: 1, text: "x".repeat(66_000) })),
  );
  await work.reopen();
  await work.step((store) => store.commit((write) => add(write, ["a.json"], "6")));
  await work.end();
  return work;
}
