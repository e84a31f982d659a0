/** Transactions: one commit, savepoints in it, and what ends them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { isFlowError, type FlowErrorCode } from "#src/errors.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { SILENT_MS } from "#src/storage/guard.js";
import type { Storage } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, putValue, until, valueOf, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };
const LONG_MS = 5000;

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

async function n(storage: Storage, name = "counter.json"): Promise<number> {
  return (await storage.read((view) => valueOf<{ n: number }>(view, name)))?.n ?? 0;
}

function withCode(code: FlowErrorCode): (error: unknown) => boolean {
  return (error) => isFlowError(error, code);
}

describe("a transaction", () => {
  test("is one commit and one batch, seen by nobody else before its end", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const other = openStorage(disk, { ...HEAD, readOnly: true });
    await increment(storage);
    const before = storage.journal.head.n;
    const value = await storage.transaction(async () => {
      await increment(storage);
      assert.equal(await n(storage), 2, "it reads what it wrote");
      await sleep(1);
      assert.equal(await n(other), 1);
      return increment(storage, "other.json");
    }, LONG_MS);
    assert.equal(value, 1);
    assert.equal(storage.journal.head.n, before + 1);
    assert.equal(await n(other), 2);
    const { events } = await wholeLog(other);
    assert.deepEqual(
      events.map(({ event }) => `${event.n}/${event.of}`),
      ["1/1", "1/2", "2/2"],
    );
    await storage.close();
  });

  test("that throws leaves nothing", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const thrown = new Error("mine");
    await assert.rejects(
      storage.transaction(async () => {
        await increment(storage);
        throw thrown;
      }, LONG_MS),
      (error) => error === thrown,
    );
    assert.equal(await n(storage), 0);
    assert.equal((await wholeLog(storage)).events.length, 0);
    assert.equal(await increment(storage), 1);
    await storage.close();
  });

  test("keeps a savepoint that ends well and undoes one that throws, at any depth", async () => {
    const storage = openStorage(rooted(), HEAD);
    await storage.transaction(async () => {
      await increment(storage, "a.json");
      await storage.transaction(async () => {
        await increment(storage, "b.json");
        await assert.rejects(
          storage.transaction(async () => {
            await increment(storage, "a.json");
            await increment(storage, "c.json");
            assert.equal(await n(storage, "a.json"), 2);
            throw new Error("undone");
          }, LONG_MS),
        );
        assert.equal(await n(storage, "a.json"), 1);
        await increment(storage, "b.json");
      }, LONG_MS);
    }, LONG_MS);
    const values = [
      await n(storage, "a.json"),
      await n(storage, "b.json"),
      await n(storage, "c.json"),
    ];
    assert.deepEqual(values, [1, 2, 0]);
    const { events } = await wholeLog(storage);
    assert.deepEqual(
      events.map(({ event }) => event.stream),
      ["counter:a.json", "counter:b.json", "counter:b.json"],
    );
    await storage.close();
  });

  test("does its calls and savepoints of one level one after another, also when started together", async () => {
    const storage = openStorage(rooted(), HEAD);
    const results = await storage.transaction(
      async () =>
        Promise.allSettled([
          storage.transaction(async () => {
            await increment(storage);
            await sleep(5);
            await increment(storage);
            throw new Error("undone");
          }, LONG_MS),
          increment(storage),
          storage.transaction(async () => {
            await sleep(1);
            return increment(storage);
          }, LONG_MS),
          increment(storage),
        ]),
      LONG_MS,
    );
    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? result.value : "undone")),
      ["undone", 1, 2, 3],
    );
    assert.equal(await n(storage), 3);
    await storage.close();
  });

  test("takes no call after its end", async () => {
    const storage = openStorage(rooted(), HEAD);
    let late: Promise<number> | undefined;
    let isOver = (): void => undefined;
    const over = new Promise<void>((resolve) => (isOver = resolve));
    await storage.transaction(async () => {
      await increment(storage);
      late = over.then(() => increment(storage));
    }, LONG_MS);
    isOver();
    await assert.rejects(late ?? Promise.resolve(), withCode("BAD_REQUEST"));
    assert.equal(await n(storage), 1);
    await storage.close();
  });

  test("that runs too long leaves nothing, and the others go on", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const other = openStorage(disk, HEAD);
    let isLate = (): void => undefined;
    const late = new Promise<void>((resolve) => (isLate = resolve));
    const call: { after?: Promise<unknown> } = {};
    await assert.rejects(
      storage.transaction(async () => {
        await increment(storage);
        call.after = late.then(() => increment(storage));
        await late;
      }, 30),
      withCode("TIMEOUT"),
    );
    assert.equal(await increment(other), 1);
    isLate();
    await assert.rejects(call.after ?? Promise.resolve(), withCode("TIMEOUT"));
    assert.equal(await n(storage), 1);
    await Promise.all([storage.close(), other.close()]);
  });

  test("waits for another one of the same process, and both are kept", async () => {
    const storage = openStorage(rooted(), HEAD);
    const both = ["one", "two"].map(() =>
      storage.transaction(async () => {
        const before = await n(storage);
        await sleep(2);
        await increment(storage);
        assert.equal(await n(storage), before + 1);
      }, LONG_MS),
    );
    const outside = increment(storage);
    await Promise.all([...both, outside]);
    assert.equal(await n(storage), 3);
    await storage.close();
  });

  test("keeps calls from outside of it out", async () => {
    const storage = openStorage(rooted(), HEAD);
    const order: string[] = [];
    const transaction = storage.transaction(async () => {
      await increment(storage);
      await sleep(5);
      await increment(storage);
      order.push("transaction");
    }, LONG_MS);
    const outside = increment(storage).then((value) => {
      order.push("outside");
      return value;
    });
    assert.equal(await outside, 3);
    await transaction;
    assert.deepEqual(order, ["transaction", "outside"]);
    await storage.close();
  });

  test("of a stopped process whose reads changed ends with a conflict that may be tried again", async () => {
    const disk = rooted();
    const slow = openStorage(disk, {
      ...HEAD,
      identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null },
    });
    const other = openStorage(disk, HEAD);
    await increment(slow);
    // To the others its holder is dead: they take the guard from it while it "sleeps".
    await assert.rejects(
      slow.transaction(async () => {
        await increment(slow);
        assert.equal(await increment(other), 2);
      }, LONG_MS),
      (error) => isFlowError(error, "CONFLICT") && error.retryable,
    );
    assert.equal(await n(other), 2);
    await slow.transaction(async () => increment(slow), LONG_MS);
    assert.equal(await n(other), 3);
    await Promise.all([slow.close(), other.close()]);
  });

  test("of a stopped process is kept when what changed was none of its business", async () => {
    const disk = rooted();
    const slow = openStorage(disk, {
      ...HEAD,
      identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null },
    });
    const other = openStorage(disk, HEAD);
    await other.commit((write) => putValue(write, "a.json", { n: 1 }));
    await slow.transaction(async () => {
      await slow.commit((write) => {
        const a = valueOf<{ n: number }>(write, "a.json")?.n ?? 0;
        putValue(write, "b.json", { n: a + 1 });
      });
      await other.commit((write) => write.put("gaps", "other.json", "{}\n"));
    }, LONG_MS);
    assert.deepEqual([await n(other, "a.json"), await n(other, "b.json")], [1, 2]);
    await Promise.all([slow.close(), other.close()]);
  });

  test("of a hand edit meanwhile conflicts as well", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await assert.rejects(
      storage.transaction(async () => {
        const seen = await n(storage);
        disk.remove("features/counter.json");
        disk.create("features/counter.json", '{ "n": 70 }');
        await storage.commit((write) => putValue(write, "copy.json", { n: seen }));
      }, LONG_MS),
      (error) => isFlowError(error, "CONFLICT") && error.retryable,
    );
    assert.equal(await n(storage, "copy.json"), 0);
    await storage.close();
  });

  test("ends before the store is closed", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const transaction = storage.transaction(async () => {
      await sleep(5);
      await increment(storage);
    }, LONG_MS);
    await storage.close();
    await transaction;
    assert.match(disk.readText("features/counter.json") ?? "", /"n": 1/);
    await assert.rejects(
      storage.transaction(async () => 0, LONG_MS),
      withCode("CLOSED"),
    );
    await assert.rejects(increment(storage), withCode("CLOSED"));
  });

  test("holds the guard while it does nothing", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const other = openStorage(disk, { ...HEAD, guardTimeoutMs: 40 });
    await storage.transaction(async () => {
      await assert.rejects(increment(other), (error) => {
        assert.ok(isFlowError(error, "TIMEOUT"));
        assert.equal((error.context["holder"] as { pid: number }).pid, process.pid);
        return true;
      });
    }, LONG_MS);
    assert.equal(await increment(other), 1);
    await Promise.all([storage.close(), other.close()]);
  });
});

describe("calls of one process", () => {
  test("share a record: 64 at once cost at most two syncs", async () => {
    const counts = { syncs: 0 };
    const disk = wrapDisk(rooted(), (operation, _path, act) => {
      if (operation === "sync") counts.syncs += 1;
      return act();
    });
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    counts.syncs = 0;
    const values = await Promise.all(Array.from({ length: 64 }, () => increment(storage)));
    assert.deepEqual(
      values,
      Array.from({ length: 64 }, (_, index) => index + 2),
    );
    assert.ok(counts.syncs <= 2, `${counts.syncs} syncs`);
    const { events } = await wholeLog(storage);
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      Array.from({ length: 65 }, (_, i) => i + 1),
    );
    assert.ok(
      events.every(({ event }) => event.of === 1),
      "a batch each",
    );
    await storage.close();
  });

  test("show life while they decide, however long that takes", async () => {
    const disk = rooted();
    let nowMs = 0;
    let shownAt = 0;
    let longest = 0;
    const watched = wrapDisk(disk, (operation, path, act) => {
      const isOwner = /^local\/guard\/\d+\.owner\.json$/.test(path);
      if (isOwner && operation === "create") shownAt = nowMs;
      if (isOwner && operation === "touch") {
        longest = Math.max(longest, nowMs - shownAt);
        shownAt = nowMs;
      }
      return act();
    });
    // Each look at the clock stands for 10 µs of work, each file for a millisecond.
    const monotonicMs = (): number => (nowMs += 0.01);
    const storage = openStorage(watched, { ...HEAD, monotonicMs });
    const putMany = (from: number): Promise<void> =>
      storage.commit((write) => {
        for (let id = from; id < from + 1500; id += 1) {
          nowMs += 1;
          putValue(write, `${id}.json`, { id });
        }
      });
    await Promise.all([putMany(0), putMany(2000), putMany(4000)]);
    await storage.transaction(async () => putMany(6000), 1e6);
    await storage.close();
    assert.equal(disk.list("features")?.length, 6000);
    assert.ok(nowMs > 6000, `${nowMs} ms`);
    assert.ok(longest > 0 && longest < SILENT_MS / 2, `${longest} ms without a sign of life`);
  });

  test("after the beginning of close are refused, those before it are kept", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    const before = [increment(storage), increment(storage)];
    const closing = storage.close();
    await assert.rejects(increment(storage), withCode("CLOSED"));
    await assert.rejects(n(storage), withCode("CLOSED"));
    await assert.rejects(
      storage.transaction(() => 1, LONG_MS),
      withCode("CLOSED"),
    );
    assert.deepEqual(await Promise.all(before), [1, 2]);
    await closing;
    assert.equal(await n(openStorage(disk, HEAD)), 2);
  });

  test("do not harm each other when one throws", async () => {
    const storage = openStorage(rooted(), HEAD);
    const results = await Promise.allSettled([
      increment(storage),
      storage.commit((write) => {
        putValue(write, "counter.json", { n: 99 });
        write.append({ stream: "x", type: "Undone", payload: null });
        throw new Error("mine");
      }),
      increment(storage),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(await n(storage), 2);
    assert.equal((await wholeLog(storage)).events.length, 2);
    await storage.close();
  });

  test("are each tried alone when the shared record fails", async () => {
    const disk = rooted();
    const full = wrapDisk(disk, (_operation, _path, act) => act());
    full.create = (path, data) => {
      if (String(data).includes("too much")) throw ioError("create", path, "ENOSPC");
      disk.create(path, data);
    };
    const storage = openStorage(full, HEAD);
    const results = await Promise.allSettled([
      increment(storage),
      storage.commit((write) => putValue(write, "big.json", "too much")),
      increment(storage),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.ok(results[1]?.status === "rejected" && isFlowError(results[1].reason, "IO"));
    assert.equal(await n(storage), 2);
    assert.equal((await wholeLog(storage)).events.length, 2);
    await storage.close();
  });

  test("are told of an unknown outcome, and not tried again", async () => {
    const disk = rooted();
    let writes = 0;
    let isArmed = false;
    const failing = wrapDisk(disk, (operation, path, act) => {
      if (isArmed && operation === "write" && path.startsWith("local/journal")) {
        writes += 1;
        // The record is written, its ok is not.
        if (writes === 2) throw ioError(operation, path, "ENOSPC");
      }
      return act();
    });
    const storage = openStorage(failing, HEAD);
    await increment(storage);
    isArmed = true;
    const results = await Promise.allSettled([
      increment(storage),
      increment(storage),
      increment(storage),
    ]);
    for (const result of results) {
      assert.ok(result.status === "rejected" && isFlowError(result.reason, "IO"));
      assert.equal(result.reason.context["outcome"], "unknown");
    }
    assert.equal(await increment(storage), 5, "it had happened, once");
    assert.deepEqual(
      (await wholeLog(storage)).events.map(({ sequence }) => sequence),
      [1, 2, 3, 4, 5],
    );
    await storage.close();
  });

  test("are over when what relaxed put off could not be synced while a transaction ran", async () => {
    const disk = rooted();
    let isFailing = false;
    const failing = wrapDisk(disk, (operation, path, act) => {
      if (isFailing && operation === "sync") throw ioError(operation, path, "EIO");
      return act();
    });
    let told = 0;
    const onApplyPending = (): void => void (told += 1);
    const storage = openStorage(failing, { ...HEAD, durability: "relaxed", onApplyPending });
    await increment(storage);
    isFailing = true;
    const transaction = storage.transaction(async () => {
      await increment(storage);
      await until(() => told > 0);
      isFailing = false;
    }, LONG_MS);
    await assert.rejects(transaction, withCode("IO"));
    await assert.rejects(increment(storage), withCode("IO"));
    await storage.close();
    const next = openStorage(disk, HEAD);
    assert.equal(await increment(next), 2);
    await next.close();
  });

  test("that come later wait on when an earlier one's time for the guard is over", async () => {
    const disk = rooted();
    const holder = openStorage(disk, HEAD);
    // So far apart that a busy machine does not bring both times together.
    const waiter = openStorage(disk, { ...HEAD, guardTimeoutMs: 800 });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const transaction = holder.transaction(async () => held, LONG_MS);
    const began = performance.now();
    const first = increment(waiter);
    await sleep(400);
    const second = increment(waiter);
    await assert.rejects(first, withCode("TIMEOUT"));
    release();
    assert.equal(await second, 1);
    assert.ok(performance.now() - began < LONG_MS);
    await transaction;
    await Promise.all([holder.close(), waiter.close()]);
  });

  test("all are answered when the state cannot be read", async () => {
    const disk = rooted();
    let isArmed = false;
    const failing = wrapDisk(disk, (operation, path, act) => {
      if (isArmed && operation === "stat" && path === "events")
        throw ioError(operation, path, "EIO");
      return act();
    });
    const storage = openStorage(failing, HEAD);
    await increment(storage);
    await until(() => disk.list("local/guard")?.length === 1);
    await sleep(25);
    isArmed = true;
    const results = await Promise.allSettled([increment(storage), increment(storage)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    isArmed = false;
    assert.equal(await increment(storage), 2);
    await storage.close();
  });
});
