/**
 * What git does to a working tree while stores are open: in this process, in another one, and one
 * that is opened afterwards. The calls say what the files say, and the next change works.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Feature, FlowStore } from "flowstore";
import { eventLines } from "../process/store-files.ts";
import { RemoteStore } from "../process/store-remote.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, Numbers, settle } from "./truth.ts";

interface Scene {
  readonly project: Project;
  readonly store: FlowStore;
  readonly other: RemoteStore;
  /** Fails unless every store says what the files say, now and after another change. */
  verify(): Promise<void>;
}

interface Act {
  readonly name: string;
  /** What git and the store do; `verify` is called after it as well. */
  readonly run: (scene: Scene) => Promise<void>;
  /** Only files change: the segment may grow on if it is as it was left. */
  readonly keepsHead?: boolean;
}

/** Names that features bear now, in the order of ids, but for those that `verify` makes. */
async function names(store: FlowStore): Promise<string[]> {
  await settle();
  const features = (await store.features.getAll()).toSorted((a, b) => a.id - b.id);
  return features.map(({ name }) => name).filter((name) => !name.startsWith(VERIFIED));
}

const VERIFIED = "Verified";

/** They mostly wait for git and for each other. */
const SIDE_BY_SIDE = 4;

/** main: A, B, C, and 5 by `M`; side, from the start on: A is claimed, then passes, 4 by `S`. */
async function prepare({ project, store }: Pick<Scene, "project" | "store">): Promise<void> {
  await store.features.createBulk([{ name: "A" }, { name: "B" }, { name: "C" }]);
  project.commit("start");
  project.git("switch", "--quiet", "--create", "side");
  await store.features.create({ name: "S" });
  await store.features.claimAndGet(1, { agent: "side" });
  project.commit("side 1");
  await store.features.markPassing(1);
  project.commit("side 2");
  project.git("switch", "--quiet", "main");
  await settle();
  await store.features.create({ name: "M" });
  project.commit("main 1");
}

