/** Reading a log after a restart of the machine, when every record of the journal is pending. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { booted } from "../crash/rebooted.ts";
import { add } from "../crash/scenarios.ts";
import { PendingSegments } from "#src/storage/segment-bytes.js";
import { openStorage } from "./support.ts";

const COMMITS = 40;
const nameOf = (n: number): string => `${n}.json`;

async function filled(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const folder of ["features", "events"]) disk.makeFolder(folder);
  const storage = openStorage(disk, booted("boot"));
  for (let n = 0; n < COMMITS; n += 1)
    await storage.commit((write) => add(write, [nameOf(n)], `t${n}`));
  // Its power goes: nothing is closed.
  return disk;
}

for (const left of ["all", "nothing"] as const) {
  test(`one reader puts a segment together once, with ${left} of the unsynced left`, async () => {
    let reads = 0;
    const disk = wrapDisk((await filled()).crash(left), (operation, path, act) => {
      if (operation === "read" && path.startsWith("events/")) reads += 1;
      return act();
    });
    const storage = openStorage(disk, booted("next", { readOnly: true }));
    const reader = await storage.reader();
    for (let n = 0; n < COMMITS; n += 1) {
      const [event] = reader.newestFirst("stream", `counter:${nameOf(n)}`);
      assert.deepEqual(event?.payload, { n: 1, tag: `t${n}` });
    }
    assert.ok(reads > 0 && reads <= 4, `${reads} times`);
    await storage.close();
  });
}

test("what somebody commits meanwhile is seen by the same reader", async () => {
  const disk = (await filled()).crash("all");
  const storage = openStorage(disk, booted("next", { readOnly: true }));
  const reader = await storage.reader();
  const tagsOf = (n: number): unknown[] =>
    [...reader.newestFirst("stream", `counter:${nameOf(n)}`)].map(({ payload }) => payload);
  assert.deepEqual(tagsOf(0), [{ n: 1, tag: "t0" }]);
  const writer = openStorage(disk, booted("next"));
  await writer.commit((write) => add(write, [nameOf(0)], "more"));
  assert.deepEqual(tagsOf(1), [{ n: 1, tag: "t1" }]);
  const later = await storage.reader();
  const [event] = later.newestFirst("stream", `counter:${nameOf(0)}`);
  assert.deepEqual(event?.payload, { n: 2, tag: "more" });
  await writer.close();
  await storage.close();
});

test("a segment that was put together is given up when its file or the journal changes", async () => {
  const disk = (await filled()).crash("all");
  const [name = ""] = disk.list("events") ?? [];
  const storage = openStorage(disk, booted("next", { readOnly: true }));
  await storage.reader();
  const pending = new PendingSegments(disk, storage.overlay);
  const size = (): number => pending.of(name)?.size ?? 0;
  const before = size();
  assert.ok(before > 0);
  const text = `${disk.readText(`events/${name}`)}by hand\n`;
  disk.remove(`events/${name}`);
  disk.create(`events/${name}`, text);
  assert.equal(size(), before + "by hand\n".length);
  const { version } = storage.overlay;
  Object.defineProperty(storage.overlay, "version", { get: () => version + 1 });
  const segment = storage.overlay.segment.bind(storage.overlay);
  let made = 0;
  storage.overlay.segment = (...given) => {
    made += 1;
    return segment(...given);
  };
  size();
  assert.equal(made, 1);
  await storage.close();
});
