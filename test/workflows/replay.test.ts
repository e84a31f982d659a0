/** A body that runs again finds what it found before, whatever it does side by side. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EngineWarning, WorkflowBody, WorkflowContext } from "flowstore";
import { refused } from "../features/support.ts";
import { make, reached, type Made } from "./engine-support.ts";
import { AT } from "./support.ts";

/** Runs a body to its wait for `go`, then in another engine to its end. @returns what it came to. */
async function twice(
  { store, engine }: Made,
  first: WorkflowBody,
  then: WorkflowBody = first,
): Promise<{ result: unknown; warnings: EngineWarning[] }> {
  const stopped = engine({ order: first });
  const running = stopped.run("order", { executionId: "o" });
  running.catch(() => undefined);
  await waitsFor(store, "go");
  await stopped.dispose();
  const warnings: EngineWarning[] = [];
  const second = engine({ order: then }, { onWarning: (one) => warnings.push(one) });
  await second.sendSignal("o", "go");
  return { result: (await second.resume("o")).result, warnings };
}

async function waitsFor(store: Made["store"], stepName: string): Promise<void> {
  for await (const rows of store.workflows.watchCheckpoints("o"))
    if (rows.some((row) => row.stepName === stepName && row.status === "INTENT")) return;
}

describe("side by side", () => {
  test("what won a race wins it again", async (context) => {
    const made = await make(context);
    let isFirst = true;
    const body: WorkflowBody = async (work) => {
      const winner = await Promise.race([
        work.sleep("late", 1_000),
        work.step("early", () => "early").then(async (value) => Promise.resolve(value)),
      ]);
      if (isFirst) assert.equal(winner, "early");
      isFirst = false;
      // Meanwhile the other one ends, too.
      await work.sleep("nap", 5_000);
      await work.waitSignal("go");
      return winner;
    };
    assert.equal((await twice(made, body)).result, "early");
  });

  test("branches of several steps: each step gets its own result again", async (context) => {
    const made = await make(context);
    const open = new Map<string, () => void>();
    const gate = async (name: string): Promise<void> =>
      new Promise((done) => void open.set(name, done));
    const branch = async (work: WorkflowContext, name: string): Promise<unknown[]> => {
      const results = [];
      for (const at of [1, 2]) {
        const act = async (): Promise<string> => {
          await gate(`${name}${at}`);
          return `${name}${at}`;
        };
        results.push(await work.step(`${name}${at}`, act));
      }
      return results;
    };
    const body: WorkflowBody = async (work) => {
      const all = await Promise.all([branch(work, "a"), branch(work, "b"), branch(work, "c")]);
      await work.waitSignal("go");
      return all;
    };
    const opened = (async () => {
      for (const name of ["c1", "b1", "c2", "a1", "a2", "b2"]) {
        while (!open.has(name)) await nextTurn();
        open.get(name)?.();
        for (let isDone = false; !isDone; await nextTurn()) {
          const rows = await made.store.workflows.loadCheckpoints("o");
          isDone = rows.some((row) => row.stepName === name && row.status === "COMPLETED");
        }
      }
    })();
    const { result, warnings } = await twice(made, body);
    await opened;
    assert.deepEqual(result, [
      ["a1", "a2"],
      ["b1", "b2"],
      ["c1", "c2"],
    ]);
    assert.deepEqual(warnings, []);
  });

  test("a replay waits for nothing else that the process does", async (context) => {
    const made = await make(context);
    let isOver = false;
    let turns = 0;
    void (async () => {
      for (; !isOver; await nextTurn()) turns += 1;
    })();
    const passed: number[] = [];
    const body: WorkflowBody = async (work) => {
      const before = turns;
      for (let at = 0; at < 50; at += 1) await work.step("one", () => at);
      passed.push(turns - before);
      await work.waitSignal("go");
    };
    await twice(made, body);
    isOver = true;
    assert.ok(turns > 0 && passed.length === 2);
    assert.equal(passed[1], 0);
  });

  test("what a replay finds by itself is taken back whole, whichever branch ends first", async (context) => {
    const { store, engine } = await make(context);
    const steps = Array.from({ length: 12 }, (_, at) => at);
    const undone: number[] = [];
    const body: WorkflowBody = async (work) => {
      const branch = async (): Promise<void> => {
        for (const at of steps)
          await work.step("one", () => at, { compensate: (one) => undone.push(one) });
      };
      await Promise.all([work.waitSignal("never"), branch()]);
    };
    const first = engine({ order: body });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    for (let isDone = false; !isDone; await nextTurn()) {
      const rows = await store.workflows.loadCheckpoints("o");
      isDone = rows.filter(({ status }) => status === "COMPLETED").length === steps.length;
    }
    await first.dispose();
    const second = engine({ order: body });
    await second.cancel("o");
    await second.recover();
    await second.idle();
    assert.deepEqual(undone, steps.toReversed());
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
  });
});

