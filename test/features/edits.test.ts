/** Editing and deleting. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";

import type { FeaturePatch } from "flowstore";

import {
  documentOf,
  fileOf,
  ids,
  makeStore,
  refused,
  refusedWithoutTrace,
  reopen,
  TestClock,
  told,
  tracked,
} from "./support.ts";

describe("update", () => {
  test("changes what is named, with one event a field, and keeps the file's name", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    await features.createBulk([{ name: "old", own: { a: 1 }, other: "x" }, { name: "b" }]);
    const before = await features.getById(1);
    const name = basename(fileOf(store, { id: 1, uid: before?.uid ?? "" }));
    clock.ms += 5;
    const after = await features.update(1, {
      name: "new",
      description: "d",
      category: "ui",
      priority: 0,
      steps: ["s", "t"],
      dependencies: [2],
      own: [true, null],
      other: null,
      fresh: "f",
    });
    const { other: _, ...kept } = before as Record<string, unknown>;
    assert.deepEqual(after, {
      ...kept,
      ...{ name: "new", description: "d", category: "ui", priority: 0, steps: ["s", "t"] },
      ...{ dependencies: [2], own: [true, null], fresh: "f" },
      ...{ updatedAt: clock.iso(), revision: after.revision, status: "blocked" },
    });
    assert.notEqual(after.revision, before?.revision);
    assert.deepEqual(await features.getById(1), after);
    assert.equal(basename(fileOf(store, after)), name);
    assert.deepEqual((await told(store, 1)).slice(1), [
      "updated name old>new",
      "updated description >d",
      "updated category >ui",
      "updated priority 1>0",
      'updated steps []>["s","t"]',
      "dependency_added dependencies null>2",
      'updated own {"a":1}>[true,null]',
      "updated other x>null",
      "updated fresh null>f",
    ]);
    const own = await store.events.query({ stream: `feature:${after.uid}` });
    assert.equal(new Set(own.slice(1).map(({ txId }) => txId)).size, 1);
  });

  test("the same values, no values and undefined change nothing", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.create({
      ...{ name: "a", description: "d", steps: ["s"], own: { a: [1, { b: null }] } },
    });
    const before = tracked(store);
    for (const patch of [
      {},
      { name: undefined, own: undefined },
      { name: "a", description: "d", category: "", priority: 1, steps: ["s"], dependencies: [] },
      { own: { a: [1, { b: null }] } },
      { absent: null },
    ]) {
      assert.deepEqual(await store.features.update(1, patch), made);
    }
    assert.deepEqual(tracked(store), before);
  });

  test("keys of the store's own, wrong types and what is no JSON are refused, all named", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const reserved = [
      ...["id", "uid", "passes", "inProgress", "claim", "createdAt", "updatedAt", "revision"],
      ...["status", "deletedAt", "$schema"],
    ];
    for (const key of reserved) {
      for (const value of [1, null, "x"]) {
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
          store.features.update(1, { name: "b", [key]: value }),
        );
        assert.deepEqual(
          (error.context["issues"] as { path: string }[]).map(({ path }) => path),
          [key],
        );
      }
    }
    for (const patch of [
      ...[
        { name: null },
        { description: 5 },
        { category: null },
        { priority: "1" },
        { steps: null },
      ],
      ...[{ steps: [1] }, { dependencies: null }, { dependencies: [{ index: 0 }] }, { own: 1n }],
      ...[{ own: { deep: Symbol("s") } }, { own: "\ud800" }, { "\udc00": 1 }, null, [], "x", 5],
    ]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.update(1, patch as FeaturePatch),
      );
    }
    await refusedWithoutTrace(store, "NOT_FOUND", () =>
      store.features.update(1, { name: "b", dependencies: [9] }),
    );
    const circle = await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      store.features.update(1, { name: "b", dependencies: [1] }),
    );
    assert.deepEqual(circle.context["path"], [1, 1]);
  });

  test("__proto__ and its kin are keys like any other", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const patch = JSON.parse(
      '{"__proto__": {"x": 1}, "constructor": "c", "hasOwnProperty": [2], "toJSON": {"a": 1}}',
    ) as FeaturePatch;
    const after = await store.features.update(1, patch);
    for (const key of Object.keys(patch)) {
      assert.deepEqual(Object.getOwnPropertyDescriptor(after, key)?.value, patch[key] ?? { x: 1 });
      assert.ok(Object.hasOwn(documentOf(store, after), key), key);
    }
    const events = (await told(store, 1)).slice(1);
    assert.equal(events[0], 'updated __proto__ null>{"x":1}');
    const gone = JSON.parse('{"__proto__": null, "constructor": null}') as FeaturePatch;
    const left = await store.features.update(1, gone);
    assert.deepEqual(
      Object.keys(left).filter((key) => Object.hasOwn(patch, key)),
      ["hasOwnProperty", "toJSON"],
    );
    assert.equal(({} as { x?: unknown }).x, undefined);
  });
});

describe("delete", () => {
  test("is a tombstone: the file stays, every call but history passes it by", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    const [, two] = await features.createBulk([
      { name: "a" },
      { name: "b" },
      { name: "c", dependencies: [{ index: 1 }, { index: 0 }] },
      { name: "d", dependencies: [{ index: 1 }] },
    ]);
    assert.ok(two !== undefined);
    await features.claimAndGet(2, { agent: "ann", leaseMs: 5000 });
    const path = fileOf(store, two);
    clock.ms += 1;
    assert.deepEqual(await features.delete(2, { agent: "bob" }), { id: 2, removedFrom: [3, 4] });
    assert.ok(existsSync(path));
    const document = documentOf(store, two);
    assert.equal(document["deletedAt"], clock.iso());
    assert.deepEqual([document["inProgress"], document["claim"]], [false, null]);
    assert.deepEqual(readdirSync(join(store.root, "local/claims")), []);
    assert.deepEqual(ids(await features.getAll()), [1, 3, 4]);
    assert.deepEqual(ids((await features.list()).items), [1, 3, 4]);
    assert.deepEqual(
      (await features.getGraph()).map(({ dependencies }) => dependencies),
      [[], [1], []],
    );
    assert.equal((await features.getStats()).total, 3);
    assert.equal(await features.getById(2), null);
    for (const act of [
      () => features.delete(2),
      () => features.delete(two.uid),
      () => features.claimAndGet(2),
      () => features.update(2, { name: "x" }),
    ]) {
      await refused("NOT_FOUND", act);
    }
    assert.deepEqual(await told(store, 2), [
      ...["created", "claimed status pending>in_progress", "deleted"],
    ]);
    assert.equal((await store.changes.getEvents(two.uid)).at(-1)?.agent, "bob");
    assert.deepEqual((await told(store, 3)).at(-1), "dependency_removed dependencies 2>null");
    const deleted = await store.events.query({ type: "deleted" });
    const removed = await store.events.query({ type: "dependency_removed" });
    assert.equal(new Set([...deleted, ...removed].map(({ txId }) => txId)).size, 1);
    assert.deepEqual(await store.check(), []);
    const again = await reopen(context, store);
    assert.deepEqual(ids(await again.features.getAll()), [1, 3, 4]);
    assert.equal((await again.features.create({ name: "e" })).id, 5);
  });

  test("frees what was blocked by it alone", async (context) => {
    const { features } = await makeStore(context);
    await features.createBulk([{ name: "a" }, { name: "b", dependencies: [{ index: 0 }] }]);
    assert.deepEqual(ids(await features.getBlocked()), [2]);
    await features.delete(1);
    assert.deepEqual(ids(await features.getReady()), [2]);
    assert.deepEqual(await features.delete(2), { id: 2, removedFrom: [] });
    assert.deepEqual(await features.getAll(), []);
  });
});
