/** C11 in short, and that it sees faults that are hidden; `test/crash/faults.test.ts` has the engine's. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { attackFaults } from "./c11-faults.ts";
import { shortTask } from "./short-task.ts";
import { makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

const FAULTS = 88;

test("an operation of a public call fails: the old state or the new one", async (context) => {
  const { tried, violations, notes } = await attackFaults(shortTask(context, FAULTS));
  assert.deepEqual([tried, violations], [FAULTS, []]);
  context.diagnostic(notes.join("; "));
});

/** A disk whose error of some operations is swallowed: nothing was done, and nobody is told. */
function silent(operations: readonly string[]): (disk: Disk) => Disk {
  return (disk) =>
    wrapDisk(disk, (operation, _path, act) => {
      try {
        return act();
      } catch (error) {
        if (!isFlowError(error, "IO") || !operations.includes(operation)) throw error;
        return undefined as ReturnType<typeof act>;
      }
    });
}

for (const [name, operations] of Object.entries({
  "a failed sync": ["sync"],
  "a failed write": ["write"],
  "a failed rename": ["rename"],
})) {
  test(`${name} that nobody is told of is seen`, async (context) => {
    const ways = [{ errno: "EIO", forever: false }];
    const plant = silent(operations);
    const scope = { calls: ["settings.set"], ways, readingWays: [], plant };
    const { violations } = await attackFaults(shortTask(context, Infinity), scope);
    assert.notDeepEqual(violations, []);
  });
}

test("a journal that was denied once is written by the next call", async () => {
  const inner = new MemoryDisk();
  makeStoreRoot(inner);
  const before = new StoresOnDisk(inner);
  await before.settings.set("a", 1);
  await before.close();
  let isDenied = true;
  const disk = wrapDisk(inner, (operation, path, act) => {
    if (isDenied && operation === "open" && path.startsWith("local/journal")) {
      isDenied = false;
      throw ioError(operation, path, "EACCES");
    }
    return act();
  });
  const stores = new StoresOnDisk(disk);
  const isDeniedError = (error: unknown): boolean =>
    isFlowError(error, "IO") && error.context["errno"] === "EACCES";
  await assert.rejects(stores.settings.set("a", 2), isDeniedError);
  await stores.settings.set("a", 3);
  assert.equal(await stores.settings.get("a"), 3);
  await stores.close();
});
