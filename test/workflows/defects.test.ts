/** Defects of durable_workflow that no other file here shows to be absent, by their numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckpointStore, WorkflowBody } from "flowstore";
import { make } from "./engine-support.ts";
import { execution, inStatus, signal, timer, withExecution } from "./support.ts";

/** A store that tells which of its calls an engine makes. */
function counted(store: CheckpointStore): { spied: CheckpointStore; calls: string[] } {
  const calls: string[] = [];
  const spied = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        calls.push(String(name));
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { spied, calls };
}

const WRITES = new Set(["createIfAbsent", "claimExecution", "advance", "releaseClaim"]);
const READS = new Set(["loadExecution", "history", "loadWorkflow", "loadPendingSignals"]);

test("D11: what happens at once is one commit: a step is two, a sleep and a wait too", async (context) => {
  const { store, engine } = await make(context);
  const { spied, calls } = counted(store.workflows);
  const body: WorkflowBody = async (work) => {
    await work.step("one", () => 1);
    await work.step("two", () => 2);
    await work.sleep("nap", 10);
    await work.waitSignal("go");
  };
  const made = engine({ order: body }, { store: spied });
  await made.sendSignal("o", "go");
  calls.length = 0;
  await made.run("order", { executionId: "o" });
  const writes = calls.filter((name) => WRITES.has(name));
  assert.deepEqual(writes, [
    "createIfAbsent",
    "claimExecution",
    "advance", // RUNNING
    ...Array.from({ length: 4 * 2 }, () => "advance"),
    "advance", // COMPLETED
    "releaseClaim",
  ]);
  const others = calls.filter((name) => !WRITES.has(name) && !READS.has(name));
  assert.deepEqual([...new Set(others)], ["watchCommits"]);
});

test("D12: an engine that waits never reads the timers of others", async (context) => {
  const { store, engine } = await make(context);
  const { spied, calls } = counted(store.workflows);
  const body: WorkflowBody = async (work) => {
    for (let count = 0; count < 5; count += 1) await work.sleep("nap", 10);
  };
  const made = engine({ order: body }, { store: spied });
  await Promise.all(["a", "b", "c"].map((executionId) => made.run("order", { executionId })));
  assert.ok(calls.length > 0);
  assert.ok(!calls.includes("loadPendingTimers"));
  const histories = calls.filter((name) => name === "history");
  assert.equal(histories.length, 3, "one look at the history a run, however often it sleeps");
});

test("D14: times are compared as instants, whatever their texts", async (context) => {
  const { workflows } = await withExecution(context);
  await workflows.deleteExecution("exec-1");
  const times = {
    third: "2026-03-01T00:00:00.123456Z",
    second: "2026-03-01T00:00:00.123Z",
    fourth: "2026-03-01T01:00:00.124+01:00",
    first: "2026-03-01T00:00:00",
  };
  for (const [id, createdAt] of Object.entries(times)) {
    await workflows.saveExecution(execution(id, { createdAt, updatedAt: createdAt }));
    await workflows.saveTimer(timer(id, { workflowExecutionId: id, fireAt: createdAt }));
    await workflows
      .withoutReferenceChecks()
      .saveSignal(signal(id, { workflowExecutionId: "first", createdAt }));
  }
  const order = ["first", "second", "third", "fourth"];
  const found = await workflows.loadExecutionsByStatus(["PENDING"]);
  assert.deepEqual(
    found.map(({ workflowExecutionId }) => workflowExecutionId),
    order,
  );
  const timers = await workflows.loadPendingTimers();
  assert.deepEqual(
    timers.map(({ workflowTimerId }) => workflowTimerId),
    order,
  );
  const signals = await workflows.loadPendingSignals("first");
  assert.deepEqual(
    signals.map(({ signalName }) => signalName),
    order,
  );
});

test("D15: what failed and was cancelled is collected too", async (context) => {
  const { workflows } = await withExecution(context);
  for (const status of ["COMPLETED", "FAILED", "CANCELLED", "RUNNING"] as const)
    await workflows.saveExecution(inStatus(status, status));
  const cutoff = new Date("2026-03-02T00:00:00.000Z");
  assert.equal(await workflows.deleteCompletedBefore(cutoff), 1);
  assert.equal(await workflows.deleteFinishedBefore(cutoff), 2);
  const left = (await workflows.pageExecutions()).items;
  assert.deepEqual(left.map(({ workflowExecutionId }) => workflowExecutionId).toSorted(), [
    "RUNNING",
    "exec-1",
  ]);
});

test("D17: pages, counts, and what is of one workflow", async (context) => {
  const { workflows } = await withExecution(context);
  await workflows.saveWorkflow({
    workflowId: "wf-2",
    workflowType: "mail",
    createdAt: "2026-03-01T00:00:00.000Z",
  });
  for (let at = 0; at < 7; at += 1)
    await workflows.saveExecution(execution(`mail-${at}`, { workflowId: "wf-2" }));
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await workflows.pageExecutions({ workflowId: "wf-2", limit: 3, after });
    for (const { workflowExecutionId } of page.items) seen.push(workflowExecutionId);
    if (!page.hasMore) break;
    after = page.next ?? undefined;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 7 }, (_, at) => `mail-${at}`),
  );
  assert.equal((await workflows.countExecutions()).PENDING, 8);
});
