/**
 * Seed finding 7: the documentation of checkpoints named commands and options that there were not,
 * and others did something else than it said.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandHelp } from "#src/cli/help.js";
import { REGISTRY } from "#src/cli/registry.js";
import { Checkpoints } from "#src/stores/checkpoints.js";
import { list, one, openStoreShell, type Shell } from "../cli/support.ts";
import { makeStore, refused } from "../features/support.ts";
import { codesOf, README, REPOSITORY, tablesOf } from "./blocks.ts";

const GROUP = "checkpoint ";
const COMMANDS = Object.keys(REGISTRY).filter((name) => name.startsWith(GROUP));
const SCOPES = ["features", "gaps", "phases", "pipeline", "approvals", "memory", "settings"];

/** The part of README that describes the calls. */
const SECTION = /\n### Checkpoints\n([\s\S]*?)\n### /.exec(README)?.[1] ?? "";

async function helpOf(name: string): Promise<string> {
  const command = await REGISTRY[name]?.load();
  assert.ok(command);
  return commandHelp(name, command).text;
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(REPOSITORY, folder, name), "utf8"));
}

test("seed finding 7: every checkpoint command that a text names is one, and each is named", async () => {
  const rows = (tablesOf(README).get("command|does|options of its own") ?? []).map(
    ([cell = ""]) => codesOf(cell)[0] ?? "",
  );
  const named = rows.filter((row) => row.startsWith(GROUP));
  assert.deepEqual(
    named.map((row) => row.split(" ").slice(0, 2).join(" ")),
    COMMANDS,
  );
  // In hints and details too, where no schema and no table looks: "checkpoint list shows those …".
  const verbs = new Set(COMMANDS.map((name) => name.slice(GROUP.length)));
  for (const text of [README, ...sourcesBelow("src")]) {
    for (const [typed = "", verb = ""] of text.matchAll(/flowstore checkpoint ([a-z-]+)/g)) {
      assert.ok(verbs.has(verb), typed);
    }
  }
});

test("seed finding 7: the options of help and README are the options that there are", async () => {
  const rows = tablesOf(README).get("command|does|options of its own") ?? [];
  for (const name of COMMANDS) {
    const command = await REGISTRY[name]?.load();
    const known = Object.keys(command?.options ?? {}).map((option) => `--${option}`);
    const help = await helpOf(name);
    const ofAll = help.indexOf("\nOptions of every command:");
    const own = help.slice(0, ofAll) + help.slice(help.indexOf("\nExamples:"));
    const inHelp = new Set([...own.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([word]) => word));
    inHelp.delete("--json");
    assert.deepEqual([...inHelp].toSorted(), known.toSorted(), `${name} --help`);
    const row = rows.find(([cell = ""]) => codesOf(cell)[0]?.startsWith(name) === true);
    assert.deepEqual(codesOf(row?.[2] ?? "").toSorted(), known.toSorted(), `README: ${name}`);
  }
});

test("seed finding 7: every example of the help can be typed, in the order of the help", async (context) => {
  const shell = await openStoreShell(context);
  await fill(shell);
  for (const name of COMMANDS) {
    const command = await REGISTRY[name]?.load();
    for (const example of command?.examples ?? []) {
      const [program, ...words] = example.split(" ");
      assert.equal(program, "flowstore");
      const { exit, stderr } = await shell.run(words);
      assert.deepEqual([exit, stderr], [0, ""], example);
    }
  }
  assert.deepEqual(
    list(await shell.json(["checkpoint", "list"])).map(({ name }) => name),
    ["plan"],
  );
});

async function fill({ run }: Shell): Promise<void> {
  for (const line of [
    "feature create A",
    "gap add fn-1 search",
    "phase done fn-1.1 1",
    "pipeline start fn-1",
    "approval create --task fn-1.1",
    "memory add A",
    "setting set colour red",
  ]) {
    assert.equal((await run(line.split(" "))).exit, 0, line);
  }
}

