/** The engine in one process: what a body does is remembered, whatever happens between. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EngineWarning, WorkflowBody } from "flowstore";
import { refused, reopen } from "../features/support.ts";
import { LEASE_MS, make, reached } from "./engine-support.ts";

describe("running", () => {
  test("result, input, status and one row a step are stored (D1, D6)", async (context) => {
    const { store, engine } = await make(context);
    const seen: unknown[] = [];
    const body: WorkflowBody = async (work, input) => {
      seen.push(work.executionId, input);
      const one = await work.step("one", () => ({ a: 1 }));
      const status = (await store.workflows.loadExecution(work.executionId))?.status;
      const none = await work.step("none", () => null);
      return { one, none, status };
    };
    const { executionId, result } = await engine({ order: body }).run("order", { input: [7] });
    assert.deepEqual(result, { one: { a: 1 }, none: null, status: "RUNNING" });
    assert.deepEqual(seen, [executionId, [7]]);
    const { execution, checkpoints, workflow } = await store.workflows.history(executionId);
    assert.deepEqual(
      [execution.status, execution.outputData, execution.currentStep, execution.inputData],
      ["COMPLETED", JSON.stringify(result), 1, "[7]"],
    );
    assert.deepEqual(
      checkpoints.map(({ stepName, status, outputData }) => [stepName, status, outputData]),
      [
        ["one", "COMPLETED", '{"a":1}'],
        ["none", "COMPLETED", null],
      ],
    );
    assert.equal(workflow?.workflowType, "order");
    assert.deepEqual(await store.check(), []);
  });

  test("an id is begun once; a finished one gives its result (D15)", async (context) => {
    const { engine } = await make(context);
    let runs = 0;
    const made = engine({ order: () => (runs += 1), other: () => 0 });
    const first = await made.run("order", { executionId: "o-1" });
    assert.deepEqual(await made.run("order", { executionId: "o-1" }), first);
    assert.equal(runs, 1);
    await refused("CONFLICT", made.run("other", { executionId: "o-1" }));
    await refused("BAD_REQUEST", made.run("unknown"));
    for (const name of ["", " ", " a", "a\n", "x".repeat(257)])
      await refused("BAD_REQUEST", made.run("order", { executionId: name }));
    await refused("NOT_FOUND", made.resume("none"));
  });

  test("a body that fails: FAILED with its words, and the error goes to the caller", async (context) => {
    const { store, engine } = await make(context);
    const made = engine({ order: () => Promise.reject(new Error("no stock")) });
    await assert.rejects(made.run("order", { executionId: "o" }), /^Error: no stock$/);
    const now = await store.workflows.loadExecution("o");
    assert.deepEqual([now?.status, now?.errorMessage], ["FAILED", "no stock"]);
    await refused("CONFLICT", made.resume("o"));
  });
});

describe("retries", () => {
  test("attempts are rows of their own, in exponential steps (D5)", async (context) => {
    const { store, time, engine } = await make(context);
    const at: number[] = [];
    const attempts: number[] = [];
    const body: WorkflowBody = (work) =>
      work.step(
        "flaky",
        ({ attempt }) => {
          at.push(time.ms);
          attempts.push(attempt);
          if (attempt < 4) throw new Error(`no ${attempt}`);
          return "yes";
        },
        { retry: { type: "exponential", maxAttempts: 4, initialDelayMs: 1_000 } },
      );
    const { result } = await engine({ order: body }).run("order", { executionId: "o" });
    assert.equal(result, "yes");
    assert.deepEqual(attempts, [1, 2, 3, 4]);
    const gaps = at.slice(1).map((ms, index) => Math.round((ms - (at[index] ?? 0)) / 100) / 10);
    assert.deepEqual(gaps, [1, 2, 4]);
    const rows = await store.workflows.loadCheckpoints("o");
    assert.deepEqual(
      rows.map(({ attempt, status, errorMessage }) => [attempt, status, errorMessage]),
      [
        [1, "FAILED", "no 1"],
        [2, "FAILED", "no 2"],
        [3, "FAILED", "no 3"],
        [4, "COMPLETED", null],
      ],
    );
    assert.deepEqual(await store.workflows.loadPendingTimers(), []);
  });

  test("no try left: the last error; a body that goes on is replayed the same", async (context) => {
    const { engine } = await make(context);
    let tries = 0;
    const body: WorkflowBody = async (work) => {
      const retry = { type: "fixed", maxAttempts: 2, delayMs: 10 } as const;
      const fail = (): never => {
        tries += 1;
        throw new Error(`no ${tries}`);
      };
      const caught = await work.step("bad", fail, { retry }).catch((error: Error) => error.message);
      await work.sleep("nap", 1_000);
      return caught;
    };
    const first = engine({ order: body });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    assert.equal((await running).result, "no 2");
    assert.equal(tries, 2);
  });
});

describe("sleeps and signals", () => {
  test("a sleep is a step: SUSPENDED, then FIRED, and never again (D2)", async (context) => {
    const { store, time, engine } = await make(context);
    const begun = time.ms;
    const during: unknown[] = [];
    const body: WorkflowBody = async (work) => {
      await work.sleep("a", 500);
      during.push((await store.workflows.loadExecution("o"))?.status);
      await work.sleep("b", 700);
      return time.ms - begun;
    };
    const { result } = await engine({ order: body }).run("order", { executionId: "o" });
    assert.ok((result as number) >= 1_200);
    assert.deepEqual(during, ["RUNNING"]);
    const { timers, checkpoints } = await store.workflows.history("o");
    assert.deepEqual(
      timers.map(({ status }) => status),
      ["FIRED", "FIRED"],
    );
    assert.deepEqual(
      checkpoints.map(({ status }) => status),
      ["COMPLETED", "COMPLETED"],
    );
  });

  test("signals sent before the execution, one wait each, none lost (D3, D4)", async (context) => {
    const { store, engine } = await make(context);
    const body: WorkflowBody = async (work) => {
      const got: unknown[] = [];
      for (let at = 0; at < 3; at += 1) got.push(await work.waitSignal("item"));
      return got;
    };
    const made = engine({ order: body });
    await made.sendSignal("o", "item", { n: 1 });
    await made.sendSignal("o", "item");
    await made.sendSignal("o", "other", 9);
    const running = made.run("order", { executionId: "o" });
    await reached(store, "o", "SUSPENDED");
    await made.sendSignal("o", "item", 3);
    assert.deepEqual((await running).result, [{ n: 1 }, null, 3]);
    const { signals } = await store.workflows.history("o");
    const status = signals.map((one) => [one.signalName, one.status]);
    assert.deepEqual(status, [
      ["item", "DELIVERED"],
      ["item", "DELIVERED"],
      ["other", "EXPIRED"],
      ["item", "DELIVERED"],
    ]);
  });

  test("a wait that times out does so at every run", async (context) => {
    const { store, engine } = await make(context);
    const body: WorkflowBody = async (work) => {
      const error = await work.waitSignal("go", { timeoutMs: 300 }).catch((one: Error) => one);
      return (error as Error).message;
    };
    const { result } = await engine({ order: body }).run("order", { executionId: "o" });
    assert.match(String(result), /No signal came in time/);
    assert.deepEqual(await store.workflows.loadPendingTimers(), []);
  });

  test("one stops amid a wait and another engine goes on: nothing runs twice (D2, D7, D8)", async (context) => {
    const { store, time, engine } = await make(context);
    const done: string[] = [];
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => done.push("one"));
      await work.sleep("nap", 100);
      const by = await work.waitSignal("go");
      await work.step("two", () => done.push("two"));
      return by;
    };
    const first = engine({ order: body });
    const runs = ["a", "b", "c"].map((id) => first.run("order", { executionId: id }));
    const ends = Promise.allSettled(runs);
    for (const id of ["a", "b", "c"])
      while ((await store.workflows.loadCheckpoints(id)).length < 3)
        await time.sleep(1, AbortSignal.abort());
    await first.dispose();
    assert.ok((await ends).every(({ status }) => status === "rejected"));
    await refused("CLOSED", first.run("order"));
    const second = engine({ order: body });
    const report = await second.recover();
    assert.deepEqual(report.resumed.toSorted(), ["a", "b", "c"]);
    assert.deepEqual((await second.recover()).held.toSorted(), ["a", "b", "c"]);
    assert.deepEqual((await engine({ order: body }).recover()).held.toSorted(), ["a", "b", "c"]);
    for (const id of ["c", "a", "b"]) await second.sendSignal(id, "go", id);
    await second.idle();
    for (const id of ["a", "b", "c"])
      assert.equal((await store.workflows.loadExecution(id))?.outputData, JSON.stringify(id));
    assert.equal(done.filter((one) => one === "one").length, 3);
    assert.equal(done.filter((one) => one === "two").length, 3);
  });
});

describe("compensation", () => {
  const saga =
    (undone: unknown[], last: (work: Parameters<WorkflowBody>[0]) => unknown): WorkflowBody =>
    async (work) => {
      for (const at of [1, 2, 3]) {
        const compensate = (result: number): void => {
          undone.push(result);
          if (result === 2) throw new Error("cannot undo");
        };
        await work.step("same name", () => at, { compensate });
      }
      return last(work);
    };

  test("in reverse, each step by itself though names are equal; one that fails stops none (D13)", async (context) => {
    const { store, engine } = await make(context);
    const undone: unknown[] = [];
    const warnings: EngineWarning[] = [];
    const onWarning = (one: EngineWarning): unknown => warnings.push(one);
    const last = (): never => {
      throw new Error("no");
    };
    const made = engine({ order: saga(undone, last) }, { onWarning });
    await assert.rejects(made.run("order", { executionId: "o" }), /^Error: no$/);
    assert.deepEqual(undone, [3, 2, 1]);
    assert.deepEqual(
      warnings.map(({ kind }) => kind),
      ["compensation-failed"],
    );
    const { execution, checkpoints } = await store.workflows.history("o");
    assert.deepEqual([execution.status, execution.errorMessage], ["FAILED", "no"]);
    const rows = checkpoints.filter(({ attempt }) => attempt === 0);
    assert.deepEqual(
      rows.map(({ stepIndex, stepName, status }) => [stepIndex, stepName, status]),
      [
        [0, "same name:compensate", "COMPENSATED"],
        [1, "same name:compensate", "FAILED"],
        [2, "same name:compensate", "COMPENSATED"],
      ],
    );
  });

  test("cancelling takes back what was done, and ends CANCELLED (D10, D13)", async (context) => {
    const { store, engine } = await make(context);
    const undone: unknown[] = [];
    const made = engine({ order: saga(undone, (work) => work.waitSignal("never")) });
    const running = made.run("order", { executionId: "o" });
    await reached(store, "o", "SUSPENDED");
    assert.equal((await made.cancel("o")).status, "COMPENSATING");
    await refused("ABORTED", running);
    assert.deepEqual(undone, [3, 2, 1]);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
    assert.equal((await made.cancel("o")).status, "CANCELLED");
    await refused("NOT_FOUND", made.cancel("none"));
  });

  test("COMPENSATING is recovered, and what was taken back is not again (D7)", async (context) => {
    const { store, engine } = await make(context);
    const undone: unknown[] = [];
    const body = saga(undone, (work) => work.waitSignal("never"));
    const first = engine({ order: body });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await reached(store, "o", "SUSPENDED");
    await first.dispose();
    const row = {
      workflowExecutionId: "o",
      stepIndex: 2,
      stepName: "same name:compensate",
      attempt: 0,
    };
    await store.workflows.advance("o", {
      to: "COMPENSATING",
      patch: { errorMessage: "no" },
      checkpoints: [{ ...row, status: "COMPENSATED" }],
    });
    const second = engine({ order: body });
    assert.deepEqual((await second.recover()).resumed, ["o"]);
    await second.idle();
    assert.deepEqual(undone, [2, 1]);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "FAILED");
  });
});

describe("what ends an execution from outside", () => {
  test("cancelled amid its last step it stays CANCELLED (D10)", async (context) => {
    const { store, engine } = await make(context);
    const made = engine({
      order: (work) => work.step("last", () => made.cancel("o").then(() => 1)),
    });
    await refused("ABORTED", made.run("order", { executionId: "o" }));
    const { execution, checkpoints } = await store.workflows.history("o");
    assert.equal(execution.status, "CANCELLED");
    assert.deepEqual(
      checkpoints.map(({ status }) => status),
      ["INTENT"],
    );
  });

  test("its time to live, while it runs and when it is recovered (D16)", async (context) => {
    const { store, time, engine } = await make(context);
    const undone: number[] = [];
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => 1, { compensate: (one) => undone.push(one) });
      await work.waitSignal("never");
    };
    const first = engine({ order: body });
    await refused("TIMEOUT", first.run("order", { executionId: "o", ttlMs: 1_000 }));
    assert.equal((await store.workflows.loadExecution("o"))?.status, "FAILED");
    const running = first.run("order", { executionId: "p", ttlMs: 1_000_000_000 });
    running.catch(() => undefined);
    await reached(store, "p", "SUSPENDED");
    await first.dispose();
    time.ms += 1_000_000_000;
    const second = engine({ order: body });
    assert.deepEqual((await second.recover()).expired, ["p"]);
    await second.idle();
    const then = await store.workflows.loadExecution("p");
    assert.equal(then?.status, "FAILED");
    assert.match(then?.errorMessage ?? "", /^Workflow TTL expired/);
    assert.deepEqual(undone, [1, 1]);
  });

  test("a type without a body, and too many claims, fail with a telling text", async (context) => {
    const { store, time, engine } = await make(context);
    const at = "2026-03-01T00:00:00.000Z";
    const record = {
      workflowExecutionId: "o",
      workflowId: "wf-gone",
      createdAt: at,
      updatedAt: at,
    };
    const workflow = { workflowId: "wf-gone", workflowType: "gone", createdAt: at };
    await store.workflows.createIfAbsent(record, { workflow });
    assert.deepEqual((await engine({}).recover()).failed, ["o"]);
    assert.match(
      (await store.workflows.loadExecution("o"))?.errorMessage ?? "",
      /gone is not registered/,
    );
    await store.workflows.createIfAbsent({ ...record, workflowExecutionId: "p" }, { workflow });
    for (let count = 0; count < 3; count += 1) {
      await store.workflows.claimExecution("p", { owner: "x", leaseMs: 1_000 });
      time.ms += 1_000; // whoever ran it is dead
    }
    const made = engine({ gone: () => 1 }, { maxClaims: 3 });
    assert.deepEqual((await made.recover()).failed, ["p"]);
  });

  test("a replay whose steps have other names warns or fails, as chosen", async (context) => {
    const { store, engine } = await make(context);
    const bodyOf =
      (name: string): WorkflowBody =>
      async (work) => {
        const one = await work.step(name, () => name);
        await work.waitSignal("go");
        return one;
      };
    const first = engine({ order: bodyOf("old") });
    const runs = ["o", "p"].map((id) => first.run("order", { executionId: id }));
    const ends = Promise.allSettled(runs);
    for (const id of ["o", "p"]) await reached(store, id, "SUSPENDED");
    await first.dispose();
    await ends;
    const warnings: EngineWarning[] = [];
    const warned = engine({ order: bodyOf("new") }, { onWarning: (one) => warnings.push(one) });
    await warned.sendSignal("o", "go");
    assert.equal((await warned.resume("o")).result, "old");
    assert.deepEqual(
      warnings.map(({ kind }) => kind),
      ["step-name-mismatch"],
    );
    const strict = engine({ order: bodyOf("new") }, { onStepNameMismatch: "fail" });
    await refused("CONFLICT", strict.resume("p"));
    assert.equal((await store.workflows.loadExecution("p"))?.status, "FAILED");
  });
});

describe("two engines", () => {
  test("one whose lease was taken records nothing more (D9)", async (context) => {
    const { store, time, engine } = await make(context);
    const other = (await reopen(context, store, { clock: time.clock })).workflows;
    let runs = 0;
    const body: WorkflowBody = async (work) => {
      await work.step("first", async () => {
        runs += 1;
        if (runs > 1) return;
        time.ms += LEASE_MS + 1;
        await other.claimExecution("o", { owner: "thief", leaseMs: LEASE_MS });
      });
      return work.step("second", () => (runs += 10));
    };
    await refused("ABORTED", engine({ order: body }).run("order", { executionId: "o" }));
    assert.equal(runs, 1);
    const { execution, checkpoints, lease } = await store.workflows.history("o");
    assert.deepEqual(
      checkpoints.map(({ status }) => status),
      ["INTENT"],
    );
    assert.deepEqual([execution.status, lease?.owner], ["RUNNING", "thief"]);
  });

  test("a new execution that another engine's recover takes first: its result is given", async (context) => {
    const { store, engine } = await make(context);
    const { workflows } = store;
    const body: WorkflowBody = () => "done";
    const other = engine({ order: body });
    const spied = new Proxy(workflows, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const result: unknown = await Reflect.apply(value, target, args);
          if (name === "createIfAbsent") assert.deepEqual((await other.recover()).resumed, ["o"]);
          return result;
        };
      },
    });
    const made = engine({ order: () => assert.fail("ran here") }, { store: spied });
    assert.equal((await made.run("order", { executionId: "o" })).result, "done");
  });

  test("observe: the state now, then each change, to the end", async (context) => {
    const { store, engine } = await make(context);
    const made = engine({ order: (work) => work.waitSignal("go") });
    const running = made.run("order", { executionId: "o" });
    await reached(store, "o", "SUSPENDED");
    const seen: string[] = [];
    for await (const { status } of made.observe("o")) {
      seen.push(status);
      if (status === "SUSPENDED") await made.sendSignal("o", "go", 1);
    }
    assert.deepEqual([seen[0], seen.at(-1)], ["SUSPENDED", "COMPLETED"]);
    assert.equal((await running).result, 1);
    for await (const one of made.observe("none")) assert.fail(JSON.stringify(one));
  });
});
