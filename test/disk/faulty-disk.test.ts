import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { countingDisk } from "#src/disk/counting-disk.js";
import { faultyDisk } from "#src/disk/faulty-disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { isFlowError } from "#src/errors.js";
import { failsWith } from "./disk-contract.ts";
import { tempFolder } from "./temp-folder.ts";

/** Eleven operations that change or sync, one of each kind. */
function everyOperation(disk: Disk): void {
  disk.makeFolder("f");
  disk.create("f/a", "1");
  disk.link("f/a", "f/b");
  disk.rename("f/b", "f/c");
  disk.touch("f/c", 1000);
  const handle = disk.open("f/a", "append");
  assert.ok(handle);
  try {
    handle.write(Buffer.from("2345"));
    handle.sync();
  } finally {
    handle.close();
  }
  disk.syncFile("f/a");
  disk.syncFolder("f");
  disk.remove("f/c");
  disk.removeFolder("f");
}
const OPERATIONS = 11;

describe("faulty disk", () => {
  for (const errno of ["ENOSPC", "EIO", "EMFILE", "EACCES", "EROFS"]) {
    it(`fails each operation in its turn with ${errno}, once, and does nothing then`, () => {
      for (let at = 1; at <= OPERATIONS; at++) {
        const memory = new MemoryDisk();
        const disk = faultyDisk(memory, { at, errno });
        let failed = "";
        let before = 0;
        const watched = faultyDisk(disk, {
          before: (operation) => {
            failed = operation;
            before = memory.operations;
          },
        });
        assert.throws(
          () => everyOperation(watched),
          (error) =>
            isFlowError(error, "IO") &&
            error.context["errno"] === errno &&
            error.context["operation"] === failed,
        );
        assert.deepEqual([before, memory.operations], [at - 1, at - 1]);
        memory.create("after", "");
        disk.remove("after");
        assert.equal(memory.stat("after"), null, "the next one works");
      }
    });
  }

  it("fails for ever, and only what matches", () => {
    const disk = faultyDisk(new MemoryDisk(), { at: 2, forever: true, path: /\.json$/g });
    disk.create("1.json", "");
    for (const path of ["2.json", "3.json", "4.json"]) {
      failsWith("EIO", "create", path, () => disk.create(path, ""));
      disk.create(`${path}.txt`, "");
    }
    const blind = faultyDisk(disk, { at: 1, errno: "EMFILE", operations: ["open", "pread"] });
    failsWith("EMFILE", "open", "1.json", () => blind.open("1.json", "read"));
    assert.ok(blind.open("1.json", "read"));
  });

  it("tears a write, which then says how much is there", () => {
    for (const [short, left] of [
      [1, "01"],
      ["half", "012"],
      [0, "0"],
      [99, "01234"],
    ] as const) {
      const memory = new MemoryDisk();
      memory.create("log", "0");
      const handle = faultyDisk(memory, { at: 1, short }).open("log", "append");
      assert.ok(handle);
      assert.throws(
        () => handle.write(Buffer.from("1234")),
        (error) =>
          isFlowError(error, "IO") &&
          error.context["errno"] === "ENOSPC" &&
          error.context["written"] === left.length - 1,
      );
      assert.equal(memory.readText("log"), left);
      handle.write(Buffer.from("5"));
      assert.equal(memory.readText("log"), `${left}5`);
    }
  });

  it("has no torn file after a create that failed", () => {
    const disk = faultyDisk(nodeDisk(tempFolder()), { at: 1, short: 2 });
    failsWith("ENOSPC", "create", "a", () => disk.create("a", "1234"));
    assert.equal(disk.stat("a"), null);
    disk.create("a", "1234");
  });

  it("calls back before each operation, which may be the end of the process", () => {
    const heard: string[] = [];
    everyOperation(
      faultyDisk(new MemoryDisk(), {
        before: (operation, path, index) => heard.push(`${index} ${operation} ${path}`),
      }),
    );
    assert.equal(heard.length, OPERATIONS);
    assert.deepEqual(heard.slice(5, 7), ["6 write f/a", "7 sync f/a"]);
    const root = tempFolder();
    const script = `
      import { faultyDisk } from "#src/disk/faulty-disk.js";
      import { nodeDisk } from "#src/disk/node-disk.js";
      const disk = faultyDisk(nodeDisk(process.argv[1]), {
        before: (operation, path, index) => index === 2 && process.kill(process.pid, "SIGKILL"),
      });
      disk.create("a", "1");
      disk.create("b", "1");`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script, root], {
      cwd: import.meta.dirname,
    });
    assert.equal(signal, "SIGKILL");
    assert.deepEqual(nodeDisk(root).list(""), ["a"]);
  });
});

describe("counting disk", () => {
  it("counts every operation by its name, those of open files too", () => {
    const disk = countingDisk(new MemoryDisk());
    everyOperation(disk);
    disk.stat("f");
    assert.throws(() => disk.create("none/a", ""));
    assert.deepEqual(disk.counts, {
      makeFolder: 1,
      create: 2,
      link: 1,
      rename: 1,
      touch: 1,
      open: 1,
      write: 1,
      sync: 1,
      close: 1,
      syncFile: 1,
      syncFolder: 1,
      remove: 1,
      removeFolder: 1,
      stat: 1,
    });
    const { counts } = disk;
    disk.reset();
    disk.list("");
    assert.deepEqual(counts, { list: 1 });
  });
});
