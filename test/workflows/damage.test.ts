/** Files of workflows that somebody edited, cut or replaced: named, never passed over unseen. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { CheckpointStore, Finding, FlowStore } from "flowstore";
import { makeStore, refused, reopen, snapshot } from "../features/support.ts";
import { checkpoint, DEFINITION, execution, inStatus, minutes, signal, timer } from "./support.ts";

/** Two executions that run, with a step, a timer, a signal and a lease each; closed. */
async function makeTwo(context: TestContext): Promise<{ store: FlowStore; folder: string }> {
  const store = await makeStore(context);
  const { workflows } = store;
  await workflows.saveWorkflow(DEFINITION);
  for (const id of ["exec-1", "exec-2"]) {
    const own = { workflowExecutionId: id };
    await workflows.saveExecution(inStatus(id, "RUNNING"));
    await workflows.saveCheckpoint(checkpoint(0, { ...own, outputData: '"sunny"' }));
    await workflows.saveCheckpoint(checkpoint(1, { ...own, status: "INTENT" }));
    await workflows.saveTimer(timer(`t-${id}`, own));
    await workflows.saveSignal(signal("go", own));
    await workflows.claimExecution(id, { owner: "me" });
  }
  await store.close();
  return { store, folder: join(store.root, "local/workflows/exec-1") };
}

function logIn(folder: string): string {
  const [name = ""] = readdirSync(folder).filter((one) => one.endsWith(".jsonl"));
  return join(folder, name);
}

function change(path: string, how: (text: string) => string): void {
  const text = readFileSync(path, "utf8");
  assert.notEqual(how(text), text);
  writeFileSync(path, how(text));
}

/** What reads the damaged part, and is refused. */
const READS: Readonly<Record<string, (workflows: CheckpointStore) => Promise<unknown>>> = {
  "execution.json": (workflows) => workflows.loadExecution("exec-1"),
  "timers.json": (workflows) => workflows.history("exec-1"),
  "signals.json": (workflows) => workflows.loadPendingSignals("exec-1"),
  "lease.json": (workflows) => workflows.claimExecution("exec-1", { owner: "you" }),
  log: (workflows) => workflows.loadCheckpoints("exec-1"),
};

