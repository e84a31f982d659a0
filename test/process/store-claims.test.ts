/** Many processes want the same features: each is claimed by one, and logged once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { FlowStore, type Feature } from "flowstore";
import { Child, temporaryFolder } from "./store-children.ts";
import { eventLines } from "./store-files.ts";
import { Readers } from "./store-readers.ts";
import { RemoteStore } from "./store-remote.ts";

test("of 16 processes that claim one feature one wins; the others learn who holds it", async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project);
  const rounds = await store.features.createBulk([
    { name: "One" },
    { name: "Two" },
    { name: "Three" },
  ]);
  const readers = await Readers.start(context, project);
  const agents = Array.from({ length: 16 }, (_, index) => `agent-${index}`);
  const stores = await Promise.all(
    agents.map((actor) => RemoteStore.open(context, project, { actor })),
  );

  for (const { id } of rounds) {
    const answers = await Promise.all(
      stores.map((remote) => remote.try<Feature>("features.claimAndGet", id)),
    );
    const won = answers.flatMap(({ value }) => (value === undefined ? [] : [value]));
    assert.equal(won.length, 1, `round ${id}`);
    const holder = won[0]?.claim;
    assert.equal(holder?.agent, agents[answers.findIndex(({ value }) => value !== undefined)]);
    for (const { error } of answers) {
      if (error === undefined) continue;
      assert.equal(error.code, "CONFLICT");
      assert.deepEqual(error.context["holder"], holder);
      assert.equal(error.retryable, false);
    }
    const history = (await store.features.history(id)).map(({ eventType }) => eventType);
    assert.deepEqual(history, ["created", "claimed"]);
  }

  await Promise.all(stores.map((remote) => remote.end()));
  await readers.stop();
  assert.deepEqual(await store.check(), []);
  await store.close();
});

test(
  "32 processes claim 1,000 features, each exactly once",
  { timeout: 200_000 },
  async (context) => {
    const FEATURES = 1000;
    const PROCESSES = 32;
    /** The dear way: each looks at all features under the guard. */
    const BY_NEXT = 2;
    /** Two and two of these share their order, so that they race for every feature. */
    const IN_PAIRS = 12;
    const project = temporaryFolder(context);
    const store = await FlowStore.init(project);
    await store.features.createBulk(
      Array.from({ length: FEATURES }, (_, index) => ({ name: `F ${index}` })),
    );
    const readers = await Readers.start(context, project);
    const children = Array.from({ length: PROCESSES }, (_, index) => {
      const way = index < BY_NEXT ? "next" : "each";
      const seed = index < IN_PAIRS ? index >> 1 : index;
      return Child.start(context, "store-claims", [
        project,
        `agent-${index}`,
        way,
        String(seed),
        String(FEATURES),
      ]);
    });
    await Promise.all(children.map((child) => child.next((line) => line === "ready")));

    const started = performance.now();
    const reports = await Promise.all(
      children.map(async (child) => {
        const line = child.next((text) => text.startsWith("{"));
        child.send("go");
        const report = JSON.parse(await line) as { claimed: number[]; conflicts: number };
        await child.done();
        return report;
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    const seen = await readers.stop();

    const claimed = reports.flatMap((report) => report.claimed);
    assert.equal(claimed.length, FEATURES);
    assert.equal(new Set(claimed).size, FEATURES);
    const holders = new Map(
      (await store.features.getAll()).map(({ id, claim }) => [id, claim?.agent]),
    );
    for (const [index, report] of reports.entries()) {
      for (const id of report.claimed) assert.equal(holders.get(id), `agent-${index}`);
    }

    const events = await store.events.query();
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      Array.from({ length: 2 * FEATURES }, (_, index) => index + 1),
    );
    const claims = events.filter(({ type }) => type === "claimed");
    assert.equal(claims.length, FEATURES);
    assert.equal(new Set(claims.map(({ stream }) => stream)).size, FEATURES);
    assert.equal(eventLines(join(project, ".flow")).length, 2 * FEATURES);
    assert.deepEqual(await store.check(), []);
    await store.close();

    const conflicts = reports.reduce((total, report) => total + report.conflicts, 0);
    context.diagnostic(
      `1,000 claims by ${PROCESSES} processes in ${seconds.toFixed(1)} s, ${conflicts} races lost, ` +
        `${seen.states} states read meanwhile`,
    );
  },
);
