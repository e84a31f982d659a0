/** Defects outside of the rooms that I may change: each test fails today. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { FlowStore, FlowError } from "flowstore";

import {
  FRESH_MS,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  reopen,
  snapshot,
} from "../features/support.ts";

function sealed(body: string): string {
  return `${body},"crc":"${crc32(body).toString(16).padStart(8, "0")}"}\n`;
}

describe("storage", () => {
  test("relaxed: an idle store lets the guard go (its flush may run while #running is still true, then nothing lingers)", async (context) => {
    const one = await makeStore(context, { durability: "full", guardTimeoutMs: 1500 });
    const relaxed = await reopen(context, one, { durability: "relaxed" });
    for (let count = 0; count < 60; count += 1) {
      await one.features.create({ name: "full" });
      await relaxed.features.create({ name: "relaxed" });
    }
    await relaxed.close();
    const fresh = await FlowStore.open(one.root, { ...QUICK, readOnly: true });
    assert.equal((await fresh.features.getAll()).length, 120);
    await fresh.close();
  });

  test("a transaction sees its own events and their time", async (context) => {
    let ms = 1e12;
    const store = await makeStore(context, { clock: () => ms });
    await store.features.create({ name: "old" });
    ms += 1000;
    await store.transaction(async () => {
      await store.features.update(1, { name: "new" });
      assert.equal((await store.features.getById(1))?.updatedAt, new Date(ms).toISOString());
      assert.equal((await store.features.getAll())[0]?.updatedAt, new Date(ms).toISOString());
      assert.equal((await store.changes.getEvents(1)).length, 2);
      assert.equal((await store.events.query()).length, 2);
    });
  });

  for (const [name, body] of Object.entries({
    "that is no JSON": '{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV",,,',
    "that is no object": '"x"',
    "without type and time":
      '{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","stream":"feature:x","txId":"a","n":1,"of":1,"payload":{"featureId":1}',
    "with an id that is no ULID":
      '{"id":"~","stream":"feature:x","type":"t","schemaVersion":1,"createdAt":"x","txId":"a","n":1,"of":1,"payload":{"featureId":1}',
    "with wrong types":
      '{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","stream":"feature:x","type":5,"schemaVersion":1,"createdAt":7,"txId":"a","n":1,"of":1,"payload":{"featureId":1,"field":{"a":1}}',
  })) {
    test(`an event line with a right checksum ${name} is damaged, and the others count`, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      await store.close();
      const [segment = ""] = readdirSync(join(store.root, "events"));
      appendFileSync(join(store.root, "events", segment), sealed(body));
      const again = await reopen(context, store);
      assert.equal((await again.features.getAll()).length, 1);
      assert.equal((await again.changes.getEvents(1)).length, 1);
      assert.deepEqual(
        (await again.check()).map(({ rule, line }) => [rule, line]),
        [["event-damaged", 3]],
      );
      assert.equal((await again.features.create({ name: "b" })).id, 2);
    });
  }

  for (const body of [
    '{"segment":1',
    '{"segment":1,"ids":null',
    '{"segment":1,"ids":{"feature":1e300}',
    '{"segment":1,"ids":{"feature":"x"}',
  ]) {
    test(`a segment's header ${body} stops no write`, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      writeFileSync(join(store.root, "events/01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl"), sealed(body));
      await pass(FRESH_MS);
      assert.equal((await store.features.create({ name: "b" })).id, 2);
    });
  }

  test("local/ as a link to outside is written through", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    await store.close();
    const outside = join(makeProject(context), "local");
    renameSync(join(store.root, "local"), outside);
    symlinkSync(outside, join(store.root, "local"));
    const before = snapshot(outside);
    const again = await reopen(context, store);
    await refused("IO", () => again.features.create({ name: "b" }));
    assert.deepEqual(snapshot(outside), before);
  });

  test("guardTimeoutMs 0 tries once", async (context) => {
    const store = await makeStore(context);
    const hasty = await reopen(context, store, { guardTimeoutMs: 0 });
    assert.equal((await hasty.features.create({ name: "a" })).id, 1);
  });

  test("repair and close inside a transaction are refused at once", async (context) => {
    const store = await makeStore(context);
    const began = performance.now();
    await refused("BAD_REQUEST", () =>
      store.transaction(() => store.repair(), { timeoutMs: 1000 }),
    );
    await refused("BAD_REQUEST", () => store.transaction(() => store.close(), { timeoutMs: 1000 }));
    assert.ok(performance.now() - began < 500);
  });
});

describe("disk", () => {
  test(
    "a device without an end is no file (as root: features/2-x.json as a node of /dev/zero)",
    { timeout: 10_000 },
    async (context) => {
      if (process.getuid?.() !== 0) return;
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      execFileSync("mknod", [join(store.root, "features/2-x.json"), "c", "1", "5"]);
      await pass(FRESH_MS);
      const script = `const { FlowStore } = await import(${JSON.stringify(import.meta.resolve("flowstore"))});
      const s = await FlowStore.open(${JSON.stringify(store.root)}); console.log((await s.features.getAll()).length); await s.close();`;
      const path = join(store.root, "../run.mjs");
      writeFileSync(path, script);
      // A limit on memory, or the machine suffers.
      const out = execFileSync(
        "sh",
        ["-c", `ulimit -v 4000000; exec ${process.execPath} ${path}`],
        { encoding: "utf8", timeout: 5000 },
      );
      assert.equal(out, "1\n");
    },
  );

  test("open of a name too long, of a loop of links: a FlowError", async (context) => {
    const project = makeProject(context);
    symlinkSync("loop", join(project, "loop"));
    for (const dir of ["x".repeat(300), "y/".repeat(4000), "loop", "loop/x"]) {
      const error = await FlowStore.open(join(project, dir)).catch((caught: unknown) => caught);
      assert.ok(error instanceof FlowError, `${dir.slice(0, 10)}: ${String(error).slice(0, 80)}`);
    }
  });
});

describe("model", () => {
  test("requireRef: an object without a prototype is BAD_REQUEST (String() throws a TypeError)", async (context) => {
    const store = await makeStore(context);
    await refused("BAD_REQUEST", () => store.features.getById(Object.create(null) as number));
  });
});

void mkdirSync;
void sleep;
