/** Locks: who gets one beside whom, what taking one again does, until when it lives. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowStore, type AcquireLocksInput, type LockMode } from "flowstore";
import {
  makeProject,
  makeStore,
  QUICK,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  snapshot,
  TestClock,
  tracked,
} from "../features/support.ts";
import { brief, filesIn, gets, lockOne, logOf, makeLocks, MINUTES, MODES } from "./lock-support.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";
import { atEnd, killed } from "../at-end.ts";

describe("two tasks on one path", () => {
  /** Rows: requested; columns: held, in the order of MODES. Written down here once more. */
  const TABLE: Readonly<Record<LockMode, readonly boolean[]>> = {
    read: [true, true, false],
    directory_add: [true, true, false],
    write: [false, false, false],
  };
  for (const requested of MODES) {
    for (const [at, held] of MODES.entries()) {
      const isGranted = TABLE[requested][at];
      test(`${requested} beside ${held}: ${isGranted ? "yes" : "no"}`, async (context) => {
        const { locks } = await makeLocks(context);
        await lockOne(locks, "src", "a", held);
        assert.equal(await gets(locks, "src", "b", requested), isGranted);
        const expected = isGranted ? [`a ${held} src`, `b ${requested} src`] : [`a ${held} src`];
        assert.deepEqual(brief(await locks.list()), expected);
      });
    }
  }
});

describe("two tasks on a folder and what lies in it", () => {
  /** Whether the second gets its lock, the first holding the folder `src` and then a path in it. */
  for (const outer of MODES) {
    for (const inner of MODES) {
      // Only a lock on the names of the folder does not reach into it.
      const isGranted = outer === "directory_add" || (outer !== "write" && inner !== "write");
      for (const path of ["src/a.ts", "src/deep/er/a.ts", "src/deep"]) {
        test(`${outer} on src, ${inner} on ${path}: ${isGranted ? "yes" : "no"}`, async (context) => {
          const { locks } = await makeLocks(context);
          await lockOne(locks, "src", "a", outer);
          assert.equal(await gets(locks, path, "b", inner), isGranted, "the folder first");
          await locks.releaseAll();
          await lockOne(locks, path, "b", inner);
          assert.equal(await gets(locks, "src", "a", outer), isGranted, "the folder last");
        });
      }
    }
  }

  test("a name that only begins alike is another path", async (context) => {
    const { locks } = await makeLocks(context);
    await lockOne(locks, "src", "a");
    for (const path of ["src2", "src.ts", "srcs/a.ts", "lib/src"]) {
      assert.equal(await gets(locks, path, "b"), true, path);
    }
  });

  test("the project itself contains everything", async (context) => {
    const { locks } = await makeLocks(context);
    await lockOne(locks, ".", "a", "read");
    assert.equal(await gets(locks, "deep/down/a.ts", "b"), false);
    assert.equal(await gets(locks, "deep/down/a.ts", "b", "read"), true);
    await locks.releaseForTask("a");
    assert.equal(await gets(locks, ".", "a"), false);
    assert.equal(await gets(locks, ".", "a", "directory_add"), true, "the names at the top");
  });
});

