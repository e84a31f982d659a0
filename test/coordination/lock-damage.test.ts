/** Files of locks that cannot be used: reported, in the way of what they may speak of, cleared by the tool. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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
import { basename, dirname, join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { FlowStore } from "flowstore";
import { FRESH_MS, pass, refused, reopen, warnings, type TestClock } from "../features/support.ts";
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

/** Leaves only some lines in the log, as rolling over does, and opens the store anew. */
async function keepInLog(
  context: TestContext,
  store: FlowStore,
  clock: TestClock,
  isKept: (line: string) => boolean,
): Promise<FlowStore> {
  await store.close();
  const folder = join(store.root, "local/lock-log");
  for (const name of readdirSync(folder)) {
    const lines = readFileSync(join(folder, name), "utf8").split("\n");
    writeFileSync(
      join(folder, name),
      lines.filter((line) => line === "" || isKept(line)).join("\n"),
    );
  }
  return reopen(context, store, { clock: clock.now });
}

describe("cleaning up leaves damaged files alone", () => {
  test("also when the log says that all of them are over", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["src/a.ts"], taskId: "a", ttlMs: 10 });
    await damage(store, "{");
    clock.ms += 10;
    assert.equal(await locks.cleanupStale(), 0);
    await refused("CORRUPT", lockOne(locks, "src/a.ts", "b"));
  });

  test("and when the log has rolled over the one who lives", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await lockOne(locks, "src/a.ts", "a", "read");
    await lockOne(locks, "src/a.ts", "b", "read");
    await locks.releaseForTask("b");
    const rolled = await keepInLog(context, store, clock, (line) => line.includes('"b"'));
    await damage(rolled, "{");
    assert.equal(await rolled.locks.cleanupStale(), 0);
    await refused("CORRUPT", lockOne(rolled.locks, "src/a.ts", "c"));
    assert.deepEqual(filesIn(rolled, "locks"), [FILE]);
  });
});

describe("heartbeat tells a task of each lock", () => {
  test("whose damaged file another one cleared", async (context) => {
    const { store, locks } = await makeLocks(context);
    const one = await lockOne(locks, "src/a.ts", "a", "read");
    const two = await lockOne(locks, "src/a.ts", "b", "read");
    const kept = await lockOne(locks, "src/b.ts", "a");
    const file = await damage(store, "<<<<<<<");
    assert.equal(await locks.release({ taskId: "c", paths: ["src/a.ts"] }), 1);
    await lockOne(locks, "src/a.ts", "c");
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost: [one] });
    assert.deepEqual(await locks.heartbeat("b"), { extended: 0, lost: [two] });
    const cleared = (await locks.history()).filter(({ event }) => event === "cleared");
    assert.deepEqual(
      cleared.map(({ taskId, token, path, file: of }) => [taskId, token, path, of]),
      [
        ["a", one.token, "src/a.ts", file],
        ["b", two.token, "src/a.ts", file],
      ],
    );
    await locks.releaseForTask("b");
    assert.deepEqual(await locks.heartbeat("b"), { extended: 0, lost: [] }, "it knows");
    assert.deepEqual(await locks.list({ taskId: "a" }), [kept]);
  });

  test("that releaseAll took, damaged or not, also of a long path", async (context) => {
    const { store, locks } = await makeLocks(context);
    const long = "deep/".repeat(100) + "x.ts";
    const taken = await locks.acquire({ paths: [long, "src/a.ts", "y"], taskId: "a" });
    for (const name of filesIn(store, "locks").slice(0, 2)) await damage(store, "", name);
    assert.equal(await locks.releaseAll(), 3);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: taken });
  });

  test("whose file somebody removed by hand, locked by another or not", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const [gone] = await locks.acquire({ paths: ["src/a.ts", "src/b.ts"], taskId: "a" });
    clock.ms += MINUTES;
    await locks.heartbeat("a");
    rmSync(join(store.root, "local/locks", FILE));
    await pass(FRESH_MS);
    const lost = [{ ...gone, expiresAt: clock.iso(45 * MINUTES) }];
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost });
    const taken = await lockOne(locks, "src/a.ts", "b");
    assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost });
    await refused("LOCK_LOST", locks.assertHeld("src/a.ts", gone?.token ?? 0));
    assert.deepEqual(await locks.heartbeat("b"), { extended: 1, lost: [] });
    await locks.releaseForTask("b");
    await lockOne(locks, "src", "a", "directory_add");
    assert.deepEqual(await locks.heartbeat("a"), { extended: 2, lost }, "another path");
    const again = await lockOne(locks, "src/a.ts", "a");
    assert.ok(again.token > taken.token);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 3, lost: [] }, "locked anew");
  });

  test("that stands in a damaged file; mended it lives on", async (context) => {
    const { store, locks } = await makeLocks(context);
    const [one, two] = await locks.acquire({ paths: ["src/a.ts", "src/b.ts"], taskId: "a" });
    const text = readFileSync(join(store.root, "local/locks", FILE), "utf8");
    await damage(store, text.slice(0, -9));
    for (let times = 0; times < 2; times += 1) {
      assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost: [one] });
    }
    await damage(store, text);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 2, lost: [] });
    await damage(store, "");
    assert.equal(await locks.releaseForTask("a"), 1);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [] }, "given back");
    await refused("LOCK_LOST", locks.assertHeld("src/b.ts", two?.token ?? 0));
  });

  test("although the log has rolled since it was granted", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    const lock = await lockOne(locks, "src/a.ts", "a");
    const rolled = await keepInLog(context, store, clock, () => false);
    assert.deepEqual(await rolled.locks.heartbeat("a"), { extended: 1, lost: [] });
    await damage(rolled, "{");
    assert.deepEqual(await rolled.locks.heartbeat("a"), { extended: 0, lost: [lock] });
  });
});

