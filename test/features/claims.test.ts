/** Claiming: one winner, leases with a clock of the test's own, and who may go on. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { computeScores, type FlowError, type FlowStore } from "flowstore";

import {
  documentOf,
  FRESH_MS,
  ids,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  TestClock,
  told,
  tracked,
} from "./support.ts";

const LEASE_MS = 60_000;

describe("claimAndGet", () => {
  test("records who holds it since when, in the call's result, the file and one event", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.create({ name: "a" });
    clock.ms += 5;
    const claimed = await store.features.claimAndGet(1, { agent: "ann" });
    const claim = { agent: "ann", at: clock.iso(), expiresAt: null };
    assert.deepEqual(claimed.claim, claim);
    assert.equal(claimed.status, "in_progress");
    assert.equal(claimed.inProgress, true);
    assert.equal(claimed.updatedAt, clock.iso());
    assert.deepEqual(await store.features.getById(1), claimed);
    const document = documentOf(store, claimed);
    assert.equal(document["inProgress"], true);
    assert.deepEqual(document["claim"], { agent: "ann", at: clock.iso() });
    assert.deepEqual(await told(store, 1), ["created", "claimed status pending>in_progress"]);
  });

  test("of somebody's is CONFLICT with the holder, the same agent's too", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const { claim } = await store.features.claimAndGet(1, { agent: "ann" });
    for (const agent of ["ann", "bob", undefined]) {
      const error = await refusedWithoutTrace(store, "CONFLICT", () =>
        store.features.claimAndGet(1, { agent }),
      );
      assert.deepEqual(error.context["holder"], claim);
      assert.equal(error.retryable, false);
    }
  });

  test("passing: CONFLICT; unknown and deleted: NOT_FOUND; begun without a name: holder null", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([{ name: "a" }, { name: "b" }]);
    await features.markPassing(1);
    const passing = await refusedWithoutTrace(store, "CONFLICT", () => features.claimAndGet(1));
    assert.equal(passing.context["holder"], null);
    await features.delete(2);
    for (const id of [2, 3, "01ARZ3NDEKTSV4RRFFQ69G5FAV"]) {
      await refusedWithoutTrace(store, "NOT_FOUND", () => features.claimAndGet(id));
    }
    writeFileSync(
      join(store.root, "features/4-hand.json"),
      '{"id": 4, "name": "begun by hand", "inProgress": true}',
    );
    await pass(FRESH_MS);
    const begun = await refusedWithoutTrace(store, "CONFLICT", () => features.claimAndGet(4));
    assert.equal(begun.context["holder"], null);
  });

  test("a blocked one is allowed, unless requireReady, which names what is unmet", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([
      { name: "a" },
      { name: "b" },
      { name: "c", dependencies: [{ index: 0 }, { index: 1 }] },
    ]);
    await features.markPassing(1);
    const error = await refusedWithoutTrace(store, "CONFLICT", () =>
      features.claimAndGet(3, { requireReady: true }),
    );
    assert.deepEqual(error.context["unmet"], [2]);
    assert.equal(error.context["holder"], null);
    assert.equal((await features.claimAndGet(3)).status, "in_progress");
    await features.clearInProgress(3);
    await features.markPassing(2);
    assert.equal((await features.claimAndGet(3, { requireReady: true })).id, 3);
  });

  test("options of a wrong type are refused and nothing is claimed", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const wrong = [
      ...[
        { leaseMs: 0 },
        { leaseMs: -1 },
        { leaseMs: 1.5 },
        { leaseMs: "60000" },
        { leaseMs: null },
      ],
      ...[{ leaseMs: Number.NaN }, { leaseMs: Infinity }, { leaseMs: 11 * 365 * 864e5 }],
      ...[{ agent: "" }, { agent: null }, { agent: 5 }, { agent: "\ud800" }],
      ...[{ source: "" }, { note: 5 }, "agent-1", null, 5, ["agent-1"]],
    ];
    for (const options of [...wrong, { requireReady: "no" }, { requireReady: null }]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.claimAndGet(1, options as object),
      );
    }
    for (const options of [...wrong, { category: 5 }, { category: null }]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.claimNext(options as object),
      );
    }
    assert.equal((await store.features.getById(1))?.status, "ready");
  });

  test("of 64 calls at once, in two stores of this process, exactly one wins", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store);
    await store.features.create({ name: "a" });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, (_, index) =>
        (index % 2 === 0 ? store : other).features.claimAndGet(1, { agent: `agent-${index}` }),
      ),
    );
    const won = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    assert.equal(won.length, 1);
    for (const one of outcomes) {
      if (one.status === "fulfilled") continue;
      const error = one.reason as FlowError;
      assert.equal(error.code, "CONFLICT");
      assert.deepEqual(error.context["holder"], won[0]?.claim);
    }
    assert.deepEqual(await told(store, 1), ["created", "claimed status pending>in_progress"]);
  });
});

describe("claimNext", () => {
  test("takes the highest score, then priority, then id, and claims in the same step", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([
      { name: "alone", priority: 1 },
      { name: "unblocks two", priority: 9 },
      { name: "waits", dependencies: [{ index: 1 }], priority: 5 },
      { name: "waits more", dependencies: [{ index: 2 }], priority: 5 },
      { name: "alike", priority: 1 },
    ]);
    for (;;) {
      const before = await features.getAll();
      const scores = computeScores(before);
      const ready = await features.getReady();
      const best = ready.toSorted(
        (a, b) =>
          (scores.get(b.id) ?? 0) - (scores.get(a.id) ?? 0) ||
          a.priority - b.priority ||
          a.id - b.id,
      )[0];
      const next = await features.claimNext({ agent: "ann", leaseMs: LEASE_MS });
      assert.equal(next?.id, best?.id);
      if (next === null) break;
      assert.equal(next.status, "in_progress");
      assert.equal(next.claim?.agent, "ann");
      await features.markPassing(next.id, { claimedBy: "ann" });
    }
    assert.equal((await features.getStats()).passing, 5);
  });

  test("is null when all are blocked, claimed or passing, and writes nothing then", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([{ name: "a" }, { name: "b", dependencies: [{ index: 0 }] }]);
    await features.claimAndGet(1);
    const before = tracked(store);
    assert.equal(await features.claimNext(), null);
    await features.markPassing(1);
    assert.equal((await features.claimNext())?.id, 2);
    await features.markPassing(2);
    assert.equal(await features.claimNext(), null);
    assert.notDeepEqual(tracked(store), before);
  });

  test("category narrows the choice and not the scores", async (context) => {
    const { features } = await makeStore(context);
    await features.createBulk([
      { name: "a", category: "ui" },
      { name: "b", category: "core" },
      { name: "c", category: "ui", dependencies: [{ index: 1 }] },
      { name: "d", category: "ui" },
    ]);
    assert.equal(await features.claimNext({ category: "UI" }), null);
    assert.equal(await features.claimNext({ category: "" }), null);
    assert.equal((await features.claimNext({ category: "ui" }))?.id, 1);
    assert.equal((await features.claimNext())?.id, 2);
    assert.equal((await features.claimNext({ category: "ui" }))?.id, 4);
    assert.equal(await features.claimNext({ category: "ui" }), null);
  });

  test("40 calls at once on 30 features: 30 claims, no two of one feature", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store);
    await store.features.createBulk(
      Array.from({ length: 30 }, (_, index) => ({ name: `f${index}` })),
    );
    const claimed = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? store : other).features.claimNext({ agent: `a${index}` }),
      ),
    );
    const won = claimed.filter((one) => one !== null);
    assert.equal(new Set(ids(won)).size, 30);
    assert.equal(won.length, 30);
    for (const { id, claim } of won) {
      assert.deepEqual((await store.features.getById(id))?.claim, claim);
    }
  });
});

async function leased(store: FlowStore): Promise<void> {
  await store.features.create({ name: "a" });
  await store.features.claimAndGet(1, { agent: "ann", leaseMs: LEASE_MS });
}

describe("leases", () => {
  test("expire on read, to the millisecond, before any file changes", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await leased(store);
    const expiresAt = clock.iso(LEASE_MS);
    assert.equal((await store.features.getById(1))?.claim?.expiresAt, expiresAt);
    clock.ms += LEASE_MS - 1;
    assert.equal((await store.features.getStats()).inProgress, 1);
    const before = tracked(store);
    clock.ms += 1;
    const feature = await store.features.getById(1);
    assert.deepEqual(
      [feature?.inProgress, feature?.claim, feature?.status],
      [false, null, "ready"],
    );
    assert.deepEqual(ids(await store.features.getReady()), [1]);
    assert.equal((await store.features.getStats()).inProgress, 0);
    assert.equal((await store.features.getGraph())[0]?.inProgress, false);
    assert.deepEqual(tracked(store), before);
    assert.equal(documentOf(store, feature as { id: number; uid: string })["inProgress"], true);
    const fresh = await reopen(context, store, { clock: clock.now, readOnly: true });
    assert.equal((await fresh.features.getById(1))?.status, "ready");
  });

  test("the file follows with the next write, whatever that is, and its lease_expired event", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    await features.create({ name: "other" });
    const writes: readonly (readonly [name: string, (id: number) => Promise<unknown>, string[]])[] =
      [
        [
          "claim",
          (id) => features.claimAndGet(id, { agent: "bob" }),
          ["claimed status pending>in_progress"],
        ],
        ["pass", (id) => features.markPassing(id), ["status_change status pending>completed"]],
        ["fail", (id) => features.markFailing(id), []],
        [
          "start",
          (id) => features.markInProgress(id, { agent: "bob" }),
          ["status_change status pending>in_progress"],
        ],
        ["clear", (id) => features.clearInProgress(id), []],
        ["update", (id) => features.update(id, { category: "x" }), ["updated category >x"]],
        ["empty update", (id) => features.update(id, {}), []],
        [
          "dependency",
          (id) => features.addDependency(id, 1),
          ["dependency_added dependencies null>1"],
        ],
        ["no dependency", (id) => features.removeDependency(id, 1), []],
        ["delete", (id) => features.delete(id), ["deleted"]],
        ["release", async (id) => assert.deepEqual(await features.releaseExpired(), [id]), []],
      ];
    for (const [name, write, expected] of writes) {
      const { id } = await features.create({ name });
      await features.claimAndGet(id, { agent: "ann", leaseMs: LEASE_MS });
      clock.ms += LEASE_MS;
      await write(id);
      const events = await store.changes.getEvents(id);
      const expired = events.findIndex(({ eventType }) => eventType === "lease_expired");
      assert.deepEqual(
        await told(store, id),
        [
          ...["created", "claimed status pending>in_progress"],
          ...["lease_expired status in_progress>pending", ...expected],
        ],
        name,
      );
      // It tells of the one who held it.
      assert.equal(events[expired]?.agent, "ann");
      const last = await store.events.query({ order: "desc", limit: 1 });
      assert.equal(events.at(-1)?.id, last[0]?.id);
    }
    assert.deepEqual(readdirSync(join(store.root, "local/claims")), []);
    assert.deepEqual(await features.releaseExpired(), []);
  });

  test("renewing changes no tracked file, logs nothing and moves the end", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await leased(store);
    const before = tracked(store);
    const claimed = await store.features.getById(1);
    for (let round = 0; round < 3; round += 1) {
      clock.ms += LEASE_MS - 1;
      const renewed = await store.features.renewClaim(1, "ann", { leaseMs: LEASE_MS });
      assert.deepEqual(renewed, {
        ...claimed,
        claim: { ...claimed?.claim, expiresAt: clock.iso(LEASE_MS) },
      });
    }
    assert.deepEqual(tracked(store), before);
    assert.equal((await store.features.getById(1))?.revision, claimed?.revision);
    assert.equal((await store.changes.getEvents(1)).length, 2);
    clock.ms += LEASE_MS;
    assert.equal((await store.features.getById(1))?.inProgress, false);
  });

  test("renewing a claim without an end gives it one", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.create({ name: "a" });
    await store.features.claimAndGet(1, { agent: "ann" });
    clock.ms += 365 * 24 * 3600 * 1000;
    const renewed = await store.features.renewClaim(1, "ann", { leaseMs: 1 });
    assert.equal(renewed.claim?.expiresAt, clock.iso(1));
    clock.ms += 1;
    assert.equal((await store.features.getById(1))?.claim, null);
  });

  test("an expired one, another's, a free one and a finished one cannot be renewed", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    await leased(store);
    const others = await refusedWithoutTrace(store, "CONFLICT", () =>
      features.renewClaim(1, "bob", { leaseMs: LEASE_MS }),
    );
    assert.equal((others.context["holder"] as { agent: string }).agent, "ann");
    clock.ms += LEASE_MS;
    for (const agent of ["ann", "bob"]) {
      await refusedWithoutTrace(store, "CONFLICT", () =>
        features.renewClaim(1, agent, { leaseMs: LEASE_MS }),
      );
    }
    await features.claimAndGet(1, { agent: "bob" });
    await refusedWithoutTrace(store, "CONFLICT", () =>
      features.renewClaim(1, "ann", { leaseMs: LEASE_MS }),
    );
    await features.markPassing(1);
    await refusedWithoutTrace(store, "CONFLICT", () =>
      features.renewClaim(1, "bob", { leaseMs: LEASE_MS }),
    );
    await refused("NOT_FOUND", () => features.renewClaim(2, "ann", { leaseMs: 1 }));
    await features.markFailing(1);
    await features.claimAndGet(1, { agent: "ann" });
    for (const [agent, options] of [
      ["", { leaseMs: 1 }],
      [null, { leaseMs: 1 }],
      ["ann", {}],
      ["ann", { leaseMs: 0 }],
      ["ann", { leaseMs: "1" }],
      ["ann", null],
      ["ann", 60_000],
      ["ann", undefined],
    ] as const) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        features.renewClaim(1, agent as string, options as { leaseMs: number }),
      );
    }
  });

  test("one of an earlier claim does not end a later one", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    await leased(store);
    const lease = join(
      store.root,
      "local/claims",
      readdirSync(join(store.root, "local/claims"))[0] ?? "",
    );
    const text = readFileSync(lease, "utf8");
    await features.clearInProgress(1);
    assert.equal(existsSync(lease), false);
    clock.ms += 1;
    await features.claimAndGet(1, { agent: "ann" });
    writeFileSync(lease, text);
    await pass(FRESH_MS);
    clock.ms += LEASE_MS;
    assert.deepEqual((await features.getById(1))?.claim, {
      agent: "ann",
      at: clock.iso(-LEASE_MS),
      expiresAt: null,
    });
  });

  test("a damaged lease is reported and the claim counts as one without an end", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await leased(store);
    const name = readdirSync(join(store.root, "local/claims"))[0] ?? "";
    const path = join(store.root, "local/claims", name);
    const whole = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    clock.ms += LEASE_MS;
    for (const text of [
      ...["", "{", "null", "[]", "5", "\0", "<<<<<<< ours"],
      ...[
        { expiresAt: 5 },
        { expiresAt: "soon" },
        { expiresAt: null },
        { uid: 5 },
        { at: null },
      ].map((change) => JSON.stringify({ ...whole, ...change })),
    ]) {
      writeFileSync(path, text);
      await pass(FRESH_MS);
      const feature = await store.features.getById(1);
      assert.deepEqual([feature?.inProgress, feature?.claim?.expiresAt], [true, null], text);
      const found = (await store.check()).filter(({ rule }) => rule === "lease");
      assert.deepEqual(
        found.map(({ file, severity }) => [file, severity]),
        [[`local/claims/${name}`, "error"]],
        text,
      );
      assert.equal(readFileSync(path, "utf8"), text);
    }
    await store.features.renewClaim(1, "ann", { leaseMs: LEASE_MS });
    assert.deepEqual(await store.check(), []);
    clock.ms += LEASE_MS;
    assert.equal((await store.features.getById(1))?.claim, null);
  });

  test("losing local/ makes a lease endless rather than lost", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await leased(store);
    await store.close();
    rmSync(join(store.root, "local"), { recursive: true });
    const again = await reopen(context, store, { clock: clock.now });
    clock.ms += 10 * LEASE_MS;
    assert.equal((await again.features.getById(1))?.claim?.expiresAt, null);
    assert.equal((await again.features.clearInProgress(1, { claimedBy: "ann" })).status, "ready");
  });
});

describe("claimedBy", () => {
  test("refuses what somebody else holds, and what nobody holds any more", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features } = store;
    const marks = ["markPassing", "markFailing", "clearInProgress", "skip"] as const;
    await features.create({ name: "a" });
    for (const mark of marks) {
      const nobodys = await refusedWithoutTrace(store, "CONFLICT", () =>
        features[mark](1, { claimedBy: "ann" }),
      );
      assert.equal(nobodys.context["holder"], null);
      await features.claimAndGet(1, { agent: "bob" });
      const bobs = await refusedWithoutTrace(store, "CONFLICT", () =>
        features[mark](1, { claimedBy: "ann" }),
      );
      assert.equal((bobs.context["holder"] as { agent: string }).agent, "bob");
      assert.equal((await features[mark](1, { claimedBy: "bob" })).id, 1);
      await features.markFailing(1);
    }
    await features.claimAndGet(1, { agent: "ann", leaseMs: LEASE_MS });
    clock.ms += LEASE_MS;
    for (const mark of marks) {
      const late = await refusedWithoutTrace(store, "CONFLICT", () =>
        features[mark](1, { claimedBy: "ann" }),
      );
      assert.match(late.message, /lease/);
    }
    for (const claimedBy of ["", null, 5]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        features.markPassing(1, { claimedBy: claimedBy as string }),
      );
    }
  });
});
