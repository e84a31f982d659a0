/** Blobs: bytes by key, whole or not at all, and what is damaged is named. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowError, FlowStore } from "flowstore";
import { temporaryStore, withCode } from "../events/support.ts";
import { atEnd } from "../at-end.ts";

const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
const fileOf = (store: FlowStore, digest: string): string =>
  join(store.root, "blobs/data", digest.slice(0, 2), digest);

describe("blobs", () => {
  test("are what was put, whatever the bytes, and stat does not read them", async (t) => {
    const store = await temporaryStore(t);
    const data = randomBytes(700_000);
    const entry = await store.blobs.put({ key: "a:b/C", data, contentType: "image/png" });
    const told = { size: 700_000, contentType: "image/png", sha256: sha(data) };
    assert.deepEqual(entry, { key: "a:b/C", ...told });
    assert.deepEqual(await store.blobs.stat("a:b/C"), told);
    const got = await store.blobs.get("a:b/C");
    assert.ok(got?.data.equals(data));
    assert.equal(got?.contentType, "image/png");
    rmSync(fileOf(store, told.sha256));
    assert.deepEqual(await store.blobs.stat("a:b/C"), told);
    assert.equal(await store.blobs.get("none"), null);
    assert.equal(await store.blobs.stat("none"), null);
  });

  test("an empty one, and one without a type", async (t) => {
    const { blobs } = await temporaryStore(t);
    await blobs.put({ key: "k", data: new Uint8Array() });
    const got = await blobs.get("k");
    assert.deepEqual(got, { size: 0, sha256: sha(new Uint8Array()), data: Buffer.alloc(0) });
  });

  test("the same content lies once; another one for a key takes the place of the first", async (t) => {
    const store = await temporaryStore(t);
    for (const key of ["a", "b"]) await store.blobs.put({ key, data: Buffer.from("same") });
    assert.equal(readdirSync(join(store.root, "blobs/data")).length, 1);
    await store.blobs.put({ key: "a", data: Buffer.from("other") });
    assert.equal((await store.blobs.get("a"))?.data.toString(), "other");
    assert.equal((await store.blobs.get("b"))?.data.toString(), "same");
    assert.deepEqual(
      (await store.blobs.list()).map(({ key, size }) => [key, size]),
      [
        ["a", 5],
        ["b", 4],
      ],
    );
  });

  test("streams go in and out in flat memory", async (t) => {
    const store = await temporaryStore(t);
    const chunk = randomBytes(1 << 20);
    const count = 96;
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < count; at += 1) yield chunk;
    }
    const before = process.memoryUsage().rss;
    const { size } = await store.blobs.put({ key: "big", data: bytes() });
    assert.equal(size, count * chunk.length);
    const hash = createHash("sha256");
    const stream = await store.blobs.stream("big");
    assert.ok(stream !== null);
    for await (const one of stream.data) hash.update(one);
    assert.equal(hash.digest("hex"), stream.sha256);
    const grownMb = (process.memoryUsage().rss - before) / (1 << 20);
    assert.ok(grownMb < count / 2, `${grownMb} MB more for ${count} MB`);
  });

  test("a stream that throws leaves nothing, and its error is the caller's", async (t) => {
    const store = await temporaryStore(t);
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("first");
      throw new RangeError("no more");
    }
    await assert.rejects(store.blobs.put({ key: "k", data: bytes() }), RangeError);
    assert.equal(await store.blobs.stat("k"), null);
    assert.deepEqual(readdirSync(join(store.root, "local/blobs")), []);
    assert.equal(existsSync(join(store.root, "blobs/data")), false);
  });

  test("what is damaged is CORRUPT and names the file; a new put mends it", async (t) => {
    const store = await temporaryStore(t);
    const data = Buffer.from("content");
    const { sha256 } = await store.blobs.put({ key: "k", data });
    const file = `blobs/data/${sha256.slice(0, 2)}/${sha256}`;
    const named = (error: unknown): boolean =>
      error instanceof FlowError && error.code === "CORRUPT" && error.context["file"] === file;
    writeFileSync(join(store.root, file), "Content");
    await assert.rejects(store.blobs.get("k"), named);
    assert.deepEqual(
      (await store.check()).map(({ rule, file: at }) => [rule, at]),
      [["blob-content", "blobs/keys/k.json"]],
    );
    rmSync(join(store.root, file));
    await assert.rejects(store.blobs.get("k"), named);
    await store.blobs.put({ key: "other", data });
    assert.equal((await store.blobs.get("k"))?.data.toString(), "content");
    assert.deepEqual(await store.check(), []);
  });

  test("go with events and rows into one transaction, or not at all", async (t) => {
    const store = await temporaryStore(t);
    const boom = new Error("boom");
    const act = async (): Promise<void> => {
      await store.blobs.put({ key: "k", data: Buffer.from("x") });
      await store.events.append("a:1", [{ type: "E", payload: {} }]);
      await store.projections.upsert({ table: "t", rows: [{ id: "1" }] });
      assert.equal((await store.blobs.get("k"))?.data.toString(), "x");
    };
    const failing = store.transaction(async () => {
      await act();
      throw boom;
    });
    await assert.rejects(failing, (error) => error === boom);
    assert.equal(await store.blobs.get("k"), null);
    assert.deepEqual(await store.projections.list("t"), []);
    assert.deepEqual(await store.events.load("a:1"), []);
    await store.transaction(act);
    assert.equal((await store.blobs.get("k"))?.data.toString(), "x");
    assert.equal((await store.projections.list("t")).length, 1);
    assert.equal((await store.events.load("a:1")).length, 1);
  });

  test("only collect removes contents, and only those that no key names", async (t) => {
    const store = await temporaryStore(t);
    const { blobs } = store;
    const { sha256 } = await blobs.put({ key: "gone", data: Buffer.from("gone") });
    await blobs.put({ key: "stays", data: Buffer.from("stays") });
    assert.equal(await blobs.delete("gone"), true);
    assert.equal(await blobs.delete("gone"), false);
    assert.equal(await blobs.get("gone"), null);
    assert.deepEqual(await blobs.collect(), { removed: 0, bytes: 0, kept: 2, unfinished: 0 });
    const dry = await blobs.collect({ olderThanMs: 0, dryRun: true });
    assert.deepEqual(dry, { removed: 1, bytes: 4, kept: 1, unfinished: 0 });
    assert.equal(readFileSync(fileOf(store, sha256), "utf8"), "gone");
    assert.deepEqual(await blobs.collect({ olderThanMs: 0 }), dry);
    assert.equal(existsSync(fileOf(store, sha256)), false);
    assert.equal((await blobs.get("stays"))?.data.toString(), "stays");
    await assert.rejects(
      store.transaction(() => blobs.collect()),
      withCode("BAD_REQUEST"),
    );
  });

  test("collecting beside writers loses no content that was put", async (t) => {
    const store = await temporaryStore(t);
    const other = await FlowStore.open(store.root, { durability: "none" });
    atEnd(t, () => other.close());
    let isOver = false;
    const collecting = (async () => {
      let runs = 0;
      for (; !isOver; runs += 1) await other.blobs.collect({ olderThanMs: 0 });
      return runs;
    })();
    for (let round = 0; round < 150; round += 1) {
      const data = Buffer.from(`content ${round % 5}`);
      const key = `k${round % 7}`;
      await store.blobs.put({ key, data });
      assert.ok((await store.blobs.get(key))?.data.equals(data));
    }
    isOver = true;
    assert.ok((await collecting) > 10);
    for (const { key } of await store.blobs.list()) assert.ok(await store.blobs.get(key));
    assert.deepEqual(await store.check(), []);
  });

  test("nothing is written, read or removed through a link in the place of a folder", async (t) => {
    const store = await temporaryStore(t);
    const outside = join(store.root, "..", "outside");
    mkdirSync(outside);
    await store.blobs.put({ key: "k", data: Buffer.from("x") });
    renameSync(join(store.root, "blobs/data"), join(outside, "data"));
    symlinkSync(join(outside, "data"), join(store.root, "blobs/data"));
    const before = readdirSync(outside, { recursive: true }).length;
    const linked = withCode("IO");
    await assert.rejects(store.blobs.put({ key: "k", data: Buffer.from("y") }), linked);
    await assert.rejects(store.blobs.get("k"), linked);
    await assert.rejects(store.blobs.collect({ olderThanMs: 0 }), linked);
    assert.equal(readdirSync(outside, { recursive: true }).length, before);
    assert.deepEqual(readdirSync(join(store.root, "local/blobs")), []);
  });

  for (const [what, input] of [
    ["no key", { key: "", data: Buffer.from("x") }],
    ["no bytes", { key: "k", data: 7 }],
    ["a text", { key: "k", data: "text" }],
    ["a list of texts", { key: "k", data: ["text"] }],
    ["an empty type", { key: "k", data: Buffer.from("x"), contentType: "" }],
  ] as const) {
    test(`${what} is BAD_REQUEST`, async (t) => {
      const store = await temporaryStore(t);
      const put = store.blobs.put(input as unknown as { key: string; data: Uint8Array });
      await assert.rejects(put, withCode("BAD_REQUEST"));
      assert.equal(existsSync(join(store.root, "blobs/keys")), false);
    });
  }
});
