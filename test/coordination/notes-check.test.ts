/** What `check` and `status` say of approvals, memory, settings, outputs and the scout cache. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { FlowStore } from "flowstore";
import { FRESH_MS, makeProject, makeStore, pass, committed } from "../features/support.ts";
import { STRANGE_TEXTS } from "./strange-texts.ts";

async function makeNotes(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  const [strange = ""] = STRANGE_TEXTS;
  const { id } = await store.approvals.create({ taskId: strange, kind: "generic" });
  await store.approvals.approve(id);
  const { id: forgotten } = await store.memory.append({ text: "one" });
  await store.memory.delete(forgotten);
  await store.memory.append({ text: "two" });
  await store.settings.set(strange, null);
  await store.outputs.write(strange, "---\n");
  await store.scoutCache.set({ key: strange, result: 1 });
  assert.deepEqual(await store.check(), []);
  return store;
}

/** Every finding as `file rule severity`; check and status agree, and write nothing. */
async function found(store: FlowStore): Promise<string[]> {
  await pass(FRESH_MS);
  const before = committed(store.root);
  const findings = await store.check();
  const { problems } = await store.status();
  assert.deepEqual(problems, findings);
  assert.deepEqual(committed(store.root), before);
  return findings.map(({ file, rule, severity }) => `${file} ${rule} ${severity}`);
}

test("every file that cannot be used is named", async (context) => {
  const store = await makeNotes(context);
  const write = (path: string, text: string | Buffer): void =>
    writeFileSync(join(store.root, path), text);
  const [approval = ""] = readdirSync(join(store.root, "approvals"));
  write(`approvals/${approval}`, '{ "id": "x" }');
  write("memory/notes.json", "<<<<<<< ours\n");
  write("settings/k.json", '{ "key": "l", "value": 1 }');
  write("outputs/bytes.md", Buffer.from([0xff]));
  write("outputs/README.md", "no task");
  mkdirSync(join(store.root, "outputs/folder.md"));
  assert.deepEqual(await found(store), [
    `approvals/${approval} schema error`,
    "memory/notes.json conflict-markers error",
    "outputs/README.md name error",
    "outputs/bytes.md not-utf8 error",
    "outputs/folder.md not-a-file error",
    "settings/k.json name error",
  ]);
});

test("what is cached is no state: a damaged result is a miss and no finding", async (context) => {
  const store = await makeNotes(context);
  const folder = join(store.root, "local/scout-cache");
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "{");
  assert.deepEqual(await found(store), []);
});

test("nothing is read through a folder that is a link", async (context) => {
  const store = await makeStore(context);
  const elsewhere = makeProject(context);
  writeFileSync(join(elsewhere, "x.json"), "{");
  writeFileSync(join(elsewhere, "README.md"), "no task");
  for (const folder of ["approvals", "memory", "settings", "outputs"])
    symlinkSync(elsewhere, join(store.root, folder));
  assert.deepEqual(await found(store), [
    "approvals link error",
    "memory link error",
    "outputs link error",
    "settings link error",
  ]);
});
