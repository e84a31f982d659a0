/**
 * Each point at which a crash can cut an execution off: the records that it leaves, and what the
 * engine makes of them.
 */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import {
  DurableEngine,
  type AdvanceInput,
  type CheckpointStore,
  type GivenCheckpoint,
  type WorkflowBody,
} from "flowstore";
import { makeStore, TestClock } from "../features/support.ts";
import { atEnd } from "../at-end.ts";

const ID = "o";

/** An execution as a crash left it: with these records, and nobody who runs it. */
async function left(
  context: TestContext,
  change: AdvanceInput,
): Promise<{ workflows: CheckpointStore; clock: TestClock }> {
  const clock = new TestClock();
  const { workflows } = await makeStore(context, { clock: clock.now });
  const at = clock.iso();
  const record = { workflowExecutionId: ID, workflowId: "wf-order", createdAt: at, updatedAt: at };
  const workflow = { workflowId: "wf-order", workflowType: "order", createdAt: at };
  await workflows.createIfAbsent({ ...record, status: "RUNNING" }, { workflow });
  await workflows.advance(ID, change);
  return { workflows, clock };
}

function row(
  stepIndex: number,
  status: GivenCheckpoint["status"],
  more: Partial<GivenCheckpoint> = {},
): GivenCheckpoint {
  return { workflowExecutionId: ID, stepIndex, stepName: "step", status, ...more };
}

/** Recovers it, with a clock that moves when the engine waits. @returns how long it waited, in ms. */
async function recovered(
  context: TestContext,
  { workflows: store, clock }: { workflows: CheckpointStore; clock: TestClock },
  body: WorkflowBody,
): Promise<number> {
  const begun = clock.ms;
  const leaseMs = 10_000_000;
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    if (ms === leaseMs / 2) {
      return new Promise((done) => signal.addEventListener("abort", () => done(), { once: true }));
    }
    clock.ms += Math.max(1, ms);
    return new Promise((done) => void setImmediate(done));
  };
  const options = { store, clock: clock.now, sleep, leaseMs, pollMs: 1_000 };
  const engine = new DurableEngine({ ...options, workflows: { order: body } });
  atEnd(context, () => engine.dispose());
  assert.deepEqual((await engine.recover()).resumed, [ID]);
  await engine.idle();
  return clock.ms - begun;
}

