import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  compareFeatures,
  effective,
  featureFileName,
  newFeatureDocument,
  patchDocument,
  slugOf,
  uidOf,
  type FeatureRecord,
} from "#src/model/feature.js";
import {
  featuresAt,
  featuresOf,
  graphOf,
  readyOf,
  standingsOf,
  statsOf,
} from "#src/model/feature-queries.js";
import { areDependenciesSatisfied } from "#src/model/graph.js";
import { FEATURE_DOCUMENT_KEYS, type FeatureDocument } from "#src/model/schema.js";
import { featureToTask, taskToFeature } from "#src/model/task-sync.js";
import { isUlid } from "#src/model/ulid.js";
import { START_MS, uid } from "./world.ts";

const NOW = "2026-01-01T00:00:00.000Z";

function record(document: FeatureDocument, over: Partial<FeatureRecord> = {}): FeatureRecord {
  return { document, lease: null, revision: "r1", updatedAt: null, ...over };
}

function leased(expiresAt: string, over: Partial<FeatureDocument> = {}): FeatureRecord {
  const document = {
    id: 1,
    name: "x",
    uid: uid(1),
    inProgress: true,
    claim: { agent: "a", at: NOW },
    ...over,
  };
  return record(document, { lease: { uid: uid(1), agent: "a", at: NOW, leaseMs: 5, expiresAt } });
}

describe("effective", () => {
  test("a file of two keys gets every default", () => {
    const state = effective(record({ id: 7, name: "n" }), START_MS);
    assert.ok(isUlid(state.uid));
    assert.deepEqual(state, {
      id: 7,
      uid: uidOf({ id: 7, name: "other" }),
      priority: 7,
      category: "",
      name: "n",
      description: "",
      steps: [],
      passes: false,
      inProgress: false,
      dependencies: [],
      claim: null,
      createdAt: null,
      updatedAt: null,
      revision: "r1",
    });
    assert.notEqual(uidOf({ id: 7, name: "" }), uidOf({ id: 8, name: "" }));
    assert.ok(isUlid(uidOf({ id: Number.MAX_SAFE_INTEGER, name: "" })));
  });

  test("unknown keys are kept, whatever their name, and shared with nobody", () => {
    const text =
      '{"id":1,"name":"n","$schema":"s","deletedAt":null,"mine":{"a":[1]},"__proto__":{"b":2},"constructor":3,"status":"x","revision":"y"}';
    const document = JSON.parse(text) as FeatureDocument;
    const state = effective(record(document), START_MS);
    assert.equal(Object.getPrototypeOf(state), Object.prototype);
    assert.deepEqual(Object.keys(state).slice(14), ["mine", "__proto__", "constructor"]);
    assert.equal(JSON.stringify(state).includes('"__proto__":{"b":2}'), true);
    (state["mine"] as { a: number[] }).a.push(2);
    state.steps.push("s");
    assert.equal(JSON.stringify(document), text);
    assert.equal(state.revision, "r1");
    assert.equal(featuresOf([record(document)], START_MS)[0]?.status, "ready");
  });

  test("updatedAt is the time of the last event, else of the creation", () => {
    const document = { id: 1, name: "", createdAt: NOW };
    assert.equal(effective(record(document), START_MS).updatedAt, NOW);
    assert.equal(effective(record(document, { updatedAt: "later" }), START_MS).updatedAt, "later");
  });

  const later = "2026-01-01T00:00:10.000Z";
  const cases: [
    string,
    FeatureRecord,
    number,
    { inProgress: boolean; expiresAt?: string | null },
  ][] = [
    [
      "a claim without a lease stays",
      record(leased(later).document),
      START_MS + 1e9,
      { inProgress: true, expiresAt: null },
    ],
    ["a lease that runs", leased(later), START_MS + 9999, { inProgress: true, expiresAt: later }],
    ["a lease that ends now is over", leased(later), START_MS + 10_000, { inProgress: false }],
    [
      "a lease of another agent does not count",
      leased(later, { claim: { agent: "b", at: NOW } }),
      START_MS + 1e9,
      { inProgress: true, expiresAt: null },
    ],
    [
      "a lease of an earlier claim does not count",
      leased(later, { claim: { agent: "a", at: later } }),
      START_MS + 1e9,
      { inProgress: true, expiresAt: null },
    ],
    [
      "a lease of another feature does not count",
      leased(later, { uid: uid(2) }),
      START_MS + 1e9,
      { inProgress: true, expiresAt: null },
    ],
    [
      "a lease whose end cannot be read does not end",
      leased("soon"),
      START_MS + 1e9,
      { inProgress: true, expiresAt: "soon" },
    ],
    [
      "nobody is named",
      record({ id: 1, name: "", inProgress: true }),
      START_MS,
      { inProgress: true },
    ],
    [
      "a claim alone is none",
      leased(later, { inProgress: false }),
      START_MS,
      { inProgress: false },
    ],
    ["passing wins", leased(later, { passes: true }), START_MS, { inProgress: false }],
  ];
  for (const [name, given, nowMs, { inProgress, expiresAt }] of cases) {
    test(name, () => {
      const state = effective(given, nowMs);
      assert.equal(state.inProgress, inProgress);
      assert.deepEqual(state.claim?.expiresAt, expiresAt);
      assert.equal(state.passes, given.document.passes === true);
    });
  }
});