test("the error says how the tool clears the file, and why it is in the way of all", async (context) => {
  const { store, locks } = await makeLocks(context);
  await damage(store, "{");
  const error = await refused("CORRUPT", lockOne(locks, "src/a.ts", "a"));
  assert.match(error.hint ?? "", /flowstore unlock --task T --files PATH, or .* unlock --all/);
  assert.doesNotMatch(error.hint ?? "", /git/);
  assert.equal(error.context["path"], "src/a.ts");
  const path = "deep/".repeat(100) + "x.ts";
  await locks.releaseAll();
  await lockOne(locks, path, "a");
  await damage(store, "{", filesIn(store, "locks")[0]);
  const unclear = await refused("CORRUPT", lockOne(locks, "far/away.ts", "b"));
  assert.match(unclear.message, /its name is too long, or altered, to tell its path/);
  assert.equal(unclear.context["path"], null);
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

describe("what is no file in the place of one", () => {
  const KINDS: Readonly<Record<string, (path: string) => void>> = {
    folder: (path) => {
      mkdirSync(path);
      writeFileSync(join(path, "inner"), "kept");
    },
    link: (path) => symlinkSync("/etc/passwd", path),
    "link that leads nowhere": (path) => symlinkSync("nowhere", path),
    pipe: (path) => void execFileSync("mkfifo", [path]),
  };
  for (const [kind, make] of Object.entries(KINDS)) {
    test(`a ${kind}: put aside as it is, and all others are released`, async (context) => {
      const { findings, onWarning } = warnings();
      const { store, locks } = await makeLocks(context, { onWarning });
      const place = join(store.root, "local/locks", FILE);
      const own = await lockOne(locks, "src/a.ts", "a");
      for (const clear of [
        () => locks.releaseAll({ agent: "boss" }),
        async () => {
          const released = await locks.release({ taskId: "b", paths: ["src/a.ts"] });
          return released + (await locks.releaseForTask("b"));
        },
      ]) {
        await lockOne(locks, "lib", "b");
        rmSync(place, { force: true });
        make(place);
        await pass(FRESH_MS);
        const error = await refused("CORRUPT", lockOne(locks, "src/a.ts", "c"));
        assert.match(error.hint ?? "", /unlock --all/);
        assert.equal(await clear(), 2);
        assert.deepEqual(await locks.list(), []);
        assert.equal(await gets(locks, "src/a.ts", "c"), true, "at once");
        await locks.releaseAll();
      }
      const kept = readdirSync(join(store.root, "local/quarantine"));
      assert.equal(kept.length, 4, "each with its reason");
      const inner = kept.filter((name) =>
        existsSync(join(store.root, "local/quarantine", name, "inner")),
      );
      assert.equal(inner.length, kind === "folder" ? 2 : 0);
      const { lost } = await locks.heartbeat("a");
      assert.deepEqual(lost, [own]);
      assert.ok(findings.some(({ file, rule }) => file.endsWith(FILE) && rule === "not-a-file"));
    });
  }

  test("stays in a transaction that may be undone", async (context) => {
    const { store, locks } = await makeLocks(context);
    const place = join(store.root, "local/locks", FILE);
    await lockOne(locks, "lib", "b");
    mkdirSync(place);
    await pass(FRESH_MS);
    await store.transaction(async () => assert.equal(await locks.releaseAll(), 1));
    assert.deepEqual(filesIn(store, "locks"), [FILE]);
    assert.equal(await locks.releaseAll(), 1);
    assert.deepEqual(filesIn(store, "locks"), []);
  });

  test("stays where it cannot be put aside, and holds up nothing else", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "lib", "b");
    mkdirSync(join(store.root, "local/locks", FILE));
    const outside = join(store.root, "../outside");
    mkdirSync(outside);
    symlinkSync(outside, join(store.root, "local/quarantine"));
    await pass(FRESH_MS);
    assert.equal(await locks.releaseAll(), 1);
    assert.deepEqual(filesIn(store, "locks"), [FILE]);
    assert.deepEqual(readdirSync(outside), [], "nothing is moved through a link");
    await refused("CORRUPT", lockOne(locks, "src/a.ts", "b"));
  });
});

