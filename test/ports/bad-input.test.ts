/** What callers without types may give to the ports: refused, never an error of the language. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDbContext } from "flowstore";
import { temporaryStore, withCode } from "../events/support.ts";

test("each port refuses what is no input", async (t) => {
  const { eventStore, projectionStore, tx, blobStore } = createDbContext(await temporaryStore(t));
  const ports = { ...eventStore, ...projectionStore, ...tx, ...blobStore };
  assert.equal(Object.keys(ports).length, 11);
  const calls = Object.entries(ports) as [string, (given: unknown) => Promise<unknown>][];
  for (const [name, call] of calls) {
    for (const given of [undefined, null, 5, "text", [], {}]) {
      await assert.rejects(
        call(given),
        withCode("BAD_REQUEST"),
        `${name}(${JSON.stringify(given)})`,
      );
    }
  }
});