describe("a lock", () => {
  test("says who, what, since when and until when; in a file that cat shows", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const [lock, ...others] = await locks.acquire({ paths: ["src/a.ts"], taskId: "fn-1.2" });
    assert.deepEqual(others, []);
    assert.deepEqual(lock, {
      ...{ path: "src/a.ts", taskId: "fn-1.2", mode: "write", owner: "tester" },
      ...{ token: lock?.token, ttlMs: 45 * MINUTES },
      ...{ lockedAt: clock.iso(), expiresAt: clock.iso(45 * MINUTES) },
    });
    assert.deepEqual(filesIn(store, "locks"), ["src%2fa.ts.json"]);
    const text = readFileSync(join(store.root, "local/locks/src%2fa.ts.json"), "utf8");
    const { path, ...holder } = lock ?? {};
    const document = { $schema: "../../schema/lock.json", path, kind: "file", holders: [holder] };
    assert.equal(text, `${JSON.stringify(document, null, 2)}\n`);
    assert.deepEqual(await locks.check("src/a.ts"), [lock]);
    assert.deepEqual(await locks.list(), [lock]);
  });

  test("is granted wholly or not at all, in the order of the paths", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "b.ts", "a");
    const written = (): object[] =>
      ["locks", "lock-log", "journal"].map((name) => snapshot(join(store.root, "local", name)));
    const before = written();
    await refused("LOCKED", locks.acquire({ paths: ["a.ts", "b.ts", "c.ts"], taskId: "b" }));
    assert.deepEqual(written(), before, "a refusal writes nothing");
    await locks.releaseForTask("a");
    const taken = await locks.acquire({ paths: ["c.ts", "a.ts", "b.ts", "./a.ts"], taskId: "b" });
    assert.deepEqual(
      taken.map(({ path }) => path),
      ["c.ts", "a.ts", "b.ts"],
    );
    const byPath = taken.toSorted((left, right) => (left.path < right.path ? -1 : 1));
    const tokens = byPath.map(({ token }) => token);
    assert.deepEqual(
      tokens,
      tokens.toSorted((left, right) => left - right),
    );
    assert.equal(new Set(tokens).size, 3);
  });

  test("names its owner: the one given, else the agent, else the actor", async (context) => {
    const { locks } = await makeLocks(context);
    const owners = [];
    for (const more of [{ owner: "o", agent: "g" }, { agent: "g" }, {}]) {
      const [lock] = await locks.acquire({ paths: ["a"], taskId: "a", ...more });
      owners.push(lock?.owner);
      await locks.releaseForTask("a");
    }
    assert.deepEqual(owners, ["o", "g", "tester"]);
  });

  test("keeps keys of the caller's own", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const own = { reason: "refactor", __proto__: null, list: [1, { two: 3 }] };
    const given = Object.assign(JSON.parse('{"__proto__": 4}') as object, own);
    const input = { ...given, paths: ["a"], taskId: "a" } as AcquireLocksInput;
    const [lock] = await locks.acquire(input);
    assert.equal(lock?.["reason"], "refactor");
    assert.equal(Object.getOwnPropertyDescriptor(lock, "__proto__")?.value, 4);
    assert.deepEqual(await locks.check("a"), [lock]);
    const again = await reopen(context, store, { clock: clock.now });
    assert.deepEqual(await again.locks.list(), [lock]);
    // What the store writes by itself cannot be set.
    for (const key of ["token", "lockedAt", "expiresAt", "path", "pid", "host", "$schema"]) {
      const error = await refused("BAD_REQUEST", locks.acquire({ ...input, [key]: 1 }));
      assert.equal(error.context["field"], key);
    }
  });

  test("touches no tracked file and no event", async (context) => {
    const { store, locks } = await makeLocks(context);
    const before = tracked(store);
    await lockOne(locks, "a", "a");
    await locks.heartbeat("a");
    await locks.releaseForTask("a");
    assert.deepEqual(tracked(store), before);
    assert.deepEqual(await store.events.query(), []);
  });

  test("is there for whoever opens the store, and gone with local/", async (context) => {
    const project = makeProject(context);
    const store = await FlowStore.init(project, QUICK);
    const lock = await lockOne(store.locks, "a", "a");
    await store.close();
    const again = await FlowStore.open(project, QUICK);
    assert.deepEqual(await again.locks.list(), [lock]);
    await again.close();
    rmSync(join(project, ".flow/local"), { recursive: true });
    const without = await FlowStore.open(project, QUICK);
    atEnd(context, () => without.close());
    assert.deepEqual(await without.locks.list(), []);
  });
});

