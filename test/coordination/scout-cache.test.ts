/** The scout cache: exact keys, a life that ends, and nothing that a damaged file could break. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlowStore, SetScoutCacheInput } from "flowstore";
import { openShell } from "../cli/support.ts";
import {
  FRESH_MS,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  tracked,
  warnings,
} from "../features/support.ts";
import { logOf } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

const HOUR_MS = 3_600_000;

function folderOf(store: FlowStore): string {
  return join(store.root, "local/scout-cache");
}

/** Names of the files there are; none without the folder. */
function filesOf(store: FlowStore): string[] {
  return existsSync(folderOf(store)) ? readdirSync(folderOf(store)) : [];
}

test("a result comes back as it was given, with what it is of", async (context) => {
  const clock = new TestClock();
  const store = await makeStore(context, { clock: clock.now });
  const result = { files: ["a.ts"], deep: [[null, 1.5, "é"]] };
  const input = { key: "repo:4f2a91c", commit: "4f2a91c", type: "repo", result, mine: [1] };
  const entry = await store.scoutCache.set(input);
  assert.deepEqual(entry, {
    ...input,
    createdAt: clock.iso(),
    expiresAt: clock.iso(24 * HOUR_MS),
  });
  const again = await reopen(context, store, { clock: clock.now });
  const found = (await again.scoutCache.get("repo:4f2a91c")) as typeof result;
  assert.deepEqual(found, result);
  found.files.push("b.ts");
  assert.deepEqual(await again.scoutCache.get("repo:4f2a91c"), result);
  const text = readFileSync(join(folderOf(store), "repo%3a4f2a91c.json"), "utf8");
  const document = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(
    [document["key"], document["commit"], document["type"], document["createdAt"]],
    ["repo:4f2a91c", "4f2a91c", "repo", clock.iso()],
  );
  for (const value of ["", 0, false, [], {}, "text"]) {
    await store.scoutCache.set({ key: "k", result: value });
    assert.deepEqual(await store.scoutCache.get("k"), value);
  }
  const bare = await store.scoutCache.set({ key: "k", result: 1 });
  assert.deepEqual([bare.commit, bare.type], [null, null]);
});

// Of the old system, `:`, `/` and `\` of a key became `_` in the name of its file.
test("keys that look alike are apart", async (context) => {
  const store = await makeStore(context);
  for (const key of ["a:b", "x/y:1", ...STRANGE_TEXTS])
    await store.scoutCache.set({ key, result: `of ${key}` });
  const again = await reopen(context, store);
  for (const key of ["a:b", "a_b", "x/y:1", ...STRANGE_TEXTS])
    assert.equal(await again.scoutCache.get(key), `of ${key}`);
  assert.equal(await again.scoutCache.get("x_y:1"), null);
  assert.equal(await again.scoutCache.get("a:B"), null);
  assert.ok(!existsSync(join(store.root, "escaped.json")));
});

// Of the old system the life was lost: a result was good for ever, and files without end.
describe("the life of a result", () => {
  test("is 24 hours, and 1 hour for keys that end in :no-git", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.scoutCache.set({ key: "repo:4f2a91c", result: 1 });
    await store.scoutCache.set({ key: "repo:no-git", result: 2 });
    await store.scoutCache.set({ key: "repo:no-git:x", result: 3 });
    const found = async (): Promise<unknown[]> =>
      Promise.all(
        ["repo:4f2a91c", "repo:no-git", "repo:no-git:x"].map((key) => store.scoutCache.get(key)),
      );
    clock.ms += HOUR_MS - 1;
    assert.deepEqual(await found(), [1, 2, 3]);
    clock.ms += 1;
    assert.deepEqual(await found(), [1, null, 3]);
    clock.ms += 23 * HOUR_MS - 1;
    assert.deepEqual(await found(), [1, null, 3]);
    clock.ms += 1;
    assert.deepEqual(await found(), [null, null, null]);
  });

  test("begins anew with every set", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.scoutCache.set({ key: "k", commit: "a", type: "t", result: 1, mine: 1 });
    clock.ms += 23 * HOUR_MS;
    const entry = await store.scoutCache.set({ key: "k", type: "u", result: 2 });
    assert.deepEqual([entry.type, entry.commit, entry["mine"]], ["u", null, undefined]);
    clock.ms += 23 * HOUR_MS;
    assert.equal(await store.scoutCache.get("k"), 2);
    const text = readFileSync(join(folderOf(store), "k.json"), "utf8");
    assert.doesNotMatch(text, /mine/);
  });

  test("set drops what is too old, whatever its key", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    for (let at = 0; at < 10; at += 1) await store.scoutCache.set({ key: `k${at}`, result: at });
    await store.scoutCache.set({ key: "a:no-git", result: "x" });
    clock.ms += HOUR_MS;
    await store.scoutCache.set({ key: "young", result: 1 });
    assert.equal(filesOf(store).length, 11);
    clock.ms += 23 * HOUR_MS;
    await store.scoutCache.set({ key: "new", result: 1 });
    assert.deepEqual(filesOf(store), ["new.json", "young.json"]);
  });

  test("does not grow because the clock was set back", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.scoutCache.set({ key: "k", result: 1 });
    clock.ms -= 1000 * HOUR_MS;
    assert.equal(await store.scoutCache.get("k"), null);
    await store.scoutCache.set({ key: "k", result: 2 });
    assert.equal(await store.scoutCache.get("k"), 2);
  });
});