describe("cut off", () => {
  test("after INTENT: the action runs again, knows it, and has the same key", async (context) => {
    const state = await left(context, { checkpoints: [row(0, "INTENT")] });
    const told: unknown[] = [];
    await recovered(context, state, (work) =>
      work.step("step", (attempt) => {
        told.push(attempt);
      }),
    );
    assert.deepEqual(told, [{ attempt: 2, idempotencyKey: "o:0" }]);
    const rows = await state.workflows.loadCheckpoints(ID);
    assert.deepEqual(
      rows.map(({ attempt, status }) => [attempt, status]),
      [
        [1, "INTENT"],
        [2, "COMPLETED"],
      ],
    );
  });

  test("after COMPLETED: it does not run again", async (context) => {
    const state = await left(context, { checkpoints: [row(0, "COMPLETED", { outputData: "7" })] });
    await recovered(context, state, (work) => work.step("step", () => assert.fail("ran again")));
    assert.equal((await state.workflows.loadExecution(ID))?.outputData, "7");
  });

  test("between two tries: it goes on at the next, at its time, with what is left", async (context) => {
    const clockAt = Date.parse("2026-03-01T00:00:00.000Z");
    const timer = {
      workflowTimerId: "timer-o-0",
      workflowExecutionId: ID,
      stepName: "step",
      fireAt: new Date(clockAt + 5_000).toISOString(),
      createdAt: new Date(clockAt).toISOString(),
    };
    const checkpoints = [1, 2].map((attempt) => row(0, "FAILED", { attempt, errorMessage: "no" }));
    const state = await left(context, { checkpoints, timers: [timer] });
    const attempts: number[] = [];
    const retry = { type: "fixed", maxAttempts: 3, delayMs: 60_000 } as const;
    const waited = await recovered(context, state, (work) =>
      work.step(
        "step",
        ({ attempt }) => {
          attempts.push(attempt);
          throw new Error("never");
        },
        { retry },
      ),
    );
    assert.deepEqual(attempts, [3]);
    assert.ok(waited >= 5_000 && waited < 10_000, String(waited));
    assert.equal((await state.workflows.loadExecution(ID))?.errorMessage, "never");
  });

  test("after the last try: its error comes again, and nothing runs", async (context) => {
    const state = await left(context, { checkpoints: [row(0, "FAILED", { errorMessage: "no" })] });
    await recovered(context, state, (work) => work.step("step", () => assert.fail("ran again")));
    const now = await state.workflows.loadExecution(ID);
    assert.deepEqual([now?.status, now?.errorMessage], ["FAILED", "no"]);
  });

  test("asleep: it sleeps what is left; past it, not at all", async (context) => {
    for (const leftMs of [40_000, -40_000]) {
      const wakeAt = new Date(Date.parse("2026-03-01T00:00:00.000Z") + leftMs).toISOString();
      const inputData = JSON.stringify({ kind: "sleep", wakeAt });
      const checkpoints = [row(0, "INTENT", { inputData })];
      const state = await left(context, { to: "SUSPENDED", checkpoints });
      const waited = await recovered(context, state, (work) => work.sleep("step", 60_000));
      assert.ok(leftMs < 0 ? waited === 0 : waited === leftMs, String(waited));
      assert.equal((await state.workflows.loadExecution(ID))?.status, "COMPLETED");
    }
  });

  test("after a sleep: it does not sleep again", async (context) => {
    const state = await left(context, { checkpoints: [row(0, "COMPLETED")] });
    assert.equal(await recovered(context, state, (work) => work.sleep("step", 60_000)), 0);
  });

  test("waiting for a signal: it goes on waiting, and takes what came meanwhile", async (context) => {
    const checkpoints = [
      row(0, "INTENT", { stepName: "go", inputData: '{"kind":"signal","wakeAt":null}' }),
    ];
    const state = await left(context, { to: "SUSPENDED", checkpoints });
    const sent = { workflowExecutionId: ID, signalName: "go", createdAt: state.clock.iso() };
    await state.workflows.saveSignal({ ...sent, payload: "1" });
    await state.workflows.saveSignal({ ...sent, payload: "2" });
    await recovered(context, state, (work) => work.waitSignal("go"));
    const { execution, signals } = await state.workflows.history(ID);
    assert.equal(execution.outputData, "1");
    assert.deepEqual(
      signals.map(({ status }) => status),
      ["DELIVERED", "EXPIRED"],
    );
  });

  test("after a signal was taken: it does not wait again", async (context) => {
    const done = row(0, "COMPLETED", { stepName: "go", outputData: '{"by":"ann"}' });
    const state = await left(context, { checkpoints: [done] });
    assert.equal(await recovered(context, state, (work) => work.waitSignal("go")), 0);
    assert.equal((await state.workflows.loadExecution(ID))?.outputData, '{"by":"ann"}');
  });

  test("before the first step, PENDING or RUNNING: it runs from its start", async (context) => {
    for (const to of ["PENDING", "RUNNING"] as const) {
      const state = await left(context, { to });
      await recovered(context, state, (work) => work.step("step", () => to));
      assert.equal((await state.workflows.loadExecution(ID))?.outputData, JSON.stringify(to));
    }
  });

  test("amid compensation: only what was not taken back is", async (context) => {
    const checkpoints = [
      ...[0, 1].map((at) =>
        row(at, "COMPLETED", { outputData: String(at), compensateRef: "step" }),
      ),
      row(1, "COMPENSATED", {
        attempt: 0,
        stepName: "step:compensate",
        inputData: '{"attempt":1}',
      }),
    ];
    const patch = { errorMessage: "no" };
    const state = await left(context, { to: "COMPENSATING", patch, checkpoints });
    const undone: number[] = [];
    await recovered(context, state, async (work) => {
      for (let at = 0; at < 3; at += 1) {
        const act = (): number => assert.fail("ran again");
        await work.step("step", act, { compensate: (value) => undone.push(value) });
      }
    });
    assert.deepEqual(undone, [0]);
    const now = await state.workflows.loadExecution(ID);
    assert.deepEqual([now?.status, now?.errorMessage], ["FAILED", "no"]);
  });
});
