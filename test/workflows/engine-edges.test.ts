/** What bodies may do that nobody expects of them, and what must not come of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EngineWarning, StepOptions, WorkflowBody, WorkflowContext } from "flowstore";
import { refused } from "../features/support.ts";
import { make, reached } from "./engine-support.ts";
import { atEnd } from "../at-end.ts";

describe("what bodies throw and return", () => {
  test("odd values: FAILED with words, and the value itself to the caller", async (context) => {
    const { store, engine } = await make(context);
    const hostile = {
      toString: () => {
        throw new Error("no words");
      },
    };
    const odd = [undefined, null, 0, "text", Symbol("s"), { a: 1 }, hostile, Object.create(null)];
    for (const [at, value] of odd.entries()) {
      const made = engine({
        order: () => {
          throw value;
        },
      });
      const id = `o-${at}`;
      await assert.rejects(made.run("order", { executionId: id }), (error) => error === value);
      const now = await store.workflows.loadExecution(id);
      assert.equal(now?.status, "FAILED", id);
      assert.equal(typeof now?.errorMessage, "string", id);
    }
    const format = (): never => {
      throw new Error("no format");
    };
    const made = engine({ order: () => Promise.reject(new Error("e")) }, { formatError: format });
    await assert.rejects(made.run("order", { executionId: "f" }));
    assert.equal((await store.workflows.loadExecution("f"))?.errorMessage, "e");
  });

  test("a result that JSON cannot say fails, once, and is not done again", async (context) => {
    const { store, engine } = await make(context);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const retry = { type: "fixed", maxAttempts: 3, delayMs: 1 } as const;
    for (const [at, value] of [1n, circle, () => 1, Symbol("s")].entries()) {
      let runs = 0;
      const act = (): unknown => {
        runs += 1;
        return value;
      };
      const id = `s-${at}`;
      const made = engine({
        order: (work) => work.step("odd", act, { retry }),
        whole: () => value,
      });
      await refused("BAD_REQUEST", made.run("order", { executionId: id }));
      assert.equal(runs, 1);
      const { execution, checkpoints } = await store.workflows.history(id);
      assert.deepEqual(
        [execution.status, checkpoints.map(({ status }) => status)],
        ["FAILED", ["FAILED"]],
      );
      await refused("BAD_REQUEST", made.run("whole", { executionId: `w-${at}` }));
      assert.equal((await store.workflows.loadExecution(`w-${at}`))?.status, "FAILED");
      await refused("BAD_REQUEST", made.run("order", { input: value, executionId: `i-${at}` }));
      assert.equal(await store.workflows.loadExecution(`i-${at}`), null);
    }
  });

  test("a result is the same the first time as when it is given again", async (context) => {
    const { store, engine } = await make(context);
    const seen: unknown[] = [];
    const dates: StepOptions<Date> = {
      serialize: (date) => date.toISOString(),
      deserialize: (text) => new Date(text),
    };
    const body: WorkflowBody = async (work) => {
      const plain = await work.step("plain", () => ({ at: new Date(0), none: undefined }));
      const date = await work.step("date", () => new Date(7), dates);
      seen.push([plain, date, await work.step("nothing", () => undefined)]);
      await work.waitSignal("go");
    };
    const first = engine({ order: body });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await reached(store, "o", "SUSPENDED");
    await first.dispose();
    const second = engine({ order: body });
    await second.sendSignal("o", "go");
    const { result } = await second.resume("o");
    assert.deepEqual(seen[0], [{ at: "1970-01-01T00:00:00.000Z" }, new Date(7), null]);
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual([result, (await second.resume("o")).result], [null, null]);
  });

  test("a step that nobody waits for ends no process, and records nothing after the end", async (context) => {
    const { store, engine } = await make(context);
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): unknown => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    atEnd(context, () => process.off("unhandledRejection", listen));
    let kept: WorkflowContext | null = null;
    let release = (): void => undefined;
    const open = new Promise<void>((done) => (release = done));
    const body: WorkflowBody = async (work) => {
      kept = work;
      void work.step("floating", async () => open);
      void work.step("failing", () => Promise.reject(new Error("unheeded")));
      void work.sleep("nap", 10_000_000);
      await work.step("last", () => 1);
    };
    await engine({ order: body }).run("order", { executionId: "o" });
    release();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    const late = kept as unknown as WorkflowContext;
    for (const call of [late.step("late", () => 1), late.sleep("late", 1), late.waitSignal("late")])
      await refused("ABORTED", call);
    const { execution, checkpoints, timers } = await store.workflows.history("o");
    assert.equal(execution.status, "COMPLETED");
    assert.ok(checkpoints.every(({ stepName }) => stepName !== "late"));
    assert.equal(checkpoints.find(({ stepName }) => stepName === "floating")?.status, "INTENT");
    assert.ok(timers.every(({ status }) => status !== "PENDING"));
    assert.deepEqual(unhandled, []);
  });

  test("what a listener throws is not heard", async (context) => {
    const { engine } = await make(context);
    const onWarning = (): never => {
      throw new Error("a listener's own");
    };
    const compensate = (): never => {
      throw new Error("cannot undo");
    };
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => 1, { compensate });
      throw new Error("no");
    };
    await assert.rejects(engine({ order: body }, { onWarning }).run("order"), /^Error: no$/);
  });
});

describe("waits", () => {
  test("bad lengths are refused, far ones end with the year 9999, none for ever", async (context) => {
    const { store, engine } = await make(context);
    const bad: unknown[] = [-1, Number.NaN, "1", null];
    const body: WorkflowBody = async (work) => {
      for (const ms of bad) {
        await refused("BAD_REQUEST", work.sleep("bad", ms as number));
        await refused("BAD_REQUEST", work.waitSignal("bad", { timeoutMs: ms as number }));
      }
      await work.waitSignal("go", { timeoutMs: 1e300 });
      await Promise.race([work.sleep("far", Number.MAX_VALUE), work.waitSignal("on")]);
    };
    const made = engine({ order: body });
    const running = made.run("order", { executionId: "o" });
    await reached(store, "o", "SUSPENDED");
    const [timer] = await store.workflows.loadPendingTimers();
    assert.equal(timer?.fireAt, "9999-12-31T23:59:59.999Z");
    await made.sendSignal("o", "on");
    await made.sendSignal("o", "go");
    await running;
    assert.deepEqual(await store.workflows.loadPendingTimers(), []);
    for (const ttlMs of [-1, Number.NaN, Number.MAX_VALUE])
      await refused("BAD_REQUEST", made.run("order", { ttlMs }));
  });

  test("two waits of one name: each signal wakes one", async (context) => {
    const { store, engine } = await make(context);
    const body: WorkflowBody = async (work) => {
      const both = await Promise.all([work.waitSignal("go"), work.waitSignal("go")]);
      return both.map(String).toSorted((left, right) => left.localeCompare(right));
    };
    const made = engine({ order: body });
    const running = made.run("order", { executionId: "o" });
    await reached(store, "o", "SUSPENDED");
    await made.sendSignal("o", "go", 1);
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    const rows = await store.workflows.loadCheckpoints("o");
    assert.equal(rows.filter(({ status }) => status === "COMPLETED").length, 1);
    assert.equal((await store.workflows.loadExecution("o"))?.status, "SUSPENDED");
    await made.sendSignal("o", "go", 2);
    assert.deepEqual((await running).result, ["1", "2"]);
  });
});

describe("ends", () => {
  test("cancelled while it takes back: it goes on with that, and ends FAILED", async (context) => {
    const { store, engine } = await make(context);
    const statuses: unknown[] = [];
    const body: WorkflowBody = async (work) => {
      const compensate = async (): Promise<void> => {
        statuses.push((await made.cancel("o")).status);
      };
      await work.step("one", () => 1, { compensate });
      await work.step("two", () => 2, { compensate });
      throw new Error("no");
    };
    const made = engine({ order: body });
    await assert.rejects(made.run("order", { executionId: "o" }), /^Error: no$/);
    assert.deepEqual(statuses, ["COMPENSATING", "COMPENSATING"]);
    const now = await store.workflows.loadExecution("o");
    assert.deepEqual([now?.status, now?.errorMessage], ["FAILED", "no"]);
  });

  test("disposed of amid an action: it is waited for, its lease is given back, another goes on", async (context) => {
    const { store, engine } = await make(context);
    let release = (): void => undefined;
    const open = new Promise<void>((done) => (release = done));
    let runs = 0;
    const body: WorkflowBody = (work) =>
      work.step("one", async () => {
        runs += 1;
        if (runs === 1) await open;
        return runs;
      });
    const first = engine({ order: body });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    while (runs === 0) await nextTurn();
    const disposed = first.dispose();
    const second = engine({ order: body });
    assert.deepEqual((await second.recover()).held, ["o"]);
    release();
    await disposed;
    await refused("ABORTED", running);
    assert.deepEqual((await second.recover()).resumed, ["o"]);
    await second.idle();
    // What the action did before its engine was gone is recorded, and is not done again.
    assert.equal((await store.workflows.loadExecution("o"))?.outputData, "1");
  });

  test("retry: the step that failed has its tries again, the others keep their results", async (context) => {
    const { store, engine } = await make(context);
    const done: string[] = [];
    let isUp = false;
    const body: WorkflowBody = async (work) => {
      await work.step("one", () => done.push("one"));
      const retry = { type: "fixed", maxAttempts: 2, delayMs: 1 } as const;
      const act = ({ attempt }: { attempt: number }): number => {
        done.push(`two ${attempt}`);
        if (!isUp) throw new Error("down");
        return attempt;
      };
      return work.step("two", act, { retry });
    };
    const made = engine({ order: body }, { maxClaims: 1 });
    await assert.rejects(made.run("order", { executionId: "o", ttlMs: 60_000 }), /down/);
    const before = await store.workflows.loadExecution("o");
    isUp = true;
    const again = await made.retry("o");
    assert.deepEqual([again.status, again.errorMessage], ["PENDING", null]);
    assert.ok(Date.parse(again.ttlExpiresAt ?? "") > Date.parse(before?.ttlExpiresAt ?? ""));
    assert.deepEqual((await made.recover()).resumed, ["o"]);
    await made.idle();
    // The third attempt is the one by which the retry was asked for.
    assert.deepEqual(done, ["one", "two 1", "two 2", "two 4"]);
    assert.equal((await store.workflows.loadExecution("o"))?.outputData, "4");
    await refused("CONFLICT", made.retry("o"));
    await refused("NOT_FOUND", made.retry("none"));
  });

  test("many at once, and all of them recovered", async (context) => {
    const { store, engine } = await make(context);
    const count = Number(process.env["FLOWSTORE_WORKFLOWS"] ?? 100);
    const warnings: EngineWarning[] = [];
    const body: WorkflowBody = async (work, input) => {
      await work.step("one", () => input);
      return work.waitSignal("go");
    };
    const first = engine({ order: body }, { onWarning: (one) => warnings.push(one) });
    const ids = Array.from({ length: count }, (_, at) => `e-${at}`);
    const runs = ids.map((executionId) => first.run("order", { executionId, input: executionId }));
    const ends = Promise.allSettled(runs);
    while ((await store.workflows.countExecutions()).SUSPENDED < count) await nextTurn();
    await first.dispose();
    assert.ok((await ends).every(({ status }) => status === "rejected"));
    const second = engine({ order: body }, { onWarning: (one) => warnings.push(one) });
    assert.equal((await second.recover()).resumed.length, count);
    await Promise.all(ids.map((id) => second.sendSignal(id, "go", id)));
    await second.idle();
    const over = await store.workflows.loadExecutionsByStatus(["COMPLETED"]);
    const results = over.map(({ workflowExecutionId, outputData }) => [
      workflowExecutionId,
      outputData,
    ]);
    assert.deepEqual(
      new Map(results as [string, string][]),
      new Map(ids.map((id) => [id, JSON.stringify(id)])),
    );
    assert.deepEqual(warnings, []);
  });
});
