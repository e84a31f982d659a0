/** Documents that cannot be used: each is named everywhere, the others go on, and no byte of it changes. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { FlowStore, type Feature, type Finding } from "flowstore";

import {
  fileOf,
  FRESH_MS,
  ids,
  makeStore,
  pass,
  QUICK,
  refused,
  reopen,
  snapshot,
  warnings,
} from "../features/support.ts";

interface Damage {
  readonly rule: string;
  readonly line?: number;
  /** What the file holds instead; made of what it held. */
  readonly bytes: (text: string) => string | Buffer;
}

const json = (change: (document: Record<string, unknown>) => unknown) => (text: string) =>
  `${JSON.stringify(change(JSON.parse(text) as Record<string, unknown>), null, 2)}\n`;

const without = (key: string) =>
  json((document) => Object.fromEntries(Object.entries(document).filter(([name]) => name !== key)));

const having = (change: Record<string, unknown>) =>
  json((document) => ({ ...document, ...change }));

const lines = (text: string): string[] => text.split("\n");

const DAMAGES: Readonly<Record<string, Damage>> = {
  empty: { rule: "not-json", bytes: () => "" },
  "one blank": { rule: "not-json", line: 1, bytes: () => " " },
  "cut in the middle": {
    rule: "not-json",
    line: 8,
    bytes: (text) => lines(text).slice(0, 7).join("\n") + "\n",
  },
  "cut amid a character": {
    rule: "not-utf8",
    bytes: (text) => Buffer.from(text.replace("two", "twö")).subarray(0, text.indexOf("two") + 3),
  },
  "a byte that is no UTF-8": {
    rule: "not-utf8",
    bytes: (text) => Buffer.from(text.replace("two", "tw\u00ff"), "latin1"),
  },
  "UTF-16": { rule: "not-utf8", bytes: (text) => Buffer.from(`\ufeff${text}`, "utf16le") },
  "all zeros": { rule: "not-json", line: 1, bytes: (text) => Buffer.alloc(text.length) },
  "a zero at its end": { rule: "not-json", line: 16, bytes: (text) => `${text}\0` },
  "a zero in a text": { rule: "not-json", line: 4, bytes: (text) => text.replace("two", "t\0o") },
  "a byte order mark": { rule: "not-json", line: 1, bytes: (text) => `\ufeff${text}` },
  "conflict markers": {
    rule: "conflict-markers",
    line: 4,
    bytes: (text) => {
      const all = lines(text);
      const theirs = all[3]?.replace("two", "zwei") ?? "";
      all.splice(3, 1, "<<<<<<< HEAD", all[3] ?? "", "=======", theirs, ">>>>>>> theirs");
      return all.join("\n");
    },
  },
  "conflict markers with CRLF": {
    rule: "conflict-markers",
    line: 2,
    bytes: (text) => lines(`{\n<<<<<<< a\n=======\n>>>>>>> b\n${text.slice(2)}`).join("\r\n"),
  },
  "the end of a conflict alone": {
    rule: "conflict-markers",
    line: 16,
    bytes: (text) => `${text}>>>>>>> theirs\n`,
  },
  "two documents": { rule: "not-json", line: 16, bytes: (text) => text + text },
  "garbage behind it": { rule: "not-json", line: 16, bytes: (text) => `${text}}` },
  "a comma too many": {
    rule: "not-json",
    line: 15,
    bytes: (text) => text.replace('"claim": null', '"claim": null,'),
  },
  "a comment": {
    rule: "not-json",
    line: 2,
    bytes: (text) => text.replace("{\n", "{\n  // mine\n"),
  },
  "single quotes": { rule: "not-json", line: 4, bytes: (text) => text.replace('"two"', "'two'") },
  "a raw new line in a text": {
    rule: "not-json",
    line: 4,
    bytes: (text) => text.replace("two", "t\no"),
  },
  NaN: {
    rule: "not-json",
    line: 9,
    bytes: (text) => text.replace('"priority": 2', '"priority": NaN'),
  },
  "open brackets, 10,000 deep": { rule: "not-json", line: 1, bytes: () => "[".repeat(10_000) },
  "10,000 levels": {
    rule: "too-deep",
    bytes: (text) => text.replace('"two"', `${'{"a":['.repeat(5000)}${"]}".repeat(5000)}`),
  },
  "an unknown key with 10,000 levels": {
    rule: "too-deep",
    bytes: (text) => text.replace("{\n", `{\n "x": ${"[".repeat(10_000)}${"]".repeat(10_000)},\n`),
  },
  "a list": { rule: "schema", bytes: (text) => `[${text}]` },
  "a text": { rule: "schema", bytes: () => '"feature"' },
  "a number": { rule: "schema", bytes: () => "2" },
  null: { rule: "schema", bytes: () => "null" },
  "an empty object": { rule: "schema", bytes: () => "{}" },
  "no id": { rule: "schema", bytes: without("id") },
  "no name": { rule: "schema", bytes: without("name") },
  "id as text": { rule: "schema", bytes: having({ id: "2" }) },
  "id 0": { rule: "schema", bytes: having({ id: 0 }) },
  "id 2.5": { rule: "schema", bytes: having({ id: 2.5 }) },
  "id beyond numbers": {
    rule: "schema",
    bytes: (text) => text.replace('"id": 2', '"id": 12345678901234567890'),
  },
  "priority 1e400": {
    rule: "schema",
    bytes: (text) => text.replace('"priority": 2', '"priority": 1e400'),
  },
  "name null": { rule: "schema", bytes: having({ name: null }) },
  "steps as text": { rule: "schema", bytes: having({ steps: "one" }) },
  "a step that is a number": { rule: "schema", bytes: having({ steps: ["a", 1] }) },
  "dependencies as text": { rule: "schema", bytes: having({ dependencies: "1" }) },
  "a dependency as text": { rule: "schema", bytes: having({ dependencies: ["1"] }) },
  "dependency 0": { rule: "schema", bytes: having({ dependencies: [0] }) },
  "passes as text": { rule: "schema", bytes: having({ passes: "true" }) },
  "passes null": { rule: "schema", bytes: having({ passes: null }) },
  "inProgress as number": { rule: "schema", bytes: having({ inProgress: 1 }) },
  "claim as text": { rule: "schema", bytes: having({ claim: "ann" }) },
  "claim without agent": { rule: "schema", bytes: having({ claim: { at: "x" } }) },
  "a uid that is none": { rule: "schema", bytes: having({ uid: "2" }) },
  "uid null": { rule: "schema", bytes: having({ uid: null }) },
  "deletedAt true": { rule: "schema", bytes: having({ deletedAt: true }) },
  "another id than its name": { rule: "name", bytes: having({ id: 7 }) },
};

