/** Transactions over features: all or nothing, who sees what, savepoints, and how they end. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Feature, FlowStore } from "flowstore";

import { documentOf, fileOf, ids, makeStore, refused, reopen, told, tracked } from "./support.ts";

/** Made before any transaction began. */
const outside = new AsyncResource("outside");

describe("a transaction", () => {
  test("gives its function's value and commits everything as one", async (context) => {
    const store = await makeStore(context);
    const { features, changes } = store;
    const value = await store.transaction(async () => {
      const made = await features.createBulk([{ name: "a" }, { name: "b" }]);
      await sleep(5);
      await features.addDependency(2, 1);
      await features.claimAndGet(1, { agent: "ann" });
      await changes.logEvent(2, "comment");
      await features.markPassing(1, { claimedBy: "ann" });
      return ids(made);
    });
    assert.deepEqual(value, [1, 2]);
    const events = await store.events.query();
    assert.equal(events.length, 6);
    assert.equal(new Set(events.map(({ txId }) => txId)).size, 1);
    assert.equal((await features.getById(2))?.status, "ready");
    assert.equal(
      await store.transaction(() => "no promise, nothing written"),
      "no promise, nothing written",
    );
    assert.equal(await store.transaction(async () => undefined), undefined);
  });

  test("that throws leaves nothing: no file, no event, no id", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.create({ name: "a" });
    const before = tracked(store);
    const reason = new Error("the user's own");
    await assert.rejects(
      store.transaction(async () => {
        await features.create({ name: "b" });
        await features.update(1, { name: "changed" });
        await features.claimAndGet(1, { leaseMs: 1000 });
        await features.delete(2);
        throw reason;
      }),
      (error) => error === reason,
    );
    assert.deepEqual(tracked(store), before);
    await assert.rejects(
      store.transaction(() => {
        throw reason;
      }),
      (error) => error === reason,
    );
    assert.equal((await features.create({ name: "b" })).id, 2);
    assert.deepEqual(await told(store, 1), ["created"]);
    assert.deepEqual(await store.check(), []);
  });

  test("sees its own writes in every list; nobody else sees any of it before the end", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store);
    const { features } = store;
    await features.create({ name: "a" });
    const before = tracked(store);
    let outside: Promise<unknown> | undefined;
    await store.transaction(async () => {
      await features.create({ name: "b", dependencies: [1] });
      await features.markPassing(1);
      assert.deepEqual(ids(await features.getAll()), [1, 2]);
      assert.deepEqual(ids(await features.getReady()), [2]);
      assert.deepEqual((await features.getGraph())[0]?.dependents, [2]);
      assert.equal((await features.getStats()).passing, 1);
      assert.equal((await features.list({ status: "passing" })).items.length, 1);
      assert.equal((await features.getById(2))?.status, "ready");
      await features.delete(2);
      assert.equal(await features.getById(2), null);
      assert.deepEqual(await other.features.getStats(), {
        ...{ total: 1, passing: 0, failing: 1, inProgress: 0, blocked: 0 },
      });
      assert.deepEqual(tracked(store), before);
      assert.deepEqual(await other.changes.getEvents(2), []);
      // The same store, called from elsewhere: not bound to this transaction.
      outside = outsideOf(() => features.getAll());
      assert.equal(((await outside) as Feature[])[0]?.passes, false);
    });
    assert.equal((await other.features.getById(1))?.passes, true);
  });

  test("hides its writes from calls of the same process that stand outside", async (context) => {
    const store = await makeStore(context);
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const running = store.transaction(async () => {
      await store.features.create({ name: "a" });
      await gate;
    });
    await sleep(10);
    assert.deepEqual(await store.features.getAll(), []);
    const write = store.features.create({ name: "b" });
    await sleep(10);
    assert.deepEqual(await store.features.getAll(), []);
    goOn();
    await running;
    assert.equal((await write).id, 2);
  });

  test("makes other writers wait, and gives them TIMEOUT after their guardTimeoutMs", async (context) => {
    const store = await makeStore(context);
    const hasty = await reopen(context, store, { guardTimeoutMs: 60 });
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const running = store.transaction(async () => {
      await store.features.create({ name: "a" });
      await gate;
    });
    await sleep(5);
    const began = performance.now();
    const error = await refused("TIMEOUT", () => hasty.features.create({ name: "b" }));
    assert.ok(performance.now() - began >= 50);
    assert.equal(error.retryable, true);
    await refused("TIMEOUT", () => hasty.transaction(() => hasty.features.create({ name: "b" })));
    assert.deepEqual(await hasty.features.getAll(), []);
    goOn();
    await running;
    assert.equal((await hasty.features.create({ name: "b" })).id, 2);
  });

  test("past its timeoutMs is aborted with TIMEOUT, and nothing of it counts, then or later", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    let late: unknown;
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    let ended: Promise<void> = Promise.resolve();
    const error = await refused("TIMEOUT", () =>
      store.transaction(
        () => {
          ended = (async () => {
            await features.create({ name: "a" });
            await gate;
            await features.create({ name: "late" }).catch((caught: unknown) => (late = caught));
          })();
          return ended;
        },
        { timeoutMs: 200 },
      ),
    );
    assert.equal(error.retryable, true);
    assert.equal(error.context["timeoutMs"], 200);
    assert.equal((await features.create({ name: "b" })).id, 1);
    goOn();
    await ended;
    assert.equal((late as { code?: string }).code, "TIMEOUT");
    assert.deepEqual(
      (await features.getAll()).map(({ name }) => name),
      ["b"],
    );
  });

  test("whose reads a person changed meanwhile is CONFLICT, retryable, and the edit stands", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const [one] = await features.createBulk([{ name: "a" }, { name: "b" }]);
    const path = fileOf(store, one as Feature);
    let runs = 0;
    const run = (): Promise<unknown> =>
      store.transaction(async () => {
        const name = (await features.getById(1))?.name ?? "";
        runs += 1;
        if (runs === 1) {
          writeFileSync(path, readFileSync(path, "utf8").replace('"name": "a"', '"name": "hand"'));
        }
        await features.update(2, { description: `after ${name}` });
      });
    const error = await refused("CONFLICT", run);
    assert.equal(error.retryable, true);
    assert.equal((await features.getById(2))?.description, "");
    await run();
    assert.equal((await features.getById(2))?.description, "after hand");
    assert.equal((await features.getById(1))?.name, "hand");
  });

  test("has ended for a call that comes after: BAD_REQUEST, after a success and a failure", async (context) => {
    const store = await makeStore(context);
    for (const fails of [false, true]) {
      const late: (() => Promise<unknown>)[] = [];
      const run = store.transaction(async () => {
        await store.features.create({ name: "a" });
        late.push(
          bound(() => store.features.create({ name: "late" })),
          bound(() => store.features.getAll()),
          bound(() => store.transaction(() => 1)),
        );
        if (fails) throw new Error("never mind");
      });
      if (fails) await assert.rejects(run);
      else await run;
      for (const call of late) await refused("BAD_REQUEST", call);
    }
    assert.equal((await store.features.getAll()).length, 1);
  });

  test("a call that is not awaited inside is refused or part of it, never half", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    let forgotten: Promise<Feature> | undefined;
    await store.transaction(async () => {
      await features.create({ name: "a" });
      forgotten = features.create({ name: "forgotten" });
      forgotten.catch(() => undefined);
    });
    const outcome = await forgotten?.then(
      () => "kept",
      () => "refused",
    );
    const names = (await features.getAll()).map(({ name }) => name);
    assert.deepEqual(names, outcome === "kept" ? ["a", "forgotten"] : ["a"]);
  });

  test("options and a function of a wrong type are refused before it begins", async (context) => {
    const store = await makeStore(context);
    for (const fn of [null, undefined, 5, {}, "x", Promise.resolve(1)]) {
      await refused("BAD_REQUEST", () => store.transaction(fn as () => void));
    }
    let ran = 0;
    for (const options of [
      ...[null, 5, "x", [], { timeoutMs: -1 }, { timeoutMs: Number.NaN }, { timeoutMs: null }],
      ...[{ timeoutMs: "5" }, { timeoutMs: 5n }, { timeoutMs: {} }],
    ]) {
      await refused("BAD_REQUEST", () => store.transaction(() => (ran += 1), options as object));
    }
    assert.equal(ran, 0);
  });
});

