/** The checkpoint store: what durable_workflow's SQL store does, on files. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  EXECUTION_STATUSES,
  SIGNAL_STATUSES,
  STEP_STATUSES,
  TIMER_STATUSES,
  type CheckpointStore,
} from "flowstore";
import { makeStore, refused, refusedWithoutTrace, reopen } from "../features/support.ts";
import {
  AT,
  checkpoint,
  DEFINITION,
  execution,
  inStatus,
  minutes,
  signal,
  timer,
  withExecution,
} from "./support.ts";

async function idsIn(
  workflows: CheckpointStore,
  ...statuses: (typeof EXECUTION_STATUSES)[number][]
): Promise<string[]> {
  const found = await workflows.loadExecutionsByStatus(statuses);
  return found.map(({ workflowExecutionId }) => workflowExecutionId);
}

describe("the shared contract, without reference checks", () => {
  test("K1 to K6: executions are saved, replaced, and found by status", async (context) => {
    const workflows = (await makeStore(context)).workflows.withoutReferenceChecks();
    await workflows.saveExecution(inStatus("a", "RUNNING"));
    const first = await workflows.loadExecution("a");
    assert.deepEqual(
      [first?.workflowExecutionId, first?.status, first?.currentStep],
      ["a", "RUNNING", 0],
    );
    assert.equal(await workflows.loadExecution("none"), null);
    await workflows.saveExecution(execution("a", { status: "COMPLETED", currentStep: 3 }));
    const then = await workflows.loadExecution("a");
    assert.deepEqual([then?.status, then?.currentStep], ["COMPLETED", 3]);
    await workflows.saveExecution(inStatus("b", "RUNNING"));
    await workflows.saveExecution(inStatus("c", "RUNNING"));
    await workflows.saveExecution(inStatus("d", "FAILED"));
    assert.deepEqual(await idsIn(workflows, "RUNNING"), ["b", "c"]);
    assert.deepEqual(await idsIn(workflows, "RUNNING", "FAILED"), ["b", "c", "d"]);
    assert.deepEqual(await idsIn(workflows, "SUSPENDED"), []);
  });

  test("K7 to K10: checkpoints come back in order, each with its execution", async (context) => {
    const workflows = (await makeStore(context)).workflows.withoutReferenceChecks();
    for (const at of [2, 0, 1]) await workflows.saveCheckpoint(checkpoint(at));
    await workflows.saveCheckpoint(checkpoint(7, { workflowExecutionId: "exec-2" }));
    const found = await workflows.loadCheckpoints("exec-1");
    assert.deepEqual(
      found.map(({ stepIndex }) => stepIndex),
      [0, 1, 2],
    );
    assert.deepEqual([found[0]?.stepName, found[0]?.status], ["step-0", "COMPLETED"]);
    assert.deepEqual(await workflows.loadCheckpoints("none"), []);
    const others = await workflows.loadCheckpoints("exec-2");
    assert.deepEqual(
      others.map(({ stepIndex }) => stepIndex),
      [7],
    );
  });

  test("K11 to K16: timers and signals wait until they are saved as over", async (context) => {
    const workflows = (await makeStore(context)).workflows.withoutReferenceChecks();
    await workflows.saveTimer(timer("t"));
    assert.equal((await workflows.loadPendingTimers())[0]?.workflowTimerId, "t");
    await workflows.saveTimer(timer("t", { status: "FIRED" }));
    assert.deepEqual(await workflows.loadPendingTimers(), []);
    await workflows.saveSignal(signal("go"));
    await workflows.saveSignal(signal("stop"));
    assert.equal((await workflows.loadPendingSignals("exec-1")).length, 2);
    const [go, ...more] = await workflows.loadPendingSignals("exec-1", { signalName: "go" });
    assert.deepEqual([go?.signalName, more], ["go", []]);
    assert.deepEqual(await workflows.loadPendingSignals("exec-2"), []);
    assert.ok(go !== undefined);
    await workflows.saveSignal({ ...go, status: "DELIVERED" });
    assert.deepEqual(await workflows.loadPendingSignals("exec-1", { signalName: "go" }), []);
  });

  test("K17, K18: deleting takes all of one execution and nothing of another", async (context) => {
    const store = await makeStore(context);
    const workflows = store.workflows.withoutReferenceChecks();
    for (const id of ["exec-1", "exec-2"]) {
      const own = { workflowExecutionId: id };
      await workflows.saveExecution(execution(id));
      await workflows.saveCheckpoint(checkpoint(0, own));
      await workflows.saveTimer(timer(`t-${id}`, own));
      await workflows.saveSignal(signal("go", own));
    }
    await workflows.deleteExecution("exec-1");
    await workflows.deleteExecution("unknown");
    for (const one of [workflows, (await reopen(context, store)).workflows]) {
      assert.equal(await one.loadExecution("exec-1"), null);
      assert.deepEqual(await one.loadCheckpoints("exec-1"), []);
      assert.deepEqual(await one.loadPendingSignals("exec-1"), []);
      const timers = await one.loadPendingTimers();
      assert.deepEqual(
        timers.map(({ workflowTimerId }) => workflowTimerId),
        ["t-exec-2"],
      );
      assert.equal((await one.loadCheckpoints("exec-2")).length, 1);
      assert.equal((await one.loadPendingSignals("exec-2")).length, 1);
    }
    assert.ok(!existsSync(join(store.root, "local/workflows/exec-1")));
  });

  test("K19: only old and completed executions go; the boundary stays", async (context) => {
    const workflows = (await makeStore(context)).workflows.withoutReferenceChecks();
    const at = (id: string, status: "COMPLETED" | "RUNNING" | "FAILED", updatedAt: string) =>
      workflows.saveExecution(execution(id, { status, updatedAt }));
    await at("old", "COMPLETED", minutes(-120));
    await at("young", "COMPLETED", minutes(-30));
    await at("boundary", "COMPLETED", minutes(-60));
    await at("running", "RUNNING", minutes(-120));
    await at("failed", "FAILED", minutes(-120));
    assert.equal(await workflows.deleteCompletedBefore(new Date(minutes(-60))), 1);
    assert.deepEqual(await idsIn(workflows, ...EXECUTION_STATUSES), [
      "boundary",
      "failed",
      "running",
      "young",
    ]);
    assert.equal(await workflows.deleteFinishedBefore(new Date(minutes(1))), 3);
    assert.deepEqual(await idsIn(workflows, ...EXECUTION_STATUSES), ["running"]);
    await refused(
      "BAD_REQUEST",
      workflows.deleteFinishedBefore(new Date(AT), ["RUNNING" as never]),
    );
    await refused("BAD_REQUEST", workflows.deleteCompletedBefore(7 as never));
  });
});

describe("definitions", () => {
  test("W1 to W4: round trip, replacement, several", async (context) => {
    const { workflows } = await makeStore(context);
    await workflows.saveWorkflow({ workflowId: "wf-1", workflowType: "order", createdAt: AT });
    assert.deepEqual(await workflows.loadWorkflow("wf-1"), DEFINITION);
    assert.equal(await workflows.loadWorkflow("none"), null);
    const changed = { ...DEFINITION, workflowType: "refund", version: 2 };
    await workflows.saveWorkflow(changed);
    assert.deepEqual(await workflows.loadWorkflow("wf-1"), changed);
    for (const workflowId of ["wf-2", "wf-3", "WF-2"])
      await workflows.saveWorkflow({ ...DEFINITION, workflowId });
    for (const workflowId of ["wf-2", "wf-3", "WF-2"])
      assert.equal((await workflows.loadWorkflow(workflowId))?.workflowId, workflowId);
  });
});

describe("executions", () => {
  test("X1, X2, S5: defaults, and the file's keys in order", async (context) => {
    const { store, workflows } = await withExecution(context);
    const record = {
      workflowExecutionId: "exec-1",
      workflowId: "wf-1",
      status: "PENDING",
      currentStep: 0,
      inputData: null,
      outputData: null,
      errorMessage: null,
      ttlExpiresAt: null,
      guarantee: "FOREGROUND_ONLY",
      createdAt: AT,
      updatedAt: AT,
    };
    assert.deepEqual(await workflows.loadExecution("exec-1"), record);
    assert.equal(await workflows.loadExecution("none"), null);
    const text = readFileSync(join(store.root, "local/workflows/exec-1/execution.json"), "utf8");
    assert.deepEqual(Object.keys(JSON.parse(text) as object), Object.keys(record));
  });

  test("X3 to X6: every status and every field survives", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.saveExecution(execution("exec-1", { status: "RUNNING", currentStep: 2 }));
    assert.equal((await workflows.loadExecution("exec-1"))?.currentStep, 2);
    for (const status of EXECUTION_STATUSES) {
      await workflows.saveExecution(inStatus("exec-1", status));
      assert.deepEqual(await idsIn(workflows, status), ["exec-1"]);
    }
    const full = {
      ...execution("exec-1"),
      status: "FAILED",
      currentStep: 5,
      inputData: '{"a":1}',
      outputData: "null",
      errorMessage: "no \u0000 stock \u{1f4a5}",
      ttlExpiresAt: "2026-03-02T00:00:00.123456Z",
      guarantee: "BEST_EFFORT_BACKGROUND",
    } as const;
    await workflows.saveExecution(full);
    assert.deepEqual(await (await reopen(context, store)).workflows.loadExecution("exec-1"), full);
  });

  test("X7: an unknown definition or execution is refused, and nothing is written", async (context) => {
    const { store, workflows } = await withExecution(context);
    const other = execution("exec-2", { workflowId: "none" });
    await refusedWithoutTrace(store, "NOT_FOUND", () => workflows.saveExecution(other));
    const own = { workflowExecutionId: "none" };
    await refusedWithoutTrace(store, "NOT_FOUND", () =>
      workflows.saveCheckpoint(checkpoint(0, own)),
    );
    await refusedWithoutTrace(store, "NOT_FOUND", () => workflows.saveTimer(timer("t", own)));
    await refusedWithoutTrace(store, "NOT_FOUND", () => workflows.saveSignal(signal("go", own)));
  });

  test("X8 to X13: filters, and the order of creation as instants", async (context) => {
    const { workflows } = await withExecution(context);
    assert.deepEqual(await workflows.loadExecutionsByStatus([]), []);
    const times = {
      c: "2026-03-01T00:00:00.123456Z",
      b: "2026-03-01T00:00:00.123Z",
      d: "2026-03-01T00:00:00.124",
      a: "2026-03-01T01:00:00.050+01:00",
    };
    for (const [id, at] of Object.entries(times))
      await workflows.saveExecution(inStatus(id, "RUNNING", at));
    for (const id of ["B", "é", "A"])
      await workflows.saveExecution(inStatus(id, "RUNNING", "2026-03-01T00:00:01Z"));
    assert.deepEqual(await idsIn(workflows, "RUNNING"), ["a", "b", "c", "d", "A", "B", "é"]);
    assert.deepEqual(await idsIn(workflows, "PENDING"), ["exec-1"]);
    assert.deepEqual(await idsIn(workflows, "FAILED", "CANCELLED"), []);
  });

  test("any text is an id of its own", async (context) => {
    const { store, workflows } = await withExecution(context);
    const ids = ["a/b", "a:b", "..", "A", "a", "con", "x.", "\\", "n".repeat(300), "💥"];
    for (const id of ids) {
      await workflows.saveExecution(inStatus(id, "RUNNING"));
      await workflows.saveCheckpoint(checkpoint(0, { workflowExecutionId: id, stepName: id }));
    }
    const again = (await reopen(context, store)).workflows;
    for (const id of ids) assert.equal((await again.loadCheckpoints(id))[0]?.stepName, id);
    assert.deepEqual((await idsIn(again, "RUNNING")).toSorted(), ids.toSorted());
  });

  test("what cannot be is refused, and nothing is written", async (context) => {
    const { store, workflows } = await withExecution(context);
    const field = async (more: object): Promise<unknown> => {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        workflows.saveExecution({ ...execution("exec-2"), ...more } as never),
      );
      return error.context["field"];
    };
    assert.equal(await field({ status: "DONE" }), "status");
    assert.equal(await field({ guarantee: "toString" }), "guarantee");
    assert.equal(await field({ currentStep: -1 }), "currentStep");
    assert.equal(await field({ createdAt: "yesterday" }), "createdAt");
    assert.equal(await field({ workflowExecutionId: "" }), "workflowExecutionId");
    assert.equal(await field({ inputData: { a: 1 } }), "inputData");
    await refused("BAD_REQUEST", workflows.loadExecutionsByStatus(["DONE" as never]));
  });
});

describe("checkpoints", () => {
  test("C1 to C8, S6, M1: one row an attempt, ids that rise, every field", async (context) => {
    const { store, workflows } = await withExecution(context);
    assert.deepEqual(await workflows.loadCheckpoints("exec-1"), []);
    const intent = await workflows.saveCheckpoint(
      checkpoint(0, { status: "INTENT", inputData: "1" }),
    );
    const done = await workflows.saveCheckpoint(checkpoint(0, { id: intent.id, outputData: "2" }));
    assert.ok(intent.id !== null && done.id !== null && done.id > intent.id);
    assert.deepEqual(await workflows.loadCheckpoints("exec-1"), [done]);
    assert.deepEqual([done.status, done.inputData, done.outputData], ["COMPLETED", null, "2"]);
    for (const attempt of [3, 1, 2])
      await workflows.saveCheckpoint(
        checkpoint(1, { attempt, status: "FAILED", errorMessage: "no" }),
      );
    for (const [at, status] of STEP_STATUSES.entries())
      await workflows.saveCheckpoint(checkpoint(2 + at, { status, compensateRef: "undo" }));
    const rows = await (await reopen(context, store)).workflows.loadCheckpoints("exec-1");
    assert.deepEqual(
      rows.map(({ stepIndex, attempt, status }) => [stepIndex, attempt, status]),
      [
        [0, 1, "COMPLETED"],
        [1, 1, "FAILED"],
        [1, 2, "FAILED"],
        [1, 3, "FAILED"],
        ...STEP_STATUSES.map((status, at) => [2 + at, 1, status]),
      ],
    );
    assert.deepEqual([rows[3]?.errorMessage, rows[4]?.compensateRef], ["no", "undo"]);
    const columns =
      "id workflowExecutionId stepIndex stepName status inputData outputData errorMessage attempt idempotencyKey compensateRef startedAt completedAt";
    assert.deepEqual(Object.keys(rows[0] ?? {}), columns.split(" "));
  });

  test("I5 to I7: batches are all or nothing; an empty one is nothing", async (context) => {
    const { store, workflows } = await withExecution(context);
    assert.deepEqual(await workflows.saveCheckpoints([]), []);
    const batch = Array.from({ length: 20 }, (_, at) => checkpoint(at));
    const bad = [...batch, checkpoint(20, { workflowExecutionId: "none" })];
    await refusedWithoutTrace(store, "NOT_FOUND", () => workflows.saveCheckpoints(bad));
    await workflows.saveCheckpoints(batch);
    for (let at = 20; at < 50; at += 1) await workflows.saveCheckpoint(checkpoint(at));
    const rows = await workflows.loadCheckpoints("exec-1");
    assert.deepEqual(
      rows.map(({ stepIndex }) => stepIndex),
      [...Array(50).keys()],
    );
  });

  test("M2: what is returned shares nothing with the store", async (context) => {
    const { workflows } = await withExecution(context);
    await workflows.saveCheckpoint(checkpoint(0));
    const rows = await workflows.loadCheckpoints("exec-1");
    Object.assign(rows[0] ?? {}, { stepName: "other" });
    rows.pop();
    assert.equal((await workflows.loadCheckpoints("exec-1"))[0]?.stepName, "step-0");
  });

  test("ids are not given twice after deletion, and a deleted execution can begin anew", async (context) => {
    const { store, workflows } = await withExecution(context);
    const { id } = await workflows.saveCheckpoint(checkpoint(0));
    await workflows.deleteExecution("exec-1");
    const again = (await reopen(context, store)).workflows;
    await again.saveExecution(execution("exec-1"));
    assert.deepEqual(await again.loadCheckpoints("exec-1"), []);
    const next = await again.saveCheckpoint(checkpoint(5));
    assert.ok(next.id !== null && id !== null && next.id > id);
  });

  test("deleting and beginning anew in one transaction, after a step of the same", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.saveCheckpoint(checkpoint(0));
    await store.transaction(async () => {
      await workflows.saveCheckpoint(checkpoint(1));
      assert.equal((await workflows.loadCheckpoints("exec-1")).length, 2);
      await workflows.deleteExecution("exec-1");
      assert.deepEqual(await workflows.loadCheckpoints("exec-1"), []);
      await workflows.saveExecution(execution("exec-1"));
      await workflows.saveCheckpoint(checkpoint(2));
    });
    const rows = await (await reopen(context, store)).workflows.loadCheckpoints("exec-1");
    assert.deepEqual(
      rows.map(({ stepIndex }) => stepIndex),
      [2],
    );
  });

  test("more than a file of lines: none is ever let go", async (context) => {
    const { store, workflows } = await withExecution(context);
    const outputData = "x".repeat(700_000);
    for (let at = 0; at < 12; at += 1)
      await workflows.saveCheckpoint(checkpoint(at, { outputData }));
    const rows = await (await reopen(context, store)).workflows.loadCheckpoints("exec-1");
    assert.deepEqual(
      rows.map(({ stepIndex }) => stepIndex),
      [...Array(12).keys()],
    );
    await workflows.deleteExecution("exec-1");
    assert.ok(!existsSync(join(store.root, "local/workflows/exec-1")));
    assert.ok(!existsSync(join(store.root, "local/quarantine")), "nothing went to the quarantine");
  });
});

describe("timers", () => {
  test("T1 to T6: order, filter, replacement, all statuses stored", async (context) => {
    const { workflows } = await withExecution(context);
    const first = await workflows.saveTimer(timer("t1", { fireAt: "2099-01-01T00:00:00Z" }));
    assert.equal(first.status, "PENDING");
    await workflows.saveTimer(timer("t0", { fireAt: minutes(1) }));
    await workflows.saveTimer(timer("t2", { fireAt: minutes(-1) }));
    for (const status of TIMER_STATUSES)
      await workflows.saveTimer(timer(`s-${status}`, { status, fireAt: minutes(5) }));
    const waiting = await workflows.loadPendingTimers();
    assert.deepEqual(
      waiting.map(({ workflowTimerId }) => workflowTimerId),
      ["t2", "t0", "s-PENDING", "t1"],
    );
    assert.deepEqual(waiting.at(-1), first);
    await workflows.saveTimer(timer("t1", { fireAt: minutes(-9) }));
    assert.equal((await workflows.loadPendingTimers())[0]?.workflowTimerId, "t1");
    await workflows.saveTimer(timer("t1", { status: "FIRED" }));
    assert.equal((await workflows.loadPendingTimers()).length, 3);
    const { timers } = await workflows.history("exec-1");
    assert.deepEqual(new Set(timers.map(({ status }) => status)), new Set(TIMER_STATUSES));
  });

  test("a timer that is saved for another execution waits there alone", async (context) => {
    const { workflows } = await withExecution(context);
    await workflows.saveExecution(execution("exec-2"));
    await workflows.saveTimer(timer("t"));
    await workflows.saveTimer(timer("t", { workflowExecutionId: "exec-2" }));
    const waiting = await workflows.loadPendingTimers();
    assert.deepEqual(
      waiting.map((one) => one.workflowExecutionId),
      ["exec-2"],
    );
  });

  test("old ones go, but those that wait stay, and so does the boundary", async (context) => {
    const { workflows } = await withExecution(context);
    for (const status of TIMER_STATUSES) {
      await workflows.saveTimer(timer(`old-${status}`, { status, createdAt: minutes(-2) }));
      await workflows.saveTimer(timer(`at-${status}`, { status, createdAt: minutes(-1) }));
    }
    assert.equal(await workflows.deleteOldTimers(new Date(minutes(-1))), 2);
    const { timers } = await workflows.history("exec-1");
    const ids = timers.map(({ workflowTimerId }) => workflowTimerId);
    assert.deepEqual(ids, ["at-CANCELLED", "at-FIRED", "at-PENDING", "old-PENDING"]);
    assert.equal((await workflows.loadPendingTimers()).length, 2);
  });
});

describe("signals", () => {
  test("G1 to G8: ids, filters, order, equal names", async (context) => {
    const { workflows } = await withExecution(context);
    assert.deepEqual(await workflows.loadPendingSignals("none"), []);
    const given = await workflows.saveSignal(signal("go", { payload: '{"by":"ann"}' }));
    assert.ok(given.workflowSignalId !== null);
    assert.deepEqual(await workflows.loadPendingSignals("exec-1"), [given]);
    const later = await workflows.saveSignal(signal("go", { createdAt: minutes(1) }));
    const earlier = await workflows.saveSignal(signal("go", { createdAt: minutes(-1) }));
    assert.equal(later.payload, null);
    assert.ok((earlier.workflowSignalId ?? 0) > (later.workflowSignalId ?? 0));
    for (const status of SIGNAL_STATUSES) await workflows.saveSignal(signal("other", { status }));
    const waiting = await workflows.loadPendingSignals("exec-1", { signalName: "go" });
    assert.deepEqual(waiting, [earlier, given, later]);
    const { signals } = await workflows.history("exec-1");
    assert.deepEqual(new Set(signals.map(({ status }) => status)), new Set(SIGNAL_STATUSES));
  });

  test("an id of the caller's own is kept and never given again", async (context) => {
    const { workflows } = await withExecution(context);
    await workflows.saveSignal(signal("go", { workflowSignalId: 40 }));
    const next = await workflows.saveSignal(signal("go"));
    assert.ok((next.workflowSignalId ?? 0) > 40);
    await workflows.saveSignal(signal("go", { workflowSignalId: 40, payload: "1" }));
    const waiting = await workflows.loadPendingSignals("exec-1");
    assert.deepEqual(
      waiting.map(({ workflowSignalId, payload }) => [workflowSignalId, payload]),
      [
        [40, "1"],
        [next.workflowSignalId, null],
      ],
    );
  });

  test("old ones go, but those that wait stay, and so does the boundary", async (context) => {
    const { workflows } = await withExecution(context);
    for (const status of SIGNAL_STATUSES)
      for (const at of [-2, -1])
        await workflows.saveSignal(signal("go", { status, createdAt: minutes(at) }));
    assert.equal(await workflows.deleteOldSignals(new Date(minutes(-1))), 2);
    const { signals } = await workflows.history("exec-1");
    const left = signals.map(({ status, createdAt }) => `${status} ${createdAt.slice(14, 16)}`);
    assert.deepEqual(left, ["PENDING 58", "PENDING 59", "DELIVERED 59", "EXPIRED 59"]);
    assert.equal(await workflows.deleteOldSignals(new Date(minutes(-1))), 0);
  });
});

describe("the store as a whole", () => {
  test("I1 to I4: a life, with a constant number of files", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.saveExecution(inStatus("exec-1", "RUNNING"));
    await workflows.saveCheckpoint(checkpoint(0, { status: "INTENT" }));
    await workflows.saveCheckpoint(checkpoint(0));
    await workflows.saveCheckpoint(checkpoint(1, { status: "INTENT", compensateRef: "undo" }));
    await workflows.saveTimer(timer("t"));
    await workflows.saveSignal(signal("go"));
    await workflows.claimExecution("exec-1", { owner: "me" });
    const { checkpoints, timers, signals, workflow } = await workflows.history("exec-1");
    assert.deepEqual([checkpoints.length, timers.length, signals.length], [2, 1, 1]);
    assert.equal(workflow?.workflowId, "wf-1");
    const done = { status: "COMPLETED", outputData: '"sent"' } as const;
    await workflows.saveExecution(execution("exec-1", done));
    assert.equal((await workflows.loadExecution("exec-1"))?.outputData, '"sent"');
    for (let at = 0; at < 100; at += 1) await workflows.saveCheckpoint(checkpoint(at));
    assert.equal(readdirSync(join(store.root, "local/workflows/exec-1")).length, 5);
    await workflows.saveExecution(inStatus("s", "SUSPENDED"));
    await workflows.saveExecution(inStatus("r", "RUNNING"));
    assert.deepEqual(await idsIn(workflows, "RUNNING", "SUSPENDED"), ["r", "s"]);
    assert.deepEqual(await store.check(), []);
  });

  test("S1, S2, S16 to S18: what is missing is named", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.saveTimer(timer("t"));
    const fine = { isValid: true, missingTables: [], missingIndexes: [], issues: {} };
    assert.deepEqual(await workflows.validateSchema(), fine);
    const { rmSync } = await import("node:fs");
    rmSync(join(store.root, "local/workflow-index"), { recursive: true });
    rmSync(join(store.root, "local/workflow-definitions"), { recursive: true });
    const report = await (await reopen(context, store)).workflows.validateSchema();
    assert.equal(report.isValid, false);
    assert.deepEqual(report.missingTables, ["local/workflow-definitions"]);
    assert.deepEqual(report.missingIndexes, [
      "local/workflow-index/pending",
      "local/workflow-index/timers",
    ]);
  });

  test("closing ends this object's use alone", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.close();
    await refused("CLOSED", workflows.loadExecution("exec-1"));
    await refused("CLOSED", workflows.saveExecution(execution("exec-1")));
    assert.equal((await store.features.getAll()).length, 0);
  });
});
