import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { fileSystemOf } from "#src/disk/file-system.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { asOwner } from "../features/user.ts";
import { failsWith } from "./disk-contract.ts";
import { tempFolder } from "./temp-folder.ts";

const NO_POSIX = process.platform === "win32" ? "needs FIFOs and links" : false;

describe("node disk: what is neither a file nor a folder", { skip: NO_POSIX }, () => {
  it("does not follow a link in the last part", () => {
    const root = tempFolder();
    const disk = nodeDisk(root);
    mkdirSync(join(root, "real"));
    writeFileSync(join(root, "real/file"), "secret");
    symlinkSync("real/file", join(root, "link"));
    symlinkSync("real", join(root, "folder"));
    symlinkSync("nowhere", join(root, "dangling"));
    for (const path of ["link", "dangling"]) {
      failsWith("ELOOP", "read", path, () => disk.read(path));
      failsWith("ELOOP", "readText", path, () => disk.readText(path));
      failsWith("ELOOP", "open", path, () => disk.open(path, "read"));
      failsWith("ELOOP", "open", path, () => disk.open(path, "append"));
      failsWith("ELOOP", "open", path, () => disk.open(path, "write"));
      failsWith("ELOOP", "syncFile", path, () => disk.syncFile(path));
      failsWith("EEXIST", "create", path, () => disk.create(path, "x"));
      assert.equal(disk.stat(path)?.isSymbolicLink(), true);
    }
    failsWith("ELOOP", "list", "folder", () => disk.list("folder"));
    failsWith("ELOOP", "syncFolder", "folder", () => disk.syncFolder("folder"));
    failsWith("EEXIST", "makeFolder", "folder", () => disk.makeFolder("folder"));
    const before = disk.stat("real/file")?.mtimeMs;
    disk.touch("link", 1000);
    assert.equal(disk.stat("real/file")?.mtimeMs, before, "the time of the link itself is set");
    assert.equal(disk.remove("link"), true);
    assert.equal(disk.readText("real/file"), "secret");
  });

  it("may itself be reached through a link", () => {
    const root = tempFolder();
    mkdirSync(join(root, "real"));
    symlinkSync("real", join(root, "link"));
    const disk = nodeDisk(join(root, "link"));
    disk.create("a", "1");
    assert.deepEqual(disk.list(""), ["a"]);
    assert.equal(disk.stat("")?.isDirectory(), true);
    assert.equal(disk.syncFolder(""), true);
  });

  it("does not wait for a FIFO's writer, nor take it for an empty file", { timeout: 5000 }, () => {
    const root = tempFolder();
    execFileSync("mkfifo", [join(root, "fifo")]);
    const disk = nodeDisk(root);
    failsWith("ENXIO", "read", "fifo", () => disk.read("fifo"));
    failsWith("ENXIO", "readText", "fifo", () => disk.readText("fifo"));
    for (const mode of ["read", "append", "write"] as const) {
      const handle = disk.open("fifo", mode);
      assert.equal(handle?.stat().isFile(), false);
      handle?.close();
    }
  });

  it("says permission denied, never absent", async () => {
    const root = tempFolder();
    const disk = nodeDisk(root);
    disk.create("secret", "1");
    disk.makeFolder("closed");
    disk.create("closed/a", "1");
    chmodSync(join(root, "secret"), 0);
    chmodSync(join(root, "closed"), 0);
    await asOwner(root, () => {
      failsWith("EACCES", "read", "secret", () => disk.read("secret"));
      failsWith("EACCES", "stat", "closed/a", () => disk.stat("closed/a"));
      failsWith("EACCES", "list", "closed", () => disk.list("closed"));
      failsWith("EACCES", "create", "closed/b", () => disk.create("closed/b", ""));
      failsWith("EACCES", "remove", "closed/a", () => disk.remove("closed/a"));
    });
    chmodSync(join(root, "closed"), 0o700);
  });
});

describe("node disk: errors", () => {
  it("gives sentences, and the error underneath", () => {
    const disk = nodeDisk(tempFolder());
    disk.makeFolder("features");
    assert.throws(() => disk.read("features"), {
      message: "Cannot read features: illegal operation on a directory (EISDIR)",
      context: { operation: "read", file: "features", errno: "EISDIR" },
    });
    assert.throws(() => disk.rename("a", "b"), {
      message: "Cannot rename a to b: no such file or directory (ENOENT)",
      context: { operation: "rename", file: "a", errno: "ENOENT", to: "b" },
    });
    assert.throws(
      () => disk.create("none/a", ""),
      (error) => error instanceof Error && error.cause instanceof Error,
    );
  });

  it("names a path that is too long", () => {
    const name = "x".repeat(300);
    const disk = nodeDisk(tempFolder());
    failsWith("ENAMETOOLONG", "stat", name, () => disk.stat(name));
    failsWith("ENAMETOOLONG", "readText", name, () => disk.readText(name));
  });

  // A limit on the size of files makes the kernel write the first part only, as a full disk does.
  const limits = process.platform === "linux" ? false : "SKIPPED: needs the shell's ulimit";
  it(
    "a short write is torn and says so; a file cut short at its creation is removed",
    { skip: limits },
    () => {
      const root = tempFolder();
      const script = `
      import { nodeDisk } from "#src/disk/node-disk.js";
      const disk = nodeDisk(process.argv[1]);
      disk.create("log", "0");
      const acts = {
        write: () => disk.open("log", "append").write(Buffer.alloc(99_999, "1")),
        create: () => disk.create("big", Buffer.alloc(99_999)),
      };
      for (const act of Object.values(acts)) {
        try {
          act();
        } catch (error) {
          console.log(JSON.stringify(error.context));
        }
      }`;
      const { stdout } = spawnSync(
        "sh",
        [
          "-c",
          'ulimit -f 8; exec "$@"',
          "sh",
          process.execPath,
          "--input-type=module",
          "-e",
          script,
          root,
        ],
        { cwd: import.meta.dirname, encoding: "utf8" },
      );
      const [write, create] = stdout
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line));
      const disk = nodeDisk(root);
      const written = (disk.stat("log")?.size ?? 0) - 1;
      assert.ok(written > 0 && written < 99_999, `${written} bytes were written`);
      assert.deepEqual(write, { operation: "write", file: "log", errno: "ENOSPC", written });
      assert.deepEqual(create, { operation: "create", file: "big", errno: "EFBIG" });
      assert.deepEqual(disk.list(""), ["log"]);
    },
  );

  // Every write to it fails for want of space, after a successful open.
  const full = process.platform === "linux" ? false : "SKIPPED: needs Linux's /dev/full";
  it("a full disk is an error of the write", { skip: full }, () => {
    const disk = nodeDisk("/dev");
    const handle = disk.open("full", "write");
    assert.ok(handle);
    failsWith("ENOSPC", "write", "full", () => handle.write(Buffer.from("x"), 0));
    handle.close();
  });
});

describe("fileSystemOf", () => {
  it("names the file system of a folder", () => {
    const { shared, name } = fileSystemOf(tempFolder());
    assert.equal(typeof shared, "boolean");
    assert.match(name, /^\w+$/);
    failsWith("ENOENT", "statfs", "", () => fileSystemOf("/none/such"));
  });
});
