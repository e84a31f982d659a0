/**
 * The changes that are under way when the power goes: each bears a key that is in all that it
 * leaves, so that afterwards it can be told whether it happened, once and as a whole.
 */
import { isFlowError, type Feature, type FlowStore } from "flowstore";
import { pick } from "../process/store-random.ts";

/** What the two `share`s come to. */
const SHARES = 1000;
const [LEFT, RIGHT, COUNTER, LONG, NOTES] = [1, 2, 3, 4, 5];
/** Letters of two bytes, more than a page: a cut may go through one. */
const LONG_TEXT = 20_000;
const BULK = 8;
/** Epics that go through their phases together, and go back together. */
const EPICS = ["one", "two", "three"];
const PHASES = Array.from({ length: 12 }, (_, index) => `phase ${index}`);
const LOCK_MS = 10 * 24 * 60 * 60 * 1000;

/** How a store is opened for these changes. */
export const OPTIONS = { pipelinePhases: PHASES, guardTimeoutMs: 60_000 };

/** What must be there before the first change. */
export async function prepare(store: FlowStore): Promise<void> {
  await store.features.createBulk([
    { name: "Left", share: SHARES / 2 },
    { name: "Right", share: SHARES / 2 },
    { name: "Counter", count: 0 },
    { name: "Long", text: "" },
    { name: "Notes" },
  ]);
  for (const epic of EPICS) await store.pipeline.start(epic);
}

/** What one writer has of its own. */
export interface Writer {
  readonly store: FlowStore;
  readonly random: () => number;
  /** Features that it claimed and did not finish, by uid. */
  readonly claimed: string[];
  /** Tasks whose locks it did not let go. */
  readonly locked: string[];
  readonly saved: string[];
}

interface Kind {
  /** Of a hundred changes, about so many. */
  readonly weight: number;
  /** Makes the change; `false` when there was nothing to do, and nothing was done. */
  readonly act: (writer: Writer, key: string) => Promise<unknown>;
  /** What it leaves, and how often. */
  readonly leaves: Readonly<Record<string, number>>;
}

/** Takes the first of them, for this change alone. */
async function taking<T>(list: T[], act: (one: T) => Promise<unknown>): Promise<unknown> {
  const one = list.shift();
  return one === undefined ? false : act(one);
}

/** Again, as long as others were faster. */
async function untilKept(act: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const isAgain = isFlowError(error, "CONFLICT") || isFlowError(error, "VERSION_CONFLICT");
      if (!isAgain) throw error;
    }
  }
}

async function feature(store: FlowStore, id: number | undefined): Promise<Feature> {
  const found = await store.features.getById(id ?? 0);
  if (found === null) throw new Error(`Feature ${id} is gone`);
  return found;
}

async function move({ store, random }: Writer, agent: string): Promise<unknown> {
  const amount = 1 + Math.floor(random() * 50);
  return untilKept(() =>
    store.transaction(async () => {
      const share = async (id: number | undefined): Promise<number> =>
        Number((await feature(store, id))["share"]);
      await store.features.update(LEFT ?? 0, { share: (await share(LEFT)) - amount }, { agent });
      await store.changes.logEvent(NOTES ?? 0, "moved", { field: String(amount), agent });
      await store.features.update(RIGHT ?? 0, { share: (await share(RIGHT)) + amount }, { agent });
    }),
  );
}

async function turn({ store }: Writer, agent: string): Promise<unknown> {
  return untilKept(() =>
    store.transaction(async () => {
      const now = (await store.pipeline.read(EPICS[0] ?? ""))?.phase ?? "";
      const next = PHASES[(PHASES.indexOf(now) + 1) % PHASES.length] ?? "";
      for (const epic of EPICS) await store.pipeline.write(epic, next, { agent });
    }),
  );
}

