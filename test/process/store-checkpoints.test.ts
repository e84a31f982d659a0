/** Checkpoints among processes: a copy is of one moment, and a restore happens whole or not at all. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";
import { documentsIn, fill, living } from "../coordination/checkpoint-support.ts";
import { changeAtRandom } from "../coordination/random-changes.ts";
import { Child, temporaryFolder } from "./store-children.ts";
import { pick, randomOf } from "./store-random.ts";
import { SHARES, START_FEATURES } from "./store-told.ts";
import { atEnd } from "../at-end.ts";

const WRITERS = 3;
const COPIES = 40;

test(`${COPIES} copies while ${WRITERS} writers write: each is of one moment`, async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { guardTimeoutMs: 60_000 });
  atEnd(context, () => store.close());
  await store.features.createBulk(START_FEATURES);
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    Child.start(context, "store-writer", [project, `w${index}`, String(index), "full"]),
  );
  await Promise.all(writers.map((writer) => writer.next((line) => line.startsWith("did"))));
  const seen = new Set<string>();
  for (let number = 0; number < COPIES; number += 1) {
    await store.checkpoints.save("copy", { replace: true });
    const path = join(store.root, "local/checkpoints/copy/documents.json");
    const { documents } = JSON.parse(readFileSync(path, "utf8")) as {
      documents: Record<string, string>;
    };
    const features = Object.values(documents).map((text) => JSON.parse(text) as { share?: number });
    const shares = features.flatMap(({ share }) => share ?? []);
    assert.equal(shares.length, 2);
    assert.equal((shares[0] ?? 0) + (shares[1] ?? 0), SHARES);
    seen.add(shares.join());
  }
  for (const writer of writers) writer.kill("SIGKILL");
  await Promise.all(writers.map(({ exited }) => exited));
  assert.ok(seen.size > 1, "nobody wrote meanwhile");
  context.diagnostic(`${seen.size} different states in ${COPIES} copies`);
});

const KILLS = 12;
/** Killed at the latest after so many of its lines, and so many ms on: amid a restore, or between two. */
const MAX_LINES = 5;
const MAX_DELAY_MS = 40;

test(`${KILLS} kill -9 amid restores after 500 changes: one state or the other`, async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "none" });
  const states = new Map<string, State>();
  const note = async (name: string): Promise<void> => {
    await store.checkpoints.save(name);
    const documents = JSON.stringify(living(documentsIn(store.root)));
    states.set(name, { documents, shown: await shownBy(store) });
  };
  await fill(store);
  await note("a");
  await changeAtRandom(store, 500, 1);
  await note("b");
  await store.close();
  assert.equal(new Set([...states.values()].map(({ shown }) => shown)).size, 2);
  const stateOf = (is: (state: State) => boolean): string | undefined =>
    [...states].find(([, state]) => is(state))?.[0];

  const seen = { a: 0, b: 0, interrupted: 0 };
  const random = randomOf(7);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const durability = pick(random, ["full", "relaxed", "none"]);
    const child = Child.start(context, "store-checkpoints", [project, durability, "a", "b"]);
    let lines = Math.ceil(random() * MAX_LINES);
    await child.next(() => (lines -= 1) < 0);
    await after(random() * MAX_DELAY_MS);
    child.kill("SIGKILL");
    assert.equal((await child.exited).signal, "SIGKILL", child.errors);
    const [word = "", name = ""] = (child.lines.at(-1) ?? "").split(" ");
    const story = child.lines.join(", ");

    const reader = await FlowStore.open(project, { readOnly: true });
    const shown = await shownBy(reader);
    await reader.close();
    const read = stateOf((state) => state.shown === shown);
    assert.ok(read !== undefined, `a reader sees neither state after ${story}`);
    const mender = await FlowStore.open(project, { durability: "none" });
    await mender.repair();
    const recovered = await shownBy(mender);
    const problems = (await mender.check()).filter(({ rule }) => rule !== "quarantined");
    await mender.close();
    assert.deepEqual(problems, []);
    const documents = JSON.stringify(living(documentsIn(join(project, ".flow"))));
    const is = stateOf((state) => state.documents === documents);
    assert.ok(is === "a" || is === "b", `the files hold neither state after ${story}`);
    assert.equal(recovered, states.get(is)?.shown);
    seen[is] += 1;
    if (word === "did")
      assert.deepEqual([read, is], [name, name], "what was acknowledged is not there");
    else seen.interrupted += 1;
  }
  assert.ok(seen.a > 0 && seen.b > 0 && seen.interrupted > 0, JSON.stringify(seen));
  context.diagnostic(JSON.stringify(seen));
});

/** All documents that are no tombstones, and what calls show of them. */
interface State {
  readonly documents: string;
  readonly shown: string;
}

/** What a store shows of every kind. */
async function shownBy(store: FlowStore): Promise<string> {
  const epics = ["fn-1", "fn-2", "fn-3", "fn-4"];
  const gaps = await Promise.all(epics.map((epic) => store.gaps.list(epic)));
  const tasks = epics.flatMap((epic) => [1, 2, 3].map((number) => `${epic}.${number}`));
  return JSON.stringify({
    features: (await store.features.getAll()).map(({ id, name }) => `${id} ${name}`),
    gaps: gaps.flat(),
    phases: await Promise.all(tasks.map((task) => store.phases.get(task))),
    pipeline: await store.pipeline.list(),
    approvals: await store.approvals.list(),
    memory: await store.memory.list(),
    settings: await store.settings.list(),
  });
}