describe("the same task again", () => {
  // flowctl's L-3: a reader that asked for write was told yes, and kept read.
  const STRENGTH = ["directory_add", "read", "write"] as const;
  for (const [held, first] of STRENGTH.entries()) {
    for (const [asked, second] of STRENGTH.entries()) {
      const isUpgrade = asked > held;
      test(`${first}, then ${second}: ${isUpgrade ? "an upgrade" : "renewed"}`, async (context) => {
        const { locks, clock } = await makeLocks(context);
        const before = await lockOne(locks, "src", "a", first);
        clock.ms += MINUTES;
        const after = await lockOne(locks, "src", "a", second);
        assert.deepEqual(await locks.list(), [after]);
        assert.equal(after.expiresAt, clock.iso(45 * MINUTES));
        if (isUpgrade) {
          assert.equal(after.mode, second);
          assert.equal(after.firstToken, before.token);
          assert.ok(after.token > before.token);
          assert.equal(after.lockedAt, clock.iso());
          await refused("LOCK_LOST", locks.assertHeld("src", before.token));
        } else {
          assert.deepEqual({ ...after, expiresAt: "" }, { ...before, expiresAt: "" });
        }
        assert.deepEqual(await locks.assertHeld("src", after.token), after);
      });
    }
  }

  test("an upgrade is checked against all others, and changes nothing when it is refused", async (context) => {
    const { locks } = await makeLocks(context);
    const mine = await lockOne(locks, "src", "a", "read");
    await lockOne(locks, "src", "b", "read");
    await lockOne(locks, "src/x.ts", "c", "read");
    const error = await refused("LOCKED", lockOne(locks, "src", "a", "write"));
    assert.deepEqual(brief(error.context["holders"] as never), ["b read src", "c read src/x.ts"]);
    assert.deepEqual(await locks.list({ taskId: "a" }), [mine]);
    await locks.releaseForTask("b");
    await locks.releaseForTask("c");
    assert.equal((await lockOne(locks, "src", "a", "write")).mode, "write");
  });

  test("new paths beside held ones: all are renewed or granted, or none", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const held = await lockOne(locks, "a", "a");
    await lockOne(locks, "c", "b");
    clock.ms += MINUTES;
    await refused("LOCKED", locks.acquire({ paths: ["a", "b", "c"], taskId: "a" }));
    assert.deepEqual(await locks.list({ taskId: "a" }), [held], "not renewed either");
    const both = await locks.acquire({ paths: ["a", "b"], taskId: "a", ttlMs: MINUTES });
    assert.equal(both[0]?.token, held.token);
    assert.deepEqual(
      both.map(({ expiresAt }) => expiresAt),
      [clock.iso(MINUTES), clock.iso(MINUTES)],
    );
  });

  test("is never in its own way, on folders and in them", async (context) => {
    const { locks } = await makeLocks(context);
    for (const path of ["src/a.ts", "src", ".", "src/b/c.ts"]) await lockOne(locks, path, "a");
    assert.equal((await locks.list()).length, 4);
    assert.equal(await locks.release({ taskId: "a", paths: ["src"] }), 1);
    assert.equal((await locks.list()).length, 3);
  });
});

describe("a refusal", () => {
  test("lists every holder with its own path, mode, age, end and life", async (context) => {
    const { locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["src"], taskId: "a", mode: "read", owner: "ann", ttlMs: 1000 });
    clock.ms += 400;
    await locks.acquire({
      ...{ paths: ["src/deep/x.ts"], taskId: "b", mode: "read", owner: "bob", ttlMs: 5000 },
      bindToPid: true,
    });
    await locks.acquire({ paths: ["lib/y.ts"], taskId: "c" });
    clock.ms += 100;
    const error = await refused(
      "LOCKED",
      locks.acquire({ paths: ["lib/y.ts", "src/deep"], taskId: "d" }),
    );
    const holders = error.context["holders"] as Record<string, unknown>[];
    const told = holders.map(({ path, taskId, mode, owner, ageMs, expiresAt, alive }) => {
      return { path, taskId, mode, owner, ageMs, expiresAt, alive };
    });
    assert.deepEqual(told, [
      {
        ...{ path: "lib/y.ts", taskId: "c", mode: "write", owner: "tester" },
        ...{ ageMs: 100, expiresAt: clock.iso(45 * MINUTES - 100), alive: null },
      },
      {
        ...{ path: "src", taskId: "a", mode: "read", owner: "ann" },
        ...{ ageMs: 500, expiresAt: clock.iso(500), alive: null },
      },
      {
        ...{ path: "src/deep/x.ts", taskId: "b", mode: "read", owner: "bob" },
        ...{ ageMs: 100, expiresAt: clock.iso(4900), alive: true },
      },
    ]);
    assert.equal(error.retryable, true);
    assert.deepEqual(error.context["waiters"], []);
    assert.match(error.message, /^Cannot lock lib\/y\.ts: task c \(tester\) holds it for writing /);
    assert.match(error.message, /, and 2 more are in the way$/);
    const tried = await locks.tryAcquire({ paths: ["lib/y.ts", "src/deep"], taskId: "d" });
    assert.deepEqual(tried, { acquired: false, holders, waiters: [] });
  });

  test("conflicts() tells the same beforehand, takes nothing and writes nothing", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "src", "a", "read");
    await lockOne(locks, "lib", "b");
    const before = committed(store.root);
    const paths = ["src/x.ts", "lib/y.ts", "free.ts"];
    assert.deepEqual(brief(await locks.conflicts({ paths })), ["b write lib", "a read src"]);
    assert.deepEqual(brief(await locks.conflicts({ paths, taskId: "a" })), ["b write lib"]);
    assert.deepEqual(brief(await locks.conflicts({ paths, mode: "read" })), ["b write lib"]);
    assert.deepEqual(await locks.conflicts({ paths: ["free.ts"] }), []);
    assert.deepEqual(committed(store.root), before);
  });
});

