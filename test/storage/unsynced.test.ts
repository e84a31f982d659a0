/** What was brought into the files and may not be on the disk yet is not forgotten. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { Upkeep } from "#src/storage/upkeep.js";
import { booted, hurried, look, recover } from "../crash/rebooted.ts";
import { add, stateOf } from "../crash/scenarios.ts";
import { openStorage, storageOptions, until } from "./support.ts";

interface Bad {
  /** Operations as `rename features/a.json`, of which a rename is named by its target. */
  fails: (operation: string, path: string) => boolean;
}

/** A disk some of whose operations fail; a failed sync of a file saves nothing, now and later. */
function badDisk(inner: MemoryDisk): { disk: Disk; bad: Bad } {
  const bad: Bad = { fails: () => false };
  const wrapped = wrapDisk(inner, (operation, path, act) => {
    if (operation === "rename" || !bad.fails(operation, path)) return act();
    if (operation === "syncFile") inner.loseUnsynced(path);
    throw ioError(operation, path, "EIO");
  });
  const rename = (from: string, to: string): void => {
    if (bad.fails("rename", to)) throw ioError("rename", from, "EACCES", undefined, { to });
    wrapped.rename(from, to);
  };
  return { disk: { ...wrapped, rename }, bad };
}

function emptyDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  for (const folder of ["features", "events"]) disk.makeFolder(folder);
  return disk.crash("all");
}

/** Every outcome of a power cut now shows this, to readers and after a recovery. */
async function assertLasts(disk: MemoryDisk, state: string): Promise<void> {
  for (const { disk: left, variant } of disk.crashStates({ from: disk.operations, randoms: 6 })) {
    assert.equal(await look(left, "next"), state, `a reader after a power cut, ${variant}`);
    assert.equal(await recover(left, "next", false), state, `recovered after one, ${variant}`);
  }
}

const HEAD = booted("boot");

