/** The document of a key that a person changed: what it says beside the content counts for nothing. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FlowStore } from "flowstore";
import { temporaryStore } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

test("another size than the content has is named by check, and get gives the true one", async (t) => {
  const store = await temporaryStore(t);
  await store.blobs.put({ key: "k", data: Buffer.from("nine chars") });
  const file = "blobs/keys/k.json";
  const path = join(store.root, file);
  writeFileSync(path, readFileSync(path, "utf8").replace('"size": 10', '"size": 4'));
  const other = await FlowStore.open(store.root);
  atEnd(t, () => other.close());
  assert.equal((await other.blobs.stat("k"))?.size, 4);
  const blob = await other.blobs.get("k");
  assert.deepEqual([blob?.size, blob?.data.length], [10, 10]);
  assert.deepEqual(
    (await other.check()).map((one) => [one.rule, one.file]),
    [["blob-content", file]],
  );
  await other.blobs.put({ key: "k", data: Buffer.from("nine chars") });
  assert.equal((await other.blobs.stat("k"))?.size, 10);
  assert.deepEqual(await other.check(), []);
});
