/** C12 in short, and that its judge sees what is passed over; `test/damage/corpus.test.ts` has kept cases. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import { FRESH_MS, makeStore, pass, refused } from "../features/support.ts";
import { attackTrees, type Plant } from "./c12-bad-input.ts";
import { badLines, isUnusable, lost, Shown, unplaced, unreported } from "./c12-judge.ts";
import { wrongIn } from "./c12-rules.ts";
import { shortTask } from "./short-task.ts";

const TREES = 80;
/** Within so many, each defect was found from any seed. */
const MANY_TREES = 40;

test("damaged trees: no crash, no loss, everything named, the rest readable", async (context) => {
  const { tried, violations, notes } = await attackTrees(shortTask(context, TREES));
  assert.deepEqual([tried, violations], [TREES, []]);
  context.diagnostic(notes[0] ?? "");
});

const BROKEN: Readonly<Record<string, { plant: Plant; seen: RegExp }>> = {
  "a check that says nothing": {
    plant: (opened) => ({ ...opened, check: async () => [] }),
    seen: /nothing is said of/,
  },
  "a check that names no lines": {
    plant: (opened) => ({
      ...opened,
      check: async () =>
        (await opened.check()).map(({ file, rule, severity, message }) => {
          return { file, rule, severity, message };
        }),
    }),
    seen: /nothing is said of events\/.*, line \d/,
  },
  "a call that crashes on what it reads": {
    plant: (opened) => ({
      ...opened,
      check: async () => {
        const found = await opened.check();
        if (found.some(({ rule }) => rule === "schema")) throw new TypeError("undefined is not");
        return found;
      },
    }),
    seen: /check crashed: TypeError/,
  },
  "a list that one bad document empties": {
    plant: (opened) => {
      const { store } = opened;
      const { memory } = store;
      const list = async (): ReturnType<typeof memory.list> =>
        (await opened.check()).some(({ file }) => file.startsWith("memory/")) ? [] : memory.list();
      const broken = Object.create(store, { memory: { value: { list } } }) as typeof store;
      return { ...opened, store: broken };
    },
    seen: /not shown any more: memory/,
  },
};

for (const [name, { plant, seen }] of Object.entries(BROKEN)) {
  test(`${name} is seen`, async (context) => {
    const { violations } = await attackTrees(shortTask(context, MANY_TREES), plant);
    assert.match(violations.join("\n"), seen);
  });
}

test("bytes that are gone are seen, those kept aside are not missed", () => {
  const before = new Map([
    ["features/1.json", "{"],
    ["events/a.jsonl", "1\n"],
    ["local/journal/x", "gone"],
  ]);
  assert.deepEqual(lost(before, new Map([["events/a.jsonl", "1\n2\n"]])), ["features/1.json"]);
  const kept = new Map([
    ["local/quarantine/x", "{"],
    ["events/a.jsonl", "2\n"],
  ]);
  assert.deepEqual(lost(before, kept), ["events/a.jsonl"]);
});

test("the judge knows what nobody can read", () => {
  const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
  for (const text of ["", "{", "[1]", "null", "{}x", '{"a":"\xff"}', "\xef\xbb\xbf{}"]) {
    assert.equal(isUnusable("settings/a.json", bytes(text)), true, text);
  }
  assert.equal(isUnusable("settings/a.json", bytes('{"a":1}')), false);
  assert.deepEqual(badLines("local/lock-log/a.jsonl", bytes('{}\n<<<<\n\n{"a":1}\n{')), [2]);
  assert.deepEqual(badLines("events/a.jsonl", bytes('{"id":"1","crc":"00000000"}\n')), [1]);
  const change = { path: "events/a.jsonl", bytes: bytes("x\n") };
  const about = {
    file: change.path,
    rule: "event-damaged",
    severity: "error",
    message: "",
  } as const;
  assert.equal(unreported([change], [about]).length, 1);
  assert.equal(unreported([change], [{ ...about, line: 1 }]).length, 0);
});

