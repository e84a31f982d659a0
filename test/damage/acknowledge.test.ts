/** Repair of what was made by hand: twins get uids of their own, and a changed state is taken as it is. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { FlowStore, type Feature, type Finding } from "flowstore";

import {
  documentOf,
  fileOf,
  FRESH_MS,
  ids,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  told,
  tracked,
} from "../features/support.ts";
import { atEnd } from "../at-end.ts";

function put(store: FlowStore, name: string, value: object): void {
  writeFileSync(join(store.root, "features", name), `${JSON.stringify(value, null, 2)}\n`);
}

function edit(store: FlowStore, feature: Feature, from: string, to: string): string {
  const path = fileOf(store, feature);
  const text = readFileSync(path, "utf8");
  assert.ok(text.includes(from), text);
  writeFileSync(path, text.replace(from, to));
  return `features/${basename(path)}`;
}

function rules(findings: readonly Finding[]): string[] {
  return findings.map(({ file, rule }) => `${basename(file)} ${rule}`);
}

/** The documents by file name. */
function documents(store: FlowStore): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tracked(store)).filter(([path]) => path.startsWith("features/")),
  );
}

/** Another clone: everything but `local/`. */
async function cloneOf(context: TestContext, store: FlowStore): Promise<FlowStore> {
  const project = makeProject(context);
  const isTracked = (path: string): boolean => !path.startsWith(join(store.root, "local"));
  cpSync(store.root, join(project, ".flow"), { recursive: true, filter: isTracked });
  const clone = await FlowStore.open(project, { ...QUICK, actor: "clone" });
  atEnd(context, () => clone.close());
  return clone;
}

/** Features 5 and 5, made by hand: the same id, no uid. */
async function makeTwins(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  put(store, "5-left.json", { id: 5, name: "left" });
  put(store, "5-right.json", { id: 5, name: "right", passes: true });
  put(store, "6.json", { id: 6, name: "alone" });
  await pass(FRESH_MS);
  return store;
}

describe("repair of twins without a uid", () => {
  test("gives each one of its own, by which every call tells them apart", async (context) => {
    const store = await makeTwins(context);
    const { features } = store;
    const said = (await store.check()).find(({ rule }) => rule === "duplicate-id");
    assert.match(said?.message ?? "", /it shares its uid with another of them$/);
    const before = await features.getById(6);
    const { done } = await store.repair();
    assert.equal(done.filter(({ rule }) => rule === "no-uid").length, 3);
    assert.equal((await features.getById(6))?.uid, before?.uid);
    const [left, right] = (await features.getAll()).filter(({ id }) => id === 5);
    assert.ok(left !== undefined && right !== undefined && left.uid !== right.uid);
    const error = await refused("CONFLICT", () => features.getById(5));
    assert.deepEqual(
      (error.context["uids"] as string[]).toSorted(),
      [left.uid, right.uid].toSorted(),
    );
    assert.match(error.hint ?? "", /by its uid/);
    for (const { uid, name } of [left, right]) {
      assert.equal((await features.getById(uid))?.name, name);
      assert.equal((await features.update(uid, { note: name }))["note"], name);
    }
    assert.equal((await features.claimAndGet(left.name === "left" ? left.uid : right.uid)).id, 5);
    assert.deepEqual(rules(await store.check()), [
      "5-left.json duplicate-id",
      "5-right.json duplicate-id",
    ]);
  });

  test("again, and in another clone, gives the same", async (context) => {
    const store = await makeTwins(context);
    const clone = await cloneOf(context, store);
    // Somebody writes on there before it is repaired.
    put(clone, "5-left.json", { id: 5, name: "left", description: "more" });
    await pass(FRESH_MS);
    await store.repair();
    await clone.repair();
    const uids = async ({ features }: FlowStore): Promise<string[]> =>
      (await features.getAll()).map(({ uid }) => uid);
    assert.deepEqual(await uids(clone), await uids(store));
    const after = documents(store);
    assert.deepEqual((await store.repair()).done, []);
    assert.deepEqual(documents(store), after);
  });

  test("leaves the uid that another bears to that one, also to a deleted one", async (context) => {
    const store = await makeStore(context);
    put(store, "5-first.json", { id: 5, name: "first" });
    await pass(FRESH_MS);
    await store.repair();
    const first = (await store.features.getById(5)) as Feature;
    await store.features.delete(5);
    put(store, "5-second.json", { id: 5, name: "second" });
    await pass(FRESH_MS);
    await store.repair();
    const second = (await store.features.getById(5)) as Feature;
    assert.equal(second.name, "second");
    assert.notEqual(second.uid, first.uid);
    assert.deepEqual(await store.check(), []);
    assert.deepEqual(await told(store, second.uid), [
      `updated uid null>${second.uid}`,
      "status_change status null>pending",
    ]);
  });
});