describe("a file or a link in the place of a folder is not an empty folder", () => {
  for (const folder of ["locks", "lock-queue"]) {
    for (const kind of ["file", "link"]) {
      test(`${kind} for ${folder}`, async (context) => {
        const { findings, onWarning } = warnings();
        const { store, locks, project } = await makeLocks(context, { onWarning });
        const lock = await lockOne(locks, "x", "a");
        const place = join(store.root, "local", folder);
        const aside = join(project, "aside");
        if (existsSync(place)) renameSync(place, aside);
        else mkdirSync(aside);
        if (kind === "file") writeFileSync(place, "oops");
        else symlinkSync(aside, place);
        await pass(FRESH_MS);
        for (const call of [
          () => locks.check("x"),
          () => locks.check("elsewhere"),
          () => locks.list(),
          () => locks.holders(),
          () => locks.conflicts({ paths: ["x"], taskId: "b" }),
          () => locks.acquire({ paths: ["x"], taskId: "b" }),
          () => locks.acquire({ paths: ["y"], taskId: "b", waitMs: 10_000 }),
          () => locks.assertHeld("x", lock.token),
          () => locks.heartbeat("a"),
          () => locks.release({ taskId: "a", paths: ["x"] }),
          () => locks.releaseAll(),
          () => locks.cleanupStale(),
        ]) {
          const error = await refused("CORRUPT", call);
          assert.equal(error.context["file"], `local/${folder}`);
          assert.match(error.hint ?? "", /move it away/);
        }
        assert.ok(findings.some(({ file }) => file === `local/${folder}`));
        assert.deepEqual((await store.status()).locks, { held: 0, tasks: 0 });
        rmSync(place);
        renameSync(aside, place);
        await pass(FRESH_MS);
        assert.deepEqual(await locks.list(), [lock]);
      });
    }
  }

  test("nor is one in the place of the log, by which losses are told", async (context) => {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["x"], taskId: "a", ttlMs: 10 });
    clock.ms += 10;
    await locks.cleanupStale();
    rmSync(join(store.root, "local/lock-log"), { recursive: true });
    writeFileSync(join(store.root, "local/lock-log"), "oops");
    await pass(FRESH_MS);
    for (const call of [
      () => locks.heartbeat("a"),
      () => locks.history(),
      () => locks.acquire({ paths: ["y"], taskId: "b" }),
    ]) {
      const error = await refused("CORRUPT", call);
      assert.equal(error.context["file"], "local/lock-log");
    }
    assert.deepEqual(await locks.check("x"), [], "which needs no log");
  });
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