test("the judge knows what of a journal must be named", () => {
  const line = (kind: string): string => {
    const json = JSON.stringify({ kind });
    return `\n${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
  };
  const [header, record, ok] = [line("header"), line("record"), line("ok")];
  const untold = (text: string): number =>
    unreported([{ path: "local/journal/000000000035-a.jsonl", bytes: Buffer.from(text) }], [])
      .length;
  for (const text of [header, header + record, header + record + ok, `${header}${record}\ncut`])
    assert.equal(untold(text), 0, text);
  for (const text of ["", "\0\0", record + ok, header + ok, header.slice(0, -3) + record])
    assert.equal(untold(text), 1, text);
});

test("the judge knows what of a readable document must be named", () => {
  const wrong = (path: string, text: string): boolean => wrongIn(path, text) !== null;
  const good = '{"id": 1, "name": "a", "claim": {"agent": "ann", "at": "now"}, "__proto__": 1}';
  assert.equal(wrong("features/1-a-x.json", good), false);
  assert.equal(wrong("features/2-a-x.json", good), true);
  for (const [from, to] of [
    ['"a"', "1e999"],
    ['"id": 1, ', ""],
    ["{", '{"name": 1, '],
    ['"at"', '"agent": 1, "at"'],
    ['"ann"', "null"],
    ["1}", `${"[".repeat(1000)}${"]".repeat(1000)}}`],
  ] as const) {
    assert.equal(wrong("features/1-a-x.json", good.replace(from, to)), true, to.slice(0, 20));
  }
  assert.equal(wrong("settings/a.json", '{"key": "b", "value": 1}'), true);
});

test("what is not shown is not excused by another damage of its kind", () => {
  const bytes = Buffer.from('{"a":1}');
  const names = ["a", "b"];
  const own = names.map((name) => [`settings/${name}.json`, [`setting ${name}`]] as const);
  const shown = new Shown(["setting a", "setting b"], new Map(own));
  const changes = names.map((name) => ({ path: `settings/${name}.json`, bytes }));
  const error = {
    file: "settings/a.json",
    rule: "schema",
    severity: "error",
    message: "",
  } as const;
  assert.equal(shown.silent(changes, [], [error]).length, 1);
  assert.equal(shown.silent(changes, ["setting b"], [error]).length, 0);
  assert.equal(unplaced(changes, [{ ...error, rule: "not-json" }]).length, 1);
  assert.equal(unplaced(changes, [{ ...error, rule: "not-json", line: 1 }]).length, 0);
});

test("a key that stands twice is named at any depth, and in a lease", async (context) => {
  const store = await makeStore(context);
  const { uid } = await store.features.create({ name: "a" });
  await store.features.claimAndGet(1, { agent: "ann", leaseMs: 60_000 });
  const files = [
    `features/${readdirSync(join(store.root, "features"))[0]}`,
    `local/claims/${uid.toLowerCase()}.json`,
  ];
  for (const file of files) {
    const path = join(store.root, file);
    writeFileSync(path, readFileSync(path, "utf8").replace('"agent"', '"agent": "bob", "agent"'));
  }
  await pass(FRESH_MS);
  const named = (await store.check()).map(({ file, rule }) => `${file} ${rule}`);
  assert.deepEqual(
    named.toSorted(),
    files.map((file) => `${file} repeated-key`),
  );
});

test("a text that no file can be named after is named, and breaks no list", async (context) => {
  const store = await makeStore(context);
  await store.pipeline.start("fn-1");
  await store.phases.markDone("fn-1.1", "1");
  await store.gaps.add({ epicId: "fn-1", capability: "search" });
  const gap = readdirSync(join(store.root, "gaps/fn-1"))[0] ?? "";
  const files = ["pipeline/fn-1.json", "phases/fn-1.1.json", `gaps/fn-1/${gap}`];
  for (const file of files) {
    const path = join(store.root, file);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/("(?:epicId|taskId)": )"[^"]*"/, '$1"\\ud800"'));
  }
  await pass(FRESH_MS);
  const named = (await store.check()).map(({ file, rule }) => `${file} ${rule}`);
  for (const file of files) assert.ok(named.includes(`${file} name`), named.join());
  assert.deepEqual(await store.pipeline.list(), []);
  await refused("CORRUPT", store.phases.get("fn-1.1"));
});
