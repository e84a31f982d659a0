/**
 * Two branches change different fields of one feature: which pairs merge by plain git?
 *
 * git merges changes that have an unchanged line between them, so the order of keys decides:
 *
 * ```text
 * id, name, category, description, steps [ one, two, three ], uid, priority, dependencies,
 * createdAt, passes, inProgress, claim, keys of the user
 * ```
 *
 * Pairs that stand side by side there conflict; all others merge.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Feature, FlowStore } from "flowstore";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, settle } from "./truth.ts";

type Edit = (features: FlowStore["features"], uid: string) => Promise<Feature>;

const EDITS: Readonly<Record<string, Edit>> = {
  name: (features, uid) => features.update(uid, { name: "Another" }),
  category: (features, uid) => features.update(uid, { category: "another" }),
  description: (features, uid) => features.update(uid, { description: "Another" }),
  "first step": (features, uid) => features.update(uid, { steps: ["1", "two", "three"] }),
  "last step": (features, uid) => features.update(uid, { steps: ["one", "two", "3"] }),
  "one more step": (features, uid) =>
    features.update(uid, { steps: ["one", "two", "three", "four"] }),
  priority: (features, uid) => features.update(uid, { priority: 77 }),
  dependencies: (features, uid) => features.update(uid, { dependencies: [1] }),
  claim: (features, uid) => features.claimAndGet(uid),
  pass: (features, uid) => features.markPassing(uid),
  delete: async (features, uid) => {
    const before = await features.getById(uid);
    await features.delete(uid);
    return before as Feature;
  },
  "a key of the user": (features, uid) => features.update(uid, { owner: "another" }),
  "the last key of the user": (features, uid) => features.update(uid, { team: "another" }),
  "a new key": (features, uid) => features.update(uid, { fresh: true }),
};

/** The pairs that conflict; every other pair merges. */
const CONFLICTS: readonly (readonly [string, string])[] = [
  ["name", "category"],
  ["category", "description"],
  ["last step", "one more step"],
  ["priority", "dependencies"],
  // `inProgress` and `claim` are the lines between `passes` and the first key of the user.
  ["claim", "pass"],
  ["claim", "delete"],
  ["claim", "a key of the user"],
  ["delete", "a key of the user"],
  ["a key of the user", "the last key of the user"],
  // A new key goes to the end, and gives the line before it a comma.
  ["a key of the user", "a new key"],
  ["the last key of the user", "a new key"],
];

/** Promised in so many words: `storage.md` 3. */
const MUST_MERGE: readonly (readonly [string, string])[] = [
  ["claim", "priority"],
  ["pass", "priority"],
  ["claim", "name"],
  ["pass", "name"],
  ["name", "priority"],
];

const FIELDS = [
  "name",
  "category",
  "description",
  "steps",
  "priority",
  "dependencies",
  "passes",
  "inProgress",
  "owner",
  "team",
  "fresh",
];

test("different fields of one feature on two branches", async (context) => {
  const names = Object.keys(EDITS);
  const pairs = names.flatMap((a, index) => names.slice(index + 1).map((b) => [a, b] as const));
  const project = Project.create(context);
  const store = await project.init(context);
  await store.features.create({ name: "Needed" });
  const made = await store.features.createBulk(
    pairs.map(([a, b]) => ({
      name: `${a} and ${b}`,
      category: "some",
      description: "Some",
      steps: ["one", "two", "three"],
      owner: "some",
      team: "some",
    })),
  );
  project.commit("start");

  // One feature a pair, so that one merge tells of all of them.
  const sides = new Map<string, Feature[]>();
  for (const [side, which] of [
    ["side", 1],
    ["main", 0],
  ] as const) {
    if (side === "side") project.git("switch", "--quiet", "--create", side);
    else project.git("switch", "--quiet", side);
    await settle();
    const changed: Feature[] = [];
    for (const [index, pair] of pairs.entries()) {
      const edit = EDITS[pair[which]];
      const feature = made[index];
      assert.ok(edit !== undefined && feature !== undefined);
      changed.push(await edit(store.features, feature.uid));
    }
    sides.set(side, changed);
    project.commit(side);
  }
  project.tryGit("merge", "--quiet", "--no-edit", "side");
  const inConflict = project.conflicts();
  assert.ok(inConflict.every((path) => path.startsWith(".flow/features/")));
  const conflicting = pairs.filter((_, index) => {
    const suffix = made[index]?.uid.slice(-6).toLowerCase() ?? "";
    return inConflict.some((path) => path.endsWith(`-${suffix}.json`));
  });
  assert.deepEqual(conflicting, CONFLICTS);
  for (const [a, b] of MUST_MERGE) {
    assert.ok(!conflicting.some((pair) => pair.includes(a) && pair.includes(b)), `${a} and ${b}`);
  }

  // What merged bears both changes; a conflict is named and stops nobody else.
  await settle();
  const rules = (await store.check())
    .filter(({ severity }) => severity === "error")
    .map(({ rule }) => rule);
  assert.deepEqual(new Set(rules), new Set(["conflict-markers"]));
  assert.equal(rules.length, CONFLICTS.length);
  const merged = new Map((await store.features.getAll()).map((feature) => [feature.uid, feature]));
  for (const [index, pair] of pairs.entries()) {
    const before = made[index];
    if (before === undefined || conflicting.includes(pair)) continue;
    const now = merged.get(before.uid);
    assert.equal(now === undefined, pair.includes("delete"), pair.join(" and "));
    for (const field of now === undefined ? [] : FIELDS) {
      const values: unknown[] = [...sides.values()].map((side) => side[index]?.[field]);
      const changed: unknown[] = values.filter(
        (value) => JSON.stringify(value) !== JSON.stringify(before[field]),
      );
      const expected: unknown[] = changed.length > 0 ? changed : [before[field]];
      if (expected.length === 1)
        assert.deepEqual(now?.[field], expected[0], `${pair.join(" and ")}: ${field}`);
    }
  }
  project.git("checkout", "--theirs", "--", ...inConflict);
  project.commit("merged");
  await assertSaysWhatFilesSay(store);
});
