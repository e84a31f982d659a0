/** Blobs as streams: taken no faster than written, given up cleanly, killed, and read beside writers. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { addAbortSignal, Readable } from "node:stream";
import { describe, test } from "node:test";
import { FlowError } from "flowstore";
import { openStoreShell, outcomeOf, start } from "../cli/support.ts";
import { temporaryStore, withCode } from "../events/support.ts";
import { until } from "../storage/support.ts";

const MIB = 1024 * 1024;

describe("putting a stream", () => {
  test("asks for a chunk when the one before is written", async (t) => {
    const store = await temporaryStore(t);
    const parts = join(store.root, "local/blobs");
    const chunk = randomBytes(MIB);
    const written: number[] = [];
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 4; at += 1) {
        const [part = ""] = readdirSync(parts);
        written.push(readFileSync(join(parts, part)).length / MIB);
        yield chunk;
      }
    }
    await store.blobs.put({ key: "k", data: bytes() });
    assert.deepEqual(written, [0, 1, 2, 3]);
    assert.equal((await store.blobs.stat("k"))?.size, 4 * MIB);
  });

  test("an aborted one, and one that throws, leave what the key had, and nothing else", async (t) => {
    const store = await temporaryStore(t);
    await store.blobs.put({ key: "k", data: Buffer.from("old") });
    const abort = new AbortController();
    const source = new Readable({ read: () => undefined });
    source.push(randomBytes(MIB));
    const putting = store.blobs.put({ key: "k", data: addAbortSignal(abort.signal, source) });
    await until(() => readdirSync(join(store.root, "local/blobs")).length === 1);
    abort.abort();
    await assert.rejects(putting, { name: "AbortError" });
    assert.equal(String((await store.blobs.get("k"))?.data), "old");
    assert.deepEqual(readdirSync(join(store.root, "local/blobs")), []);
    assert.deepEqual(await store.blobs.collect({ olderThanMs: 0 }), {
      ...{ removed: 0, bytes: 0, kept: 1, unfinished: 0 },
    });
  });

  test("a killed one leaves what the key had, and a part that is collected later", async (t) => {
    const { folder, run, json } = await openStoreShell(t);
    await run(["blob", "put", "k", "--file", "-"], { input: "old" });
    const child = start(folder, ["blob", "put", "k", "--file", "-"]);
    const ended = outcomeOf(child);
    child.stdin.write(randomBytes(MIB));
    const parts = join(folder, ".flow/local/blobs");
    const size = (): number =>
      readdirSync(parts).reduce((sum, name) => sum + readFileSync(join(parts, name)).length, 0);
    await until(() => size() === MIB);
    child.kill("SIGKILL");
    assert.equal((await ended).exit, null);
    assert.equal((await run(["blob", "get", "k"])).stdout, "old");
    assert.deepEqual((await json(["check"])).data, []);
    assert.equal(size(), MIB);
  });

  test("in a transaction it lets the store show that it lives", async (t) => {
    const store = await temporaryStore(t);
    const stream = Readable.from(Array.from({ length: 40 }, () => randomBytes(MIB)));
    await store.transaction(() => store.blobs.put({ key: "k", data: stream }), {
      timeoutMs: 60_000,
    });
    assert.equal((await store.blobs.stat("k"))?.size, 40 * MIB);
  });
});

/** Where an open file of this process leads; one that was closed meanwhile nowhere. */
function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}

describe("reading a stream", () => {
  test("that is left early closes its file, and reads no further", async (t) => {
    const store = await temporaryStore(t);
    const { sha256 } = await store.blobs.put({ key: "k", data: randomBytes(8 * MIB) });
    const opened = (): number =>
      readdirSync("/proc/self/fd").filter((fd) => linkOf(fd).endsWith(sha256)).length;
    const stream = await store.blobs.stream("k");
    assert.ok(stream !== null);
    let taken = 0;
    for await (const chunk of stream.data) {
      taken += chunk.length;
      assert.equal(opened(), 1);
      break;
    }
    assert.ok(taken <= MIB);
    assert.equal(opened(), 0);
  });

  test("whose key got another content that was collected is CONFLICT, to be tried again", async (t) => {
    const { blobs } = await temporaryStore(t);
    await blobs.put({ key: "k", data: Buffer.from("old") });
    const late = await blobs.stream("k");
    const early = (await blobs.stream("k"))?.data[Symbol.asyncIterator]();
    await blobs.put({ key: "long", data: randomBytes(2 * MIB) });
    const first = await early?.next();
    await blobs.put({ key: "k", data: Buffer.from("new") });
    assert.equal((await blobs.collect({ olderThanMs: 0 })).removed, 1);
    assert.equal(String(first?.value), "old");
    assert.equal((await early?.next())?.done, true, "an open file stays");
    const isRetryable = (error: unknown): boolean => error instanceof FlowError && error.retryable;
    await assert.rejects(async () => late?.data[Symbol.asyncIterator]().next(), isRetryable);
    assert.equal(String((await blobs.get("k"))?.data), "new");
  });

  test("finds what a killed collection took aside; the next one puts it back", async (t) => {
    const store = await temporaryStore(t);
    const { sha256 } = await store.blobs.put({ key: "k", data: Buffer.from("content") });
    const path = join(store.root, "blobs/data", sha256.slice(0, 2), sha256);
    const aside = join(store.root, "local/blobs", `gone-${sha256}`);
    mkdirSync(join(store.root, "local/blobs"), { recursive: true });
    renameSync(path, aside);
    assert.equal(String((await store.blobs.get("k"))?.data), "content");
    assert.deepEqual(await store.check(), []);
    await store.blobs.collect();
    assert.equal(readFileSync(path, "utf8"), "content");
    assert.deepEqual(readdirSync(join(store.root, "local/blobs")), []);
    renameSync(path, aside);
    // Put anew meanwhile: the same bytes.
    await store.blobs.put({ key: "k", data: Buffer.from("content") });
    await store.blobs.collect();
    assert.deepEqual(readdirSync(join(store.root, "local/blobs")), []);
    writeFileSync(aside, "of nobody");
    await store.blobs.delete("k");
    assert.equal((await store.blobs.collect({ olderThanMs: 0 })).removed, 1);
    await assert.rejects(store.blobs.collect({ olderThanMs: -1 }), withCode("BAD_REQUEST"));
  });
});
