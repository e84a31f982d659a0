/** Marking: every call from every state, and what each leaves behind. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Feature, FlowStore, MarkFeatureOptions } from "flowstore";

import { documentOf, makeStore, refusedWithoutTrace, TestClock, told, tracked } from "./support.ts";

type Mark = "markPassing" | "markFailing" | "markInProgress" | "clearInProgress";

/** How a feature comes into each state. */
const STATES = {
  pending: async (_store: FlowStore, _id: number) => undefined,
  blocked: (store: FlowStore, id: number) => store.features.addDependency(id, 1),
  claimed: (store: FlowStore, id: number) => store.features.claimAndGet(id, { agent: "ann" }),
  begun: (store: FlowStore, id: number) => store.features.markInProgress(id, { agent: "ann" }),
  passing: (store: FlowStore, id: number) => store.features.markPassing(id),
} as const;

type State = keyof typeof STATES;

const PENDING_TO = "status_change status pending>";

/** What a call does in a state: the event it logs, `null` for none, or the refusal. */
const OUTCOMES: Readonly<Record<Mark, Readonly<Record<State, string | null>>>> = {
  markPassing: {
    pending: `${PENDING_TO}completed`,
    blocked: `${PENDING_TO}completed`,
    claimed: "status_change status in_progress>completed",
    begun: "status_change status in_progress>completed",
    passing: null,
  },
  markFailing: {
    pending: null,
    blocked: null,
    claimed: "status_change status in_progress>pending",
    begun: "status_change status in_progress>pending",
    passing: "status_change status completed>pending",
  },
  markInProgress: {
    pending: `${PENDING_TO}in_progress`,
    blocked: `${PENDING_TO}in_progress`,
    claimed: "CONFLICT",
    begun: "CONFLICT",
    passing: "CONFLICT",
  },
  clearInProgress: {
    pending: null,
    blocked: null,
    claimed: "claim_released status in_progress>pending",
    begun: "claim_released status in_progress>pending",
    passing: null,
  },
};

const FLAGS_AFTER: Readonly<Record<Mark, (before: Feature) => [boolean, boolean]>> = {
  markPassing: () => [true, false],
  markFailing: () => [false, false],
  markInProgress: () => [false, true],
  clearInProgress: ({ passes }) => [passes, false],
};

