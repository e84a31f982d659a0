/** Ends that come while something is under way: nothing new begins, and what was done counts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WorkflowBody } from "flowstore";
import { refused } from "../features/support.ts";
import { LEASE_MS, make, reached } from "./engine-support.ts";

/** An action that lasts until it is let go. */
class Held {
  begun = 0;
  #go: () => void = () => undefined;
  readonly #gone = new Promise<void>((done) => (this.#go = done));
  readonly act = async (): Promise<number> => {
    this.begun += 1;
    await this.#gone;
    return 7;
  };
  letGo(): void {
    this.#go();
  }
  async hasBegun(): Promise<void> {
    while (this.begun === 0) await nextTurn();
  }
}

describe("cancelled while a step runs", () => {
  test("no later step begins, what was done is taken back, and it ends CANCELLED", async (context) => {
    const { store, engine } = await make(context);
    const held = new Held();
    const undone: string[] = [];
    let later = 0;
    const body: WorkflowBody = async (work) => {
      await work.step("pay", () => 1, { compensate: () => undone.push("pay") });
      await work.step("hold", held.act);
      await work.step("later", () => (later += 1));
      return "done";
    };
    const made = engine({ order: body });
    const running = made.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await held.hasBegun();
    assert.equal((await made.cancel("o")).status, "COMPENSATING");
    held.letGo();
    await refused("ABORTED", running);
    assert.deepEqual([later, undone], [0, ["pay"]]);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
  });

  test("what the step did meanwhile is taken back, too; also when it is the last", async (context) => {
    const { store, engine } = await make(context);
    const held = new Held();
    const undone: number[] = [];
    const body: WorkflowBody = (work) =>
      work.step("pay", held.act, { compensate: (one) => undone.push(one) });
    const made = engine({ order: body });
    const running = made.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await held.hasBegun();
    assert.equal((await made.cancel("o")).status, "COMPENSATING");
    held.letGo();
    await refused("ABORTED", running);
    assert.deepEqual(undone, [7]);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
  });

  test("in another branch, too, while one waits", async (context) => {
    const { store, engine } = await make(context);
    const held = new Held();
    const undone: number[] = [];
    const body: WorkflowBody = (work) =>
      Promise.all([
        work.waitSignal("never"),
        work.step("pay", held.act, { compensate: (one) => undone.push(one) }),
      ]);
    const made = engine({ order: body });
    const running = made.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await held.hasBegun();
    await reached(store, "o", "SUSPENDED");
    await made.cancel("o");
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    assert.equal((await store.workflows.loadExecution("o"))?.status, "COMPENSATING");
    held.letGo();
    await refused("ABORTED", running);
    assert.deepEqual(undone, [7]);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
  });
});

test("disposed of amid two branches: what each is doing is recorded", async (context) => {
  const { store, engine } = await make(context);
  const held = new Held();
  const body: WorkflowBody = async (work) =>
    Promise.all([work.waitSignal("go"), work.step("one", held.act)]);
  const first = engine({ order: body });
  const running = first.run("order", { executionId: "o" });
  running.catch(() => undefined);
  await held.hasBegun();
  await reached(store, "o", "SUSPENDED");
  const disposed = first.dispose();
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  held.letGo();
  await disposed;
  const second = engine({ order: body });
  await second.sendSignal("o", "go", 1);
  assert.deepEqual((await second.resume("o")).result, [1, 7]);
  assert.equal(held.begun, 1);
});

test("cancelled while a try is waited for: there is no other try", async (context) => {
  const { store, engine } = await make(context);
  const undone: string[] = [];
  let tries = 0;
  const fail = (): never => {
    tries += 1;
    throw new Error("no");
  };
  const retry = { type: "fixed", maxAttempts: 9, delayMs: LEASE_MS / 2 } as const;
  const body: WorkflowBody = async (work) => {
    await work.step("one", () => 1, { compensate: () => undone.push("one") });
    await work.step("two", fail, { retry });
  };
  const made = engine({ order: body });
  const running = made.run("order", { executionId: "o" });
  running.catch(() => undefined);
  while ((await store.workflows.loadPendingTimers()).length === 0) await nextTurn();
  await made.cancel("o");
  await refused("ABORTED", running);
  assert.deepEqual([tries, undone], [1, ["one"]]);
  assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
});

