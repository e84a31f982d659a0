/** Deletes and creates on one branch beside changes on another: a plain merge mixes nothing up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Feature, FlowStore } from "flowstore";
import { pick, randomOf, shuffled } from "../process/store-random.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, settle } from "./truth.ts";

const MERGES = 40;
const MERGES_PER_PROJECT = 10;
const FEATURES = 14;
const WORDS = "state store agent file merge branch claim event commit journal guard fence".split(
  " ",
);

/** What a side makes of a feature; `null`: it deletes it. */
type Change = Readonly<Record<string, unknown>> | null;

/** Changes that one side makes, by uid. */
type Side = Map<string, Change>;

/** Few words alike in all: git takes such files for one another. */
function inputs(
  random: () => number,
  count: number,
): { name: string; description: string; steps: string[] }[] {
  return Array.from({ length: count }, () => ({
    name: `${pick(random, WORDS)} ${pick(random, WORDS)}`,
    description: Array.from({ length: 6 }, () => pick(random, WORDS)).join(" "),
    steps: [pick(random, WORDS), pick(random, WORDS)],
  }));
}

/** Deletes some and creates as many. */
async function deleteAndCreate(
  store: FlowStore,
  mine: readonly Feature[],
  random: () => number,
): Promise<Side> {
  const side: Side = new Map();
  for (const { uid } of mine) {
    await store.features.delete(uid);
    side.set(uid, null);
  }
  for (const { uid } of await store.features.createBulk(inputs(random, mine.length)))
    side.set(uid, {});
  return side;
}

async function change(
  store: FlowStore,
  mine: readonly Feature[],
  random: () => number,
): Promise<Side> {
  const side: Side = new Map();
  for (const { uid, inProgress, passes } of mine) {
    const ways: (() => Promise<Change>)[] = [
      async () => ({ passes: (await store.features.markPassing(uid)).passes, inProgress: false }),
      async () => ({
        name: (await store.features.update(uid, { name: pick(random, WORDS) })).name,
      }),
      async () => ({
        steps: (await store.features.update(uid, { steps: [pick(random, WORDS)] })).steps,
      }),
      async () => ({
        note: (await store.features.update(uid, { note: pick(random, WORDS) }))["note"],
      }),
      async () => ({ priority: (await store.features.skip(uid)).priority }),
    ];
    if (!inProgress && !passes) {
      ways.push(async () => ({
        inProgress: (await store.features.claimAndGet(uid)).inProgress,
        passes: false,
      }));
    }
    side.set(uid, await pick(random, ways)());
  }
  return side;
}

test(`${MERGES} plain merges of deletes and creates beside changes`, async (context) => {
  let merged = 0;
  for (let seed = 1; seed <= MERGES / MERGES_PER_PROJECT; seed += 1) {
    const random = randomOf(seed);
    const project = Project.create(context);
    const store = await project.init(context);
    await store.features.createBulk(inputs(random, FEATURES));
    for (let round = 0; round < MERGES_PER_PROJECT; round += 1) {
      project.commit(`before ${round}`);
      await settle();
      const before = await store.features.getAll();
      const mixed = shuffled(before, seed * 1000 + round);
      const gone = 2 + Math.floor(random() * 3);
      const touched = gone + 2 + Math.floor(random() * 4);

      project.git("switch", "--quiet", "--create", `side-${round}`);
      const side = await change(store, mixed.slice(gone, touched), random);
      project.commit("side");
      project.git("switch", "--quiet", "main");
      await settle();
      const main = await deleteAndCreate(store, mixed.slice(0, gone), random);
      project.commit("main");
      const created = (await store.features.getAll()).filter(
        ({ uid }) => !before.some((b) => b.uid === uid),
      );

      project.merge(`side-${round}`);
      merged += 1;
      await assertSaysWhatFilesSay(store);
      const after = new Map(
        (await store.features.getAll()).map((feature) => [feature.uid, feature]),
      );
      for (const feature of [...before, ...created]) {
        const { uid } = feature;
        const what = side.get(uid) ?? main.get(uid);
        const now = after.get(uid);
        if (what === null) {
          assert.equal(now, undefined, `${uid} was deleted and is back`);
          continue;
        }
        const expected = { ...stable(feature), ...what };
        assert.deepEqual(
          pickKeys(now, Object.keys(expected)),
          expected,
          `merge ${round} of seed ${seed}`,
        );
      }
      assert.equal(after.size, before.length - gone + created.length);
    }
    await store.close();
  }
  assert.equal(merged, MERGES);
});

/** Derived, or changed together with something else. */
const UNSTABLE = ["status", "revision", "updatedAt", "claim"];

/** What is in the file and only changes when somebody changes it. */
function stable(feature: Feature): Record<string, unknown> {
  return Object.fromEntries(Object.entries(feature).filter(([key]) => !UNSTABLE.includes(key)));
}

function pickKeys(value: Feature | undefined, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, value?.[key]]));
}
