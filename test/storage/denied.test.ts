/** A store that may be read and not written, and what is told of it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { FEATURES, JOURNAL } from "#src/storage/layout.js";
import { increment, makeRoot, openStorage, valueOf } from "./support.ts";

/** A store in which one commit was made, and a disk that denies to write the journal. */
async function denied(errno: string): Promise<{ disk: Disk; allow: () => void }> {
  const inner = new MemoryDisk();
  makeRoot(inner);
  const first = openStorage(inner);
  await increment(first);
  await first.close();
  let isDenied = true;
  const disk: Disk = {
    ...wrapDisk(inner, (_operation, _path, act) => act()),
    open(path, mode) {
      if (isDenied && mode !== "read" && path.startsWith(JOURNAL))
        throw ioError("open", path, errno);
      return inner.open(path, mode);
    },
  };
  return { disk, allow: () => void (isDenied = false) };
}

describe("a journal that may not be written", () => {
  for (const errno of ["EACCES", "EPERM", "EROFS"])
    test(`is read (${errno}), refuses changes, and takes them as soon as it is allowed`, async () => {
      const { disk, allow } = await denied(errno);
      const storage = openStorage(disk);
      const value = (): Promise<unknown> =>
        storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
      assert.equal(await value(), 1);
      await assert.rejects(increment(storage), (error) => {
        assert.ok(isFlowError(error, "IO"));
        assert.equal(error.context["errno"], errno);
        assert.notEqual(error.context["outcome"], "unknown", "nothing was written");
        return true;
      });
      assert.equal(await value(), 1);
      allow();
      assert.equal(await increment(storage), 2);
      await storage.close();
    });

  test("for another reason is not taken for readable", async () => {
    const { disk } = await denied("EMFILE");
    const storage = openStorage(disk);
    await assert.rejects(increment(storage), (error) => {
      assert.ok(isFlowError(error, "IO"));
      assert.equal(error.context["errno"], "EMFILE");
      return true;
    });
    await storage.close();
  });
});

describe("a folder of the store that is none", () => {
  test("is not written into, and the error names it", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    disk.removeFolder(FEATURES);
    disk.create(FEATURES, "a file");
    const storage = openStorage(disk);
    await assert.rejects(increment(storage), (error) => {
      assert.ok(isFlowError(error, "IO"));
      assert.equal(error.context["errno"], "ENOTDIR");
      assert.equal(error.context["file"], FEATURES);
      return true;
    });
    assert.equal(disk.readText(FEATURES), "a file");
    await storage.close();
  });
});

describe("a text that no file can hold", () => {
  test("is refused as the caller's mistake, and nothing of the commit is kept", async () => {
    const disk = makeRoot(new MemoryDisk());
    const storage = openStorage(disk);
    const call = storage.commit((write) => {
      write.put(FEATURES, "whole.json", "{}\n");
      write.put(FEATURES, "half.json", '"\ud83d"\n');
    });
    await assert.rejects(call, { code: "BAD_REQUEST" });
    assert.deepEqual(disk.list(FEATURES), []);
    assert.equal(await increment(storage), 1, "and the store goes on");
    await storage.close();
  });
});
