/**
 * Many processes want the same features: each is claimed by one, and logged once.
 * `CLAIM_FEATURES=1000` makes the race as long as that.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowStore, type Feature } from "flowstore";
import { temporaryFolder } from "./store-children.ts";
import { claimAll } from "./store-race.ts";
import { Readers } from "./store-readers.ts";
import { RemoteStore } from "./store-remote.ts";

const FEATURES = Number(process.env["CLAIM_FEATURES"] ?? 100);

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
  `32 processes claim ${FEATURES} features, each exactly once`,
  { timeout: 200_000 },
  async (context) => {
    const race = { features: FEATURES, processes: 32 };
    const { seconds, conflicts, seen } = await claimAll(context, race);
    context.diagnostic(
      `${race.features} claims by ${race.processes} processes in ${seconds.toFixed(1)} s, ` +
        `${conflicts} races lost, ${seen.states} states read meanwhile`,
    );
  },
);
