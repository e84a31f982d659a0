import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CRASH_VARIANTS } from "#src/disk/durability.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";

/** A disk on which all that `prepare` does lasts. */
function lasting(prepare: (disk: MemoryDisk) => void): MemoryDisk {
  const disk = new MemoryDisk();
  prepare(disk);
  return disk.crash("all");
}

/** Every outcome of a power cut now, as `path=text …` with `_` for a zero byte. */
function outcomes(
  disk: MemoryDisk,
  options: { from?: number; evilRenames?: boolean } = {},
): string[] {
  const states = disk.crashStates({ from: disk.operations, randoms: 200, ...options });
  const texts = [...states].map(({ disk: left }) =>
    [...left.snapshotTree()]
      .map(([path, text]) => `${path}=${text.replaceAll("\0", "_")}`)
      .join(" "),
  );
  return [...new Set(texts)].sort();
}

function append(disk: MemoryDisk, path: string, text: string, sync = false): void {
  const handle = disk.open(path, "append");
  assert.ok(handle);
  handle.write(Buffer.from(text));
  if (sync) handle.sync();
  handle.close();
}

describe("a power cut on the memory disk", () => {
  it("takes a new file unless both its data and its name were synced", () => {
    const disk = new MemoryDisk();
    disk.create("a", "xy");
    assert.deepEqual(outcomes(disk), ["", "a=", "a=__", "a=x", "a=xy"]);
    disk.syncFile("a");
    assert.deepEqual(outcomes(disk), ["", "a=xy"], "a synced file does not bring its name");
    disk.syncFolder("");
    assert.deepEqual(outcomes(disk), ["a=xy"]);
  });

  it("takes what a failed sync was to save, whatever is synced later", () => {
    const disk = new MemoryDisk();
    disk.create("a", "x");
    disk.syncFile("a");
    disk.syncFolder("");
    append(disk, "a", "y", false);
    disk.loseUnsynced("a");
    assert.equal(disk.readText("a"), "xy", "whoever reads it sees no difference");
    append(disk, "a", "z", true);
    assert.deepEqual(outcomes(disk), ["a=x_z"]);
  });

  it("leaves a name without data when only the folder was synced", () => {
    const disk = new MemoryDisk();
    disk.create("a", "xy");
    disk.syncFolder("");
    assert.deepEqual(outcomes(disk), ["a=", "a=__", "a=x", "a=xy"]);
  });

  it("takes a new folder with all that was synced in it", () => {
    const disk = new MemoryDisk();
    disk.makeFolder("f");
    disk.create("f/a", "x");
    disk.syncFile("f/a");
    disk.syncFolder("f");
    assert.deepEqual(outcomes(disk), ["", "f/a=x"]);
    assert.equal(disk.crash("nothing").stat("f"), null);
    disk.syncFolder("");
    assert.deepEqual(outcomes(disk), ["f/a=x"]);
  });

  it("renames within a folder wholly or not at all", () => {
    const disk = lasting((before) => {
      before.create("a", "old");
      before.create("tmp", "new");
    });
    disk.rename("tmp", "a");
    assert.deepEqual(outcomes(disk), ["a=new", "a=old tmp=new"]);
    disk.syncFolder("");
    assert.deepEqual(outcomes(disk), ["a=new"]);
  });

  it("moves between folders without losing the file, but perhaps leaves both names", () => {
    const moved = (): MemoryDisk => {
      const disk = lasting((before) => {
        for (const folder of ["f", "g"]) before.makeFolder(folder);
        before.create("f/new", "new");
        before.create("g/a", "old");
      });
      disk.rename("f/new", "g/a");
      return disk;
    };
    assert.deepEqual(outcomes(moved()), ["f/new=new g/a=new", "f/new=new g/a=old", "g/a=new"]);
    const intoSynced = moved();
    intoSynced.syncFolder("g");
    assert.deepEqual(outcomes(intoSynced), ["f/new=new g/a=new", "g/a=new"]);
    const fromSynced = moved();
    fromSynced.syncFolder("f");
    assert.deepEqual(outcomes(fromSynced), ["g/a=new"], "the removal brings the addition");
    const overNew = lasting((before) => {
      for (const folder of ["f", "g"]) before.makeFolder(folder);
      before.create("f/new", "new");
    });
    overNew.create("g/a", "older");
    overNew.rename("f/new", "g/a");
    overNew.syncFolder("f");
    assert.deepEqual(outcomes(overNew), ["g/a=new"], "and what came before it is over");
    const evil = moved();
    evil.syncFolder("f");
    assert.deepEqual(outcomes(evil, { evilRenames: true }), ["g/a=new", "g/a=old"]);
  });

  it("has a moved folder in one place only", () => {
    const disk = lasting((before) => {
      for (const folder of ["f", "g", "f/x"]) before.makeFolder(folder);
      before.create("f/x/a", "1");
    });
    disk.rename("f/x", "g/x");
    assert.deepEqual(outcomes(disk), ["f/x/a=1", "g/x/a=1"]);
    disk.syncFolder("g");
    assert.deepEqual(outcomes(disk), ["g/x/a=1"]);
  });

  it("brings back what was removed", () => {
    const disk = lasting((before) => before.create("a", "1"));
    disk.remove("a");
    assert.deepEqual(outcomes(disk), ["", "a=1"]);
    disk.create("a", "2");
    disk.syncFile("a");
    assert.deepEqual(outcomes(disk), ["", "a=1", "a=2"]);
    disk.syncFolder("");
    assert.deepEqual(outcomes(disk), ["a=2"]);
  });

  it("cuts, zeroes or drops what was appended and not synced", () => {
    const disk = lasting((before) => before.create("log", "1"));
    append(disk, "log", "23");
    assert.deepEqual(outcomes(disk), ["log=1", "log=12", "log=123", "log=1__"]);
    append(disk, "log", "45");
    const after = outcomes(disk);
    for (const text of ["1", "1____", "12_4", "123", "1234", "1__45", "12345"]) {
      assert.ok(after.includes(`log=${text}`), `log=${JSON.stringify(text)} may be left`);
    }
    append(disk, "log", "6", true);
    assert.deepEqual(outcomes(disk), ["log=123456"], "one sync is for all of the file");
  });

  it("loses one link of a file and keeps the other", () => {
    const disk = lasting((before) => before.create("a", "1"));
    disk.makeFolder("f");
    disk.link("a", "f/b");
    disk.remove("a");
    disk.syncFolder("f");
    const left = disk.crash("nothing");
    assert.deepEqual([...left.snapshotTree()], [["a", "1"]], "f itself was never synced");
    assert.equal(left.stat("a")?.nlink, 1);
  });

  it("keeps inode numbers and times, and gives the disk another dev", () => {
    let now = 1000;
    const disk = new MemoryDisk({ now: () => now });
    disk.makeFolder("local");
    now = 2000;
    disk.create("local/a", "1");
    now = 3000;
    disk.syncFile("local/a");
    for (const folder of ["", "local"]) disk.syncFolder(folder);
    const left = disk.crash("nothing");
    for (const path of ["", "local", "local/a"]) {
      const before = disk.stat(path);
      const after = left.stat(path);
      assert.ok(before && after);
      assert.deepEqual(
        [after.ino, after.size, after.mtimeMs],
        [before.ino, before.size, before.mtimeMs],
      );
      assert.notEqual(after.dev, before.dev);
    }
    assert.equal(left.stat("local/a")?.mtimeMs, 2000);
    left.create("new", "");
    const inodes = ["", "local", "local/a", "new"].map((path) => left.stat(path)?.ino);
    assert.equal(new Set(inodes).size, 4, "a new file takes no number that is in use");
  });

  it("can be looked at after any operation, and changes nothing on the disk itself", () => {
    const disk = new MemoryDisk();
    disk.create("a", "1");
    disk.syncFile("a");
    disk.syncFolder("");
    append(disk, "a", "2", true);
    assert.equal(disk.operations, 5);
    const texts = [0, 1, 2, 3, 4, 5].map((at) => disk.crash("nothing", { at }).readText("a"));
    assert.deepEqual(texts, [null, null, null, "1", "1", "12"]);
    const copy = disk.crash("all");
    append(copy, "a", "3");
    assert.deepEqual([disk.readText("a"), copy.readText("a")], ["12", "123"]);
    assert.deepEqual(outcomes(disk), ["a=12"]);
    assert.equal(copy.crash("nothing").readText("a"), "12", "a crashed disk can crash again");
  });

  it("shares no bytes between a disk, its crashes and its callers", () => {
    const disk = lasting((before) => before.create("a", "abc"));
    const overwrite = (on: MemoryDisk, text: string): void => {
      const handle = on.open("a", "write");
      assert.ok(handle);
      const buffer = Buffer.from(text);
      handle.write(buffer, 0);
      buffer.fill("?");
      disk.read("a")?.fill("!");
    };
    const copy = disk.crash("all");
    overwrite(disk, "X");
    overwrite(copy, "Y");
    assert.deepEqual([disk.readText("a"), copy.readText("a")], ["Xbc", "Ybc"]);
    assert.deepEqual(outcomes(disk), ["a=Xbc", "a=abc"], "no zeros where there was something");
    const half = disk.crash("all");
    overwrite(disk, "Z");
    assert.deepEqual([disk.readText("a"), half.readText("a")], ["Zbc", "Xbc"]);
    disk.syncFile("a");
    overwrite(disk, "W");
    disk.syncFile("a");
    const states = [...disk.crashStates()].filter(({ variant }) => variant === "nothing");
    const texts = states.map((state) => state.disk.readText("a"));
    assert.deepEqual(texts, ["abc", "abc", "abc", "Zbc", "Zbc", "Wbc"]);
  });

  it("names a variant only where its outcome differs", () => {
    const disk = new MemoryDisk();
    disk.create("a", "1");
    disk.syncFolder("");
    disk.syncFile("a");
    const seen = [...disk.crashStates()].map(({ at, variant }) => `${at} ${variant}`);
    assert.deepEqual(seen, [
      "0 nothing",
      ...CRASH_VARIANTS.map((variant) => `1 ${variant}`),
      ...["nothing", "all", "zeros", "half", "random"].map((variant) => `2 ${variant}`),
      "3 nothing",
    ]);
    const again = (): string[] =>
      [...disk.crashStates({ seed: 7, randoms: 9 })].map(({ disk: left }) =>
        JSON.stringify([...left.snapshotTree()]),
      );
    assert.deepEqual(again(), again(), "the same seed, the same states");
  });

  // The classic way to replace a file: with all its syncs it is safe, and each sync is needed.
  const replace = ["create tmp", "syncFile tmp", "rename", "syncFolder"];
  for (const missing of [null, "syncFile tmp", "syncFolder"]) {
    it(`a replaced file is ${missing === null ? "old or new" : `not safe without ${missing}`}`, () => {
      const disk = lasting((before) => before.create("a", "old"));
      for (const name of replace.filter((each) => each !== missing)) {
        if (name === "create tmp") disk.create("tmp", "new");
        else if (name === "syncFile tmp") disk.syncFile("tmp");
        else if (name === "rename") disk.rename("tmp", "a");
        else disk.syncFolder("");
      }
      const during = [...disk.crashStates()].map(({ disk: left }) => left.readText("a") ?? "gone");
      const acknowledged = [...disk.crashStates({ from: disk.operations })];
      const torn = during.filter((text) => text !== "old" && text !== "new");
      const lost = acknowledged.filter(({ disk: left }) => left.readText("a") !== "new");
      assert.equal(torn.length > 0, missing === "syncFile tmp");
      assert.equal(lost.length > 0, missing !== null);
    });
  }
});

