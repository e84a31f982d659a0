/** Folders, links, pipes and sockets where files belong, and folders that are none. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { FlowStore, type Feature } from "flowstore";

import {
  fileOf,
  FRESH_MS,
  ids,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  reopen,
  snapshot,
  warnings,
} from "../features/support.ts";
import { atEnd } from "../at-end.ts";

/** What may stand at a path instead of a file. */
type Thing = (path: string, context: TestContext) => Promise<void> | void;

const DOCUMENT = '{"id": 2, "name": "outside", "uid": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}';

const THINGS: Readonly<Record<string, Thing>> = {
  "an empty folder": (path) => mkdirSync(path),
  "a folder with files": (path) => {
    mkdirSync(path);
    writeFileSync(join(path, "2-x.json"), DOCUMENT);
  },
  "a pipe": (path) => void execFileSync("mkfifo", [path]),
  "a socket": async (path, context) => {
    const server = createServer();
    atEnd(context, () => new Promise((resolve) => server.close(resolve)));
    // A socket's path may have 107 bytes; the test's folders are short enough for a short name.
    await new Promise<void>((resolve) => server.listen(`${path}.s`, resolve));
    renameSync(`${path}.s`, path);
  },
  "a device": (path) => void execFileSync("mknod", [path, "c", "1", "3"]),
  "a link to a document outside": (path, context) => {
    const outside = join(makeProject(context), "secret.json");
    writeFileSync(outside, DOCUMENT);
    symlinkSync(outside, path);
  },
  "a link to a document inside": (path) => {
    writeFileSync(`${path}.aside`, DOCUMENT);
    symlinkSync(`${path}.aside`, path);
  },
  "a link to nothing": (path) => symlinkSync("/nowhere/at/all", path),
  "a link to itself": (path) => symlinkSync(path, path),
  "a link to a folder": (path, context) => symlinkSync(makeProject(context), path),
  "a link to /dev/zero": (path) => symlinkSync("/dev/zero", path),
};

const isRoot = process.getuid?.() === 0;

describe("instead of a document", () => {
  for (const [name, put] of Object.entries(THINGS)) {
    // Only root makes devices; a pipe and a socket show the same everywhere else.
    if (name === "a device" && !isRoot) continue;
    test(name, { timeout: 20_000 }, async (context) => {
      const store = await makeStore(context);
      const made = await store.features.createBulk([
        { name: "a" },
        { name: "b" },
        { name: "c", dependencies: [{ index: 1 }] },
      ]);
      const path = fileOf(store, made[1] as Feature);
      rmSync(path);
      await put(path, context);
      const file = path.slice(store.root.length + 1);
      const before = snapshot(join(path, ".."));
      await pass(FRESH_MS);
      const told = warnings();
      const fresh = await reopen(context, store, { onWarning: told.onWarning });
      for (const seen of [store, fresh]) {
        assert.deepEqual(ids(await seen.features.getAll()), [1, 3]);
        assert.deepEqual(ids(await seen.features.getBlocked()), [3]);
        for (const call of [
          () => seen.features.getById(2),
          () => seen.features.getById((made[1] as Feature).uid),
          () => seen.features.markPassing(2),
          () => seen.features.delete(2),
        ]) {
          assert.equal((await refused("CORRUPT", call)).context["file"], file);
        }
        const found = (await seen.check()).filter((one) => one.file === file);
        assert.deepEqual(
          found.map(({ rule, severity }) => [rule, severity]),
          [["not-a-file", "error"]],
        );
        assert.deepEqual(
          (await seen.status()).problems.filter((one) => one.file === file),
          found,
        );
      }
      assert.deepEqual(
        told.findings.map((one) => one.file),
        [file],
      );
      await store.repair();
      assert.deepEqual(snapshot(join(path, "..")), before);
      assert.equal((await store.features.create({ name: "next" })).id, 4);
      assert.equal((await store.features.claimNext())?.id, 1);
    });
  }
});

