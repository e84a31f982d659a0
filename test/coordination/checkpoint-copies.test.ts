/** Going back where somebody copied a document, so that two files bear one uid. */
import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Feature, FlowStore } from "flowstore";
import { fileOf, FRESH_MS, makeStore, pass, TestClock, told } from "../features/support.ts";
import { documentsIn, living, tombstones } from "./checkpoint-support.ts";

/** Copies a document beside itself, as a person does who wants another one like it. */
function copyOf(path: string, name: string): string {
  const copy = join(dirname(path), name);
  copyFileSync(path, copy);
  return copy;
}

function uidIn(store: FlowStore, path: string): unknown {
  return (JSON.parse(readFileSync(join(store.root, path), "utf8")) as { uid?: unknown }).uid;
}

async function makeCart(store: FlowStore): Promise<Feature> {
  const cart = await store.features.create({ name: "Cart" });
  await store.features.create({ name: "Prices" });
  return cart;
}

test("a file that was renamed, and a copy of it edited in its place: check finds nothing afterwards", async (context) => {
  const store = await makeStore(context);
  const cart = await makeCart(store);
  const path = fileOf(store, cart);
  await store.checkpoints.save("a");
  const before = documentsIn(store.root);
  const aside = join(store.root, "features/1-zzz.json");
  renameSync(path, aside);
  writeFileSync(path, readFileSync(aside, "utf8").replace("Cart", "Basket"));
  await pass(FRESH_MS);
  const { saved, counts } = await store.checkpoints.restore("a");
  assert.deepEqual([counts.restored, counts.deleted], [1, 1]);
  assert.deepEqual(await store.check(), []);
  assert.deepEqual(living(documentsIn(store.root)), before);
  assert.deepEqual(tombstones(documentsIn(store.root)), ["features/1-zzz.json"]);
  assert.deepEqual(await told(store, cart.uid), ["created", "restored status pending>pending"]);
  // Undone, both are there again, byte for byte, and check says what it said before.
  await store.checkpoints.restore(String(saved));
  assert.equal(uidIn(store, "features/1-zzz.json"), cart.uid);
  assert.ok((await store.check()).some(({ rule }) => rule === "duplicate-uid"));
  await store.checkpoints.restore("a");
  assert.deepEqual(await store.check(), []);
});

test("a copy of a claimed feature goes, and takes neither its state nor its lease along", async (context) => {
  const clock = new TestClock();
  const store = await makeStore(context, { clock: clock.now });
  const cart = await makeCart(store);
  await store.features.claimAndGet(1, { agent: "ann", leaseMs: 60_000 });
  await store.checkpoints.save("a");
  await store.features.renewClaim(1, "ann", { leaseMs: 90_000 });
  const claimed = await store.features.getById(1);
  copyOf(fileOf(store, cart), "1-copy.json");
  await pass(FRESH_MS);
  const { documents } = await store.checkpoints.restore("a");
  assert.deepEqual(
    documents.filter(({ change }) => change !== "unchanged"),
    [{ path: "features/1-copy.json", change: "deleted" }],
  );
  assert.deepEqual((await store.features.getById(1))?.claim, claimed?.claim);
  assert.equal(claimed?.claim?.expiresAt, clock.iso(90_000));
  assert.deepEqual(await told(store, cart.uid), ["created", "claimed status pending>in_progress"]);
  assert.deepEqual(await store.check(), []);
});

test("a feature that came since, and its copy: both go, each with its own end", async (context) => {
  const store = await makeStore(context);
  await store.checkpoints.save("a");
  const cart = await store.features.create({ name: "Cart" });
  copyOf(fileOf(store, cart), "7-copy.json");
  writeFileSync(
    join(store.root, "features/7-copy.json"),
    readFileSync(fileOf(store, cart), "utf8").replace('"id": 1', '"id": 7'),
  );
  await pass(FRESH_MS);
  assert.equal((await store.checkpoints.restore("a")).counts.deleted, 2);
  assert.deepEqual(await store.features.getAll(), []);
  assert.deepEqual(await told(store, cart.uid), ["created", "deleted"]);
  assert.deepEqual(await told(store, 7), ["deleted"]);
  assert.deepEqual(await store.check(), []);
});

test("a copy of a gap: the event of its end names another uid than that of the gap that stays", async (context) => {
  const store = await makeStore(context);
  const { gap } = await store.gaps.add({ epicId: "fn-1", capability: "search" });
  await store.checkpoints.save("a");
  const folder = join(store.root, "gaps/fn-1");
  copyOf(join(folder, readdirSync(folder)[0] ?? ""), "1-copy.json");
  await pass(FRESH_MS);
  await store.checkpoints.restore("a");
  assert.deepEqual(await store.gaps.list("fn-1"), [gap]);
  const [event, ...more] = await store.events.query({ type: "gap_restored" });
  assert.ok(event !== undefined && more.length === 0);
  const { change, gapUid } = event.payload as { change: string; gapUid: string };
  assert.equal(change, "deleted");
  assert.equal(gapUid, uidIn(store, "gaps/fn-1/1-copy.json"));
  assert.notEqual(gapUid, gap.uid);
  assert.deepEqual(await store.check(), []);
});
