/** Looking at features: one by one, in lists, by status, as counts and as a graph. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import {
  areDependenciesSatisfied,
  FlowStore,
  type CreateFeatureInput,
  type Feature,
  type FeatureStatus,
  type ListFeaturesOptions,
} from "flowstore";

import { FRESH_MS, ids, makeStore, pass, QUICK, refused, reopen } from "./support.ts";

describe("getById", () => {
  test("is null for an unknown id and uid, BAD_REQUEST for what can be neither", async (context) => {
    const store = await makeStore(context);
    const { uid } = await store.features.create({ name: "a" });
    assert.equal((await store.features.getById(1))?.uid, uid);
    assert.equal((await store.features.getById(uid))?.id, 1);
    for (const unknown of [2, Number.MAX_SAFE_INTEGER, "01ARZ3NDEKTSV4RRFFQ69G5FAV"]) {
      assert.equal(await store.features.getById(unknown), null);
    }
    for (const wrong of [
      ...[0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, "1", "", "abc", uid.toLowerCase(), `${uid} `],
      ...["../../flow.json", "1-a.json", "__proto__", "*", null, undefined, {}, [], [1], true],
    ]) {
      const error = await refused("BAD_REQUEST", () => store.features.getById(wrong as number));
      assert.equal(error.context["field"], "id");
    }
    await store.features.delete(1);
    assert.equal(await store.features.getById(1), null);
    assert.equal(await store.features.getById(uid), null);
  });
});

describe("an empty store", () => {
  test("has empty lists, zeros, and nothing to claim", async (context) => {
    const { features } = await makeStore(context);
    assert.deepEqual(await features.getAll(), []);
    assert.deepEqual(await features.getReady(), []);
    assert.deepEqual(await features.getBlocked(), []);
    assert.deepEqual(await features.getGraph(), []);
    assert.deepEqual(await features.list(), { items: [], next: null });
    assert.deepEqual(await features.history(1), []);
    assert.equal(await features.claimNext(), null);
    assert.deepEqual(await features.releaseExpired(), []);
    assert.deepEqual(await features.getStats(), {
      total: 0,
      passing: 0,
      failing: 0,
      inProgress: 0,
      blocked: 0,
    });
  });
});

describe("order", () => {
  test("is priority, then id, also after several skips", async (context) => {
    const { features } = await makeStore(context);
    await features.createBulk([5, 5, -1, 5, 3].map((priority) => ({ name: "f", priority })));
    assert.deepEqual(ids(await features.getAll()), [3, 5, 1, 2, 4]);
    await features.skip(1);
    await features.skip(3);
    await features.skip(3);
    assert.deepEqual(
      (await features.getAll()).map(({ id, priority }) => [id, priority]),
      [
        [5, 3],
        [2, 5],
        [4, 5],
        [1, 6],
        [3, 8],
      ],
    );
    assert.deepEqual(ids((await features.list()).items), [5, 2, 4, 1, 3]);
    assert.deepEqual(
      (await features.getGraph()).map(({ id }) => id),
      [5, 2, 4, 1, 3],
    );
  });
});

describe("status", () => {
  test("over a chain, a diamond, a dangling id and a finished feature with an unmet dependency", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([
      { name: "root" },
      { name: "left", dependencies: [{ index: 0 }] },
      { name: "right", dependencies: [{ index: 0 }] },
      { name: "top", dependencies: [{ index: 1 }, { index: 2 }] },
      { name: "done too early", dependencies: [{ index: 3 }] },
      { name: "begun too early", dependencies: [{ index: 3 }] },
    ]);
    writeFileSync(
      join(store.root, "features/7-hand.json"),
      '{"id": 7, "name": "dangling", "dependencies": [1, 99], "priority": 7}',
    );
    await pass(FRESH_MS);
    await features.markPassing(5);
    await features.claimAndGet(6);
    const look = async (): Promise<Record<string, unknown>> => ({
      status: (await features.getAll()).map(({ status }) => status),
      ready: ids(await features.getReady()),
      blocked: ids(await features.getBlocked()),
      stats: await features.getStats(),
    });
    assert.deepEqual(await look(), {
      status: ["ready", "blocked", "blocked", "blocked", "passing", "in_progress", "blocked"],
      ready: [1],
      blocked: [2, 3, 4, 7],
      stats: { total: 7, passing: 1, failing: 5, inProgress: 1, blocked: 4 },
    });
    await features.markPassing(1);
    await features.markPassing(2);
    assert.deepEqual(await look(), {
      status: ["passing", "passing", "ready", "blocked", "passing", "in_progress", "blocked"],
      ready: [3],
      blocked: [4, 7],
      stats: { total: 7, passing: 3, failing: 3, inProgress: 1, blocked: 2 },
    });
    await features.markFailing(1);
    assert.deepEqual((await look())["blocked"], [3, 4, 7]);
    assert.deepEqual(await features.getGraph(), [
      node(1, "root", { dependents: [2, 3, 7] }),
      node(2, "left", { passes: true, dependencies: [1], dependents: [4] }),
      node(3, "right", { blocked: true, dependencies: [1], dependents: [4] }),
      node(4, "top", { blocked: true, dependencies: [2, 3], dependents: [5, 6] }),
      node(5, "done too early", { passes: true, dependencies: [4] }),
      node(6, "begun too early", { inProgress: true, dependencies: [4] }),
      node(7, "dangling", { blocked: true, dependencies: [1, 99] }),
    ]);
  });

  test("a file that says both passes and inProgress counts as passing, once", async (context) => {
    const store = await makeStore(context);
    writeFileSync(
      join(store.root, "features/1-both.json"),
      '{"id": 1, "name": "both", "passes": true, "inProgress": true, "claim": {"agent": "a", "at": "x"}}',
    );
    const [feature] = await store.features.getAll();
    assert.deepEqual(
      [feature?.status, feature?.passes, feature?.inProgress, feature?.claim],
      ["passing", true, false, null],
    );
    assert.deepEqual(await store.features.getStats(), {
      total: 1,
      passing: 1,
      failing: 0,
      inProgress: 0,
      blocked: 0,
    });
  });

  test("a dependency that was named twice by hand counts once", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    writeFileSync(
      join(store.root, "features/2-hand.json"),
      '{"id": 2, "name": "b", "dependencies": [1, 1, 2, 1]}',
    );
    await pass(FRESH_MS);
    const [one, two] = await store.features.getGraph();
    assert.deepEqual(two?.dependencies, [1, 2]);
    assert.deepEqual(one?.dependents, [2]);
  });
});

function node(id: number, name: string, other: Record<string, unknown>): Record<string, unknown> {
  return {
    ...{ id, name, category: "", priority: id, passes: false, inProgress: false, blocked: false },
    ...{ dependencies: [], dependents: [] },
    ...other,
  };
}

describe("list", () => {
  const category = (index: number): string => ["ui", "core", "Core"][index % 3] ?? "";
  const inputs = Array.from({ length: 30 }, (_, index) => ({
    name: `Feature ${index} ${index % 2 === 0 ? "Even" : "Odd"}`,
    description: index === 7 ? "ÄÖ needle" : "",
    steps: index === 8 ? ["x", "the NEEDLE here"] : [],
    category: category(index),
    priority: index % 4,
    dependencies: index >= 20 ? [{ index: 0 }] : [],
  }));

  test("filters by status, category and text, together and alone", async (context) => {
    const { features } = await makeStore(context);
    await features.createBulk(inputs);
    await features.markPassing(2);
    await features.claimAndGet(3);
    const found = async (options: ListFeaturesOptions): Promise<number[]> =>
      ids((await features.list(options)).items).toSorted((a, b) => a - b);
    assert.deepEqual(await found({ status: "passing" }), [2]);
    assert.deepEqual(await found({ status: "in_progress" }), [3]);
    assert.equal((await found({ status: "blocked" })).length, 10);
    assert.equal((await found({ status: "ready" })).length, 18);
    assert.equal((await found({ category: "core" })).length, 10);
    assert.equal((await found({ category: "CORE" })).length, 0);
    assert.equal((await found({ category: "" })).length, 0);
    assert.deepEqual(await found({ text: "needle" }), [8, 9]);
    assert.deepEqual(await found({ text: "äö N" }), [8]);
    assert.equal((await found({ text: "even" })).length, 15);
    assert.equal((await found({ text: "" })).length, 30);
    assert.deepEqual(await found({ text: ".*" }), []);
    assert.deepEqual(await found({ text: "even", category: "core", status: "blocked" }), [23, 29]);
  });

  test("pages end where the list ends, whatever the size, and go on when it changes", async (context) => {
    const { features } = await makeStore(context);
    await features.createBulk(inputs);
    const all = ids(await features.getAll());
    for (const limit of [1, 7, 29, 30, 31, 1000]) {
      const seen: number[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await features.list({ limit, ...(after === undefined ? {} : { after }) });
        seen.push(...ids(page.items));
        if (page.next === null) break;
        assert.equal(page.items.length, limit);
        after = page.next;
      }
      assert.deepEqual(seen, all, `pages of ${limit}`);
    }
    const first = await features.list({ limit: 10 });
    const last = first.items.at(-1) as Feature;
    await features.delete(last.id);
    await features.skip(first.items[0]?.id ?? 0);
    const rest = await features.list({ after: first.next ?? "" });
    assert.deepEqual(ids(rest.items), [...all.slice(10), all[0]]);
    assert.equal(rest.next, null);
  });

  test("options of a wrong shape are refused", async (context) => {
    const { features } = await makeStore(context);
    await features.create({ name: "a" });
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const options of [
      ...[{ status: "done" }, { status: null }, { category: 5 }, { category: null }, { text: /x/ }],
      ...[
        { limit: 0 },
        { limit: -1 },
        { limit: 1.5 },
        { limit: "5" },
        { limit: null },
        { limit: 5n },
      ],
      ...[{ limit: Number.NaN }, { limit: Infinity }, { after: "" }, { after: "x" }, { after: 5 }],
      ...[{ after: "1.2" }, { after: "1.2.3" }, { after: "a.1.01ARZ3NDEKTSV4RRFFQ69G5FAV" }],
      ...[{ after: null }, { after: circle }, { text: circle }, null, "ready", 5, []],
    ]) {
      await refused("BAD_REQUEST", () => features.list(options as ListFeaturesOptions));
    }
    assert.equal((await features.list({ limit: undefined, after: undefined })).items.length, 1);
  });
});

/** A store of up to 12 features whose dependencies may dangle and whose states are any. */
const planArbitrary = fc
  .array(
    fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      state: fc.constantFrom("pending", "claimed", "passing", "leased", "deleted"),
      needs: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }),
    }),
    { maxLength: 12 },
  )
  .map((plan) =>
    plan.map((one, index) => ({ ...one, needs: one.needs.filter((at) => at < index) })),
  );

