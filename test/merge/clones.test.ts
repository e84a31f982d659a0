/** Clones, copies and worktrees: each has a `local/` of its own, and none disturbs another. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FlowStore } from "flowstore";
import { eventLines, filesBelow } from "../process/store-files.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, settle } from "./truth.ts";

/** Every file with its time and size: what a writer cannot leave as it was. */
function fingerprint(project: Project): string[] {
  const folders = readdirSync(project.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = filesBelow(project.root).map((path) => join(project.root, path));
  return [project.root, ...folders, ...files].map((path) => {
    const { mtimeMs, ctimeMs, size } = statSync(path);
    return `${path} ${mtimeMs} ${ctimeMs} ${size}`;
  });
}

function segmentsOf(project: Project): string[] {
  return readdirSync(join(project.root, "events"));
}

async function epochOf(store: FlowStore): Promise<string | null> {
  return (await store.status()).events.epoch;
}

/** `local/` is this clone's own: git neither shows nor takes it. */
function assertLocalIsIgnored(project: Project): void {
  project.git("add", "--all");
  assert.doesNotMatch(project.git("status", "--porcelain", "--untracked-files=all"), /local/);
  assert.doesNotMatch(project.git("ls-files"), /local\//);
}

test("a fresh clone reads without writing; its first write makes local/ and goes on with the ids", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }, { name: "C" }]);
  await here.features.claimAndGet(1);
  // The highest id is a tombstone: it is not given again.
  await here.features.delete(3);
  first.commit("start");
  const second = first.clone("second");
  assert.ok(!existsSync(join(second.root, "local")));
  const before = fingerprint(second);

  const there = await second.open(context);
  assert.deepEqual(
    (await there.features.getAll()).map(({ name }) => name),
    ["A", "B"],
  );
  assert.deepEqual(
    (await there.features.getAll()).map((f) => f.updatedAt),
    (await here.features.getAll()).map((f) => f.updatedAt),
  );
  assert.equal((await there.features.getReady()).length, 1);
  assert.equal((await there.features.history(3)).length, 2);
  assert.deepEqual(await there.check(), []);
  assert.equal(await epochOf(there), null);
  const events = await there.events.query();
  assert.deepEqual(
    events.map(({ sequence, provisional }) => [sequence, provisional]),
    [1, 2, 3, 4, 5].map((n) => [n, true]),
  );
  assert.deepEqual(fingerprint(second), before);

  const created = await there.features.create({ name: "D" });
  assert.equal(created.id, 4);
  assert.ok(existsSync(join(second.root, "local/journal")));
  assert.equal(segmentsOf(second).length, segmentsOf(first).length + 1);
  const numbered = await there.events.query();
  assert.deepEqual(
    numbered.map(({ sequence, provisional }) => [sequence, provisional]),
    [1, 2, 3, 4, 5, 6].map((n) => [n, false]),
  );
  const [mine, theirs] = [await epochOf(here), await epochOf(there)];
  assert.ok(mine !== null && theirs !== null && mine !== theirs);
  await assertSaysWhatFilesSay(there);
  assertLocalIsIgnored(second);
});

test("local/ that is lost begins a new epoch, a new segment, and gives no id again", async (context) => {
  const project = Project.create(context);
  const store = await project.init(context);
  await store.features.createBulk([{ name: "A" }, { name: "B" }]);
  await store.features.delete(2);
  const [epoch, segments] = [await epochOf(store), segmentsOf(project)];
  await store.close();
  rmSync(join(project.root, "local"), { recursive: true });

  const again = await project.open(context);
  assert.deepEqual(
    (await again.features.getAll()).map(({ name }) => name),
    ["A"],
  );
  assert.equal((await again.features.create({ name: "C" })).id, 3);
  assert.notEqual(await epochOf(again), epoch);
  assert.equal(segmentsOf(project).length, segments.length + 1);
  await assertSaysWhatFilesSay(again);
  assertLocalIsIgnored(project);
});

