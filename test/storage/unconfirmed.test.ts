/**
 * A record that stands in the journal without its `ok`, from a writer that was let in beside
 * another: it has won its number, and whoever comes after it must build on it.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { randomName, thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { isFlowError } from "#src/errors.js";
import { digest } from "#src/storage/hash.js";
import { Journal } from "#src/storage/journal.js";
import { JOURNAL_VERSION } from "#src/storage/journal-lines.js";
import type { Durability } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, valueOf } from "./support.ts";

const HEAD = { gitHead: () => "head" };
const COUNTER = "features/counter.json";
/** More microtasks than any commit takes. */
const MICROTASKS = 60;

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

/** Counts one up by a record that another process wrote and did not come to confirm. */
function countUnconfirmed(disk: Disk): void {
  const { bootId } = thisProcess();
  const silent = { committed: () => undefined, applied: () => undefined, lost: () => undefined };
  const journal = new Journal(disk, silent, { bootId, randomName, readOnly: false });
  journal.tail();
  const text = disk.readText(COUNTER) ?? "";
  const { n } = JSON.parse(text) as { n: number };
  const won = journal.append(
    {
      kind: "record",
      v: JOURNAL_VERSION,
      n: journal.head.n + 1,
      prev: journal.head.id,
      id: randomName(),
      boot: bootId,
      at: Date.now(),
      changes: [{ put: COUNTER, pre: digest(text), data: `${JSON.stringify({ n: n + 1 })}\n` }],
    },
    true,
  );
  assert.ok(won);
  journal.close();
}

describe("a record without its ok", () => {
  for (const durability of ["full", "relaxed", "none"] satisfies Durability[]) {
    test(`is built on by a call that was about to decide, ${durability}`, async () => {
      for (let delay = 0; delay < MICROTASKS; delay += 1) {
        const disk = rooted();
        const storage = openStorage(disk, { ...HEAD, durability });
        await increment(storage);
        // All of a relaxed one must be in the files for the other to count on.
        await storage.close();
        const held = openStorage(disk, { ...HEAD, durability });
        await held.commit((write) => void write.get("features", "other.json"));
        const call = increment(held);
        for (let k = 0; k < delay; k += 1) await Promise.resolve();
        const before = disk.readText(COUNTER);
        const isOpen = before !== null && (JSON.parse(before) as { n: number }).n === 1;
        if (isOpen) countUnconfirmed(disk);
        // A reader of the same process takes notice of it.
        held.readNow((view) => valueOf(view, "counter.json"));
        const value = await call;
        await held.close();
        const after = openStorage(disk, HEAD);
        await after.recover();
        const end = await after.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
        assert.equal(end, isOpen ? 3 : 2, `after ${delay} microtasks; the call said ${value}`);
        await after.close();
      }
    });
  }

  test("conflicts with a transaction that read what it changes", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await assert.rejects(
      storage.transaction(async () => {
        await increment(storage);
        countUnconfirmed(disk);
        storage.readNow((view) => valueOf(view, "counter.json"));
      }, 5000),
      (error) => isFlowError(error, "CONFLICT") && error.retryable,
    );
    const end = await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
    assert.equal(end, 2);
    await storage.close();
  });

  test("is settled by a transaction that has nothing to do with it", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await storage.transaction(async () => {
      await storage.commit((write) => write.put("features", "b.json", "{}\n"));
      countUnconfirmed(disk);
      storage.readNow((view) => valueOf(view, "counter.json"));
    }, 5000);
    const end = await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
    assert.equal(end, 2);
    assert.equal(disk.readText("features/b.json"), "{}\n");
    await storage.close();
  });
});
