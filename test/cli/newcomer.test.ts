/** What somebody meets who uses the command line for the first time. */
import assert from "node:assert/strict";
import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { StoredEvent } from "flowstore";
import { createBoard } from "#src/cli/demo/board.js";
import { commandHelp, groupHelp } from "#src/cli/help.js";
import { REGISTRY } from "#src/cli/registry.js";
import { renderEvents } from "#src/cli/render/event-table.js";
import { describeTerminal } from "#src/cli/render/terminal.js";
import { wrapIndented } from "#src/cli/render/width.js";
import { list, one, openShell, openStoreShell } from "./support.ts";

const narrow = describeTerminal({ isTTY: true, columns: 40 }, { LANG: "C.UTF-8" }, true);

async function helpOf(name: string): Promise<string> {
  const registration = REGISTRY[name];
  assert.ok(registration, name);
  return commandHelp(name, await registration.load()).text;
}

describe("help", () => {
  test("start says who holds the feature, and so it is", async (context) => {
    const { run, json } = await openStoreShell(context);
    assert.match(await helpOf("feature start"), /held by the actor/);
    await run(["feature", "create", "A"]);
    const started = one(await json(["feature", "start", "1", "--actor", "ann"]));
    const { agent, expiresAt } = started["claim"] as Record<string, unknown>;
    assert.deepEqual([agent, expiresAt], ["ann", null]);
  });

  test("claim says what comes when nothing is ready", async () => {
    assert.match(await helpOf("feature claim"), /exit code 0, data null, and meta\.reason/);
  });

  test("next says what the score is", async () => {
    assert.match(await helpOf("feature next"), /counts how many wait/);
  });

  test("the whole of it says what a feature is before it lists commands", () => {
    const { text } = groupHelp("");
    assert.ok(text.indexOf("A plan is a list of features") < text.indexOf("Commands:"));
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
    assert.doesNotMatch(groupHelp("feature").text, /A plan is/);
  });

  test("no line of a description is broken anew", async () => {
    for (const [name, { load }] of Object.entries(REGISTRY)) {
      const { details = "" } = await load();
      for (const line of details.split("\n")) assert.ok(line.length <= 80, `${name}: ${line}`);
    }
  });
});

describe("a claim of one's own", () => {
  test("is renewed by its actor alone, and only with a lease", async (context) => {
    const { run, json } = await openStoreShell(context);
    await run(["feature", "create", "A"]);
    const claimed = one(
      await json(["feature", "claim", "1", "--lease", "1m"], { env: { FLOW_ACTOR: "ann" } }),
    );
    const endOf = (feature: Readonly<Record<string, unknown>>): number =>
      Date.parse((feature["claim"] as { expiresAt: string }).expiresAt);
    const words = ["feature", "renew", "1"];
    const renewed = one(await json([...words, "--lease", "2h"], { env: { FLOW_ACTOR: "ann" } }));
    assert.ok(endOf(renewed) - endOf(claimed) > 60 * 60_000);
    const longer = one(await json([...words, "--lease", "4h", "--actor", "ann"]));
    assert.ok(endOf(longer) > endOf(renewed));
    const others = await json([...words, "--lease", "2h", "--actor", "bob"]);
    assert.deepEqual([others.exit, others.error.code], [5, "CONFLICT"]);
    const endless = await json(words);
    assert.deepEqual([endless.exit, endless.error.message], [2, "Say how long: give --lease"]);
    const types = list(await json(["feature", "history", "1"])).map(({ eventType }) => eventType);
    assert.deepEqual(types, ["created", "claimed"]);
  });

  test("is renewed by git's user where nobody is named", async (context) => {
    const { run, json } = await openStoreShell(context);
    const env = { FLOW_ACTOR: "", USER: "joe", HOME: "/nowhere" };
    await run(["feature", "create", "A"]);
    await run(["feature", "claim", "1"], { env });
    const renewed = one(await json(["feature", "renew", "1", "--lease", "1h"], { env }));
    assert.equal((renewed["claim"] as { agent: string }).agent, "joe");
  });

  test("is guarded: pass, fail, release and skip refuse what somebody else holds", async (context) => {
    const { run, json } = await openStoreShell(context);
    await run(["feature", "create", "A"]);
    await run(["feature", "claim", "1", "--actor", "ann"]);
    for (const verb of ["pass", "fail", "release", "skip"]) {
      const { exit, error } = await json(["feature", verb, "1", "--claimed-by", "bob"]);
      assert.deepEqual([exit, error.code], [5, "CONFLICT"], verb);
      assert.match(error.message, /^bob does not hold feature 1: ann holds it/);
    }
    assert.equal((await run(["feature", "pass", "1", "--claimed-by", "ann"])).exit, 0);
    const expired = await json(["feature", "release", "--expired", "--claimed-by", "ann"]);
    assert.equal(expired.exit, 2);
  });
});

