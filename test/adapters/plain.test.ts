import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Feature, FlowStore } from "#src/index.js";
import { recogniseFormat } from "#src/adapters/formats.js";
import { bring, byName, give, importedOf, openStore } from "./support.ts";

/** What two stores can share: ids, times and revisions are each store's own. */
function shared(features: readonly Feature[]): unknown[] {
  const names = new Map(features.map(({ id, name }) => [id, name]));
  return features.map((feature) => {
    const {
      id: _id,
      uid,
      createdAt,
      updatedAt,
      revision,
      imported,
      dependencies,
      ...rest
    } = feature;
    void [uid, createdAt, updatedAt, revision, imported];
    return { ...rest, needs: dependencies.map((dependency) => names.get(dependency)) };
  });
}

async function fill(store: FlowStore): Promise<void> {
  await store.features.createBulk([
    { name: "gone" },
    { name: "A", description: "two\nlines", steps: ["one", "two"], category: "c", priority: -3 },
    { name: "B", dependencies: [{ index: 3 }], mine: { deep: [1, null, "x"] }, other: "y" },
    { name: "C", priority: 7 },
    { name: "B", dependencies: [{ index: 1 }, { index: 2 }] },
  ]);
  await store.features.delete(1);
  await store.features.markPassing(2);
}

for (const format of ["plain", "jsonl"]) {
  describe(`the format ${format}`, () => {
    test("gives another store the same features", async (context) => {
      const [first, second] = [await openStore(context), await openStore(context)];
      await fill(first);
      const text = await give(first, format);
      const report = await bring(second, format, text);
      assert.deepEqual([report.created, report.problems, report.droppedEdges], [4, [], []]);
      const [came, went] = [await first.features.getAll(), await second.features.getAll()];
      assert.deepEqual(shared(went), shared(came));
      assert.equal(recogniseFormat(text, "x").name, format);
    });

    test("brought back, changes nothing, here and there", async (context) => {
      const [first, second] = [await openStore(context), await openStore(context)];
      await fill(first);
      const text = await give(first, format);
      for (const store of [first, second, second]) await bring(store, format, text);
      const back = await bring(first, format, await give(second, format));
      assert.deepEqual([back.created, back.updated, back.unchanged], [0, 0, 4]);
      const there = await bring(second, format, text);
      assert.deepEqual([there.created, there.updated, there.unchanged], [0, 0, 4]);
      assert.equal((await second.features.getAll()).length, 4);
    });

    test("edited and brought back, updates", async (context) => {
      const store = await openStore(context);
      await fill(store);
      const text = (await give(store, format)).replace('"C"', '"C2"');
      const report = await bring(store, format, text);
      assert.deepEqual([report.created, report.updated, report.unchanged], [0, 1, 3]);
      byName(await store.features.getAll(), "C2");
    });
  });
}

describe("a list made by hand", () => {
  test("needs names only; ids, places and names are ways to point", async (context) => {
    const store = await openStore(context);
    const list = [
      { name: "A" },
      { id: 7, name: "B", dependencies: [{ index: 0 }] },
      { id: "x", name: "C", dependencies: [7, "A"], status: "done" },
    ];
    const report = await bring(store, "plain", JSON.stringify({ features: list }));
    assert.equal(report.created, 3);
    const features = await store.features.getAll();
    const [a, b, c] = ["A", "B", "C"].map((name) => byName(features, name));
    assert.deepEqual(b?.dependencies, [a?.id]);
    assert.deepEqual(c?.dependencies, [b?.id, a?.id]);
    assert.equal(c?.passes, true);
    assert.equal(c !== undefined && importedOf(c)["status"], "done");
  });

  test("an id means another feature in a list of another name", async (context) => {
    const store = await openStore(context);
    const list = JSON.stringify([{ id: 1, name: "A" }]);
    await bring(store, "plain", list, "plans/a.json");
    await bring(store, "plain", list, "plans/b.json");
    await bring(store, "plain", list, "elsewhere/a.json");
    assert.equal((await store.features.getAll()).length, 2);
  });

  test("what is in progress there is pending here", async (context) => {
    const store = await openStore(context);
    const claim = { agent: "ann", at: "2026-01-01T00:00:00.000Z", expiresAt: null };
    const report = await bring(
      store,
      "plain",
      JSON.stringify([{ name: "A", inProgress: true, claim }]),
    );
    assert.equal(report.keptAside[0]?.what, "in progress");
    const [feature] = await store.features.getAll();
    assert.deepEqual([feature?.inProgress, feature?.claim], [false, null]);
    assert.deepEqual(feature && importedOf(feature)["claim"], claim);
  });

  test("keys named like parts of a prototype are plain data", async (context) => {
    const store = await openStore(context);
    await bring(store, "plain", '[{"name":"A","__proto__":{"x":1},"constructor":2}]');
    const [feature] = await store.features.getAll();
    assert.ok(feature && Object.hasOwn(feature, "__proto__"));
    assert.match(await give(store, "plain"), /"__proto__": \{\n\s+"x": 1/);
  });
});
