/** What a repair changes was copied first: after a power cut at any moment one of the two is there. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { findStateProblems } from "#src/check/check.js";
import { repairRoot } from "#src/check/repair.js";
import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { BACKUP, inFolder } from "#src/storage/layout.js";
import { NOBODY } from "#src/stores/told.js";

import { booted, hurried } from "../crash/rebooted.ts";
import { makeRoot, openStorage } from "../storage/support.ts";

const FILE = "features/5-hand.json";
const BY_HAND = '{ "id": 5, "name": "by hand", "note": 1.0 }\n';
const SURROUNDINGS = {
  fileSystem: { name: "memory", shared: false },
  pipelinePhases: [],
};

/** Every text below a folder. */
function textsBelow(disk: Disk, folder: string): (string | null)[] {
  return (disk.list(folder) ?? []).flatMap((name) => {
    const path = inFolder(folder, name);
    return disk.stat(path)?.isDirectory() === true ? textsBelow(disk, path) : disk.readText(path);
  });
}

test("the power goes at any moment of a repair", async () => {
  const disk = new MemoryDisk();
  makeRoot(disk);
  disk.create(FILE, BY_HAND);
  for (const folder of ["", "features", "events", "local"]) disk.syncFolder(folder);
  disk.syncFile(FILE);
  const from = disk.operations;
  const storage = openStorage(disk, { gitHead: () => "head" });
  const now = { nowMs: () => Date.now(), newUid: () => "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
  const context = { storage, actor: "test", source: "test", findings: NOBODY, ...now };
  const look = async (): Promise<ReturnType<typeof findStateProblems>> =>
    storage.readNow((view) => findStateProblems(storage, view, SURROUNDINGS));
  const { done } = await repairRoot(context, disk, look, { dryRun: false });
  assert.ok(done.some(({ rule }) => rule === "no-uid"));
  await storage.close();
  assert.notEqual(disk.readText(FILE), BY_HAND);

  let changed = 0;
  for (const { disk: left, at, variant } of disk.crashStates({ from, randoms: 1 })) {
    const next = openStorage(left, booted("next", hurried()));
    await next.recover();
    await next.close();
    if (left.readText(FILE) === BY_HAND) continue;
    changed += 1;
    const isKept = textsBelow(left, BACKUP).includes(BY_HAND);
    assert.ok(isKept, `after ${at} operations (${variant}): ${left.readText(FILE)}`);
  }
  assert.ok(changed > 20, `${changed} states`);
});