describe("every question has one answer", () => {
  test("status, ready, blocked, stats, graph, list and getById agree for any plan", async (context) => {
    let ms = 1_000_000;
    const store = await makeStore(context, { clock: () => ms });
    const { features } = store;
    await fc.assert(
      fc.asyncProperty(planArbitrary, async (plan) => {
        for (const { id } of await features.getAll()) await features.delete(id);
        const inputs: CreateFeatureInput[] = plan.map(({ priority, needs }, index) => ({
          name: `f${index}`,
          priority,
          dependencies: needs.map((at) => ({ index: at })),
        }));
        await store.transaction(async () => {
          const made = await features.createBulk(inputs);
          for (const [index, { state }] of plan.entries()) {
            const id = made[index]?.id ?? 0;
            if (state === "claimed") await features.claimAndGet(id);
            if (state === "leased") await features.claimAndGet(id, { leaseMs: 10 });
            if (state === "passing") await features.markPassing(id);
            if (state === "deleted") await features.delete(id);
          }
        });
        ms += 10;
        await assertAgreement(store);
      }),
      { numRuns: 40 },
    );
    const fresh = await reopen(context, store, { clock: () => ms });
    assert.deepEqual(await fresh.features.getAll(), await features.getAll());
    await assertAgreement(fresh);
  });
});