describe("a savepoint", () => {
  test("that throws and is caught undoes its part alone", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await store.transaction(async () => {
      await features.create({ name: "outer 1" });
      await assert.rejects(
        store.transaction(async () => {
          await features.create({ name: "inner" });
          await features.update(1, { name: "changed" });
          await features.markPassing(1);
          assert.equal((await features.getById(1))?.name, "changed");
          throw new Error("undo");
        }),
      );
      assert.equal((await features.getById(1))?.name, "outer 1");
      assert.equal((await features.getById(1))?.passes, false);
      assert.equal((await features.create({ name: "outer 2" })).id, 2);
      const inner = await store.transaction(() => features.create({ name: "kept" }));
      assert.equal(inner.id, 3);
    });
    assert.deepEqual(
      (await features.getAll()).map(({ name }) => name),
      [...["outer 1", "outer 2", "kept"]],
    );
    assert.deepEqual(await told(store, 1), ["created"]);
    assert.deepEqual(await store.check(), []);
  });

  test("three deep, each undoing what is inside it", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.create({ name: "0" });
    const set = (name: string): Promise<Feature> => features.update(1, { name });
    const name = async (): Promise<unknown> => (await features.getById(1))?.name;
    await store.transaction(async () => {
      await set("1");
      await assert.rejects(
        store.transaction(async () => {
          await set("2");
          await assert.rejects(
            store.transaction(async () => {
              await set("3");
              throw new Error("undo 3");
            }),
          );
          assert.equal(await name(), "2");
          await store.transaction(() => set("3, kept"));
          assert.equal(await name(), "3, kept");
          throw new Error("undo 2");
        }),
      );
      assert.equal(await name(), "1");
    });
    assert.deepEqual(await told(store, 1), ["created", "updated name 0>1"]);
  });

  test("that is undone leaves the calls beside it, and parallel ones run one after another", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.create({ name: "counter", count: 0 });
    const order: string[] = [];
    await store.transaction(async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          store.transaction(async () => {
            order.push(`begin ${index}`);
            const before = (await features.getById(1))?.["count"] as number;
            await sleep(index % 3);
            await features.update(1, { count: before + 1 });
            order.push(`end ${index}`);
            if (index % 4 === 3) throw new Error("undo");
          }),
        ),
      );
      assert.equal(outcomes.filter(({ status }) => status === "rejected").length, 2);
      assert.equal((await features.getById(1))?.["count"], 8);
    });
    assert.deepEqual(
      order,
      Array.from({ length: 10 }, (_, index) => [`begin ${index}`, `end ${index}`]).flat(),
    );
    assert.equal((await features.getById(1))?.["count"], 8);
  });

  test("a failed call inside needs none: it undoes itself", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await store.transaction(async () => {
      await features.create({ name: "a" });
      await refused("NOT_FOUND", () =>
        features.createBulk([{ name: "b" }, { name: "c", dependencies: [99] }]),
      );
      await refused("CYCLE_DETECTED", () => features.addDependency(1, 1));
      assert.equal((await features.create({ name: "d" })).id, 2);
    });
    assert.deepEqual(
      (await features.getAll()).map(({ name }) => name),
      ["a", "d"],
    );
  });
});

