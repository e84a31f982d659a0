/** Leases: what is begun and recorded under them, who has them when they are over, and recovery. */
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowError, type AdvanceInput, type CheckpointStore, type WorkflowBody } from "flowstore";
import { refused, reopen } from "../features/support.ts";
import { LEASE_MS, make, reached } from "./engine-support.ts";

describe("kept from going on", () => {
  /** A store whose `advance` may be kept up, before it or behind it. */
  const around = (
    store: CheckpointStore,
    advance: (input: AdvanceInput, act: () => Promise<unknown>) => Promise<unknown>,
  ): CheckpointStore =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          const act = async (): Promise<unknown> => Reflect.apply(value, target, args);
          return name === "advance"
            ? advance(args[1] as AdvanceInput, act)
            : Reflect.apply(value, target, args);
        };
      },
    });

  test("past its lease: what another has taken since is not begun, and not taken back", async (context) => {
    for (const from of ["INTENT", "COMPENSATING"]) {
      const { store, time, engine } = await make(context);
      const other = (await reopen(context, store, { clock: time.clock })).workflows;
      const done: string[] = [];
      const kept = around(store.workflows, async ({ checkpoints, to }, act) => {
        const result = await act();
        if (checkpoints?.[0]?.status !== from && to !== from) return result;
        time.ms += 2 * LEASE_MS;
        await other.claimExecution("o", { owner: "thief", leaseMs: LEASE_MS });
        return result;
      });
      const body: WorkflowBody = async (work) => {
        if (from === "INTENT") await work.step("one", () => done.push("one"));
        throw new Error("no");
      };
      const undone: WorkflowBody = async (work) => {
        await work.step("one", () => 1, { compensate: () => done.push("undone") });
        throw new Error("no");
      };
      const made = engine({ order: from === "INTENT" ? body : undone }, { store: kept });
      await refused("ABORTED", made.run("order", { executionId: "o" }));
      assert.deepEqual(done, [], from);
    }
  });

  test("past its lease, and nobody took it: it goes on", async (context) => {
    const { store, time, engine } = await make(context);
    const kept = around(store.workflows, async (_, act) => {
      const result = await act();
      time.ms += 2 * LEASE_MS;
      return result;
    });
    const made = engine({ order: (work) => work.step("one", () => 7) }, { store: kept });
    assert.equal((await made.run("order", { executionId: "o" })).result, 7);
  });

  test("by others that write for long: a result is recorded when they are done", async (context) => {
    const { store, engine } = await make(context);
    let refusals = 0;
    let runs = 0;
    const busy = around(store.workflows, async ({ checkpoints }, act) => {
      if (checkpoints?.[0]?.status !== "COMPLETED" || refusals === 3) return act();
      refusals += 1;
      throw new FlowError("TIMEOUT", "Others write");
    });
    const made = engine({ order: (work) => work.step("one", () => (runs += 1)) }, { store: busy });
    assert.equal((await made.run("order", { executionId: "o" })).result, 1);
    assert.deepEqual([runs, refusals], [1, 3]);
  });
});

test("what is over is nobody's: it can be asked to run again at once", async (context) => {
  const { store, time, engine } = await make(context);
  const { workflows } = store;
  const at = new Date(time.ms).toISOString();
  const workflow = { workflowId: "wf-1", workflowType: "1", createdAt: at };
  const record = { workflowExecutionId: "o", workflowId: "wf-1", createdAt: at, updatedAt: at };
  await workflows.createIfAbsent(record, { workflow });
  const { token } = await workflows.claimExecution("o", { owner: "me" });
  await workflows.advance("o", { token, to: "FAILED" });
  assert.deepEqual(await workflows.renewClaims([{ ...record, token }], 1_000), []);
  assert.equal((await engine({}).retry("o")).status, "PENDING");
});

