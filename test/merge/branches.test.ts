/** Branches and clones that each create, claim and pass: plain `git merge` brings all together. */
import assert from "node:assert/strict";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FlowStore } from "flowstore";
import { eventLines } from "../process/store-files.ts";
import { RemoteStore } from "../process/store-remote.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, Numbers, settle } from "./truth.ts";

const LIFE = ["created", "claimed", "status_change"];

/** Creates features of its own, claims and passes them, and works on one that was there. */
async function work(store: FlowStore, names: readonly string[], existing: number): Promise<void> {
  for (const name of names) {
    const { uid } = await store.features.create({ name, description: `By ${name}` });
    await store.features.claimAndGet(uid, { agent: name });
    await store.features.markPassing(uid, { agent: name, claimedBy: name });
  }
  await store.features.claimAndGet(existing, { agent: names[0] });
}

function idsOf(project: Project): string[] {
  return eventLines(project.root).map(({ id }) => id);
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].toSorted();
}

async function assertWholeLives(store: FlowStore, names: readonly string[]): Promise<void> {
  const features = await store.features.getAll();
  for (const name of names) {
    const [feature, ...others] = features.filter((one) => one.name === name);
    assert.equal(others.length, 0);
    assert.equal(feature?.passes, true, name);
    const history = await store.features.history(feature?.uid ?? "");
    assert.deepEqual(
      history.map(({ eventType }) => eventType),
      LIFE,
    );
    assert.ok(history.every(({ agent }, index) => index === 0 || agent === name));
  }
}

test("two branches of one clone", async (context) => {
  const project = Project.create(context);
  const store = await project.init(context);
  const numbers = new Numbers();
  await store.features.createBulk([{ name: "A" }, { name: "B" }, { name: "C" }]);
  project.commit("start");
  project.git("switch", "--quiet", "--create", "side");
  await settle();
  await work(store, ["S1", "S2"], 1);
  await numbers.watch(store);
  project.commit("side");
  const side = idsOf(project);
  project.git("switch", "--quiet", "main");
  await settle();
  assert.equal((await store.features.getAll()).length, 3);
  await work(store, ["M1", "M2", "M3"], 2);
  await numbers.watch(store);
  project.commit("main");
  const main = idsOf(project);

  project.merge("side");
  await assertSaysWhatFilesSay(store);
  await numbers.watch(store);
  assert.deepEqual(idsOf(project).toSorted(), union(side, main));
  const names = ["S1", "S2", "M1", "M2", "M3"];
  await assertWholeLives(store, names);
  assert.deepEqual(await store.check(), []);
  // One clone gave all these numbers, so it knows them: none is provisional.
  const events = await store.events.query();
  assert.ok(events.every(({ provisional }) => !provisional));
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  const ids = (await store.features.getAll()).map(({ id }) => id).toSorted((a, b) => a - b);
  assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal((await store.features.create({ name: "Next" })).id, 9);
});

test("two clones: what comes is numbered by the next commit, what is there keeps its number", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }, { name: "C" }]);
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);
  const [mine, theirs] = [new Numbers(), new Numbers()];

  for (const round of [1, 2, 3]) {
    await work(here, [`H${round}`], round);
    await here.features.clearInProgress(round);
    first.commit(`here ${round}`);
    await work(there, [`T${round}`, `U${round}`], 3);
    await there.features.clearInProgress(3);
    second.commit(`there ${round}`);
    await mine.watch(here);
    await theirs.watch(there);
    const all = union(idsOf(first), idsOf(second));
    const known = (await here.events.query()).length;

    first.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
    // Both clones gave the same ids to their new features; `same-id.test.ts` is about that.
    await assertSaysWhatFilesSay(here, ["duplicate-id"]);
    assert.deepEqual(idsOf(first).toSorted(), all);
    const events = await here.events.query();
    const came = events.filter(({ provisional }) => provisional);
    assert.equal(came.length, all.length - known);
    assert.deepEqual(came, events.slice(known), "what a merge brought comes last");
    assert.deepEqual(
      came.map(({ id }) => id),
      came.map(({ id }) => id).toSorted(),
    );
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    await mine.watch(here);

    await here.changes.logEvent(round, "note", { newValue: "after the merge" });
    const numbered = await here.events.query();
    assert.ok(numbered.every(({ provisional }) => !provisional));
    assert.deepEqual(
      numbered.slice(0, -1).map(({ id, sequence }) => [id, sequence]),
      events.map(({ id, sequence }) => [id, sequence]),
    );
    await mine.watch(here);
    first.commit("merged");

    second.git("pull", "--quiet", "--no-rebase", "--no-edit", first.folder, "main");
    await assertSaysWhatFilesSay(there, ["duplicate-id"]);
    await theirs.watch(there);
    assert.deepEqual(idsOf(second), idsOf(first));
  }
  const names = [1, 2, 3].flatMap((round) => [`H${round}`, `T${round}`, `U${round}`]);
  for (const store of [here, there]) await assertWholeLives(store, names);
});

