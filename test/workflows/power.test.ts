/**
 * The power goes, or the writer is killed, at any operation of a life of executions: each call is
 * there wholly or not at all, and what was answered is there.
 *
 * `POWER_RANDOMS=50` tries the random fate of the unsynced so often at each operation, and every
 * disk; else every fourth is opened.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk, type CrashState } from "#src/disk/memory-disk.js";
import type { StorageOptions } from "#src/storage/storage.js";
import type { CheckpointStore } from "#src/stores/workflows.js";
import { booted, hurried, named } from "../crash/rebooted.ts";
import { inLanes, until } from "../storage/support.ts";
import { makeStoreRoot, StoresOnDisk } from "../torture/stores-on-disk.ts";
import { AT, checkpoint, DEFINITION, execution, minutes, signal, timer } from "./support.ts";

const AT_ONCE = 16;
const randoms = Number(process.env["POWER_RANDOMS"] ?? 1);
/** Of so many disks one is opened. */
const SAMPLE = process.env["POWER_RANDOMS"] === undefined ? 4 : 1;
/** Nobody bears this pid. */
const DEAD_PID = 2 ** 30;

/** One call a line: a step with its execution, a wait, a signal that is consumed, an end. */
const CALLS: readonly ((workflows: CheckpointStore) => Promise<unknown>)[] = [
  (to) => to.createIfAbsent(execution("exec-1"), { workflow: DEFINITION }),
  (to) => to.claimExecution("exec-1", { owner: "one" }),
  (to) =>
    to.advance("exec-1", { to: "RUNNING", checkpoints: [checkpoint(0, { status: "INTENT" })] }),
  (to) =>
    to.advance("exec-1", {
      patch: { currentStep: 1 },
      checkpoints: [checkpoint(0, { outputData: "1" }), checkpoint(1, { status: "INTENT" })],
    }),
  (to) => to.advance("exec-1", { to: "SUSPENDED", timers: [timer("t", { fireAt: minutes(1) })] }),
  (to) => to.saveSignal(signal("go", { payload: "7" })),
  (to) =>
    to.advance("exec-1", {
      to: "RUNNING",
      timers: [timer("t", { status: "FIRED" })],
      consume: { signalName: "go", checkpoint: checkpoint(1) },
    }),
  (to) => to.saveCheckpoints([2, 3, 4].map((at) => checkpoint(at))),
  (to) => to.transition("exec-1", { from: "RUNNING", to: "COMPLETED", patch: { outputData: "8" } }),
  (to) => to.saveExecution(execution("exec-2", { status: "RUNNING" })),
  (to) => to.deleteOldSignals(new Date(minutes(5))),
  (to) => to.deleteExecution("exec-1"),
  (to) => to.saveExecution(execution("exec-1")),
  (to) => to.saveCheckpoint(checkpoint(0)),
];

/** Everything that a look shows of executions; the tokens and times of leases are left out. */
async function shownBy({ workflows, storage }: StoresOnDisk): Promise<string> {
  const ids = ["exec-1", "exec-2"];
  const histories = [];
  for (const id of ids) {
    const isThere = (await workflows.loadExecution(id)) !== null;
    histories.push(isThere ? await workflows.history(id) : null);
  }
  const shown = {
    histories,
    counts: await workflows.countExecutions(),
    timers: await workflows.loadPendingTimers(),
    signals: await workflows.loadPendingSignals("exec-1"),
    schema: await storage.read(() => workflows.validateSchema()),
  };
  return JSON.stringify(shown);
}

interface Step {
  /** Operations of the disk when the call was made, and when it was answered. */
  readonly from: number;
  readonly to: number;
  readonly shown: string;
}

async function life(durability: "full" | "none"): Promise<{ disk: MemoryDisk; steps: Step[] }> {
  const disk = new MemoryDisk();
  makeStoreRoot(disk);
  disk.syncFolder("");
  const identity = { ...thisProcess(), bootId: "boot-1", pid: DEAD_PID, pidStart: null };
  const stores = new StoresOnDisk(disk, { ...booted("boot-1"), identity, durability });
  // The root is there and lasts before the first call that is attacked.
  await stores.settings.set("key", 1);
  const { journal } = stores.storage;
  await until(() => durability === "none" || journal.floor === journal.head.n);
  const steps: Step[] = [
    { from: disk.operations, to: disk.operations, shown: await shownBy(stores) },
  ];
  for (const call of CALLS) {
    const from = disk.operations;
    await call(stores.workflows);
    const to = disk.operations;
    steps.push({ from, to, shown: await shownBy(stores) });
  }
  await stores.close();
  return { disk, steps };
}

async function tryState(
  state: CrashState,
  steps: readonly Step[],
  options: Partial<StorageOptions>,
): Promise<void> {
  const least = steps.findLastIndex(({ to }) => to <= state.at);
  const most = steps.findLastIndex(({ from }) => from <= state.at);
  const possible = steps.slice(least, most + 1).map(({ shown }) => shown);
  const reader = new StoresOnDisk(state.disk, { ...options, readOnly: true });
  const seen = await shownBy(reader);
  assert.ok(possible.includes(seen), `a reader sees ${seen}, not ${possible.join("\n or ")}`);
  await reader.close();
  const writer = new StoresOnDisk(state.disk, { ...options, ...hurried() });
  await writer.storage.recover();
  const recovered = await shownBy(writer);
  // What nobody was told of yet may come, but nothing goes that was seen.
  const isKept = possible.indexOf(recovered) >= possible.indexOf(seen);
  assert.ok(isKept, `recovered to ${recovered} after a reader saw ${seen}`);
  const problems = (await writer.check()).filter(({ file }) => file.startsWith("local/"));
  assert.deepEqual(problems, []);
  const before = await highestId(writer.workflows);
  await writer.workflows.createIfAbsent(execution("after"), { workflow: DEFINITION });
  const own = { workflowExecutionId: "after", startedAt: AT };
  const { id } = await writer.workflows.saveCheckpoint(checkpoint(0, own));
  assert.ok((id ?? 0) > before, `id ${id} was given before: ${before}`);
  await writer.close();
}

async function highestId(workflows: CheckpointStore): Promise<number> {
  const rows = await workflows.loadCheckpoints("exec-1");
  return Math.max(0, ...rows.map(({ id }) => id ?? 0));
}

describe("a life of executions", () => {
  test("the power goes at any operation", async (t) => {
    const { disk, steps } = await life("full");
    let disks = 0;
    function* cases(): Generator<() => Promise<void>> {
      for (const state of disk.crashStates({ randoms, seed: 7, from: steps[0]?.to ?? 0 })) {
        disks += 1;
        if (disks % SAMPLE !== 0) continue;
        yield () => named(state, () => tryState(state, steps, booted("boot-2")));
      }
    }
    await inLanes(cases(), AT_ONCE);
    t.diagnostic(`${disks} disks of ${disk.operations} operations`);
    assert.ok(disks > 500);
  });

  test("the writer is killed at any operation, with and without durability", async (t) => {
    for (const durability of ["full", "none"] as const) {
      const { disk, steps } = await life(durability);
      let disks = 0;
      function* cases(): Generator<() => Promise<void>> {
        for (const state of disk.crashStates({ randoms: 0, from: steps[0]?.to ?? 0 })) {
          if (state.variant !== "all") continue;
          disks += 1;
          if (disks % SAMPLE !== 0) continue;
          yield () => named(state, () => tryState(state, steps, booted("boot-1")));
        }
      }
      await inLanes(cases(), AT_ONCE);
      t.diagnostic(`${durability}: ${disks} disks`);
      assert.ok(disks > 100);
    }
  });
});