const ACTS: readonly Act[] = [
  {
    name: "switch and back",
    run: async ({ project, store, verify }) => {
      project.git("switch", "--quiet", "side");
      assert.deepEqual(await names(store), ["A", "B", "C", "S"]);
      assert.equal((await store.features.getById(1))?.passes, true);
      await verify();
      project.commit("after the change");
      project.git("switch", "--quiet", "main");
      assert.deepEqual(await names(store), ["A", "B", "C", "M"]);
      assert.equal((await store.features.getById(1))?.passes, false);
    },
  },
  {
    name: "an older commit, detached, and back",
    run: async ({ project, store, verify }) => {
      project.git("checkout", "--quiet", "main~1");
      assert.deepEqual(await names(store), ["A", "B", "C"]);
      await verify();
      project.commit("on no branch");
      project.git("switch", "--quiet", "main");
    },
  },
  {
    name: "stash and pop",
    keepsHead: true,
    run: async ({ project, store, verify }) => {
      await store.features.claimAndGet(2);
      await store.features.update(3, { name: "C changed" });
      project.git("stash", "--quiet");
      await settle();
      assert.equal((await store.features.getById(2))?.inProgress, false);
      assert.deepEqual(await names(store), ["A", "B", "C", "M"]);
      await assertSaysWhatFilesSay(store);
      project.git("stash", "pop", "--quiet");
      await settle();
      assert.equal((await store.features.getById(2))?.claim?.agent, "tester");
      await verify();
    },
  },
  {
    name: "stash with new files, a change meanwhile, pop",
    run: async ({ project, store, verify }) => {
      await store.features.create({ name: "N" });
      await store.features.claimAndGet(2);
      project.git("stash", "--quiet", "--include-untracked");
      assert.deepEqual(await names(store), ["A", "B", "C", "M"]);
      await verify();
      project.commit("meanwhile");
      project.git("stash", "pop", "--quiet");
      assert.ok((await names(store)).includes("N"));
    },
  },
  {
    name: "restore, which moves no HEAD",
    run: async ({ project, store }) => {
      // The segment is in git's index before it grows: git takes its last line away again.
      await store.features.claimAndGet(2);
      project.git("add", "--all");
      await store.features.markPassing(2);
      project.git("restore", ".flow");
      await settle();
      assert.equal((await store.features.getById(2))?.status, "in_progress");
      assert.equal((await store.features.history(2)).length, 2);
    },
  },
  {
    name: "reset --hard",
    run: async ({ project, store, verify }) => {
      await store.features.claimAndGet(2);
      project.commit("main 2");
      await store.features.markPassing(2);
      project.git("add", "--all");
      project.git("reset", "--quiet", "--hard", "HEAD~1");
      await settle();
      assert.equal((await store.features.getById(2))?.status, "ready");
      await verify();
      project.commit("after");
      project.git("reset", "--quiet", "--hard", "HEAD~2");
      assert.deepEqual((await names(store)).slice(0, 3), ["A", "B", "C"]);
    },
  },
  {
    name: "rebase",
    run: async ({ project, store }) => {
      project.git("switch", "--quiet", "side");
      project.git("rebase", "--quiet", "main");
      assert.deepEqual(await names(store), ["A", "B", "C", "S", "M"]);
      assert.equal((await store.features.getById(1))?.passes, true);
    },
  },
  {
    name: "cherry-pick of both commits",
    run: async ({ project, store }) => {
      project.git("cherry-pick", "side~1", "side");
      assert.deepEqual(await names(store), ["A", "B", "C", "S", "M"]);
      project.merge("side");
    },
  },
  {
    name: "cherry-pick of the first commit, then merge",
    run: async ({ project, store, verify }) => {
      project.git("cherry-pick", "side~1");
      await settle();
      assert.equal((await store.features.getById(1))?.claim?.agent, "side");
      await verify();
      project.commit("after");
      // A claim here and a pass there are neighbouring lines of one feature; the log is none.
      assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "side").ok, false);
      assert.match(project.conflicts().join(" "), /^\S*features\/1-a-\w+\.json$/);
      await settle();
      await assert.rejects(store.features.getById(1), { code: "CORRUPT" });
      assert.deepEqual(
        (await store.check()).map(({ rule }) => rule),
        ["conflict-markers"],
      );
      project.git("checkout", "--theirs", "--", ...project.conflicts());
      project.commit("merged by hand");
      await settle();
      assert.equal((await store.features.getById(1))?.passes, true);
    },
  },
  {
    name: "revert, and revert of the revert",
    run: async ({ project, store, verify }) => {
      await store.features.markPassing(2);
      project.commit("passed");
      project.git("revert", "--no-edit", "HEAD");
      await settle();
      assert.equal((await store.features.getById(2))?.passes, false);
      await verify();
      project.commit("after");
      project.git("revert", "--no-edit", "HEAD~1");
      await settle();
      assert.equal((await store.features.getById(2))?.passes, true);
    },
  },
  {
    name: "squash merge, going on, squash and merge again",
    run: async ({ project, store }) => {
      project.git("merge", "--quiet", "--squash", "side");
      project.commit("squashed");
      assert.deepEqual(await names(store), ["A", "B", "C", "S", "M"]);
      project.git("switch", "--quiet", "side");
      await settle();
      await store.features.claimAndGet(2);
      project.commit("side 3");
      project.git("switch", "--quiet", "main");
      project.git("merge", "--quiet", "--squash", "side");
      project.commit("squashed again");
      project.merge("side");
      await settle();
      assert.equal((await store.features.getById(2))?.inProgress, true);
    },
  },
  {
    name: "amend",
    run: async ({ project, store }) => {
      await store.features.claimAndGet(2);
      project.commit("claimed");
      await store.features.markPassing(2);
      project.git("commit", "--quiet", "--all", "--amend", "--no-edit");
      await store.features.skip(3);
      project.git("add", "--all");
      project.git("commit", "--quiet", "--amend", "--no-edit");
      project.merge("side");
    },
  },
];

