/**
 * A record that stands in the journal without its `ok`, from a writer that was let in beside
 * another: it has won its number, and whoever comes after it must build on it.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { randomName, thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { digest } from "#src/storage/hash.js";
import { Journal } from "#src/storage/journal.js";
import { JOURNAL_VERSION, type CommitRecord } from "#src/storage/journal-lines.js";
import type { Durability, Storage } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, removeAll, valueOf } from "./support.ts";

const HEAD = { gitHead: () => "head" };
const COUNTER = "features/counter.json";
/** Microtasks from raising the fence to past the end of the commit. */
const MICROTASKS = 8;
const FENCE_FOLDER = /^local\/fence\/[^/]+$/;

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

/** Counts one up by a record that another process wrote and, unless told, did not come to confirm. */
function countUnconfirmed(disk: Disk, isConfirmed = false): void {
  const { bootId } = thisProcess();
  const silent = { committed: () => undefined, applied: () => undefined, lost: () => undefined };
  const journal = new Journal(disk, silent, {
    bootId,
    randomName,
    nowIso: () => new Date().toISOString(),
    readOnly: false,
  });
  journal.tail();
  const text = lastCommitted(journal) ?? disk.readText(COUNTER) ?? "";
  const { n } = JSON.parse(text) as { n: number };
  const record: CommitRecord = {
    kind: "record",
    v: JOURNAL_VERSION,
    n: journal.head.n + 1,
    prev: journal.head.id,
    id: randomName(),
    boot: bootId,
    at: Date.now(),
    changes: [{ put: COUNTER, pre: digest(text), data: `${JSON.stringify({ n: n + 1 })}\n` }],
  };
  assert.ok(journal.append(record, true));
  if (isConfirmed) journal.acknowledge(record, true);
  journal.close();
}

/** What `relaxed` has answered need not be in the file yet. */
function lastCommitted(journal: Journal): string | undefined {
  const changes = [...journal.window.values()].flatMap(({ record }) => record.changes);
  const texts = changes.flatMap((change) =>
    "put" in change && change.put === COUNTER ? [change.data] : [],
  );
  return texts.at(-1);
}

describe("a record without its ok", () => {
  for (const durability of ["full", "relaxed", "none"] satisfies Durability[]) {
    test(`is built on by a call that was about to decide, ${durability}`, async () => {
      for (let delay = 0; delay < MICROTASKS; delay += 1) {
        const disk = rooted();
        const first = openStorage(disk, { ...HEAD, durability });
        await increment(first);
        await first.close();
        let counted = 0;
        const countLater = async (storage: Storage): Promise<void> => {
          for (let k = 0; k < delay; k += 1) await Promise.resolve();
          countUnconfirmed(disk);
          counted += 1;
          // A reader of the same process takes notice of it.
          storage.readNow((view) => valueOf(view, "counter.json"));
        };
        const storage: Storage = openStorage(
          wrapDisk(disk, (operation, path, act) => {
            const isFence = operation === "makeFolder" && FENCE_FOLDER.test(path);
            if (isFence && counted === 0) void Promise.resolve().then(() => countLater(storage));
            return act();
          }),
          { ...HEAD, durability },
        );
        const value = await increment(storage);
        await storage.close();
        assert.equal(counted, 1);
        const after = openStorage(disk, HEAD);
        await after.recover();
        const end = await after.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
        assert.equal(end, 3, `after ${delay} microtasks; the call said ${value}`);
        await after.close();
      }
    });
  }

  test("conflicts with a transaction that read what it changes", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await assert.rejects(
      storage.transaction(async () => {
        await increment(storage);
        countUnconfirmed(disk);
        storage.readNow((view) => valueOf(view, "counter.json"));
      }, 5000),
      (error) => isFlowError(error, "CONFLICT") && error.retryable,
    );
    const end = await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
    assert.equal(end, 2);
    await storage.close();
  });

  test("is settled by a transaction that has nothing to do with it", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await storage.transaction(async () => {
      await storage.commit((write) => write.put("features", "b.json", "{}\n"));
      countUnconfirmed(disk);
      storage.readNow((view) => valueOf(view, "counter.json"));
    }, 5000);
    const end = await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
    assert.equal(end, 2);
    assert.equal(disk.readText("features/b.json"), "{}\n");
    await storage.close();
  });
});

