/** Processes that read a number and write the next one: none of their writes is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowStore } from "flowstore";
import { Child, temporaryFolder } from "./store-children.ts";
import { Readers } from "./store-readers.ts";

const PROCESSES = 8;
const TIMES = 50;

test(
  "8 processes count two numbers up, by revision and in transactions",
  { timeout: 90_000 },
  async (context) => {
    const project = temporaryFolder(context);
    const store = await FlowStore.init(project);
    await store.features.create({ name: "By revision", count: 0 });
    await store.features.create({ name: "In transactions", count: 0 });
    const readers = await Readers.start(context, project);
    const children = Array.from({ length: PROCESSES }, () =>
      Child.start(context, "store-counters", [project, String(TIMES)]),
    );
    await Promise.all(children.map((child) => child.next((line) => line === "ready")));

    const started = performance.now();
    const retries = await Promise.all(
      children.map(async (child) => {
        const line = child.next((text) => text.startsWith("{"));
        child.send("go");
        const report = JSON.parse(await line) as { retries: number };
        await child.done();
        return report.retries;
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    const seen = await readers.stop();

    for (const feature of await store.features.getAll()) {
      assert.equal(feature["count"], PROCESSES * TIMES, feature.name);
      // Each count is told by its own event, from the number before to the next one.
      const steps = (await store.features.history(feature.id)).filter(
        ({ field }) => field === "count",
      );
      assert.deepEqual(
        steps.map(({ oldValue, newValue }) => [Number(oldValue), Number(newValue)]),
        Array.from({ length: PROCESSES * TIMES }, (_, count) => [count, count + 1]),
      );
    }
    assert.deepEqual(await store.check(), []);
    await store.close();
    context.diagnostic(
      `${2 * PROCESSES * TIMES} updates in ${seconds.toFixed(1)} s, ` +
        `${retries.reduce((a, b) => a + b, 0)} conflicts retried, ${seen.states} states read meanwhile`,
    );
  },
);
