/**
 * Pages of what was recorded of an execution.
 *
 * `WORKFLOW_RECORDS=100000` makes so many.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { CheckpointStore, ExecutionRecord, RecordPageOptions } from "flowstore";
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

const MANY = Number(process.env["WORKFLOW_RECORDS"] ?? 1000);
const BATCH = 500;

async function paged(
  workflows: CheckpointStore,
  options: RecordPageOptions,
): Promise<ExecutionRecord[]> {
  const records: ExecutionRecord[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await workflows.pageRecords("exec-1", { ...options, after });
    assert.ok(page.items.length <= (options.limit ?? 100));
    assert.ok(!page.hasMore || page.items.length === options.limit);
    records.push(...page.items);
    if (!page.hasMore) return records;
    after = page.next ?? assert.fail();
  }
}

function stepsOf(records: readonly ExecutionRecord[]): (number | undefined)[] {
  return records.map((one) => one.checkpoint?.stepIndex);
}

describe("records of an execution", () => {
  test("each save once, in both orders, whatever the length of pages and lines", async (context) => {
    const { store, workflows } = await withExecution(context);
    assert.deepEqual(await workflows.pageRecords("exec-1"), {
      items: [],
      next: null,
      hasMore: false,
    });
    assert.deepEqual((await workflows.pageRecords("none")).items, []);
    // Some lines are longer than what is read at first for a whole page, and one file is not enough.
    for (let at = 0; at < 40; at += 1) {
      const outputData = "é".repeat(at % 5 === 0 ? 40_000 : at);
      await workflows.saveCheckpoint(checkpoint(at, { outputData }));
    }
    const whole = [...Array(40).keys()];
    for (const one of [workflows, (await reopen(context, store)).workflows]) {
      for (const limit of [1, 3, 7, 40, 41, 1000]) {
        assert.deepEqual(stepsOf(await paged(one, { limit })), whole);
        assert.deepEqual(stepsOf(await paged(one, { limit, order: "newest" })), whole.toReversed());
      }
    }
    const ids = (await paged(workflows, { limit: 9 })).map(({ id }) => id);
    assert.equal(new Set(ids).size, 40);
    assert.ok(readdirSync(join(store.root, "local/workflows/exec-1")).length > 1);
  });

  test("what comes later stands behind the last cursor; what is over is told too", async (context) => {
    const { workflows } = await withExecution(context);
    await workflows.saveCheckpoint(checkpoint(0, { status: "INTENT" }));
    await workflows.saveCheckpoint(checkpoint(0));
    const first = await workflows.pageRecords("exec-1");
    assert.deepEqual(
      first.items.map((one) => one.checkpoint?.status),
      ["INTENT", "COMPLETED"],
    );
    const after = first.next ?? assert.fail();
    assert.deepEqual(await workflows.pageRecords("exec-1", { after }), {
      items: [],
      next: after,
      hasMore: false,
    });
    await workflows.saveTimer(timer("t"));
    await workflows.saveTimer(timer("t", { status: "FIRED" }));
    await workflows.saveSignal(signal("go", { status: "DELIVERED", payload: "1" }));
    await workflows.deleteOldSignals(new Date(minutes(-9)));
    const later = await workflows.pageRecords("exec-1", { after });
    assert.deepEqual(
      later.items.map((one) => one.timer?.status ?? one.signal?.payload),
      ["FIRED", "1"],
    );
    assert.equal(later.hasMore, false);
  });

  test("a clock that goes back changes no order: the last save counts", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { workflows } = store;
    await workflows.createIfAbsent(execution("exec-1"), { workflow: DEFINITION });
    const long = "x".repeat(600_000);
    const ids: number[] = [];
    for (const [at, status] of (["INTENT", "FAILED", "INTENT", "COMPLETED"] as const).entries()) {
      const row = await workflows.saveCheckpoint(checkpoint(0, { status, inputData: long }));
      ids.push(row.id ?? 0);
      clock.ms -= 86_400_000 * (at + 1);
    }
    assert.deepEqual(
      ids,
      ids.toSorted((left, right) => left - right),
    );
    for (const one of [workflows, (await reopen(context, store)).workflows]) {
      const [last, ...more] = await one.loadCheckpoints("exec-1");
      assert.deepEqual([last?.status, more], ["COMPLETED", []]);
      const statuses = (await paged(one, { limit: 1 })).map(({ checkpoint: row }) => row?.status);
      assert.deepEqual(statuses, ["INTENT", "FAILED", "INTENT", "COMPLETED"]);
    }
    await workflows.claimExecution("exec-1", { owner: "one", leaseMs: 1000 });
    const moved = await workflows.transition("exec-1", { from: "PENDING", to: "COMPLETED" });
    assert.ok(moved.updatedAt < moved.createdAt, "the clock is the user's");
  });

  test(`${MANY} of them, and as many executions`, async (context) => {
    const { store, workflows } = await withExecution(context);
    for (let from = 0; from < MANY; from += BATCH) {
      const batch = [...Array(BATCH).keys()].map((at) => from + at);
      await workflows.saveCheckpoints(batch.map((at) => checkpoint(at)));
      await store.transaction(async () => {
        for (const at of batch)
          await workflows.saveExecution(
            inStatus(`e-${at}`, at % 100 === 0 ? "RUNNING" : "COMPLETED", minutes(at)),
          );
      });
    }
    const again = (await reopen(context, store)).workflows;
    const rows = await again.loadCheckpoints("exec-1");
    assert.deepEqual(
      rows.map(({ stepIndex }) => stepIndex),
      [...Array(MANY).keys()],
    );
    assert.equal((await paged(again, { limit: 1000 })).length, MANY);
    const running = await again.loadExecutionsByStatus(["RUNNING"]);
    assert.deepEqual(
      running.map((one) => one.workflowExecutionId),
      [...Array(MANY / 100).keys()].map((at) => `e-${at * 100}`),
    );
    const page = await again.pageExecutions({ order: "newest", limit: 1 });
    assert.equal(page.items[0]?.workflowExecutionId, `e-${MANY - 1}`);
    assert.equal((await again.countExecutions()).COMPLETED, MANY - MANY / 100);
  });

  test("damage of a page is named by its line; other pages are read", async (context) => {
    const { store, workflows } = await withExecution(context);
    for (let at = 0; at < 6; at += 1) await workflows.saveCheckpoint(checkpoint(at));
    const folder = join(store.root, "local/workflows/exec-1");
    const [log = ""] = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
    const text = readFileSync(join(folder, log), "utf8");
    writeFileSync(join(folder, log), text.replace("step-4", "step-9"));
    const again = (await reopen(context, store)).workflows;
    assert.deepEqual(stepsOf((await again.pageRecords("exec-1", { limit: 3 })).items), [0, 1, 2]);
    const error = await refused("CORRUPT", again.pageRecords("exec-1", { limit: 6 }));
    assert.equal(error.context["line"], 5);
    for (const bad of [{ limit: 0 }, { limit: 1001 }, { after: "x" }, { order: "up" as never }])
      await refused("BAD_REQUEST", again.pageRecords("exec-1", bad));
  });
});