describe("instead of an event segment", () => {
  for (const [name, put] of Object.entries(THINGS)) {
    if (name === "a device" && !isRoot) continue;
    test(name, { timeout: 20_000 }, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      const file = "events/01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl";
      const path = join(store.root, file);
      await put(path, context);
      await pass(FRESH_MS);
      const fresh = await reopen(context, store);
      for (const seen of [store, fresh]) {
        assert.equal((await seen.changes.getEvents(1)).length, 1);
        const found = (await seen.check()).filter((one) => one.file === file);
        assert.deepEqual(
          found.map(({ rule, severity }) => [rule, severity]),
          [["unreadable", "error"]],
        );
      }
      await store.features.markPassing(1);
      await fresh.changes.logEvent(1, "comment");
      assert.equal((await store.changes.getEvents(1)).length, 3);
      assert.ok(!lstatSync(path).isFile());
    });
  }
});

describe("instead of a folder", () => {
  const FOLDERS = ["features", "events", "schema"] as const;

  for (const folder of FOLDERS) {
    test(`${folder}/ as a link to outside: nothing is read or written through it`, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      const outside = join(makeProject(context), folder);
      renameSync(join(store.root, folder), outside);
      writeFileSync(join(outside, "7-outside.json"), '{"id": 7, "name": "outside"}');
      symlinkSync(outside, join(store.root, folder));
      const before = snapshot(outside);
      await pass(FRESH_MS);
      const fresh = await reopen(context, store);
      for (const seen of [store, fresh]) {
        const found = (await seen.check()).filter(({ file }) => file === folder);
        assert.deepEqual(
          found.map(({ rule, severity }) => [rule, severity]),
          [["link", "error"]],
        );
        if (folder !== "schema") {
          // What else is in the store is not lost with its log.
          if (folder === "events") assert.equal((await seen.features.getAll()).length, 1);
          else await refused("IO", () => seen.features.getAll());
          await refused("IO", () => seen.features.create({ name: "b" }));
          await refused("IO", () => seen.features.markPassing(1));
          await refused("IO", () => seen.changes.logEvent(1, "comment"));
        }
      }
      await refused("IO", () => FlowStore.init(store.root, QUICK));
      const report = await store.repair();
      assert.ok(report.left.some(({ file, rule }) => file === folder && rule === "link"));
      assert.deepEqual(snapshot(outside), before);
      // Put right, everything is there again.
      rmSync(join(store.root, folder));
      renameSync(outside, join(store.root, folder));
      rmSync(join(store.root, folder, "7-outside.json"));
      await pass(FRESH_MS);
      assert.deepEqual(ids(await store.features.getAll()), [1]);
      assert.equal((await store.features.create({ name: "b" })).id, 2);
    });

    test(`${folder} as a file`, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      rmSync(join(store.root, folder), { recursive: true });
      writeFileSync(join(store.root, folder), "a file");
      await pass(FRESH_MS);
      const found = (await store.check()).filter(({ file }) => file === folder);
      assert.deepEqual(
        found.map(({ rule, severity }) => [rule, severity]),
        [["not-a-folder", "error"]],
      );
      if (folder !== "schema") await refused("IO", () => store.features.create({ name: "b" }));
      await store.repair();
      await refused("IO", () => FlowStore.init(store.root, QUICK));
      assert.equal(readFileSync(join(store.root, folder), "utf8"), "a file");
    });

    test(`${folder}/ missing: reads are empty of it and make nothing, a write makes it`, async (context) => {
      const store = await makeStore(context);
      const made = await store.features.create({ name: "a" });
      rmSync(join(store.root, folder), { recursive: true });
      await pass(FRESH_MS);
      const before = snapshot(store.root);
      const fresh = await reopen(context, store);
      for (const seen of [store, fresh]) {
        assert.equal((await seen.features.getAll()).length, folder === "features" ? 0 : 1);
        assert.equal((await seen.changes.getEvents(1)).length, folder === "events" ? 0 : 1);
        await seen.check();
        await seen.status();
      }
      assert.deepEqual(snapshot(store.root), before);
      const next = await store.features.create({ name: "b" });
      assert.equal(next.id, 2);
      assert.equal((await fresh.features.getById(2))?.uid, next.uid);
      assert.equal((await fresh.changes.getEvents(2)).length, 1);
      assert.notEqual(next.uid, made.uid);
    });
  }

  for (const folder of ["local/claims", "local/quarantine", "local/guard", "local/fence"]) {
    test(`${folder}/ as a link to outside is named, and no file lands there`, async (context) => {
      const store = await makeStore(context);
      await store.features.create({ name: "a" });
      await store.close();
      const outside = makeProject(context);
      rmSync(join(store.root, folder), { recursive: true, force: true });
      symlinkSync(outside, join(store.root, folder));
      const again = await reopen(context, store, { guardTimeoutMs: 500 });
      const found = (await again.check()).filter(({ file }) => file === folder);
      assert.deepEqual(
        found.map(({ rule, severity }) => [rule, severity]),
        [["link", "error"]],
      );
      await again.features.claimAndGet(1, { leaseMs: 60_000 }).catch((error: unknown) => {
        assert.equal((error as { code?: string }).code, "IO");
      });
      const files = Object.values(snapshot(outside)).filter(({ kind }) => kind === "file");
      assert.deepEqual(files, []);
    });
  }

  test("a managed file as a link or as no text is left as it is, the others are mended", async (context) => {
    const store = await makeStore(context);
    const outside = join(makeProject(context), "ignore");
    writeFileSync(outside, "theirs\n");
    rmSync(join(store.root, ".gitignore"));
    symlinkSync(outside, join(store.root, ".gitignore"));
    writeFileSync(join(store.root, ".gitattributes"), Buffer.from([0xff, 0xfe, 0x00]));
    rmSync(join(store.root, "schema/feature.json"));
    const before = snapshot(store.root);
    const report = await store.repair();
    assert.deepEqual(
      report.done.map(({ file }) => file),
      ["schema/feature.json"],
    );
    assert.deepEqual(
      report.left.map(({ file }) => file),
      [".gitattributes", ".gitignore"],
    );
    assert.equal(readFileSync(outside, "utf8"), "theirs\n");
    const after = snapshot(store.root);
    for (const name of [".gitignore", ".gitattributes"])
      assert.deepEqual(after[name], before[name]);
  });
});

