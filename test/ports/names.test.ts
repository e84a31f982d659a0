/** A slip in the name of an option is told, before anything is done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowError, type FlowStore } from "flowstore";
import { temporaryStore } from "../events/support.ts";

type Call = (store: FlowStore) => Promise<unknown>;

const SLIPS: readonly (readonly [name: string, call: Call])[] = [
  ["dryrun", ({ blobs }) => blobs.collect({ olderThanMs: 0, ...named("dryrun", true) })],
  [
    "moed",
    ({ projections }) =>
      projections.upsert({ table: "t", rows: [{ id: "1" }], ...named("moed", "replace") }),
  ],
  ["key", ({ projections }) => projections.truncate({ table: "t", ...named("key", "a") })],
  ["timeout", ({ projections }) => projections.query({ sql: "SELECT 1", ...named("timeout", 5) })],
];

/** An object of which the types know nothing. */
function named(name: string, value: unknown): object {
  return { [name]: value };
}

test("names that a call does not know are refused", async (t) => {
  const store = await temporaryStore(t);
  await store.projections.upsert({ table: "t", rows: [{ id: "1", n: 1 }] });
  await store.blobs.put({ key: "k", data: Buffer.from("x") });
  await store.blobs.delete("k");
  for (const [name, call] of SLIPS) {
    await assert.rejects(call(store), (error) => {
      assert.ok(error instanceof FlowError, name);
      assert.deepEqual([error.code, error.context["field"]], ["BAD_REQUEST", name]);
      return true;
    });
  }
  assert.deepEqual(await store.projections.list("t"), [{ id: "1", n: 1 }]);
  const note = { agent: "ann", source: "api", note: "tidy" };
  const collected = await store.blobs.collect({ olderThanMs: 0, dryRun: undefined, ...note });
  assert.equal(collected.removed, 1);
  const [event] = await store.events.load("blobs");
  assert.deepEqual([event?.type, event?.metadata], ["blobs_collected", { note: "tidy" }]);
  assert.deepEqual(await store.events.query({ agent: "ann", type: "blobs_collected" }), [event]);
});