describe("tokens", () => {
  test("rise with every grant, over restarts, a lost local/ and a clock set back", async (context) => {
    const project = makeProject(context);
    const clock = new TestClock();
    const tokens: number[] = [];
    const grant = async (act: (store: FlowStore) => Promise<unknown> = async () => undefined) => {
      const store = await FlowStore.init(project, { ...QUICK, clock: clock.now });
      await act(store);
      for (const task of ["a", "b"]) {
        tokens.push((await lockOne(store.locks, "x", task)).token);
        await store.locks.releaseForTask(task);
      }
      await store.close();
    };
    await grant();
    await grant();
    clock.ms -= 60 * MINUTES;
    await grant();
    // The journal is lost and the log of locks is not: it remembers.
    rmSync(join(project, ".flow/local/journal"), { recursive: true });
    await grant();
    clock.ms += 120 * MINUTES;
    rmSync(join(project, ".flow/local"), { recursive: true });
    await grant();
    // Where a clock is beyond all measure they still are whole numbers.
    clock.ms = Date.UTC(9990, 0, 1);
    await grant();
    assert.deepEqual(
      tokens,
      tokens.toSorted((left, right) => left - right),
    );
    assert.equal(new Set(tokens).size, tokens.length);
    assert.ok(tokens.every(Number.isSafeInteger));
  });

  test("fence: only the lock that bears it, on what it reaches, while it lives", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const folder = await lockOne(locks, "src", "a");
    const names = await lockOne(locks, "lib", "a", "directory_add");
    assert.deepEqual(await locks.assertHeld("src/deep/x.ts", folder.token), folder);
    assert.deepEqual(await locks.assertHeld("lib", names.token), names);
    for (const [path, token] of [
      ["srcs/x.ts", folder.token],
      [".", folder.token],
      ["lib/x.ts", names.token],
      ["src", folder.token - 1],
    ] as const) {
      const error = await refused("LOCK_LOST", locks.assertHeld(path, token));
      assert.equal(error.retryable, false);
    }
    clock.ms += 45 * MINUTES;
    const taken = await lockOne(locks, "src/deep", "b", "read");
    const error = await refused("LOCK_LOST", locks.assertHeld("src/deep/x.ts", folder.token));
    assert.deepEqual(brief(error.context["holders"] as never), ["b read src/deep"]);
    assert.match(error.message, /now task b \(tester\) holds src\/deep for reading/);
    assert.deepEqual(await locks.assertHeld("src/deep/x.ts", taken.token), taken);
    for (const token of ["1", Number.NaN, 0.5, null, undefined])
      await refused("BAD_REQUEST", locks.assertHeld("src", token as never));
  });
});

