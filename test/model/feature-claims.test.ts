import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  decideClaim,
  decideClaimNext,
  decideClearInProgress,
  decideMarkInProgress,
  decideReleaseExpired,
  decideRenewClaim,
  MAX_LEASE_MS,
} from "#src/model/feature-claims.js";
import {
  decideAddDependency,
  decideRemoveDependency,
  decideSetDependencies,
} from "#src/model/feature-dependencies.js";
import { decideMarkFailing, decideMarkPassing, decideSkip } from "#src/model/feature-decisions.js";
import { findCycles } from "#src/model/graph.js";
import { eventTexts, refusal, TestStore, uid } from "./world.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const IN_5_S = "2026-01-01T00:00:05.000Z";
const ann = { agent: "ann" };

describe("claim", () => {
  test("by exactly one", () => {
    const store = new TestStore({ id: 1 });
    const { decision, features } = store.run((world) => decideClaim(world, 1, ann));
    assert.deepEqual(eventTexts(decision), ["1 claimed status pending>in_progress @ann"]);
    const claim = { agent: "ann", at: NOW, expiresAt: null };
    assert.deepEqual([features[0]?.status, features[0]?.claim], ["in_progress", claim]);
    for (const agent of ["bob", "ann"]) {
      const error = refusal("CONFLICT", () => decideClaim(store.world(), 1, { agent }));
      assert.deepEqual(error.context, {
        id: 1,
        uid: uid(5000),
        holder: claim,
        status: "in_progress",
      });
      assert.ok(error.hint);
    }
  });

  test("passing, unknown, blocked", () => {
    const store = new TestStore(
      { id: 1, passes: true },
      { id: 2, dependencies: [3, 9, 1] },
      { id: 3 },
    );
    assert.equal(
      refusal("CONFLICT", () => decideClaim(store.world(), 1, ann)).context["holder"],
      null,
    );
    refusal("NOT_FOUND", () => decideClaim(store.world(), 9, ann));
    const error = refusal("CONFLICT", () =>
      decideClaim(store.world(), 2, { ...ann, requireReady: true }),
    );
    assert.deepEqual(error.context["unmet"], [3, 9]);
    assert.equal(
      store.one((world) => decideClaim(world, 3, { ...ann, requireReady: true })).status,
      "in_progress",
    );
    assert.equal(store.one((world) => decideClaim(world, 2, ann)).status, "in_progress");
  });

  test("only with an agent and a lease that can be", () => {
    const world = new TestStore({ id: 1 }).world();
    for (const agent of ["", null, undefined, 7, "\ud800"])
      refusal("BAD_REQUEST", () => decideClaim(world, 1, { agent } as never));
    for (const leaseMs of [0, -1, 1.5, NaN, Infinity, "5", null, MAX_LEASE_MS + 1]) {
      refusal("BAD_REQUEST", () => decideClaim(world, 1, { ...ann, leaseMs } as never));
      refusal("BAD_REQUEST", () => decideClaimNext(world, { ...ann, leaseMs } as never));
      refusal("BAD_REQUEST", () => decideRenewClaim(world, 1, "ann", leaseMs as never));
    }
    decideClaim(world, 1, { ...ann, leaseMs: MAX_LEASE_MS });
    refusal("BAD_REQUEST", () => decideClaimNext(world, { ...ann, category: null } as never));
  });
});