describe("the log of locks, damaged", () => {
  /** A store with one line in its log, closed. */
  async function oneLine(
    context: TestContext,
  ): Promise<{ store: FlowStore; clock: TestClock; file: string; text: string }> {
    const { store, locks, clock } = await makeLocks(context);
    await locks.acquire({ paths: ["a"], taskId: "a", ttlMs: 10 });
    const folder = join(store.root, "local/lock-log");
    const file = join(folder, readdirSync(folder)[0] ?? "");
    await store.close();
    return { store, clock, file, text: readFileSync(file, "utf8") };
  }

  test("is read as far as it goes, and check names each line that does not count", async (context) => {
    const { store, clock, file, text } = await oneLine(context);
    const strange = [
      ...['{"event":"renewed","tokens":[[1,1e15]]}', "null", "[]", "{", '{"event":"x"}', "7"],
      Buffer.from([0x22, 0xff, 0x22]),
    ];
    const lines = strange.map((line) => Buffer.concat([Buffer.from(line), Buffer.from("\n")]));
    writeFileSync(
      file,
      Buffer.concat([Buffer.from(text), ...lines, Buffer.from('{"event":"relea')]),
    );
    const again = await reopen(context, store, { clock: clock.now });
    assert.deepEqual(await logOf(again.locks), ["acquired a write a"]);
    const found = (await again.check()).map(({ line, rule, severity }) => [line, rule, severity]);
    assert.deepEqual(found, [
      [2, "schema", "error"],
      [3, "schema", "error"],
      [4, "schema", "error"],
      [5, "not-json", "error"],
      [6, "schema", "error"],
      [7, "schema", "error"],
      [8, "not-utf8", "error"],
      [9, "torn-tail", "warning"],
    ]);
    clock.ms += 10;
    const { lost } = await again.locks.heartbeat("a");
    assert.deepEqual(brief(lost), ["a write a"]);
    assert.deepEqual((await logOf(again.locks)).at(-1), "expired a write a");
  });

  for (const [kind, make] of [
    ["folder", (file: string) => mkdirSync(file)],
    ["link", (file: string) => symlinkSync("/etc/passwd", file)],
    ["pipe", (file: string) => void execFileSync("mkfifo", [file])],
  ] as const) {
    test(`with a ${kind} for a segment: told, and every call goes on`, async (context) => {
      const { store, clock, file } = await oneLine(context);
      rmSync(file);
      make(file);
      const { findings, onWarning } = warnings();
      const again = await reopen(context, store, { clock: clock.now, onWarning });
      const { locks } = again;
      assert.deepEqual(await locks.heartbeat("a"), { extended: 1, lost: [] });
      assert.deepEqual(brief(await locks.acquire({ paths: ["b"], taskId: "a" })), ["a write b"]);
      assert.equal(await locks.release({ taskId: "a", paths: ["b"] }), 1);
      assert.deepEqual((await logOf(locks)).slice(-2), [
        "acquired a write b",
        "released a write b",
      ]);
      assert.equal(await locks.releaseAll(), 1);
      assert.equal((await locks.heartbeat("a")).lost.length, 1);
      const name = `local/lock-log/${basename(file)}`;
      assert.ok(findings.some((one) => one.file === name && one.rule === "not-a-file"));
      const problems = (await again.check()).filter((one) => one.file === name);
      assert.deepEqual(
        problems.map(({ rule }) => rule),
        ["not-a-file"],
      );
    });
  }

  test("rolls on over a segment that is no text, and keeps its bytes", async (context) => {
    const { store, clock, file } = await oneLine(context);
    const folder = dirname(file);
    const bytes = Buffer.from([0xff, 0xfe, 0x0a]);
    const olds = [0, 1, 2].map((at) => `00${at}${basename(file).slice(3)}`);
    for (const old of olds) writeFileSync(join(folder, old), bytes);
    // The last one is full, so the next line begins another file and the first one goes.
    writeFileSync(file, `${"x".repeat(1024 * 1024)}\n`);
    const again = await reopen(context, store, { clock: clock.now });
    assert.equal(await gets(again.locks, "b", "b"), true);
    assert.deepEqual(readdirSync(folder).slice(0, 3), [`${olds[1]}`, `${olds[2]}`, basename(file)]);
    assert.deepEqual(keptIn(again), [bytes.toString("latin1")]);
    assert.deepEqual(await logOf(again.locks), ["acquired b write b"]);
  });

  test("with a foreign file beside it", async (context) => {
    const { store, locks } = await makeLocks(context);
    await lockOne(locks, "a", "a");
    writeFileSync(join(store.root, "local/lock-log/notes.txt"), "");
    await pass(FRESH_MS);
    assert.deepEqual(
      (await store.check()).map(({ file, rule }) => [file, rule]),
      [["local/lock-log/notes.txt", "foreign-file"]],
    );
  });
});