describe("recovery", () => {
  test("a damaged execution keeps no other from being recovered", async (context) => {
    const { store, engine } = await make(context);
    const body: WorkflowBody = (work) => work.waitSignal("go");
    const first = engine({ order: body, mail: body });
    const ids = ["a", "b", "c", "d", "e"];
    const runs = ids.map((executionId) =>
      first.run(executionId === "e" ? "mail" : "order", { executionId }),
    );
    const ends = Promise.allSettled(runs);
    for (const id of ids) await reached(store, id, "SUSPENDED");
    await first.dispose();
    await ends;
    const local = join(store.root, "local");
    writeFileSync(join(local, "workflows/a/lease.json"), "{");
    truncateSync(join(local, "workflow-definitions/wf-mail.json"), 5);
    writeFileSync(join(local, "workflows/b/timers.json"), "{");
    const second = engine({ order: body, mail: body });
    const report = await second.recover();
    assert.deepEqual(
      report.resumed.filter((id) => id === "c" || id === "d"),
      ["c", "d"],
    );
    assert.deepEqual(report.damaged, ["a", "e"]);
    for (const id of ["c", "d"]) await second.sendSignal(id, "go");
    for (const id of ["c", "d"]) await reached(store, id, "COMPLETED");
    // Damage is mended by a person: until then it is no reason to give it up.
    for (let count = 0; count < 5; count += 1) await second.recover();
    const { lease } = await store.workflows.history("d");
    assert.ok((lease?.claims ?? 0) <= 2, JSON.stringify(lease));
  });

  test("only claims in a row count whose process died of it", async (context) => {
    const { store, time, engine } = await make(context);
    const { workflows } = store;
    const at = new Date(time.ms).toISOString();
    const workflow = { workflowId: "wf-order", workflowType: "order", createdAt: at };
    const record = {
      workflowExecutionId: "o",
      workflowId: "wf-order",
      createdAt: at,
      updatedAt: at,
    };
    await workflows.createIfAbsent(record, { workflow });
    /** A process that dies: its lease is never given back, and runs out. */
    const dies = async (): Promise<{ token: number; claims: number }> => {
      const lease = await workflows.claimExecution("o", { owner: "dead", leaseMs: 1_000 });
      time.ms += 1_000;
      return lease;
    };
    const held = { workflowExecutionId: "o" };
    assert.deepEqual([(await dies()).claims, (await dies()).claims], [1, 2]);
    const { token } = await dies();
    const row = { ...held, stepIndex: 0, stepName: "one", status: "INTENT" } as const;
    await workflows.advance("o", { token, to: "RUNNING", checkpoints: [row] });
    await workflows.renewClaims([{ ...held, token }], 1);
    time.ms += 1;
    assert.equal((await dies()).claims, 4, "it began a step, and lived on: that is no end of one");
    const next = await dies();
    await workflows.advance("o", { ...next, checkpoints: [{ ...row, status: "COMPLETED" }] });
    assert.equal((await dies()).claims, 2, "a step was finished");
    const waits = await dies();
    await workflows.advance("o", { token: waits.token, to: "SUSPENDED" });
    assert.equal((await dies()).claims, 4);
    const { token: last } = await dies();
    assert.equal((await workflows.renewClaims([{ ...held, token: last }], 1)).length, 1);
    time.ms += 1;
    assert.equal((await dies()).claims, 2, "it waited, and lived");
    const given = await workflows.claimExecution("o", { owner: "living" });
    assert.equal(await workflows.releaseClaim("o", given.token), true);
    assert.equal((await dies()).claims, 1, "it was given back");
    await dies();
    const made = engine({ order: () => assert.fail("ran") }, { maxClaims: 2 });
    assert.deepEqual((await made.recover()).failed, ["o"]);
  });
});

test("many leases are renewed in one commit; those that are another's are left out", async (context) => {
  const { store, time } = await make(context);
  const { workflows } = store;
  const at = new Date(time.ms).toISOString();
  const workflow = { workflowId: "wf-1", workflowType: "1", createdAt: at };
  const leases = [];
  for (const id of ["a", "b", "c", "d"]) {
    const record = { workflowExecutionId: id, workflowId: "wf-1", createdAt: at, updatedAt: at };
    await workflows.createIfAbsent(record, { workflow });
    leases.push(await workflows.claimExecution(id, { owner: "me", leaseMs: 1_000 }));
  }
  time.ms += 1_000;
  await workflows.claimExecution("b", { owner: "you" });
  await workflows.deleteExecution("c");
  writeFileSync(join(store.root, "local/workflows/d/lease.json"), "{");
  const ending = new AbortController();
  let commits = -1;
  for await (const _ of workflows.watchCommits({ signal: ending.signal })) {
    commits += 1;
    if (commits > 0) break;
    const renewed = await workflows.renewClaims(leases, 5_000);
    assert.deepEqual(
      renewed.map((one) => [one.workflowExecutionId, Date.parse(one.expiresAt) - time.ms]),
      [["a", 5_000]],
    );
  }
  assert.deepEqual(await workflows.renewClaims([], 5_000), []);
  await refused("BAD_REQUEST", workflows.renewClaims([null as never], 5_000));
});