test("seed finding 7: --scope takes exactly the kinds that the texts name", async (context) => {
  const shell = await openStoreShell(context);
  await fill(shell);
  const help = (await helpOf("checkpoint save")).replaceAll(/\s+/g, " ");
  assert.ok(help.includes(SCOPES.join(", ")), "help names them in this order");
  assert.deepEqual(codesOf(SECTION.slice(0, SECTION.indexOf("| call"))), [
    "local/checkpoints/",
    ...SCOPES,
  ]);
  for (const scope of SCOPES) {
    const saved = one(await shell.json(["checkpoint", "save", scope, "--scope", scope]));
    assert.deepEqual([saved["scope"], saved["documents"]], [[scope], 1]);
  }
  assert.deepEqual(one(await shell.json(["checkpoint", "save", "all"]))["scope"], SCOPES);
  for (const other of ["locks", "outputs", "events", "all"]) {
    assert.equal((await shell.json(["checkpoint", "save", "x", "--scope", other])).exit, 2, other);
  }
});

test("seed finding 7: --replace, --note and --dry-run do what the texts say", async (context) => {
  const { json } = await openStoreShell(context);
  const set = (value: string): Promise<unknown> => json(["setting", "set", "k", value]);
  const value = async (): Promise<unknown> => one(await json(["setting", "get", "k"]))["value"];
  await set("1");
  await json(["checkpoint", "save", "a", "--note", "first"]);
  assert.equal(one(await json(["checkpoint", "show", "a"]))["note"], "first");
  await set("2");
  // "In place of the checkpoint of that name"; without it "there is one".
  assert.equal((await json(["checkpoint", "save", "a"])).exit, 5);
  await json(["checkpoint", "save", "a", "--replace", "--dry-run", "--note", "second"]);
  assert.equal(one(await json(["checkpoint", "show", "a"]))["note"], "first");
  await json(["checkpoint", "save", "a", "--replace", "--note", "second"]);
  assert.equal(one(await json(["checkpoint", "show", "a"]))["note"], "second");
  await set("3");
  // "With --dry-run it changes nothing and shows every document that would change."
  const dry = one(await json(["checkpoint", "restore", "a", "--dry-run"]));
  assert.deepEqual(dry["documents"], [{ path: "settings/k.json", change: "restored" }]);
  assert.equal(await value(), 3);
  // "Brings back exactly what was saved"; "What is replaced is saved first, and its name told:
  // going back to that undoes it"; "Events stay, and it adds its own."
  const back = one(await json(["checkpoint", "restore", "a", "--note", "back"]));
  assert.equal(await value(), 2);
  const events = list(await json(["events", "--stream", "checkpoint:a"]));
  assert.deepEqual(
    events.map(({ type, metadata }) => [type, metadata]),
    [["checkpoint_restored", { note: "back" }]],
  );
  await json(["checkpoint", "restore", String(back["saved"])]);
  assert.equal(await value(), 3);
  // "Newest first."
  assert.equal(list(await json(["checkpoint", "list"])).at(-1)?.["name"], "a");
  await json(["checkpoint", "delete", "a", "--dry-run"]);
  assert.equal((await json(["checkpoint", "show", "a"])).exit, 0);
  await json(["checkpoint", "delete", "a"]);
  assert.equal((await json(["checkpoint", "show", "a"])).exit, 3);
});

test("seed finding 7: every call and option of the API that README names is looked at", async (context) => {
  const store = await makeStore(context);
  const rows = tablesOf(SECTION).get("call|result and rule") ?? [];
  const calls = rows.flatMap(([cell = ""]) => codesOf(cell));
  assert.deepEqual(calls, [
    "save(name, { scope, replace })",
    "restore(name, { dryRun })",
    ...["get(name)", "list()", "delete(name)"],
  ]);
  const methods = Object.getOwnPropertyNames(Checkpoints.prototype);
  assert.deepEqual(
    calls.map((call) => call.split("(")[0]),
    methods.filter((name) => name !== "constructor"),
  );
  await store.checkpoints.save("a");
  for (const options of [{ scope: 1 }, { replace: 1 }, { note: 1 }, { agent: 1 }]) {
    const error = await refused("BAD_REQUEST", store.checkpoints.save("b", options as object));
    assert.equal(error.context["field"], Object.keys(options)[0]);
  }
  for (const options of [{ dryRun: 1 }, { note: 1 }, { agent: 1 }]) {
    const error = await refused("BAD_REQUEST", store.checkpoints.restore("a", options as object));
    assert.equal(error.context["field"], Object.keys(options)[0]);
  }
});