describe("marks", () => {
  for (const mark of Object.keys(OUTCOMES) as Mark[]) {
    test(`${mark}, from every state`, async (context) => {
      const clock = new TestClock();
      const store = await makeStore(context, { clock: clock.now });
      await store.features.create({ name: "first" });
      for (const state of Object.keys(STATES) as State[]) {
        const { id } = await store.features.create({ name: state });
        await STATES[state](store, id);
        const before = (await store.features.getById(id)) as Feature;
        const events = await told(store, id);
        clock.ms += 10;
        const outcome = OUTCOMES[mark][state];
        if (outcome === "CONFLICT") {
          const error = await refusedWithoutTrace(store, "CONFLICT", () =>
            store.features[mark](id),
          );
          assert.deepEqual(error.context["holder"], before.claim);
          continue;
        }
        const untouched = tracked(store);
        const after = await store.features[mark](id, { agent: "bob" });
        const where = `${mark} from ${state}`;
        assert.deepEqual([after.passes, after.inProgress], FLAGS_AFTER[mark](before), where);
        assert.deepEqual(await store.features.getById(id), after, where);
        if (outcome === null) {
          assert.deepEqual(tracked(store), untouched, where);
          assert.deepEqual(after, before, where);
          continue;
        }
        assert.deepEqual(await told(store, id), [...events, outcome], where);
        assert.equal(after.updatedAt, clock.iso(), where);
        assert.notEqual(after.revision, before.revision, where);
        assert.equal(after.createdAt, before.createdAt);
        const document = documentOf(store, after);
        assert.equal(document["passes"], after.passes);
        assert.equal(document["inProgress"], after.inProgress);
        const claim = mark === "markInProgress" ? { agent: "bob", at: clock.iso() } : null;
        assert.deepEqual(document["claim"], claim);
        assert.equal((await store.changes.getEvents(id)).at(-1)?.agent, "bob");
      }
    });
  }

  test("skip makes it last and keeps its flags, of a passing and a claimed one too", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([{ name: "a" }, { name: "b" }, { name: "c", priority: 7 }]);
    await features.markPassing(1);
    await features.claimAndGet(2, { agent: "ann" });
    const skipped = await features.skip(1);
    assert.deepEqual([skipped.priority, skipped.passes], [8, true]);
    const claimed = await features.skip(2);
    assert.deepEqual([claimed.priority, claimed.claim?.agent], [9, "ann"]);
    assert.equal((await features.skip(2)).priority, 10);
    assert.deepEqual((await told(store, 2)).slice(-2), [
      "skipped priority 2>9",
      "skipped priority 9>10",
    ]);
    await features.update(3, { priority: Number.MAX_SAFE_INTEGER });
    await refusedWithoutTrace(store, "BAD_REQUEST", () => features.skip(3));
  });

  test("an unknown id is NOT_FOUND, everywhere; a malformed one BAD_REQUEST", async (context) => {
    const store = await makeStore(context);
    const { features, changes } = store;
    await features.create({ name: "a" });
    const { uid } = await features.create({ name: "gone" });
    await features.delete(2);
    const calls: ((id: number) => Promise<unknown>)[] = [
      (id) => features.claimAndGet(id),
      (id) => features.markPassing(id),
      (id) => features.markFailing(id),
      (id) => features.markInProgress(id),
      (id) => features.clearInProgress(id),
      (id) => features.skip(id),
      (id) => features.addDependency(id, 1),
      (id) => features.addDependency(1, id),
      (id) => features.removeDependency(id, 1),
      (id) => features.setDependencies(id, []),
      (id) => features.setDependencies(1, [id]),
      (id) => features.update(id, {}),
      (id) => features.update(1, { dependencies: [id] }),
      (id) => features.delete(id),
      (id) => features.renewClaim(id, "ann", { leaseMs: 5 }),
      (id) => changes.logEvent(id, "comment"),
    ];
    const unknown = [2, 3, Number.MAX_SAFE_INTEGER, uid, "01ARZ3NDEKTSV4RRFFQ69G5FAV"];
    const malformed = [0, -1, 1.5, "", "1", "x".repeat(26), null, undefined, {}, [1], true];
    for (const call of calls) {
      for (const id of unknown) {
        const error = await refusedWithoutTrace(store, "NOT_FOUND", () => call(id as number));
        assert.ok(error.message.includes(String(id)), error.message);
      }
      for (const id of malformed) {
        await refusedWithoutTrace(store, "BAD_REQUEST", () => call(id as number));
      }
    }
  });

  test("expectedRevision refuses a feature that changed since, by the store or by hand", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const first = await features.create({ name: "a" });
    await features.create({ name: "b" });
    const calls: ((options: MarkFeatureOptions) => Promise<unknown>)[] = [
      (options) => features.markPassing(1, options),
      (options) => features.markFailing(1, options),
      (options) => features.markInProgress(1, options),
      (options) => features.clearInProgress(1, options),
      (options) => features.skip(1, options),
      (options) => features.update(1, { name: "x" }, options),
      (options) => features.addDependency(1, 2, options),
      (options) => features.removeDependency(1, 2, options),
      (options) => features.setDependencies(1, [2], options),
      (options) => features.delete(1, options),
    ];
    const changed = await features.update(1, { category: "ui" });
    for (const call of calls) {
      const error = await refusedWithoutTrace(store, "CONFLICT", () =>
        call({ expectedRevision: first.revision }),
      );
      assert.equal(error.context["actual"], changed.revision);
      for (const expectedRevision of [null, 5, {}]) {
        await refusedWithoutTrace(store, "BAD_REQUEST", () =>
          call({ expectedRevision: expectedRevision as string }),
        );
      }
    }
    // The same text again is the same revision: what was read is what is there.
    const back = await features.update(1, { category: "" });
    assert.equal(back.revision, first.revision);
    const passed = await features.markPassing(1, { expectedRevision: first.revision });
    assert.equal(passed.passes, true);
  });
});

describe("the next call after a failed one", () => {
  test("works and is durable, after every kind of failure", async (context) => {
    const store = await makeStore(context, { durability: "full" });
    const { features } = store;
    await features.createBulk([{ name: "a" }, { name: "b", dependencies: [{ index: 0 }] }]);
    const failing: (() => Promise<unknown>)[] = [
      () => features.addDependency(1, 2),
      () => features.addDependency(1, 99),
      () => features.removeDependency(99, 1),
      () => features.setDependencies(1, [99]),
      () => features.setDependencies(1, [1]),
      () => features.create({ name: "c", dependencies: [99] }),
      () => features.createBulk([{ name: "c" }, { name: 5 as unknown as string }]),
      () => features.markInProgress(99),
      () => features.update(1, { id: 5 }),
      () => features.delete(99),
      () => store.changes.logEvent(99, "comment"),
      () =>
        store.transaction(async () => {
          await features.update(1, { name: "never" });
          await features.addDependency(1, 2);
        }),
    ];
    const { FlowStore } = await import("flowstore");
    for (const [index, fail] of failing.entries()) {
      await assert.rejects(fail);
      const name = `after ${index}`;
      await features.update(1, { name });
      await features.createBulk([{ name }]);
      // Another process's view: a store of its own, on what lies there now.
      const other = await FlowStore.open(store.root, { readOnly: true });
      assert.equal((await other.features.getById(1))?.name, name);
      assert.equal((await other.features.getAll()).length, index + 3);
      await other.close();
    }
    assert.deepEqual(await store.check(), []);
  });
});