test("a merge that arrives twice, by two ways, counts once", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.create({ name: "A" });
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);
  await work(there, ["T"], 1);
  second.commit("there");
  const third = first.clone("third");
  third.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
  const aside = await third.open(context);
  await aside.features.create({ name: "Aside" });
  third.commit("aside");

  await here.changes.logEvent(1, "note", { newValue: "here" });
  first.commit("here");
  const all = union(idsOf(first), idsOf(second), idsOf(third));
  for (const other of [second, third, second]) {
    first.git("pull", "--quiet", "--no-rebase", "--no-edit", other.folder, "main");
    await assertSaysWhatFilesSay(here, ["duplicate-id"]);
  }
  assert.deepEqual(idsOf(first).toSorted(), all);
  const numbers = new Numbers();
  await numbers.watch(here);

  // The same lines in a segment of another name are the same events.
  const folder = join(first.root, "events");
  const [segment = ""] = readdirSync(folder);
  copyFileSync(join(folder, segment), join(folder, segment.replace(/^..../, "0000")));
  await assertSaysWhatFilesSay(here, ["duplicate-id"]);
  await here.changes.logEvent(1, "note", { newValue: "after the copy" });
  await assertSaysWhatFilesSay(here, ["duplicate-id"]);
  await numbers.watch(here);
  assert.equal((await here.events.query()).length, all.length + 1);
  await assertWholeLives(here, ["T"]);
});

test("another clone's clock is ahead: what is written after its merge comes after it all the same", async (context) => {
  const HOUR_MS = 3_600_000;
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.create({ name: "A" });
  first.commit("start");
  for (const [name, ahead] of [
    ["hour", HOUR_MS],
    ["days", 48 * HOUR_MS],
  ] as const) {
    const other = first.clone(name);
    const there = await other.open(context, { clock: () => Date.now() + ahead });
    await there.changes.logEvent(1, "note", { newValue: name });
    other.commit(name);
    first.git("pull", "--quiet", "--no-rebase", "--no-edit", other.folder, "main");
    await settle();
    const { id } = await here.changes.logEvent(1, "note", { newValue: `after ${name}` });
    const theirs = (await here.events.query()).filter(
      ({ payload }) => (payload as { newValue?: string }).newValue === name,
    );
    // More than a day ahead is named and not followed: one wrong clock must not move all others.
    assert.equal(id > (theirs[0]?.id ?? ""), name === "hour");
    const { createdAt } = (await here.events.query()).at(-1) ?? { createdAt: "" };
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < HOUR_MS / 2, createdAt);
    assert.deepEqual(
      (await here.check()).map(({ rule }) => rule),
      name === "hour" ? [] : ["event-ahead"],
    );
    await assertSaysWhatFilesSay(here);
    first.commit("merged");
  }
});

test("two processes that write at once after a merge number it once", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }]);
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);
  const other = await RemoteStore.open(context, first.folder, { durability: "none" });
  const numbers = new Numbers();
  for (let round = 1; round <= 5; round += 1) {
    await work(there, [`T${round}`, `U${round}`], 2);
    await there.features.clearInProgress(2);
    second.commit(`there ${round}`);
    first.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
    await Promise.all([
      here.changes.logEvent(1, "note", { newValue: `here ${round}` }),
      other.call("changes.logEvent", 1, "note", { newValue: `other ${round}` }),
      here.changes.logEvent(1, "note", { newValue: `here again ${round}` }),
    ]);
    await assertSaysWhatFilesSay(here);
    await numbers.watch(here);
    const events = await here.events.query();
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    assert.ok(events.every(({ provisional }) => !provisional));
    assert.deepEqual(await other.call("events.query"), events);
    first.commit(`here ${round}`);
    second.git("pull", "--quiet", "--no-rebase", "--no-edit", first.folder, "main");
    await settle();
  }
  await other.end();
});
