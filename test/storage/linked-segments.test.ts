/** A segment in whose place something else stands: nothing is read or written through it, the log goes on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { nodeDisk } from "#src/disk/node-disk.js";
import type { Storage } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, tempFolder, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };

const THINGS: Readonly<Record<string, (path: string) => unknown>> = {
  "a link to what was there": (path) => symlinkSync("../aside", path),
  "a link that leads nowhere": (path) => symlinkSync("nowhere", path),
  "a folder": (path) => mkdirSync(path),
  "a pipe": (path) => execFileSync("mkfifo", [path]),
};

/** A root whose segment was this clone's own, and is not there any more. */
async function makeWithout(lines: number): Promise<{ root: string; segment: string }> {
  const root = tempFolder();
  const disk = makeRoot(nodeDisk(root));
  const storage = openStorage(disk, HEAD);
  for (let count = 0; count < lines; count += 1) {
    await increment(storage, "counter.json", "x".repeat(3000));
  }
  await storage.close();
  const [segment = ""] = disk.list("events") ?? [];
  renameSync(join(root, "events", segment), join(root, "aside"));
  return { root, segment };
}

async function count(storage: Storage): Promise<number> {
  return (await wholeLog(storage)).events.length;
}

describe("in place of a segment", () => {
  for (const [name, put] of Object.entries(THINGS)) {
    test(`${name}: others may write, and are read`, { timeout: 20_000 }, async () => {
      const { root, segment } = await makeWithout(2);
      put(join(root, "events", segment));
      for (const gitHead of [HEAD.gitHead, () => "moved"]) {
        const storage = openStorage(root, { gitHead });
        const before = await count(storage);
        await increment(storage);
        assert.equal(await count(storage), before + 1);
        await storage.close();
      }
    });
  }

  test("a link, where a cache tells of it: times of last events are those that are read", async () => {
    const { root, segment } = await makeWithout(120);
    const disk = nodeDisk(root);
    assert.equal(disk.list("local/cache")?.length, 1);
    symlinkSync("../aside", join(root, "events", segment));
    const reader = openStorage(root, { ...HEAD, readOnly: true });
    const time = await reader.read((view) => {
      reader.refreshLastEvents(view);
      return reader.lastTimeOf(view, "counter:counter.json");
    });
    assert.equal(time, null);
    await reader.close();
  });
});