interface Damage {
  readonly file: keyof typeof READS;
  readonly rule: string;
  readonly line?: number;
  readonly make: (path: string) => void;
  /** No commit can take it away. */
  readonly isNoFile?: boolean;
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  "an execution that was cut": {
    ...{ file: "execution.json", rule: "not-json", line: 3 },
    make: (path) => truncateSync(path, 60),
  },
  "an empty execution": {
    ...{ file: "execution.json", rule: "not-json" },
    make: (path) => truncateSync(path, 0),
  },
  "an execution with a status that none has": {
    ...{ file: "execution.json", rule: "schema" },
    make: (path) => change(path, (text) => text.replace("RUNNING", "DONE")),
  },
  "an execution that is no object": {
    ...{ file: "execution.json", rule: "schema" },
    make: (path) => writeFileSync(path, "[]\n"),
  },
  "an execution that is no text": {
    ...{ file: "execution.json", rule: "not-utf8" },
    make: (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x7b])),
  },
  "the execution of another folder": {
    ...{ file: "execution.json", rule: "name" },
    make: (path) => change(path, (text) => text.replace("exec-1", "exec-9")),
  },
  "a folder in the place of an execution": {
    ...{ file: "execution.json", rule: "not-a-file", isNoFile: true },
    make: (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  },
  "a link in the place of an execution": {
    ...{ file: "execution.json", rule: "not-a-file", isNoFile: true },
    make: (path) => {
      renameSync(path, `${path}.away`);
      symlinkSync(`${path}.away`, path);
    },
  },
  "timers that are no list": {
    ...{ file: "timers.json", rule: "schema" },
    make: (path) => writeFileSync(path, '{ "timers": {} }\n'),
  },
  "a timer without a time": {
    ...{ file: "timers.json", rule: "schema" },
    make: (path) => change(path, (text) => text.replace("fireAt", "fireAT")),
  },
  "signals that were cut": {
    ...{ file: "signals.json", rule: "not-json", line: 3 },
    make: (path) => truncateSync(path, 20),
  },
  "a lease with a token that is none": {
    ...{ file: "lease.json", rule: "schema" },
    make: (path) => change(path, (text) => text.replace(/"token": \d+/, '"token": "x"')),
  },
  "a flipped bit in the result of a step": {
    ...{ file: "log", rule: "checksum", line: 1 },
    make: (path) => change(path, (text) => text.replace("sunny", "runny")),
  },
  "a line of a log that is no JSON": {
    ...{ file: "log", rule: "not-json", line: 2 },
    make: (path) => change(path, (text) => text.replace("\n", "\n<<<<<<< HEAD\n")),
  },
  "a byte of a log that is no UTF-8": {
    ...{ file: "log", rule: "not-utf8", line: 1 },
    make: (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.indexOf("sunny")] = 0xff;
      writeFileSync(path, bytes);
    },
  },
  "a line of a log without its start": {
    ...{ file: "log", rule: "not-json", line: 2 },
    make: (path) => change(path, (text) => text.replace(/\n\{"id"/, "\n").replace(/\n$/, "\n")),
  },
  "a folder in the place of a log": {
    ...{ file: "log", rule: "not-a-file", isNoFile: true },
    make: (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  },
};

function place({ file, line }: Finding): string {
  return line === undefined ? file : `${file}:${line}`;
}

describe("one damaged execution", () => {
  for (const [name, { file, rule, line, make, isNoFile = false }] of Object.entries(DAMAGES)) {
    test(`${name} is named, and all others go on`, async (context) => {
      const { store, folder } = await makeTwo(context);
      const path = file === "log" ? logIn(folder) : join(folder, String(file));
      make(path);
      const original = snapshot(folder);
      const told: Finding[] = [];
      const again = await reopen(context, store, { onWarning: (one) => void told.push(one) });
      const { workflows } = again;
      const where = `${path.slice(store.root.length + 1)}${line === undefined ? "" : `:${line}`}`;

      const error = await refused("CORRUPT", READS[file]?.(workflows) ?? Promise.resolve());
      assert.deepEqual(
        [error.context["file"], error.context["line"]],
        where.split(":").length > 1 ? [where.split(":")[0], line] : [where, undefined],
      );
      assert.ok(told.some((one) => place(one) === where && one.rule === rule));
      const found = (await again.check()).filter((one) => one.rule === rule);
      assert.deepEqual(found.map(place), [where]);
      assert.match(
        (await workflows.validateSchema()).issues[where.split(":")[0] ?? ""] ?? "",
        /Cannot use/,
      );

      await workflows.advance("exec-2", {
        checkpoints: [checkpoint(2)],
        patch: { currentStep: 2 },
      });
      assert.equal((await workflows.history("exec-2")).checkpoints.length, 3);
      const running = await workflows.loadExecutionsByStatus(["RUNNING"]);
      const ids = running.map((one) => one.workflowExecutionId);
      assert.deepEqual(ids, file === "execution.json" ? ["exec-2"] : ["exec-1", "exec-2"]);
      const waiting = await workflows.loadPendingTimers();
      assert.equal(waiting.length, file === "timers.json" ? 1 : 2);
      assert.equal((await workflows.pageExecutions()).items.length, ids.length);
      assert.equal(await workflows.deleteOldTimers(new Date(minutes(9))), 0);
      assert.equal(await workflows.deleteOldSignals(new Date(minutes(9))), 0);

      const { left } = await again.repair();
      assert.ok(left.some((one) => place(one) === where && one.rule === rule));
      assert.deepEqual(snapshot(folder), original, "nothing of it was touched");
    });

    test(`${name} can be deleted, and its bytes are kept`, async (context) => {
      const { store, folder } = await makeTwo(context);
      const path = file === "log" ? logIn(folder) : join(folder, String(file));
      make(path);
      const again = await reopen(context, store);
      if (isNoFile) {
        const before = snapshot(join(store.root, "local/workflows"));
        await refused("CORRUPT", again.workflows.deleteExecution("exec-1"));
        assert.deepEqual(snapshot(join(store.root, "local/workflows")), before);
        return;
      }
      const bytes = readFileSync(path);
      await again.workflows.deleteExecution("exec-1");
      assert.deepEqual(readdirSync(join(store.root, "local/workflows")), ["exec-2"]);
      const quarantine = join(store.root, "local/quarantine");
      const kept = readdirSync(quarantine).map((one) => readFileSync(join(quarantine, one)));
      assert.ok(kept.some((one) => one.equals(bytes)));
      const left = (await again.check()).filter(({ rule: one }) => one !== "quarantined");
      assert.deepEqual(left, []);
      assert.equal((await again.workflows.countExecutions()).RUNNING, 1);
      assert.equal((await again.workflows.loadPendingTimers()).length, 1);
    });
  }
});

describe("the end of a log", () => {
  const ENDS: Readonly<Record<string, (path: string) => void>> = {
    "cut amid a line": (path) => truncateSync(path, readFileSync(path).length - 9),
    "zeros behind the last line": (path) => appendFileSync(path, Buffer.alloc(300)),
    "half a line behind the last": (path) => appendFileSync(path, '{"id":"01K'),
  };
  for (const [name, make] of Object.entries(ENDS)) {
    test(`${name}: what stands before counts, it is told, and the next step is kept`, async (context) => {
      const { store, folder } = await makeTwo(context);
      const path = logIn(folder);
      make(path);
      const told: Finding[] = [];
      const again = await reopen(context, store, { onWarning: (one) => void told.push(one) });
      const rows = await again.workflows.loadCheckpoints("exec-1");
      assert.deepEqual(rows[0]?.outputData, '"sunny"');
      assert.equal(rows.length, name.startsWith("cut") ? 1 : 2);
      assert.deepEqual(
        told.map(({ rule, severity }) => [rule, severity]),
        [["torn-tail", "warning"]],
      );
      await again.workflows.saveCheckpoint(checkpoint(1));
      await again.workflows.saveCheckpoint(checkpoint(2));
      const then = (await reopen(context, store)).workflows;
      const steps = (await then.loadCheckpoints("exec-1")).map((row) => [
        row.stepIndex,
        row.status,
      ]);
      assert.deepEqual(steps, [
        [0, "COMPLETED"],
        [1, "COMPLETED"],
        [2, "COMPLETED"],
      ]);
    });
  }

  test("an empty log, and a log of a foreign name, hold nothing", async (context) => {
    const { store, folder } = await makeTwo(context);
    writeFileSync(logIn(folder), "");
    writeFileSync(join(folder, "notes.txt"), "mine\n");
    const again = await reopen(context, store);
    assert.deepEqual(await again.workflows.loadCheckpoints("exec-1"), []);
    const found = (await again.check()).map(({ file, rule }) => [file, rule]);
    assert.deepEqual(found, [["local/workflows/exec-1/notes.txt", "foreign-file"]]);
    await again.workflows.deleteExecution("exec-1");
    assert.deepEqual(readdirSync(folder), ["notes.txt"], "a person's file is not the store's");
  });
});

describe("a hand edit", () => {
  test("of a status is seen at once; `repair` puts the lists right", async (context) => {
    const { store, folder } = await makeTwo(context);
    const again = await reopen(context, store);
    const { workflows } = again;
    await workflows.loadExecution("exec-1");
    change(join(folder, "execution.json"), (text) =>
      text.replace('"RUNNING"', '"SUSPENDED"').replace('"currentStep": 0', '"currentStep":   7'),
    );
    const until = Date.now() + 5_000;
    while ((await workflows.loadExecution("exec-1"))?.status !== "SUSPENDED")
      assert.ok(Date.now() < until);
    const rules = (found: readonly Finding[]): string[] =>
      found.map(({ rule, file }) => `${rule} ${file.split("/")[2]}`);
    assert.deepEqual(rules(await again.check()), [
      "index-stale running",
      "index-missing suspended",
    ]);
    const report = await workflows.validateSchema();
    assert.deepEqual(report.missingIndexes, ["local/workflow-index/suspended"]);
    assert.deepEqual(rules((await again.repair({ dryRun: true })).done).length, 2);
    assert.equal((await workflows.loadExecutionsByStatus(["SUSPENDED"])).length, 0);
    const { done, left, backup } = await again.repair();
    assert.deepEqual([done.length, left], [2, []]);
    assert.ok(backup !== null);
    const found = await workflows.loadExecutionsByStatus(["RUNNING", "SUSPENDED"]);
    assert.deepEqual(
      found.map((one) => one.workflowExecutionId),
      ["exec-1", "exec-2"],
    );
    assert.equal(found[0]?.currentStep, 7);
    assert.deepEqual((await again.repair()).done, []);
  });

  test("of a status is put right by the next change too", async (context) => {
    const { store, folder } = await makeTwo(context);
    change(join(folder, "execution.json"), (text) => text.replace('"RUNNING"', '"SUSPENDED"'));
    const { workflows } = await reopen(context, store);
    await workflows.transition("exec-1", { from: "SUSPENDED", to: "RUNNING" });
    await workflows.transition("exec-1", { from: "RUNNING", to: "SUSPENDED" });
    const found = await workflows.loadExecutionsByStatus(["RUNNING", "SUSPENDED"]);
    assert.deepEqual(
      found.map((one) => [one.workflowExecutionId, one.status]),
      [
        ["exec-1", "SUSPENDED"],
        ["exec-2", "RUNNING"],
      ],
    );
  });

  test("of a time of creation leaves it in the lists, once", async (context) => {
    const { store, folder } = await makeTwo(context);
    change(join(folder, "execution.json"), (text) =>
      text.replace(/"createdAt": "[^"]*"/, `"createdAt": "${minutes(5)}"`),
    );
    const { workflows } = await reopen(context, store);
    const ids = async (): Promise<string[]> =>
      (await workflows.loadExecutionsByStatus(["RUNNING"])).map((one) => one.workflowExecutionId);
    assert.deepEqual(await ids(), ["exec-2", "exec-1"]);
    await workflows.advance("exec-1", { patch: { currentStep: 3 } });
    assert.deepEqual(await ids(), ["exec-2", "exec-1"]);
    assert.equal((await workflows.pageExecutions()).items.length, 2);
  });

  test("that deletes an execution's folder deletes it", async (context) => {
    const { store, folder } = await makeTwo(context);
    rmSync(folder, { recursive: true });
    const again = await reopen(context, store);
    assert.equal(await again.workflows.loadExecution("exec-1"), null);
    assert.equal((await again.workflows.loadExecutionsByStatus(["RUNNING"])).length, 1);
    assert.equal((await again.workflows.loadPendingTimers()).length, 1);
    const { done, left } = await again.repair();
    assert.deepEqual([done.map(({ rule }) => rule), left], [["index-stale", "index-stale"], []]);
    assert.equal((await again.workflows.countExecutions()).RUNNING, 1);
  });

  test("that deletes or damages the whole index loses nothing", async (context) => {
    const { store } = await makeTwo(context);
    const index = join(store.root, "local/workflow-index");
    rmSync(join(index, "timers"), { recursive: true });
    const [name = ""] = readdirSync(join(index, "running"));
    writeFileSync(join(index, "running", name), "{");
    const again = await reopen(context, store);
    assert.equal((await again.workflows.loadExecutionsByStatus(["RUNNING"])).length, 1);
    const { left } = await again.repair();
    assert.deepEqual(left, []);
    assert.equal((await again.workflows.loadExecutionsByStatus(["RUNNING"])).length, 2);
    assert.equal((await again.workflows.loadPendingTimers()).length, 2);
  });

  test("what is no folder in the place of one is named", async (context) => {
    const { store } = await makeTwo(context);
    const folder = join(store.root, "local/workflow-index/suspended");
    writeFileSync(folder, "x");
    writeFileSync(join(store.root, "local/workflows/exec-3"), "x");
    const again = await reopen(context, store);
    const found = (await again.check()).map(({ file, rule }) => `${rule} ${file}`);
    assert.deepEqual(found, [
      "not-a-folder local/workflow-index/suspended",
      "not-a-folder local/workflows/exec-3",
    ]);
    assert.equal((await again.workflows.validateSchema()).isValid, false);
    assert.equal((await again.workflows.loadExecutionsByStatus(["RUNNING"])).length, 2);
  });
});

test("a journal that is lost takes no id with it", async (context) => {
  const { store } = await makeTwo(context);
  const ids = async (workflows: CheckpointStore): Promise<number[]> => {
    const { checkpoints, signals } = await workflows.history("exec-2");
    return [
      ...checkpoints.map(({ id }) => id ?? 0),
      ...signals.map((one) => one.workflowSignalId ?? 0),
    ];
  };
  const before = await reopen(context, store);
  await before.workflows.saveSignal(signal("done", { status: "DELIVERED" }));
  const highest = Math.max(...(await ids(before.workflows)));
  await before.close();
  rmSync(join(store.root, "local/journal"), { recursive: true });
  rmSync(join(store.root, "local/cache"), { recursive: true, force: true });
  const { workflows } = await reopen(context, store);
  const row = await workflows.saveCheckpoint(checkpoint(7));
  const sent = await workflows.saveSignal(signal("go"));
  assert.ok((row.id ?? 0) > highest, `${row.id} after ${highest}`);
  assert.equal(sent.workflowSignalId, 4);
  await workflows.saveExecution(execution("exec-3"));
});

test("a copy of a log tells nothing and takes nothing, wherever it sorts", async (context) => {
  const { store, folder } = await makeTwo(context);
  const log = logIn(folder);
  const copies = [`${log.slice(0, -6)} (1).jsonl`, join(folder, "copy of the log.jsonl")];
  for (const copy of copies) cpSync(log, copy);
  const old = copies.map((copy) => readFileSync(copy, "utf8"));
  const { workflows } = await reopen(context, store);
  await workflows.saveCheckpoint(checkpoint(1, { outputData: "2" }));
  const again = await reopen(context, store);
  const rows = await again.workflows.loadCheckpoints("exec-1");
  assert.deepEqual(
    rows.map(({ status }) => status),
    ["COMPLETED", "COMPLETED"],
  );
  assert.deepEqual(
    copies.map((copy) => readFileSync(copy, "utf8")),
    old,
  );
  assert.deepEqual(
    (await again.check()).map(({ rule }) => rule),
    ["foreign-file", "foreign-file"],
  );
  await again.workflows.deleteExecution("exec-1");
  assert.deepEqual(readdirSync(folder).length, 2, "copies are a person's");
});

test("a copy of an execution's folder is no second one", async (context) => {
  const { store, folder } = await makeTwo(context);
  cpSync(folder, `${folder} copy`, { recursive: true });
  const again = await reopen(context, store);
  assert.equal((await again.workflows.loadExecutionsByStatus(["RUNNING"])).length, 2);
  const rules = new Set((await again.check()).map(({ rule }) => rule));
  assert.deepEqual(rules, new Set(["name"]));
});