describe("leases", () => {
  const leased = (): TestStore => {
    const store = new TestStore({ id: 1 }, { id: 2 });
    store.run((world) => decideClaim(world, 1, { ...ann, leaseMs: 5000 }));
    return store;
  };

  test("show their end, and count until then", () => {
    const store = leased();
    assert.equal(store.feature(1).claim?.expiresAt, IN_5_S);
    store.nowMs += 4999;
    assert.equal(store.feature(1).status, "in_progress");
    store.nowMs += 1;
    assert.deepEqual([store.feature(1).status, store.feature(1).claim], ["ready", null]);
    assert.equal(store.document(1).inProgress, true, "the file follows with the next write");
  });

  test("renewing changes the lease alone", () => {
    const store = leased();
    store.nowMs += 4000;
    const { decision } = store.run((world) => decideRenewClaim(world, 1, "ann", 5000));
    assert.deepEqual(
      decision.changes.map(({ kind }) => kind),
      ["lease"],
    );
    assert.deepEqual(decision.events, []);
    assert.equal(store.feature(1).claim?.expiresAt, "2026-01-01T00:00:09.000Z");
    const error = refusal("CONFLICT", () => decideRenewClaim(store.world(), 1, "bob", 5000));
    assert.deepEqual(error.context["holder"], {
      agent: "ann",
      at: NOW,
      expiresAt: "2026-01-01T00:00:09.000Z",
    });
    refusal("CONFLICT", () => decideRenewClaim(store.world(), 2, "ann", 5000));
    refusal("NOT_FOUND", () => decideRenewClaim(store.world(), 9, "ann", 5000));
    store.nowMs += 5000;
    const late = refusal("CONFLICT", () => decideRenewClaim(store.world(), 1, "ann", 5000));
    assert.match(late.message, /lease of ann is over/);
    assert.equal(late.context["holder"], null);
  });

  test("a claim without one can get one", () => {
    const store = new TestStore({ id: 1, inProgress: true, claim: { agent: "ann", at: NOW } });
    const feature = store.one((world) => decideRenewClaim(world, 1, "ann", 5000));
    assert.equal(feature.claim?.expiresAt, IN_5_S);
  });

  test("an expired one leaves the file with the next change, with its event", () => {
    const expired = (): TestStore => {
      const store = leased();
      store.nowMs += 6000;
      return store;
    };
    const gone = "1 lease_expired status in_progress>pending @ann";
    const by = { agent: "bob" };
    const cases: [string, Parameters<TestStore["run"]>[0], string[], string][] = [
      [
        "claim",
        (world) => decideClaim(world, 1, by),
        ["1 claimed status pending>in_progress @bob"],
        "in_progress",
      ],
      [
        "next",
        (world) => decideClaimNext(world, by),
        ["1 claimed status pending>in_progress @bob"],
        "in_progress",
      ],
      [
        "start",
        (world) => decideMarkInProgress(world, 1, by),
        ["1 status_change status pending>in_progress @bob"],
        "in_progress",
      ],
      [
        "pass",
        (world) => decideMarkPassing(world, 1, by),
        ["1 status_change status pending>completed @bob"],
        "passing",
      ],
      ["fail", (world) => decideMarkFailing(world, 1, by), [], "ready"],
      ["release", (world) => decideClearInProgress(world, 1, by), [], "ready"],
      ["skip", (world) => decideSkip(world, 1, by), ["1 skipped priority 1>3 @bob"], "ready"],
      [
        "depend",
        (world) => decideAddDependency(world, 1, 2, by),
        ["1 dependency_added dependencies ->2 @bob"],
        "blocked",
      ],
      ["sweep", decideReleaseExpired, [], "ready"],
    ];
    for (const [name, decide, events, status] of cases) {
      const store = expired();
      const { decision } = store.run(decide);
      assert.deepEqual(eventTexts(decision), [gone, ...events], name);
      assert.equal(store.feature(1).status, status, name);
      assert.equal(store.leases.size, 0, name);
      assert.equal(
        store.document(1).claim?.agent,
        status === "in_progress" ? "bob" : undefined,
        name,
      );
    }
    const store = expired();
    const error = refusal("CONFLICT", () =>
      decideMarkPassing(store.world(), 1, { claimedBy: "ann" }),
    );
    assert.equal(error.context["holder"], null);
  });

  test("a new claim without a lease leaves none behind", () => {
    const store = leased();
    store.run((world) => decideClearInProgress(world, 1));
    assert.equal(store.leases.size, 0);
    store.leases.set(uid(5000), {
      uid: uid(5000),
      agent: "ann",
      at: NOW,
      leaseMs: 1,
      expiresAt: NOW,
    });
    store.run((world) => decideClaim(world, 1, ann));
    assert.deepEqual([store.leases.size, store.feature(1).status], [0, "in_progress"]);
  });

  test("releasing all that expired", () => {
    const store = new TestStore({ id: 1 }, { id: 2, priority: -1 }, { id: 3 }, { id: 4 });
    for (const id of [1, 2])
      store.run((world) => decideClaim(world, id, { ...ann, leaseMs: 5000 }));
    store.run((world) => decideClaim(world, 3, { ...ann, leaseMs: 9000 }));
    store.run((world) => decideClaim(world, 4, ann));
    store.nowMs += 6000;
    const { features } = store.run(decideReleaseExpired);
    assert.deepEqual(
      features.map(({ id, status }) => [id, status]),
      [
        [2, "ready"],
        [1, "ready"],
      ],
    );
    assert.deepEqual(store.run(decideReleaseExpired).decision, {
      changes: [],
      events: [],
      uids: [],
    });
  });
});

