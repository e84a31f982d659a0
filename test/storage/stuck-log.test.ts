/** A log that cannot be written for a while: what was committed goes into it later, in its order. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { segmentsIn } from "#src/storage/layout.js";
import type { Storage } from "#src/storage/storage.js";
import { makeRoot, openStorage, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };

async function append(storage: Storage, count: number): Promise<void> {
  await storage.commit((write) =>
    write.append({ stream: "s", type: "Counted", payload: { count } }),
  );
}

async function shown(storage: Storage): Promise<unknown[]> {
  const { events } = await wholeLog(storage);
  return events.map(({ sequence, event }) => [sequence, event.payload]);
}

for (const written of [0, 40]) {
  test(`lines of later commits wait behind those of which ${written} bytes were written`, async () => {
    const disk = makeRoot(new MemoryDisk());
    const first = openStorage(disk, HEAD);
    await append(first, 1);
    await first.close();
    let failures = 1;
    const full = wrapDisk(disk, (operation, path, act, write) => {
      if (operation !== "write" || !path.startsWith("events/") || failures === 0) return act();
      failures -= 1;
      write?.first(written);
      throw ioError("write", path, "ENOSPC", undefined, { written });
    });
    const writer = openStorage(full, { ...HEAD, durability: "relaxed" });
    for (const count of [2, 3, 4]) await append(writer, count);
    const all = [1, 2, 3, 4].map((count) => [count, { count }]);
    assert.deepEqual(await shown(writer), all);
    await writer.close();
    assert.equal(failures, 0);

    const next = openStorage(disk, HEAD);
    assert.deepEqual(await shown(next), all, "while they wait");
    await append(next, 5);
    assert.deepEqual(await shown(next), [...all, [5, { count: 5 }]]);
    await next.close();
    const last = openStorage(disk, HEAD);
    assert.deepEqual(await shown(last), [...all, [5, { count: 5 }]], "in the files");
    await last.close();
    const texts = segmentsIn(disk.list("events") ?? []).map((name) =>
      disk.readText(`events/${name}`),
    );
    assert.equal(texts.join("").split('"count":').length - 1, 5, "each once");
  });
}
