/**
 * What each kind of call asks of the disk. Two use it: `disk-operations.test.ts` pins the counts,
 * and `npm run bench` prints them.
 *
 * Clocks stand still while a call is counted: how often a holder of the guard shows that it lives,
 * and looks whether somebody waits, depends on the time that passes, and on nothing else here.
 * Not among them: looks at git's files, which lie outside of the store's root.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { FlowStore } from "flowstore";
import { isFlowError } from "#src/errors.js";
import { countingDisk } from "#src/disk/counting-disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { FENCE, GUARD } from "#src/storage/layout.js";
import { makeStoreRoot, StoresOnDisk } from "../torture/stores-on-disk.ts";
import { tempFolder, until } from "./support.ts";

/** How often each operation was asked for. */
export type Counts = Readonly<Record<string, number>>;

/** The documents of a store here: what a look at all of them costs is by their number. */
export const FEATURES = 10;
/** So many more where many are claimed at once. */
const AT_ONCE = 64;

/** Longer than a look may be relied on, and than a file must be old to be known by its stat. */
const LATER_MS = 1000;

/** Not a whole second: that would be taken for the time of a file system with a coarse clock. */
const START_MS = Date.UTC(2030, 0, 1) + 123;

/** A store on a counting disk, with clocks that move when told. */
class CountedStore {
  readonly inner: MemoryDisk;
  readonly disk: ReturnType<typeof countingDisk>;
  stores: StoresOnDisk;
  #ms = START_MS;

  constructor() {
    const now = (): number => this.#ms;
    this.inner = new MemoryDisk({ now });
    this.disk = countingDisk(this.inner);
    makeStoreRoot(this.inner);
    this.stores = this.#open();
  }

  static async make(count = FEATURES): Promise<CountedStore> {
    const store = new CountedStore();
    await store.stores.features.createBulk(inputs(count));
    await store.idle();
    await store.reopen();
    await store.stores.features.getAll();
    await store.idle();
    return store;
  }

  #open(): StoresOnDisk {
    const now = (): number => this.#ms;
    return new StoresOnDisk(this.disk, { nowMs: now, wallMs: now, monotonicMs: now });
  }

  later(): void {
    this.#ms += LATER_MS;
  }

  async reopen(): Promise<void> {
    await this.stores.close();
    this.later();
    this.stores = this.#open();
  }

  async count(act: (stores: StoresOnDisk) => Promise<unknown>): Promise<Counts> {
    this.disk.reset();
    await act(this.stores);
    return { ...this.disk.counts };
  }

  /** Until the guard is free and no fence stands. */
  async letGo(): Promise<void> {
    const isFree = (): boolean =>
      [GUARD, FENCE].every((folder) =>
        (this.inner.list(folder) ?? []).every((name) => name === "queue"),
      );
    await until(isFree);
  }

  /** Until nothing is left to be done, and some time after. */
  async idle(): Promise<void> {
    await this.letGo();
    const { journal } = this.stores.storage;
    await until(() => journal.floor === journal.head.n);
    this.later();
  }
}

type Act = (stores: StoresOnDisk) => Promise<unknown>;

function inputs(count: number): { name: string }[] {
  return Array.from({ length: count }, (_, n) => ({ name: `Feature ${n + 1}` }));
}

/** Changes, each counted behind others, while the guard is held. */
const IN_A_BURST: Readonly<Record<string, Act>> = {
  create: ({ features }) => features.create({ name: "New" }),
  "createBulk of 100": ({ features }) => features.createBulk(inputs(100)),
  claim: ({ features }) => features.claimAndGet(3),
  "claim of what is taken": ({ features }) => refused(features.claimAndGet(2)),
  claimNext: ({ features }) => features.claimNext(),
  markPassing: ({ features }) => features.markPassing(2),
  logEvent: ({ changes }) => changes.logEvent(3, "comment"),
  "transaction of two changes": (stores) =>
    stores.transaction(async () => {
      await stores.features.claimAndGet(3);
      await stores.features.addDependency(5, 4);
    }),
  "locks.acquire": ({ locks }) => locks.acquire({ paths: ["src/b.ts"], taskId: "fn-1.2" }),
  "locks.release": ({ locks }) => locks.release({ taskId: "fn-1.1", paths: ["src/a.ts"] }),
};

const READS: Readonly<Record<string, Act>> = {
  getById: ({ features }) => features.getById(3),
  getAll: ({ features }) => features.getAll(),
  "locks.check": ({ locks }) => locks.check("src/a.ts"),
  replayAll: async ({ events }) => {
    for await (const _event of events.replayAll());
  },
};

