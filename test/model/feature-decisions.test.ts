import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decideCreate } from "#src/model/feature-creation.js";
import {
  decideClearInProgress,
  decideMarkInProgress,
  type MarkOptions,
} from "#src/model/feature-claims.js";
import {
  decideDelete,
  decideMarkFailing,
  decideMarkPassing,
  decideSkip,
  decideUpdate,
} from "#src/model/feature-decisions.js";
import type { CreateFeatureInput, FeaturePatch } from "#src/model/feature-inputs.js";
import type { Decision, FeatureWorld } from "#src/model/feature-world.js";
import type { FeatureDocument } from "#src/model/schema.js";
import { eventTexts, refusal, START_MS, TestStore, uid } from "./world.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const claim = { agent: "ann", at: "2025-12-31T00:00:00.000Z" };

describe("create", () => {
  const create = (store: TestStore, ...inputs: CreateFeatureInput[]) =>
    store.run((world) => decideCreate(world, inputs, { agent: "ann" }));

  test("an empty store: id 1, priority 1, all defaults, one event", () => {
    const store = new TestStore();
    const { decision, features } = create(store, { name: "first" });
    assert.deepEqual(eventTexts(decision), ["1 created - ->- @ann"]);
    assert.deepEqual(features, [
      {
        id: 1,
        uid: uid(1),
        priority: 1,
        category: "",
        name: "first",
        description: "",
        steps: [],
        passes: false,
        inProgress: false,
        dependencies: [],
        claim: null,
        createdAt: NOW,
        updatedAt: NOW,
        revision: features[0]?.revision,
        status: "ready",
      },
    ]);
  });

  test("explicit priorities neither use nor move the counter of a batch", () => {
    const store = new TestStore(
      { id: 3, priority: 9 },
      { id: 4 },
      { id: 9, priority: 99, deletedAt: NOW },
    );
    const { features } = create(
      store,
      { name: "a" },
      { name: "b", priority: 50 },
      { name: "c" },
      { name: "d", priority: -1 },
      { name: "e" },
    );
    assert.deepEqual(
      features.map(({ id, priority }) => [id, priority]),
      [
        [10, 10],
        [11, 50],
        [12, 11],
        [13, -1],
        [14, 12],
      ],
    );
    assert.equal(create(store, { name: "f" }).features[0]?.priority, 51);
    assert.equal(
      create(new TestStore({ id: 1, priority: -5 }), { name: "g" }).features[0]?.priority,
      -4,
    );
  });

  test("dependencies: ids, uids, places, forward, mixed, in order, each once", () => {
    const store = new TestStore({ id: 1 }, { id: 2 });
    const two = uid(5001);
    const { features } = create(
      store,
      { name: "a", dependencies: [{ index: 2 }, 1, { index: 1 }, 1] },
      { name: "b", dependencies: [two, 2] },
      { name: "c", dependencies: [{ index: 1 }] },
    );
    assert.deepEqual(
      features.map(({ dependencies }) => dependencies),
      [[5, 1, 4], [2], [4]],
    );
  });

  test("unknown keys are kept, whatever their name, and shared with nobody", () => {
    const store = new TestStore();
    const mine = { deep: [1] };
    const input = JSON.parse(
      '{"name":"x","__proto__":{"a":1},"constructor":null}',
    ) as CreateFeatureInput;
    create(store, { ...input, mine, gone: undefined });
    mine.deep.push(2);
    assert.match(
      JSON.stringify(store.document(1)),
      /"claim":null,"__proto__":\{"a":1\},"constructor":null,"mine":\{"deep":\[1\]\}\}$/,
    );
  });

  test("an empty list is no change", () => {
    assert.deepEqual(create(new TestStore()).decision, { changes: [], events: [], uids: [] });
  });

  const good = { name: "good" };
  const cases: [string, "BAD_REQUEST" | "NOT_FOUND" | "CYCLE_DETECTED", unknown[], RegExp][] = [
    ["no name", "BAD_REQUEST", [{}], /^Cannot create the feature: name/],
    ["no object", "BAD_REQUEST", [null], /plain object/],
    ["a class", "BAD_REQUEST", [new Map([["name", "x"]])], /plain object/],
    ["nothing at all", "BAD_REQUEST", [undefined, undefined], /inputs\[0\]/],
    ["null is no default", "BAD_REQUEST", [{ name: "x", priority: null }], /priority/],
    ["a broken priority", "BAD_REQUEST", [{ name: "x", priority: 2 ** 53 }], /priority/],
    ["an id below 1", "BAD_REQUEST", [{ name: "x", dependencies: [0] }], /dependencies\[0\]/],
    [
      "a text that is no uid",
      "BAD_REQUEST",
      [{ name: "x", dependencies: ["1"] }],
      /dependencies\[0\]/,
    ],
    ["half a character", "BAD_REQUEST", [{ name: "\ud800" }], /name/],
    ["a place, alone", "BAD_REQUEST", [{ name: "x", dependencies: [{ index: 0 }] }], /alone/],
    [
      "its own place",
      "BAD_REQUEST",
      [good, { name: "x", dependencies: [{ index: 1 }] }],
      /inputs\[1\].*itself/,
    ],
    [
      "a place out of range",
      "BAD_REQUEST",
      [good, { name: "x", dependencies: [{ index: 2 }] }],
      /inputs\[1\].*2 inputs/,
    ],
    ["an unknown id", "NOT_FOUND", [{ name: "x", dependencies: [9] }], /9/],
    [
      "an unknown id in a batch",
      "NOT_FOUND",
      [good, good, { name: "x", dependencies: [1, 9] }],
      /inputs\[2\].*9/,
    ],
    ["an unknown uid", "NOT_FOUND", [{ name: "x", dependencies: [uid(77)] }], /to depend on/],
    [
      "a circle of two",
      "CYCLE_DETECTED",
      [
        { name: "x", dependencies: [{ index: 1 }] },
        { name: "y", dependencies: [{ index: 0 }] },
      ],
      /inputs\[0\].*2 → 3 → 2/,
    ],
    ...[
      "id",
      "uid",
      "passes",
      "inProgress",
      "claim",
      "createdAt",
      "updatedAt",
      "status",
      "revision",
      "deletedAt",
      "$schema",
    ].map((key): [string, "BAD_REQUEST", unknown[], RegExp] => [
      `reserved ${key}`,
      "BAD_REQUEST",
      [{ name: "x", [key]: 1 }],
      new RegExp(`: ${key.replace("$", "\\$")}: `),
    ]),
  ];
  for (const [name, code, inputs, message] of cases) {
    test(`${code}: ${name}`, () => {
      const store = new TestStore({ id: 1 });
      const error = refusal(code, () => create(store, ...(inputs as CreateFeatureInput[])));
      assert.match(error.message, message);
      if (inputs.length > 1) assert.equal(typeof error.context["index"], "number");
      assert.equal(store.documents.length, 1);
      assert.equal(create(store, good).features[0]?.id, 2, "a refused call uses no id");
    });
  }

  test("several problems are counted and listed", () => {
    const error = refusal("BAD_REQUEST", () =>
      create(new TestStore(), { id: 1, uid: 2, steps: 3, mine: 1n } as never),
    );
    assert.match(error.message, /; and 2 more$/);
    assert.equal((error.context["issues"] as unknown[]).length, 5);
  });

  test("an old file that names an id to come closes a circle", () => {
    const store = new TestStore({ id: 1, dependencies: [2] });
    const error = refusal("CYCLE_DETECTED", () => create(store, { name: "x", dependencies: [1] }));
    assert.deepEqual(error.context["path"], [2, 1, 2]);
    assert.equal(create(store, { name: "x" }).features[0]?.id, 2);
  });

  test("an old circle does not stop those who only depend on it", () => {
    const store = new TestStore({ id: 1, dependencies: [2] }, { id: 2, dependencies: [1] });
    assert.equal(create(store, { name: "x", dependencies: [1] }).features[0]?.status, "blocked");
  });

  test("a batch of 10,000 that depend on the next one; the circle is seen", () => {
    const size = 10_000;
    const inputs = Array.from({ length: size }, (_, index) => ({
      name: "x",
      dependencies: index + 1 < size ? [{ index: index + 1 }] : [],
    }));
    const world = new TestStore().world();
    assert.equal(decideCreate(world, inputs).changes.length, size);
    inputs[size - 1] = { name: "x", dependencies: [{ index: 0 }] };
    const error = refusal("CYCLE_DETECTED", () => decideCreate(new TestStore().world(), inputs));
    assert.equal((error.context["path"] as number[]).length, size + 1);
  });

  test("no priority is left", () => {
    const store = new TestStore({ id: 1, priority: Number.MAX_SAFE_INTEGER });
    refusal("BAD_REQUEST", () => create(store, { name: "x" }));
    refusal("BAD_REQUEST", () => store.run((world) => decideSkip(world, 1)));
    assert.equal(create(store, { name: "x", priority: 1 }).features[0]?.id, 2);
  });
});