describe("the end of a lock", () => {
  test("comes to the millisecond, for every reader, whoever cleans up", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const [lock] = await locks.acquire({ paths: ["a"], taskId: "a", ttlMs: 1000 });
    clock.ms += 999;
    assert.deepEqual(await locks.check("a"), [lock]);
    assert.equal(await gets(locks, "a", "b"), false);
    clock.ms += 1;
    const before = committed(store.root);
    assert.deepEqual(await locks.check("a"), []);
    assert.deepEqual(await locks.list(), []);
    assert.deepEqual(await locks.list({ expired: true }), [lock]);
    assert.deepEqual(await locks.conflicts({ paths: ["a"] }), []);
    assert.deepEqual(committed(store.root), before, "looking wrote nothing");
    assert.equal(await gets(locks, "a", "b"), true);
    assert.deepEqual(await locks.list({ expired: true }), []);
    assert.deepEqual(await logOf(locks), [
      "acquired a write a",
      "expired a write a",
      "acquired b write a",
    ]);
  });

  test("cleanupStale takes away what is over and says how much", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["a", "b"], taskId: "a", ttlMs: 1000, mode: "read" });
    await locks.acquire({ paths: ["b"], taskId: "b", ttlMs: 5000, mode: "read" });
    assert.equal(await locks.cleanupStale(), 0);
    clock.ms += 2000;
    assert.equal(await locks.cleanupStale(), 2);
    assert.deepEqual(filesIn(store, "locks"), ["b.json"]);
    const before = committed(store.root);
    assert.equal(await locks.cleanupStale(), 0);
    assert.deepEqual(committed(store.root), before, "nothing to do writes nothing");
  });

  test("two expired ones and one that lives: only the last is in the way", async (context) => {
    const { locks, clock } = await makeLocks(context);
    for (const [task, ttlMs] of [
      ["a", 10],
      ["b", 20],
      ["c", 5000],
    ] as const) {
      await locks.acquire({ paths: ["x"], taskId: task, mode: "read", ttlMs });
    }
    clock.ms += 100;
    const error = await refused("LOCKED", lockOne(locks, "x", "d"));
    assert.deepEqual(brief(error.context["holders"] as never), ["c read x"]);
    assert.deepEqual(brief(await locks.list()), ["c read x"]);
    // Also a refusal cleans up, and says so in the log.
    assert.deepEqual(await locks.list({ expired: true }), []);
    assert.deepEqual((await logOf(locks)).slice(-2), ["expired a read x", "expired b read x"]);
  });

  test("a clock set back keeps no lock for longer than it may live", async (context) => {
    const { locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["x"], taskId: "a", ttlMs: 10 * MINUTES });
    clock.ms -= 365 * 24 * 60 * MINUTES;
    const [seen] = await locks.check("x");
    assert.equal(seen?.expiresAt, clock.iso(10 * MINUTES), "its holder keeps it for its time");
    assert.equal(await gets(locks, "x", "b"), false);
    clock.ms += 10 * MINUTES - 1;
    assert.equal(await gets(locks, "x", "b"), false);
    clock.ms += 1;
    assert.equal(await gets(locks, "x", "b"), true);
    assert.deepEqual(await logOf(locks, { taskId: "a" }), [
      ...["acquired a write x", "shortened a write x", "expired a write x"],
    ]);
  });

  test("nor does it where nobody writes, for whoever has seen it", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["x"], taskId: "a", ttlMs: 10 * MINUTES });
    clock.ms -= 60 * MINUTES;
    const reader = await reopen(context, store, { readOnly: true, clock: clock.now });
    const end = clock.iso(10 * MINUTES);
    const before = committed(store.root);
    for (const minutes of [0, 4, 5]) {
      clock.ms += minutes * MINUTES;
      for (const { locks: seen } of [store, reader]) {
        assert.deepEqual(
          (await seen.check("x")).map(({ expiresAt }) => expiresAt),
          [end],
        );
      }
    }
    clock.ms += MINUTES;
    for (const { locks: seen } of [store, reader]) {
      assert.deepEqual(await seen.check("x"), []);
      assert.deepEqual(await seen.conflicts({ paths: ["x"] }), []);
      assert.deepEqual(brief(await seen.list({ expired: true })), ["a write x"]);
    }
    // One who comes later has not seen it before: for that one it may live as long again.
    const later = await reopen(context, store, { readOnly: true, clock: clock.now });
    assert.equal((await later.locks.check("x"))[0]?.expiresAt, clock.iso(10 * MINUTES));
    assert.deepEqual(committed(store.root), before, "nobody wrote");
    assert.equal(await gets(locks, "x", "b"), true);
    assert.deepEqual(await logOf(locks, { taskId: "a" }), [
      ...["acquired a write x", "expired a write x"],
    ]);
  });

  test("a clock set ahead ends locks at once, and their holders are told", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const lock = await lockOne(locks, "x", "a");
    clock.ms += 365 * 24 * 60 * MINUTES;
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [lock] });
  });
});