describe("inside an action", () => {
  test("a step, a sleep or a wait is refused: a replay would not come by", async (context) => {
    const { store, engine } = await make(context);
    const calls: ((work: WorkflowContext) => Promise<unknown>)[] = [
      (work) => work.step("inner", () => 1),
      (work) => work.sleep("inner", 1),
      (work) => work.waitSignal("inner"),
    ];
    const body: WorkflowBody = async (work) => {
      for (const call of calls)
        await work.step("outer", async () => {
          const error = await refused("BAD_REQUEST", call(work));
          assert.match(error.message, /inside an action/);
        });
      return work.step("after", () => "after");
    };
    assert.equal(
      (await engine({ order: body }).run("order", { executionId: "o" })).result,
      "after",
    );
    const rows = await store.workflows.loadCheckpoints("o");
    assert.deepEqual(
      rows.map(({ stepName }) => stepName),
      ["outer", "outer", "outer", "after"],
    );
  });

  test("another execution may be run, and a compensation takes no step", async (context) => {
    const { engine } = await make(context);
    const refusals: unknown[] = [];
    const made = engine({
      inner: (work) => work.step("one", () => 1),
      order: async (work) => {
        const compensate = async (): Promise<void> => {
          refusals.push(
            (
              await refused(
                "BAD_REQUEST",
                work.step("no", () => 1),
              )
            ).code,
          );
        };
        const act = async (): Promise<unknown> => (await made.run("inner")).result;
        const one = await work.step("outer", act, { compensate });
        throw new Error(`got ${String(one)}`);
      },
    });
    await assert.rejects(made.run("order"), /got 1/);
    assert.deepEqual(refusals, ["BAD_REQUEST"]);
  });
});

test("inside a transaction nothing is run, and no step begins", async (context) => {
  const { store, engine } = await make(context);
  const body: WorkflowBody = async (work) => {
    const inside = store.transaction(async () => work.step("one", () => 1));
    assert.match((await refused("BAD_REQUEST", inside)).message, /transaction/);
    const act = async (): Promise<number> =>
      store.transaction(async () => {
        await store.settings.set("n", 1);
        return 7;
      });
    return work.step("two", act);
  };
  const made = engine({ order: body });
  for (const call of [() => made.run("order"), () => made.resume("o"), () => made.recover()])
    await refused("BAD_REQUEST", store.transaction(call as () => Promise<unknown>));
  assert.equal((await made.run("order", { executionId: "o" })).result, 7);
  const rows = await store.workflows.loadCheckpoints("o");
  assert.deepEqual(
    rows.map(({ stepIndex, stepName }) => [stepIndex, stepName]),
    [[0, "two"]],
  );
});