type Mark = (
  world: FeatureWorld,
  ref: number | string,
  options: MarkOptions & { agent: string },
) => Decision;

describe("changes of state", () => {
  const states: Record<string, Partial<FeatureDocument>> = {
    pending: {},
    held: { inProgress: true, claim },
    "in progress, by nobody": { inProgress: true },
    passing: { passes: true },
    both: { passes: true, inProgress: true, claim },
  };
  const marks: Record<string, Mark> = {
    pass: decideMarkPassing,
    fail: decideMarkFailing,
    start: decideMarkInProgress,
    release: decideClearInProgress,
    skip: decideSkip,
  };
  /** [mark, state before, events without the agent, or the refusal, status after] */
  const table: [string, string, string, string][] = [
    ["pass", "pending", "status_change status pending>completed", "passing"],
    ["pass", "held", "status_change status in_progress>completed", "passing"],
    ["pass", "in progress, by nobody", "status_change status in_progress>completed", "passing"],
    ["pass", "passing", "", "passing"],
    ["pass", "both", "", "passing"],
    ["fail", "pending", "", "ready"],
    ["fail", "held", "status_change status in_progress>pending", "ready"],
    ["fail", "in progress, by nobody", "status_change status in_progress>pending", "ready"],
    ["fail", "passing", "status_change status completed>pending", "ready"],
    ["fail", "both", "status_change status completed>pending", "ready"],
    ["start", "pending", "status_change status pending>in_progress", "in_progress"],
    ["start", "held", "CONFLICT", "in_progress"],
    ["start", "in progress, by nobody", "CONFLICT", "in_progress"],
    ["start", "passing", "CONFLICT", "passing"],
    ["start", "both", "CONFLICT", "passing"],
    ["release", "pending", "", "ready"],
    ["release", "held", "claim_released status in_progress>pending", "ready"],
    ["release", "in progress, by nobody", "claim_released status in_progress>pending", "ready"],
    ["release", "passing", "", "passing"],
    ["release", "both", "", "passing"],
    ["skip", "pending", "skipped priority 1>3", "ready"],
    ["skip", "held", "skipped priority 1>3", "in_progress"],
    ["skip", "passing", "skipped priority 1>3", "passing"],
    ["skip", "both", "skipped priority 1>3", "passing"],
  ];
  for (const [mark, state, outcome, after] of table) {
    test(`${mark}, when ${state}: ${outcome === "" ? "nothing" : outcome}`, () => {
      const store = new TestStore({ id: 1, ...states[state] }, { id: 2 });
      const decide = marks[mark];
      assert.ok(decide);
      const act = () => store.run((world) => decide(world, 1, { agent: "bob" }));
      if (outcome === "CONFLICT") {
        const error = refusal("CONFLICT", act);
        const holder = state === "held" ? { ...claim, expiresAt: null } : null;
        assert.deepEqual(error.context["holder"], holder);
      } else {
        const { decision, features } = act();
        assert.deepEqual(eventTexts(decision), outcome === "" ? [] : [`1 ${outcome} @bob`]);
        if (outcome === "") assert.deepEqual(decision.changes, []);
        assert.equal(features[0]?.uid, uid(5000));
      }
      assert.equal(store.feature(1).status, after);
      const { passes, inProgress, claim: kept } = store.document(1);
      if (["pass", "fail"].includes(mark) && outcome !== "") {
        assert.deepEqual(
          [passes === true, inProgress === true, kept ?? null],
          [mark === "pass", false, null],
        );
      }
      if (mark === "start" && outcome !== "CONFLICT")
        assert.deepEqual(kept, { agent: "bob", at: NOW });
    });
  }

  for (const [mark, decide] of Object.entries(marks)) {
    test(`${mark}: which feature, which revision, whose claim`, () => {
      const store = new TestStore(
        { id: 1, inProgress: true, claim },
        { id: 2 },
        { id: 3, deletedAt: NOW },
        { id: 4 },
        { id: 4, passes: true },
      );
      const before = JSON.stringify(store.documents);
      const act = (ref: unknown, options: object = {}) =>
        store.run((world) => decide(world, ref as number, { agent: "ann", ...options }));
      for (const ref of [
        0,
        -1,
        1.5,
        NaN,
        2 ** 53,
        "1",
        "",
        uid(1).toLowerCase(),
        null,
        undefined,
        {},
      ])
        refusal("BAD_REQUEST", () => act(ref));
      for (const ref of [9, 3, uid(999), uid(5002)]) {
        const error = refusal("NOT_FOUND", () => act(ref));
        assert.equal(error.context[typeof ref === "number" ? "id" : "uid"], ref);
      }
      const { hint, context } = refusal("CONFLICT", () => act(4));
      assert.deepEqual(context["uids"], [uid(5003), uid(5004)]);
      assert.equal(hint, "Name the one you mean by its uid.");
      refusal("BAD_REQUEST", () => act(2, { claimedBy: "" }));
      refusal("BAD_REQUEST", () => act(2, { agent: "" }));
      refusal("BAD_REQUEST", () => act(2, { agent: null }));
      refusal("BAD_REQUEST", () => act(2, { expectedRevision: 7 }));
      const stale = refusal("CONFLICT", () => act(2, { expectedRevision: "old" }));
      assert.deepEqual(stale.context, {
        id: 2,
        uid: uid(5001),
        expected: "old",
        actual: store.feature(2).revision,
      });
      assert.deepEqual(
        refusal("CONFLICT", () => act(2, { claimedBy: "ann" })).context["holder"],
        null,
      );
      const held = refusal("CONFLICT", () => act(1, { claimedBy: "bob" }));
      assert.deepEqual(held.context["holder"], { ...claim, expiresAt: null });
      assert.equal(JSON.stringify(store.documents), before);
      if (mark !== "start")
        act(1, { claimedBy: "ann", expectedRevision: store.feature(1).revision });
      act(uid(5003));
      act(2, { expectedRevision: store.feature(2).revision });
    });
  }

  test("skip goes behind all, its own priority included, again and again", () => {
    const store = new TestStore(
      { id: 1 },
      { id: 2, priority: 40 },
      { id: 3, priority: 90, deletedAt: NOW },
    );
    assert.equal(store.one((world) => decideSkip(world, 2)).priority, 41);
    assert.equal(store.one((world) => decideSkip(world, 2)).priority, 42);
    assert.equal(store.one((world) => decideSkip(world, 1)).priority, 43);
    assert.deepEqual(
      store.features().map(({ id }) => id),
      [2, 1],
    );
  });
});

