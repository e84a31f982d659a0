/** What calls cost: by what they change and return, never by the length of a history. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countingDisk } from "#src/disk/counting-disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { FENCE, GUARD } from "#src/storage/layout.js";
import type { CheckpointStore } from "#src/stores/workflows.js";
import { until } from "../storage/support.ts";
import { makeStoreRoot, StoresOnDisk } from "../torture/stores-on-disk.ts";
import { checkpoint, DEFINITION, execution, inStatus, minutes, signal, timer } from "./support.ts";
import { atEnd } from "../at-end.ts";

const START_MS = Date.UTC(2030, 0, 1) + 123;
const LATER_MS = 1_000;

/** How much there is of what should not matter. */
interface Past {
  /** Steps of the execution, each with a timer and a signal that are over. */
  readonly steps: number;
  /** Other executions that are over. */
  readonly finished: number;
}

/** A store on a counting disk, with clocks that stand still, and a past. */
class Counted {
  #ms = START_MS;
  readonly #inner = new MemoryDisk({ now: () => this.#ms });
  readonly disk = countingDisk(this.#inner);
  #stores: StoresOnDisk;

  constructor() {
    makeStoreRoot(this.#inner);
    this.#stores = this.#open();
  }

  #open(): StoresOnDisk {
    const now = (): number => this.#ms;
    return new StoresOnDisk(this.disk, { nowMs: now, wallMs: now, monotonicMs: now });
  }

  get workflows(): CheckpointStore {
    return this.#stores.workflows;
  }

  async live({ steps, finished }: Past): Promise<void> {
    const { workflows } = this;
    await this.#stores.transaction(async () => {
      await workflows.saveWorkflow(DEFINITION);
      for (const id of ["exec-1", "exec-2"]) await workflows.saveExecution(inStatus(id, "RUNNING"));
      await workflows.saveTimer(timer("wait"));
      await workflows.saveCheckpoint(checkpoint(0));
      await workflows.saveSignal(signal("go", { status: "DELIVERED" }));
      for (let at = 1; at < steps; at += 1) {
        await workflows.saveCheckpoint(checkpoint(at));
        await workflows.saveTimer(timer(`t-${at}`, { status: "FIRED" }));
        await workflows.saveSignal(signal("go", { status: "DELIVERED" }));
      }
      for (let at = 0; at < finished; at += 1)
        await workflows.saveExecution(inStatus(`done-${at}`, "COMPLETED", minutes(at)));
    });
    await this.settle();
    await this.#stores.close();
    this.#ms += LATER_MS;
    this.#stores = this.#open();
  }

  async settle(): Promise<void> {
    const { journal } = this.#stores.storage;
    const isFree = (folder: string): boolean =>
      (this.#inner.list(folder) ?? []).every((name) => name === "queue");
    await until(() => isFree(GUARD) && isFree(FENCE) && journal.floor === journal.head.n);
  }

  /** Operations of the disk, and bytes that are written, by a call in the middle of others. */
  async count(act: (workflows: CheckpointStore) => Promise<unknown>): Promise<object> {
    this.disk.reset();
    const before = this.#sizes();
    await act(this.workflows);
    return { ...this.disk.counts, bytes: this.#sizes() - before };
  }

  #sizes(): number {
    const { journal } = this.#stores.storage;
    return journal.file === null ? 0 : (this.#inner.stat(journal.file)?.size ?? 0);
  }

  async close(): Promise<void> {
    await this.#stores.close();
  }
}

/** Ids and times are as long in every life: else a digit more would count. */
const LITTLE: Past = { steps: 40, finished: 3 };
const MUCH: Past = { steps: 900, finished: 300 };

const CHANGES: Readonly<Record<string, (workflows: CheckpointStore) => Promise<unknown>>> = {
  "a step with its execution": (workflows) =>
    workflows.advance("exec-1", { patch: { currentStep: 7 }, checkpoints: [checkpoint(7)] }),
  "a timer": (workflows) => workflows.saveTimer(timer("nap")),
  "a timer that fired": (workflows) => workflows.saveTimer(timer("wait", { status: "FIRED" })),
  "a signal": (workflows) => workflows.saveSignal(signal("go")),
  "a signal that is consumed": (workflows) =>
    workflows.advance("exec-1", { consume: { signalName: "go", checkpoint: checkpoint(8) } }),
  "a change of status": (workflows) =>
    workflows.transition("exec-1", { from: "RUNNING", to: "SUSPENDED" }),
};

const READS: Readonly<Record<string, (workflows: CheckpointStore) => Promise<unknown>>> = {
  "an execution": (workflows) => workflows.loadExecution("exec-1"),
  "the executions that run": (workflows) => workflows.loadExecutionsByStatus(["RUNNING"]),
  "a page of two": (workflows) => workflows.pageExecutions({ statuses: ["COMPLETED"], limit: 2 }),
  "the timers that wait": (workflows) => workflows.loadPendingTimers(),
  "the signals that wait": (workflows) => workflows.loadPendingSignals("exec-1"),
};

async function costs(past: Past): Promise<Record<string, object>> {
  const found: Record<string, object> = {};
  const store = new Counted();
  await store.live(past);
  for (const [name, look] of Object.entries(READS)) found[name] = await store.count(look);
  // Takes the guard, and reads what changes will be compared with.
  await store.workflows.saveCheckpoint(checkpoint(1, { workflowExecutionId: "exec-2" }));
  for (const [name, change] of Object.entries(CHANGES)) {
    await change(store.workflows).catch(() => undefined);
    if (name === "a change of status")
      await store.workflows.transition("exec-1", { from: "SUSPENDED", to: "RUNNING" });
    if (name === "a timer that fired") await store.workflows.saveTimer(timer("wait"));
    if (name === "a signal that is consumed") await store.workflows.saveSignal(signal("go"));
    found[name] = await store.count(change);
  }
  await store.close();
  return found;
}

describe("the cost of", () => {
  test("each call is the same whatever was before", async () => {
    const [little, much] = [await costs(LITTLE), await costs(MUCH)];
    for (const [name, cost] of Object.entries(little))
      assert.deepEqual(rounded(much[name] ?? {}), rounded(cost), name);
  });

  test("a step in a burst that is not synced is no look at the whole log", async (context) => {
    const inner = new MemoryDisk();
    makeStoreRoot(inner);
    const disk = countingDisk(inner);
    const stores = new StoresOnDisk(disk, { durability: "relaxed" });
    atEnd(context, () => stores.close());
    await stores.workflows.createIfAbsent(execution("exec-1"), { workflow: DEFINITION });
    for (let at = 0; at < 10; at += 1) await stores.workflows.saveCheckpoint(checkpoint(at));
    disk.reset();
    for (let at = 10; at < 210; at += 1) await stores.workflows.saveCheckpoint(checkpoint(at));
    assert.ok((disk.counts["read"] ?? 0) < 20, `${disk.counts["read"]} whole files were read`);
    assert.equal((await stores.workflows.loadCheckpoints("exec-1")).length, 210);
  });

  test("an execution is a constant number of files", async (context) => {
    const inner = new MemoryDisk();
    makeStoreRoot(inner);
    const stores = new StoresOnDisk(inner, { durability: "none" });
    atEnd(context, () => stores.close());
    const { workflows } = stores;
    await workflows.createIfAbsent(execution("exec-1"), { workflow: DEFINITION });
    await workflows.claimExecution("exec-1", { owner: "me" });
    const files = (): number =>
      [...inner.snapshotTree().keys()].filter((path) => path.includes("exec-1")).length;
    const counts = new Set<number>();
    for (let at = 0; at < 300; at += 1) {
      const id = `t-${at % 10}`;
      await stores.transaction(async () => {
        await workflows.saveTimer(timer(id));
        await workflows.saveSignal(signal("go"));
        const consume = { signalName: "go", checkpoint: checkpoint(at) };
        await workflows.advance("exec-1", { consume, timers: [timer(id, { status: "FIRED" })] });
      });
      counts.add(files());
    }
    // Four documents, one log, one name in the index.
    assert.deepEqual([...counts], [6]);
  });
});

/** Numbers of ids differ in their digits. */
function rounded(cost: object): object {
  const { bytes = 0, ...counts } = cost as { bytes?: number };
  return { ...counts, bytes: Math.round(bytes / 64) };
}
