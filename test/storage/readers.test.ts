/** P3 and P7: what a reader sees, and that it changes nothing. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isFlowError } from "#src/errors.js";
import { countingDisk } from "#src/disk/counting-disk.js";
import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import type { Storage } from "#src/storage/storage.js";
import { isFault } from "#src/storage/files.js";
import { add, stateOf } from "../crash/scenarios.ts";
import {
  increment,
  makeRoot,
  openStorage,
  putValue,
  tempFolder,
  until,
  valueOf,
  wholeLog,
} from "./support.ts";

const HEAD = { gitHead: () => "head" };
/** Nobody bears this pid. */
const DEAD = { identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null } };

/** What a reader sees of a disk that it must not change. */
async function lookOnly(disk: Disk): Promise<string> {
  const counting = countingDisk(disk);
  const reader = openStorage(counting, { ...HEAD, readOnly: true });
  const state = await stateOf(reader);
  await reader.close();
  const changing = Object.keys(counting.counts).filter((operation) => MUTATING.has(operation));
  assert.deepEqual(changing, [], "a reader changed something");
  return state;
}

/** A writer that dies before its k-th change; `null` when the call has fewer. */
async function diedAt(k: number): Promise<MemoryDisk | null> {
  const disk = new MemoryDisk();
  makeRoot(disk);
  const before = openStorage(disk, HEAD);
  await before.commit((write) => add(write, ["a.json", "b.json"], "before"));
  await before.close();
  let count = 0;
  const dying = wrapDisk(disk, (operation, path, act) => {
    if (MUTATING.has(operation)) count += 1;
    if (count >= k) throw ioError(operation, path, "EIO");
    return act();
  });
  const writer = openStorage(dying, { ...HEAD, ...DEAD });
  await writer.commit((write) => add(write, ["a.json", "b.json", "c.json"], "call")).catch(() => 0);
  await writer.close();
  return count >= k ? disk : null;
}

