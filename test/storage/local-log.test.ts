/** Logs of this clone alone: appended with the commit, whole after a kill, bounded. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import type { Durability, Storage } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, putValue } from "./support.ts";

const HEAD = { gitHead: () => "head" };
const FOLDER = "local/test-log";

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

/** To the others its holder is dead: they take the guard at once. */
function deadIdentity(): ReturnType<typeof thisProcess> {
  return { ...thisProcess(), pid: 2 ** 30, pidStart: null };
}

async function note(storage: Storage, n: number, filler = ""): Promise<void> {
  return storage.commit((write) => {
    putValue(write, "note.json", { n });
    write.appendLocal(FOLDER, { n, filler });
  });
}

async function numbers(storage: Storage): Promise<unknown[]> {
  const lines = await storage.read((view) => storage.localLines(view, FOLDER));
  return lines.map((line) => line["n"]);
}

describe("a log of this clone alone", () => {
  for (const durability of ["full", "relaxed", "none"] satisfies Durability[]) {
    test(`has each line once, in order, seen by others at once, ${durability}`, async () => {
      const disk = rooted();
      const storage = openStorage(disk, { ...HEAD, durability });
      const other = openStorage(disk, { ...HEAD, readOnly: true });
      for (let n = 1; n <= 5; n += 1) {
        await note(storage, n);
        assert.deepEqual((await numbers(other)).at(-1), n);
      }
      await storage.close();
      const next = openStorage(disk, HEAD);
      await Promise.all([note(next, 6), increment(next), note(next, 7)]);
      assert.deepEqual(await numbers(next), [1, 2, 3, 4, 5, 6, 7]);
      assert.equal(disk.list(FOLDER)?.length, 1, "one file");
      await next.close();
    });
  }

  test("takes part in transactions: what is undone leaves no line", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await storage.transaction(async () => {
      await note(storage, 1);
      await assert.rejects(
        storage.transaction(async () => {
          await note(storage, 2);
          throw new Error("undone");
        }, 5000),
        /undone/,
      );
      await note(storage, 3);
    }, 5000);
    assert.deepEqual(await numbers(storage), [1, 3]);
    await storage.close();
  });

  test("is bounded: old files go", async () => {
    const disk = rooted();
    const storage = openStorage(disk, { ...HEAD, durability: "none" });
    const filler = "x".repeat(200_000);
    for (let n = 1; n <= 60; n += 1) await note(storage, n, filler);
    const kept = await numbers(storage);
    assert.equal(kept.at(-1), 60);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, at) => 61 - kept.length + at),
      "the last ones, without a gap",
    );
    assert.ok(kept.length >= 15 && kept.length <= 30, `${kept.length} kept`);
    assert.ok((disk.list(FOLDER)?.length ?? 0) <= 4);
    await storage.close();
  });

  test("does not go on behind a torn line", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await note(storage, 1);
    await storage.close();
    const [name = ""] = disk.list(FOLDER) ?? [];
    const handle = disk.open(`${FOLDER}/${name}`, "append");
    handle?.write(Buffer.from('{"id":"torn'));
    handle?.close();
    const next = openStorage(disk, HEAD);
    await note(next, 2);
    assert.deepEqual(await numbers(next), [1, 2]);
    await next.close();
  });

  test("is finished by whoever comes next, at every point of a kill", async () => {
    for (let stopAt = 1; ; stopAt += 1) {
      const disk = rooted();
      const first = openStorage(disk, HEAD);
      await note(first, 1);
      await first.close();
      let count = 0;
      let isKilled = false;
      const killed = openStorage(
        wrapDisk(disk, (_operation, path, act) => {
          count += 1;
          if (isKilled || count >= stopAt) {
            isKilled = true;
            throw ioError("write", path, "EIO");
          }
          return act();
        }),
        { ...HEAD, guardTimeoutMs: 10, identity: deadIdentity() },
      );
      await note(killed, 2).catch(() => undefined);
      await killed.close().catch(() => undefined);
      if (!isKilled) break;
      const next = openStorage(disk, HEAD);
      await note(next, 3);
      const found = await numbers(next);
      assert.ok(
        JSON.stringify(found) === "[1,3]" || JSON.stringify(found) === "[1,2,3]",
        `stopped before operation ${stopAt}: ${JSON.stringify(found)}`,
      );
      await next.close();
    }
  });
});
