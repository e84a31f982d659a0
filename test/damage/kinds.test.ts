/** Every kind of document but features, damaged in every way: named by `check` and `status`, and no byte lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
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
import type { Finding, FlowStore } from "flowstore";
import { FRESH_MS, makeStore, pass, refused, snapshot, warnings } from "../features/support.ts";
import { asOwner } from "../features/user.ts";

/** One kind: how two documents of it come to be, and how calls look at them. */
interface Kind {
  /** Makes two; the first is damaged, the second goes on. */
  readonly make: (store: FlowStore) => Promise<void>;
  readonly folder: string;
  /** A part of the name of the first one's file. */
  readonly part: string;
  /** What lists show of those that can be used; `null` for kinds without a list. */
  readonly list: (store: FlowStore) => Promise<readonly string[] | null>;
  /** What the list shows of the second one. */
  readonly second: string;
  /** Asks for the first one by its name. */
  readonly ask: (store: FlowStore) => Promise<unknown>;
  /** A key that every document of the kind must have. */
  readonly needs: string;
  /** Changes what the name was made of. */
  readonly misname: (document: Record<string, unknown>) => Record<string, unknown>;
}

/** What the calls of a kind gave as ids. */
const ids = { approval: "", memory: "" };

const KINDS: Readonly<Record<string, Kind>> = {
  phases: {
    make: async (store) => {
      for (const task of ["one", "two"]) await store.phases.markDone(task, "1");
    },
    folder: "phases",
    part: "one",
    list: async (store) => [String((await store.status()).phases.tasks)],
    second: "1",
    ask: (store) => store.phases.get("one"),
    needs: "completed",
    misname: (document) => ({ ...document, taskId: "other" }),
  },
  pipeline: {
    make: async (store) => {
      for (const epic of ["one", "two"]) await store.pipeline.start(epic);
    },
    folder: "pipeline",
    part: "one",
    list: async (store) => (await store.pipeline.list()).map(({ epicId }) => epicId),
    second: "two",
    ask: (store) => store.pipeline.read("one"),
    needs: "phase",
    misname: (document) => ({ ...document, epicId: "other" }),
  },
  gap: {
    make: async (store) => {
      for (const capability of ["one", "two"]) await store.gaps.add({ epicId: "e", capability });
    },
    folder: "gaps/e",
    part: "1-one",
    list: async (store) => (await store.gaps.list("e")).map(({ capability }) => capability),
    second: "two",
    ask: (store) => store.gaps.check("e"),
    needs: "capability",
    misname: (document) => ({ ...document, id: 7 }),
  },
  "gap of another epic": {
    make: async (store) => {
      for (const capability of ["one", "two"]) await store.gaps.add({ epicId: "e", capability });
    },
    folder: "gaps/e",
    part: "1-one",
    list: async (store) => (await store.gaps.list("e")).map(({ capability }) => capability),
    second: "two",
    ask: (store) => store.gaps.resolve("e", 1, "done"),
    needs: "epicId",
    misname: (document) => ({ ...document, epicId: "other" }),
  },
  approval: {
    make: async (store) => {
      ids.approval = (await store.approvals.create({ taskId: "one", kind: "generic" })).id;
      await store.approvals.create({ taskId: "two", kind: "generic" });
    },
    folder: "approvals",
    part: "",
    list: async (store) => (await store.approvals.list()).map(({ taskId }) => taskId),
    second: "two",
    ask: (store) => store.approvals.get(ids.approval),
    needs: "status",
    misname: (document) => ({ ...document, id: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
  },
  memory: {
    make: async (store) => {
      ids.memory = (await store.memory.append({ text: "one" })).id;
      await store.memory.append({ text: "two" });
    },
    folder: "memory",
    part: "",
    list: async (store) => (await store.memory.list()).map(({ text }) => text),
    second: "two",
    ask: (store) => store.memory.get(ids.memory),
    needs: "text",
    misname: (document) => ({ ...document, id: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
  },
  setting: {
    make: async (store) => {
      for (const key of ["one", "two"]) await store.settings.set(key, 1);
    },
    folder: "settings",
    part: "one",
    list: async (store) => (await store.settings.list()).map(({ key }) => key),
    second: "two",
    ask: (store) => store.settings.get("one"),
    needs: "key",
    misname: (document) => ({ ...document, key: "other" }),
  },
  lock: {
    make: async (store) => {
      for (const path of ["one", "two"]) await store.locks.acquire({ paths: [path], taskId: "t" });
    },
    folder: "local/locks",
    part: "one",
    list: async (store) => (await store.locks.list()).map(({ path }) => path),
    second: "two",
    ask: (store) => store.locks.check("one"),
    needs: "holders",
    misname: (document) => ({ ...document, path: "other" }),
  },
  checkpoint: {
    make: async (store) => {
      for (const name of ["one", "two"]) await store.checkpoints.save(name);
    },
    folder: "local/checkpoints/one",
    part: "manifest",
    list: async (store) => (await store.checkpoints.list()).map(({ name }) => name),
    second: "two",
    ask: (store) => store.checkpoints.get("one"),
    needs: "sha256",
    misname: (document) => ({ ...document, name: "other" }),
  },
};

interface Damage {
  readonly rule: string;
  readonly line?: number;
  /** Puts the damage in place of a file that is gone. */
  readonly place: (path: string, text: string, kind: Kind) => void;
}

const writing =
  (bytes: (text: string, kind: Kind) => string | Buffer): Damage["place"] =>
  (path, text, kind) =>
    writeFileSync(path, bytes(text, kind));

function changed(text: string, change: (document: Record<string, unknown>) => unknown): string {
  return JSON.stringify(change(JSON.parse(text) as Record<string, unknown>), null, 2);
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  "conflict markers": {
    rule: "conflict-markers",
    line: 2,
    place: writing((text) => text.replace("{\n", "{\n<<<<<<< ours\n=======\n>>>>>>> theirs\n")),
  },
  "no JSON": { rule: "not-json", line: 1, place: writing((text) => `x${text}`) },
  empty: { rule: "not-json", place: writing(() => "") },
  "zero bytes": { rule: "not-json", line: 1, place: writing((text) => Buffer.alloc(text.length)) },
  "a byte order mark": { rule: "not-json", line: 1, place: writing((text) => `\ufeff${text}`) },
  "a list": { rule: "schema", place: writing((text) => `[${text}]`) },
  "an empty object": { rule: "schema", place: writing(() => "{}") },
  "a key that is missing": {
    rule: "schema",
    place: writing((text, { needs }) =>
      changed(text, (document) =>
        Object.fromEntries(Object.entries(document).filter(([key]) => key !== needs)),
      ),
    ),
  },
  "a value of another kind": {
    rule: "schema",
    place: writing((text, { needs }) =>
      changed(text, (document) => ({ ...document, [needs]: true })),
    ),
  },
  "what belongs to another name": {
    rule: "name",
    place: writing((text, { misname }) => changed(text, misname)),
  },
  "no UTF-8": {
    rule: "not-utf8",
    place: writing((text) => Buffer.concat([Buffer.from(text), Buffer.from([0xff])])),
  },
  "10,000 levels": {
    rule: "too-deep",
    place: writing((text) =>
      text.replace("{\n", `{"x": ${"[".repeat(10_000)}${"]".repeat(10_000)},\n`),
    ),
  },
  "a folder": {
    rule: "not-a-file",
    place: (path) => {
      mkdirSync(path);
    },
  },
  "a link": { rule: "not-a-file", place: (path) => symlinkSync("/etc/hostname", path) },
  "a link that leads nowhere": { rule: "not-a-file", place: (path) => symlinkSync("gone", path) },
  "a pipe": { rule: "not-a-file", place: (path) => void execFileSync("mkfifo", [path]) },
};

function about(findings: readonly Finding[], file: string): unknown[] {
  return findings
    .filter((finding) => finding.file === file)
    .map(({ rule, severity, line }) => ({
      rule,
      severity,
      ...(line === undefined ? {} : { line }),
    }));
}

/** The file of the first document. */
function fileOf(store: FlowStore, { folder, part }: Kind): string {
  const [name] = readdirSync(join(store.root, folder))
    .toSorted()
    .filter((one) => one.includes(part));
  assert.ok(name !== undefined);
  return join(store.root, folder, name);
}

for (const [name, kind] of Object.entries(KINDS)) {
  describe(`a damaged ${name}`, () => {
    for (const [how, { rule, line, place }] of Object.entries(DAMAGES)) {
      test(how, async (context) => {
        const told = warnings();
        const store = await makeStore(context, { onWarning: told.onWarning });
        await kind.make(store);
        assert.deepEqual(await store.check(), []);
        const path = fileOf(store, kind);
        const file = `${kind.folder}/${basename(path)}`;
        const whole = readFileSync(path);
        rmSync(path);
        place(path, whole.toString(), kind);
        const before = snapshot(dirname(path));
        await pass(FRESH_MS);
        const finding = { rule, severity: "error", ...(line === undefined ? {} : { line }) };
        assert.deepEqual(about(await store.check(), file), [finding]);
        assert.deepEqual(about((await store.status()).problems, file), [finding]);
        assert.deepEqual(await kind.list(store), [kind.second]);
        const error = await refused("CORRUPT", () => kind.ask(store));
        assert.deepEqual([error.context["file"], error.context["line"]], [file, line]);
        assert.deepEqual(about(told.findings, file), [finding]);
        const { left } = await store.repair();
        assert.deepEqual(about(left, file), [finding]);
        assert.deepEqual(snapshot(dirname(path)), before);
        // Mended by hand, it is there again.
        rmSync(path, { recursive: true });
        writeFileSync(path, whole);
        await pass(FRESH_MS);
        await kind.ask(store);
        assert.deepEqual(about(await store.check(), file), []);
      });
    }

    test("a key that stands twice is named; the last one counts", async (context) => {
      const store = await makeStore(context);
      await kind.make(store);
      const path = fileOf(store, kind);
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("{\n", `{\n  "${kind.needs}": null,\n`));
      await pass(FRESH_MS);
      const file = `${kind.folder}/${basename(path)}`;
      assert.deepEqual(about(await store.check(), file), [
        { rule: "repeated-key", severity: "error" },
      ]);
      await kind.ask(store);
    });

    test("one that may not be read", async (context) => {
      const store = await makeStore(context);
      await kind.make(store);
      const path = fileOf(store, kind);
      chmodSync(path, 0);
      await pass(FRESH_MS);
      const file = `${kind.folder}/${basename(path)}`;
      await asOwner(dirname(store.root), async () => {
        const finding = { rule: "unreadable", severity: "error" };
        assert.deepEqual(about(await store.check(), file), [finding]);
        assert.deepEqual(about((await store.status()).problems, file), [finding]);
        assert.equal((await refused("IO", () => kind.ask(store))).context["file"], file);
        chmodSync(path, 0o600);
        await pass(FRESH_MS);
        await kind.ask(store);
        assert.deepEqual(about(await store.check(), file), []);
      });
    });
  });
}

async function makeAll(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  for (const kind of Object.values(KINDS)) {
    if (kind !== KINDS["gap of another epic"]) await kind.make(store);
  }
  await store.outputs.write("one", "text");
  await store.scoutCache.set({ key: "one", result: 1 });
  assert.deepEqual(await store.check(), []);
  return store;
}

function shown(findings: readonly Finding[]): string[] {
  return findings.map(({ file, rule, severity }) => `${file} ${rule} ${severity}`);
}

test("files that are no documents are named in every folder, and do no harm", async (context) => {
  const store = await makeAll(context);
  const folders = [
    ...["approvals", "gaps/e", "memory", "outputs", "phases", "pipeline", "settings"],
    ...["local/checkpoints/one", "local/lock-log", "local/lock-queue", "local/locks"],
    "local/scout-cache",
  ];
  mkdirSync(join(store.root, "local/lock-queue"), { recursive: true });
  for (const folder of folders) {
    writeFileSync(join(store.root, folder, "notes.txt"), "mine");
    writeFileSync(join(store.root, folder, ".hidden.json"), "<<<<<<< mine");
    symlinkSync("notes.txt", join(store.root, folder, "link.txt"));
    mkdirSync(join(store.root, folder, "folder"));
  }
  writeFileSync(join(store.root, "gaps/.hidden"), "");
  writeFileSync(join(store.root, "local/checkpoints/notes.txt"), "");
  await pass(FRESH_MS);
  const expected = folders.flatMap((folder) =>
    [".hidden.json", "folder", "link.txt", "notes.txt"].map(
      (name) => `${folder}/${name} foreign-file warning`,
    ),
  );
  expected.push(
    "gaps/.hidden foreign-file warning",
    "local/checkpoints/notes.txt foreign-file warning",
  );
  assert.deepEqual(shown(await store.check()), expected.toSorted());
  for (const kind of Object.values(KINDS)) {
    if (kind !== KINDS["gap of another epic"]) await kind.ask(store);
  }
  assert.deepEqual((await store.status()).problems, []);
});

test("a link or a file in place of a folder is named, in git's part and in this clone's own", async (context) => {
  const store = await makeAll(context);
  await store.close();
  const { FlowStore: Store } = await import("flowstore");
  const folders = [
    ...["approvals", "gaps", "memory", "outputs", "phases", "pipeline", "settings"],
    ...[
      "local/checkpoints",
      "local/lock-log",
      "local/lock-queue",
      "local/locks",
      "local/scout-cache",
    ],
  ];
  mkdirSync(join(store.root, "local/lock-queue"), { recursive: true });
  for (const folder of folders) {
    const path = join(store.root, folder);
    const aside = join(dirname(store.root), "aside");
    for (const [rule, make] of [
      ["link", () => symlinkSync(aside, path)],
      ["not-a-folder", () => writeFileSync(path, "")],
    ] as const) {
      renameSync(path, aside);
      make();
      const seen = await Store.open(store.root, { readOnly: true });
      const expected = [`${folder} ${rule} error`];
      assert.deepEqual(shown(await seen.check()), expected);
      assert.deepEqual(shown((await seen.status()).problems), expected);
      await seen.close();
      rmSync(path);
      renameSync(aside, path);
    }
  }
});

test("a copy in a checkpoint that is not what was saved is named by check", async (context) => {
  const store = await makeAll(context);
  const content = join(store.root, "local/checkpoints/one/documents.json");
  const manifest = join(store.root, "local/checkpoints/one/manifest.json");
  const [whole, described] = [readFileSync(content), readFileSync(manifest)];
  for (const [rule, damage] of [
    ["checksum", () => writeFileSync(content, "{}")],
    ["not-utf8", () => writeFileSync(content, Buffer.from([0xff]))],
    ["missing", () => rmSync(content)],
  ] as const) {
    damage();
    await pass(FRESH_MS);
    assert.deepEqual(shown(await store.check()), [
      `local/checkpoints/one/documents.json ${rule} error`,
    ]);
    writeFileSync(content, whole);
  }
  rmSync(manifest);
  await pass(FRESH_MS);
  assert.deepEqual(shown(await store.check()), [
    "local/checkpoints/one/manifest.json missing error",
  ]);
  assert.deepEqual(shown((await store.status()).problems), shown(await store.check()));
  writeFileSync(manifest, described);
  await pass(FRESH_MS);
  assert.deepEqual(await store.check(), []);
});

test("two gaps of an epic with one id, and a phase that nobody knows", async (context) => {
  const store = await makeAll(context);
  const folder = join(store.root, "gaps/e");
  const first = readdirSync(folder).find((name) => name.startsWith("1-")) ?? "";
  const twin = first.replace(/-[0-9a-z]{6}\.json$/, "-zzzzzz.json");
  const text = readFileSync(join(folder, first), "utf8");
  writeFileSync(join(folder, twin), text.replace(/"uid": ".{6}/, '"uid": "01ARZ3'));
  const pipeline = join(store.root, "pipeline/one.json");
  writeFileSync(pipeline, readFileSync(pipeline, "utf8").replace('"plan"', '"dreaming"'));
  await pass(FRESH_MS);
  const expected = [
    ...[first, twin].toSorted().map((name) => `gaps/e/${name} duplicate-id error`),
    "pipeline/one.json unknown-phase warning",
  ];
  assert.deepEqual(shown(await store.check()), expected);
  assert.deepEqual(shown((await store.status()).problems), expected);
});

test("tombstones of every kind are fine", async (context) => {
  const store = await makeAll(context);
  await store.checkpoints.save("full");
  await store.checkpoints.save("none", { scope: ["features"] });
  for (const folder of ["approvals", "gaps/e", "memory", "phases", "pipeline", "settings"]) {
    for (const name of readdirSync(join(store.root, folder))) {
      const path = join(store.root, folder, name);
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("{\n", '{\n  "deletedAt": "2026-03-01T00:00:00.000Z",\n'));
    }
  }
  await pass(FRESH_MS);
  assert.deepEqual(await store.check(), []);
  assert.deepEqual(await store.pipeline.list(), []);
  assert.equal(await store.pipeline.read("one"), null);
  assert.deepEqual(await store.phases.get("one"), []);
  assert.deepEqual(await store.gaps.list("e"), []);
  assert.equal((await store.gaps.check("e")).gate, "pass");
  assert.deepEqual(await store.approvals.list(), []);
  await refused("NOT_FOUND", store.approvals.get(ids.approval));
  assert.deepEqual(await store.memory.list(), []);
  assert.deepEqual(await store.settings.list(), []);
  assert.equal(await store.settings.get("one"), null);
  // They live again by a call that makes them, and lose nothing of their own.
  await store.pipeline.start("one");
  await store.phases.markDone("one", "2");
  await store.settings.set("one", 3);
  assert.deepEqual(await store.phases.getCompleted("one"), ["2"]);
  assert.equal(await store.settings.get("one"), 3);
  assert.deepEqual(await store.check(), []);
});