describe("heartbeat", () => {
  test("extends each lock by its own time, and no other task's", async (context) => {
    const { locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["a"], taskId: "a", ttlMs: 1000 });
    await locks.acquire({ paths: ["b"], taskId: "a", ttlMs: 5000 });
    const [other] = await locks.acquire({ paths: ["c"], taskId: "b", ttlMs: 1000 });
    clock.ms += 900;
    assert.deepEqual(await locks.heartbeat("a"), { extended: 2, lost: [] });
    const ends = (await locks.list({ taskId: "a" })).map(({ expiresAt }) => expiresAt);
    assert.deepEqual(ends, [clock.iso(1000), clock.iso(5000)]);
    assert.deepEqual(await locks.list({ taskId: "b" }), [other]);
    assert.deepEqual(await locks.heartbeat("nobody"), { extended: 0, lost: [] });
  });

  // flowctl's L-7: a heartbeat revived an expired lock that another task might have taken.
  test("never revives: what has expired is lost, taken by another or not", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const [short] = await locks.acquire({ paths: ["a"], taskId: "a", ttlMs: 1000 });
    const [gone] = await locks.acquire({ paths: ["b"], taskId: "a", ttlMs: 1000 });
    await locks.acquire({ paths: ["c"], taskId: "a", ttlMs: 9000 });
    clock.ms += 1000;
    await lockOne(locks, "b", "b");
    const lost = [short, gone];
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost });
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost }, "told until it is heard");
    await locks.releaseForTask("b");
    await locks.cleanupStale();
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost });
    assert.deepEqual(brief(await locks.check("b")), []);

    const again = await lockOne(locks, "b", "a");
    assert.ok(again.token > (gone?.token ?? 0));
    assert.deepEqual(await locks.heartbeat("a"), { extended: 2, lost: [short] }, "locked anew");
    assert.equal(await locks.release({ taskId: "a", paths: ["a"] }), 0);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 2, lost: [] }, "released");
  });

  test("what somebody took away is lost too", async (context) => {
    const { locks } = await makeLocks(context);
    const lock = await lockOne(locks, "a", "a");
    assert.equal(await locks.releaseAll({ agent: "boss", note: "between waves" }), 1);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [lock] });
    const [, cleared] = await locks.history();
    assert.deepEqual(
      [cleared?.event, cleared?.agent, cleared?.note],
      ["cleared", "boss", "between waves"],
    );
    assert.equal(await locks.releaseForTask("a"), 0);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [] });
  });

  test("is one line of the log, however many locks", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const paths = Array.from({ length: 50 }, (_, at) => `f${at}.ts`);
    await locks.acquire({ paths, taskId: "a" });
    await lockOne(locks, "other.ts", "b");
    clock.ms += 10;
    await locks.heartbeat("a");
    const all = await locks.history();
    assert.equal(all.length, 52);
    const first = all[0]?.token ?? 0;
    assert.deepEqual(all.at(-1)?.tokens, [[first, first + 49]]);
    assert.deepEqual(await logOf(locks, { path: "f7.ts" }), [
      "acquired a write f7.ts",
      "renewed a",
    ]);
    assert.deepEqual(await logOf(locks, { path: "other.ts" }), ["acquired b write other.ts"]);
  });
});

describe("release", () => {
  // flowctl's S-7: unlock --files was accepted, documented and ignored.
  test("gives back exactly these paths of exactly this task", async (context) => {
    const { store, locks } = await makeLocks(context);
    await locks.acquire({ paths: ["a", "b", "c/d"], taskId: "a", mode: "read" });
    await locks.acquire({ paths: ["a"], taskId: "b", mode: "read" });
    assert.equal(await locks.release({ taskId: "a", paths: ["./a", "c", "never"] }), 1);
    assert.deepEqual(brief(await locks.list()), ["b read a", "a read b", "a read c/d"]);
    const before = committed(store.root);
    assert.equal(await locks.release({ taskId: "a", paths: ["a"] }), 0);
    assert.deepEqual(committed(store.root), before, "nothing to do writes nothing");
    assert.equal(await locks.releaseForTask("a"), 2);
    assert.equal(await locks.releaseAll(), 1);
    assert.deepEqual(filesIn(store, "locks"), []);
    assert.equal(await locks.releaseAll(), 0);
  });

  test("history tells all of it, by task and by path", async (context) => {
    const { locks, clock } = await makeLocks(context);
    await lockOne(locks, "src", "a", "read");
    clock.ms += 5;
    await lockOne(locks, "src", "a", "write");
    await lockOne(locks, "lib/x.ts", "b");
    await locks.heartbeat("b", { source: "cron" });
    await locks.releaseForTask("a", { note: "done" });
    assert.deepEqual(await logOf(locks, { path: "src/deep/x.ts" }), [
      ...["acquired a read src", "upgraded a write src", "released a write src"],
    ]);
    assert.deepEqual(await logOf(locks, { taskId: "b" }), ["acquired b write lib/x.ts"]);
    const [first, second, , last] = await locks.history();
    assert.equal(second?.replaces, first?.token);
    assert.deepEqual([last?.at, last?.note, last?.source], [clock.iso(), "done", "api"]);
  });
});

