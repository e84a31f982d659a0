/** What a power cut leaves of our own files is not taken for somebody's, and what is somebody's lasts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { QUARANTINE } from "#src/storage/layout.js";
import { booted, hurried } from "../crash/rebooted.ts";
import { increment, makeRoot, openStorage, valueOf, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };
/** The machine was switched on again since. */
const NEXT_BOOT = booted("next");
const HOURS_MS = 3 * 3_600_000;

function write(disk: Disk, path: string, bytes: Buffer): void {
  disk.remove(path);
  disk.create(path, bytes);
}

/** A document that was changed twice and a segment with lines behind its first ones; nobody closed it. */
async function makeBusy(): Promise<{ disk: MemoryDisk; segment: string }> {
  const disk = new MemoryDisk();
  makeRoot(disk);
  const storage = openStorage(disk, HEAD);
  for (const tag of ["one", "two", "three"]) await increment(storage, "counter.json", `é ${tag}`);
  return { disk, segment: `events/${disk.list("events")?.[0]}` };
}

/** What a cut leaves of a file, made of what it held. */
const REMNANTS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  empty: () => Buffer.alloc(0),
  "all zeros": (bytes) => Buffer.alloc(bytes.length),
  "cut, within a character too": (bytes) => bytes.subarray(0, bytes.indexOf(0xc3) + 1),
  "zeros at its end": (bytes) => {
    const half = Buffer.from(bytes);
    return half.fill(0, bytes.length >> 1);
  },
  "zeros within, and its last lines": (bytes) => {
    const third = Math.floor(bytes.length / 3);
    return Buffer.from(bytes).fill(0, third, 2 * third);
  },
};

describe("after a power cut", () => {
  for (const [name, cut] of Object.entries(REMNANTS)) {
    test(`a log that is ${name} is brought up to date, and nothing is kept aside`, async () => {
      const { disk, segment } = await makeBusy();
      const whole = disk.read(segment) ?? Buffer.alloc(0);
      write(disk, segment, cut(whole));
      const reader = openStorage(disk, { ...NEXT_BOOT, readOnly: true });
      assert.equal((await wholeLog(reader)).events.length, 3);
      const storage = openStorage(disk, { ...NEXT_BOOT, ...hurried() });
      await storage.recover();
      assert.deepEqual(disk.read(segment), whole);
      assert.deepEqual(disk.list(QUARANTINE), null);
      await storage.close();
    });
  }

  test("what git or a person wrote since, which cannot be read, is the file's own affair", async () => {
    const disk = new MemoryDisk();
    makeRoot(disk);
    const hoursAgo = { ...HEAD, wallMs: () => Date.now() - HOURS_MS };
    const before = openStorage(disk, hoursAgo);
    for (const tag of ["one", "two"]) await increment(before, "counter.json", tag);
    const theirs = '<<<<<<< HEAD\n{ "n": 2 }\n=======\n{ "n": 3 }\n>>>>>>> other\n';
    write(disk, "features/counter.json", Buffer.from(theirs));
    const storage = openStorage(disk, { ...NEXT_BOOT, ...hurried() });
    const shown = await storage.read((view) => view.get("features", "counter.json"));
    assert.ok(shown !== null && "text" in shown && shown.text === theirs);
    await storage.recover();
    await increment(storage, "other.json", "three");
    assert.equal(disk.readText("features/counter.json"), theirs);
    assert.deepEqual(disk.list(QUARANTINE), null);
    await storage.close();
  });

  test("bytes of a person in a log are kept aside, with zeros among them too", async () => {
    for (const theirs of ["a note\n", "a note\0\0\n"]) {
      const { disk, segment } = await makeBusy();
      write(disk, segment, Buffer.from(theirs));
      const storage = openStorage(disk, { ...NEXT_BOOT, ...hurried() });
      await storage.recover();
      const names = disk.list(QUARANTINE) ?? [];
      const kept = names.filter((one) => !one.endsWith(".why.json"));
      // Text that is older than nothing we know of is the file's own affair.
      assert.equal(kept.length, theirs.includes("\0") ? 1 : 0);
      for (const one of kept) assert.equal(disk.readText(`${QUARANTINE}/${one}`), theirs);
      await storage.close();
    }
  });
});

test("what is kept aside lasts as soon as the commit stands in its place", async () => {
  const raw = new MemoryDisk();
  makeRoot(raw);
  let isArmed = false;
  let from = 0;
  const disk = wrapDisk(raw, (operation, path, act) => {
    if (isArmed && operation === "sync" && path.startsWith("local/journal")) {
      isArmed = false;
      write(raw, "features/counter.json", Buffer.from('{ "n": 40, "mine": true }'));
      raw.syncFile("features/counter.json");
      raw.syncFolder("features");
      from = raw.operations;
    }
    return act();
  });
  const storage = openStorage(disk, HEAD);
  await increment(storage);
  isArmed = true;
  await increment(storage);
  await storage.close();
  let states = 0;
  for (const { disk: left, at } of raw.crashStates({ from, randoms: 1 })) {
    const next = openStorage(left, { ...NEXT_BOOT, ...hurried() });
    await next.recover();
    const { n } = (await next.read((view) => valueOf<{ n: number }>(view, "counter.json"))) ?? {};
    const kept = (left.list(QUARANTINE) ?? []).map((name) =>
      left.readText(`${QUARANTINE}/${name}`),
    );
    const isKept = kept.some((text) => text?.includes("mine") === true);
    assert.ok(isKept || n === 40 || n === 1, `after ${at} operations: ${n}, kept ${kept.length}`);
    await next.close();
    states += 1;
  }
  assert.ok(states > 50);
});
