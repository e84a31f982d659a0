/** A row that the disk does not give: who decides over all rows of its table does not decide without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { withCode } from "../events/support.ts";
import { booted, hurried } from "../crash/rebooted.ts";
import { makeStoreRoot, StoresOnDisk } from "../torture/stores-on-disk.ts";
import { atEnd } from "../at-end.ts";

for (const errno of ["EIO", "EACCES"]) {
  test(`${errno}: nothing is written where a unique value may be that row's, nothing emptied`, async (t) => {
    const inner = new MemoryDisk();
    makeStoreRoot(inner);
    let isRefused = false;
    const disk = wrapDisk(inner, (operation, path, act) => {
      const isMeant = operation === "readText" && path === "projections/workflows/w2.json";
      if (!isRefused || !isMeant) return act();
      throw ioError(operation, path, errno);
    });
    const first = new StoresOnDisk(inner, booted("boot-1", hurried()));
    const rows = ["w1", "w2", "w3"].map((id) => ({ id, name: `name of ${id}` }));
    await first.projections.upsert({ table: "workflows", rows });
    await first.close();
    const { projections, ...stores } = new StoresOnDisk(disk, booted("boot-1", hurried()));
    atEnd(t, () => stores.storage.close());
    const taken = { table: "workflows", rows: [{ id: "w4", name: "name of w2" }] };
    isRefused = true;
    await assert.rejects(projections.upsert(taken), withCode("IO"));
    await assert.rejects(projections.upsert({ ...taken, mode: "replace" }), withCode("IO"));
    await assert.rejects(projections.truncate({ table: "workflows" }), withCode("IO"));
    // Rows of which no value is asked for are written, and those that can be read are read.
    await projections.upsert({ table: "free", rows: [{ id: "1" }] });
    assert.deepEqual(
      (await projections.list("workflows")).map(({ id }) => id),
      ["w1", "w3"],
    );
    const after = new StoresOnDisk(inner, booted("boot-1", hurried()));
    atEnd(t, () => after.close());
    await assert.rejects(after.projections.upsert(taken), withCode("CONFLICT"));
    await after.projections.upsert({ ...taken, mode: "replace" });
    // The clock stands still here: which of two stands first is chance.
    const left = (await after.projections.list("workflows")).map(({ id }) => String(id));
    assert.deepEqual(left.sort(), ["w1", "w3", "w4"]);
  });
}