describe("one branch fails while another runs", () => {
  test("the other begins no step any more, and what it was doing is taken back", async (context) => {
    const { store, engine } = await make(context);
    const held = new Held();
    const undone: string[] = [];
    const begun: string[] = [];
    const body: WorkflowBody = async (work) => {
      const branch = async (): Promise<void> => {
        await work.step("pay", held.act, { compensate: () => undone.push("pay") });
        await work.step("later", () => begun.push("later"));
      };
      await work.step("first", () => 1, { compensate: () => undone.push("first") });
      const fail = async (): Promise<never> => {
        await held.hasBegun();
        throw new Error("no");
      };
      await Promise.all([branch(), work.step("bad", fail)]);
    };
    const running = engine({ order: body }).run("order", { executionId: "o" });
    running.catch(() => undefined);
    await held.hasBegun();
    while (!(await store.workflows.loadCheckpoints("o")).some(({ status }) => status === "FAILED"))
      await nextTurn();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    held.letGo();
    await assert.rejects(running, /^Error: no$/);
    assert.deepEqual([begun, undone], [[], ["pay", "first"]]);
    const { execution, checkpoints } = await store.workflows.history("o");
    assert.deepEqual([execution.status, execution.errorMessage], ["FAILED", "no"]);
    assert.ok(checkpoints.every(({ stepName }) => stepName !== "later"));
  });

  test("a branch that waits when the body fails waits no more", async (context) => {
    const { store, engine } = await make(context);
    const undone: number[] = [];
    const told: unknown[] = [];
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => 1, { compensate: (one) => undone.push(one) });
      const wait = work.waitSignal("never");
      void wait.catch((error: unknown) => told.push(error));
      const fail = (): never => {
        throw new Error("no");
      };
      await Promise.all([wait, work.step("bad", fail)]);
    };
    const made = engine({ order: body });
    await assert.rejects(made.run("order", { executionId: "o" }), /^Error: no$/);
    assert.deepEqual(undone, [1]);
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    assert.equal(told.length, 1);
    const { execution, timers } = await store.workflows.history("o");
    assert.deepEqual([execution.status, timers], ["FAILED", []]);
  });
});

test("disposed of amid an action: what it did is recorded, and no later step begins", async (context) => {
  const { store, engine } = await make(context);
  const held = new Held();
  let later = 0;
  const body: WorkflowBody = async (work) => {
    const one = await work.step("one", held.act);
    await work.step("later", () => (later += 1));
    return one;
  };
  const first = engine({ order: body });
  const running = first.run("order", { executionId: "o" });
  running.catch(() => undefined);
  await held.hasBegun();
  const disposed = first.dispose();
  held.letGo();
  await disposed;
  await refused("ABORTED", running);
  assert.equal(later, 0);
  const rows = await store.workflows.loadCheckpoints("o");
  assert.deepEqual(
    rows.map(({ status, outputData }) => [status, outputData]),
    [["COMPLETED", "7"]],
  );
  const second = engine({ order: body });
  assert.equal((await second.resume("o")).result, 7);
  assert.deepEqual([held.begun, later], [1, 1]);
});

test("retries without a wait between them end with the time to live", async (context) => {
  const { store, time, engine } = await make(context);
  let tries = 0;
  const act = (): never => {
    tries += 1;
    time.ms += 100;
    throw new Error("no");
  };
  const retry = { type: "fixed", maxAttempts: 1_000, delayMs: 0 } as const;
  const made = engine({ order: (work) => work.step("one", act, { retry }) });
  await refused("TIMEOUT", made.run("order", { executionId: "o", ttlMs: 1_000 }));
  assert.ok(tries <= 11, String(tries));
  assert.equal((await store.workflows.loadExecution("o"))?.status, "FAILED");
});

test("its time to live is as long at every retry", async (context) => {
  const { store, time, engine } = await make(context);
  const made = engine({
    order: () => {
      throw new Error("no");
    },
  });
  await assert.rejects(made.run("order", { executionId: "o", ttlMs: 60_000 }));
  for (let count = 0; count < 3; count += 1) {
    time.ms += 1_000_000;
    const { ttlExpiresAt } = await made.retry("o");
    assert.equal(Date.parse(ttlExpiresAt ?? "") - time.ms, 60_000, String(count));
    await made.recover();
    await made.idle();
    assert.equal((await store.workflows.loadExecution("o"))?.status, "FAILED");
  }
});

test("a signal that came before the end is found when it runs again", async (context) => {
  const { store, engine } = await make(context);
  for (const end of ["FAILED", "CANCELLED"]) {
    let isUp = false;
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => {
        if (!isUp && end === "FAILED") throw new Error("down");
      });
      const first = await work.waitSignal("first");
      return [first, await work.waitSignal("go")];
    };
    const made = engine({ order: body });
    await made.sendSignal(end, "go", 7);
    const running = made.run("order", { executionId: end });
    running.catch(() => undefined);
    if (end === "CANCELLED") {
      await reached(store, end, "SUSPENDED");
      await made.cancel(end);
    }
    await assert.rejects(running);
    assert.deepEqual(await store.workflows.loadPendingSignals(end), []);
    isUp = true;
    await made.retry(end);
    await made.sendSignal(end, "first", 1);
    assert.deepEqual((await made.resume(end)).result, [1, 7]);
    const { signals } = await store.workflows.history(end);
    assert.deepEqual(
      signals.map(({ signalName, status }) => [signalName, status]),
      [
        ["go", "DELIVERED"],
        ["first", "DELIVERED"],
      ],
    );
  }
});

test("ids of signals stay numbers that every reader can tell apart", async (context) => {
  const { store } = await make(context);
  const workflows = store.workflows.withoutReferenceChecks();
  const sent = { workflowExecutionId: "o", signalName: "go", createdAt: "2026-01-01T00:00:00Z" };
  await refused(
    "BAD_REQUEST",
    workflows.saveSignal({ ...sent, workflowSignalId: Number.MAX_SAFE_INTEGER }),
  );
  await workflows.saveSignal(sent);
  assert.equal((await workflows.loadPendingSignals("o")).length, 1);
});
