/** What every disk promises, whatever it is made of. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Disk, Handle } from "#src/disk/disk.js";
import { isFlowError } from "#src/errors.js";

/** Expects an `IO` error of that shape: operation, file and errno, and no path from outside. */
export function failsWith(
  errno: string,
  operation: string,
  file: string,
  act: () => unknown,
): void {
  assert.throws(act, (error) => {
    assert.ok(isFlowError(error, "IO"), `not an IO error: ${error}`);
    const { operation: toldOperation, file: toldFile, errno: toldErrno } = error.context;
    assert.deepEqual([toldErrno, toldOperation, toldFile], [errno, operation, file]);
    assert.match(error.message, new RegExp(`^Cannot .*\\(${errno}\\)`));
    assert.doesNotMatch(error.message, /(^|\s)\//, "a message names no absolute path");
    return true;
  });
}

function opened(disk: Disk, path: string, mode: "read" | "append" | "write"): Handle {
  const handle = disk.open(path, mode);
  assert.ok(handle, `${path} can be opened`);
  return handle;
}

function textOf(handle: Handle): string {
  const buffer = Buffer.alloc(handle.stat().size);
  assert.equal(handle.read(buffer, 0, buffer.length, 0), buffer.length);
  return buffer.toString("utf8");
}

/** Runs the suite; `make` gives a new, empty disk. */
export function diskContract(name: string, make: () => Disk): void {
  describe(`${name}: the port's contract`, () => {
    it("tells absence by null and false, without an error", () => {
      const disk = make();
      disk.create("file", "x");
      for (const path of ["none", "none/deeper", "file/below"]) {
        assert.equal(disk.read(path), null);
        assert.equal(disk.readText(path), null);
        assert.equal(disk.stat(path), null);
        assert.equal(disk.list(path), null);
        assert.equal(disk.open(path, "read"), null);
        assert.equal(disk.open(path, "append"), null);
        assert.equal(disk.open(path, "write"), null);
        assert.equal(disk.remove(path), false);
        assert.equal(disk.removeFolder(path), false);
        assert.equal(disk.syncFile(path), false);
        assert.equal(disk.syncFolder(path), false);
        assert.equal(disk.stat("none"), null, "and opening makes nothing");
      }
      assert.equal(disk.list("file"), null, "a file is no folder");
      assert.equal(disk.removeFolder("file"), false);
      assert.equal(disk.syncFolder("file"), false);
    });

    it("creates a file once, whole", () => {
      const disk = make();
      disk.create("a.json", "täxt");
      disk.create("b", Buffer.from([0, 255]));
      assert.equal(disk.readText("a.json"), "täxt");
      assert.deepEqual(disk.read("b"), Buffer.from([0, 255]));
      failsWith("EEXIST", "create", "a.json", () => disk.create("a.json", "y"));
      failsWith("ENOENT", "create", "none/a", () => disk.create("none/a", "y"));
      failsWith("ENOTDIR", "create", "b/a", () => disk.create("b/a", "y"));
      assert.equal(disk.readText("a.json"), "täxt");
    });

    it("makes, lists and removes folders", () => {
      const disk = make();
      assert.deepEqual(disk.list(""), []);
      assert.equal(disk.makeFolder("f"), true);
      assert.equal(disk.makeFolder("f"), false);
      failsWith("ENOENT", "makeFolder", "none/f", () => disk.makeFolder("none/f"));
      for (const file of ["f/b", "f/B", "f/é", "f/a", "f/10", "f/9"]) disk.create(file, "");
      failsWith("EEXIST", "makeFolder", "f/a", () => disk.makeFolder("f/a"));
      assert.deepEqual(disk.list("f"), ["10", "9", "B", "a", "b", "é"]);
      assert.equal(disk.removeFolder("f"), false, "it is not empty");
      for (const file of disk.list("f") ?? []) assert.equal(disk.remove(`f/${file}`), true);
      assert.equal(disk.removeFolder("f"), true);
      assert.equal(disk.removeFolder("f"), false);
      assert.deepEqual(disk.list(""), []);
    });

    it("refuses a folder where a file is meant", () => {
      const disk = make();
      disk.makeFolder("f");
      failsWith("EISDIR", "read", "f", () => disk.read("f"));
      failsWith("EISDIR", "readText", "f", () => disk.readText("f"));
      failsWith("EISDIR", "open", "f", () => disk.open("f", "append"));
      failsWith("EEXIST", "create", "f", () => disk.create("f", ""));
      failsWith("EISDIR", "remove", "f", () => disk.remove("f"));
      failsWith("EPERM", "link", "f", () => disk.link("f", "g"));
      failsWith("EISDIR", "pread", "f", () =>
        opened(disk, "f", "read").read(Buffer.alloc(1), 0, 1, 0),
      );
    });

    it("tells facts that a cache can rest on", () => {
      const disk = make();
      disk.makeFolder("f");
      disk.create("f/a", "12345");
      const folder = disk.stat("f");
      const file = disk.stat("f/a");
      assert.ok(folder && file);
      assert.deepEqual(
        [
          folder.isDirectory(),
          folder.isFile(),
          file.isDirectory(),
          file.isFile(),
          file.isSymbolicLink(),
        ],
        [true, false, false, true, false],
      );
      assert.deepEqual([file.size, file.nlink, file.dev], [5, 1, folder.dev]);
      assert.notEqual(file.ino, folder.ino);
      assert.equal(disk.stat("")?.isDirectory(), true);
      disk.touch("f/a", 1_700_000_000_500);
      assert.equal(Math.round(disk.stat("f/a")?.mtimeMs ?? 0), 1_700_000_000_500);
      failsWith("ENOENT", "touch", "none", () => disk.touch("none", 0));
    });

    it("renames over a file, and moves folders with what is in them", () => {
      const disk = make();
      disk.makeFolder("f");
      disk.makeFolder("g");
      disk.create("f/a", "new");
      disk.create("g/b", "old");
      const { ino } = disk.stat("f/a") ?? {};
      disk.rename("f/a", "g/b");
      assert.equal(disk.readText("g/b"), "new");
      assert.equal(disk.stat("g/b")?.ino, ino);
      assert.equal(disk.stat("f/a"), null);
      failsWith("ENOENT", "rename", "f/a", () => disk.rename("f/a", "g/b"));
      failsWith("ENOENT", "rename", "g/b", () => disk.rename("g/b", "none/b"));
      disk.rename("g", "f/g");
      assert.equal(disk.readText("f/g/b"), "new");
      disk.makeFolder("h");
      failsWith("ENOTEMPTY", "rename", "h", () => disk.rename("h", "f"));
      failsWith("EINVAL", "rename", "f", () => disk.rename("f", "f/g/f"));
      disk.create("file", "");
      failsWith("EISDIR", "rename", "file", () => disk.rename("file", "h"));
      failsWith("ENOTDIR", "rename", "h", () => disk.rename("h", "file"));
    });

    it("gives a file a second name", () => {
      const disk = make();
      disk.create("a", "1");
      assert.equal(disk.link("a", "b"), true);
      assert.equal(disk.link("a", "b"), false);
      assert.deepEqual([disk.stat("a")?.nlink, disk.stat("b")?.nlink], [2, 2]);
      assert.equal(disk.stat("a")?.ino, disk.stat("b")?.ino);
      disk.rename("a", "b");
      assert.deepEqual(
        disk.list(""),
        ["a", "b"],
        "POSIX: a rename to another name of it does nothing",
      );
      assert.equal(disk.remove("a"), true);
      assert.deepEqual([disk.readText("b"), disk.stat("b")?.nlink], ["1", 1]);
      failsWith("ENOENT", "link", "none", () => disk.link("none", "c"));
      failsWith("ENOENT", "link", "b", () => disk.link("b", "none/c"));
    });

    it("appends at the end, whoever wrote before", () => {
      const disk = make();
      disk.create("log", "1\n");
      const one = opened(disk, "log", "append");
      const other = opened(disk, "log", "append");
      one.write(Buffer.from("2\n"));
      other.write(Buffer.from("3\n"), 0);
      one.write(Buffer.from("4\n"));
      one.sync();
      assert.equal(textOf(other), "1\n2\n3\n4\n");
      assert.equal(disk.readText("log"), "1\n2\n3\n4\n");
      assert.equal(one.read(Buffer.alloc(4), 0, 4, 8), 0, "nothing after the end");
      const buffer = Buffer.from("....");
      assert.equal(one.read(buffer, 1, 3, 6), 2);
      assert.equal(buffer.toString(), ".4\n.");
      for (const handle of [one, other]) handle.close();
    });

    it("writes anywhere, a gap being zeros", () => {
      const disk = make();
      disk.create("a", "abc");
      const handle = opened(disk, "a", "write");
      handle.write(Buffer.from("X"), 1);
      handle.write(Buffer.from("Y"), 5);
      assert.deepEqual(disk.read("a"), Buffer.from("aXc\0\0Y"));
      assert.throws(() => handle.write(Buffer.from("Z")), { code: "INTERNAL" });
      handle.close();
    });

    it("lets an open file be the same file when its name is gone or given away", () => {
      const disk = make();
      disk.create("a", "1");
      disk.create("b", "2");
      const first = opened(disk, "a", "append");
      const second = opened(disk, "b", "append");
      disk.rename("b", "a");
      disk.remove("a");
      disk.create("a", "3");
      first.write(Buffer.from("!"));
      second.write(Buffer.from("?"));
      assert.deepEqual([textOf(first), textOf(second), disk.readText("a")], ["1!", "2?", "3"]);
      assert.deepEqual([first.stat().nlink, second.stat().nlink], [0, 0]);
      assert.equal(first.path, "a");
      for (const handle of [first, second]) handle.close();
    });

    it("refuses what an open file may not do, and anything once it is closed", () => {
      const disk = make();
      disk.create("a", "1");
      const handle = opened(disk, "a", "read");
      failsWith("EBADF", "write", "a", () => handle.write(Buffer.from("2")));
      handle.close();
      handle.close();
      failsWith("EBADF", "pread", "a", () => handle.read(Buffer.alloc(1), 0, 1, 0));
      failsWith("EBADF", "fstat", "a", () => handle.stat());
      failsWith("EBADF", "sync", "a", () => handle.sync());
      assert.equal(disk.readText("a"), "1");
    });

    it("calls bytes that are not UTF-8 CORRUPT, and U+FFFD itself a letter", () => {
      const disk = make();
      disk.create("bad", Buffer.from([0x7b, 0xff, 0x7d]));
      disk.create("good", "a\uFFFDb");
      disk.create("bom", "\uFEFF{}");
      assert.throws(
        () => disk.readText("bad"),
        (error) => isFlowError(error, "CORRUPT") && error.context["file"] === "bad",
      );
      assert.equal(disk.readText("good"), "a\uFFFDb");
      assert.equal(disk.readText("bom"), "\uFEFF{}");
      assert.deepEqual(disk.read("bad"), Buffer.from([0x7b, 0xff, 0x7d]));
    });

    it("lets no path out of the root", () => {
      const disk = make();
      for (const path of ["..", "../x", "a/../../x", "a/..", "/etc/passwd", "a\0b"]) {
        const internal = { name: "FlowError", code: "INTERNAL" };
        assert.throws(() => disk.read(path), internal);
        assert.throws(() => disk.readText(path), internal);
        assert.throws(() => disk.stat(path), internal);
        assert.throws(() => disk.list(path), internal);
        assert.throws(() => disk.open(path, "read"), internal);
        assert.throws(() => disk.create(path, ""), internal);
        assert.throws(() => disk.remove(path), internal);
        assert.throws(() => disk.makeFolder(path), internal);
        assert.throws(() => disk.removeFolder(path), internal);
        assert.throws(() => disk.touch(path, 0), internal);
        assert.throws(() => disk.syncFile(path), internal);
        assert.throws(() => disk.syncFolder(path), internal);
        disk.create("x", "");
        assert.throws(() => disk.rename("x", path), internal);
        assert.throws(() => disk.link("x", path), internal);
        assert.throws(() => disk.rename(path, "y"), internal);
        assert.throws(() => disk.link(path, "y"), internal);
        disk.remove("x");
      }
      disk.create("a..b", "dots inside a name");
      assert.equal(disk.readText("a..b"), "dots inside a name");
    });

    it("syncs what is there", () => {
      const disk = make();
      disk.makeFolder("f");
      disk.create("f/a", "1");
      assert.deepEqual(
        [disk.syncFile("f/a"), disk.syncFolder("f"), disk.syncFolder("")],
        [true, true, true],
      );
    });
  });
}
