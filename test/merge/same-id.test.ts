/** Two clones that gave one id to two features: contract section 2. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFlowError } from "flowstore";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, errorsOf, settle } from "./truth.ts";

const BEFORE = 41;
const ID = BEFORE + 1;

test("two clones numbered a new feature 42", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk(
    Array.from({ length: BEFORE }, (_, index) => ({ name: `F ${index + 1}` })),
  );
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);

  const mine = await here.features.create({ name: "Mine" });
  const needing = await here.features.create({ name: "Needing", dependencies: [ID] });
  first.commit("here");
  const theirs = await there.features.create({ name: "Mine" });
  second.commit("there");
  assert.deepEqual([mine.id, theirs.id, needing.id], [ID, ID, ID + 1]);

  first.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
  await settle();
  const uids = [mine.uid, theirs.uid].toSorted();

  // `check` names the pair: both files, each told by its uid.
  const findings = (await here.check()).filter(({ severity }) => severity === "error");
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ["duplicate-id", "duplicate-id"],
  );
  for (const uid of uids) {
    const finding = findings.find(({ message }) => message.includes(uid));
    assert.match(
      finding?.file ?? "",
      new RegExp(`^features/42-mine-${uid.slice(-6).toLowerCase()}\\.json$`),
    );
  }
  for (const { message, file } of findings) {
    for (const other of findings) assert.ok(message.includes(other.file), `${file}: ${message}`);
  }

  // Lists hold both.
  const all = await here.features.getAll();
  assert.equal(all.length, BEFORE + 3);
  for (const list of [all, await here.features.getReady(), (await here.features.list()).items]) {
    assert.deepEqual(
      list
        .filter(({ id }) => id === ID)
        .map(({ uid }) => uid)
        .toSorted(),
      uids,
    );
  }
  assert.equal((await here.features.getStats()).total, BEFORE + 3);
  assert.equal((await here.features.getGraph()).filter(({ id }) => id === ID).length, 2);

  // By the id alone nobody can tell which one is meant.
  const calls: Record<string, (ref: number | string) => Promise<unknown>> = {
    getById: (ref) => here.features.getById(ref),
    claimAndGet: (ref) => here.features.claimAndGet(ref),
    clearInProgress: (ref) => here.features.clearInProgress(ref),
    markInProgress: (ref) => here.features.markInProgress(ref),
    markFailing: (ref) => here.features.markFailing(ref),
    skip: (ref) => here.features.skip(ref),
    update: (ref) => here.features.update(ref, { description: "Changed" }),
    addDependency: (ref) => here.features.addDependency(ref, 1),
    removeDependency: (ref) => here.features.removeDependency(ref, 1),
    setDependencies: (ref) => here.features.setDependencies(ref, []),
    markPassing: (ref) => here.features.markPassing(ref),
    logEvent: (ref) => here.changes.logEvent(ref, "note"),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call(ID), (error) => {
      assert.ok(isFlowError(error, "CONFLICT"), `${name}: ${String(error)}`);
      assert.deepEqual((error.context["uids"] as string[]).toSorted(), uids, name);
      return true;
    });
  }
  await assert.rejects(here.features.delete(ID), { code: "CONFLICT" });

  // By its uid each one can be used.
  const events = await here.features.history(ID);
  assert.deepEqual(events.map(({ featureUid }) => featureUid).toSorted(), uids);
  for (const [name, call] of Object.entries(calls)) {
    if (name !== "markPassing") await call(theirs.uid);
  }
  assert.equal((await here.features.getById(theirs.uid))?.description, "Changed");
  assert.equal((await here.features.getById(mine.uid))?.description, "");

  // What depends on 42 waits for both.
  const statusOf = async (): Promise<unknown> => (await here.features.getById(needing.id))?.status;
  assert.equal(await statusOf(), "blocked");
  await here.features.markPassing(theirs.uid);
  assert.equal(await statusOf(), "blocked");
  assert.ok((await here.features.getBlocked()).some(({ uid }) => uid === needing.uid));
  await here.features.markPassing(mine.uid);
  assert.equal(await statusOf(), "ready");
  assert.ok((await here.features.getReady()).some(({ uid }) => uid === needing.uid));

  // Ids go on behind both clones' highest, here and in a clone that knows nothing but the files.
  assert.equal((await here.features.create({ name: "Next" })).id, ID + 2);
  first.commit("merged");
  second.git("pull", "--quiet", "--no-rebase", "--no-edit", first.folder, "main");
  await settle();
  assert.equal((await there.features.create({ name: "Next there" })).id, ID + 3);

  // When one of them is gone, 42 is the other one.
  await here.features.delete(theirs.uid);
  assert.equal((await here.features.getById(ID))?.uid, mine.uid);
  assert.deepEqual(await errorsOf(here), []);
  await assertSaysWhatFilesSay(here);
});
