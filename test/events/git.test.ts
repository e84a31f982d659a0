/** Streams under plain git: branches, clones, and what takes events away and brings them back. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlowStore, StoredEvent } from "flowstore";
import { Project } from "../merge/project.ts";
import { errorsOf, Numbers, settle } from "../merge/truth.ts";
import { eventLines } from "../process/store-files.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { isCaughtUp, numbersOf, takeUntil, withCode } from "./support.ts";

const event = (payload: unknown) => ({ type: "a", payload });
const payloads = (events: readonly StoredEvent[]): unknown[] =>
  events.map(({ payload }) => payload);

/** Every line of the tree is one event, once; streams and queries say the same as replaying all. */
async function assertWhole(store: FlowStore): Promise<StoredEvent[]> {
  await settle();
  const all = await store.events.query();
  const ids = new Set(eventLines(store.root).map(({ id }) => id));
  assert.deepEqual(new Set(all.map(({ id }) => id)), ids);
  assert.equal(all.length, ids.size);
  for (const [at, one] of all.entries()) assert.ok(one.sequence > (all[at - 1]?.sequence ?? 0));
  for (const stream of new Set(all.map((one) => one.stream))) {
    const loaded = await store.events.load(stream);
    assert.deepEqual(
      loaded,
      all.filter((one) => one.stream === stream),
    );
    assert.deepEqual(
      loaded.map(({ version }) => version),
      loaded.map((_, at) => at + 1),
    );
  }
  assert.deepEqual(await errorsOf(store), []);
  return all;
}

describe("two branches that append to one stream", () => {
  test("merge without a conflict; every event is there once, and versions go on behind both", async (context) => {
    const project = Project.create(context);
    const store = await project.init(context);
    await store.events.append("s:1", [event(1), event(2)], { expectedVersion: 0 });
    project.commit("start");
    project.git("checkout", "--quiet", "-b", "other");
    await store.events.append("s:1", [event("other")], { expectedVersion: 2 });
    const there = await store.events.append("s:2", [event("both")], { commandId: "c-1" });
    project.commit("other");
    project.git("checkout", "--quiet", "main");
    await settle();
    assert.deepEqual(payloads(await store.events.load("s:1")), [1, 2]);
    // On this branch neither the event nor the command has happened.
    await store.events.append("s:1", [event("main")], { expectedVersion: 2 });
    const here = await store.events.append("s:2", [event("both")], { commandId: "c-1" });
    assert.equal(here.duplicate, false);
    assert.ok(
      (here.events[0]?.sequence ?? 0) > (there.events[0]?.sequence ?? 0),
      "no number twice",
    );
    project.commit("main");
    project.merge("other");
    await assertWhole(store);
    assert.deepEqual(payloads(await store.events.load("s:1")), [1, 2, "other", "main"]);
    // A command that ran on both is answered by the first of the two.
    const again = await store.events.append("s:2", [event("both")], { commandId: "c-1" });
    assert.equal(again.duplicate, true);
    assert.deepEqual(again.events[0]?.id, there.events[0]?.id);
    await assert.rejects(
      store.events.append("s:2", [event("else")], { commandId: "c-1" }),
      withCode("CONFLICT"),
    );
    await assert.rejects(
      store.events.append("s:1", [event(5)], { expectedVersion: 3 }),
      withCode("VERSION_CONFLICT"),
    );
    assert.equal(
      (await store.events.append("s:1", [event(5)], { expectedVersion: 4 })).events[0]?.version,
      5,
    );
  });

  test("a snapshot of one branch is none on the other", async (context) => {
    const project = Project.create(context);
    const store = await project.init(context);
    const sum = (state: number, { payload }: StoredEvent): number => state + Number(payload);
    await store.events.append("s:1", [event(1)]);
    project.commit("start");
    project.git("checkout", "--quiet", "-b", "other");
    await store.events.append("s:1", [event(10)]);
    await store.events.saveSnapshot({ stream: "s:1", version: 2, state: 11 });
    project.commit("other");
    project.git("checkout", "--quiet", "main");
    await settle();
    assert.deepEqual(await store.events.aggregate("s:1", sum, 0), { state: 1, version: 1 });
    await store.events.append("s:1", [event(100)]);
    assert.deepEqual(await store.events.aggregate("s:1", sum, 0), { state: 101, version: 2 });
    assert.equal(await store.events.latestSnapshot("s:1"), null);
  });
});

test("what another clone appended comes with a pull: provisional, then numbered, then to subscribers", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.events.append("s:1", [event(1)]);
  first.commit("start");
  const second = first.clone("second");
  const there = await second.open(context);
  await there.events.append("s:1", [event("there"), event("there too")]);
  second.commit("there");
  await here.events.append("s:1", [event("here")]);
  first.commit("here");
  const items = here.events.subscribe({ group: "g" });
  assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), [1, 2, "caught up"]);
  first.git("pull", "--quiet", "--no-rebase", "--no-edit", second.folder, "main");

  const merged = await assertWhole(here);
  assert.deepEqual(payloads(merged), [1, "here", "there", "there too"]);
  assert.deepEqual(
    merged.map(({ provisional }) => provisional),
    [false, false, true, true],
  );
  const fresh = here.events.subscribe();
  assert.deepEqual(numbersOf(await takeUntil(fresh, isCaughtUp)), [1, 2, "caught up"]);
  // Versions count what is there, with a number or not.
  await here.events.append("s:1", [event("next")], { expectedVersion: 4 });
  const numbered = await assertWhole(here);
  assert.deepEqual(
    numbered.map(({ sequence, provisional, payload }) => [sequence, provisional, payload]),
    [
      [1, false, 1],
      [2, false, "here"],
      [3, false, "there"],
      [4, false, "there too"],
      [5, false, "next"],
    ],
  );
  const rest = await takeUntil(items, ({ event: one }) => one?.sequence === 5);
  assert.deepEqual(numbersOf(rest), [3, 4, 5]);
  await items.return();
  const others = await takeUntil(fresh, ({ event: one }) => one?.sequence === 5);
  assert.deepEqual(numbersOf(others), [3, 4, 5]);
  await fresh.return();
  // The other clone numbers them its own way.
  second.git("pull", "--quiet", "--no-rebase", "--no-edit", first.folder, "main");
  assert.deepEqual(payloads(await assertWhole(there)), [1, "there", "there too", "here"]);
});