/** Any documents: doubled and unknown ids, all flags, leases that are over. */
const anyRecords = fc.array(
  fc
    .record({
      id: fc.integer({ min: 1, max: 8 }),
      priority: fc.option(fc.integer({ min: -1, max: 1 }), { nil: undefined }),
      passes: fc.boolean(),
      inProgress: fc.boolean(),
      dependencies: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
      over: fc.boolean(),
    })
    .map(({ over, ...fields }) => ({ fields, over })),
  { maxLength: 12 },
);

describe("questions about all features", () => {
  test("status, lists, counts and graph never disagree", () => {
    fc.assert(
      fc.property(anyRecords, (given) => {
        const records = given.map(({ fields, over }, at) => {
          const own = uid(at);
          const document = { name: "", uid: own, claim: { agent: "a", at: NOW }, ...fields };
          const lease = { uid: own, agent: "a", at: NOW, leaseMs: 1, expiresAt: NOW };
          return record(document, { lease: over ? lease : null });
        });
        const features = featuresOf(records, START_MS);
        assert.deepEqual(features, featuresOf(records.toReversed(), START_MS));
        assert.deepEqual(features, features.toSorted(compareFeatures));
        const stats = statsOf(features);
        const graph = graphOf(features);
        const count = (status: string): number =>
          features.filter((f) => f.status === status).length;
        assert.equal(stats.total, records.length);
        assert.equal(stats.passing, features.filter(({ passes }) => passes).length);
        assert.equal(stats.inProgress, features.filter(({ inProgress }) => inProgress).length);
        assert.equal(stats.failing, stats.total - stats.passing - stats.inProgress);
        assert.equal(stats.blocked, count("blocked"));
        const standings = standingsOf(records, START_MS);
        assert.deepEqual(statsOf(standings), stats);
        for (const wanted of ["passing", "in_progress", "ready", "blocked"]) {
          const some = standings.filter(({ status }) => status === wanted);
          const same = features.filter(({ status }) => status === wanted);
          assert.deepEqual(featuresAt(some, START_MS), same);
          if (wanted === "ready") assert.deepEqual(readyOf(features), same);
        }
        assert.equal(readyOf(features).length + stats.blocked, stats.failing);
        for (const [at, feature] of features.entries()) {
          const idle = !feature.passes && !feature.inProgress;
          assert.ok(!(feature.passes && feature.inProgress));
          assert.equal(
            feature.status === "ready",
            idle && areDependenciesSatisfied(feature, features),
          );
          assert.equal(graph[at]?.blocked, feature.status === "blocked");
          assert.deepEqual(graph[at]?.dependencies, feature.dependencies);
          const needing = features.filter((other) => other.dependencies.includes(feature.id));
          assert.deepEqual(graph[at]?.dependents, [...new Set(needing.map(({ id }) => id))]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("an empty store counts zeros", () => {
    assert.deepEqual(statsOf([]), { total: 0, passing: 0, failing: 0, inProgress: 0, blocked: 0 });
  });

  test("chain, diamond, unknown id, finished with an unmet dependency, doubled ids", () => {
    const of = (...documents: Partial<FeatureDocument>[]): string[] =>
      featuresOf(
        documents.map((document, at) =>
          record({ id: at + 1, name: "", uid: uid(at), ...document }),
        ),
        START_MS,
      ).map(({ status }) => status);
    assert.deepEqual(of({}, { dependencies: [1] }, { dependencies: [2] }), [
      "ready",
      "blocked",
      "blocked",
    ]);
    assert.deepEqual(
      of(
        { passes: true },
        { dependencies: [1] },
        { dependencies: [1], passes: true },
        { dependencies: [2, 3] },
      ),
      ["passing", "ready", "passing", "blocked"],
    );
    assert.deepEqual(of({ dependencies: [99] }), ["blocked"]);
    assert.deepEqual(
      of({}, { dependencies: [1], passes: true }, { dependencies: [1], inProgress: true }),
      ["ready", "passing", "in_progress"],
    );
    const doubled = [{ id: 1, passes: true }, { id: 1 }, { id: 3, dependencies: [1] }];
    assert.deepEqual(of(...doubled), ["passing", "ready", "blocked"]);
    assert.deepEqual(
      of({ id: 1, passes: true }, { id: 1, passes: true }, { id: 3, dependencies: [1] })[2],
      "ready",
    );
  });
});

describe("documents", () => {
  const fresh = newFeatureDocument({
    id: 1,
    uid: uid(1),
    name: "n",
    category: "c",
    description: "d",
    steps: ["s"],
    priority: 2,
    dependencies: [3],
    createdAt: NOW,
    unknown: new Map<string, unknown>([
      ["__proto__", 1],
      ["zeta", 2],
    ]),
  });

  test("new ones have all keys in their order, unknown ones last", () => {
    const known = FEATURE_DOCUMENT_KEYS.filter((key) => key !== "deletedAt");
    assert.deepEqual(Object.keys(fresh), [...known, "__proto__", "zeta"]);
    assert.equal(fresh.$schema, "../schema/feature.json");
  });

  test("a patch leaves every key in its place", () => {
    const patched = patchDocument(
      fresh,
      new Map<string, unknown>([
        ["deletedAt", NOW],
        ["alpha", 1],
        ["name", "m"],
      ]),
      ["zeta"],
    );
    assert.deepEqual(Object.keys(patched).slice(-4), ["claim", "deletedAt", "__proto__", "alpha"]);
    assert.equal(Object.keys(patched).indexOf("name"), 2);
    assert.equal(patched.name, "m");
    const byHand = { mine: 1, name: "n", id: 4, yours: 2 };
    const set = new Map<string, unknown>([
      ["claim", null],
      ["passes", true],
      ["$schema", "s"],
    ]);
    assert.deepEqual(Object.keys(patchDocument(byHand, set, [])), [
      "$schema",
      "mine",
      "name",
      "id",
      "passes",
      "claim",
      "yours",
    ]);
  });

  const slugs: [string, string][] = [
    ["", ""],
    ["Login page", "login-page"],
    ["  --Ünïcödé ß & Ære--  ", "unicode-re"],
    ["日本語", ""],
    ["a".repeat(50), "a".repeat(40)],
    [`${"a".repeat(39)} b`, "a".repeat(39)],
    ["../../etc/passwd", "etc-passwd"],
    ["ﬁne Ⅳ", "fine-iv"],
  ];
  for (const [name, expected] of slugs) {
    test(`the slug of ${JSON.stringify(name)}`, () => assert.equal(slugOf(name), expected));
  }

  test("slugs of any name are safe in a file name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (name) => {
        const slug = slugOf(name);
        assert.match(slug, /^(?:[a-z0-9]+(?:-[a-z0-9]+)*)?$/);
        assert.ok(slug.length <= 40);
      }),
    );
  });

  test("file names", () => {
    const end = uid(1).slice(-6).toLowerCase();
    assert.equal(featureFileName(12, "Log in", uid(1)), `12-log-in-${end}.json`);
    assert.equal(featureFileName(12, "!", uid(1)), `12-${end}.json`);
  });
});

describe("tasks", () => {
  const feature = {
    id: 4,
    name: "n",
    description: "d",
    passes: false,
    inProgress: false,
    dependencies: [2, 3],
  };

  test("from a feature", () => {
    assert.deepEqual(featureToTask(feature, "session"), {
      id: "4",
      subject: "n",
      description: "d",
      activeForm: "",
      status: "pending",
      owner: "flow",
      blocks: [],
      blockedBy: ["2", "3"],
    });
    const working = featureToTask({ ...feature, inProgress: true }, "");
    assert.deepEqual([working.status, working.activeForm], ["in_progress", "Working on: n"]);
    const both = featureToTask({ ...feature, inProgress: true, passes: true }, "");
    assert.deepEqual([both.status, both.activeForm], ["completed", "Working on: n"]);
  });

  test("to a feature", () => {
    const task = {
      id: "4",
      subject: "n",
      description: "d",
      status: "completed",
      blockedBy: ["2", "x", "3.0", " 5", "+6", ""],
    };
    assert.deepEqual(taskToFeature(task), {
      id: 4,
      priority: 0,
      category: "",
      name: "n",
      description: "d",
      steps: [],
      passes: true,
      inProgress: false,
      dependencies: [2, 6],
      createdAt: null,
      updatedAt: null,
    });
    const ids: [string, number][] = [
      ["abc", 0],
      ["-3", -3],
      ["007", 7],
      ["1e3", 0],
      ["99999999999999999999", 0],
      ["", 0],
    ];
    for (const [id, expected] of ids)
      assert.equal(taskToFeature({ id, subject: "" }).id, expected, id);
    const status = (text: string): boolean[] => {
      const { passes, inProgress } = taskToFeature({ id: "1", subject: "", status: text });
      return [passes, inProgress];
    };
    assert.deepEqual(status("in_progress"), [false, true]);
    for (const other of ["pending", "", "Completed", "done"])
      assert.deepEqual(status(other), [false, false]);
  });

  test("there and back", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.string(), (passes, working, name) => {
        const given = { ...feature, passes, inProgress: working && !passes, name };
        const back = taskToFeature(featureToTask(given, "s"));
        for (const key of Object.keys(given)) {
          assert.deepEqual(back[key as keyof typeof back], given[key as keyof typeof given]);
        }
      }),
    );
  });
});
