/** Names that want to harm the terminal, the table or the parser. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { widthOf } from "#src/cli/render/width.js";
import { list, one, openStoreShell } from "./support.ts";

const NAMES = [
  "\x1b[31mred\x1b[0m \x1b]0;title\x07",
  "line one\nline two\r\nthree\ttab",
  "\u202egnirts desrever\u202c \u2066isolated\u2069",
  "zero\u200bwidth\ufeff",
  "日本語の名前 👩\u200d💻",
  "x".repeat(5000),
  "",
  "   ",
  "--json",
  "__proto__",
  '"; drop table features; --',
];

/** C0 but for the newline, DEL, C1, overrides of direction. */
// oxlint-disable-next-line no-control-regex
const DANGEROUS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;

test("names are kept as they are and shown without harm, in 40 columns too", async (context) => {
  const { run, json } = await openStoreShell(context);
  const inputs = NAMES.map((name) => {
    return { name, category: name.slice(0, 100), description: name, steps: [name] };
  });
  const input = JSON.stringify(inputs);
  assert.deepEqual(
    list(await json(["feature", "create", "--from-json", "-"], { input })).map(({ name }) => name),
    NAMES,
  );
  const env = { COLUMNS: "40" };
  const ids = NAMES.map((_, at) => String(at + 1));
  for (const args of [
    ["list"],
    ["show", ...ids],
    ["ready"],
    ["graph"],
    ["history", "1"],
    ["pass", ...ids],
  ]) {
    const { exit, stdout } = await run(["feature", ...args], { env });
    assert.equal(exit, 0);
    assert.doesNotMatch(stdout, DANGEROUS, args[0]);
    if (args[0] === "pass") continue;
    for (const line of stdout.split("\n"))
      assert.ok(widthOf(line) <= 40, `${args[0] ?? ""}: ${line}`);
  }
});

test("a name that looks like an option comes after two dashes", async (context) => {
  const { run } = await openStoreShell(context);
  assert.equal((await run(["feature", "create", "--", "--json"])).exit, 0);
  assert.match((await run(["feature", "list"])).stdout, /--json/);
});

test("an error message shows no escape codes of its arguments", async (context) => {
  const { run } = await openStoreShell(context);
  for (const args of [
    ["\x1b[31mred"],
    ["feature", "show", "\x1b[2J"],
    ["import", "\x1b]0;x\x07"],
  ]) {
    const { exit, stderr } = await run(args);
    assert.notEqual(exit, 0);
    assert.doesNotMatch(stderr, DANGEROUS);
  }
});

test("keys named like parts of a prototype are plain data", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  const input = '{"name":"A","__proto__":{"polluted":true},"constructor":1}';
  assert.equal((await run(["feature", "create", "--from-json", "-"], { input })).exit, 0);
  const data = one(await json(["feature", "show", "1"]));
  assert.ok(Object.hasOwn(data, "__proto__") && Object.hasOwn(data, "constructor"));
  assert.equal((await run(["export", "--output", "plan.json"])).exit, 0);
  assert.match(
    await readFile(join(folder, "plan.json"), "utf8"),
    /"__proto__": \{\s+"polluted": true/,
  );
});