describe("repair of a state that no event tells of", () => {
  test("logs it as it is, changes no file, and check is content", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.createBulk([{ name: "a" }, { name: "b" }, { name: "c" }]);
    const [a, b, c] = made as [Feature, Feature, Feature];
    await store.features.claimAndGet(2);
    edit(store, a, '"passes": false', '"passes": true');
    edit(store, b, '"inProgress": true', '"inProgress": false');
    edit(store, c, '"inProgress": false', '"inProgress": true');
    put(store, "9.json", { id: 9, name: "by hand", uid: "01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    await pass(FRESH_MS);
    const before = documents(store);
    const found = await store.check();
    assert.equal(found.length, 4);
    assert.ok(found.every(({ rule, fix }) => rule === "unexplained" && fix !== undefined));
    const dry = await store.repair({ dryRun: true });
    assert.deepEqual([dry.done, dry.left], [found, []]);
    assert.deepEqual(await store.check(), found);
    assert.deepEqual(await store.repair(), { done: found, left: [], backup: null });
    assert.deepEqual(documents(store), before);
    assert.deepEqual(await store.check(), []);
    assert.deepEqual(await told(store, 1), ["created", "status_change status pending>completed"]);
    assert.deepEqual((await told(store, 2)).slice(2), ["status_change status in_progress>pending"]);
    assert.deepEqual((await told(store, 3)).slice(1), ["status_change status pending>in_progress"]);
    assert.deepEqual(await told(store, 9), ["status_change status null>pending"]);
    const [event] = await store.events.query({ order: "desc", limit: 1 });
    assert.equal(event?.agent, "tester");
    assert.deepEqual(event?.metadata, { note: "repair: the file said so, and no event" });
    // It is one commit, and what the store does from here on goes on from it.
    const txIds = (await store.events.query({ type: "status_change" })).map(({ txId }) => txId);
    assert.equal(new Set(txIds).size, 1);
    await store.features.markFailing(1);
    assert.deepEqual(await store.check(), []);
    assert.deepEqual((await store.repair()).done, []);
  });

  test("also of one that was deleted, or taken back, by hand", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.createBulk([{ name: "a" }, { name: "b", steps: ["s"] }]);
    const [a, b] = made as [Feature, Feature];
    await store.features.markPassing(2);
    await store.features.delete(2);
    edit(store, a, '"passes"', '"deletedAt": "2026-01-01T00:00:00.000Z",\n  "passes"');
    const text = readFileSync(fileOf(store, b), "utf8");
    writeFileSync(fileOf(store, b), text.replace(/,\n {2}"deletedAt": "[^"]*"/, ""));
    await pass(FRESH_MS);
    assert.deepEqual(
      (await store.repair()).done.map(({ message }) => / is (.*), but the last/.exec(message)?.[1]),
      ["deleted", "completed"],
    );
    assert.deepEqual(await store.check(), []);
    assert.deepEqual(await told(store, a.uid), ["created", "deleted"]);
    assert.equal((await told(store, b.uid)).at(-1), "restored status null>completed");
    assert.deepEqual(ids(await store.features.getAll()), [2]);
    assert.equal(documentOf(store, b)["passes"], true);
  });

  test("not where two files bear one uid: an event would speak of both", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.create({ name: "a" });
    const path = fileOf(store, made);
    const copy = readFileSync(path, "utf8").replace('"passes": false', '"passes": true');
    writeFileSync(path.replace("1-a", "1-copy"), copy);
    await pass(FRESH_MS);
    for (let round = 0; round < 2; round += 1) {
      const { done, left } = await store.repair();
      assert.deepEqual(done, []);
      const [finding] = left.filter(({ rule }) => rule === "unexplained");
      assert.ok(finding !== undefined && finding.fix === undefined);
    }
    assert.deepEqual(await told(store, 1), ["created"]);
  });

  test("in a clone too, and both logs merge", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.create({ name: "a" });
    edit(store, made, '"passes": false', '"passes": true');
    await pass(FRESH_MS);
    const clone = await cloneOf(context, store);
    await store.repair();
    await clone.repair();
    cpSync(join(clone.root, "events"), join(store.root, "events"), {
      recursive: true,
      force: false,
    });
    await pass(FRESH_MS);
    assert.deepEqual(await store.check(), []);
    assert.deepEqual(await told(store, 1), [
      "created",
      "status_change status pending>completed",
      "status_change status pending>completed",
    ]);
  });
});
