/**
 * How often each kind of call goes to the disk, so that it cannot grow unseen.
 *
 * The numbers are what the engine does today, not what it must do. A change of the engine that
 * needs fewer puts the new table here; one that needs more does so too and says why in its commit.
 * When a count differs, the test says which, and shows the whole table as it is to stand here
 * (`npm run test:only -- storage/disk-operations`, then format).
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { countInABurst, countOperations, textOfCounts } from "./disk-operations.ts";

/** Of commands the operations are those of `node:fs`; of all others those of the disk's port. */
const OPERATIONS: Readonly<Record<string, string>> = {
  "create, in a burst":
    "create 1 · fstat 2 · pread 5 · readText 2 · rename 1 · stat 15 · sync 1 · write 4",
  "createBulk of 100, in a burst":
    "create 100 · fstat 2 · pread 5 · readText 2 · rename 100 · stat 213 · sync 1 · write 4",
  "claim, in a burst": "create 1 · fstat 2 · pread 5 · rename 1 · stat 5 · sync 1 · write 4",
  "claim of what is taken, in a burst": "fstat 1 · readText 1 · stat 1",
  "claimNext, in a burst":
    "create 1 · fstat 2 · pread 5 · readText 2 · rename 1 · stat 15 · sync 1 · write 4",
  "markPassing, in a burst":
    "create 1 · fstat 2 · pread 5 · readText 2 · rename 1 · stat 4 · sync 1 · write 4",
  "logEvent, in a burst": "fstat 2 · pread 5 · stat 3 · sync 1 · write 4",
  "transaction of two changes, in a burst":
    "create 2 · fstat 3 · pread 5 · rename 2 · stat 8 · sync 1 · write 4",
  "locks.acquire, in a burst":
    "close 1 · create 1 · fstat 4 · open 2 · pread 6 · readText 1 · rename 1 · stat 4 · sync 1 · write 4",
  "locks.release, in a burst":
    "close 1 · fstat 6 · open 2 · pread 6 · read 1 · readText 2 · remove 1 · rename 1 · stat 5 · sync 1 · write 4",
  "64 claims at once": "create 64 · fstat 2 · pread 5 · rename 64 · stat 194 · sync 1 · write 4",
  "claim, alone, until the guard is free":
    "close 1 · create 2 · fstat 4 · list 8 · makeFolder 2 · open 1 · pread 5 · remove 2 · removeFolder 2 · rename 1 · stat 16 · sync 1 · write 4",
  "claim, alone, what follows when idle": "fstat 3 · pread 1 · syncFile 2 · syncFolder 3 · write 1",
  // Which of the syncs is which: see `disk-operations-order.test.ts`.
  "create, the first commit of a store":
    "create 4 · fstat 3 · link 1 · list 11 · makeFolder 8 · open 1 · pread 4 · remove 2 · rename 2 · stat 17 · sync 1 · syncFile 1 · syncFolder 3 · touch 1 · write 3",
  "create, and the journal goes on in a new file":
    "close 1 · create 2 · fstat 6 · list 1 · open 1 · pread 10 · readText 2 · remove 1 · rename 1 · stat 17 · sync 3 · syncFile 7 · syncFolder 7 · write 8",
  "getById, within 20 ms": "fstat 2",
  "getById, later": "fstat 2 · stat 4",
  "getById, just opened": "close 1 · fstat 4 · list 4 · open 2 · pread 2 · readText 1 · stat 5",
  "getAll, within 20 ms": "fstat 2",
  "getAll, later": "fstat 2 · stat 14",
  "getAll, just opened": "close 1 · fstat 4 · list 5 · open 2 · pread 2 · readText 10 · stat 15",
  "locks.check, within 20 ms": "fstat 2",
  "locks.check, later": "fstat 2 · list 1 · stat 5",
  "locks.check, just opened": "fstat 3 · list 3 · open 1 · pread 1 · readText 1 · stat 6",
  "replayAll, within 20 ms": "close 1 · fstat 3 · open 1 · pread 1",
  "replayAll, later": "close 1 · fstat 3 · open 1 · pread 1 · stat 2",
  "replayAll, just opened": "close 2 · fstat 5 · list 3 · open 3 · pread 3 · stat 3",
  "flowstore feature ready --json":
    "close 2 · fstat 4 · lstat 21 · open 2 · read 2 · readFile 11 · readdir 5 · stat 1 · statfs 1",
  "flowstore feature claim":
    "close 21 · fdatasync 1 · fstat 7 · fsync 17 · lstat 29 · lutimes 1 · mkdir 2 · open 21 · read 7 · readFile 2 · readdir 11 · rename 1 · rmdir 2 · stat 1 · statfs 1 · unlink 2 · write 7",
  "flowstore lock":
    "close 27 · fdatasync 1 · fstat 7 · fsync 22 · lstat 44 · lutimes 1 · mkdir 4 · open 27 · read 7 · readFile 1 · readdir 13 · rename 4 · rmdir 2 · stat 1 · statfs 1 · unlink 2 · write 7",
};

test("each kind of call goes to the disk as often as the table says", async () => {
  const counted = await countOperations();
  const now = [...counted].map(([name, counts]) => [name, textOfCounts(counts)] as const);
  const changed = now
    .filter(([name, text]) => OPERATIONS[name] !== text)
    .map(([name, text]) => `${name}\n  was: ${OPERATIONS[name] ?? "not there"}\n  is:  ${text}`);
  const gone = Object.keys(OPERATIONS).filter((name) => !counted.has(name));
  const table = now.map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},`);
  assert.deepEqual(
    [changed.length, gone],
    [0, []],
    [...changed, ...gone.map((name) => `${name} is gone`), "The table:", ...table].join("\n"),
  );
});

test("one look more is seen", async () => {
  const claim = async (looks: number): Promise<number> => {
    const counts = await countInABurst(async ({ features, storage }) => {
      await features.claimAndGet(3);
      for (let look = 0; look < looks; look += 1) storage.disk.stat("flow.json");
    });
    return counts["stat"] ?? 0;
  };
  assert.equal(await claim(1), (await claim(0)) + 1);
});