export const KINDS: Readonly<Record<string, Kind>> = {
  create: {
    weight: 10,
    act: ({ store }, agent) => store.features.create({ name: agent }, { agent }),
    leaves: { "event created": 1, document: 1 },
  },
  bulk: {
    weight: 4,
    act: ({ store }, agent) => {
      const names = Array.from({ length: BULK }, (_, index) => `${agent} ${index}`);
      const inputs = names.map((name, index) => ({
        name,
        ...(index > 0 ? { dependencies: [{ index: index - 1 }] } : {}),
      }));
      return store.features.createBulk(inputs, { agent });
    },
    leaves: { "event created": BULK, document: BULK },
  },
  claim: {
    weight: 8,
    act: async ({ store, claimed }, agent) => {
      const taken = await store.features.claimNext({ agent });
      if (taken === null) return false;
      claimed.push(taken.uid);
      return true;
    },
    leaves: { "event claimed": 1 },
  },
  finish: {
    weight: 6,
    act: ({ store, claimed }, agent) =>
      taking(claimed, (uid) => store.features.markPassing(uid, { agent })),
    leaves: { "event status_change": 1 },
  },
  remove: {
    weight: 3,
    act: ({ store }, agent) =>
      untilKept(() =>
        store.transaction(async () => {
          const { uid } = await store.features.create({ name: `gone ${agent}` }, { agent });
          await store.features.delete(uid, { agent });
        }),
      ),
    leaves: { "event created": 1, "event deleted": 1 },
  },
  move: { weight: 10, act: move, leaves: { "event updated": 2, "event moved": 1 } },
  count: {
    weight: 8,
    act: ({ store }, agent) =>
      untilKept(async () => {
        const { count, revision } = await feature(store, COUNTER);
        const how = { expectedRevision: revision, agent };
        return store.features.update(COUNTER ?? 0, { count: Number(count) + 1 }, how);
      }),
    leaves: { "event updated": 1 },
  },
  long: {
    weight: 3,
    act: ({ store }, agent) => {
      const text = `${agent} ${"é".repeat(LONG_TEXT)}`;
      return store.features.update(LONG ?? 0, { text }, { agent });
    },
    leaves: { "event updated": 1 },
  },
  note: {
    weight: 12,
    act: ({ store }, agent) => store.changes.logEvent(NOTES ?? 0, "note", { agent }),
    leaves: { "event note": 1 },
  },
  setting: {
    weight: 4,
    act: ({ store }, agent) => store.settings.set(agent, { by: agent }, { agent }),
    leaves: { "event setting_changed": 1, document: 1 },
  },
  memory: {
    weight: 4,
    act: ({ store }, agent) => store.memory.append({ text: agent }, { agent }),
    leaves: { "event memory_added": 1, document: 1 },
  },
  gap: {
    weight: 4,
    act: ({ store }, agent) => store.gaps.add({ epicId: "epic", capability: agent }, { agent }),
    leaves: { "event gap_opened": 1, document: 1 },
  },
  phase: {
    weight: 4,
    act: ({ store }, agent) => store.phases.markDone("task", agent, { agent }),
    leaves: { "event phase_done": 1, document: 1 },
  },
  output: {
    weight: 4,
    act: ({ store }, agent) => store.outputs.write(agent, `# ${agent}\n`, { agent }),
    leaves: { "event output_written": 1, document: 1 },
  },
  approval: {
    weight: 4,
    act: ({ store }, agent) =>
      store.approvals.create({ taskId: agent, kind: "generic" }, { agent }),
    leaves: { "event approval_created": 1, document: 1 },
  },
  decision: {
    weight: 2,
    act: ({ store }, agent) => store.decisions.log({ key: agent, value: 1 }, { agent }),
    leaves: { "event decision": 1 },
  },
  lock: {
    weight: 6,
    act: async ({ store, locked }, agent) => {
      const paths = [`src/${agent}.ts`, `docs/${agent}.md`];
      await store.locks.acquire({ paths, taskId: agent, ttlMs: LOCK_MS, agent });
      locked.push(agent);
    },
    leaves: { "lock acquired": 2 },
  },
  unlock: {
    weight: 4,
    act: ({ store, locked }, agent) =>
      taking(locked, (task) => store.locks.releaseForTask(task, { agent })),
    leaves: { "lock released": 2 },
  },
  turn: { weight: 4, act: turn, leaves: { "event pipeline_set": EPICS.length } },
  save: {
    weight: 2,
    act: async ({ store, saved }, agent) => {
      await store.checkpoints.save(agent, { scope: ["pipeline"], agent });
      saved.push(agent);
    },
    leaves: { document: 1 },
  },
  restore: {
    weight: 2,
    act: ({ store, saved }, agent) =>
      taking(saved, async (name) => {
        const { counts } = await store.checkpoints.restore(name, { agent });
        return counts.restored > 0;
      }),
    leaves: { "event checkpoint_restored": 1, "event pipeline_restored": EPICS.length },
  },
};

const BAG = Object.entries(KINDS).flatMap(([name, { weight }]) =>
  Array.from({ length: weight }, () => name),
);

/** What is changed next; half a life of a writer may be of one kind only. */
export function pickKind(random: () => number): string {
  return pick(random, BAG);
}

/** The kind of change that a key is of. */
export function kindOf(key: string): string {
  return key.split(".")[0] ?? "";
}
