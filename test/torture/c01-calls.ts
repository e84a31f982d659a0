/** The calls that are killed, what they are tried on, and everything that a store shows. */
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Durability, FlowStore } from "flowstore";

import { encodeLine, JOURNAL_VERSION } from "#src/storage/journal-lines.js";
import { JOURNAL } from "#src/storage/layout.js";

import { fill } from "../coordination/checkpoint-support.ts";
import { checkpoint, DEFINITION, execution, timer } from "../workflows/support.ts";

/** One public call, or a planted one that does not keep its promise. */
export interface Call {
  readonly name: string;
  /** What it is tried on. Default: {@link prepare} made it. */
  readonly on?: "an empty store" | "a call that was killed";
  readonly act: (store: FlowStore, tell: (line: string) => void) => Promise<unknown>;
}

const BULK = 12;
const EPIC = "fn-1";
const TASK = "fn-1.1";
const placed = (n: number) => ({ type: "placed", payload: { n } });

export const CALLS: readonly Call[] = [
  {
    name: "create",
    act: (store) => store.features.create({ name: "New", dependencies: [1], steps: ["a", "b"] }),
  },
  {
    name: "createBulk",
    act: (store) =>
      store.features.createBulk(
        Array.from({ length: BULK }, (_, index) => ({
          name: `Bulk ${index}`,
          dependencies: index === 0 ? [2] : [{ index: index - 1 }],
        })),
      ),
  },
  { name: "claim", act: (store) => store.features.claimAndGet(2, { leaseMs: 3_600_000 }) },
  {
    name: "transaction",
    act: (store) =>
      store.transaction(async () => {
        const { id } = await store.features.create({ name: "Within" });
        await store.features.update(1, { name: "Renamed", dependencies: [id] });
        await store.changes.logEvent(1, "note", { newValue: "seen" });
        await store.settings.set("colour", { dark: false });
        await store.gaps.add({ epicId: EPIC, capability: "undo" });
      }),
  },
  { name: "delete", act: (store) => store.features.delete(1) },
  {
    name: "lock acquire",
    act: (store) => store.locks.acquire({ paths: ["src/**", "docs/b.md"], taskId: "fn-2.1" }),
  },
  { name: "lock release", act: (store) => store.locks.releaseForTask(TASK) },
  { name: "checkpoint save", act: (store) => store.checkpoints.save("second") },
  { name: "checkpoint restore", act: (store) => store.checkpoints.restore("saved") },
  {
    name: "approval create",
    act: (store) => store.approvals.create({ taskId: TASK, kind: "generic", payload: [1] }),
  },
  {
    name: "approval decide",
    act: async (store) => {
      const [pending] = await store.approvals.list({ status: "pending" });
      await store.approvals.approve(pending?.id ?? "");
    },
  },
  {
    name: "gap add",
    act: (store) => store.gaps.add({ epicId: "fn-3", capability: "a folder of its own" }),
  },
  { name: "gap resolve", act: (store) => store.gaps.resolve(EPIC, 1, "seen") },
  { name: "phase", act: (store) => store.phases.markDone(TASK, "5") },
  { name: "pipeline", act: (store) => store.pipeline.advance(EPIC, { from: "plan" }) },
  { name: "memory", act: (store) => store.memory.append({ text: "a third thing" }) },
  { name: "output", act: (store) => store.outputs.write(TASK, "# another\n") },
  {
    name: "append to a stream",
    act: (store) =>
      store.events.append("order:1", [placed(2), placed(3)], {
        expectedVersion: 1,
        commandId: "second",
      }),
  },
  {
    name: "rows",
    act: (store) =>
      store.projections.upsert({ table: "orders", rows: [{ id: 1, n: 2 }, { id: 2 }] }),
  },
  { name: "blob", act: (store) => store.blobs.put({ key: "logo", data: Buffer.from("new") }) },
  {
    name: "a transaction of an event, a row and a blob's key",
    act: (store) =>
      store.transaction(async () => {
        await store.events.append("order:2", [placed(1)]);
        await store.projections.upsert({ table: "orders", rows: [{ id: 3 }] });
        await store.blobs.put({ key: "invoice", data: Buffer.from("in one") });
        await store.blobs.delete("logo");
      }),
  },
  {
    name: "a workflow's step",
    act: (store) =>
      store.workflows.advance("exec-1", {
        patch: { currentStep: 1 },
        checkpoints: [checkpoint(0)],
        timers: [timer("nap")],
      }),
  },
  {
    name: "a commit that makes the journal go on in a new file",
    act: (store) => store.features.update(1, { text: "y".repeat(260_000) }),
  },
  {
    name: "the first commit",
    on: "an empty store",
    act: (store) => store.settings.set("first", 1),
  },
  { name: "recovery", on: "a call that was killed", act: (store) => store.repair() },
];