// Of the old system, a file that could not be read was a hit with an empty text.
describe("a damaged result", () => {
  const damages: Readonly<Record<string, string | Buffer>> = {
    empty: "",
    cut: '{"key":"k","createdAt":"2026-03-01T00:00:00.000Z","result":',
    "no text": Buffer.from([0xff, 0xfe, 0x00]),
    "another kind": '{"id":1}',
    "another key's": '{"key":"other","createdAt":"2026-03-01T00:00:00.000Z","result":1}',
    "without a time": '{"key":"k","createdAt":"soon","result":1}',
  };
  for (const [name, bytes] of Object.entries(damages)) {
    test(`${name}: a miss, reported, and the next set replaces it`, async (context) => {
      const { findings, onWarning } = warnings();
      const clock = new TestClock();
      const store = await makeStore(context, { onWarning, clock: clock.now });
      await store.scoutCache.set({ key: "k", result: 1 });
      await store.scoutCache.set({ key: "l", result: 2 });
      writeFileSync(join(folderOf(store), "k.json"), bytes);
      await pass(FRESH_MS);
      assert.equal(await store.scoutCache.get("k"), null);
      assert.equal(await store.scoutCache.get("l"), 2);
      await pass(0);
      assert.equal(findings[0]?.file, "local/scout-cache/k.json");
      await store.scoutCache.set({ key: "k", result: 3 });
      assert.equal(await store.scoutCache.get("k"), 3);
      assert.equal(
        await (await reopen(context, store, { clock: clock.now })).scoutCache.get("k"),
        3,
      );
    });
  }

  test("a folder in its place: a miss for get, CORRUPT for set, and it stays", async (context) => {
    const store = await makeStore(context);
    mkdirSync(join(folderOf(store), "k.json"), { recursive: true });
    assert.equal(await store.scoutCache.get("k"), null);
    await refused("CORRUPT", store.scoutCache.set({ key: "k", result: 1 }));
    await store.scoutCache.set({ key: "l", result: 1 });
    assert.equal(await store.scoutCache.clear(), 1);
    assert.deepEqual(filesOf(store), ["k.json"]);
  });
});

test("clear drops all, damaged ones too, and counts them", async (context) => {
  const store = await makeStore(context);
  assert.equal(await store.scoutCache.clear(), 0);
  await Promise.all(["a", "b", "c"].map((key) => store.scoutCache.set({ key, result: key })));
  writeFileSync(join(folderOf(store), "b.json"), "{");
  await pass(FRESH_MS);
  assert.equal(await store.scoutCache.clear(), 3);
  assert.deepEqual(filesOf(store), []);
  assert.equal(await store.scoutCache.get("a"), null);
  assert.equal(await store.scoutCache.clear(), 0);
});

test("changes no tracked file and logs nothing", async (context) => {
  const store = await makeStore(context);
  const before = tracked(store);
  await store.scoutCache.set({ key: "k", result: 1 });
  await store.scoutCache.get("k");
  await store.scoutCache.clear();
  assert.deepEqual(tracked(store), before);
  assert.deepEqual(await logOf(store), []);
});

// Of the old system, `get` made folders, even in a directory without a store.
test("get writes nothing, and makes no store", async (context) => {
  const store = await makeStore(context);
  const before = committed(store.root);
  assert.equal(await store.scoutCache.get("k"), null);
  assert.deepEqual(committed(store.root), before);
  const { folder, json } = await openShell(context);
  const { exit, error } = await json(["scout-cache", "get", "k"]);
  assert.deepEqual([exit, error.code], [3, "NOT_INITIALIZED"]);
  assert.deepEqual(readdirSync(folder), []);
});

test("refuses what cannot be", async (context) => {
  const store = await makeStore(context);
  const field = async (input: unknown): Promise<unknown> => {
    const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
      store.scoutCache.set(input as SetScoutCacheInput),
    );
    return error.context["field"];
  };
  for (const key of NO_TEXTS) {
    assert.equal(await field({ key, result: 1 }), "key");
    await refused("BAD_REQUEST", () => store.scoutCache.get(key as string));
  }
  assert.equal(await field({ key: "k" }), "result");
  assert.equal(await field({ key: "k", result: Number.NaN }), "result");
  assert.equal(await field({ key: "k", result: { a: [() => 1] } }), "result.a[0]");
  assert.equal(await field({ key: "k", result: 1, commit: "" }), "commit");
  assert.equal(await field({ key: "k", result: 1, type: 7 }), "type");
  assert.equal(await field({ key: "k", result: 1, createdAt: "now" }), "createdAt");
  assert.equal(await field("k"), "input");
  assert.deepEqual(filesOf(store), []);
});

test("a transaction that is undone keeps nothing", async (context) => {
  const store = await makeStore(context);
  await assert.rejects(
    store.transaction(async () => {
      await store.scoutCache.set({ key: "k", result: 1 });
      assert.equal(await store.scoutCache.get("k"), 1);
      throw new Error("undone");
    }),
    /undone/,
  );
  assert.equal(await store.scoutCache.get("k"), null);
});