describe("a record that another one follows before it is read back", () => {
  for (const durability of ["full", "none"] satisfies Durability[]) {
    test(`leaves the other's image in the file, ${durability}`, async () => {
      const disk = rooted();
      const first = openStorage(disk, HEAD);
      await increment(first);
      await first.close();
      let hasFollowed = false;
      const followed = wrapDisk(disk, (operation, path, run, write) => {
        const isRecord = operation === "write" && (write?.length ?? 0) > 250;
        const result = run();
        if (!hasFollowed && isRecord && path.startsWith("local/journal/")) {
          hasFollowed = true;
          countUnconfirmed(disk, true);
        }
        return result;
      });
      const storage = openStorage(followed, { ...HEAD, durability });
      assert.equal(await increment(storage), 2);
      assert.ok(hasFollowed);
      assert.equal(JSON.parse(disk.readText(COUNTER) ?? "").n, 3, "what cat shows");
      const seen = await storage.read((view) => valueOf<{ n: number }>(view, "counter.json")?.n);
      assert.equal(seen, 3);
      await storage.close();
    });
  }
});

describe("a record that goes into a journal that was removed", () => {
  for (const durability of ["full", "relaxed", "none"] satisfies Durability[]) {
    test(`is not answered as if it had happened, ${durability}`, async () => {
      const disk = rooted();
      const first = openStorage(disk, HEAD);
      await increment(first);
      await first.close();
      let isRemoved = false;
      const cleaned = wrapDisk(disk, (operation, path, run, write) => {
        const isRecord = operation === "write" && (write?.length ?? 0) > 250;
        if (!isRemoved && isRecord && path.startsWith("local/journal/")) {
          isRemoved = true;
          removeAll(disk, "local");
        }
        return run();
      });
      const storage = openStorage(cleaned, { ...HEAD, durability });
      await assert.rejects(
        increment(storage),
        (error) => isFlowError(error, "IO") && error.context["outcome"] === "unknown",
      );
      assert.ok(isRemoved);
      await increment(storage);
      await storage.close();
      assert.equal(JSON.parse(disk.readText(COUNTER) ?? "").n, 2);
    });
  }
});

describe("a writer that others overtake each time", () => {
  const cases: readonly [what: string, act: (storage: Storage) => Promise<unknown>][] = [
    ["by a call", async (storage) => increment(storage)],
    ["by several calls", async (storage) => Promise.all([increment(storage), increment(storage)])],
    [
      "by a transaction",
      async (storage) => storage.transaction(() => increment(storage, "other.json"), 5000),
    ],
  ];
  for (const [what, act] of cases) {
    test(`gives up in the end: ${what}`, async () => {
      const disk = rooted();
      const first = openStorage(disk, HEAD);
      await increment(first);
      await first.close();
      let isOvertaking = true;
      const overtaken = wrapDisk(disk, (operation, path, run, write) => {
        const isRecord = operation === "write" && (write?.length ?? 0) > 250;
        if (isOvertaking && isRecord && path.startsWith("local/journal/"))
          countUnconfirmed(disk, true);
        return run();
      });
      const storage = openStorage(overtaken, { ...HEAD, guardTimeoutMs: 50 });
      await assert.rejects(act(storage), (error) => isFlowError(error, "TIMEOUT"));
      isOvertaking = false;
      await storage.close();
      const next = openStorage(overtaken, HEAD);
      await act(next);
      await next.close();
    });
  }
});
