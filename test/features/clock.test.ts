/** A clock that breaks: refused in its own name by the call that asked it, and nothing is written by it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { FlowError, type FlowStore } from "flowstore";

import { FRESH_MS, makeProject, makeStore, pass, refused, reopen, tracked } from "./support.ts";

const NOW = Date.parse("2026-03-01T00:00:00.000Z");

/** What a clock may do instead of telling the time. */
const BROKEN: Readonly<Record<string, () => unknown>> = {
  "throws an Error": () => {
    throw new Error("no battery");
  },
  "throws what is no Error": () => {
    throw Object.create(null);
  },
  "gives NaN": () => Number.NaN,
  "gives Infinity": () => Infinity,
  "gives -Infinity": () => -Infinity,
  "gives a time before 1970": () => -1,
  "gives a time after 9999": () => 2 ** 60,
  "gives a BigInt": () => 5n,
  "gives a string": () => String(NOW),
  "gives a Date": () => new Date(NOW),
  "gives nothing": () => undefined,
  "gives a symbol": () => Symbol("now"),
  "gives an object without a prototype": () => Object.create(null) as unknown,
  "gives a promise": async () => NOW,
};

/** Every call that asks for the time. */
const CALLS: Readonly<Record<string, (store: FlowStore) => Promise<unknown>>> = {
  create: ({ features }) => features.create({ name: "b" }),
  createBulk: ({ features }) => features.createBulk([{ name: "b" }]),
  claimAndGet: ({ features }) => features.claimAndGet(1),
  claimNext: ({ features }) => features.claimNext(),
  renewClaim: ({ features }) => features.renewClaim(2, "tester", { leaseMs: 5 }),
  releaseExpired: ({ features }) => features.releaseExpired(),
  markPassing: ({ features }) => features.markPassing(1),
  markInProgress: ({ features }) => features.markInProgress(1),
  skip: ({ features }) => features.skip(1),
  update: ({ features }) => features.update(1, { name: "b" }),
  addDependency: ({ features }) => features.addDependency(1, 2),
  delete: ({ features }) => features.delete(1),
  logEvent: ({ changes }) => changes.logEvent(1, "comment"),
  transaction: (store) => store.transaction(() => store.features.create({ name: "b" })),
  repair: (store) => store.repair(),
  check: (store) => store.check(),
  status: (store) => store.status(),
  getById: ({ features }) => features.getById(2),
  getAll: ({ features }) => features.getAll(),
  getReady: ({ features }) => features.getReady(),
  getGraph: ({ features }) => features.getGraph(),
  getStats: ({ features }) => features.getStats(),
  list: ({ features }) => features.list(),
};

describe("a clock that breaks", () => {
  for (const [how, broken] of Object.entries(BROKEN)) {
    test(how, async (context) => {
      let clock: () => unknown = () => NOW;
      const store = await makeStore(context, { clock: () => clock() as number });
      await store.features.createBulk([{ name: "a" }, { name: "held" }]);
      await store.features.claimAndGet(2, { leaseMs: 60_000 });
      writeFileSync(join(store.root, "features/9.json"), '{"id": 9, "name": "by hand"}');
      await pass(FRESH_MS);
      const before = tracked(store);
      clock = broken;
      const readers = await reopen(context, store, { clock: broken as () => number });
      for (const [name, call] of Object.entries(CALLS)) {
        for (const one of [store, readers]) {
          const error = await refused("BAD_REQUEST", () => call(one));
          assert.equal(error.context["field"], "clock", name);
          assert.match(error.message, /^Cannot tell the time: the option clock [^]*[^.]$/);
        }
      }
      assert.deepEqual(tracked(store), before);
      clock = () => NOW + 1;
      assert.equal((await store.features.create({ name: "b" })).id, 10);
      clock = broken;
      await store.close();
      await readers.close();
    });
  }

  test("at any moment of a call: it is done wholly, or refused and not begun", async (context) => {
    for (const durability of ["none", "full", "relaxed"] as const) {
      let left = Infinity;
      const clock = (): number => {
        left -= 1;
        if (left < 0) throw new Error("no battery");
        return NOW;
      };
      const store = await makeStore(context, { clock, durability });
      let made = 0;
      for (let asked = 0; made < 3; asked += 1) {
        left = asked % 12;
        let isMade = true;
        try {
          await store.features.create({ name: "a" });
        } catch (error) {
          assert.ok(error instanceof FlowError, String(error));
          assert.deepEqual([error.code, error.context["field"]], ["BAD_REQUEST", "clock"]);
          isMade = false;
        }
        left = Infinity;
        if (isMade) made += 1;
        assert.equal((await store.features.getAll()).length, made, `${durability}, ${asked}`);
        assert.equal((await store.events.query()).length, made);
      }
      left = 0;
      await store.close();
    }
  });

  test("is not asked where nothing depends on it", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const clock = (): number => Number.NaN;
    const reader = await reopen(context, store, { clock });
    assert.equal((await reader.features.history(1)).length, 1);
    assert.equal((await reader.events.query()).length, 1);
    const { FlowStore: Store } = await import("flowstore");
    await (await Store.init(makeProject(context), { clock })).close();
  });
});
