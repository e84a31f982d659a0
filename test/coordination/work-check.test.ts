/** What `check` and `status` say of phases, the pipeline and gaps. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { FlowStore } from "flowstore";
import { FRESH_MS, makeStore, pass, reopen, committed } from "../features/support.ts";

/** A store with a document of each kind. */
async function makeWork(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  await store.phases.markDone("fn-1.1", "1");
  await store.pipeline.start("fn-1");
  await store.gaps.add({ epicId: "fn-1", capability: "Log in" });
  await store.gaps.add({ epicId: "fn-1", capability: "Log out" });
  await store.gaps.remove("fn-1", 2);
  await store.decisions.log({ key: "k", value: 1 });
  assert.deepEqual(await store.check(), []);
  return store;
}

function gapFile(store: FlowStore, id: number): string {
  const folder = join(store.root, "gaps", "fn-1");
  return join(folder, readdirSync(folder).find((name) => name.startsWith(`${id}-`)) ?? "");
}

/** Every finding as `file rule severity`; check and status agree, and write nothing. */
async function found(store: FlowStore): Promise<string[]> {
  await pass(FRESH_MS);
  const before = committed(store.root);
  const findings = await store.check();
  const { problems } = await store.status();
  assert.deepEqual(problems, findings);
  assert.deepEqual(committed(store.root), before);
  return findings.map(({ file, rule, severity }) => {
    return `${file.replace(/-[0-9a-z]{6}\.json$/, ".json")} ${rule} ${severity}`;
  });
}

describe("check", () => {
  test("names every file that cannot be used, and the others are no news", async (context) => {
    const store = await makeWork(context);
    await store.pipeline.start("fn-2");
    writeFileSync(join(store.root, "phases", "fn-1.1.json"), "{");
    writeFileSync(join(store.root, "pipeline", "fn-1.json"), '{ "epicId": "fn-3", "phase": "x" }');
    writeFileSync(gapFile(store, 1), "");
    assert.deepEqual(await found(store), [
      "gaps/fn-1/1-log-in.json not-json error",
      "phases/fn-1.1.json not-json error",
      "pipeline/fn-1.json name error",
    ]);
  });

  test("names a phase that nobody knows, and none that the store was opened with", async (context) => {
    const store = await makeWork(context);
    const text = '{ "epicId": "fn-1", "phase": "brainstorm" }';
    writeFileSync(join(store.root, "pipeline", "fn-1.json"), text);
    assert.deepEqual(await found(store), ["pipeline/fn-1.json unknown-phase warning"]);
    const knowing = await reopen(context, store, { pipelinePhases: ["brainstorm"] });
    assert.deepEqual(await found(knowing), []);
  });

  test("names gaps that bear one id, but not a removed one", async (context) => {
    const store = await makeWork(context);
    const [first, second] = [gapFile(store, 1), gapFile(store, 2)];
    cpSync(second, join(store.root, "gaps", "fn-1", "2-again.json"));
    assert.deepEqual(await found(store), []);
    cpSync(first, join(store.root, "gaps", "fn-1", "1-again.json"));
    assert.deepEqual(await found(store), [
      "gaps/fn-1/1-again.json duplicate-id error",
      "gaps/fn-1/1-log-in.json duplicate-id error",
    ]);
  });

  test("names a gap in another epic's folder, whatever the name of that", async (context) => {
    const store = await makeWork(context);
    const long = "e".repeat(5000);
    await store.gaps.add({ epicId: long, capability: "x" });
    assert.deepEqual(await found(store), []);
    mkdirSync(join(store.root, "gaps", "fn-10"));
    cpSync(gapFile(store, 1), join(store.root, "gaps", "fn-10", "1-log-in.json"));
    assert.deepEqual(await found(store), ["gaps/fn-10/1-log-in.json name error"]);
  });

  test("names links and files in the place of folders", async (context) => {
    const store = await makeWork(context);
    for (const folder of ["phases", "pipeline", join("gaps", "fn-1")]) {
      rmSync(join(store.root, folder), { recursive: true });
    }
    symlinkSync("features", join(store.root, "phases"));
    writeFileSync(join(store.root, "pipeline"), "");
    writeFileSync(join(store.root, "gaps", "fn-1"), "");
    assert.deepEqual(await found(store), [
      "gaps/fn-1 not-a-folder error",
      "phases link error",
      "pipeline not-a-folder error",
    ]);
  });
});