describe("update", () => {
  const update = (store: TestStore, patch: FeaturePatch, options = {}) =>
    store.run((world) => decideUpdate(world, 1, patch, options));

  test("writes and logs only what becomes different", () => {
    const store = new TestStore(
      { id: 1, name: "old", steps: ["a"], mine: { a: 1 }, gone: 2 },
      { id: 2 },
      { id: 3 },
    );
    const { decision } = update(
      store,
      {
        name: "new",
        category: "",
        priority: 1,
        steps: ["a", "b"],
        dependencies: [2],
        mine: { a: 1 },
        gone: null,
        absent: null,
        toString: null,
        fresh: [1],
        description: undefined,
      },
      { agent: "ann" },
    );
    assert.deepEqual(eventTexts(decision), [
      "1 updated name old>new @ann",
      '1 updated steps ["a"]>["a","b"] @ann',
      "1 dependency_added dependencies ->2 @ann",
      "1 updated gone 2>- @ann",
      "1 updated fresh ->[1] @ann",
    ]);
    assert.deepEqual(decision.changes, [
      {
        kind: "patch",
        uid: uid(5000),
        set: new Map<string, unknown>([
          ["name", "new"],
          ["steps", ["a", "b"]],
          ["dependencies", [2]],
          ["fresh", [1]],
        ]),
        unset: ["gone"],
      },
    ]);
    assert.deepEqual(
      update(store, { name: "new", mine: { a: 1 }, dependencies: [2, 2] }).decision.changes,
      [],
    );
  });

  test("keys named like an object's own machinery are plain data", () => {
    const store = new TestStore({ id: 1 });
    update(store, JSON.parse('{"__proto__":{"a":1},"constructor":"c"}') as FeaturePatch);
    assert.match(JSON.stringify(store.document(1)), /"__proto__":\{"a":1\},"constructor":"c"/);
    update(store, JSON.parse('{"__proto__":null,"constructor":null}') as FeaturePatch);
    assert.doesNotMatch(JSON.stringify(store.document(1)), /proto|constructor/);
  });

  test("refuses reserved keys, null for known ones, wrong types, circles", () => {
    const store = new TestStore({ id: 1, dependencies: [2] }, { id: 2 });
    const refused = [
      "id",
      "uid",
      "passes",
      "inProgress",
      "claim",
      "createdAt",
      "updatedAt",
      "status",
      "revision",
      "deletedAt",
      "$schema",
    ];
    for (const key of refused) {
      const error = refusal("BAD_REQUEST", () => update(store, { [key]: null }));
      assert.match(
        error.message,
        new RegExp(`^Cannot update feature 1: ${key.replace("$", "\\$")}: `),
      );
    }
    for (const key of ["name", "description", "category", "priority", "steps", "dependencies"]) {
      refusal("BAD_REQUEST", () => update(store, { [key]: null }));
      refusal("BAD_REQUEST", () => update(store, { [key]: {} }));
    }
    refusal("BAD_REQUEST", () => update(store, { mine: undefined, yours: [undefined] }));
    refusal("BAD_REQUEST", () => update(store, { dependencies: [{ index: 0 }] as never }));
    refusal("NOT_FOUND", () => update(store, { dependencies: [9] }));
    refusal("CYCLE_DETECTED", () => update(store, { dependencies: [1] }));
    const error = refusal("CYCLE_DETECTED", () =>
      store.run((world) => decideUpdate(world, 2, { dependencies: [1] })),
    );
    assert.deepEqual(error.context["path"], [2, 1, 2]);
    refusal("CONFLICT", () => update(store, { name: "x" }, { expectedRevision: "old" }));
    assert.equal(
      update(store, { name: "x" }, { expectedRevision: store.feature(1).revision }).features[0]
        ?.name,
      "x",
    );
  });

  test("the first change gives a file made by hand its uid", () => {
    const store = new TestStore({ id: 1, uid: undefined });
    const before = store.feature(1).uid;
    assert.equal(update(store, { name: "f1" }).decision.changes.length, 0);
    update(store, { name: "x" });
    assert.equal(store.document(1).uid, before);
  });
});