describe("what waits to be synced", () => {
  test("beside a path that cannot be written: readers look after it, too", async () => {
    const inner = emptyDisk();
    const { disk, bad } = badDisk(inner);
    const storage = openStorage(disk, HEAD);
    await storage.commit((write) => add(write, ["a.json"], "1"));
    await storage.commit((write) => add(write, ["a.json"], "2"));
    bad.fails = (operation, path) => operation === "rename" && path === "features/a.json";
    await storage.commit((write) => add(write, ["a.json", "b.json"], "3"));
    const state = await stateOf(storage);
    await assertLasts(inner, state);
    await storage.close();
  });

  test("a path that could not be written is synced as soon as it can be", async () => {
    const inner = emptyDisk();
    const { disk, bad } = badDisk(inner);
    const storage = openStorage(disk, HEAD);
    bad.fails = (operation, path) => operation === "rename" && path === "features/a.json";
    await storage.commit((write) => add(write, ["a.json", "b.json"], "1"));
    await until(() => storage.journal.floor === storage.journal.head.n);
    bad.fails = () => false;
    await storage.commit((write) => add(write, ["b.json"], "2"));
    assert.equal(disk.stat("features/a.json")?.isFile(), true);
    await assertLasts(inner, await stateOf(storage));
    await storage.close();
  });

  const files = [/^features\/a\.json$/, /^events\//];
  const cases = files.flatMap((file) => [false, true].map((isLater) => ({ file, isLater })));
  for (const { file, isLater } of cases) {
    const when = isLater ? "by lines that went behind others" : "whole";
    test(`a file whose sync failed is put anew, and not believed to be synced: ${file.source} ${when}`, async () => {
      const inner = emptyDisk();
      const { disk, bad } = badDisk(inner);
      const storage = openStorage(disk, HEAD);
      await storage.commit((write) => add(write, ["a.json"], "1"));
      if (isLater) {
        // The record that began the log is forgotten: those that are left hold only lines of it.
        await storage.commit((write) => add(write, ["a.json"], "1b"));
        await until(() => storage.journal.floor === storage.journal.head.n);
      }
      await storage.commit((write) => add(write, ["a.json", "b.json"], "2"));
      let failed = 0;
      bad.fails = (operation, path) => {
        const isMeant = operation === "syncFile" && file.test(path) && failed === 0;
        if (isMeant) failed += 1;
        return isMeant;
      };
      await until(() => failed > 0);
      // Somebody who knows nothing of it syncs everything, and says so.
      const other = openStorage(disk, HEAD);
      await other.commit((write) => add(write, ["b.json"], "3"));
      await until(() => other.journal.floor === other.journal.head.n);
      const state = await stateOf(other);
      await assertLasts(inner, state);
      await other.close();
      await storage.close();
      await assertLasts(inner, state);
    });
  }

  test("a sync that fails while another process commits is not forgotten with its mark", async () => {
    const inner = emptyDisk();
    const { disk, bad } = badDisk(inner);
    const storage = openStorage(disk, HEAD);
    await storage.commit((write) => add(write, ["a.json"], "1"));
    await until(() => storage.journal.floor === storage.journal.head.n);
    await storage.commit((write) => add(write, ["a.json"], "2"));
    const background = new Upkeep(storage, storageOptions(disk, HEAD), () => undefined);
    let failed = 0;
    const beside = wrapDisk(inner, (operation, _path, act) => {
      const result = act();
      const isApplied = operation === "rename" && inner.stat("features/b.json") !== null;
      if (!isApplied || failed > 0) return result;
      bad.fails = (other, file) => other === "syncFile" && file === "features/a.json";
      failed += 1;
      // No pause is needed for so few files: all of it happens here.
      void background.raiseFloor(async () => true);
      bad.fails = () => false;
      return result;
    });
    const other = openStorage(beside, HEAD);
    await other.commit((write) => add(write, ["b.json"], "3"));
    assert.equal(failed, 1);
    await until(() => other.journal.floor === other.journal.head.n);
    await assertLasts(inner, await stateOf(other));
    await other.close();
    await storage.close();
  });

  test("of a commit that is kept for one file nothing else comes back", async () => {
    // All within one tick of the clock: no file is newer than a record by its time.
    const now = (): number => Date.UTC(2030, 0, 1);
    const head = { ...HEAD, wallMs: now, nowMs: now };
    const start = new MemoryDisk({ now });
    for (const folder of ["features", "events"]) start.makeFolder(folder);
    const inner = start.crash("all");
    const { disk, bad } = badDisk(inner);
    const storage = openStorage(disk, head);
    await storage.commit((write) => add(write, ["a.json", "b.json"], "1"));
    await until(() => storage.journal.floor === storage.journal.head.n);
    await storage.commit((write) => add(write, ["a.json", "b.json"], "2"));
    const background = new Upkeep(storage, storageOptions(disk, head), () => undefined);
    let failed = 0;
    const beside = wrapDisk(inner, (operation, _path, act) => {
      const result = act();
      const isApplied =
        operation === "rename" && inner.readText("features/a.json")?.includes('"3"') === true;
      if (!isApplied || failed > 0) return result;
      bad.fails = (other, file) => other === "syncFile" && file === "features/b.json";
      failed += 1;
      void background.raiseFloor(async () => true);
      bad.fails = () => false;
      return result;
    });
    const other = openStorage(beside, head);
    await other.commit((write) => add(write, ["a.json"], "3"));
    assert.equal(failed, 1);
    await until(() => other.journal.floor === other.journal.head.n);
    const state = await stateOf(other);
    await assertLasts(inner, state);
    other.journal.rotate({ sync: true });
    await assertLasts(inner, state);
    await other.close();
    await storage.close();
  });
});

describe("after a restart of the machine", () => {
  async function closed(disk: MemoryDisk): Promise<void> {
    const storage = openStorage(disk, HEAD);
    await storage.commit((write) => add(write, ["a.json", "b.json"], "1"));
    await storage.commit((write) => add(write, ["b.json"], "2"));
    await storage.close();
  }

  test("what was removed or put back since the store was closed stays so", async () => {
    const disk = emptyDisk();
    await closed(disk);
    for (const name of ["a.json", "b.json"]) disk.remove(`features/${name}`);
    const older = '{\n  "n": 1,\n  "tag": "1"\n}\n';
    disk.create("features/b.json", older);
    const next = openStorage(disk, booted("next", hurried()));
    assert.equal((await stateOf(next)).split(" |")[0], "b.json=11");
    await next.recover();
    await next.close();
    assert.equal(disk.readText("features/b.json"), older);
    assert.equal(disk.stat("features/a.json"), null);
  });

  test("a store that only read has synced nothing", async () => {
    const disk = emptyDisk();
    await closed(disk);
    const before = disk.operations;
    const reader = openStorage(disk, HEAD);
    await stateOf(reader);
    await reader.close();
    assert.equal(disk.operations, before);
  });
});

test("a guard that cannot be given back fails as everything else does", async () => {
  const inner = emptyDisk();
  const { disk, bad } = badDisk(inner);
  const storage = openStorage(disk, { ...HEAD, ...hurried() });
  await storage.commit((write) => add(write, ["a.json"], "1"));
  await storage.close();
  // Whoever holds the guard finds that another went on to the next name meanwhile.
  bad.fails = (operation, path) => {
    const isTaken = operation === "makeFolder" && path.endsWith(".lock");
    if (isTaken) inner.create("local/guard/99.generation", "");
    return operation === "removeFolder" && path.endsWith(".lock");
  };
  const next = openStorage(disk, { ...HEAD, ...hurried() });
  await assert.rejects(
    next.commit((write) => add(write, ["a.json"], "2")),
    (error) => isFlowError(error, "IO"),
  );
  bad.fails = () => false;
  await next.close();
});

test("a log that cannot be closed keeps nobody from the guard", async () => {
  const inner = emptyDisk();
  const { disk, bad } = badDisk(inner);
  const storage = openStorage(disk, { ...HEAD, durability: "none" });
  await storage.commit((write) => add(write, ["a.json"], "1"));
  let failed = 0;
  bad.fails = (operation, path) => {
    const isMeant = operation === "close" && path.startsWith("events/");
    if (isMeant) failed += 1;
    return isMeant;
  };
  await storage.commit((write) => add(write, ["a.json"], "2"));
  await until(() => failed > 0);
  const isHeld = (): boolean =>
    (inner.list("local/guard") ?? []).some((name) => name.endsWith(".lock"));
  await until(() => !isHeld(), 500);
  bad.fails = () => false;
  await storage.close();
});