describe("a reader", () => {
  test("changes nothing, also where a writer was killed, and sees all of a commit or nothing", async () => {
    const seen = new Set<string>();
    for (let k = 1; ; k += 1) {
      const disk = await diedAt(k);
      if (disk === null) break;
      seen.add(await lookOnly(disk));
    }
    assert.deepEqual(
      [...seen].map((state) => state.split(" |")[0]),
      ["a.json=1before b.json=1before", "a.json=2call b.json=2call c.json=1call"],
    );
  });

  test("needs no local/, no journal, and no root", async () => {
    const disk = new MemoryDisk();
    assert.equal(await lookOnly(disk), "|");
    makeRoot(disk);
    const storage = openStorage(disk, HEAD);
    await storage.commit((write) => add(write, ["a.json"], "x"));
    await storage.close();
    const root = new MemoryDisk();
    for (const folder of ["features", "events"]) {
      root.makeFolder(folder);
      for (const name of disk.list(folder) ?? []) {
        root.create(`${folder}/${name}`, disk.read(`${folder}/${name}`) ?? "");
      }
    }
    assert.equal(await lookOnly(root), "a.json=1x | 1:a.json=1x");
  });

  test("needs no permission to write", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const storage = openStorage(disk, HEAD);
    await storage.commit((write) => add(write, ["a.json"], "x"));
    await storage.close();
    const readOnly = wrapDisk(disk, (operation, path, act) => {
      if (MUTATING.has(operation)) throw ioError(operation, path, "EROFS");
      return act();
    });
    readOnly.open = (path, mode) => {
      if (mode !== "read") throw ioError("open", path, "EROFS");
      return disk.open(path, mode);
    };
    for (const options of [{ readOnly: true }, { readOnly: false }]) {
      const reader = openStorage(readOnly, { ...HEAD, ...options });
      assert.equal(await stateOf(reader), "a.json=1x | 1:a.json=1x");
      await assert.rejects(increment(reader), (error) =>
        isFlowError(error, options.readOnly ? "READ_ONLY" : "IO"),
      );
      await reader.close();
    }
  });

  test("sees a commit of another at once", async () => {
    const disk = nodeDisk(tempFolder());
    makeRoot(disk);
    const writer = openStorage(disk);
    const reader = openStorage(disk, { readOnly: true });
    for (let n = 1; n <= 50; n += 1) {
      await increment(writer);
      assert.equal(disk.readText("features/counter.json"), `{\n  "n": ${n}\n}\n`, "cat");
      assert.deepEqual(await reader.read((view) => valueOf(view, "counter.json")), { n });
      assert.equal((await wholeLog(reader)).events.length, n);
    }
    await Promise.all([writer.close(), reader.close()]);
  });

  test("does not go back when a commit it saw pending comes into the files", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const writer = openStorage(disk, { ...HEAD, durability: "relaxed" });
    const reader = openStorage(disk, { ...HEAD, readOnly: true });
    const n = async (storage: Storage): Promise<number | undefined> =>
      (await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")))?.n;
    await increment(writer);
    await writer.recover();
    for (let round = 2; round < 6; round += 1) {
      await increment(writer);
      // Looks at the file as it is, and is told better by the journal.
      assert.deepEqual([await n(writer), await n(reader)], [round, round], "pending");
      await writer.recover();
      assert.match(disk.readText("features/counter.json") ?? "", new RegExp(`"n": ${round}`));
      assert.deepEqual([await n(writer), await n(reader)], [round, round], "just applied");
    }
    await Promise.all([writer.close(), reader.close()]);
  });

  test("sees one commit in all it looks at, however often others commit meanwhile", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const writer = openStorage(disk, HEAD);
    const both = (write: Parameters<Parameters<Storage["commit"]>[0]>[0], v: number): void => {
      putValue(write, "x.json", { v });
      putValue(write, "y.json", { v: -v });
    };
    await writer.commit((write) => both(write, 0));
    const reader = openStorage(disk, { ...HEAD, readOnly: true });
    let looks = 0;
    const interloper = openStorage(disk, HEAD);
    const pending: Promise<void>[] = [];
    const sum = await reader.read((view) => {
      looks += 1;
      const x = valueOf<{ v: number }>(view, "x.json")?.v ?? 0;
      // A commit of another process lies between the two looks, the first three times.
      if (looks <= 3) applyDirectly(disk, looks);
      const y = valueOf<{ v: number }>(view, "y.json")?.v ?? 0;
      return x + y;
    });
    assert.equal(sum, 0);
    assert.equal(looks, 4);
    await Promise.all(pending);
    await Promise.all([writer.close(), reader.close(), interloper.close()]);
  });

  test("sees a hand edit 20 ms later, and in the same moment what it was told before", async () => {
    const root = tempFolder();
    const disk = nodeDisk(root);
    makeRoot(disk);
    const storage = openStorage(disk);
    await increment(storage);
    await storage.close();
    const reader = openStorage(disk, { readOnly: true });
    assert.deepEqual(await reader.read((view) => valueOf(view, "counter.json")), { n: 1 });
    disk.remove("features/counter.json");
    disk.create("features/counter.json", '{ "n": 7 }');
    const began = performance.now();
    let n = 1;
    await until(() => {
      n = reader.readNow((view) => valueOf<{ n: number }>(view, "counter.json")?.n ?? 0);
      return n === 7;
    });
    assert.ok(performance.now() - began < 200);
    await reader.close();
  });

  test("is told of a file that is no text, and reads the others", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    disk.create("features/bad.json", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    await until(() => storage.readNow((view) => view.list("features").length === 2));
    const [bad, good] = await storage.read((view) => view.list("features"));
    assert.ok(bad !== undefined && isFault(bad) && bad.fault.code === "CORRUPT");
    assert.ok(good !== undefined && !isFault(good));
    await storage.close();
  });
});

/** A commit of another process, made and applied while a look is under way. */
function applyDirectly(disk: MemoryDisk, v: number): void {
  const { journal } = openStorage(disk, HEAD);
  journal.begin(true);
  const text = (value: number): string => `${JSON.stringify({ v: value }, null, 2)}\n`;
  const changes = [
    { put: "features/x.json", pre: null, data: text(v) },
    { put: "features/y.json", pre: null, data: text(-v) },
  ];
  const { n, id } = journal.head;
  const record = {
    kind: "record",
    v: 1,
    n: n + 1,
    prev: id,
    id: `direct-${v}`,
    boot: thisProcess().bootId,
    at: Date.now(),
    changes,
  } as const;
  assert.ok(journal.append(record, true));
  journal.acknowledge(record, true);
  for (const { put, data } of changes) {
    disk.remove(put);
    disk.create(put, data);
  }
  journal.mark(n + 1, []);
  journal.close();
}