/** Command lines, each a process of its own. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "feature ready --json": ["feature", "ready", "--json"],
  "feature claim": ["feature", "claim", "3"],
  lock: ["lock", "--task", "fn-1.1", "--files", "src/a.ts"],
};

/** Every kind of call with its counts, in the order in which they are shown. */
export async function countOperations(): Promise<Map<string, Counts>> {
  const counts = new Map<string, Counts>();
  for (const [name, act] of Object.entries(IN_A_BURST)) {
    counts.set(`${name}, in a burst`, await countInABurst(act));
  }
  const many: Act = ({ features }) =>
    Promise.all(Array.from({ length: AT_ONCE }, (_, n) => features.claimAndGet(n + 3)));
  counts.set(`${AT_ONCE} claims at once`, await countInABurst(many, FEATURES + AT_ONCE));
  await alone(counts);
  counts.set("create, the first commit of a store", await countFirst());
  counts.set("create, and the journal goes on in a new file", await countInABurst(createLong));
  await reads(counts);
  for (const [name, words] of Object.entries(COMMANDS)) {
    counts.set(`flowstore ${name}`, await countCommand(words));
  }
  return counts;
}

/** What `act` asks for as the next call of a burst. */
export async function countInABurst(act: Act, features = FEATURES): Promise<Counts> {
  const store = await CountedStore.make(features);
  await store.stores.locks.acquire({ paths: ["src/a.ts"], taskId: "fn-1.1" });
  await store.stores.features.claimAndGet(1);
  await store.stores.features.claimAndGet(2);
  const counts = await store.count(act);
  await store.stores.close();
  return counts;
}

/** One claim and nothing else: with taking the guard, letting it go, and what follows when idle. */
async function alone(counts: Map<string, Counts>): Promise<void> {
  const store = await CountedStore.make();
  await store.stores.features.claimAndGet(1);
  await store.idle();
  const claim = await store.count(async ({ features }) => {
    await features.claimAndGet(2);
    await store.letGo();
  });
  counts.set("claim, alone, until the guard is free", claim);
  counts.set("claim, alone, what follows when idle", await store.count(() => store.idle()));
  await store.stores.close();
}

/** With making the journal, and taking the guard. */
async function countFirst(): Promise<Counts> {
  const store = new CountedStore();
  const counts = await store.count(({ features }) => features.create({ name: "First" }));
  await store.stores.close();
  return counts;
}

/** A journal of so many bytes is long. */
const LONG = 256 * 1024;
const createLong: Act = ({ features }) => features.create({ name: "Long", text: "x".repeat(LONG) });

async function reads(counts: Map<string, Counts>): Promise<void> {
  for (const [name, act] of Object.entries(READS)) {
    const store = await CountedStore.make();
    await store.stores.locks.acquire({ paths: ["src/a.ts"], taskId: "fn-1.1" });
    await store.idle();
    await store.stores.features.getAll();
    await act(store.stores);
    counts.set(`${name}, within 20 ms`, await store.count(act));
    store.later();
    counts.set(`${name}, later`, await store.count(act));
    await store.reopen();
    counts.set(`${name}, just opened`, await store.count(act));
    await store.stores.close();
  }
}

async function refused(claim: Promise<unknown>): Promise<void> {
  try {
    await claim;
  } catch (error) {
    if (!isFlowError(error, "CONFLICT")) throw error;
  }
}

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const PRELOAD = join(import.meta.dirname, "count-files.js");

async function countCommand(words: readonly string[]): Promise<Counts> {
  const project = tempFolder();
  const store = await FlowStore.init(project, { durability: "none" });
  await store.features.createBulk(inputs(FEATURES));
  await store.close();
  const result = join(tempFolder(), "counts.json");
  const main = join(REPOSITORY, "dist/bin/main.cjs");
  execFileSync(process.execPath, ["--import", PRELOAD, main, ...words], {
    cwd: project,
    env: { ...process.env, COUNTED_FOLDER: store.root, COUNTED_RESULT: result, FLOW_ACTOR: "one" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return JSON.parse(readFileSync(result, "utf8")) as Counts;
}

/** `sync 1 · write 3`, by name. */
export function textOfCounts(counts: Counts): string {
  const names = Object.keys(counts).toSorted();
  return names.length === 0 ? "none" : names.map((name) => `${name} ${counts[name]}`).join(" · ");
}
