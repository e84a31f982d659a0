/** The guard by a clock that only the waiter's sleep moves: who shows life keeps it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { MemoryDisk } from "#src/disk/memory-disk.js";
import { ioError } from "#src/disk/io-error.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { Guard, SILENT_MS } from "#src/storage/guard.js";
import { GUARD, GUARD_QUEUE, LOCAL, LOCAL_FOLDERS } from "#src/storage/layout.js";
import { storageOptions } from "./support.ts";

interface World {
  readonly holder: Guard;
  readonly waiter: Guard;
  readonly disk: MemoryDisk;
  /** How much time has passed. */
  readonly now: () => number;
}

/**
 * @param asleep called while the waiter sleeps; may move the clock further
 * @param before called before each operation of the waiter; may act, or throw
 */
function world(
  asleep: (holder: Guard, pass: (ms: number) => void) => void,
  before: (operation: string, path: string, disk: MemoryDisk) => void = () => undefined,
): World {
  const disk = new MemoryDisk();
  for (const folder of [LOCAL, ...LOCAL_FOLDERS]) disk.makeFolder(folder);
  let now = 0;
  const pass = (ms: number): void => void (now += ms);
  const { identity, randomName } = storageOptions(disk);
  const options = {
    ...{ identity, randomName, monotonicMs: () => now, wallMs: () => 1_000_000 + now },
    nowIso: () => "2026-01-01T00:00:00.000Z",
  };
  const idle = async (): Promise<void> => undefined;
  const holder = new Guard(disk, { ...options, actor: "holder", sleep: idle });
  const sleep = async (ms: number): Promise<void> => {
    pass(ms);
    asleep(holder, pass);
  };
  const watched = wrapDisk(disk, (operation, path, act) => {
    before(operation, path, disk);
    return act();
  });
  const waiter = new Guard(watched, { ...options, actor: "waiter", sleep });
  return { holder, waiter, disk, now: () => now };
}

describe("a holder of the guard whose process lives", () => {
  test("keeps it for as long as it shows life, and the waiter is told who it is", async () => {
    const { holder, waiter, disk, now } = world((each) => each.beat());
    await holder.take(0);
    const before = disk.list(GUARD);
    await assert.rejects(waiter.take(5 * SILENT_MS), (error) => {
      assert.ok(isFlowError(error, "TIMEOUT"));
      assert.match(error.message, /holder \(process \d+\) held the store for 5000 ms/);
      assert.equal((error.context["holder"] as { actor: string }).actor, "holder");
      assert.equal(error.context["waitedMs"], 5 * SILENT_MS);
      return true;
    });
    assert.ok(now() > 5 * SILENT_MS && now() < 5 * SILENT_MS + 100, `${now()} ms`);
    assert.ok(holder.isHeld);
    assert.deepEqual(disk.list(GUARD), before, "nobody went on to another name");
    assert.deepEqual(disk.list(GUARD_QUEUE), [], "and nobody waits");
    await holder.release();
    await waiter.take(0);
    await waiter.release();
  });

  test("loses it after a second without", async () => {
    const { holder, waiter, now } = world(() => undefined);
    await holder.take(0);
    await waiter.take(5 * SILENT_MS);
    assert.ok(now() >= SILENT_MS && now() < SILENT_MS + 100, `${now()} ms`);
    assert.ok(waiter.isHeld);
    // The first sign that the holder would give finds its place taken.
    holder.beat();
    assert.ok(!holder.isHeld, "the holder knows it");
    await holder.release();
    await waiter.release();
  });

  test("is not taken for silent because the waiter itself was stopped", async () => {
    let naps = 0;
    const { holder, waiter } = world((each, pass) => {
      naps += 1;
      if (naps === 3) pass(3 * SILENT_MS);
      else each.beat();
    });
    await holder.take(0);
    await assert.rejects(waiter.take(4 * SILENT_MS), { code: "TIMEOUT" });
    assert.ok(holder.isHeld);
    await holder.release();
  });

  test("is passed by one of two who do so at the same moment", async () => {
    let others = 0;
    const { holder, waiter } = world(
      () => undefined,
      (operation, path, disk) => {
        if (operation !== "create" || !path.endsWith(".generation")) return;
        others += 1;
        disk.create(path, "");
      },
    );
    await holder.take(0);
    await waiter.take(3 * SILENT_MS);
    assert.equal(others, 1, "the other one was first");
    assert.ok(waiter.isHeld);
    await waiter.release();
    await holder.release();
  });

  test("is not passed where that cannot be written down", async () => {
    const { holder, waiter, disk } = world(
      () => undefined,
      (operation, path) => {
        if (path.endsWith(".generation")) throw ioError(operation, path, "ENOSPC");
      },
    );
    await holder.take(0);
    await assert.rejects(waiter.take(3 * SILENT_MS), (error) => {
      assert.ok(isFlowError(error, "IO"));
      assert.equal(error.context["errno"], "ENOSPC");
      return true;
    });
    assert.deepEqual(disk.list(GUARD_QUEUE), [], "and it waits no longer");
    await holder.release();
  });
});
