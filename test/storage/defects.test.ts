/**
 * What the disk throws is an answer; anything else is a defect, and a defect is never swallowed,
 * wherever it shows: a call ends with it, as it is.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { increment, makeRoot, openStorage, valueOf } from "./support.ts";

class Defect extends Error {}

/** A store with a commit that is still to be brought into its file. */
async function pending(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  makeRoot(disk);
  let isFull = false;
  const full = wrapDisk(disk, (operation, path, act) => {
    if (isFull && operation === "rename") throw ioError(operation, path, "ENOSPC");
    return act();
  });
  const storage = openStorage(full);
  await increment(storage);
  isFull = true;
  await increment(storage);
  await storage.close();
  return disk;
}

interface Worked {
  readonly errors: readonly unknown[];
  /** How many operations the disk did. */
  readonly count: number;
  /** Where the defect showed; `null` if it did not come to that. */
  readonly at: string | null;
}

/** Finishes that commit, reads, makes two more and ends; the `k`-th operation meets a defect. */
async function work(k: number, monotonicMs: () => number): Promise<Worked> {
  let count = 0;
  let at: string | null = null;
  const disk = wrapDisk(await pending(), (operation, path, act) => {
    count += 1;
    if (count !== k) return act();
    at = `${operation} ${path}`;
    throw new Defect(at);
  });
  const storage = openStorage(disk, { monotonicMs });
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  await increment(storage).catch(note);
  await storage.read((view) => valueOf(view, "counter.json")).catch(note);
  await increment(storage, "other.json").catch(note);
  await storage.close().catch(note);
  return { errors, count, at };
}

/** Whether a turn is over, and others are looked for after their callers were answered. */
const CLOCKS = {
  "in no time": () => () => 0,
  "when each turn is over": () => {
    let now = 0;
    return () => (now += 10);
  },
};

for (const [when, clock] of Object.entries(CLOCKS)) {
  test(`a defect ends the call that meets it, or the next one, ${when}`, async () => {
    const { count, errors } = await work(0, clock());
    assert.deepEqual(errors, []);
    assert.ok(count > 80, `${count} operations`);
    const swallowed: string[] = [];
    for (let k = 1; k <= count; k += 1) {
      const { errors: found, at } = await work(k, clock());
      if (at === null || found.some((error) => error instanceof Defect)) continue;
      swallowed.push(`operation ${k}, ${at}: ${found.map(String).join() || "no error"}`);
    }
    assert.deepEqual(swallowed, []);
  });
}