describe("claimNext", () => {
  test("takes the ready one that most wait for, then priority, then id", () => {
    const store = new TestStore(
      { id: 1, priority: 5, category: "ui" },
      { id: 2, priority: 9, category: "db" },
      { id: 3, priority: 1, dependencies: [2], category: "db" },
      { id: 4, priority: 0, passes: true, category: "ui" },
    );
    const next = (category?: string): number | undefined =>
      store.run((world) => decideClaimNext(world, { ...ann, category })).features[0]?.id;
    assert.equal(next("ui"), 1);
    assert.equal(next("ui"), undefined);
    assert.equal(next(), 2);
    assert.equal(next(), undefined, "3 still waits");
    store.run((world) => decideMarkPassing(world, 2));
    assert.equal(next("none"), undefined);
    assert.equal(next(), 3);
  });

  test("an empty store", () => {
    assert.deepEqual(decideClaimNext(new TestStore().world(), ann), {
      changes: [],
      events: [],
      uids: [],
    });
  });

  test("agents that go on claiming take every ready feature once", () => {
    const store = new TestStore(
      ...Array.from({ length: 20 }, (_, at) => ({ id: at + 1, priority: 1 })),
    );
    const taken: number[] = [];
    for (let turn = 0; turn < 21; turn += 1) {
      const { features } = store.run((world) =>
        decideClaimNext(world, { agent: `a${turn}`, leaseMs: 1000 }),
      );
      taken.push(...features.map(({ id }) => id));
    }
    assert.deepEqual(
      taken.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
  });
});

describe("dependencies", () => {
  test("adding", () => {
    const store = new TestStore({ id: 1 }, { id: 2 }, { id: 3 });
    const add = (id: number, dependency: number | string) =>
      store.run((world) => decideAddDependency(world, id, dependency, ann));
    assert.deepEqual(eventTexts(add(1, 2).decision), ["1 dependency_added dependencies ->2 @ann"]);
    assert.deepEqual(add(1, 2).decision, { changes: [], events: [], uids: [uid(5000)] });
    assert.deepEqual(add(1, uid(5002)).features[0]?.dependencies, [2, 3]);
    refusal("NOT_FOUND", () => add(1, 9));
    refusal("NOT_FOUND", () => add(9, 1));
    refusal("BAD_REQUEST", () => add(1, 0));
    assert.deepEqual(refusal("CYCLE_DETECTED", () => add(1, 1)).context["path"], [1, 1]);
    add(3, 2);
    assert.deepEqual(refusal("CYCLE_DETECTED", () => add(2, 1)).context["path"], [2, 1, 2]);
  });

  test("a circle of 60 is refused, and named as a whole", () => {
    const store = new TestStore(
      ...Array.from({ length: 60 }, (_, at) => ({
        id: at + 1,
        dependencies: at < 59 ? [at + 2] : [],
      })),
    );
    const error = refusal("CYCLE_DETECTED", () => decideAddDependency(store.world(), 60, 1));
    assert.equal((error.context["path"] as number[]).length, 61);
  });

  test("an id that two bear counts with the dependencies of both", () => {
    const store = new TestStore({ id: 1 }, { id: 2 }, { id: 2, dependencies: [1] });
    refusal("CYCLE_DETECTED", () => decideAddDependency(store.world(), 1, 2));
    refusal("CONFLICT", () => decideAddDependency(store.world(), 2, 1));
    assert.deepEqual(
      store.one((world) => decideAddDependency(world, uid(5001), 1)).dependencies,
      [1],
    );
  });

  test("removing", () => {
    const store = new TestStore({ id: 1, dependencies: [2, 9, 2] }, { id: 2 });
    const remove = (dependency: number | string) =>
      store.run((world) => decideRemoveDependency(world, 1, dependency, ann));
    assert.deepEqual(eventTexts(remove(2).decision), [
      "1 dependency_removed dependencies 2>- @ann",
    ]);
    assert.deepEqual(store.document(1).dependencies, [9]);
    for (const absent of [2, 77, uid(77), uid(5001)])
      assert.deepEqual(remove(absent).decision.changes, []);
    assert.deepEqual(remove(9).features[0]?.dependencies, []);
    refusal("NOT_FOUND", () => decideRemoveDependency(store.world(), 9, 1));
    refusal("BAD_REQUEST", () => decideRemoveDependency(store.world(), 1, "x"));
  });

  test("setting", () => {
    const store = new TestStore(
      { id: 1, dependencies: [2, 3] },
      { id: 2 },
      { id: 3 },
      { id: 4, dependencies: [1] },
    );
    const set = (dependencies: readonly number[]) =>
      store.run((world) => decideSetDependencies(world, 1, dependencies, ann));
    assert.deepEqual(set([2, 3, 2]).decision.changes, []);
    assert.deepEqual(eventTexts(set([3, 2]).decision), ["1 updated dependencies [2,3]>[3,2] @ann"]);
    refusal("CYCLE_DETECTED", () => set([2, 4]));
    refusal("CYCLE_DETECTED", () => set([1]));
    refusal("NOT_FOUND", () => set([2, 99]));
    refusal("BAD_REQUEST", () => set("23" as never));
    refusal("BAD_REQUEST", () => set([undefined] as never));
    store.run((world) => decideSetDependencies(world, 4, []));
    assert.deepEqual(eventTexts(set([4, 2]).decision), [
      "1 dependency_removed dependencies 3>- @ann",
      "1 dependency_added dependencies ->4 @ann",
    ]);
    assert.deepEqual(set([]).features[0]?.dependencies, []);
  });

  test("whatever is asked, no circle comes to be", () => {
    const id = fc.integer({ min: 1, max: 6 });
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(id, fc.array(id, { maxLength: 3 })), { maxLength: 15 }),
        (steps) => {
          const store = new TestStore(...[1, 2, 3, 4, 5, 6].map((each) => ({ id: each })));
          for (const [target, dependencies] of steps) {
            const before = store.features();
            try {
              store.run((world) => decideSetDependencies(world, target, dependencies));
            } catch {
              refused += 1;
              const wished = before.map((each) =>
                each.id === target ? { ...each, dependencies } : each,
              );
              assert.notDeepEqual(findCycles(wished), [], "refused without a reason");
            }
            assert.deepEqual(findCycles(store.features()), []);
          }
        },
      ),
    );
    assert.ok(refused > 0);
  });
});