/** Every command that changes one feature which is there, with words that change it. */
const CHANGES: readonly (readonly string[])[] = [
  ["start", "1"],
  ["release", "1"],
  ["pass", "1"],
  ["fail", "1"],
  ["skip", "1"],
  ["update", "1", "--set", "name=New"],
  ["dep add", "1", "2", "3"],
  ["dep rm", "1", "3"],
  ["dep set", "1"],
  ["delete", "1", "--dry-run"],
  ["delete", "1"],
];

test("changes go through at the revision expected and are refused at another", async (context) => {
  const { run, json } = await openStoreShell(context);
  for (const name of ["A", "B", "C"]) await run(["feature", "create", name]);
  let before = "";
  for (const [words = "", ...rest] of CHANGES) {
    const command = ["feature", ...words.split(" "), ...rest];
    const revision = String(one(await json(["feature", "show", "1"]))["revision"]);
    const guarded = [...command, "--expected-revision"];
    const stale = await json([...guarded, before === revision ? "other" : before]);
    assert.deepEqual([stale.exit, stale.error?.code], [5, "CONFLICT"], command.join(" "));
    const fresh = await json([...guarded, revision]);
    assert.equal(fresh.exit, 0, `${command.join(" ")}: ${fresh.error?.message}`);
    before = revision;
  }
  const several = await json(["feature", "pass", "2", "3", "--expected-revision", "x"]);
  assert.deepEqual([several.exit, several.error.code], [2, "BAD_REQUEST"]);
  const shown = (await run(["feature", "show", "2"])).stdout;
  const { revision } = one(await json(["feature", "show", "2"]));
  assert.ok(shown.includes(`Revision    ${String(revision)}`), shown);
});

test("a note goes into the events of every change, and events shows it", async (context) => {
  const { run, json } = await openStoreShell(context);
  await run(["feature", "create", "B"]);
  const calls = [
    ["create", "A"],
    ["claim", "1"],
    ["release", "1"],
    ["claim", "--next"],
    ["fail", "1"],
    ["start", "1"],
    ["pass", "1"],
    ["skip", "1"],
    ["update", "1", "--set", "name=C"],
    ["dep", "add", "1", "2"],
    ["dep", "rm", "1", "2"],
    ["dep", "set", "1", "2"],
    ["delete", "1"],
  ];
  for (const [at, words] of calls.entries()) {
    const { exit, stderr } = await run(["feature", ...words, "--note", `why ${at}`]);
    assert.equal(exit, 0, `${words.join(" ")}: ${stderr}`);
  }
  const events = list(await json(["events"])).slice(1);
  const notes = events.map(({ metadata }) => (metadata as { note?: string } | null)?.note);
  assert.deepEqual(
    [...new Set(notes)],
    calls.map((_, at) => `why ${at}`),
  );
  assert.match((await run(["events", "--type", "claimed"])).stdout, /NOTE\n.*why 1\n/);
});

test("check says what repair would do, and counts one as one", async (context) => {
  const { folder, run } = await openStoreShell(context);
  await writeFile(
    join(folder, ".flow", "features", "7-mine.json"),
    '{\n  "id": 7,\n  "name": "x"\n}\n',
  );
  const { stdout } = await run(["check"]);
  assert.match(stdout, /\(no-uid\)\n {2}repair: a uid is written\n/);
  assert.match(stdout, /\n0 errors, 2 warnings\n$/);
  const repaired = (await run(["repair"])).stdout;
  assert.match(repaired, /^Mended: 2\n.*\(no-uid\)\n {2}a uid is written\n/);
  assert.match(repaired, /\(unexplained\)\n {2}an event is logged that says so\nLeft: 0\n/);
  assert.equal((await run(["check"])).stdout, "No damage found\n");
  await writeFile(join(folder, ".flow", "features", "8-broken.json"), "{");
  await writeFile(
    join(folder, ".flow", "features", "9-mine.json"),
    '{"id": 9, "name": "y", "uid": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}',
  );
  assert.match((await run(["check"])).stdout, /\n1 error, 1 warning\n$/);
  await rm(join(folder, ".flow", "features", "9-mine.json"));
  assert.match((await run(["export", "--output", "one.json"])).stdout, /^Wrote 1 feature to /);
});

test("what one deletes no longer holds up one, or several", async (context) => {
  const { run } = await openStoreShell(context);
  for (const name of ["A", "B", "C"]) await run(["feature", "create", name]);
  await run(["feature", "dep", "add", "2", "1"]);
  await run(["feature", "dep", "add", "3", "1"]);
  const { stdout } = await run(["feature", "delete", "1"]);
  assert.equal(stdout, "Deleted #1; #2, #3 no longer wait for it\n");
});