async function makeThree(context: TestContext): Promise<{ store: FlowStore; made: Feature[] }> {
  const store = await makeStore(context);
  const made = await store.features.createBulk([
    { name: "one" },
    { name: "two" },
    { name: "three", dependencies: [{ index: 1 }] },
    { name: "four" },
  ]);
  return { store, made };
}

/** The findings about one file, as far as a test can know them. */
function about(findings: readonly Finding[], file: string): unknown[] {
  return findings
    .filter((finding) => finding.file === file)
    .map(({ rule, severity, line }) => ({
      rule,
      severity,
      ...(line === undefined ? {} : { line }),
    }));
}

describe("a damaged document", () => {
  for (const [name, { rule, line, bytes }] of Object.entries(DAMAGES)) {
    test(name, async (context) => {
      const { store, made } = await makeThree(context);
      const two = made[1] as Feature;
      const path = fileOf(store, two);
      const file = `features/${basename(path)}`;
      const whole = readFileSync(path);
      const damaged = bytes(whole.toString());
      writeFileSync(path, damaged);
      const onDisk = readFileSync(path);
      const finding = { rule, severity: "error", ...(line === undefined ? {} : { line }) };
      await pass(FRESH_MS);
      const told = warnings();
      const fresh = await FlowStore.open(store.root, { ...QUICK, onWarning: told.onWarning });
      for (const seen of [store, fresh]) {
        // The others are returned; what needs it is not ready.
        assert.deepEqual(ids(await seen.features.getAll()), [1, 3, 4]);
        assert.deepEqual(ids(await seen.features.getReady()), [1, 4]);
        assert.deepEqual(ids(await seen.features.getBlocked()), [3]);
        assert.equal((await seen.features.getById(3))?.status, "blocked");
        // By name it is CORRUPT, whatever is to be done with it.
        for (const call of [
          () => seen.features.getById(2),
          () => seen.features.getById(two.uid),
          () => seen.features.claimAndGet(2),
          () => seen.features.markPassing(two.uid),
          () => seen.features.update(2, { name: "x" }),
          () => seen.features.delete(2),
          () => seen.features.addDependency(1, 2),
          () => seen.features.create({ name: "needs it", dependencies: [2] }),
          () => seen.features.claimAndGet(3, { requireReady: true }),
          () => seen.changes.logEvent(2, "comment"),
        ]) {
          const error = await refused("CORRUPT", call);
          assert.equal(error.context["file"], file);
          assert.ok(error.message.includes(file), error.message);
          assert.equal(error.context["line"], line);
          assert.doesNotMatch(error.message, /\p{Cc}/u);
        }
        assert.deepEqual(about(await seen.check(), file), [finding]);
        assert.deepEqual(about((await seen.status()).problems, file), [finding]);
        assert.equal((await seen.changes.getEvents(2)).length, 1);
      }
      assert.deepEqual(about(told.findings, file), [finding]);
      // Writes go on around it; its id stays taken.
      assert.equal((await fresh.features.create({ name: "next" })).id, rule === "name" ? 8 : 5);
      assert.equal((await store.features.claimNext())?.id, 1);
      assert.deepEqual(await store.features.delete(4), { id: 4, removedFrom: [] });
      const dry = await store.repair({ dryRun: true });
      const report = await store.repair();
      assert.deepEqual(about(dry.left, file), [finding]);
      assert.deepEqual(about(report.left, file), [finding]);
      assert.deepEqual(readFileSync(path), onDisk);
      // Mended by hand, it is there again.
      writeFileSync(path, whole);
      await pass(FRESH_MS);
      assert.equal((await store.features.getById(2))?.name, "two");
      assert.deepEqual(about(await fresh.check(), file), []);
      await fresh.close();
    });
  }
});

