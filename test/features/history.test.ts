/** What every change logs, who is named in it, and events of a caller's own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { ChangeNote, Feature, FlowStore, LogEventInput } from "flowstore";

import { makeStore, refusedWithoutTrace, reopen, TestClock, tracked } from "./support.ts";

/** Every changing call, on a store with three features of which the third is claimed by ann. */
const CALLS: Readonly<Record<string, (store: FlowStore, note: ChangeNote) => Promise<unknown>>> = {
  create: ({ features }, note) => features.create({ name: "x" }, note),
  createBulk: ({ features }, note) => features.createBulk([{ name: "x" }, { name: "y" }], note),
  claimAndGet: ({ features }, note) => features.claimAndGet(1, note),
  claimNext: ({ features }, note) => features.claimNext(note),
  markPassing: ({ features }, note) => features.markPassing(1, note),
  markFailing: ({ features }, note) => features.markFailing(3, note),
  markInProgress: ({ features }, note) => features.markInProgress(1, note),
  clearInProgress: ({ features }, note) => features.clearInProgress(3, note),
  skip: ({ features }, note) => features.skip(1, note),
  addDependency: ({ features }, note) => features.addDependency(1, 2, note),
  removeDependency: ({ features }, note) => features.removeDependency(3, 2, note),
  setDependencies: ({ features }, note) => features.setDependencies(1, [2], note),
  update: ({ features }, note) => features.update(1, { name: "x", own: 1 }, note),
  delete: ({ features }, note) => features.delete(2, note),
  logEvent: ({ changes }, note) => changes.logEvent(1, "comment", note),
};

const NUMBER_OF_EVENTS: Readonly<Record<string, number>> = { createBulk: 2, update: 2, delete: 2 };

async function makeThree(store: FlowStore): Promise<void> {
  await store.features.createBulk([
    { name: "a" },
    { name: "b" },
    { name: "c", dependencies: [{ index: 1 }] },
  ]);
  await store.features.claimAndGet(3, { agent: "ann" });
}

