/** Waiting for a lock: in a queue, first come, first served, and never behind somebody who is gone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FlowStore, LockEntry, Locks } from "flowstore";
import { makeStore, refused, reopen, until } from "../features/support.ts";
import { RemoteStore } from "../process/store-remote.ts";
import { brief, filesIn, gets, lockOne, makeLocks, MINUTES } from "./lock-support.ts";

/** Far beyond what any wait here takes. */
const LONG_MS = 60_000;

/** Begins to wait; is there when the queue holds it. */
async function queueUp(
  store: FlowStore,
  taskId: string,
  input: { paths: readonly string[]; mode?: "read" | "directory_add" | "write"; waitMs?: number },
): Promise<{ readonly served: Promise<LockEntry[]> }> {
  const before = filesIn(store, "lock-queue").length;
  const waiting = store.locks.acquire({ waitMs: LONG_MS, taskId, ...input });
  // Its end is looked at later; a refusal must not be one that nobody has heard of.
  waiting.catch(() => undefined);
  await until(() => filesIn(store, "lock-queue").length > before);
  return { served: waiting };
}

async function isServed(locks: Locks, taskId: string): Promise<boolean> {
  return (await locks.list({ taskId })).length > 0;
}

describe("whoever waits", () => {
  test("is served when the lock is released", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "src/a.ts", "a");
    const { served: waiting } = await queueUp(store, "b", { paths: ["src"] });
    assert.equal(await isServed(locks, "b"), false);
    await locks.releaseForTask("a");
    assert.deepEqual(brief(await waiting), ["b write src"]);
    assert.deepEqual(filesIn(store, "lock-queue"), []);
  });

  test("is served when the lock expires, without anybody doing anything", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const { served: waiting } = await queueUp(store, "b", { paths: ["x"] });
    clock.ms += 45 * MINUTES;
    assert.deepEqual(brief(await waiting), ["b write x"]);
  });

  test("is told after its time who is in the way", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const begun = performance.now();
    const error = await refused(
      "LOCKED",
      locks.acquire({ paths: ["x"], taskId: "b", waitMs: 200 }),
    );
    assert.ok(performance.now() - begun >= 199);
    assert.deepEqual(brief(error.context["holders"] as never), ["a write x"]);
    assert.match(error.message, /^Cannot lock x after \d+ ms of waiting: task a /);
    assert.deepEqual(filesIn(store, "lock-queue"), []);
    const tried = await locks.tryAcquire({ paths: ["x"], taskId: "b", waitMs: 60 });
    assert.equal(tried.acquired, false);
  });

  test("is told at once by its signal", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const stop = new AbortController();
    const waiting = locks.acquire({
      ...{ paths: ["x"], taskId: "b", waitMs: LONG_MS },
      signal: stop.signal,
    });
    await until(() => filesIn(store, "lock-queue").length === 1);
    stop.abort();
    await refused("ABORTED", waiting);
    assert.deepEqual(filesIn(store, "lock-queue"), []);
    const late = { paths: ["x"], taskId: "b", waitMs: LONG_MS, signal: stop.signal };
    await refused("ABORTED", locks.acquire(late));
    assert.deepEqual(filesIn(store, "lock-queue"), []);
    await locks.releaseForTask("a");
    assert.equal(await gets(locks, "x", "c"), true, "nobody stands in the queue");
  });

  test("shows in its file who it is, what it wants and until when", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    await queueUp(store, "b", { paths: ["x", "y"], mode: "read", waitMs: 5000 });
    const error = await refused("LOCKED", lockOne(locks, "y", "c"));
    assert.deepEqual(error.context["holders"], []);
    assert.deepEqual(error.context["waiters"], [
      {
        ...{ taskId: "b", owner: "tester", mode: "read", paths: ["x", "y"] },
        ...{
          since: clock.iso(),
          until: (error.context["waiters"] as [{ until: string }])[0].until,
        },
      },
    ]);
    assert.match(error.message, /^Cannot lock y: task b \(tester\) waits for it and comes first$/);
    await locks.releaseForTask("a");
    await until(() => isServed(locks, "b"));
  });
});

