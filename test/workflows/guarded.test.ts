/** Guarded changes, leases, pages and watches of executions. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EXECUTION_STATUSES, FlowError, type WorkflowExecution } from "flowstore";
import { makeStore, refused, reopen, TestClock } from "../features/support.ts";
import {
  checkpoint,
  DEFINITION,
  execution,
  inStatus,
  minutes,
  signal,
  timer,
  withExecution,
} from "./support.ts";

describe("transition", () => {
  test("of two racing ones exactly one counts, and final is final", async (context) => {
    const { store, workflows } = await withExecution(context);
    const other = (await reopen(context, store)).workflows;
    for (let round = 0; round < 30; round += 1) {
      const id = `race-${round}`;
      await workflows.saveExecution(inStatus(id, "RUNNING"));
      const outcomes = await Promise.allSettled([
        workflows.transition(id, { from: "RUNNING", to: "COMPLETED", patch: { outputData: "1" } }),
        other.transition(id, { from: "RUNNING", to: "CANCELLED" }),
      ]);
      const won = outcomes.filter(({ status }) => status === "fulfilled");
      assert.equal(won.length, 1);
      const lost = outcomes.find((one) => one.status === "rejected");
      assert.ok(lost?.reason instanceof FlowError && lost.reason.code === "CONFLICT");
      const [winner] = won as PromiseFulfilledResult<WorkflowExecution>[];
      assert.deepEqual(await workflows.loadExecution(id), winner?.value);
    }
    for (const to of EXECUTION_STATUSES)
      await refused(
        "CONFLICT",
        workflows.transition("race-0", { from: [...EXECUTION_STATUSES], to }),
      );
  });

  test("keeps what is left out, clears by null, refuses what cannot be set", async (context) => {
    const { workflows } = await withExecution(context);
    const from = "PENDING";
    const patch = { inputData: "1", errorMessage: "no" };
    await workflows.transition("exec-1", { from, to: from, patch });
    const then = await workflows.transition("exec-1", {
      from,
      to: "RUNNING",
      patch: { errorMessage: null, inputData: undefined },
    });
    assert.deepEqual([then.inputData, then.errorMessage, then.status], ["1", null, "RUNNING"]);
    await refused("CONFLICT", workflows.transition("exec-1", { from, to: "FAILED" }));
    await refused("NOT_FOUND", workflows.transition("none", { from, to: "FAILED" }));
    const bad = { from: "RUNNING", to: "FAILED", patch: { createdAt: "x" } } as never;
    await refused("BAD_REQUEST", workflows.transition("exec-1", bad));
    await refused("BAD_REQUEST", workflows.transition("exec-1", { to: "FAILED" } as never));
  });

  test("20 concurrent changes by three instances lose nothing", async (context) => {
    const { store, workflows } = await withExecution(context);
    const stores = [workflows];
    for (let at = 0; at < 2; at += 1) stores.push((await reopen(context, store)).workflows);
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (stores[at % 3] ?? workflows).advance("exec-1", { checkpoints: [checkpoint(at)] }),
      ),
    );
    assert.equal((await workflows.loadCheckpoints("exec-1")).length, 20);
  });
});

describe("advance", () => {
  test("a signal goes to one waiter, the oldest first, with the step's result", async (context) => {
    const { store, workflows } = await withExecution(context);
    const other = (await reopen(context, store)).workflows;
    for (const at of [2, 0, 1])
      await workflows.saveSignal(signal("go", { payload: String(at), createdAt: minutes(at) }));
    const take = (by: typeof workflows, stepIndex: number) =>
      by.advance("exec-1", { consume: { signalName: "go", checkpoint: checkpoint(stepIndex) } });
    const taken = await Promise.all([0, 1, 2, 3].map((at) => take(at % 2 ? other : workflows, at)));
    const payloads = taken.map(({ signal: one }) => one?.payload ?? null);
    assert.deepEqual(payloads.map(String).toSorted(), ["0", "1", "2", "null"]);
    const rows = await workflows.loadCheckpoints("exec-1");
    assert.deepEqual(rows.map(({ outputData }) => outputData ?? "").toSorted(), ["0", "1", "2"]);
    assert.deepEqual(await workflows.loadPendingSignals("exec-1"), []);
  });

  test("nothing of it is written when one part is refused", async (context) => {
    const { workflows } = await withExecution(context);
    const bad = { checkpoints: [checkpoint(0)], timers: [timer("t"), timer("")] };
    await refused("BAD_REQUEST", workflows.advance("exec-1", { to: "RUNNING", ...bad }));
    const { execution: now, checkpoints, timers } = await workflows.history("exec-1");
    assert.deepEqual([now.status, checkpoints, timers], ["PENDING", [], []]);
  });

  test("ends what waits", async (context) => {
    const { workflows } = await withExecution(context);
    await workflows.saveTimer(timer("t"));
    await workflows.saveSignal(signal("go"));
    await workflows.advance("exec-1", { to: "CANCELLED", endWaits: true });
    const { timers, signals } = await workflows.history("exec-1");
    assert.deepEqual([timers[0]?.status, signals[0]?.status], ["CANCELLED", "EXPIRED"]);
    assert.deepEqual(await workflows.loadPendingTimers(), []);
  });
});

describe("createIfAbsent", () => {
  test("two instances creating the same 100: exactly 100 are made", async (context) => {
    const store = await makeStore(context);
    const first = store.workflows;
    const second = (await reopen(context, store)).workflows;
    const made = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        (at % 2 === 0 ? first : second).createIfAbsent(
          execution(`e-${at >> 1}`, { inputData: String(at % 2) }),
          {
            workflow: DEFINITION,
          },
        ),
      ),
    );
    assert.equal(made.filter(({ created }) => created).length, 100);
    for (let at = 0; at < 200; at += 2)
      assert.deepEqual(made[at]?.execution, made[at + 1]?.execution);
    assert.equal((await first.countExecutions()).PENDING, 100);
    const unknown = execution("x", { workflowId: "wf-2" });
    await refused("NOT_FOUND", first.createIfAbsent(unknown));
  });
});

describe("leases", () => {
  test("one holds it; it can be taken when it is over; the fenced one changes nothing", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { workflows } = store;
    const other = (await reopen(context, store, { clock: clock.now })).workflows;
    await workflows.createIfAbsent(execution("exec-1"), { workflow: DEFINITION });
    const claims = await Promise.allSettled(
      [workflows, other].map((each, at) =>
        each.claimExecution("exec-1", { owner: `o${at}`, leaseMs: 1_000 }),
      ),
    );
    const [first] = claims.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    assert.ok(first !== undefined);
    assert.equal(claims.filter(({ status }) => status === "rejected").length, 1);
    const held = await refused("CONFLICT", other.claimExecution("exec-1", { owner: "o2" }));
    assert.equal(held.context["holder"], first.owner);
    clock.ms += 900;
    await workflows.renewClaim("exec-1", { token: first.token, leaseMs: 1_000 });
    clock.ms += 900;
    await refused("CONFLICT", other.claimExecution("exec-1", { owner: "o2" }));
    clock.ms += 100;
    const second = await other.claimExecution("exec-1", { owner: "o2", leaseMs: 1_000 });
    assert.ok(second.token > first.token);
    assert.equal(second.claims, 2);
    const { token } = first;
    await refused(
      "LOCK_LOST",
      workflows.advance("exec-1", { token, checkpoints: [checkpoint(0)] }),
    );
    await refused("LOCK_LOST", workflows.renewClaim("exec-1", { token, leaseMs: 1_000 }));
    assert.equal(await workflows.releaseClaim("exec-1", token), false);
    assert.deepEqual(await workflows.loadCheckpoints("exec-1"), []);
    assert.equal(await other.releaseClaim("exec-1", second.token), true);
    const gone = { token: second.token, to: "FAILED" } as const;
    await refused("LOCK_LOST", other.advance("exec-1", gone));
    await workflows.claimExecution("exec-1", { owner: "o3" });
    await workflows.saveExecution(inStatus("done", "COMPLETED"));
    await refused("CONFLICT", workflows.claimExecution("done", { owner: "o3" }));
    await refused("BAD_REQUEST", workflows.claimExecution("exec-1", { owner: "" }));
    await refused("BAD_REQUEST", workflows.claimExecution("exec-1", { owner: "o", leaseMs: 0 }));
  });
});

describe("pages", () => {
  test("each once, in both orders, while others come and move", async (context) => {
    const { workflows } = await withExecution(context);
    for (let at = 0; at < 25; at += 1)
      await workflows.saveExecution(
        inStatus(`e-${String(at).padStart(2, "0")}`, "RUNNING", minutes(at >> 1)),
      );
    const all = async (order: "oldest" | "newest"): Promise<string[]> => {
      const seen: string[] = [];
      let after: string | undefined;
      for (;;) {
        const statuses = ["RUNNING"] as const;
        const page = await workflows.pageExecutions({ statuses, limit: 7, after, order });
        seen.push(...page.items.map(({ workflowExecutionId }) => workflowExecutionId));
        assert.ok(page.next !== null);
        if (!page.hasMore) return seen;
        after = page.next;
      }
    };
    const names = Array.from({ length: 25 }, (_, at) => `e-${String(at).padStart(2, "0")}`);
    assert.deepEqual(await all("oldest"), names);
    assert.deepEqual(await all("newest"), names.toReversed());
    const end = await workflows.pageExecutions({ statuses: ["RUNNING"], limit: 25 });
    assert.deepEqual([end.items.length, end.hasMore], [25, false]);
    const after = end.next ?? "";
    assert.deepEqual((await workflows.pageExecutions({ statuses: ["RUNNING"], after })).items, []);
    await workflows.saveExecution(inStatus("late", "RUNNING", minutes(99)));
    const late = await workflows.pageExecutions({ statuses: ["RUNNING"], after });
    assert.deepEqual(
      late.items.map(({ workflowExecutionId: id }) => id),
      ["late"],
    );
    const none = await workflows.pageExecutions({ workflowId: "wf-2" });
    assert.deepEqual(none, { items: [], next: null, hasMore: false });
    for (const bad of [{ limit: 0 }, { limit: 1_001 }, { after: "x" }, { order: "up" as never }])
      await refused("BAD_REQUEST", workflows.pageExecutions(bad));
  });
});

describe("watches", () => {
  test("V1 to V3: what is now, then each change, of another instance too; an abort ends it", async (context) => {
    const { store, workflows } = await withExecution(context);
    const other = (await reopen(context, store)).workflows;
    const stop = new AbortController();
    const watch = workflows.watchExecution("exec-1", { signal: stop.signal });
    assert.equal((await watch.next()).value?.status, "PENDING");
    await other.transition("exec-1", { from: "PENDING", to: "RUNNING" });
    assert.equal((await watch.next()).value?.status, "RUNNING");
    stop.abort();
    assert.equal((await watch.next()).done, true);
    assert.equal((await workflows.watchExecution("none").next()).value, null);
    const lists = workflows.watchExecutionsByStatus(["FAILED"]);
    assert.deepEqual((await lists.next()).value, []);
    await other.saveExecution(inStatus("f", "FAILED"));
    const found = (await lists.next()).value as WorkflowExecution[];
    assert.deepEqual(
      found.map(({ workflowExecutionId }) => workflowExecutionId),
      ["f"],
    );
    const steps = workflows.watchCheckpoints("exec-1");
    assert.deepEqual((await steps.next()).value, []);
    await other.saveCheckpoint(checkpoint(0));
    assert.equal(((await steps.next()).value as unknown[]).length, 1);
  });
});
