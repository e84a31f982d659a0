/** A look of a transaction that fails: whether anything changed cannot be told, so it is `IO`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { increment, makeRoot, openStorage, valueOf } from "./support.ts";

test("one that the body went on without ends it with IO, and the next one works", async () => {
  const disk = makeRoot(new MemoryDisk());
  const before = openStorage(disk);
  await increment(before);
  await before.close();
  let failures = 1;
  const failing = wrapDisk(disk, (operation, path, act) => {
    if (operation !== "readText" || path !== "features/counter.json" || failures === 0)
      return act();
    failures -= 1;
    throw ioError(operation, path, "EIO");
  });
  const storage = openStorage(failing);
  const act = async (): Promise<number> =>
    storage.transaction(async () => {
      await storage.commit((write) => void write.get("features", "counter.json"));
      return increment(storage, "other.json");
    }, 5000);
  await assert.rejects(act, (error) => isFlowError(error, "IO"));
  assert.equal(failures, 0);
  assert.equal(await storage.read((view) => valueOf(view, "other.json")), null);
  assert.equal(await act(), 1);
  await storage.close();
});
