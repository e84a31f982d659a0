/** What C5 and C6 hold acknowledgements against sees what is lost, doubled, and claimed twice. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FlowStore } from "flowstore";

import { temporaryFolder } from "../process/store-children.ts";
import { featuresFor, START_FEATURES, Told } from "../process/store-told.ts";
import { atEnd } from "../at-end.ts";

const NOTES = START_FEATURES.length;
const WANTED = NOTES + 1;

/** A store of which all was told. */
async function told(context: TestContext): Promise<{ store: FlowStore; told: Told }> {
  const store = await FlowStore.init(temporaryFolder(context), { durability: "none" });
  atEnd(context, () => store.close());
  await store.features.createBulk(featuresFor({ wanted: 1 }));
  await store.changes.logEvent(NOTES, "note", { newValue: "w1.1" });
  await store.features.claimAndGet(WANTED, { agent: "w1" });
  await store.features.update(3, { count: 1 }, { agent: "w1" });
  const all = new Told();
  for (const change of ["note w1.1", "race 1@w1", "count w1.2"]) {
    all.hear(`try ${change}`);
    all.hear(`did ${change}`);
  }
  return { store, told: all };
}

test("what is there once, and what was only tried, is right", async (context) => {
  const { store, told: all } = await told(context);
  for (const change of ["note w1.3", "race 1@w2", "count w1.4"]) all.hear(`try ${change}`);
  const account = await all.compare(store);
  assert.deepEqual(account, { acknowledged: 3, unacknowledged: 3, happened: 0, count: 1 });
});

const WRONG: Readonly<Record<string, (store: FlowStore, all: Told) => Promise<unknown>>> = {
  "an acknowledged change that is not there": async (_store, all) => {
    all.hear("try note w1.5");
    all.hear("did note w1.5");
  },
  "a change that is there twice": (store) =>
    store.changes.logEvent(NOTES, "note", { newValue: "w1.1" }),
  "a change that nobody tried": (store) =>
    store.changes.logEvent(NOTES, "note", { newValue: "w9.1" }),
  "a claim that two made": async (store, all) => {
    all.hear("try race 1@w2");
    await store.changes.logEvent(WANTED, "claimed", { agent: "w2" });
  },
  "a claim that another one has in the end": async (store) => {
    await store.features.clearInProgress(WANTED);
    await store.features.claimAndGet(WANTED, { agent: "w1" });
  },
  "a count that is too low": async (_store, all) => {
    all.hear("try count w1.6");
    all.hear("did count w1.6");
  },
  "a count of one that is lost behind a count of another that was in doubt": async (store, all) => {
    all.hear("try count w1.6");
    all.hear("did count w1.6");
    all.hear("try count w2.1");
    await store.features.update(3, { count: 2 }, { agent: "w2" });
  },
  "shares that do not come out": (store) => store.features.update(1, { share: 1 }),
  "a writer's error": async (_store, all) => all.hear("error note w1.7: INTERNAL"),
};

for (const [name, act] of Object.entries(WRONG)) {
  test(`${name} is seen`, async (context) => {
    const { store, told: all } = await told(context);
    await act(store, all);
    await assert.rejects(all.compare(store), { code: "ERR_ASSERTION" });
  });
}