async function assertAgreement({ features }: FlowStore): Promise<void> {
  const all = await features.getAll();
  const statusOf = new Map(all.map(({ id, status }) => [id, status]));
  const having = (status: FeatureStatus): Feature[] => all.filter((one) => one.status === status);
  assert.deepEqual(await features.getReady(), having("ready"));
  assert.deepEqual(await features.getBlocked(), having("blocked"));
  const stats = await features.getStats();
  assert.deepEqual(stats, {
    total: all.length,
    passing: having("passing").length,
    failing: having("ready").length + having("blocked").length,
    inProgress: having("in_progress").length,
    blocked: having("blocked").length,
  });
  assert.equal(stats.failing, stats.total - stats.passing - stats.inProgress);
  for (const status of ["passing", "in_progress", "blocked", "ready"] as const) {
    assert.deepEqual((await features.list({ status })).items, having(status));
  }
  for (const feature of all) {
    assert.deepEqual(await features.getById(feature.id), feature);
    assert.deepEqual(await features.getById(feature.uid), feature);
    const isMet = feature.dependencies.every((id) => statusOf.get(id) === "passing");
    const expected = feature.passes
      ? "passing"
      : feature.inProgress
        ? "in_progress"
        : isMet
          ? "ready"
          : "blocked";
    assert.equal(feature.status, expected);
    assert.equal(areDependenciesSatisfied(feature, all), isMet);
    assert.equal(feature.claim !== null, feature.inProgress);
    assert.ok(!(feature.passes && feature.inProgress));
  }
  const nodes = await features.getGraph();
  assert.deepEqual(
    nodes.map(({ id, priority, name, category, passes, inProgress, blocked, dependencies }) => ({
      ...{ id, priority, name, category, passes, inProgress, blocked, dependencies },
    })),
    all.map(({ id, priority, name, category, passes, inProgress, status, dependencies }) => ({
      ...{ id, priority, name, category, passes, inProgress, dependencies },
      blocked: status === "blocked",
    })),
  );
  for (const { id, dependents } of nodes) {
    const needing = all.filter(({ dependencies }) => dependencies.includes(id));
    assert.deepEqual(dependents, ids(needing));
  }
}

describe("a store that is opened while another writes", () => {
  test("sees each commit of the other at once", async (context) => {
    const writer = await makeStore(context);
    const reader = await FlowStore.open(writer.root, QUICK);
    try {
      for (let count = 1; count <= 20; count += 1) {
        await writer.features.create({ name: `f${count}` });
        assert.equal((await reader.features.getStats()).total, count);
        await writer.features.markPassing(count);
        assert.equal((await reader.features.getById(count))?.passes, true);
      }
    } finally {
      await reader.close();
    }
  });
});
