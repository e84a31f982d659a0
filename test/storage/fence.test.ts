/** The fence: it stands until another is raised, and then everybody can tell that it does not. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { Fence } from "#src/storage/fence.js";
import { FENCE, inFolder, LOCAL, LOCAL_FOLDERS } from "#src/storage/layout.js";
import { storageOptions } from "./support.ts";

function rooted(): { disk: MemoryDisk; raise: (on?: MemoryDisk) => Fence } {
  const disk = new MemoryDisk();
  for (const folder of [LOCAL, ...LOCAL_FOLDERS]) disk.makeFolder(folder);
  const { randomName } = storageOptions(disk);
  return { disk, raise: (on = disk) => Fence.raise(on, randomName) };
}

describe("a fence", () => {
  test("stands while nobody raises another", () => {
    const { disk, raise } = rooted();
    const fence = raise();
    const path = fence.stage("text");
    assert.ok(fence.stands());
    assert.equal(fence.hasFallen, false);
    assert.equal(disk.readText(path), "text");
    assert.notEqual(fence.stage("other"), path);
    assert.equal(disk.stat(fence.trash()), null, "what is taken out goes where nothing lies");
    assert.ok(fence.stands());
  });

  test("has fallen for good when another was raised, with all that lay in it", () => {
    const { disk, raise } = rooted();
    const fence = raise();
    const path = fence.stage("text");
    const other = raise();
    assert.equal(disk.stat(path), null);
    assert.equal(fence.stands(), false);
    assert.equal(fence.hasFallen, true);
    assert.throws(() => fence.stage("more"), { code: "IO" });
    assert.ok(other.stands());
    assert.equal(disk.list(FENCE)?.length, 1, "nothing is left of the first");
    // Even if somebody gave its name to a folder again.
    disk.makeFolder(path.slice(0, path.lastIndexOf("/")));
    assert.equal(fence.stands(), false);
  });

  test("is gone when it is lowered, and files beside it are nobody's business", () => {
    const { disk, raise } = rooted();
    disk.create(inFolder(FENCE, "note.txt"), "by a person");
    disk.makeFolder(inFolder(FENCE, "fallen-before"));
    disk.create(inFolder(FENCE, "fallen-before/1"), "left by a kill");
    const fence = raise();
    const kept = fence.stage("unused");
    fence.discard([kept]);
    assert.equal(disk.stat(kept), null);
    fence.stage("more");
    fence.lower();
    assert.deepEqual(disk.list(FENCE), ["note.txt"]);
  });

  test("is raised beside a process that takes down the same one, and not where that fails", () => {
    const { disk, raise } = rooted();
    raise();
    const failing = (errno: string): MemoryDisk =>
      wrapDisk(disk, (operation, path, act) => {
        if (operation === "rename") throw ioError(operation, path, errno);
        return act();
      }) as MemoryDisk;
    assert.ok(raise(failing("ENOENT")).stands());
    assert.throws(() => raise(failing("EACCES")), { code: "IO" });
  });
});
