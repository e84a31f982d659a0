/** A projection in worker threads: it follows, goes on where another ended, counts nothing twice. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { FlowStore } from "flowstore";
import { atEnd } from "../at-end.ts";

const SCRIPT = fileURLToPath(new URL("./projector.worker.js", import.meta.url));

test("rows follow the log in a thread, and the next thread goes on where it ended", async (context) => {
  const store = await FlowStore.openTemporary({ durability: "none" });
  atEnd(context, () => store.close());
  const add = (cart: string): Promise<unknown> =>
    store.events.append(cart, [{ type: "added", payload: {} }]);
  const counts = { "cart:1": 0, "cart:2": 0 };
  let shown: unknown = {};
  const caughtUp = async (): Promise<void> => {
    let isSame = false;
    for (const deadline = performance.now() + 60_000; !isSame;) {
      const rows = await store.projections.list("carts");
      shown = Object.fromEntries(rows.map(({ id, items }) => [id, items]));
      isSame = JSON.stringify(shown) === JSON.stringify(counts);
      assert.ok(isSame || performance.now() < deadline, JSON.stringify(shown));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const first = new Worker(SCRIPT, { workerData: store.root });
  for (let round = 0; round < 20; round += 1) {
    const cart = round % 2 === 0 ? "cart:1" : "cart:2";
    await add(cart);
    counts[cart] += 1;
  }
  await caughtUp();
  // At the same moment as events come: it may have seen them, or not.
  const firstEnd = once(first, "exit");
  first.postMessage("end");
  await Promise.all([add("cart:1"), add("cart:1"), firstEnd]);
  counts["cart:1"] += 2;

  const second = new Worker(SCRIPT, { workerData: store.root });
  await caughtUp();
  await add("cart:2");
  counts["cart:2"] += 1;
  await caughtUp();
  const secondEnd = once(second, "exit");
  second.postMessage("end");
  assert.deepEqual(await secondEnd, [0]);
  assert.deepEqual(await store.check(), []);
});
