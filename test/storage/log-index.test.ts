/** The index of the log: every answer is that of reading all, whatever became of the index's files. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { sealLine } from "#src/storage/sealed-lines.js";
import { CACHE, EVENTS, inFolder } from "#src/storage/layout.js";
import { LogIndex } from "#src/storage/log-index.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { answersOf, fill, plainAnswers, segmentPath } from "./log-support.ts";
import { makeRoot, openStorage } from "./support.ts";

/** Segments of a few KB and file times that are old, so that everything may be indexed. */
const OPTIONS: Partial<StorageOptions> = {
  durability: "none",
  wallMs: () => Date.now() + 60_000,
};

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

function opened(disk: Disk, options: Partial<StorageOptions> = {}): Storage {
  return openStorage(disk, { ...OPTIONS, gitHead: () => "head", ...options });
}

function indexNames(disk: Disk): string[] {
  return (disk.list(CACHE) ?? []).filter((name) => name.endsWith(".index"));
}

/** A log of some MB in several segments, with an index that covers the closed ones. */
async function indexedLog(disk: MemoryDisk, rounds = 3): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    // HEAD moves: each round ends the segment before.
    const storage = opened(disk, { gitHead: () => `head ${round}` });
    await storage.reader();
    await fill(storage, round * 400, 400, { batch: 40, pad: 4000 });
    await storage.close();
  }
  assert.ok(indexNames(disk).length > 0, "an index was left");
}

function assertPlain(disk: Disk, hint = ""): void {
  const storage = opened(disk, { readOnly: true });
  const found = answersOf(storage);
  assert.deepEqual(found, plainAnswers(storage, disk), hint);
  storage.log.close();
}

function replace(disk: Disk, path: string, bytes: Buffer): void {
  disk.remove(path);
  disk.create(path, bytes);
}

