/** Files of locks that cannot be used: reported, in the way of what they may speak of, cleared by the tool. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlowStore } from "flowstore";
import { FRESH_MS, pass, refused, reopen, warnings } from "../features/support.ts";
import { brief, filesIn, gets, lockOne, logOf, makeLocks, MINUTES } from "./lock-support.ts";

/** Bytes that are no document of a lock. */
const DAMAGES: Readonly<Record<string, string | Buffer>> = {
  empty: "",
  "cut short": '{\n  "path": "src/a.ts",\n  "kind": "fi',
  "zero bytes": Buffer.alloc(64),
  "conflict markers": "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n",
  "not UTF-8": Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  "no lock": '{ "path": "src/a.ts" }\n',
  "a mode that is none": '{ "path": "src/a.ts", "kind": "file", "holders": [{ "mode": "x" }] }\n',
  "the lock of another path": '{ "path": "src/b.ts", "kind": "file", "holders": [] }\n',
};

const FILE = "src%2fa.ts.json";

async function damage(store: FlowStore, bytes: string | Buffer, name = FILE): Promise<string> {
  const folder = join(store.root, "local/locks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  await pass(FRESH_MS);
  return `local/locks/${name}`;
}

/** The bytes that were kept aside. */
function keptIn(store: FlowStore): string[] {
  const folder = join(store.root, "local/quarantine");
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".why.json"))
    .map((name) => readFileSync(join(folder, name)).toString("latin1"));
}

for (const [kind, bytes] of Object.entries(DAMAGES)) {
  describe(`a file with ${kind}`, () => {
    // flowctl's X-6: an unreadable file of locks read as "not locked".
    test("is in the way of all that it may speak of, and of nothing else", async (context) => {
      const { findings, onWarning } = warnings();
      const { store, locks } = await makeLocks(context, { onWarning });
      const other = await lockOne(locks, "lib/x.ts", "a");
      const file = await damage(store, bytes);
      for (const path of ["src/a.ts", "src", ".", "src/a.ts/below"]) {
        const error = await refused("CORRUPT", lockOne(locks, path, "a", "read"));
        assert.equal(error.context["file"], file, path);
        await refused("CORRUPT", locks.check(path));
        await refused("CORRUPT", locks.conflicts({ paths: [path] }));
        await refused("CORRUPT", locks.list({ path }));
      }
      await refused("CORRUPT", locks.assertHeld("src/a.ts", other.token));
      await refused("CORRUPT", lockOne(locks, "src/a.ts", "a", "write"));
      const waiting = locks.acquire({ paths: ["src/a.ts"], taskId: "a", waitMs: 10_000 });
      await refused("CORRUPT", waiting);
      assert.deepEqual(filesIn(store, "lock-queue"), []);

      assert.equal(await gets(locks, "src", "b", "directory_add"), true, "its names are not meant");
      assert.equal(await gets(locks, "src/b.ts", "b"), true);
      assert.deepEqual(await locks.assertHeld("lib/x.ts", other.token), other);
      assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost: [] });
      assert.equal((await locks.list()).length, 3, "the others are listed");
      assert.ok(findings.some((finding) => finding.file === file));
    });

    test("is cleared by releaseAll, its bytes kept", async (context) => {
      const { store, locks } = await makeLocks(context);
      await lockOne(locks, "lib", "a");
      await damage(store, bytes);
      assert.equal(await locks.releaseAll({ agent: "boss" }), 2);
      assert.deepEqual(filesIn(store, "locks"), []);
      const expected = bytes === "" ? [] : [Buffer.from(bytes).toString("latin1")];
      // An empty file has no byte that could be kept; what was text is kept even so.
      assert.deepEqual(
        keptIn(store).filter((kept) => kept !== ""),
        expected,
      );
      const event = (await locks.history()).find(({ file }) => file !== null);
      assert.deepEqual([event?.event, event?.agent, event?.path], ["cleared", "boss", "src/a.ts"]);
      assert.equal(await gets(locks, "src/a.ts", "b"), true);
    });

    test("is cleared by a release of exactly that path", async (context) => {
      const { store, locks } = await makeLocks(context);
      await damage(store, bytes);
      assert.equal(await locks.release({ taskId: "a", paths: ["src", "src/b.ts"] }), 0);
      assert.deepEqual(filesIn(store, "locks"), [FILE]);
      assert.equal(await locks.releaseForTask("a"), 0, "whose it was is not known");
      assert.deepEqual(filesIn(store, "locks"), [FILE]);
      assert.equal(await locks.release({ taskId: "a", paths: ["./src/a.ts"] }), 1);
      assert.deepEqual(filesIn(store, "locks"), []);
      assert.equal(await gets(locks, "src/a.ts", "b"), true);
    });
  });
}