describe("bound to a process", () => {
  test("a lock lives as long as the process, and no longer than its time", async (context) => {
    const { locks, clock } = await makeLocks(context);
    const [lock] = await locks.acquire({ paths: ["a"], taskId: "a", bindToPid: true, ttlMs: 1000 });
    assert.equal(lock?.pid, process.pid);
    assert.ok(lock.host !== undefined && lock.bootId !== undefined);
    const [holder] = await locks.holders();
    assert.equal(holder?.alive, true);
    clock.ms += 1000;
    assert.equal(await gets(locks, "a", "b"), true);
  });

  test("ends with the process, and its task is told", async (context) => {
    const { locks } = await makeLocks(context);
    const other = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
    atEnd(context, () => killed(other));
    const ended = once(other, "exit");
    const [lock] = await locks.acquire({ paths: ["a"], taskId: "a", bindToPid: other.pid ?? 0 });
    assert.equal(await gets(locks, "a", "b"), false);
    other.kill("SIGKILL");
    await ended;
    assert.deepEqual(await locks.check("a"), []);
    assert.deepEqual(brief(await locks.list({ expired: true })), ["a write a"]);
    assert.equal((await locks.holders({ expired: true }))[0]?.alive, false);
    await refused("LOCK_LOST", locks.assertHeld("a", lock?.token ?? 0));
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [lock] });
    assert.equal(await gets(locks, "a", "b"), true);
    assert.deepEqual(await logOf(locks), [
      "acquired a write a",
      "dead a write a",
      "acquired b write a",
    ]);
  });

  test("taken again without a word it stays bound; with false it is free", async (context) => {
    const { locks } = await makeLocks(context);
    const base = { paths: ["a"], taskId: "a" };
    await locks.acquire({ ...base, bindToPid: process.pid });
    assert.equal((await locks.acquire(base))[0]?.pid, process.pid);
    const [free] = await locks.acquire({ ...base, bindToPid: false });
    assert.deepEqual(
      Object.keys(free ?? {}).filter((key) => /pid|host|boot/i.test(key)),
      [],
    );
    assert.equal((await locks.acquire(base))[0]?.pid, undefined);
  });

  test("a process of another machine, boot or namespace is not known to be dead", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const [lock] = await locks.acquire({ paths: ["a"], taskId: "a", bindToPid: true });
    const file = join(store.root, "local/locks/a.json");
    const text = readFileSync(file, "utf8");
    for (const [from, to, isAlive] of [
      [`"host": "${lock?.host}"`, '"host": "elsewhere"', null],
      [`"pidNamespace": "${lock?.pidNamespace}"`, '"pidNamespace": "pid:[1]"', null],
      [`"pidStart": "${lock?.pidStart}"`, '"pidStart": "1"', false],
      [`"bootId": "${lock?.bootId}"`, '"bootId": "before"', false],
    ] as const) {
      assert.ok(text.includes(from), from);
      writeFileSync(file, text.replace(from, to));
      const again = await reopen(context, store, { clock: clock.now });
      const [holder] = [
        ...(await again.locks.holders()),
        ...(await again.locks.holders({ expired: true })),
      ];
      assert.equal(holder?.alive, isAlive, to);
      assert.equal((await again.locks.check("a")).length, isAlive === false ? 0 : 1, to);
    }
    assert.equal(await gets(locks, "a", "b"), true, "the number of a process that began later");
    assert.deepEqual((await logOf(locks)).slice(-2), ["dead a write a", "acquired b write a"]);
  });
});

describe("in a transaction", () => {
  test("locks come and go with it, and see each other", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["old"], taskId: "b", ttlMs: 10 });
    clock.ms += 10;
    await store.transaction(async () => {
      await lockOne(locks, "a", "a");
      await refused("LOCKED", lockOne(locks, "a", "b"));
      await lockOne(locks, "old", "a");
      const { lost } = await locks.heartbeat("b");
      assert.deepEqual(brief(lost), ["b write old"], "what it took itself");
      await locks.release({ taskId: "a", paths: ["old"] });
      assert.deepEqual(brief(await locks.list()), ["a write a"]);
    });
    assert.deepEqual(brief(await locks.list()), ["a write a"]);
    const before = await logOf(locks);
    const undone = store.transaction(async () => {
      await locks.releaseAll();
      await lockOne(locks, "a", "b");
      throw new Error("no");
    });
    await assert.rejects(undone, /no/);
    assert.deepEqual(brief(await locks.list()), ["a write a"]);
    assert.deepEqual(await logOf(locks), before);
  });

  test("nobody waits: nobody else could release anything", async (context) => {
    const { store, locks } = await makeLocks(context);
    const error = await refused(
      "BAD_REQUEST",
      store.transaction(() => locks.acquire({ paths: ["a"], taskId: "a", waitMs: 1 })),
    );
    assert.equal(error.context["field"], "waitMs");
  });
});