test("import --quiet prints the problems and nothing else", async (context) => {
  const { run } = await openStoreShell(context);
  const good = '{"id":"x-1","title":"A"}';
  const words = ["import", "-", "--quiet"];
  const first = await run(words, { input: `${good}\n` });
  assert.deepEqual(first, { exit: 0, stdout: "", stderr: "" });
  const edge = '{"type":"blocks","depends_on_id":"x-9"}';
  const odd = `{"id":"x-2","title":"B","dependencies":[${edge}]}`;
  const second = await run(words, { input: `${good}\n${odd}\n` });
  assert.equal(second.exit, 0, second.stderr);
  assert.equal(second.stdout, "standard input: x-2 needs x-9: there is no such item\n");
  const dry = await run([...words, "--dry-run"], { input: `${good}\n` });
  assert.match(dry.stdout, /^Would import /);
});

test("a folder that is not there is named as such, a store above it or not", async (context) => {
  const shell = await openShell(context);
  const { folder, json } = shell;
  for (const dir of [join(folder, "none"), "none/below"]) {
    const { exit, error } = await json(["status", "--dir", dir]);
    assert.deepEqual([exit, error.code], [3, "NOT_INITIALIZED"]);
    assert.equal(error.message, `Cannot open a store: there is no folder ${dir}`);
  }
  await shell.run(["init"]);
  assert.equal((await json(["feature", "create", "A", "--dir", "none"])).exit, 3);
  assert.equal((await json(["feature", "list", "--dir", "."])).exit, 0);
  assert.equal((await json(["init", "--dir", "none/below"])).exit, 0);
});

test("a feature without a name is refused", async (context) => {
  const { json } = await openStoreShell(context);
  for (const name of ["", "  "]) {
    const { exit, error } = await json(["feature", "create", name]);
    assert.deepEqual([exit, error.message], [2, "The name of a feature is empty"]);
  }
  assert.equal(one(await json(["feature", "stats"]))["total"], 0);
});

test("a wrong input is explained in our words", async (context) => {
  const { json } = await openStoreShell(context);
  const input = '{"name":null,"steps":["a",1]}';
  const { exit, error } = await json(["feature", "create", "--from-json", "-"], { input });
  assert.equal(exit, 2);
  assert.equal(
    error.message,
    "Cannot create the feature: name: expected a text, got null; steps[1]: expected a text, got 1",
  );
});

test("a copied file is named for what it is", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  await run(["feature", "create", "A"]);
  const features = join(folder, ".flow", "features");
  const [file = ""] = await readdir(features);
  await copyFile(join(features, file), join(features, "1-copy.json"));
  const { exit, error } = await json(["feature", "pass", "1"]);
  assert.equal(exit, 5);
  assert.match(error.hint ?? "", /bear the same uid.*flowstore check/);
});

describe("on a narrow terminal", () => {
  test("lines are folded below their own beginning", () => {
    assert.deepEqual(wrapIndented("  one two three four", 14), ["  one two", "    three four"]);
    assert.deepEqual(wrapIndented("  short", 14), ["  short"]);
  });

  test("the demo's lines that stay are folded, not cut", () => {
    let text = "";
    const write = (more: string): void => {
      text += more;
    };
    const board = createBoard({ terminal: narrow, isLive: true, write });
    board.say("72 features of plan.json imported into /tmp/flowstore-demo-123456");
    assert.match(text, /flowstore-demo-123456/);
  });

  test("events show what changed rather than the beginning of their JSON", () => {
    const event: StoredEvent = {
      sequence: 1,
      provisional: false,
      id: "01M7Z0YB2Z5YH27TAQ006SBDS0",
      stream: "feature:01M7Z0YB2Z5YH27TAQ006SBDS0",
      version: 1,
      type: "skipped",
      schemaVersion: 1,
      payload: { featureId: 3, featureUid: "x", field: "priority", oldValue: "1", newValue: "4" },
      metadata: null,
      txId: "x",
      agent: "ann",
      source: "cli",
      causedBy: null,
      correlationId: null,
      commandId: null,
      createdAt: "2026-11-21T12:22:50.433Z",
    };
    const foreign = { ...event, stream: "build:7", payload: { ok: true } };
    const wide = describeTerminal({}, { LANG: "C.UTF-8" }, true);
    const lines = renderEvents([event, foreign], wide).split("\n");
    assert.match(lines[1] ?? "", / #3 +skipped +priority: 1 -> 4 +ann$/);
    assert.match(lines[2] ?? "", / build:7 +skipped +\{"ok":true\} +ann$/);
    for (const line of renderEvents([event, foreign], narrow).split("\n")) {
      assert.ok(line.length <= 40, line);
      assert.doesNotMatch(line, /featureId/);
    }
  });
});

test("what a document holds beside the known keys keeps its indentation", async (context) => {
  const { run } = await openStoreShell(context);
  const input = JSON.stringify([
    { name: "a", description: "list:\n  - one\n  - two", origin: { from: { id: 7 } } },
  ]);
  assert.equal((await run(["feature", "create", "--from-json", "-"], { input })).exit, 0);
  const { stdout } = await run(["feature", "show", "1"]);
  assert.match(stdout, /\n {4}list:\n {6}- one\n {6}- two\n/);
  assert.match(stdout, /\n {4}\{\n {6}"from": \{\n {8}"id": 7\n {6}\}\n {4}\}\n/);
});
