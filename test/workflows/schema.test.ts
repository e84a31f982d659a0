/** What a SQL store says of its tables and settings, and what files say in its place. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowStore, WORKFLOW_SCHEMA_VERSION, type FlowStoreOptions } from "flowstore";
import { makeProject, makeStore, refused, reopen, snapshot } from "../features/support.ts";
import { checkpoint, DEFINITION, execution, signal, timer, withExecution } from "./support.ts";
import { atEnd } from "../at-end.ts";

describe("the schema", () => {
  test("S3: the stored version is the one that is exported", async (context) => {
    const store = await makeStore(context);
    const manifest = JSON.parse(readFileSync(join(store.root, "flow.json"), "utf8")) as object;
    assert.deepEqual(manifest, { format: FlowStore.format });
    assert.equal(WORKFLOW_SCHEMA_VERSION, 1);
  });

  test("S4 to S6: the keys of written records, in this order", async (context) => {
    const { store, workflows } = await withExecution(context);
    await workflows.saveCheckpoint(checkpoint(0, { status: "INTENT" }));
    await workflows.saveTimer(timer("t"));
    await workflows.saveSignal(signal("go"));
    const folder = join(store.root, "local/workflows/exec-1");
    const keys = (text: string, of: (value: never) => object): string =>
      Object.keys(of(JSON.parse(text) as never)).join(" ");
    const read = (...path: string[]): string => readFileSync(join(...path), "utf8");
    assert.equal(
      keys(read(store.root, "local/workflow-definitions/wf-1.json"), (one) => one),
      "workflowId workflowType version createdAt",
    );
    assert.equal(
      keys(read(folder, "execution.json"), (one) => one),
      "workflowExecutionId workflowId status currentStep inputData outputData errorMessage ttlExpiresAt guarantee createdAt updatedAt",
    );
    const [log = ""] = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
    assert.equal(
      keys(read(folder, log), ({ checkpoint: row }: { checkpoint: object }) => row),
      "id workflowExecutionId stepIndex stepName status inputData outputData errorMessage attempt idempotencyKey compensateRef startedAt completedAt",
    );
    assert.equal(
      keys(read(folder, "timers.json"), ({ timers: [one] }: { timers: [object] }) => one),
      "workflowTimerId workflowExecutionId stepName fireAt status createdAt",
    );
    assert.equal(
      keys(read(folder, "signals.json"), ({ signals: [one] }: { signals: [object] }) => one),
      "workflowSignalId workflowExecutionId signalName payload status createdAt",
    );
  });

  test("S7 to S9: how it commits is told, and references are checked", async (context) => {
    const store = await makeStore(context, { durability: "full" });
    const status = await store.status();
    assert.equal(status.durability, "full");
    assert.equal(status.journal.pending, 0);
    await refused("NOT_FOUND", store.workflows.saveExecution(execution("e")));
    const relaxed = await reopen(context, store, { durability: "relaxed" });
    assert.equal((await relaxed.status()).durability, "relaxed");
  });

  test("S10: a writer waits for another as long as it is told, and no longer", async (context) => {
    const { store, workflows } = await withExecution(context);
    const other = await reopen(context, store, { guardTimeoutMs: 30 });
    await store.transaction(async () => {
      await workflows.saveCheckpoint(checkpoint(0));
      await refused("TIMEOUT", other.workflows.saveCheckpoint(checkpoint(1)));
      // Readers wait for nobody, and see nothing of it yet.
      assert.deepEqual(await other.workflows.loadCheckpoints("exec-1"), []);
    });
    assert.equal((await other.workflows.loadCheckpoints("exec-1")).length, 1);
  });

  test("S11 to S13: what tunes another kind of store is passed over", async (context) => {
    const tuned = { cacheSize: -8000, tempStore: "memory", mmapSize: 2 ** 28 };
    const store = await makeStore(context, tuned as FlowStoreOptions);
    await store.workflows.saveWorkflow(DEFINITION);
    assert.equal((await store.workflows.loadWorkflow("wf-1"))?.version, 1);
  });

  test("S14: beginning twice changes nothing", async (context) => {
    const { store } = await withExecution(context);
    await store.close();
    const before = snapshot(store.root);
    const again = await FlowStore.init(join(store.root, ".."), { durability: "none" });
    assert.equal((await again.workflows.loadExecution("exec-1"))?.workflowId, "wf-1");
    await again.close();
    assert.deepEqual(snapshot(store.root), before);
  });

  test("S15: a newer version is refused and left as it is", async (context) => {
    const { store } = await withExecution(context);
    await store.close();
    writeFileSync(join(store.root, "flow.json"), '{\n  "format": 999\n}\n');
    const before = snapshot(store.root);
    const project = join(store.root, "..");
    for (const opening of [FlowStore.open(project), FlowStore.init(project)]) {
      const error = await refused("UNSUPPORTED_FORMAT", opening);
      assert.match(error.message, /999.*1|1.*999/s);
    }
    assert.deepEqual(snapshot(store.root), before);
  });

  test("S19: an empty folder becomes a store", async (context) => {
    const project = makeProject(context);
    mkdirSync(join(project, ".flow"));
    const store = await FlowStore.init(project, { durability: "none" });
    atEnd(context, () => store.close());
    await store.workflows.saveWorkflow(DEFINITION);
    const { isValid } = await store.workflows.validateSchema();
    assert.ok(isValid);
  });

  test("S20: a store of the moment does the same, and is gone when it is closed", async () => {
    const store = await FlowStore.openTemporary();
    const { workflows } = store;
    await workflows.createIfAbsent(execution("exec-1"), { workflow: DEFINITION });
    await workflows.advance("exec-1", { to: "RUNNING", checkpoints: [checkpoint(0)] });
    await workflows.saveTimer(timer("t"));
    await workflows.saveSignal(signal("go"));
    assert.equal((await workflows.history("exec-1")).checkpoints.length, 1);
    assert.equal((await workflows.loadPendingTimers()).length, 1);
    await refused("NOT_FOUND", workflows.saveExecution(execution("e", { workflowId: "none" })));
    await workflows.deleteExecution("exec-1");
    assert.deepEqual(await workflows.loadPendingTimers(), []);
    await store.close();
    assert.ok(!existsSync(store.root));
  });
});

describe("what a user adds", () => {
  test("keys of one's own are kept with every record, and `__proto__` is one", async (context) => {
    const { store, workflows } = await withExecution(context);
    const own = JSON.parse('{"priority":3,"tags":["a"],"__proto__":{"x":1}}') as object;
    const withOwn = <T extends object>(record: T): T => {
      const both = `${JSON.stringify(record).slice(0, -1)},${JSON.stringify(own).slice(1)}`;
      return JSON.parse(both) as T;
    };
    await workflows.saveWorkflow(withOwn({ ...DEFINITION, workflowId: "wf-2" }));
    await workflows.saveExecution(withOwn(execution("e", { workflowId: "wf-2" })));
    await workflows.saveCheckpoint(withOwn(checkpoint(0, { workflowExecutionId: "e" })));
    await workflows.saveTimer(withOwn(timer("t", { workflowExecutionId: "e" })));
    await workflows.saveSignal(withOwn(signal("go", { workflowExecutionId: "e" })));
    await workflows.advance("e", { to: "RUNNING" });
    const seen = await (await reopen(context, store)).workflows.history("e");
    const { execution: run, workflow, checkpoints, timers, signals } = seen;
    for (const record of [run, workflow, checkpoints[0], timers[0], signals[0]]) {
      const text = JSON.stringify(record);
      assert.ok(text.endsWith(`,${JSON.stringify(own).slice(1)}`), text);
      assert.equal(Object.getPrototypeOf(record), Object.prototype);
    }
    await workflows.transition("e", {
      from: "RUNNING",
      to: "FAILED",
      patch: { priority: null, note: "n" } as never,
    });
    const then = { ...(await workflows.loadExecution("e")) } as Record<string, unknown>;
    assert.deepEqual([Object.hasOwn(then, "priority"), then["note"]], [false, "n"]);
    const bad = { ...execution("f"), own: () => 1 } as never;
    await refused("BAD_REQUEST", workflows.saveExecution(bad));
  });

  test("odd ids are ids of their own, of every kind of record", async (context) => {
    const { store, workflows } = await withExecution(context);
    const ids = ["__proto__", "constructor", "a/b", "A/B", "é", "e\u0301", "x".repeat(5_000)];
    for (const id of ids) {
      await workflows.saveWorkflow({ ...DEFINITION, workflowId: id, workflowType: id });
      await workflows.saveExecution(execution(id, { workflowId: id }));
      await workflows.saveTimer(timer(id, { workflowExecutionId: id }));
      await workflows.saveSignal(signal(id, { workflowExecutionId: id, payload: id }));
      await workflows.claimExecution(id, { owner: id });
    }
    const again = (await reopen(context, store)).workflows;
    for (const id of ids) {
      const { execution: run, workflow, timers, signals, lease } = await again.history(id);
      assert.equal(run.workflowId, id);
      assert.equal(workflow?.workflowType, id);
      assert.deepEqual(
        timers.map((one) => one.workflowTimerId),
        [id],
      );
      assert.deepEqual(await again.loadPendingSignals(id, { signalName: id }), signals);
      assert.equal(lease?.owner, id);
    }
    const waiting = await again.loadPendingTimers();
    assert.deepEqual(new Set(waiting.map((one) => one.workflowTimerId)), new Set(ids));
    assert.deepEqual(await store.check(), []);
    for (const bad of ["", "\ud800", 7 as never, null as never])
      await refused("BAD_REQUEST", workflows.loadExecution(bad));
  });

  test("10 MiB are kept whole; what no commit can bear is refused and leaves no trace", async (context) => {
    const { store, workflows } = await withExecution(context);
    const large = JSON.stringify("\u0000é💥".repeat(1_100_000));
    assert.ok(Buffer.byteLength(large) > 10 * 1024 * 1024);
    await workflows.saveExecution(execution("exec-1", { inputData: large }));
    await workflows.saveCheckpoint(checkpoint(0, { outputData: large }));
    await workflows.saveSignal(signal("go", { payload: large }));
    const seen = await (await reopen(context, store)).workflows.history("exec-1");
    assert.equal(seen.execution.inputData, large);
    assert.equal(seen.checkpoints[0]?.outputData, large);
    assert.equal(seen.signals[0]?.payload, large);
    const tooLarge = "x".repeat(16 * 1024 * 1024 + 1);
    await refused("BAD_REQUEST", workflows.saveCheckpoint(checkpoint(1, { outputData: tooLarge })));
    const five = [1, 2, 3, 4, 5].map((at) => checkpoint(at, { outputData: tooLarge.slice(1) }));
    await refused("BAD_REQUEST", workflows.saveCheckpoints(five));
    assert.equal((await workflows.loadCheckpoints("exec-1")).length, 1);
  });
});
