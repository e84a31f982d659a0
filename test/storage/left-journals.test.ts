/** Files of the journal that nobody starts from: those that were replaced go, all others are kept aside. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { encodeLine, type JournalLine } from "#src/storage/journal-lines.js";
import { JOURNAL, QUARANTINE } from "#src/storage/layout.js";
import { booted } from "../crash/rebooted.ts";
import { increment, makeRoot, openStorage, valueOf } from "./support.ts";

const FIRST = "000000000000-first.jsonl";
const OTHER_FIRST = "000000000000-first2.jsonl";
const HEAD = booted("boot");
/** More than a store leaves in a journal when it closes. */
const LARGE = "x".repeat(70 * 1024);

async function write(disk: Disk, ...tags: readonly string[]): Promise<void> {
  const storage = openStorage(disk, HEAD);
  for (const tag of tags) await increment(storage, "counter.json", tag);
  await storage.close();
}

async function made(...tags: readonly string[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  makeRoot(disk);
  await write(disk, ...tags);
  return disk;
}

function bytesOf(disk: Disk, name: string): Buffer {
  const bytes = disk.read(`${JOURNAL}/${name}`);
  assert.ok(bytes, name);
  return bytes;
}

function put(disk: Disk, name: string, bytes: Buffer | string): void {
  disk.remove(`${JOURNAL}/${name}`);
  disk.create(`${JOURNAL}/${name}`, bytes);
}

/** One byte of the line that holds `text` becomes another. */
function damaged(bytes: Buffer, text: string): Buffer {
  const at = bytes.indexOf(text);
  assert.ok(at >= 0, text);
  const copy = Buffer.from(bytes);
  copy[at] = "~".charCodeAt(0);
  return copy;
}

/** What lies in the quarantine, without what says why. */
function keptAside(disk: Disk): Buffer[] {
  const names = (disk.list(QUARANTINE) ?? []).filter((name) => !name.endsWith(".why.json"));
  return names.map((name) => {
    const why = JSON.parse(disk.readText(`${QUARANTINE}/${name}.why.json`) ?? "") as object;
    assert.deepEqual(Object.keys(why), ["path", "kept", "at", "reason"]);
    return disk.read(`${QUARANTINE}/${name}`) ?? Buffer.alloc(0);
  });
}

async function valueIn(disk: Disk): Promise<unknown> {
  const storage = openStorage(disk, { ...HEAD, readOnly: true });
  const value = await storage.read((view) => valueOf(view, "counter.json"));
  await storage.close();
  return value;
}

describe("kept aside by the next write", () => {
  test("a first file whose header says nothing any more, with its commits", async () => {
    const disk = await made("one", "two");
    const bytes = damaged(bytesOf(disk, FIRST), '"epoch"');
    put(disk, FIRST, bytes);
    const before = await valueIn(disk);
    await write(disk, "three");
    assert.deepEqual(keptAside(disk), [bytes]);
    assert.notDeepEqual(await valueIn(disk), before);
    await write(disk, "four");
    assert.equal(keptAside(disk).length, 1);
  });

  test("a second file that goes on from the same commits", async () => {
    const disk = await made("one", "two");
    const shorter = bytesOf(disk, FIRST);
    await write(disk, "three");
    const longer = bytesOf(disk, FIRST);
    put(disk, OTHER_FIRST, shorter);
    await write(disk, "four");
    assert.deepEqual(keptAside(disk), [longer]);
  });

  test("a file that lacks a commit which was on the disk, when the journal goes on in another", async () => {
    const disk = await made("one", "two", "three");
    const bytes = damaged(bytesOf(disk, FIRST), "two");
    put(disk, FIRST, bytes);
    await write(disk, "four", LARGE);
    assert.deepEqual(disk.list(JOURNAL)?.includes(FIRST), false);
    const [kept, ...others] = keptAside(disk);
    assert.deepEqual(others, []);
    assert.deepEqual(kept?.subarray(0, bytes.length), bytes);
  });

  test("a file of another epoch of which a header is left", async () => {
    const disk = await made("one", "two");
    const header = bytesOf(disk, FIRST);
    const end = header.indexOf("\n", 1) + 1;
    const foreign = header.subarray(0, end);
    for (const name of disk.list(JOURNAL) ?? []) disk.remove(`${JOURNAL}/${name}`);
    await write(disk, "three");
    put(disk, "000000000001-older.jsonl", foreign);
    await write(disk, "four");
    assert.deepEqual(keptAside(disk), [foreign]);
  });
});

test("a file with a line of a newer version stays where it is", async () => {
  const disk = await made("one");
  const newer = Buffer.concat([
    bytesOf(disk, FIRST),
    encodeLine({ kind: "later", v: 1 } as unknown as JournalLine),
  ]);
  await write(disk, LARGE);
  put(disk, FIRST, newer);
  await write(disk, "two");
  assert.deepEqual(bytesOf(disk, FIRST), newer);
  assert.deepEqual(keptAside(disk), []);
});

describe("gone with the next write, and nowhere else", () => {
  async function sealed(): Promise<{ disk: MemoryDisk; old: Buffer }> {
    const disk = await made("one");
    const storage = openStorage(disk, HEAD);
    await increment(storage, "counter.json", LARGE);
    let old = Buffer.alloc(0);
    const { remove } = disk;
    disk.remove = (path) => {
      if (path === `${JOURNAL}/${FIRST}`) old = Buffer.from(bytesOf(disk, FIRST));
      return remove.call(disk, path);
    };
    await storage.close();
    disk.remove = remove;
    assert.ok(old.includes('"seal"'));
    return { disk, old };
  }

  const LEFT: Readonly<Record<string, (old: Buffer) => Buffer>> = {
    "a sealed file, whose writer was killed before he removed it": (old) => old,
    "the orphan of a seal that lost": (old) => old.subarray(0, old.indexOf("\n", 1) + 1),
    "a header that was never finished": (old) => old.subarray(0, 100),
    "a header with a hole in it": (old) => {
      const header = Buffer.from(old.subarray(0, old.indexOf("\n", 1) + 1));
      return header.fill(0, 100, 200);
    },
    zeros: () => Buffer.alloc(300),
    "an empty file": () => Buffer.alloc(0),
  };
  for (const [what, leave] of Object.entries(LEFT)) {
    test(what, async () => {
      const { disk, old } = await sealed();
      put(disk, FIRST, leave(old));
      await write(disk, "two");
      assert.equal(disk.list(JOURNAL)?.includes(FIRST), false);
      assert.deepEqual(keptAside(disk), []);
    });
  }
});
