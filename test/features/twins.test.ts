/** Two features that bear one id, as a merge of two branches leaves them. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { FlowStore, type Feature } from "flowstore";

import {
  FRESH_MS,
  ids,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  refusedWithoutTrace,
  reopen,
  told,
  warnings,
} from "./support.ts";

interface Merged {
  readonly store: FlowStore;
  readonly ours: Feature;
  readonly theirs: Feature;
}

/**
 * A root of which a copy went its own way and came back: feature 1 is common, feature 2 is another
 * one on either side, feature 3 needs 2.
 */
async function merge(context: TestContext): Promise<Merged> {
  const store = await makeStore(context);
  await store.features.create({ name: "common" });
  await store.close();
  const copied = join(makeProject(context), ".flow");
  mkdirSync(copied);
  for (const name of readdirSync(store.root)) {
    if (name !== "local") cpSync(join(store.root, name), join(copied, name), { recursive: true });
  }
  const branch = await FlowStore.open(copied, { ...QUICK, actor: "theirs" });
  const theirs = await branch.features.create({ name: "theirs", priority: 1 });
  await branch.features.claimAndGet(2);
  await branch.close();
  const again = await reopen(context, store, { actor: "ours" });
  const ours = await again.features.create({ name: "ours" });
  await again.features.create({ name: "needs both", dependencies: [2] });
  for (const folder of ["features", "events"]) {
    cpSync(join(copied, folder), join(store.root, folder), { recursive: true, force: false });
  }
  await pass(FRESH_MS);
  return { store: again, ours, theirs };
}