describe("first come, first served", () => {
  test("ten who want the same get it in the order in which they came", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "first");
    const served: string[] = [];
    const all: Promise<unknown>[] = [];
    for (let at = 0; at < 10; at += 1) {
      const taskId = `t${at}`;
      const { served: waiting } = await queueUp(store, taskId, { paths: ["x"] });
      all.push(
        waiting.then(async () => {
          served.push(taskId);
          await locks.releaseForTask(taskId);
        }),
      );
    }
    await locks.releaseForTask("first");
    await Promise.all(all);
    assert.deepEqual(
      served,
      Array.from({ length: 10 }, (_, at) => `t${at}`),
    );
    const tokens = (await locks.history()).flatMap(({ event, token }) =>
      event === "acquired" ? [token ?? 0] : [],
    );
    assert.deepEqual(
      tokens,
      tokens.toSorted((left, right) => left - right),
    );
  });

  test("readers who come without end do not starve a writer", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "src", "r0", "read");
    const { served: writer } = await queueUp(store, "w", { paths: ["src/a.ts"] });
    // Each reader comes before the one before it goes: the folder is never free by itself.
    let rounds = 0;
    for (let isRefused = false; !isRefused; rounds += 1) {
      assert.ok(rounds < 100, "the writer starves");
      const taskId = `r${rounds + 1}`;
      const tried = await locks.tryAcquire({ paths: ["src"], taskId, mode: "read" });
      isRefused = !tried.acquired;
      if (!tried.acquired) assert.deepEqual([tried.holders, tried.waiters.length], [[], 1]);
      await locks.releaseForTask(`r${rounds}`);
    }
    assert.equal(rounds, 1, "whoever comes later comes later");
    assert.deepEqual(brief(await writer), ["w write src/a.ts"]);
    await locks.releaseForTask("w");
    assert.equal(await gets(locks, "src", "r9", "read"), true);
  });

  test("holds up nobody who wants something else, or what can be shared", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "src/a.ts", "a");
    await queueUp(store, "b", { paths: ["src"], mode: "read" });
    assert.equal(await gets(locks, "lib", "c"), true);
    assert.equal(await gets(locks, "src/b.ts", "c", "read"), true);
    assert.equal(await gets(locks, "src/b.ts", "d", "write"), false, "which b waits for");
    await locks.releaseForTask("a");
    await until(() => isServed(locks, "b"));
  });

  test("a task renews and upgrades what others wait for: they wait for it anyway", async (context) => {
    const { store, locks } = await makeLocks(context);
    const read = await lockOne(locks, "x", "a", "read");
    const { served: waiting } = await queueUp(store, "b", { paths: ["x", "y"] });
    assert.equal((await lockOne(locks, "x", "a", "read")).token, read.token);
    assert.equal((await lockOne(locks, "x", "a", "write")).mode, "write");
    // It could not be served before a is done, and a may need this to be done.
    assert.equal((await lockOne(locks, "y", "a")).path, "y");
    await locks.releaseForTask("a");
    assert.deepEqual(brief(await waiting), ["b write x", "b write y"]);
  });

  test("a task that got more meanwhile passes nobody by for that: nobody starves", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const { served: waiting } = await queueUp(store, "b", { paths: ["x", "y"] });
    assert.equal(await gets(locks, "y", "a"), true, "b has waited for a since before");
    await locks.release({ taskId: "a", paths: ["x"] });
    // From here on a could go to and fro between both for ever.
    const error = await refused("LOCKED", lockOne(locks, "x", "a"));
    assert.deepEqual(error.context["holders"], []);
    assert.equal((error.context["waiters"] as unknown[]).length, 1);
    assert.equal((await lockOne(locks, "y", "a")).path, "y", "it is renewed");
    await locks.releaseForTask("a");
    assert.deepEqual(brief(await waiting), ["b write x", "b write y"]);
  });

  test("of what it had before, an upgrade is no new beginning", async (context) => {
    const { store, locks } = await makeLocks(context);
    const read = await lockOne(locks, "x", "a", "read");
    const { served: waiting } = await queueUp(store, "b", { paths: ["x", "y", "z"] });
    const write = await lockOne(locks, "x", "a", "write");
    assert.equal(write.firstToken, read.token);
    // What it got since then is: it was not b's obstacle when b came.
    await lockOne(locks, "y", "a", "read");
    await locks.release({ taskId: "a", paths: ["x"] });
    await refused("LOCKED", lockOne(locks, "y", "a", "write"));
    await refused("LOCKED", lockOne(locks, "z", "a"));
    await locks.releaseForTask("a");
    await waiting;
  });

  test("two tasks that hand a path to each other pass nobody by either", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a", "read");
    await lockOne(locks, "x", "c", "read");
    const { served: waiting } = await queueUp(store, "b", { paths: ["x", "y"] });
    assert.equal(await gets(locks, "y", "a", "read"), true);
    assert.equal(await gets(locks, "y", "c", "read"), true);
    for (const task of ["a", "c"]) await locks.release({ taskId: task, paths: ["x"] });
    for (const task of ["a", "c"]) {
      assert.equal(await gets(locks, "x", task, "read"), false, task);
      await locks.releaseForTask(task);
    }
    assert.deepEqual(brief(await waiting), ["b write x", "b write y"]);
  });

  test("nor does it wait for those who wait for it by way of others", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "a", "t3");
    await lockOne(locks, "d", "t2");
    // w waits for t3, t3 waits for t2: t2 must not wait for w, although w came first for c.
    const { served: w } = await queueUp(store, "w", { paths: ["a", "c"] });
    const { served: t3 } = await queueUp(store, "t3", { paths: ["d"] });
    assert.equal(await gets(locks, "c", "stranger"), false);
    assert.equal(await gets(locks, "c", "t2"), true);
    await locks.releaseForTask("t2");
    await t3;
    await locks.releaseForTask("t3");
    assert.deepEqual(brief(await w), ["w write a", "w write c"]);
    await locks.releaseAll();

    // v waits behind u, u waits for t: t must not wait for v.
    await lockOne(locks, "a", "t");
    const { served: u } = await queueUp(store, "u", { paths: ["a", "b"] });
    const { served: v } = await queueUp(store, "v", { paths: ["b", "c"] });
    assert.equal(await gets(locks, "c", "stranger"), false);
    assert.equal(await gets(locks, "c", "t"), true);
    await locks.releaseForTask("t");
    await u;
    await locks.releaseForTask("u");
    assert.deepEqual(brief(await v), ["v write b", "v write c"]);
  });

  test("two waits of one task are not in each other's way", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const { served: one } = await queueUp(store, "b", { paths: ["x"] });
    const { served: other } = await queueUp(store, "b", { paths: ["x", "y"] });
    assert.equal(await gets(locks, "y", "b"), true);
    await locks.releaseForTask("a");
    assert.equal((await one)[0]?.token, (await other)[0]?.token);
  });

  test("somebody who gave up is waited for no longer", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "x", "a");
    const { served: first } = await queueUp(store, "b", { paths: ["x", "y"], waitMs: 300 });
    const { served: second } = await queueUp(store, "c", { paths: ["y"] });
    await refused("LOCKED", first);
    assert.deepEqual(brief(await second), ["c write y"]);
  });
});

