/** `local/` goes while a store is open (git clean -fdx): the order of what was logged before stays. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryDisk } from "#src/disk/memory-disk.js";
import { LOCAL } from "#src/storage/layout.js";
import { makeRoot, openStorage, putValue, removeAll, wholeLog } from "./support.ts";

test("events keep their order when the last commit before it logged none", async () => {
  // Not at a full second, as coarse clocks give them.
  let now = Date.UTC(2030, 0, 1) + 123;
  const disk = new MemoryDisk({ now: () => now });
  makeRoot(disk);
  const storage = openStorage(disk, {
    wallMs: () => now,
    nowMs: () => now,
    monotonicMs: () => now,
  });
  const log = (n: number): Promise<unknown> =>
    storage.commit((write) => write.append({ stream: "s", type: "Counted", payload: { n } }));
  await log(1);
  await log(2);
  for (const n of [1, 2]) {
    // The folder of events is no longer fresh: its time is believed.
    now += 60_000;
    await storage.commit((write) => putValue(write, "silent.json", { n }));
  }
  now += 60_000;
  removeAll(disk, LOCAL);
  await log(3);
  await log(4);
  const { events } = await wholeLog(storage);
  assert.deepEqual(
    events.map(({ sequence, event }) => [sequence, event.payload]),
    [1, 2, 3, 4].map((n) => [n, { n }]),
  );
  await storage.close();
});