describe("the index of the log", () => {
  test("answers what reading all answers, from files and without", async () => {
    const disk = rooted();
    await indexedLog(disk);
    assertPlain(disk, "with the index");
    for (const name of indexNames(disk)) disk.remove(inFolder(CACHE, name));
    assertPlain(disk, "without");
  });

  test("is asked instead of the segments it covers", async () => {
    const disk = rooted();
    await indexedLog(disk);
    let bytes = 0;
    const counting = wrapDisk(disk, (operation, path, act) => {
      const result = act();
      if (operation === "pread" && path.startsWith(EVENTS)) bytes += Number(result);
      return result;
    });
    const storage = opened(counting, { readOnly: true });
    const reader = await storage.reader();
    const before = bytes;
    assert.equal(reader.ofStream("order:7").length, 30);
    const covered = reader.index.names().length - reader.index.tails.size;
    assert.ok(covered >= 2, `${covered} segments are covered`);
    assert.ok(bytes - before < 30 * 20_000, `${bytes - before} bytes for 30 events of 4 KB`);
    await storage.close();
  });

  test("damaged anywhere changes no answer", async () => {
    const disk = rooted();
    await indexedLog(disk);
    const [name = ""] = indexNames(disk);
    const path = inFolder(CACHE, name);
    const whole = disk.read(path) ?? Buffer.alloc(0);
    const places = Array.from({ length: 9 }, (_, at) => Math.floor((whole.length * at) / 9));
    for (const at of [...places, whole.length - 1]) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x21;
      replace(disk, path, flipped);
      assertPlain(disk, `flipped at ${at}`);
      replace(disk, path, whole.subarray(0, at));
      assertPlain(disk, `cut at ${at}`);
    }
    replace(disk, path, Buffer.alloc(whole.length));
    assertPlain(disk, "zeros");
    disk.remove(path);
    disk.makeFolder(path);
    assertPlain(disk, "a folder");
  });

  test("of another clone, or exchanged, changes no answer", async () => {
    const [one, two] = [rooted(), rooted()];
    await indexedLog(one, 2);
    await indexedLog(two, 3);
    const [first = "", second = ""] = [indexNames(one)[0], indexNames(two)[0]];
    replace(one, inFolder(CACHE, first), two.read(inFolder(CACHE, second)) ?? Buffer.alloc(0));
    assertPlain(one);
  });

  test("does not speak for a segment that became another", async () => {
    const disk = rooted();
    await indexedLog(disk);
    const [name = ""] = disk.list(EVENTS) ?? [];
    const text = disk.readText(segmentPath(name)) ?? "";
    const lines = text.split("\n").slice(0, -1);
    for (const [what, changed] of [
      ["cut", lines.slice(0, 100)],
      [
        "a line of it damaged",
        lines.map((line, at) => (at === 50 ? line.replace("x", "y") : line)),
      ],
      ["whole again", lines],
    ] as const) {
      replace(disk, segmentPath(name), Buffer.from(`${changed.join("\n")}\n`));
      assertPlain(disk, what);
    }
    disk.remove(segmentPath(name));
    assertPlain(disk, "gone");
  });

  test("lies, and the line that is read says so", async () => {
    const disk = rooted();
    await indexedLog(disk);
    const [name = ""] = disk.list(EVENTS) ?? [];
    // The same length, inode and times: only the bytes tell.
    const text = disk.readText(segmentPath(name)) ?? "";
    const stat = disk.stat(segmentPath(name));
    const handle = disk.open(segmentPath(name), "write");
    const at = text.indexOf('"stream":"order:');
    handle?.write(Buffer.from("X"), Buffer.byteLength(text.slice(0, at)) + 3);
    handle?.close();
    const same = wrapDisk(disk, (operation, path, act) => {
      const result = act();
      const isIt = (operation === "stat" || operation === "fstat") && path === segmentPath(name);
      return isIt ? (stat as typeof result) : result;
    });
    const storage = opened(same, { readOnly: true });
    const reader = await storage.reader();
    const lost = JSON.parse(text.split("\n")[1] ?? "{}") as { stream: string; id: string };
    assert.ok(reader.ofStream(lost.stream).every(({ event }) => event.id !== lost.id));
    assert.ok(
      reader.faults().damage.some(({ line }) => line === 2),
      "the line is named",
    );
    await storage.close();
  });

  test("counts an event once that two segments hold", async () => {
    const disk = rooted();
    await indexedLog(disk);
    const names = disk.list(EVENTS) ?? [];
    const lines = (disk.readText(segmentPath(names[1] ?? "")) ?? "").split("\n").slice(0, -1);
    const single = lines.slice(1, 30).map((line) => {
      const { crc: _, ...event } = JSON.parse(line) as { crc: string; id: string };
      return sealLine({ ...event, txId: event.id, n: 1, of: 1 });
    });
    disk.create(segmentPath("01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl"), single.join(""));
    assertPlain(disk, "provisional twins");
    const storage = opened(disk);
    await fill(storage, 5000, 1);
    await storage.close();
    assertPlain(disk, "after a commit");
  });

  test("numbers what a merge brings by id, before and after the next commit", async () => {
    const disk = rooted();
    const theirs = rooted();
    await indexedLog(disk, 2);
    const other = opened(theirs);
    await fill(other, 9000, 120, { batch: 3 });
    await other.close();
    const third = rooted();
    const more = opened(third);
    await fill(more, 9500, 60, { batch: 3 });
    await more.close();
    for (const from of [theirs, third]) {
      for (const name of from.list(EVENTS) ?? []) {
        disk.create(segmentPath(name), from.read(segmentPath(name)) ?? "");
      }
    }
    assertPlain(disk, "provisional");
    const storage = opened(disk);
    await fill(storage, 9900, 2);
    await storage.close();
    assertPlain(disk, "numbered");
    for (const name of disk.list("local/journal") ?? []) disk.remove(`local/journal/${name}`);
    assertPlain(disk, "without a journal: all of it provisional");
  });

  test("is one look: a reader does not see what is committed after it", async () => {
    const disk = rooted();
    await indexedLog(disk);
    const storage = opened(disk);
    const reader = await storage.reader();
    const lengths = (): number[] =>
      reader.streams("order:1").map((stream) => reader.versionOf(stream));
    const before = lengths();
    const scan = reader.scan();
    const first = scan.next();
    await fill(storage, 7000, 10);
    assert.deepEqual(lengths(), before);
    let count = first.done === true ? 0 : first.value.length;
    for (const chunk of scan) count += chunk.length;
    assert.equal(count, 1200);
    assert.equal((await storage.reader()).count().total, 1210);
    await storage.close();
  });

  test("tells how long a stream is without a look at its events", async (context) => {
    const disk = rooted();
    await indexedLog(disk);
    const storage = opened(disk);
    const reader = await storage.reader();
    const [stream = ""] = reader.streams("order:1");
    const find = context.mock.method(LogIndex.prototype, "find");
    const length = reader.versionOf(stream);
    assert.equal(find.mock.callCount(), 0, "an append would cost as much as its stream is long");
    find.mock.restore();
    assert.equal(length, reader.ofStream(stream).length);
    assert.ok(length > 1);
    await storage.close();
  });

  test("is merged as it grows, and stays right", async () => {
    const disk = rooted();
    for (let round = 0; round < 12; round += 1) {
      const storage = opened(disk, { gitHead: () => `head ${round}` });
      await storage.reader();
      await fill(storage, round * 300, 300, { batch: 100, pad: 4000 });
      await storage.close();
    }
    assert.ok(indexNames(disk).length < 8, indexNames(disk).join());
    assertPlain(disk);
  });
});
