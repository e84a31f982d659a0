/** A store of 10,000 features: everything works, in a time that does not grow with what is not asked for. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { computeScores, FlowStore, topologicalSort, type CreateFeatureInput } from "flowstore";

import { ids } from "./support.ts";

const SIZE = 10_000;

/** Generous: thirty times what it takes here alone; the machine may be busy. */
const LIMITS_MS = {
  createBulk: 90_000,
  open: 45_000,
  warm: 10_000,
  change: 10_000,
};

/** A forest: every feature that is no multiple of 100 needs the one before it. */
const inputs: CreateFeatureInput[] = Array.from({ length: SIZE }, (_, index) => ({
  name: `Feature number ${index}`,
  category: `category ${index % 7}`,
  dependencies: index % 100 === 0 ? [] : [{ index: index - 1 }],
}));

async function timed<T>(limitMs: number, act: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const value = await act();
  const tookMs = performance.now() - began;
  assert.ok(tookMs < limitMs, `it took ${Math.round(tookMs)} of ${limitMs} ms`);
  return value;
}

describe(`${SIZE} features`, () => {
  let store: FlowStore;

  before(async () => {
    store = await FlowStore.openTemporary({ durability: "none", actor: "tester" });
  });
  after(() => store.close());

  test("are created by one call, one file and one event each", async () => {
    const made = await timed(LIMITS_MS.createBulk, () => store.features.createBulk(inputs));
    assert.deepEqual(
      ids(made),
      Array.from({ length: SIZE }, (_, index) => index + 1),
    );
    assert.equal(readdirSync(join(store.root, "features")).length, SIZE);
    assert.equal((await store.changes.getEvents(SIZE)).length, 1);
  });

  test("can be read whole, counted, drawn, paged", async () => {
    const all = await timed(LIMITS_MS.open, () => store.features.getAll());
    assert.equal(all.length, SIZE);
    const stats = await timed(LIMITS_MS.warm, () => store.features.getStats());
    assert.deepEqual(stats, {
      ...{ total: SIZE, passing: 0, failing: SIZE, inProgress: 0, blocked: SIZE - 100 },
    });
    assert.equal((await timed(LIMITS_MS.warm, () => store.features.getReady())).length, 100);
    assert.equal((await timed(LIMITS_MS.warm, () => store.features.getGraph())).length, SIZE);
    let pages = 0;
    let seen = 0;
    let cursor: string | undefined;
    do {
      const page = await store.features.list({
        limit: 999,
        category: "category 3",
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      seen += page.items.length;
      pages += 1;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    assert.equal(pages, 2);
    assert.equal(seen, inputs.filter(({ category }) => category === "category 3").length);
    assert.equal(topologicalSort(all).length, SIZE);
    assert.equal(computeScores(all).size, SIZE);
  });

  test("can be claimed and changed one by one", async () => {
    for (let count = 0; count < 5; count += 1) {
      const claimed = await timed(LIMITS_MS.change, () => store.features.claimNext());
      assert.equal(claimed?.id, count * 100 + 1);
      await timed(LIMITS_MS.change, () => store.features.markPassing(count * 100 + 1));
    }
    const created = await timed(LIMITS_MS.change, () =>
      store.features.create({ name: "one more" }),
    );
    assert.deepEqual([created.id, created.priority], [SIZE + 1, SIZE + 1]);
    const skipped = await timed(LIMITS_MS.change, () => store.features.skip(1));
    assert.equal(skipped.priority, SIZE + 2);
    const deleted = await timed(LIMITS_MS.change, () => store.features.delete(2));
    assert.deepEqual(deleted.removedFrom, [3]);
    const circle = store.features.addDependency(101, 200);
    await assert.rejects(circle, { code: "CYCLE_DETECTED" });
  });

  test("are there after opening anew, and check finds nothing", async () => {
    const again = await FlowStore.open(store.root, { readOnly: true });
    try {
      const all = await timed(LIMITS_MS.open, () => again.features.getAll());
      assert.deepEqual(all, await store.features.getAll());
      assert.deepEqual(await timed(LIMITS_MS.open, () => again.check()), []);
      assert.equal((await again.features.getById(SIZE))?.name, `Feature number ${SIZE - 1}`);
    } finally {
      await again.close();
    }
  });
});
