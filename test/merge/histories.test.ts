/** Random git histories of one clone with two stores open: the log never conflicts. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Feature, FlowStore } from "flowstore";
import { pick, randomOf } from "../process/store-random.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, Numbers } from "./truth.ts";

const SEEDS = Number(process.env["HISTORIES"] ?? 10);
const STEPS = 12;
/** They mostly wait. */
const SIDE_BY_SIDE = 4;

interface History {
  readonly project: Project;
  readonly random: () => number;
  readonly branches: string[];
  /** What git did, and how often it had a conflict in features. */
  readonly log: string[];
  conflicts: number;
}

/** One change through a store. */
async function change(store: FlowStore, random: () => number): Promise<void> {
  const { features } = store;
  const all = await features.getAll();
  const some = all.length === 0 ? null : pick(random, all);
  if (some === null || random() < 0.4) {
    const dependencies = some === null || random() < 0.5 ? [] : [some.id];
    await features.create({ name: `F ${Math.floor(random() * 1000)}`, dependencies });
    return;
  }
  const { uid } = some;
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    claim: () =>
      some.inProgress || some.passes ? features.clearInProgress(uid) : features.claimAndGet(uid),
    pass: () => features.markPassing(uid),
    name: () => features.update(uid, { name: `Renamed ${Math.floor(random() * 1000)}` }),
    skip: () => features.skip(uid),
    delete: () => features.delete(uid),
    note: () => store.changes.logEvent(uid, "note", { newValue: "noted" }),
  };
  await pick(random, Object.values(ways))();
}

/** Runs git; a conflict may lie in features only, and is then given up. */
function tryGit(history: History, args: readonly string[], giveUp: readonly string[][]): void {
  const { project } = history;
  const { ok } = project.tryGit(...args);
  history.log.push(`git ${args.join(" ")}: ${ok ? "ok" : "refused"}`);
  if (ok) return;
  const conflicts = project.conflicts();
  assert.deepEqual(
    conflicts.filter((path) => !path.includes(".flow/features/")),
    [],
    history.log.join("\n"),
  );
  if (conflicts.length > 0) history.conflicts += 1;
  for (const command of giveUp) project.tryGit(...command);
}

/** The commit that made the store stays. */
function isLong(project: Project): boolean {
  return Number(project.git("rev-list", "--count", "HEAD")) > 3;
}

const RESET = ["reset", "--quiet", "--hard"];

/** What git may do with everything committed. */
const ACTS: Readonly<Record<string, (history: History, store: FlowStore) => Promise<void> | void>> =
  {
    branch({ project, branches }) {
      const name = `b${branches.length}`;
      project.git("switch", "--quiet", "--create", name);
      branches.push(name);
    },
    switch(history) {
      tryGit(history, ["switch", "--quiet", pick(history.random, history.branches)], []);
    },
    merge(history) {
      const other = pick(history.random, history.branches);
      tryGit(history, ["merge", "--no-edit", other], [["merge", "--abort"]]);
    },
    squash(history) {
      const other = pick(history.random, history.branches);
      tryGit(history, ["merge", "--squash", other], [RESET]);
      history.project.commit(`squash of ${other}`);
    },
    rebase(history) {
      tryGit(history, ["rebase", pick(history.random, history.branches)], [["rebase", "--abort"]]);
    },
    cherryPick(history) {
      const commit = `${pick(history.random, history.branches)}~${Math.floor(history.random() * 3)}`;
      tryGit(history, ["cherry-pick", commit], [["cherry-pick", "--abort"]]);
    },
    revert(history) {
      if (!isLong(history.project)) return;
      tryGit(history, ["revert", "--no-edit", "HEAD"], [["revert", "--abort"]]);
    },
    reset(history) {
      if (!isLong(history.project)) return;
      tryGit(history, [...RESET, "HEAD~1"], []);
    },
    async amend({ project, random }, store) {
      await change(store, random);
      project.git("add", "--all");
      project.git("commit", "--quiet", "--amend", "--no-edit");
    },
    async stash(history, store) {
      const { project, random } = history;
      await change(store, random);
      const all = random() < 0.5 ? ["--include-untracked"] : [];
      const { text } = project.tryGit("stash", ...all);
      if (text.includes("No local changes")) return;
      if (random() < 0.5) {
        await change(store, random);
        project.commit("meanwhile");
      }
      tryGit(history, ["stash", "pop"], [RESET, ["stash", "drop", "--quiet"]]);
    },
    async gone({ project, random }, store) {
      await change(store, random);
      project.git(...RESET);
    },
  };

function sorted(features: readonly Feature[]): Feature[] {
  return features.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
}

suite(`${SEEDS} random git histories`, { concurrency: SIDE_BY_SIDE }, () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    test(`seed ${seed}`, async (context) => {
      const random = randomOf(seed);
      const project = Project.create(context);
      const stores = [await project.init(context), await project.open(context)] as const;
      project.commit("made");
      await stores[0].features.createBulk([
        { name: "A" },
        { name: "B" },
        { name: "C" },
        { name: "D" },
      ]);
      project.commit("start");
      const history: History = { project, random, branches: ["main"], log: [], conflicts: 0 };
      const numbers = new Numbers();
      for (let step = 0; step < STEPS; step += 1) {
        for (let times = Math.floor(random() * 3); times > 0; times -= 1) {
          await change(pick(random, stores), random);
        }
        project.commit(`step ${step}`);
        const act = pick(random, Object.keys(ACTS));
        history.log.push(act);
        await ACTS[act]?.(history, pick(random, stores));
        const [one, two] = random() < 0.5 ? stores : stores.toReversed();
        assert.ok(one !== undefined && two !== undefined);
        await assertSaysWhatFilesSay(one);
        assert.deepEqual(sorted(await two.features.getAll()), sorted(await one.features.getAll()));
        await numbers.watch(one);
      }
      const late = await project.open(context);
      await assertSaysWhatFilesSay(late);
      await numbers.watch(late);
    });
  }
});