describe("what cannot be asked for", () => {
  const base = { paths: ["a"], taskId: "a" };
  const WRONG: readonly (readonly [field: string, values: readonly unknown[]])[] = [
    ["taskId", NO_TEXTS],
    ["owner", NO_TEXTS.slice(1)],
    ["mode", ["", "Write", "exclusive", null, 1]],
    ["ttlMs", [0, -1, 0.5, Number.NaN, Infinity, "1000", null, 10 * 366 * 24 * 60 * MINUTES]],
    ["waitMs", [-1, Number.NaN, "1", null]],
    ["bindToPid", [0, -1, 1.5, 2 ** 40, "1", null]],
    ["signal", [null, {}, true]],
  ];
  for (const [field, values] of WRONG) {
    test(`as ${field}`, async (context) => {
      const store = await makeStore(context);
      for (const value of values) {
        const input = { ...base, [field]: value } as AcquireLocksInput;
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
          store.locks.acquire(input),
        );
        assert.equal(error.context["field"], field, String(value));
      }
    });
  }

  test("as paths", async (context) => {
    const store = await makeStore(context);
    for (const paths of [
      undefined,
      null,
      "a",
      [],
      [""],
      ["a\0b"],
      [7],
      [null],
      Object.assign([], { 1: "a" }),
      ["\ud800"],
    ]) {
      const input = { ...base, paths } as AcquireLocksInput;
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.locks.acquire(input),
      );
      assert.match(String(error.context["field"]), /^paths/);
    }
  });

  test("a process that is not there", async (context) => {
    const { locks } = await makeLocks(context);
    const error = await refused("BAD_REQUEST", locks.acquire({ ...base, bindToPid: 2 ** 31 - 1 }));
    assert.equal(error.context["field"], "bindToPid");
  });

  test("and of the other calls", async (context) => {
    const { locks } = await makeLocks(context);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => locks.acquire(null as never),
      () => locks.acquire("a" as never),
      () => locks.check(7 as never),
      () => locks.check(""),
      () => locks.list({ expired: "yes" as never }),
      () => locks.list({ taskId: 7 as never }),
      () => locks.list(null as never),
      () => locks.heartbeat(""),
      () => locks.heartbeat("a", { agent: "" }),
      () => locks.release({ taskId: "a" } as never),
      () => locks.release({ taskId: "", paths: ["a"] }),
      () => locks.release({ taskId: "a", paths: ["../x"] }),
      () => locks.releaseForTask(undefined as never),
      () => locks.conflicts({ paths: [] }),
      () => locks.conflicts({ paths: ["a"], mode: "x" as never }),
      () => locks.history({ taskId: "" }),
      () => locks.assertHeld("../x", 1),
    ];
    for (const call of calls) await refused("BAD_REQUEST", call);
  });

  test("of a store that is read only or closed", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const lock = await lockOne(locks, "a", "a");
    const reader = await reopen(context, store, { readOnly: true, clock: clock.now });
    assert.deepEqual(await reader.locks.check("a"), [lock]);
    for (const act of [
      () => reader.locks.acquire({ paths: ["b"], taskId: "b" }),
      () => reader.locks.acquire({ paths: ["b"], taskId: "b", waitMs: 50 }),
      () => reader.locks.heartbeat("a"),
      () => reader.locks.releaseAll(),
    ]) {
      await refused("READ_ONLY", act);
    }
    await reader.close();
    await refused("CLOSED", reader.locks.check("a"));
  });
});

test("any text can be a task, and no two are taken for one", async (context) => {
  const { locks } = await makeLocks(context);
  for (const taskId of STRANGE_TEXTS) await lockOne(locks, "x", taskId, "read");
  const tasks = (await locks.check("x")).map(({ taskId }) => taskId);
  assert.deepEqual(tasks.toSorted(), STRANGE_TEXTS.toSorted());
  for (const [at, taskId] of STRANGE_TEXTS.entries()) {
    assert.equal(await locks.releaseForTask(taskId), 1);
    assert.equal((await locks.check("x")).length, STRANGE_TEXTS.length - at - 1);
  }
});