test("a commit without .flow, and back: local/ stays and stays out of sight", async (context) => {
  const project = Project.create(context);
  writeFileSync(join(project.folder, "README"), "Before there was a store\n");
  project.commit("before");
  const store = await project.init(context);
  await store.features.createBulk([{ name: "A" }, { name: "B" }]);
  await store.features.claimAndGet(1, { leaseMs: 3_600_000 });
  project.commit("with a store");
  const epoch = await epochOf(store);

  project.git("checkout", "--quiet", "HEAD~1");
  assert.ok(existsSync(join(project.root, "local/journal")));
  assert.equal(project.git("status", "--porcelain", "--untracked-files=all"), "");
  assertLocalIsIgnored(project);
  await settle();
  assert.deepEqual(await store.features.getAll(), []);
  await assert.rejects(FlowStore.open(project.folder), { code: "NOT_INITIALIZED" });

  project.git("switch", "--quiet", "main");
  await assertSaysWhatFilesSay(store);
  assert.equal((await store.features.getById(1))?.claim?.agent, "tester");
  assert.equal(await epochOf(store), epoch);
  assert.equal((await store.features.create({ name: "C" })).id, 3);
  const late = await project.open(context);
  await assertSaysWhatFilesSay(late);
  assertLocalIsIgnored(project);
});

test("core.autocrlf changes no byte", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A", steps: ["one", "two"] }, { name: "B" }]);
  first.commit("start");
  const second = first.clone(
    "second",
    "--config",
    "core.autocrlf=true",
    "--config",
    "core.eol=crlf",
  );
  const tracked = filesBelow(first.root).filter((path) => !path.startsWith("local/"));
  const same = (path: string): void => {
    const [a, b] = [first, second].map(({ root }) => readFileSync(join(root, path)));
    assert.ok(a?.equals(b ?? Buffer.alloc(0)), path);
    assert.ok(!b?.includes("\r"), path);
  };
  tracked.forEach(same);

  const there = await second.open(context);
  await there.features.claimAndGet(1);
  await assertSaysWhatFilesSay(there);
  second.commit("there");
  second.git("checkout", "--quiet", "HEAD~1");
  second.git("switch", "--quiet", "main");
  assert.equal(second.git("status", "--porcelain"), "");
  await assertSaysWhatFilesSay(there);
  first.git("pull", "--quiet", "--no-rebase", second.folder, "main");
  filesBelow(second.root)
    .filter((path) => !path.startsWith("local/"))
    .forEach(same);
  await assertSaysWhatFilesSay(here);
});

test("a linked worktree has a local/ and segments of its own", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }]);
  first.commit("start");
  const second = first.beside("worktree");
  first.git("worktree", "add", "--quiet", "-b", "side", second.folder);
  const there = await second.open(context);

  await there.features.claimAndGet(1);
  const segments = segmentsOf(second);
  second.commit("there");
  // A commit moves this worktree's own HEAD: its segment ends, the other tree's goes on.
  const own = segmentsOf(first);
  await here.features.claimAndGet(2);
  const begun = segmentsOf(first);
  assert.equal(begun.length, own.length + 1);
  await there.features.markPassing(1);
  assert.equal(segmentsOf(second).length, segments.length + 1);
  second.commit("there again");
  await here.features.markPassing(2);
  assert.deepEqual(segmentsOf(first), begun);
  first.commit("here");
  assertLocalIsIgnored(second);

  first.merge("side");
  await assertSaysWhatFilesSay(here);
  second.merge("main");
  await assertSaysWhatFilesSay(there);
  assert.deepEqual((await here.features.getStats()).passing, 2);
  assert.deepEqual((await there.features.getStats()).passing, 2);
  assert.notEqual(await epochOf(here), await epochOf(there));
});