/** Every segment, byte for byte. */
function segments(project: Project): Map<string, string> {
  const folder = join(project.root, "events");
  return new Map(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

suite("git moves the tree under open stores", { concurrency: SIDE_BY_SIDE }, () => {
  for (const { name, run, keepsHead = false } of ACTS) {
    test(name, async (context) => {
      const project = Project.create(context);
      const store = await project.init(context);
      const other = await RemoteStore.open(context, project.folder, { durability: "none" });
      const numbers = new Numbers();
      let made = 0;

      const compare = async (): Promise<void> => {
        const late = await project.open(context);
        for (const one of [store, late]) await assertSaysWhatFilesSay(one);
        const expected = await store.features.getAll();
        assert.deepEqual(await other.call<Feature[]>("features.getAll"), expected);
        assert.deepEqual(await late.features.getAll(), expected);
        await numbers.watch(store);
        await late.close();
      };
      const verify = async (): Promise<void> => {
        await compare();
        const before = segments(project);
        made += 1;
        const { uid } = await other.call<Feature>("features.create", {
          name: `${VERIFIED} ${made}`,
        });
        await compare();
        const after = segments(project);
        for (const [segment, text] of before) {
          // HEAD moved: nothing grows that lay there, a new segment was begun.
          if (keepsHead) assert.ok(after.get(segment)?.startsWith(text), segment);
          else assert.equal(after.get(segment), text, segment);
        }
        if (!keepsHead) assert.equal(after.size, before.size + 1);
        await store.features.claimAndGet(uid);
        assert.equal((await other.call<Feature>("features.getById", uid)).inProgress, true);
        await compare();
      };

      await prepare({ project, store });
      await numbers.watch(store);
      await run({ project, store, other, verify });
      assert.deepEqual(project.conflicts(), []);
      await verify();
      // What is written after all this still merges.
      project.commit("end");
      const before = new Set(eventLines(project.root).map(({ id }) => id));
      if (project.git("branch", "--show-current") === "main") project.merge("side");
      await compare();
      for (const id of before) assert.ok(eventLines(project.root).some((line) => line.id === id));
      await other.end();
    });
  }
});

test("git moves the tree within a transaction: it is refused, and can be run again", async (context) => {
  const project = Project.create(context);
  const store = await project.init(context);
  await prepare({ project, store });
  const raise = async (meanwhile: () => void): Promise<void> =>
    store.transaction(async () => {
      const before = await store.features.getById(1);
      meanwhile();
      await store.features.update(1, { seen: before?.passes });
    });
  const refused = raise(() => project.git("switch", "--quiet", "side"));
  await assert.rejects(refused, { code: "CONFLICT", retryable: true });
  await assertSaysWhatFilesSay(store);
  assert.equal(project.git("status", "--porcelain"), "");
  await raise(() => undefined);
  assert.equal((await store.features.getById(1))?.["seen"], true);
  await assertSaysWhatFilesSay(store);
});

test("a lease runs on while git has the claim out of the tree", async (context) => {
  let now = Date.now();
  const project = Project.create(context);
  const store = await project.init(context, { clock: () => now });
  await prepare({ project, store });
  await store.features.claimAndGet(2, { leaseMs: 60_000 });
  project.commit("claimed");
  project.git("switch", "--quiet", "side");
  await settle();
  assert.equal((await store.features.getById(2))?.status, "ready");
  assert.deepEqual(await store.features.releaseExpired(), []);
  project.git("switch", "--quiet", "main");
  await settle();
  assert.equal((await store.features.getById(2))?.claim?.agent, "tester");
  project.git("switch", "--quiet", "side");
  now += 61_000;
  await settle();
  assert.deepEqual(await store.features.releaseExpired(), []);
  project.git("switch", "--quiet", "main");
  await settle();
  assert.equal((await store.features.getById(2))?.status, "ready");
  assert.deepEqual(await store.features.releaseExpired(), [2]);
  const history = await store.features.history(2);
  assert.deepEqual(
    history.map(({ eventType }) => eventType),
    ["created", "claimed", "lease_expired"],
  );
  await assertSaysWhatFilesSay(store);
  assert.deepEqual(await store.check(), []);
});
