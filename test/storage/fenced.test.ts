/**
 * A commit whose fence falls when it is written into the journal and not yet in the files: it has
 * happened, so its caller is answered, once, and the files get it.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { randomName } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { Fence } from "#src/storage/fence.js";
import { FEATURES, inFolder } from "#src/storage/layout.js";
import type { Storage } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, valueOf, wholeLog } from "./support.ts";

const COUNTER = inFolder(FEATURES, "counter.json");
const FENCED_FILE = /^local\/fence\/(?!fallen-)[^/]+\/\d+$/;

interface World {
  readonly inner: MemoryDisk;
  readonly storage: Storage;
  /** How often the fence fell. */
  readonly fell: () => number;
  readonly arm: () => void;
}

/** A store with one commit whose fence falls at its next `times` renames into place, or out of it. */
async function world(times: number): Promise<World> {
  const inner = new MemoryDisk();
  makeRoot(inner);
  let left = 0;
  let fell = 0;
  const disk = wrapDisk(inner, (operation, path, act) => {
    const isMeant = FENCED_FILE.test(path) || path === COUNTER;
    if (operation === "rename" && isMeant && left > 0) {
      left -= 1;
      fell += 1;
      Fence.raise(inner, randomName).lower();
    }
    return act();
  });
  const storage = openStorage(disk);
  await increment(storage);
  return { inner, storage, fell: () => fell, arm: () => void (left = times) };
}

function countOn(disk: MemoryDisk): number | null {
  const text = disk.readText(COUNTER);
  return text === null ? null : (JSON.parse(text) as { n: number }).n;
}

/** What somebody else sees, who finishes what is left to do. */
async function seenByOthers(disk: MemoryDisk): Promise<{ n: number | undefined; events: number }> {
  const other = openStorage(disk);
  await other.commit(() => undefined);
  const n = await other.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
  const { events } = await wholeLog(other);
  await other.close();
  return { n, events: events.length };
}

describe("a commit whose fence falls behind its record", () => {
  test("is in the files when its caller is answered", async () => {
    const { inner, storage, fell, arm } = await world(1);
    arm();
    assert.equal(await increment(storage), 2);
    assert.equal(fell(), 1);
    assert.equal(countOn(inner), 2, "brought in under a new fence");
    assert.equal(await increment(storage), 3);
    await storage.close();
    assert.deepEqual(await seenByOthers(inner), { n: 3, events: 3 });
  });

  test("is answered although it falls each time, and finished by the next", async () => {
    const { inner, storage, fell, arm } = await world(Infinity);
    arm();
    assert.equal(await increment(storage), 2, "it is committed");
    assert.ok(fell() > 1 && fell() < 100, `${fell()} times`);
    assert.equal(countOn(inner), 1);
    await storage.close();
    assert.deepEqual(await seenByOthers(inner), { n: 2, events: 2 });
    assert.equal(countOn(inner), 2);
  });

  test("and which removes a file, removes it", async () => {
    const { inner, storage, fell, arm } = await world(1);
    arm();
    await storage.commit((write) => write.drop(FEATURES, "counter.json"));
    assert.equal(fell(), 1);
    assert.equal(countOn(inner), null);
    await storage.close();
  });
});
