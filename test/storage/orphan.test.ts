/** Files of the journal that nobody went on to, and `local/` that goes while it is used. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { randomName, thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { JOURNAL_VERSION, type CommitRecord } from "#src/storage/journal-lines.js";
import { Journal } from "#src/storage/journal.js";
import { FEATURES, inFolder, JOURNAL, LOCAL } from "#src/storage/layout.js";
import { increment, makeRoot, openStorage, removeAll, wholeLog } from "./support.ts";

const { bootId } = thisProcess();
const COUNTER = inFolder(FEATURES, "counter.json");

function journalOf(disk: Disk): Journal {
  const silent = { committed: () => undefined, applied: () => undefined, lost: () => undefined };
  const journal = new Journal(disk, silent, {
    bootId,
    randomName,
    nowIso: () => new Date().toISOString(),
    readOnly: false,
  });
  journal.tail();
  return journal;
}

/** A process makes the successor of the journal, and dies before it is named by a seal. */
function dieInRotation(inner: MemoryDisk): void {
  const disk = wrapDisk(inner, (operation, path, act) => {
    if (operation === "write") throw ioError(operation, path, "EIO");
    return act();
  });
  const journal = journalOf(disk);
  assert.throws(() => journal.rotate({ sync: true }), { code: "IO" });
  journal.close();
}

describe("the journal", () => {
  test("goes on where it is when a successor was made and not named", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const first = openStorage(disk);
    await increment(first);
    const winner = journalOf(disk);
    const files = disk.list(JOURNAL)?.length ?? 0;
    dieInRotation(disk);
    assert.equal(disk.list(JOURNAL)?.length, files + 1, "the orphan is there");
    // Another one, which was there before, wins the number that the seal wanted.
    const { n, id } = winner.head;
    const record: CommitRecord = {
      ...{ kind: "record", v: JOURNAL_VERSION, n: n + 1, prev: id, id: "winner" },
      ...{ boot: bootId, at: Date.now(), changes: [] },
    };
    assert.ok(winner.append(record, true));
    winner.acknowledge(record, true);
    const fresh = journalOf(disk);
    assert.deepEqual(fresh.head, winner.head, "who comes anew finds the same file");
    for (const journal of [winner, fresh]) journal.close();
    const second = openStorage(disk);
    for (const [index, storage] of [second, first, second, first].entries())
      assert.equal(await increment(storage), index + 2, "both write the same journal");
    for (const storage of [first, second]) {
      const { events } = await wholeLog(storage);
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5],
        "and no number is given twice",
      );
      await storage.close();
    }
  });

  test("may go with local/ while a store is closed", async () => {
    const inner = new MemoryDisk();
    makeRoot(inner);
    let isGoing = false;
    const disk = wrapDisk(inner, (operation, path, act) => {
      if (isGoing && operation === "syncFile" && path === COUNTER) removeAll(inner, LOCAL);
      return act();
    });
    const storage = openStorage(disk, { durability: "relaxed" });
    await increment(storage);
    isGoing = true;
    await storage.close();
    assert.equal(inner.stat(LOCAL), null);
    assert.equal(inner.readText(COUNTER), '{\n  "n": 1\n}\n');
  });
});