describe("the memory disk's hook", () => {
  it("is called before every operation, may act, and may throw", () => {
    const disk = new MemoryDisk();
    disk.create("log", "");
    const handle = disk.open("log", "append");
    assert.ok(handle);
    const heard: string[] = [];
    disk.onOperation = (name, path) => {
      heard.push(`${name} ${path}`);
      if (name === "write") disk.create("between", "");
      if (name === "remove") throw new Error("killed");
    };
    handle.write(Buffer.from("1"));
    handle.sync();
    assert.throws(() => disk.remove("log"), /killed/);
    assert.equal(disk.readText("log"), "1");
    assert.deepEqual(heard, ["write log", "sync log", "remove log"]);
    disk.hookReads = true;
    assert.deepEqual(disk.list(""), ["between", "log"]);
    handle.stat();
    assert.deepEqual(heard.slice(3), ["list ", "fstat log"]);
  });

  it("sees the disk as it is before the operation looks at it", () => {
    const disk = new MemoryDisk();
    disk.create("tmp", "1");
    disk.onOperation = (name) => {
      if (name === "rename") disk.remove("tmp");
    };
    assert.throws(() => disk.rename("tmp", "a"), { code: "IO" });
  });
});

describe("the memory disk's clock", () => {
  it("marks files and folders as a file system does", () => {
    let now = 0;
    const disk = new MemoryDisk({ now: () => now });
    const times = (path: string): unknown => {
      const found = disk.stat(path);
      return found && [found.mtimeMs, found.ctimeMs];
    };
    now = 10;
    disk.makeFolder("f");
    now = 20;
    disk.create("f/a", "1");
    assert.deepEqual(
      [times("f"), times("f/a")],
      [
        [20, 20],
        [20, 20],
      ],
    );
    now = 30;
    append(disk, "f/a", "2");
    assert.deepEqual(
      [times("f"), times("f/a")],
      [
        [20, 20],
        [30, 30],
      ],
    );
    now = 40;
    disk.rename("f/a", "f/b");
    assert.deepEqual(
      [times("f"), times("f/b")],
      [
        [40, 40],
        [30, 40],
      ],
    );
    now = 50;
    disk.touch("f/b", 5);
    assert.deepEqual(
      [times("f"), times("f/b")],
      [
        [40, 40],
        [5, 50],
      ],
    );
    now = 60;
    disk.link("f/b", "c");
    assert.deepEqual(
      [times(""), times("f"), times("c")],
      [
        [60, 60],
        [40, 40],
        [5, 60],
      ],
    );
  });
});