describe("an id that two features bear", () => {
  test("lists return both, in the order priority, id, uid; each with its own history", async (context) => {
    const { store, ours, theirs } = await merge(context);
    const { features } = store;
    assert.deepEqual(ids(await features.getAll()), [1, 2, 2, 3]);
    assert.deepEqual((await features.list({ text: "our" })).items, [
      await features.getById(ours.uid),
    ]);
    assert.equal((await features.getStats()).total, 4);
    assert.deepEqual(
      (await features.getGraph()).map(({ id, dependents }) => [id, dependents]),
      [
        [1, []],
        [2, [3]],
        [2, [3]],
        [3, []],
      ],
    );
    assert.deepEqual(await told(store, ours.uid), ["created"]);
    assert.deepEqual(await told(store, theirs.uid), [
      ...["created", "claimed status pending>in_progress"],
    ]);
    const both = await store.changes.getEvents(2);
    assert.deepEqual(
      both.map(({ featureUid, agent, eventType }) => [featureUid, agent, eventType]),
      [
        [theirs.uid, "theirs", "created"],
        [theirs.uid, "theirs", "claimed"],
        [ours.uid, "ours", "created"],
      ],
    );
    assert.deepEqual(await features.history(2), both);
    assert.equal((await features.getById(theirs.uid))?.claim?.agent, "theirs");
    // Pages go on between the two as well.
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await features.list({ limit: 1, ...(after === undefined ? {} : { after }) });
      seen.push(...page.items.map(({ uid }) => uid));
      after = page.next ?? undefined;
    } while (after !== undefined);
    assert.deepEqual(
      seen,
      (await features.getAll()).map(({ uid }) => uid),
    );
  });

  test("getById and every change of that id are CONFLICT with both uids", async (context) => {
    const { store, ours, theirs } = await merge(context);
    const { features, changes } = store;
    const calls: (() => Promise<unknown>)[] = [
      () => features.getById(2),
      () => features.claimAndGet(2),
      () => features.markPassing(2),
      () => features.markFailing(2),
      () => features.markInProgress(2),
      () => features.clearInProgress(2),
      () => features.skip(2),
      () => features.addDependency(2, 1),
      () => features.removeDependency(2, 1),
      () => features.setDependencies(2, [1]),
      () => features.update(2, { name: "x" }),
      () => features.delete(2),
      () => features.renewClaim(2, "theirs", { leaseMs: 5 }),
      () => changes.logEvent(2, "comment"),
    ];
    for (const call of calls) {
      const error = await refusedWithoutTrace(store, "CONFLICT", call);
      assert.deepEqual(
        (error.context["uids"] as string[]).toSorted(),
        [ours.uid, theirs.uid].toSorted(),
      );
      assert.match(error.hint ?? "", /uid/);
    }
  });

  test("every call accepts a uid, and touches that one alone", async (context) => {
    const { store, ours, theirs } = await merge(context);
    const { features, changes } = store;
    const other = await features.getById(theirs.uid);
    await features.update(ours.uid, { name: "renamed" });
    await features.skip(ours.uid);
    await features.addDependency(ours.uid, 1);
    await features.removeDependency(ours.uid, 1);
    await features.setDependencies(ours.uid, [1]);
    await features.setDependencies(ours.uid, []);
    await features.markInProgress(ours.uid, { agent: "ann" });
    await features.renewClaim(ours.uid, "ann", { leaseMs: 60_000 });
    await features.clearInProgress(ours.uid, { claimedBy: "ann" });
    await features.claimAndGet(ours.uid);
    await features.markFailing(ours.uid);
    await changes.logEvent(ours.uid, "comment");
    await features.markPassing(ours.uid);
    assert.equal((await features.getById(ours.uid))?.name, "renamed");
    assert.deepEqual(await features.getById(theirs.uid), other);
    assert.equal((await told(store, theirs.uid)).length, 2);
  });

  test("a dependency on it is met when both pass, and stays when one of them is deleted", async (context) => {
    const { store, ours, theirs } = await merge(context);
    const { features } = store;
    const status = async (): Promise<unknown> => (await features.getById(3))?.status;
    await features.markPassing(ours.uid);
    assert.equal(await status(), "blocked");
    assert.deepEqual(ids(await features.getBlocked()), [3]);
    await refused("CONFLICT", () => features.claimAndGet(3, { requireReady: true }));
    await features.markPassing(theirs.uid);
    assert.equal(await status(), "ready");
    await features.markFailing(theirs.uid);
    assert.equal(await status(), "blocked");
    assert.deepEqual(await features.delete(theirs.uid), { id: 2, removedFrom: [] });
    assert.equal(await status(), "ready");
    assert.equal((await features.getById(2))?.uid, ours.uid);
    assert.deepEqual(await features.delete(2), { id: 2, removedFrom: [3] });
    assert.equal(await features.getById(2), null);
  });

  test("is named by check with both files; repair leaves it to a person", async (context) => {
    const { store, ours, theirs } = await merge(context);
    const found = (await store.check()).filter(({ rule }) => rule === "duplicate-id");
    assert.equal(found.length, 2);
    for (const uid of [ours.uid, theirs.uid]) {
      assert.ok(found.some(({ message }) => message.includes(uid)));
    }
    assert.deepEqual((await store.status()).problems, await store.check());
    const heard = warnings();
    const other = await reopen(context, store, { onWarning: heard.onWarning });
    await other.features.getAll();
    assert.deepEqual(heard.findings, found);
    const report = await store.repair();
    assert.deepEqual(
      report.left.filter(({ rule }) => rule === "duplicate-id"),
      found,
    );
    // A new id is above both, and claimNext takes either, by uid.
    assert.equal((await store.features.create({ name: "next" })).id, 4);
    const claimed = await Promise.all([1, 2, 3].map(() => store.features.claimNext()));
    const won = ids(claimed.filter((one) => one !== null));
    assert.deepEqual(
      won.toSorted((a, b) => a - b),
      [1, 2, 4],
    );
  });

  test("a copy of a file, uid and all, is refused by id and by uid", async (context) => {
    const store = await makeStore(context);
    const { uid } = await store.features.create({ name: "a" });
    const folder = join(store.root, "features");
    const [name = ""] = readdirSync(folder);
    cpSync(join(folder, name), join(folder, `1-copy-${name.slice(-11)}`));
    await pass(FRESH_MS);
    assert.equal((await store.features.getAll()).length, 2);
    for (const ref of [1, uid]) {
      for (const call of [
        () => store.features.getById(ref),
        () => store.features.markPassing(ref),
      ]) {
        const { hint } = await refusedWithoutTrace(store, "CONFLICT", call);
        // The uid would not tell them apart either.
        assert.match(hint ?? "", /bear the same uid.*flowstore check/);
      }
    }
    assert.equal(await store.features.claimNext(), null);
    const rules = (await store.check()).map(({ rule }) => rule);
    assert.deepEqual(rules.toSorted(), [
      "duplicate-id",
      "duplicate-id",
      "duplicate-uid",
      "duplicate-uid",
    ]);
  });
});