describe("every change", () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} logs its events in its own commit, with agent, source, note and time`, async (context) => {
      const clock = new TestClock();
      const store = await makeStore(context, { clock: clock.now, actor: "actor", source: "test" });
      await makeThree(store);
      const before = (await store.events.query()).length;
      clock.ms += 1000;
      await call(store, { agent: "agent-7", source: "web", note: 'because\u2028of "it"' });
      const added = (await store.events.query()).slice(before);
      assert.equal(added.length, NUMBER_OF_EVENTS[name] ?? 1);
      for (const event of added) {
        assert.equal(event.agent, "agent-7");
        assert.equal(event.source, "web");
        assert.deepEqual(event.metadata, { note: 'because\u2028of "it"' });
        assert.equal(event.createdAt, clock.iso());
        assert.equal(event.txId, added[0]?.id);
        assert.equal(event.provisional, false);
      }
      assert.deepEqual(
        added.map(({ sequence }) => sequence),
        added.map((_, index) => before + index + 1),
      );
      // Another store, opened now, finds both the change and its event.
      const other = await reopen(context, store, { clock: clock.now });
      assert.deepEqual(await other.events.query(), await store.events.query());
      assert.deepEqual(await other.features.getAll(), await store.features.getAll());
    });

    test(`${name} without a note is the actor's, through the store's source`, async (context) => {
      const store = await makeStore(context, { actor: "actor", source: "test" });
      await makeThree(store);
      await call(store, {});
      const [last] = await store.events.query({ order: "desc", limit: 1 });
      assert.deepEqual([last?.agent, last?.source, last?.metadata], ["actor", "test", null]);
    });

    test(`${name} refuses a note that is none, whole`, async (context) => {
      const store = await makeStore(context);
      await makeThree(store);
      for (const note of [
        ...[null, "ann", 5, true, ["ann"], { agent: null }, { agent: "" }, { agent: 5 }],
        ...[{ agent: "\ud800" }, { source: null }, { source: "" }, { source: 5 }, { source: {} }],
        ...[{ note: null }, { note: 5 }, { note: "\udc00" }, { note: ["x"] }, { note: 5n }],
      ]) {
        await refusedWithoutTrace(store, "BAD_REQUEST", () => call(store, note as ChangeNote));
      }
    });
  }

  test("the revision changes with the document and with nothing else", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const seen = new Set<string>();
    await features.create({ name: "a" });
    await features.create({ name: "b" });
    const revision = async (): Promise<string> => (await features.getById(1))?.revision ?? "";
    const isNew = async (): Promise<void> => {
      const now = await revision();
      assert.ok(!seen.has(now));
      seen.add(now);
    };
    await isNew();
    await features.claimAndGet(1, { agent: "ann", leaseMs: 1000 });
    await isNew();
    const claimed = await revision();
    await features.renewClaim(1, "ann", { leaseMs: 9000 });
    await store.changes.logEvent(1, "comment");
    await features.update(2, { name: "c" });
    assert.equal(await revision(), claimed);
    await features.update(1, { own: 1 });
    await isNew();
    await features.markPassing(1);
    await isNew();
  });

  test("updatedAt is the time of the last event, of a caller's own too, also when the clock went back", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const { features, changes } = store;
    await features.create({ name: "a" });
    const updatedAt = async (): Promise<unknown> => (await features.getById(1))?.updatedAt;
    assert.equal(await updatedAt(), clock.iso());
    clock.ms += 10;
    await changes.logEvent(1, "comment");
    assert.equal(await updatedAt(), clock.iso());
    assert.equal((await features.getAll())[0]?.updatedAt, clock.iso());
    clock.ms -= 3_600_000;
    assert.equal((await features.markPassing(1)).updatedAt, clock.iso());
    assert.equal(await updatedAt(), clock.iso());
    const events = await changes.getEvents(1);
    assert.deepEqual(
      events.map(({ eventType }) => eventType),
      ["created", "comment", "status_change"],
    );
    assert.deepEqual(
      events.map(({ id }) => id).toSorted(),
      events.map(({ id }) => id),
    );
    const again = await reopen(context, store, { clock: clock.now });
    assert.equal((await again.features.getById(1))?.updatedAt, clock.iso());
  });

  test("a call that changes nothing returns the same updatedAt, in a store that has read nothing yet", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.create({ name: "a" });
    clock.ms += 10;
    await store.features.claimAndGet(1, { agent: "ann", leaseMs: 60_000 });
    const changed = await store.features.update(1, { category: "ui" });
    clock.ms += 10;
    const calls: ((other: FlowStore) => Promise<Feature>)[] = [
      ({ features }) => features.update(1, { category: "ui" }),
      ({ features }) => features.removeDependency(1, 9),
      ({ features }) => features.renewClaim(1, "ann", { leaseMs: 60_000 }),
    ];
    for (const call of calls) {
      const fresh = await reopen(context, store, { clock: clock.now });
      assert.equal((await call(fresh)).updatedAt, changed.updatedAt);
      assert.notEqual(changed.updatedAt, changed.createdAt);
    }
  });
});

describe("logEvent and getEvents", () => {
  test("keep what is said, absent is null, in the order of the calls", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now, actor: "actor" });
    const feature = await store.features.create({ name: "a" });
    const comment = await store.changes.logEvent(1, "comment");
    assert.deepEqual(comment, {
      id: comment.id,
      featureId: 1,
      featureUid: feature.uid,
      eventType: "comment",
      field: null,
      oldValue: null,
      newValue: null,
      agent: "actor",
      source: "api",
      createdAt: clock.iso(),
    });
    const change = await store.changes.logEvent(feature.uid, "status_change", {
      ...{ field: "status", oldValue: "", newValue: "reviewed", agent: "ann", source: "web" },
    });
    assert.deepEqual(
      [change.field, change.oldValue, change.newValue, change.agent, change.source],
      ["status", "", "reviewed", "ann", "web"],
    );
    const nulls = await store.changes.logEvent(1, "comment", {
      ...{ field: null, oldValue: null, newValue: null },
    });
    assert.equal(nulls.field, null);
    const many = await Promise.all(
      Array.from({ length: 30 }, (_, index) => store.changes.logEvent(1, `burst ${index}`)),
    );
    const events = await store.changes.getEvents(1);
    assert.deepEqual(events.slice(1), [comment, change, nulls, ...many]);
    assert.deepEqual(await store.features.history(1), events);
    assert.deepEqual(await store.changes.getEvents(feature.uid), events);
    const again = await reopen(context, store);
    assert.deepEqual(await again.changes.getEvents(1), events);
    // A caller's own word for a state changes no state.
    assert.equal((await again.features.getById(1))?.status, "ready");
    assert.deepEqual(await again.check(), []);
  });

  test("unknown: NOT_FOUND to log, empty to read; wrong types are refused", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    await store.features.create({ name: "b" });
    await store.features.delete(2);
    const before = tracked(store);
    for (const id of [2, 9]) {
      await refusedWithoutTrace(store, "NOT_FOUND", () => store.changes.logEvent(id, "comment"));
    }
    assert.deepEqual(await store.changes.getEvents(9), []);
    assert.deepEqual(await store.changes.getEvents("01ARZ3NDEKTSV4RRFFQ69G5FAV"), []);
    for (const id of [0, "1", null, undefined, {}, "feature:1"]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () => store.changes.getEvents(id as number));
    }
    for (const type of ["", null, undefined, 5, {}, "\ud800"]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.changes.logEvent(1, type as string),
      );
    }
    for (const input of [
      { field: 5 },
      { oldValue: {} },
      { newValue: "\ud800" },
      { newValue: 1n },
    ]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.changes.logEvent(1, "comment", input as unknown as LogEventInput),
      );
    }
    assert.deepEqual(tracked(store), before);
  });

  test("a type and values of any text survive: new lines, escapes, 1 MB", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const texts = [
      "\n\r\u2028\u2029",
      '","crc":"00000000"}',
      "\u0000\u001b[31m",
      "__proto__",
      "😀".repeat(250_000),
    ];
    for (const text of texts) {
      const event = await store.changes.logEvent(1, text, {
        field: text,
        oldValue: text,
        newValue: text,
      });
      assert.equal(event.eventType, text);
    }
    const again = await reopen(context, store);
    const events = (await again.changes.getEvents(1)).slice(1);
    assert.deepEqual(
      events.map(({ eventType }) => eventType),
      texts,
    );
    assert.deepEqual(
      events.map(({ newValue }) => newValue),
      texts,
    );
    assert.deepEqual(await again.check(), []);
  });
});