describe("delete", () => {
  test("leaves a tombstone and takes the id out of all others", () => {
    const store = new TestStore(
      { id: 1, inProgress: true, claim },
      { id: 2, dependencies: [1, 3, 1] },
      { id: 3, priority: 0, dependencies: [1] },
      { id: 4, dependencies: [3] },
    );
    const { decision } = store.run((world) => decideDelete(world, 1, { agent: "ann" }));
    assert.deepEqual([decision.id, decision.removedFrom, decision.uids], [1, [3, 2], []]);
    assert.deepEqual(eventTexts(decision), [
      "1 deleted - ->- @ann",
      "3 dependency_removed dependencies 1>- @ann",
      "2 dependency_removed dependencies 1>- @ann",
    ]);
    const { deletedAt, inProgress, claim: kept } = store.document(1);
    assert.deepEqual([deletedAt, inProgress, kept], [NOW, false, null]);
    assert.deepEqual(
      store.features().map(({ id, dependencies }) => [id, dependencies]),
      [
        [3, []],
        [2, [3]],
        [4, [3]],
      ],
    );
    refusal("NOT_FOUND", () => store.run((world) => decideDelete(world, 1)));
    assert.equal(store.run((world) => decideCreate(world, [{ name: "x" }])).features[0]?.id, 5);
  });

  test("of two that bear one id, the dependants keep it for the other", () => {
    const store = new TestStore({ id: 1 }, { id: 1, passes: true }, { id: 2, dependencies: [1] });
    refusal("CONFLICT", () => store.run((world) => decideDelete(world, 1)));
    assert.equal(store.feature(2).status, "blocked");
    const { decision } = store.run((world) => decideDelete(world, uid(5000)));
    assert.deepEqual(decision.removedFrom, []);
    assert.equal(store.feature(2).status, "ready");
  });

  test("one that depends on itself by a hand edit goes as a whole", () => {
    const store = new TestStore({ id: 1, dependencies: [1] });
    const { decision } = store.run((world) => decideDelete(world, 1));
    assert.deepEqual([decision.removedFrom, decision.changes.length], [[], 1]);
  });
});

test("the time of all these worlds", () => assert.equal(new Date(START_MS).toISOString(), NOW));