/** Documents that look odd and are none the worse for it. */
const FINE: Readonly<Record<string, (text: string) => string>> = {
  "on one line": (text) => JSON.stringify(JSON.parse(text)),
  "with tabs": (text) => JSON.stringify(JSON.parse(text), null, "\t"),
  "with CRLF": (text) => text.replaceAll("\n", "\r\n"),
  "without a last new line": (text) => text.trimEnd(),
  "with blanks around": (text) => `\n\n  ${text}\n\n\t`,
  "with a key twice": (text) => text.replace('"name": "two"', '"name": "no", "name": "two"'),
  "with half a surrogate pair, escaped": (text) =>
    text.replace('"category": ""', '"category": "\\ud800"'),
  "with __proto__ and constructor": (text) =>
    text.replace("{\n", '{\n  "__proto__": {"name": "evil"},\n  "constructor": {"x": 1},\n'),
  "with keys of the future": (text) =>
    text.replace("{\n", '{\n  "version": 9, "evidence": [{}],\n'),
  "with numbers that JavaScript cannot hold": (text) =>
    text.replace("{\n", '{\n  "a": 1.0, "b": 1e400, "c": 12345678901234567890, "d": -0,\n'),
  "with its defaults left out": (text) => {
    const { id, name, uid } = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify({ id, name, uid });
  },
  "with null where null may stand": (text) =>
    text
      .replace(/"createdAt": "[^"]*"/, '"createdAt": null')
      .replace('"claim": null', '"claim": null, "deletedAt": null'),
};

describe("an odd document", () => {
  for (const [name, change] of Object.entries(FINE)) {
    test(`${name} is used like any other`, async (context) => {
      const { store, made } = await makeThree(context);
      const two = made[1] as Feature;
      const path = fileOf(store, two);
      writeFileSync(path, change(readFileSync(path, "utf8")));
      await pass(FRESH_MS);
      const seen = await store.features.getById(2);
      assert.equal(seen?.name, "two");
      assert.equal(seen?.uid, two.uid);
      assert.equal((await store.features.claimAndGet(2)).status, "in_progress");
      assert.equal((await store.features.markPassing(two.uid)).passes, true);
      assert.equal((await store.features.getById(3))?.status, "ready");
      const errors = (await store.check()).filter(({ severity }) => severity === "error");
      const expected = name === "with a key twice" ? ["repeated-key"] : [];
      assert.deepEqual(
        errors.map(({ rule }) => rule),
        expected,
      );
      const fresh = await reopen(context, store);
      assert.deepEqual(await fresh.features.getById(2), await store.features.getById(2));
    });
  }
});

