/** Archived segments: the same events, whatever interrupts the work and whatever is damaged. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { EVENTS, inFolder } from "#src/storage/layout.js";
import { packLines, PackedLines } from "#src/storage/packed-lines.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { answersOf, fill, plainAnswers, segmentPath } from "./log-support.ts";
import { makeRoot, openStorage } from "./support.ts";

const ALL = { olderThanMs: 0, dryRun: false };

function opened(disk: Disk, options: Partial<StorageOptions> = {}): Storage {
  return openStorage(disk, { gitHead: () => "last head", ...options });
}

/** A log in three closed segments and one that grows; the first is longer than a packed block. */
async function madeLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  makeRoot(disk);
  for (const [round, pad] of [2000, 100, 100].entries()) {
    const storage = opened(disk, { gitHead: () => `head ${round}` });
    await fill(storage, round * 100, 80, { batch: 8, pad });
    await storage.close();
  }
  const storage = opened(disk);
  await fill(storage, 900, 8);
  await storage.close();
  return disk;
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  const copyFolder = (folder: string): void => {
    for (const name of disk.list(folder) ?? []) {
      const path = inFolder(folder, name);
      if (disk.stat(path)?.isDirectory() === true) {
        copy.makeFolder(path);
        copyFolder(path);
      } else copy.create(path, disk.read(path) ?? "");
    }
  };
  copyFolder("");
  return copy;
}

async function answers(disk: Disk): Promise<Record<string, readonly string[]>> {
  const storage = opened(disk, { readOnly: true });
  const found = answersOf(storage);
  assert.deepEqual(found, plainAnswers(storage, disk));
  await storage.close();
  return found;
}

function names(disk: Disk): string[] {
  return disk.list(EVENTS) ?? [];
}

function packedNames(disk: Disk): string[] {
  return names(disk).filter((name) => name.endsWith(".gz"));
}

describe("archiving", () => {
  test("packs what is closed; every answer stays, and so do the next commits", async () => {
    const disk = await madeLog();
    const before = await answers(disk);
    const texts = new Map(names(disk).map((name) => [name, disk.readText(segmentPath(name))]));
    const storage = opened(disk);
    const dry = await storage.archive({ ...ALL, dryRun: true });
    assert.deepEqual([dry.archived.length, packedNames(disk).length], [3, 0]);
    const { archived, kept } = await storage.archive(ALL);
    assert.equal(archived.length, 3);
    assert.deepEqual(
      kept.map(({ why }) => why),
      ["it still grows"],
    );
    assert.deepEqual(answersOf(storage), before);
    await fill(storage, 950, 3);
    assert.deepEqual((await storage.reader()).count(), { total: 251, provisional: 0 });
    await storage.close();
    assert.equal(packedNames(disk).length, 3);
    for (const name of packedNames(disk)) {
      const bytes = gunzipSync(disk.read(segmentPath(name)) ?? "");
      assert.equal(bytes.toString("utf8"), texts.get(name.slice(0, -3)), "as any gunzip reads it");
    }
    assert.equal(names(disk).length, 4);
    assert.equal((await answers(disk))["all"]?.length, 251);
  });

  test("changes nothing when it is repeated, and nothing for whoever has a store open", async () => {
    const disk = await madeLog();
    const reader = opened(disk, { readOnly: true });
    const before = answersOf(reader);
    const storage = opened(disk);
    await storage.archive(ALL);
    assert.deepEqual(answersOf(reader), before, "names seen before still lead to their events");
    assert.deepEqual((await storage.archive(ALL)).archived, []);
    await storage.close();
    assert.deepEqual(answersOf(reader), before);
    await reader.close();
  });

  test("killed at any operation it loses and doubles nothing, and the next run ends it", async () => {
    const whole = await madeLog();
    const before = await answers(whole);
    let isDone = false;
    let kills = 0;
    for (let limit = 1; !isDone; limit += 1) {
      const disk = copyOf(whole);
      let count = 0;
      const dying = wrapDisk(disk, (operation, path, act, write) => {
        if (MUTATING.has(operation)) count += 1;
        if (count === limit && write !== undefined) write.first(write.length >> 1);
        if (count >= limit) throw ioError(operation, path, "EIO");
        return act();
      });
      const killed = opened(dying, {
        identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null },
      });
      await killed.archive(ALL).catch(() => undefined);
      await killed.close().catch(() => undefined);
      isDone = count < limit;
      if (!isDone) kills += 1;
      assert.deepEqual(await answers(disk), before, `killed at operation ${limit}`);
      const next = opened(disk);
      await next.archive(ALL);
      await fill(next, 990, 1);
      assert.equal((await next.reader()).count().total, 249, `after operation ${limit}`);
      await next.close();
      // A copy is a clone of its own: the segment that grew is another's, and old enough.
      assert.equal(packedNames(disk).length, 4, `after operation ${limit}`);
      assert.equal(names(disk).length, 5);
    }
    assert.ok(kills > 20, `${kills} operations`);
  });

  test("keeps a segment that holds a damaged line, and one of another clone that is young", async () => {
    const disk = await madeLog();
    const [first = "", second = ""] = names(disk);
    const text = disk.readText(segmentPath(first)) ?? "";
    disk.remove(segmentPath(first));
    disk.create(segmentPath(first), text.replace('"n":3', '"n":4'));
    const lines = (disk.readText(segmentPath(second)) ?? "").split("\n");
    const theirs = await madeLog();
    const [, , , young = ""] = names(theirs);
    disk.create(segmentPath(young), theirs.read(segmentPath(young)) ?? "");
    const storage = opened(disk);
    await fill(storage, 960, 1);
    const { archived, kept } = await storage.archive({ olderThanMs: 60_000, dryRun: false });
    assert.deepEqual([archived.length, kept.length], [2, 3]);
    assert.deepEqual(
      new Set(kept.map(({ why }) => why.split(":")[0])),
      new Set([
        "it holds lines that do not count",
        "it still grows",
        "another clone may still write it",
      ]),
    );
    await storage.close();
    assert.ok(lines.length > 10);
  });

  test("the plain file counts where both are there", async () => {
    const disk = await madeLog();
    const [first = ""] = names(disk);
    const before = await answers(disk);
    disk.create(`${segmentPath(first)}.gz`, packLines(Buffer.from("another text\n")));
    assert.deepEqual(await answers(disk), before);
  });
});