describe("a busy machine", () => {
  test("too many open files is IO for a list, never a shorter list", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk(
      Array.from({ length: 5 }, (_, index) => ({ name: `f${index}` })),
    );
    const script = `
      import { openSync } from "node:fs";
      const { FlowStore } = await import(${JSON.stringify(import.meta.resolve("flowstore"))});
      const store = await FlowStore.open(${JSON.stringify(store.root)}, { readOnly: true });
      await store.features.getStats(); // loads what is loaded late
      await new Promise((resolve) => setTimeout(resolve, 30));
      const { writeFileSync, closeSync } = await import("node:fs");
      const spare = openSync("/dev/null");
      const fresh = await FlowStore.open(${JSON.stringify(store.root)}, { readOnly: true });
      await fresh.events.query({ limit: 1 });
      const all = [];
      try { for (;;) all.push(openSync("/dev/null")); } catch {}
      const outcomes = [];
      for (const one of ["getAll", "getReady", "getStats"]) {
        outcomes.push(await fresh.features[one]().then((value) => value.length ?? value.total, (error) => [error.code, error.retryable]));
      }
      for (const fd of all) closeSync(fd);
      await new Promise((resolve) => setTimeout(resolve, 30));
      outcomes.push((await fresh.features.getAll()).length);
      process.stdout.write(JSON.stringify(outcomes));
    `;
    const path = join(store.root, "../run.mjs");
    writeFileSync(path, script);
    const output = execFileSync(
      "sh",
      ["-c", `ulimit -n 256; exec "${process.execPath}" "${path}"`],
      {
        encoding: "utf8",
      },
    );
    assert.deepEqual(JSON.parse(output), [["IO", true], ["IO", true], ["IO", true], 5]);
  });
});
