/** A program that does nothing but await one call after another: promises about time hold for it too. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { FlowStore, isFlowError } from "flowstore";
import { temporaryFolder } from "./store-children.ts";
import { featureFiles } from "./store-files.ts";
import { atEnd } from "../at-end.ts";

/** Promised for `relaxed`: what was acknowledged is in the files after 100 ms. Here with some room. */
const RELAXED_MS = 100;
const ROOM_MS = 150;
const LOOP_MS = 700;

test("relaxed: the files follow within 100 ms, however fast calls come", async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "relaxed" });
  await store.features.create({ name: "Counted", count: 0 });
  const acknowledged = [performance.now()];
  const started = performance.now();
  let latest = 0;
  for (let count = 1; performance.now() - started < LOOP_MS; count += 1) {
    await store.features.update(1, { count });
    acknowledged[count] = performance.now();
    const inFile = Number(featureFiles(join(project, ".flow"))[0]?.["count"] ?? -1);
    const missing = acknowledged[inFile + 1] ?? performance.now();
    latest = Math.max(latest, performance.now() - missing);
  }
  await store.close();
  assert.ok(
    latest < RELAXED_MS + ROOM_MS,
    `a change was not in its file ${Math.round(latest)} ms later`,
  );
});

test("relaxed: the files follow also while a transaction waits for its user's code", async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "relaxed" });
  atEnd(context, () => store.close());
  const inFile = (): unknown => featureFiles(join(project, ".flow"))[0]?.["count"];
  await store.features.create({ name: "Counted", count: 0 });
  await store.features.update(1, { count: 1 });
  await store.features.create({ name: "Untouched" });
  let waitedMs = 0;
  await store.transaction(
    async () => {
      // What it has read is the same before and after.
      assert.equal((await store.features.getById(1))?.["count"], 1);
      const started = performance.now();
      while (inFile() !== 1 && performance.now() - started < LOOP_MS) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      waitedMs = performance.now() - started;
      await store.features.update(1, { count: 2 });
    },
    { timeoutMs: 10 * LOOP_MS },
  );
  assert.ok(
    waitedMs < RELAXED_MS + ROOM_MS,
    `it was not in its file ${Math.round(waitedMs)} ms later`,
  );
  assert.equal((await store.features.getById(1))?.["count"], 2);
});

test("a transaction that only awaits calls of the store ends when its time is over", async (context) => {
  const store = await FlowStore.init(temporaryFolder(context), { durability: "none" });
  atEnd(context, () => store.close());
  await store.features.create({ name: "Counted", count: 0 });
  const started = performance.now();
  const busy = store.transaction(
    async () => {
      for (let count = 1; performance.now() - started < LOOP_MS; count += 1) {
        await store.features.update(1, { count });
      }
    },
    { timeoutMs: RELAXED_MS },
  );
  await assert.rejects(busy, (error) => isFlowError(error, "TIMEOUT"));
  assert.ok(performance.now() - started < LOOP_MS, "it ran on");
  assert.equal((await store.features.getById(1))?.["count"], 0);
});

test("timers and signals have their turn while a program awaits one write after another", async (context) => {
  const store = await FlowStore.init(temporaryFolder(context), { durability: "none" });
  atEnd(context, () => store.close());
  await store.features.create({ name: "Counted", count: 0 });
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 10);
  const started = performance.now();
  for (let count = 1; performance.now() - started < LOOP_MS; count += 1) {
    await store.features.update(1, { count });
  }
  clearInterval(timer);
  assert.ok(ticks >= 3, `a timer of 10 ms came ${ticks} times in ${LOOP_MS} ms`);
});