describe("a damaged archive", () => {
  /** The first segment archived, with one byte changed. */
  async function damagedAt(share: number): Promise<{ disk: MemoryDisk; lines: number }> {
    const disk = await madeLog();
    const [first = ""] = names(disk);
    const bytes = disk.read(segmentPath(first)) ?? Buffer.alloc(0);
    const packed = packLines(bytes);
    const at = Math.floor(packed.length * share);
    packed[at] = (packed[at] ?? 0) ^ 0x40;
    disk.remove(segmentPath(first));
    disk.create(`${segmentPath(first)}.gz`, packed);
    return { disk, lines: bytes.toString("utf8").split("\n").length - 1 };
  }

  for (const share of [0, 0.02, 0.3, 0.5, 0.77, 0.98]) {
    test(`at ${share} of it: each lost line is named, every other event is read`, async () => {
      const { disk, lines } = await damagedAt(share);
      const storage = opened(disk, { readOnly: true });
      const reader = await storage.reader();
      const { damage } = reader.faults();
      const [first = ""] = names(disk).map((name) => name.replace(/\.gz$/, ""));
      const events = [...reader.scan()].flat();
      const numbers = events.map(({ sequence }) => sequence);
      assert.deepEqual(numbers, [...new Set(numbers)]);
      const lost = damage.filter(({ segment }) => segment === first);
      const read = events.filter(({ segment }) => segment === first);
      // The header is the first line; a batch counts as a whole.
      const header = lost.some(({ line }) => line === 1) ? 0 : 1;
      assert.equal(read.length + lost.length + header, lines);
      assert.ok(read.length >= lines - 60, `${read.length} of ${lines} lines are read`);
      assert.equal(events.length - read.length, 168, "the other segments' events");
      assert.equal(new Set(lost.map(({ line }) => line)).size, lost.length);
      await storage.close();
    });
  }

  test("cut: what is before the cut is read, and the cut is named", async () => {
    const disk = await madeLog();
    const [first = ""] = names(disk);
    const packed = packLines(disk.read(segmentPath(first)) ?? Buffer.alloc(0));
    for (const length of [0, 20, packed.length >> 1, packed.length - 3]) {
      const path = `${segmentPath(first)}.gz`;
      disk.remove(segmentPath(first));
      disk.remove(path);
      disk.create(path, packed.subarray(0, length));
      const storage = opened(disk, { readOnly: true });
      const reader = await storage.reader();
      const told = reader.faults().damage.filter(({ segment }) => segment === first);
      assert.match(told.at(-1)?.why ?? "", /cut/, `${length} bytes`);
      assert.ok([...reader.scan()].flat().length >= 168);
      await storage.close();
    }
  });

  test("has the places of lines behind the damage", () => {
    const text = Buffer.from(
      Array.from({ length: 9000 }, (_, n) => `line ${n} ${"-".repeat(n % 50)}\n`).join(""),
    );
    const packed = packLines(text);
    const whole = new PackedLines(packed);
    assert.deepEqual(whole.read(0, whole.size), text);
    packed[100] = (packed[100] ?? 0) ^ 1;
    const damaged = new PackedLines(packed).read(0, text.length);
    assert.equal(damaged.length, text.length);
    assert.equal(damaged.toString("latin1").split("\n").length, 9001);
    assert.ok(damaged.subarray(60 * 1024).equals(text.subarray(60 * 1024)));
  });
});
