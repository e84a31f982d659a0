/** Dependencies: adding, removing, replacing, and the circles that are refused. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import { findCycles, wouldCreateCycle, type FlowStore } from "flowstore";

import {
  FRESH_MS,
  makeStore,
  pass,
  refusedWithoutTrace,
  TestClock,
  told,
  tracked,
} from "./support.ts";

async function makeFour(store: FlowStore): Promise<void> {
  await store.features.createBulk(["a", "b", "c", "d"].map((name) => ({ name })));
}

describe("addDependency", () => {
  test("appends; a present one is no change; a uid stands for its id", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    await makeFour(store);
    assert.deepEqual((await features.addDependency(1, 3)).dependencies, [3]);
    const three = await features.getById(3);
    assert.deepEqual((await features.addDependency(1, 2)).dependencies, [3, 2]);
    const before = tracked(store);
    clock.ms += 5;
    const same = await features.addDependency(1, three?.uid ?? "");
    assert.deepEqual(same.dependencies, [3, 2]);
    assert.deepEqual(tracked(store), before);
    assert.deepEqual(await told(store, 1), [
      "created",
      "dependency_added dependencies null>3",
      "dependency_added dependencies null>2",
    ]);
  });

  test("itself and a circle of any length are CYCLE_DETECTED with the path", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const length = 60;
    await features.createBulk(
      Array.from({ length }, (_, index) => ({
        name: `f${index}`,
        dependencies: index === 0 ? [] : [{ index: index - 1 }],
      })),
    );
    const self = await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      features.addDependency(7, 7),
    );
    assert.deepEqual(self.context["path"], [7, 7]);
    const two = await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      features.addDependency(1, 2),
    );
    assert.deepEqual(two.context["path"], [1, 2, 1]);
    const ring = await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      features.addDependency(1, length),
    );
    const path = ring.context["path"] as number[];
    assert.deepEqual(path, [1, ...Array.from({ length }, (_, index) => length - index)]);
    assert.equal(ring.retryable, false);
  });

  test("a circle that a person made does not hold up other edges, and can be opened", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    for (const [id, dependencies] of [
      [1, [2]],
      [2, [1]],
      [3, [3]],
      [4, []],
    ] as const) {
      const text = JSON.stringify({ id, name: `f${id}`, dependencies });
      writeFileSync(join(store.root, `features/${id}-hand.json`), text);
    }
    await pass(FRESH_MS);
    assert.deepEqual(
      (await store.check()).filter(({ rule }) => rule === "cycle").map(({ file }) => file),
      ["features/1-hand.json", "features/3-hand.json"],
    );
    assert.deepEqual((await features.addDependency(4, 1)).dependencies, [1]);
    await refusedWithoutTrace(store, "CYCLE_DETECTED", () => features.addDependency(2, 4));
    assert.deepEqual((await features.setDependencies(3, [])).dependencies, []);
    assert.deepEqual((await features.removeDependency(1, 2)).dependencies, []);
    assert.deepEqual(
      (await features.getAll()).map(({ status }) => status),
      ["ready", "blocked", "ready", "blocked"],
    );
  });
});

describe("removeDependency", () => {
  test("removes every occurrence; an absent one, even an unknown one, is no change", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await makeFour(store);
    writeFileSync(
      join(store.root, "features/5-hand.json"),
      '{"id": 5, "name": "e", "dependencies": [1, 99, 1, 2, 1]}',
    );
    await pass(FRESH_MS);
    assert.deepEqual((await features.removeDependency(5, 1)).dependencies, [99, 2]);
    assert.deepEqual((await features.removeDependency(5, 99)).dependencies, [2]);
    const before = tracked(store);
    for (const absent of [1, 3, 99, 12345, "01ARZ3NDEKTSV4RRFFQ69G5FAV"]) {
      assert.deepEqual((await features.removeDependency(5, absent)).dependencies, [2]);
    }
    assert.deepEqual(tracked(store), before);
    assert.deepEqual((await told(store, 5)).slice(-2), [
      "dependency_removed dependencies 1>null",
      "dependency_removed dependencies 99>null",
    ]);
    const gone = await features.getById(2);
    assert.deepEqual((await features.removeDependency(5, gone?.uid ?? "")).dependencies, []);
  });
});

describe("setDependencies", () => {
  test("replaces in the order given, each once, with one event for each that comes or goes", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await makeFour(store);
    assert.deepEqual((await features.setDependencies(1, [4, 2, 4])).dependencies, [4, 2]);
    assert.deepEqual((await features.setDependencies(1, [2, 3])).dependencies, [2, 3]);
    assert.deepEqual((await features.setDependencies(1, [3, 2])).dependencies, [3, 2]);
    const before = tracked(store);
    assert.deepEqual((await features.setDependencies(1, [3, 2, 3])).dependencies, [3, 2]);
    assert.deepEqual(tracked(store), before);
    assert.deepEqual((await features.setDependencies(1, [])).dependencies, []);
    assert.deepEqual((await told(store, 1)).slice(1), [
      "dependency_added dependencies null>4",
      "dependency_added dependencies null>2",
      "dependency_removed dependencies 4>null",
      "dependency_added dependencies null>3",
      "updated dependencies [2,3]>[3,2]",
      "dependency_removed dependencies 3>null",
      "dependency_removed dependencies 2>null",
    ]);
  });

  test("what is no list of ids is refused", async (context) => {
    const store = await makeStore(context);
    await makeFour(store);
    for (const deps of [
      null,
      undefined,
      2,
      "2",
      {},
      new Set([2]),
      [0],
      [null],
      [{ index: 1 }],
      [[2]],
    ]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.setDependencies(1, deps as number[]),
      );
    }
    await refusedWithoutTrace(store, "NOT_FOUND", () => store.features.setDependencies(1, [2, 9]));
    await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      store.features.setDependencies(1, [2, 1]),
    );
    const many = Array.from({ length: 20_000 }, () => 2);
    assert.deepEqual((await store.features.setDependencies(1, many)).dependencies, [2]);
  });
});

describe("whatever edges are asked for", () => {
  test("the store never holds a circle, and refuses exactly what would close one", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const size = 8;
    await features.createBulk(Array.from({ length: size }, (_, index) => ({ name: `f${index}` })));
    const id = fc.integer({ min: 1, max: size });
    await fc.assert(
      fc.asyncProperty(id, id, async (from, to) => {
        const all = await features.getAll();
        const feature = all.find((one) => one.id === from);
        assert.ok(feature !== undefined);
        if (wouldCreateCycle(feature, to, all)) {
          await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
            features.addDependency(from, to),
          );
        } else {
          const { dependencies } = await features.addDependency(from, to);
          assert.ok(dependencies.includes(to));
        }
        assert.deepEqual(findCycles(await features.getAll()), []);
      }),
      { numRuns: 80 },
    );
  });
});