describe("many at once", () => {
  test("every damage in one store: each named once, the others returned, nothing changed", async (context) => {
    const store = await makeStore(context);
    const cases = Object.entries(DAMAGES);
    const made = await store.features.createBulk(
      Array.from({ length: 2 * cases.length }, (_, index) => ({ name: `two ${index}` })),
    );
    for (const [index, [, { bytes }]] of cases.entries()) {
      const path = fileOf(store, made[2 * index] as Feature);
      writeFileSync(path, bytes(readFileSync(path, "utf8")));
    }
    const before = snapshot(join(store.root, "features"));
    await pass(FRESH_MS);
    const told = warnings();
    const fresh = await FlowStore.open(store.root, { ...QUICK, onWarning: told.onWarning });
    for (let round = 0; round < 3; round += 1) {
      const usable = ids(await fresh.features.getAll());
      const even = made.filter((_, index) => index % 2 === 1);
      for (const { id } of even) assert.ok(usable.includes(id), `feature ${id}`);
      assert.ok(usable.length < made.length);
    }
    const files = told.findings.map(({ file }) => file);
    assert.equal(new Set(files).size, files.length);
    const named = (await fresh.check()).filter(({ severity }) => severity === "error");
    assert.deepEqual(named.map(({ file }) => file).toSorted(), files.toSorted());
    await fresh.repair();
    await fresh.close();
    assert.deepEqual(snapshot(join(store.root, "features")), before);
  });

  test("a name that tells no id, of hand-made and of hidden files", async (context) => {
    const store = await makeStore(context);
    const folder = join(store.root, "features");
    await store.features.create({ name: "a" });
    const text = (id: number, name: string): string => JSON.stringify({ id, name });
    for (const [name, content] of [
      ["plan.json", text(10, "a name of its own")],
      ["[x] {y} *?.json", text(11, "characters of patterns")],
      ["ä e\u0301 日本.json", text(12, "letters")],
      ["-rf.json", text(13, "a dash")],
      ["14.json", text(14, "the id alone")],
      ["0015-x.json", text(15, "zeros before")],
      [`16-${"x".repeat(240)}.json`, text(16, "long")],
      [".#1-a.json", text(99, "hidden")],
      ["._1-a.json", "\0\0"],
      ["notes.txt", "text"],
      ["1-a.json~", "{}"],
      ["17-upper.JSON", text(17, "another suffix")],
    ] as const) {
      writeFileSync(join(folder, name), content);
    }
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub/20-below.json"), text(20, "below"));
    const before = snapshot(folder);
    await pass(FRESH_MS);
    assert.deepEqual(ids(await store.features.getAll()), [1, 10, 11, 12, 13, 14, 15, 16]);
    assert.equal((await store.features.getById(12))?.name, "letters");
    assert.deepEqual(
      (await store.check()).filter(({ rule }) => rule === "foreign-file").map(({ file }) => file),
      [".#1-a.json", "._1-a.json", "1-a.json~", "17-upper.JSON", "notes.txt", "sub"].map(
        (name) => `features/${name}`,
      ),
    );
    assert.equal((await store.features.markPassing(11)).passes, true);
    assert.equal((await store.features.create({ name: "next" })).id, 17);
    const after = snapshot(folder);
    for (const name of Object.keys(before).filter((one) => !one.includes("[x]") && one !== ".")) {
      assert.deepEqual(after[name], before[name], name);
    }
    assert.ok("[x] {y} *?.json" in after, "its name stays");
    assert.equal(
      typeof (JSON.parse(readFileSync(join(folder, "[x] {y} *?.json"), "utf8")) as Feature).uid,
      "string",
    );
  });

  test("a name that is not UTF-8 is named, not passed over", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const name = Buffer.concat([
      Buffer.from(`${store.root}/features/2-`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(".json"),
    ]);
    writeFileSync(name, '{"id": 2, "name": "b"}');
    await pass(FRESH_MS);
    assert.deepEqual(ids(await store.features.getAll()), [1]);
    const found = (await store.check()).filter(({ rule }) => rule === "bad-name");
    assert.equal(found.length, 1);
    assert.equal(found[0]?.severity, "error");
    assert.equal((await store.features.create({ name: "next" })).id, 3);
    assert.equal(readFileSync(name, "utf8"), '{"id": 2, "name": "b"}');
  });

  test("a file of 50 MB: of garbage it is named, of JSON it is used", async (context) => {
    const { store, made } = await makeThree(context);
    const path = fileOf(store, made[1] as Feature);
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, Buffer.alloc(50 * 1024 * 1024, "x"));
    await pass(FRESH_MS);
    assert.deepEqual(ids(await store.features.getAll()), [1, 3, 4]);
    assert.equal((await refused("CORRUPT", () => store.features.getById(2))).context["line"], 1);
    const filler = "y".repeat(50 * 1024 * 1024);
    writeFileSync(path, whole.replace('"description": ""', `"description": "${filler}"`));
    await pass(FRESH_MS);
    assert.equal((await store.features.getById(2))?.description.length, filler.length);
    assert.deepEqual(ids((await store.features.list({ text: "yyy" })).items), [2]);
    renameSync(path, `${path}.aside`);
    await pass(FRESH_MS);
    assert.equal(await store.features.getById(2), null);
  });
});