describe("a body that was changed meanwhile", () => {
  const go = async (work: WorkflowContext): Promise<unknown> => work.waitSignal("go");

  test("a step that became a sleep or a wait of the same name, and the other way round", async (context) => {
    const kinds: Record<string, WorkflowBody> = {
      action: (work) => work.step("it", () => 1),
      sleep: (work) => work.sleep("it", 5),
      signal: (work) => work.waitSignal("it"),
    };
    for (const [was, first] of Object.entries(kinds))
      for (const [is, then] of Object.entries(kinds)) {
        const made = await make(context);
        await made.store.workflows
          .withoutReferenceChecks()
          .saveSignal({ workflowExecutionId: "o", signalName: "it", createdAt: AT });
        const both =
          (body: WorkflowBody): WorkflowBody =>
          async (work, input) => {
            await body(work, input);
            return go(work);
          };
        const { warnings } = await twice(made, both(first), both(then));
        const kindsTold = warnings.map(({ kind }) => kind);
        assert.deepEqual(kindsTold, was === is ? [] : ["step-name-mismatch"], `${was} to ${is}`);
        if (was !== is) assert.match(warnings[0]?.message ?? "", new RegExp(`${was}.*${is}`));
      }
  });

  test("steps that are gone at its end are told of, or fail it", async (context) => {
    const { store, engine } = await make(context);
    const first = engine({
      order: async (work) => {
        await work.step("one", () => 1);
        await work.step("two", () => 2);
        await go(work);
      },
    });
    const runs = Promise.allSettled(
      ["o", "p"].map((executionId) => first.run("order", { executionId })),
    );
    for (const id of ["o", "p"]) await reached(store, id, "SUSPENDED");
    await first.dispose();
    await runs;
    const order: WorkflowBody = (work) => work.step("one", () => 1);
    const warnings: EngineWarning[] = [];
    const warned = engine({ order }, { onWarning: (one) => warnings.push(one) });
    assert.equal((await warned.resume("o")).result, 1);
    assert.match(warnings.map(({ message }) => message).join(), /two/);
    const strict = engine({ order }, { onStepNameMismatch: "fail" });
    await refused("CONFLICT", strict.resume("p"));
    assert.equal((await store.workflows.loadExecution("p"))?.status, "FAILED");
  });

  test("a step with something to take back that is there no more is told of", async (context) => {
    const { store, engine } = await make(context);
    const first = engine({
      order: async (work) => {
        await work.step("pay", () => 1, { compensate: () => undefined });
        await go(work);
      },
    });
    const running = first.run("order", { executionId: "o" });
    running.catch(() => undefined);
    await reached(store, "o", "SUSPENDED");
    await first.dispose();
    const warnings: EngineWarning[] = [];
    const second = engine({ order: go }, { onWarning: (one) => warnings.push(one) });
    await second.cancel("o");
    await second.recover();
    await second.idle();
    assert.equal((await store.workflows.loadExecution("o"))?.status, "CANCELLED");
    const failed = warnings.filter(({ kind }) => kind === "compensation-failed");
    assert.match(failed[0]?.message ?? "", /pay/);
    await second.retry("o");
    const fails: WorkflowBody = () => Promise.reject(new Error("no"));
    const third = engine({ order: fails }, { onWarning: (one) => warnings.push(one) });
    await assert.rejects(third.resume("o"), /^Error: no$/);
    assert.equal(warnings.filter(({ kind }) => kind === "compensation-failed").length, 2);
  });
});

test("a result that JSON cannot say fails once, in every later run too", async (context) => {
  const made = await make(context);
  let runs = 0;
  const body: WorkflowBody = async (work) => {
    const act = (): unknown => {
      runs += 1;
      return 1n;
    };
    const retry = { type: "fixed", maxAttempts: 5, delayMs: 1 } as const;
    const error = await work.step("odd", act, { retry }).catch((one: Error) => one.message);
    await work.waitSignal("go");
    return error;
  };
  assert.match(String((await twice(made, body)).result), /BigInt/);
  assert.equal(runs, 1);
});

test("a delay beyond every date ends with the year 9999; none is no error", async (context) => {
  const { store, engine } = await make(context);
  const retry = { type: "fixed", maxAttempts: 2, delayMs: Number.MAX_VALUE } as const;
  const fail = (): never => {
    throw new Error("no");
  };
  const made = engine({ order: (work) => work.step("one", fail, { retry }) });
  const running = made.run("order", { executionId: "o" });
  running.catch(() => undefined);
  let timers = await store.workflows.loadPendingTimers();
  for (; timers.length === 0; await nextTurn()) timers = await store.workflows.loadPendingTimers();
  assert.equal(timers[0]?.fireAt, "9999-12-31T23:59:59.999Z");
  await made.cancel("o");
  await refused("ABORTED", running);
});