describe("among processes", () => {
  test("a waiter that was killed is waited for no longer", async (context) => {
    const store = await makeStore(context);
    await lockOne(store.locks, "x", "a");
    const remote = await RemoteStore.open(context, store.root, { durability: "none" });
    const input = { paths: ["x", "y"], taskId: "b", waitMs: LONG_MS };
    void remote.try("locks.acquire", input).catch(() => undefined);
    await until(() => filesIn(store, "lock-queue").length === 1, LONG_MS);
    assert.equal(await gets(store.locks, "y", "c"), false);
    remote.child.kill("SIGKILL");
    await remote.child.exited;
    assert.equal(await gets(store.locks, "y", "c"), true);
    assert.deepEqual(filesIn(store, "lock-queue"), []);
  });

  test("a stopped waiter is passed by, and finds its place again", async (context) => {
    const store = await makeStore(context);
    await lockOne(store.locks, "x", "a");
    const remote = await RemoteStore.open(context, store.root, { durability: "none" });
    const input = { paths: ["x"], taskId: "b", waitMs: LONG_MS };
    const served = remote.call<LockEntry[]>("locks.acquire", input);
    await until(() => filesIn(store, "lock-queue").length === 1, LONG_MS);
    remote.child.kill("SIGSTOP");
    await store.locks.releaseForTask("a");
    assert.equal(await gets(store.locks, "x", "c"), false, "it may only be slow");
    const later = await reopen(context, store, { clock: () => Date.now() + 11_000 });
    assert.equal(await gets(later.locks, "x", "c"), true);
    assert.equal(filesIn(store, "lock-queue").length, 1);
    remote.child.kill("SIGCONT");
    await later.locks.releaseForTask("c");
    assert.deepEqual(brief(await served), ["b write x"]);
    await remote.end();
  });

  test("a store that is closed waits no more, and is soon passed by", async (context) => {
    const store = await makeStore(context);
    await lockOne(store.locks, "x", "a");
    const other = await reopen(context, store);
    const waiting = other.locks.acquire({ paths: ["x"], taskId: "b", waitMs: LONG_MS });
    waiting.catch(() => undefined);
    await until(() => filesIn(store, "lock-queue").length === 1);
    await other.close();
    await refused("CLOSED", waiting);
    await store.locks.releaseForTask("a");
    const later = await reopen(context, store, { clock: () => Date.now() + 11_000 });
    assert.equal(await gets(later.locks, "x", "c"), true);
  });

  test("twenty processes that want one path get it one after another", async (context) => {
    const store = await makeStore(context);
    const remotes = await Promise.all(
      Array.from({ length: 20 }, () =>
        RemoteStore.open(context, store.root, { durability: "none" }),
      ),
    );
    const race = await Promise.all(
      remotes.map((remote, at) =>
        remote.try<LockEntry[]>("locks.acquire", { paths: ["x"], taskId: `t${at}` }),
      ),
    );
    const refusals = race.flatMap(({ error }) => (error === undefined ? [] : [error.code]));
    assert.deepEqual(
      refusals,
      Array.from({ length: 19 }, () => "LOCKED"),
    );

    await store.locks.releaseAll();
    const held: LockEntry[] = [];
    await Promise.all(
      remotes.map(async (remote, at) => {
        const taskId = `t${at}`;
        const input = { paths: ["x"], taskId, waitMs: LONG_MS };
        const [lock] = await remote.call<LockEntry[]>("locks.acquire", input);
        if (lock !== undefined) held.push(lock);
        await remote.call("locks.assertHeld", "x", lock?.token);
        await remote.call("locks.releaseForTask", taskId);
      }),
    );
    assert.equal(new Set(held.map(({ token }) => token)).size, 20);
    await Promise.all(remotes.map((remote) => remote.end()));
  });
});