describe("two stores of one process on one root", () => {
  test("lose no update of 80 increments, by calls and by transactions", async (context) => {
    const one = await makeStore(context);
    const other = await reopen(context, one);
    await one.features.create({ name: "counter", count: 0 });
    const increment = (store: FlowStore): Promise<unknown> =>
      store.transaction(async () => {
        const count = (await store.features.getById(1))?.["count"] as number;
        await store.features.update(1, { count: count + 1 });
      });
    const withRevision = async (store: FlowStore): Promise<void> => {
      for (;;) {
        const feature = await store.features.getById(1);
        try {
          await store.features.update(
            1,
            { count: (feature?.["count"] as number) + 1 },
            { expectedRevision: feature?.revision },
          );
          return;
        } catch (error) {
          if ((error as { code?: string }).code !== "CONFLICT") throw error;
        }
      }
    };
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => [
        increment(index % 2 === 0 ? one : other),
        withRevision(index % 2 === 0 ? other : one),
      ]).flat(),
    );
    for (const store of [one, other]) {
      assert.equal((await store.features.getById(1))?.["count"], 80);
    }
    assert.equal((await one.changes.getEvents(1)).length, 81);
    assert.deepEqual(await one.check(), []);
    assert.deepEqual(await other.check(), []);
  });

  test("each sees what the other does at once, and hand edits amid", async (context) => {
    const one = await makeStore(context);
    const other = await reopen(context, one);
    const made = await one.features.create({ name: "a" });
    assert.deepEqual(await other.features.getById(1), made);
    const passed = await other.features.markPassing(1);
    assert.deepEqual(await one.features.getById(1), passed);
    const document = documentOf(one, made);
    writeFileSync(fileOf(one, made), JSON.stringify({ ...document, name: "by hand" }));
    // A writer looks at the real file, whatever was seen of it before.
    const updated = await other.features.update(1, { category: "x" });
    assert.equal(updated.name, "by hand");
    assert.equal((await one.features.getById(1))?.name, "by hand");
  });
});

/** Binds `act` to the transaction that is running now. */
function bound<T>(act: () => Promise<T>): () => Promise<T> {
  return AsyncResource.bind(act);
}

/** Runs `act` as if called from outside of any transaction. */
function outsideOf<T>(act: () => Promise<T>): Promise<T> {
  return outside.runInAsyncScope(act);
}