test("a segment that a pull makes longer while a transaction runs: it is refused, and may be tried again", async (context) => {
  const first = Project.create(context);
  const here = await first.init(context);
  await here.events.append("s:1", [event(1), event(2)]);
  first.git("add", "--all");
  // Not staged: the commit holds a part of the segment, the next one the rest.
  await here.events.append("s:1", [event(3)]);
  first.git("commit", "--quiet", "--message", "a part");
  const second = first.clone("second");
  first.commit("the rest");
  const there = await second.open(context);
  await there.events.append("s:2", [event("own")]);
  const pull = (): void => {
    second.git("pull", "--quiet", "--no-rebase", "--no-edit", first.folder, "main");
  };
  const append = async (after: () => void): Promise<StoredEvent[]> =>
    there.transaction(async () => {
      const { events } = await there.events.append("s:1", [event(4)], { expectedVersion: 2 });
      after();
      return events;
    });
  const isRetryable = (error: unknown): boolean =>
    withCode("CONFLICT")(error) && (error as { retryable?: boolean }).retryable === true;
  await assert.rejects(append(pull), isRetryable);
  await assert.rejects(
    append(() => undefined),
    withCode("VERSION_CONFLICT"),
  );
  assert.deepEqual(payloads(await there.events.load("s:1")), [1, 2, 3]);
  await there.transaction(async () => there.events.append("s:1", [event(4)]));
  assert.deepEqual(payloads(await assertWhole(there)), [1, 2, "own", 3, 4]);
});

/** Every way in which git brings events and takes them away. */
const MOVES = ["merge", "switch", "rebase", "cherry-pick", "reset", "forget local/"] as const;
const STEPS = 26;

for (const seed of [1, 2]) {
  test(
    `${STEPS} moves of git among appends, seed ${seed}: none lost, none twice, no number given twice`,
    { timeout: 120_000 },
    async (context) => {
      const random = randomOf(seed * 7919);
      const first = Project.create(context);
      const projects = [first];
      let store = await first.init(context);
      await store.events.append("s:0", [event("start")]);
      first.commit("start");
      first.git("branch", "other");
      projects.push(first.clone("second"));
      projects[1]?.git("branch", "other", "origin/other");
      const stores = [store, await (projects[1] ?? first).open(context)];
      const numbers = stores.map(() => new Numbers());
      let count = 0;

      for (let step = 0; step < STEPS; step += 1) {
        const at = random() < 0.5 ? 0 : 1;
        const project = projects[at] ?? first;
        const peer = projects[1 - at] ?? first;
        store = stores[at] ?? store;
        for (let appends = Math.floor(random() * 3); appends > 0; appends -= 1) {
          const stream = `s:${Math.floor(random() * 3)}`;
          const version = (await store.events.load(stream)).length;
          const commandId = `c-${(count += 1)}`;
          const send = () =>
            store.events.append(stream, [event(count), event(-count)], {
              expectedVersion: version,
              commandId,
            });
          const { events } = await send();
          assert.deepEqual(
            events.map((one) => one.version),
            [version + 1, version + 2],
          );
          assert.deepEqual(await send(), { events, duplicate: true });
        }
        project.commit(`step ${step}`);
        const move = pick(random, MOVES);
        const branch = project.git("rev-parse", "--abbrev-ref", "HEAD");
        const other = branch === "main" ? "other" : "main";
        if (move === "merge") {
          project.git("fetch", "--quiet", peer.folder, pick(random, ["main", "other"]));
          project.merge("FETCH_HEAD");
        } else if (move === "switch") {
          project.git("checkout", "--quiet", other);
        } else if (move === "rebase") {
          project.git("rebase", "--quiet", other);
        } else if (move === "cherry-pick") {
          // A commit that is here already, or that is a merge, is nothing to pick.
          if (!project.tryGit("cherry-pick", other).ok) project.tryGit("cherry-pick", "--abort");
        } else if (move === "reset") {
          const { ok } = project.tryGit("rev-parse", "--verify", "--quiet", "HEAD~1");
          if (ok) project.git("reset", "--quiet", "--hard", "HEAD~1");
        } else {
          await store.close();
          rmSync(join(project.root, "local"), { recursive: true });
          stores[at] = store = await project.open(context);
        }
        assert.deepEqual(project.conflicts(), [], move);
        await assertWhole(store);
        await numbers[at]?.watch(store);
        await store.events.append("s:0", [event(`after ${step}`)]);
        await numbers[at]?.watch(store);
      }
      for (const end of stores) assert.ok((await assertWhole(end)).length > 1);
    },
  );
}
