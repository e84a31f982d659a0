/**
 * What was wrong with the locks of the system before this one: L-1 to L-8 of its SQL variant, and
 * what the review of its file variant found about locks. Each test fails on what is described.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FlowStore, type LockEntry } from "flowstore";
import { list, openStoreShell } from "../cli/support.ts";
import { makeProject, makeStore, QUICK, refused } from "../features/support.ts";
import { RemoteStore } from "../process/store-remote.ts";
import { brief, gets, lockOne, makeLocks, MINUTES } from "./lock-support.ts";

describe("L-1: a lock taken by a command was gone with its process", () => {
  test("it stands over any number of other runs, for as long as it says", async (context) => {
    const { run, json } = await openStoreShell(context);
    assert.equal((await run(["lock", "--task", "a", "--files", "x"])).exit, 0);
    for (const task of ["b", "c", "d"]) {
      assert.equal((await run(["lock", "--task", task, "--files", "x"])).exit, 5);
      assert.equal((await run(["lock", "--task", task, "--files", `${task}.ts`])).exit, 0);
    }
    const [held] = list(await json(["locks", "x"]));
    assert.deepEqual([held?.["taskId"], held?.["pid"], held?.["alive"]], ["a", undefined, null]);
    assert.equal((await run(["unlock", "--task", "a"])).exit, 0);
    assert.equal((await run(["lock", "--task", "b", "--files", "x"])).exit, 0);
  });

  test("only one that is bound to a process ends with it", async (context) => {
    const { run, json } = await openStoreShell(context);
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    assert.equal((await run(["lock", "--task", "a", "--files", "x", "--pid", `${gone}`])).exit, 2);
    await run(["lock", "--task", "a", "--files", "x", "--pid", `${process.pid}`]);
    assert.equal((await run(["lock", "--task", "b", "--files", "x"])).exit, 5);
    assert.equal(list(await json(["locks"]))[0]?.["alive"], true);
  });
});

test("L-2: checking and taking were two steps; of racing processes exactly one takes", async (context) => {
  const store = await makeStore(context);
  const remotes = await Promise.all(
    Array.from({ length: 6 }, () => RemoteStore.open(context, store.root, { durability: "none" })),
  );
  for (let round = 0; round < 40; round += 1) {
    const paths = round % 2 === 0 ? [`r${round}`] : [`r${round}/x`, `r${round}`];
    const answers = await Promise.all(
      remotes.map((remote, at) =>
        remote.try<LockEntry[]>("locks.acquire", {
          ...{ paths: [paths[at % paths.length]], taskId: `t${at}` },
        }),
      ),
    );
    const winners = answers.filter(({ error }) => error === undefined);
    const codes = new Set(
      answers.flatMap(({ error }) => (error === undefined ? [] : [error.code])),
    );
    assert.equal(winners.length >= 1, true);
    assert.deepEqual([...codes], ["LOCKED"]);
    // Of those who want the folder or what is in it, one.
    assert.equal(winners.length, 1, `round ${round}`);
  }
  await Promise.all(remotes.map((remote) => remote.end()));
});

test("L-3: a reader that asked for write was told yes and kept read, by the order of rows", async (context) => {
  const { locks } = await makeLocks(context);
  for (const order of [
    ["a", "b"],
    ["b", "a"],
  ]) {
    for (const task of order) await lockOne(locks, "x", task, "read");
    for (const task of order) await refused("LOCKED", lockOne(locks, "x", task, "write"));
    assert.deepEqual(brief(await locks.check("x")), ["a read x", "b read x"]);
    await locks.releaseForTask("b");
    assert.equal((await lockOne(locks, "x", "a", "write")).mode, "write");
    assert.equal(await gets(locks, "x", "b", "read"), false, "it is a write lock now");
    await locks.releaseAll();
  }
});

test("L-4: a process that may not be signalled counted as dead", async (context) => {
  const project = makeProject(context);
  const store = await FlowStore.init(project, QUICK);
  await store.close();
  const isRoot = process.getuid?.() === 0;
  if (isRoot) spawnSync("chown", ["-R", "65534:65534", project]);
  chmodSync(project, 0o777);
  const script = fileURLToPath(new URL("./lock-bound.worker.js", import.meta.url));
  // Process 1 is root's; the worker is not.
  const { stdout, stderr } = spawnSync(process.execPath, [script, project, "1"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: project },
    ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
  });
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), { errno: "EPERM", alive: [true] });
});

test("L-5: expired locks were shown and in the way until somebody cleaned up", async (context) => {
  const { locks, clock } = await makeLocks(context);
  await locks.acquire({ paths: ["x"], taskId: "a", ttlMs: 5 });
  clock.ms += 5;
  assert.deepEqual(await locks.check("x"), []);
  assert.deepEqual(await locks.list(), []);
  assert.deepEqual(await locks.conflicts({ paths: ["x"] }), []);
  assert.deepEqual(brief(await locks.list({ expired: true })), ["a write x"], "told apart");
});

test("L-6: `src/` and `src/a.rs`, or `./a` and `a`, never met", async (context) => {
  const { locks } = await makeLocks(context);
  await lockOne(locks, "src/", "a");
  assert.equal(await gets(locks, "src/a.rs", "b"), false);
  await lockOne(locks, "./a", "a");
  assert.equal(await gets(locks, "a", "b"), false);
});

test("L-7: a heartbeat revived an expired lock that another task could take", async (context) => {
  const { locks, clock } = await makeLocks(context);
  const [lock] = await locks.acquire({ paths: ["x"], taskId: "a", ttlMs: 5 });
  clock.ms += 5;
  assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [lock] });
  assert.deepEqual(await locks.check("x"), []);
  assert.equal(await gets(locks, "x", "b"), true);
  await refused("LOCK_LOST", locks.assertHeld("x", lock?.token ?? 0));
});

describe("L-8: no waiting, no fairness, half of a request", () => {
  test("of a request for several paths nothing is kept when one cannot be had", async (context) => {
    const { locks } = await makeLocks(context);
    await lockOne(locks, "m", "a");
    await refused("LOCKED", locks.acquire({ paths: ["z", "m", "b"], taskId: "b" }));
    assert.deepEqual(brief(await locks.list()), ["a write m"]);
  });

  test("two who want the same paths in another order never wait for each other", async (context) => {
    const store = await makeStore(context);
    const remote = await RemoteStore.open(context, store.root, { durability: "none" });
    const waitMs = 30_000;
    const here = async (): Promise<void> => {
      for (let at = 0; at < 40; at += 1) {
        await store.locks.acquire({ paths: ["x", "y", "dir/"], taskId: "a", waitMs });
        await store.locks.releaseForTask("a");
      }
    };
    const there = async (): Promise<void> => {
      for (let at = 0; at < 40; at += 1) {
        await remote.call("locks.acquire", { paths: ["dir/z", "y", "x"], taskId: "b", waitMs });
        await remote.call("locks.releaseForTask", "b");
      }
    };
    // A dead lock would end in LOCKED after the time.
    await Promise.all([here(), there()]);
    await remote.end();
  });
});

describe("the review", () => {
  test("a lock of another task was in the way whatever the modes", async (context) => {
    const { locks } = await makeLocks(context);
    await lockOne(locks, "x", "a", "read");
    assert.equal(await gets(locks, "x", "b", "read"), true);
    assert.equal(await gets(locks, "x", "c", "directory_add"), true);
    assert.equal(await gets(locks, "x", "d", "write"), false);
  });

  test("only the first holder was told, and always as one who writes", async (context) => {
    const { run, json } = await openStoreShell(context);
    for (const [task, mode] of [
      ["a", "read"],
      ["b", "directory_add"],
      ["c", "read"],
    ] as const) {
      await run(["lock", "--task", task, "--files", "src/", "--mode", mode]);
    }
    const held = list(await json(["locks", "src"])).map(({ taskId, mode }) => [taskId, mode]);
    assert.deepEqual(held, [
      ["a", "read"],
      ["b", "directory_add"],
      ["c", "read"],
    ]);
  });

  test("a conflict showed the mode that was asked for, not the one that is held", async (context) => {
    const { json } = await openStoreShell(context);
    await json(["lock", "--task", "a", "--files", "x", "--mode", "read"]);
    await json(["lock", "--task", "b", "--files", "x", "--mode", "directory_add"]);
    const { error } = await json(["lock", "--task", "c", "--files", "x", "--mode", "write"]);
    const holders = error.context["holders"] as { taskId: string; mode: string }[];
    assert.deepEqual(
      holders.map(({ taskId, mode }) => [taskId, mode]),
      [
        ["a", "read"],
        ["b", "directory_add"],
      ],
    );
  });

  test("a filter was a search in the text: fn-1 was fn-10 as well", async (context) => {
    const { locks } = await makeLocks(context);
    for (const task of ["fn-1", "fn-10", "fn-1.1"]) await lockOne(locks, task, task);
    assert.deepEqual(brief(await locks.list({ taskId: "fn-1" })), ["fn-1 write fn-1"]);
    assert.equal((await locks.history({ taskId: "fn-1" })).length, 1);
    assert.equal((await locks.history({ path: "fn-1" })).length, 1);
    assert.equal(await locks.releaseForTask("fn-1"), 1);
    assert.equal((await locks.list()).length, 2);
  });

  test("names that differ in one character shared a file", async (context) => {
    const { locks } = await makeLocks(context);
    for (const path of ["a:b", "a/b", "a_b", "a\\b"])
      assert.equal(await gets(locks, path, path), true);
    assert.equal((await locks.list()).length, 4);
  });

  test("a damaged file could not be cleared by the tool itself", async (context) => {
    const { folder, run } = await openStoreShell(context);
    await run(["lock", "--task", "a", "--files", "x"]);
    writeFileSync(join(folder, ".flow/local/locks/x.json"), "not json");
    assert.equal((await run(["lock", "--task", "b", "--files", "x"])).exit, 6);
    assert.equal((await run(["unlock", "--all"])).exit, 0);
    assert.equal((await run(["lock", "--task", "b", "--files", "x"])).exit, 0);
  });

  test("lock ended with 0 although everything was held, and unlock --files released all", async (context) => {
    const { run, json } = await openStoreShell(context);
    await run(["lock", "--task", "a", "--files", "x,y"]);
    assert.equal((await run(["lock", "--task", "b", "--files", "x,y"])).exit, 5);
    await run(["unlock", "--task", "a", "--files", "x"]);
    assert.deepEqual(
      list(await json(["locks"])).map(({ path }) => path),
      ["y"],
    );
  });
});

test("the default time is 45 minutes, as it was", async (context) => {
  const { locks, clock } = await makeLocks(context);
  const lock = await lockOne(locks, "x", "a");
  assert.equal(lock.expiresAt, clock.iso(45 * MINUTES));
});
