/** Writers that are stopped for longer than the guard waits, and wake again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";
import { Child, temporaryFolder } from "./store-children.ts";
import { strangeNames, tornFiles } from "./store-files.ts";
import { pick, randomOf } from "./store-random.ts";
import { Readers } from "./store-readers.ts";
import { SHARES, START_FEATURES, Told } from "./store-told.ts";

/** Longer than the guard waits for a holder that shows no life (1 s). */
const STOPPED_MS = 1300;

interface Fate {
  /** What the stopped transaction told in the end. */
  readonly told: Readonly<Record<string, unknown>>;
  readonly store: FlowStore;
}

/** Stops a process within its transaction, does `meanwhile`, lets it go on. */
async function stopInside(
  context: TestContext,
  meanwhile: (store: FlowStore) => Promise<unknown>,
): Promise<Fate> {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project);
  await store.features.createBulk([
    { name: "Counted", count: 0 },
    { name: "Other", count: 0 },
  ]);
  const sleeper = Child.start(context, "store-stopped", [project]);
  await sleeper.next((line) => line === "ready");
  const inside = sleeper.next((line) => line === "inside");
  sleeper.send("go");
  await inside;
  sleeper.kill("SIGSTOP");
  await meanwhile(store);
  const told = sleeper.next((line) => line.startsWith("{"));
  sleeper.send("on");
  sleeper.kill("SIGCONT");
  const fate = { told: JSON.parse(await told) as Fate["told"], store };
  await sleeper.done();
  assert.deepEqual(await store.check(), []);
  return fate;
}

async function countOf(store: FlowStore, id: number): Promise<unknown> {
  return (await store.features.getById(id))?.["count"];
}

test("a transaction that was stopped, and what it read was changed: CONFLICT, retryable", async (context) => {
  const { told, store } = await stopInside(context, (other) =>
    other.features.update(1, { count: 10 }),
  );
  assert.deepEqual(told, { code: "CONFLICT", retryable: true });
  assert.equal(await countOf(store, 1), 10);
  await store.close();
});

// The contract says CONFLICT when its reads have changed, and is silent about events: their ids
// were given out inside and must be the greatest of the log, so it may be refused for them too.
test("a transaction that was stopped, and only another feature was changed: nothing is lost", async (context) => {
  const { told, store } = await stopInside(context, (other) =>
    other.features.update(2, { count: 5 }),
  );
  const wasKept = told.code === undefined;
  assert.deepEqual(told, wasKept ? { count: 1 } : { code: "CONFLICT", retryable: true });
  assert.equal(await countOf(store, 1), wasKept ? 1 : 0);
  assert.equal(await countOf(store, 2), 5);
  context.diagnostic(`Another feature was changed meanwhile: ${wasKept ? "kept" : "CONFLICT"}`);
  await store.close();
});

test("a transaction that was stopped, and nobody wrote: kept", async (context) => {
  const { told, store } = await stopInside(context, () => after(STOPPED_MS));
  assert.deepEqual(told, { count: 1 });
  assert.equal(await countOf(store, 1), 1);
  await store.close();
});

test(
  "4 writers, stopped at any moment past the guard's patience",
  { timeout: 60_000 },
  async (context) => {
    const WRITERS = 4;
    const STOPS = 10;
    const project = temporaryFolder(context);
    const root = join(project, ".flow");
    const setup = await FlowStore.init(project);
    await setup.features.createBulk(START_FEATURES);
    await setup.close();
    const readers = await Readers.start(context, project, { sum: SHARES });
    const children = Array.from({ length: WRITERS }, (_, index) =>
      Child.start(context, "store-writer", [project, `w${index + 1}`, String(index + 1)]),
    );
    await Promise.all(children.map((child) => child.next((line) => line === "ready")));

    const random = randomOf(42);
    const stopSome = async (mine: readonly Child[]): Promise<void> => {
      for (let stop = 0; stop < STOPS / 2; stop += 1) {
        const child = pick(random, mine);
        await child.next((line) => line.startsWith("try"));
        await after(random() * 3);
        child.kill("SIGSTOP");
        await after(STOPPED_MS);
        child.kill("SIGCONT");
      }
    };
    // Two at a time, so that one who took the guard from a sleeper falls asleep too.
    await Promise.all([stopSome(children.slice(0, 2)), stopSome(children.slice(2))]);
    for (const child of children) child.send("end");
    await Promise.all(children.map((child) => child.done()));

    const told = new Told();
    for (const { lines } of children) told.listen(lines);
    const seen = await readers.stop();
    const store = await FlowStore.open(project);
    assert.deepEqual(await store.check(), []);
    const account = await told.compare(store);
    assert.equal(account.unacknowledged, 0);
    await store.close();
    assert.deepEqual(strangeNames(root), []);
    assert.deepEqual(tornFiles(root), []);
    context.diagnostic(
      `${STOPS} stops of ${STOPPED_MS} ms: ${account.acknowledged} changes, ${seen.states} states read`,
    );
  },
);
