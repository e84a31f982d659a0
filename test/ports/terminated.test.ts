/** A worker thread that is terminated says no more, and its process lives: its group goes on all the same. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { FlowStore } from "flowstore";
import { temporaryStore } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

const SCRIPT = fileURLToPath(new URL("./projector.worker.js", import.meta.url));
const MINUTE_MS = 60_000;

test("the seat of a terminated thread is free after a minute, and until then it is its own", async (t) => {
  let ahead = 0;
  const clock = (): number => Date.now() + ahead;
  const store = await temporaryStore(t, { clock });
  await store.events.append("cart:1", [{ type: "added", payload: {} }]);
  const worker = new Worker(SCRIPT, { workerData: store.root });
  while ((await store.projections.get("carts", "cart:1")) === null) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const ended = once(worker, "exit");
  await worker.terminate();
  await ended;
  // Whether it came to keep its place behind the first event, nobody knows.
  await store.events.append("cart:2", [{ type: "added", payload: {} }]);
  const other = await FlowStore.open(store.root, { durability: "none", clock });
  atEnd(t, () => other.close());
  const early = other.events.subscribe({ group: "carts", signal: AbortSignal.timeout(100) });
  assert.equal((await early.next()).done, true);
  ahead = MINUTE_MS + 1_000;
  const items = other.events.subscribe({ group: "carts" });
  const streams: (string | undefined)[] = [];
  while (streams.at(-1) !== "cart:2") streams.push((await items.next()).value?.event?.stream);
  assert.ok(
    streams.every((stream) => stream === "cart:1" || stream === "cart:2"),
    `${streams}`,
  );
  await items.return();
});