test("a copied folder is a new clone: two copies never write the same segment", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }]);
  // What is not committed when it is copied lies in both trees: git could not merge a segment that
  // the first one goes on to write, since both would add it.
  first.commit("start");
  const second = first.copy("copy");
  const there = await second.open(context);
  assert.deepEqual(await there.features.getAll(), await here.features.getAll());
  const shared = segmentsOf(first);
  const before = new Map(
    shared.map((name) => [name, readFileSync(join(second.root, "events", name), "utf8")]),
  );

  await there.features.claimAndGet(2, { agent: "there" });
  assert.equal(segmentsOf(second).length, shared.length + 1);
  for (const [name, text] of before)
    assert.equal(readFileSync(join(second.root, "events", name), "utf8"), text);
  await here.features.markPassing(1);
  assert.ok(
    segmentsOf(second).every((name) => shared.includes(name) || !segmentsOf(first).includes(name)),
  );
  assert.notEqual(await epochOf(there), await epochOf(here));
  await assertSaysWhatFilesSay(there);

  first.commit("here");
  second.commit("there");
  const all = new Set([...eventLines(first.root), ...eventLines(second.root)].map(({ id }) => id));
  const pulled = first.tryGit("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
  assert.deepEqual(first.conflicts(), [], pulled.text);
  await assertSaysWhatFilesSay(here);
  assert.deepEqual(
    eventLines(first.root)
      .map(({ id }) => id)
      .toSorted(),
    [...all].toSorted(),
  );
  const [one, two] = [await here.features.getById(1), await here.features.getById(2)];
  assert.deepEqual([one?.passes, two?.claim?.agent], [true, "there"]);
});

test("a folder that is copied with a segment in the making: the first one goes on in it alone", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }]);
  const second = first.copy("copy");
  const [segment = ""] = segmentsOf(first);
  const size = statSync(join(second.root, "events", segment)).size;

  const there = await second.open(context);
  await there.features.claimAndGet(1);
  await here.features.claimAndGet(1);
  await there.features.markPassing(1);
  assert.deepEqual(segmentsOf(first), [segment]);
  assert.equal(statSync(join(second.root, "events", segment)).size, size);
  assert.equal(segmentsOf(second).length, 2);
  for (const store of [here, there]) {
    await assertSaysWhatFilesSay(store);
    assert.deepEqual(await store.check(), []);
  }
});

test("an id that only merged events name is not given again", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.features.createBulk([{ name: "A" }, { name: "B" }]);
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);
  await there.features.create({ name: "C" });
  // Its segment begins with id 3; that of 4 stands in an event alone.
  assert.equal((await there.features.create({ name: "D" })).id, 4);
  // Somebody takes the file away where the library would have left a tombstone.
  for (const name of readdirSync(join(second.root, "features"))) {
    if (name.startsWith("4-")) rmSync(join(second.root, "features", name));
  }
  second.commit("C, and D that was removed");
  first.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");
  assert.equal((await here.features.create({ name: "E" })).id, 5);
  assert.equal((await here.features.history(4)).length, 1);
  await here.close();
  // Noted in the journal: it is so after the next opening as well.
  const again = await first.open(context);
  await again.features.delete(5);
  assert.equal((await again.features.create({ name: "F" })).id, 6);
});

test("two inits on two branches merge, in one clone and in two", async (context) => {
  const project = Project.create(context);
  project.git("commit", "--quiet", "--allow-empty", "--message", "empty");
  const other = project.clone("other");

  project.git("switch", "--quiet", "--create", "one");
  const one = await project.init(context);
  await one.features.create({ name: "One" });
  project.commit("one");
  project.git("switch", "--quiet", "--create", "two", "main");
  const two = await project.init(context);
  await two.features.create({ name: "Two" });
  project.commit("two");
  project.merge("one");
  for (const store of [one, two]) {
    await assertSaysWhatFilesSay(store);
    assert.deepEqual((await store.features.getAll()).map(({ name }) => name).toSorted(), [
      "One",
      "Two",
    ]);
  }

  const there = await other.init(context);
  await there.features.create({ name: "Three" });
  other.commit("three");
  project.git("pull", "--quiet", "--no-rebase", "--no-edit", other.folder, "main");
  await assertSaysWhatFilesSay(one, ["duplicate-id"]);
  assert.equal((await one.features.getAll()).length, 3);
  assert.equal((await one.features.create({ name: "Next" })).id, 3);
  assertLocalIsIgnored(project);
});
