/** C13 in short, and that it finds what is broken; `test/features/model.test.ts` has real files. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { inFolder } from "#src/storage/layout.js";
import { attackModel } from "./c13-model.ts";
import { shortTask } from "./short-task.ts";
import { makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

const RUNS = 25;
/** Within so many, each defect was found from any seed. */
const MANY_RUNS = 60;

test("calls, crashes and foreign changes: the store shows what the list says", async (context) => {
  const { tried, violations, notes } = await attackModel(shortTask(context, RUNS));
  assert.deepEqual([tried, violations], [RUNS, []]);
  context.diagnostic(notes.join("; "));
});

/** A disk on which some operations seem to be done, and are not. */
function lazy(isMeant: (operation: string, path: string) => boolean): (disk: Disk) => Disk {
  return (disk) =>
    wrapDisk(disk, (operation, path, act) =>
      isMeant(operation, path) ? (true as ReturnType<typeof act>) : act(),
    );
}

const DEFECTS: Readonly<Record<string, (operation: string, path: string) => boolean>> = {
  "records are not synced": (operation, path) =>
    operation === "sync" && path.startsWith("local/journal"),
  "folders of the journal are not synced": (operation, path) =>
    operation === "syncFolder" && path.startsWith("local"),
  "events are not written": (operation, path) =>
    operation === "write" && path.startsWith("events/"),
};

for (const [name, isMeant] of Object.entries(DEFECTS)) {
  test(`it is seen that ${name}`, async (context) => {
    const { violations } = await attackModel(shortTask(context, MANY_RUNS), lazy(isMeant));
    assert.equal(violations.length, 1);
    context.diagnostic(violations.join("").split("\n").slice(0, 3).join(" "));
  });
}

/** A disk on which a document looks as it did until this process changes something itself. */
function stubborn(disk: Disk): Disk {
  const seen = new Map<string, unknown>();
  return wrapDisk(disk, (operation, path, act) => {
    if (MUTATING.has(operation)) seen.clear();
    if (operation !== "stat" || !path.startsWith("features/")) return act();
    if (!seen.has(path)) seen.set(path, act());
    return seen.get(path) as ReturnType<typeof act>;
  });
}

test("it is seen that what others change is not looked at again", async (context) => {
  const { violations } = await attackModel(shortTask(context, MANY_RUNS), stubborn);
  assert.match(violations.join(), /(?:edit|remove|checkout) .* (?:at once|rested)/);
});

test("a store that is closed leaves no context behind that every promise would carry", async () => {
  const carried = (): number => Object.getOwnPropertySymbols(new AsyncResource("a look")).length;
  const before = carried();
  const disk = new MemoryDisk();
  makeStoreRoot(disk);
  for (let count = 0; count < 3; count += 1) {
    const stores = new StoresOnDisk(disk);
    await stores.transaction(() => stores.settings.set("count", count));
    await stores.close();
  }
  assert.equal(carried(), before);
});

/** Removes every file below a folder, as git and people do. */
function empty(disk: Disk, folder: string): void {
  for (const name of disk.list(folder) ?? []) {
    const path = inFolder(folder, name);
    if (disk.stat(path)?.isDirectory() === true) empty(disk, path);
    else disk.remove(path);
  }
}

test("an id that only a segment's header tells of stays taken when git takes it away", async () => {
  const disk = new MemoryDisk();
  makeStoreRoot(disk);
  const once = async <T>(act: (stores: StoresOnDisk) => Promise<T>): Promise<T> => {
    const stores = new StoresOnDisk(disk);
    const value = await act(stores);
    await stores.close();
    return value;
  };
  await once(({ features }) => features.create({ name: "one" }));
  empty(disk, "features");
  empty(disk, "events");
  await once(({ settings }) => settings.set("a", 1));
  empty(disk, "local");
  await once(({ settings }) => settings.set("b", 1));
  empty(disk, "events");
  assert.equal((await once(({ features }) => features.create({ name: "two" }))).id, 2);
});