/** Calls that break the promise: the attack must find each. */
export const PLANTED: readonly Call[] = [
  {
    name: "planted: one call, two commits",
    act: async (store) => {
      await store.features.create({ name: "First" });
      await store.features.create({ name: "Second" });
    },
  },
  {
    name: "planted: told before it is done",
    act: async (store, tell) => {
      tell("ack");
      await store.features.create({ name: "Late" });
    },
  },
  {
    name: "planted: leaves what a repair mends",
    act: async (store) => {
      const journal = join(store.root, JOURNAL);
      const [file = ""] = readdirSync(journal);
      const poison = encodeLine({ kind: "poison", v: JOURNAL_VERSION });
      appendFileSync(join(journal, file), poison);
      await store.settings.set("colour", { dark: false });
    },
  },
];

export function callNamed(name: string): Call {
  const found = [...CALLS, ...PLANTED].find((call) => call.name === name);
  if (found === undefined) throw new Error(`No call is named ${name}`);
  return found;
}

export const DURABILITIES: readonly Durability[] = ["full", "relaxed", "none"];

/** Documents of every kind, a checkpoint that differs from them, locks, a lease. */
export async function prepare(store: FlowStore): Promise<void> {
  await fill(store);
  await store.checkpoints.save("saved");
  await store.features.update(1, { name: "Basket" });
  await store.settings.set("colour", { dark: null });
  await store.gaps.resolve("fn-2", 1, "seen");
  await store.memory.append({ text: "the second day" });
  await store.locks.acquire({ paths: ["docs/a.md", "lib/**"], taskId: TASK });
  await store.outputs.write(TASK, "# one\n");
  await store.features.claimAndGet(3, { leaseMs: 3_600_000 });
  await store.events.append("order:1", [placed(1)]);
  await store.projections.upsert({ table: "orders", rows: [{ id: 1, n: 1 }] });
  await store.blobs.put({ key: "logo", data: Buffer.from("old") });
  await store.workflows.saveWorkflow(DEFINITION);
  await store.workflows.saveExecution(execution("exec-1"));
}

/** Everything that the store shows, of every kind. */
export async function shownBy(store: FlowStore): Promise<string> {
  const { features, gaps, phases, pipeline, approvals, memory, outputs } = store;
  const { settings, checkpoints, locks, events, projections, blobs, workflows } = store;
  const epics = [EPIC, "fn-2", "fn-3"];
  const checkpointsThere = await checkpoints.list();
  return JSON.stringify([
    await features.getAll(),
    await Promise.all(epics.map((epic) => gaps.list(epic))),
    await phases.get(TASK),
    await pipeline.list(),
    await approvals.list(),
    await memory.list(),
    await outputs.list(),
    await outputs.read(TASK),
    await settings.list(),
    checkpointsThere.map(({ name, documents, bytes }) => [name, documents, bytes]),
    await locks.list({ expired: true }),
    await locks.list(),
    (await locks.history()).map(({ event, path, taskId }) => [event, path, taskId]),
    await events.query(),
    (await projections.list("orders")).map(({ id, n }) => [id, n]),
    await Promise.all(
      (await blobs.list()).map(async ({ key }) => [key, String((await blobs.get(key))?.data)]),
    ),
    await workflows.loadExecution("exec-1"),
    await workflows.loadCheckpoints("exec-1"),
    await workflows.loadPendingTimers(),
  ]);
}

/** The same for two runs of one call: times, ids and what follows from them are left out. */
export function comparable(shown: string): string {
  return shown
    .replaceAll(/[0-7][0-9A-HJKMNP-TV-Z]{25}/g, "ULID")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/before-restore-[\d-]+/g, "before-restore")
    .replaceAll(/"revision":"[0-9a-f]+"/g, '"revision":"HASH"')
    .replaceAll(/\b\d{16}\b/g, "TOKEN");
}