test("a damaged file is cleaned up once the log says that nobody can hold it", async (context) => {
  const { store, locks, clock } = await makeLocks(context);
  await locks.acquire({ paths: ["src/a.ts"], taskId: "a", ttlMs: 10 * MINUTES });
  await locks.acquire({ paths: ["src/c.ts"], taskId: "a", ttlMs: 99 * MINUTES });
  clock.ms += 5 * MINUTES;
  await locks.heartbeat("a");
  const text = readFileSync(join(store.root, "local/locks", FILE), "utf8");
  await damage(store, text.slice(0, -10));
  await damage(store, "never known", "src%2fb.ts.json");
  clock.ms += 10 * MINUTES - 1;
  assert.equal(await locks.cleanupStale(), 0, "the heartbeat let it live until now");
  clock.ms += 1;
  assert.equal(await locks.cleanupStale(), 1);
  assert.deepEqual(filesIn(store, "locks"), ["src%2fb.ts.json", "src%2fc.ts.json"]);
  assert.deepEqual(keptIn(store), [text.slice(0, -10)]);
});

test("a file whose name tells no path is in the way of everything", async (context) => {
  const { store, locks } = await makeLocks(context);
  for (const name of ["README.json", `${"k".repeat(100)}%-${"0".repeat(32)}.json`]) {
    const file = await damage(store, "{", name);
    const error = await refused("CORRUPT", lockOne(locks, "far/away.ts", "a"));
    assert.equal(error.context["file"], file);
    assert.equal(await locks.cleanupStale(), 0);
    assert.equal(await locks.releaseAll(), 1);
    assert.equal(await gets(locks, "far/away.ts", "a"), true);
    await locks.releaseAll();
  }
  // What does not end in .json is none of ours.
  await damage(store, "notes", "notes.txt");
  assert.equal(await gets(locks, "far/away.ts", "a"), true);
});

test("the damaged file of a long path is cleared by that path", async (context) => {
  const { store, locks } = await makeLocks(context);
  const path = "deep/".repeat(100) + "x.ts";
  await lockOne(locks, path, "a");
  const [name = ""] = filesIn(store, "locks");
  assert.match(name, /%-[0-9a-f]{32}\.json$/);
  await damage(store, "{", name);
  assert.equal(await locks.release({ taskId: "a", paths: [path] }), 1);
  assert.deepEqual(filesIn(store, "locks"), []);
});

test("what is no file cannot be cleared, and says so", async (context) => {
  const { store, locks } = await makeLocks(context);
  const path = join(store.root, "local/locks", FILE);
  mkdirSync(path, { recursive: true });
  await refused("CORRUPT", lockOne(locks, "src/a.ts", "a"));
  await refused("CORRUPT", locks.releaseAll());
  assert.equal(await gets(locks, "lib", "a"), true);
  rmSync(path, { recursive: true });
  symlinkSync("/etc/passwd", path);
  await pass(FRESH_MS);
  await refused("CORRUPT", lockOne(locks, "src/a.ts", "a"));
  await refused("CORRUPT", locks.releaseAll());
  assert.deepEqual(brief(await locks.list()), ["a write lib"], "nothing was half done");
});

test("a damaged place in the queue is reported, put aside, and holds up nobody", async (context) => {
  const { findings, onWarning } = warnings();
  const { store, locks } = await makeLocks(context, { onWarning });
  mkdirSync(join(store.root, "local/lock-queue"), { recursive: true });
  writeFileSync(join(store.root, "local/lock-queue/7.json"), '{ "ticket": 7');
  mkdirSync(join(store.root, "local/lock-queue/8.json"));
  await pass(FRESH_MS);
  assert.equal(await gets(locks, "a", "a"), true);
  assert.deepEqual(filesIn(store, "lock-queue"), ["8.json"]);
  assert.deepEqual(keptIn(store), ['{ "ticket": 7']);
  assert.ok(findings.some(({ file }) => file === "local/lock-queue/7.json"));
});

test("a lock log with torn and strange lines is read as far as it goes", async (context) => {
  const { store, locks, clock } = await makeLocks(context);
  await locks.acquire({ paths: ["a"], taskId: "a", ttlMs: 10 });
  const folder = join(store.root, "local/lock-log");
  const [name = ""] = readdirSync(folder);
  const text = readFileSync(join(folder, name), "utf8");
  const strange = [
    '{"event":"renewed","tokens":[[1,1e15]]}',
    "null",
    "[]",
    "{",
    '{"event":"x"}',
    "7",
  ];
  await store.close();
  writeFileSync(join(folder, name), `${text}${strange.join("\n")}\n{"event":"relea`);
  const again = await reopen(context, store, { clock: clock.now });
  assert.deepEqual(await logOf(again.locks), ["acquired a write a"]);
  clock.ms += 10;
  const { lost } = await again.locks.heartbeat("a");
  assert.deepEqual(brief(lost), ["a write a"]);
  assert.deepEqual((await logOf(again.locks)).at(-1), "expired a write a");
  await locks.history().catch(() => undefined);
});
