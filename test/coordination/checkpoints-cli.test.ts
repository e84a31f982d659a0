/** `flowstore checkpoint`, as people and programs call it. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { list, masked, one } from "../cli/support.ts";
import { openSession } from "./session.ts";

/** Numbers and names that differ from run to run. */
function settled(text: string, folder: string): string[] {
  return masked(text, folder)
    .replace(/-[0-9a-z]{6}\.json/g, "-<uid6>.json")
    .replace(/before-restore-\d{4}-\d{2}-\d{2}-\d{9}/g, "before-restore-<time>")
    .replace(/\d+ bytes/g, "<n> bytes")
    .replace(/\n$/, "")
    .split("\n");
}

test("session: saved, changed, looked at, gone back, undone, deleted", async (context) => {
  const { step, run, json, folder } = await openSession(context);
  const shown = async (...words: string[]): Promise<string[]> => {
    const { exit, stdout, stderr } = await run(["checkpoint", ...words]);
    assert.equal(exit, 0, stderr);
    return settled(stdout, folder);
  };
  await step(["checkpoint", "list"], { stdout: ["No checkpoints"] });
  await run(["feature", "create", "Cart"]);
  await run(["setting", "set", "colour", "red"]);
  assert.deepEqual(await shown("save", "before lunch", "--note", "to be safe"), [
    "Saved before lunch (2 documents, <n> bytes)",
  ]);
  await step(["checkpoint", "save", "before lunch"], {
    exit: 5,
    stderr: [
      'flowstore: Cannot save the checkpoint "before lunch": there is one',
      "  Choose another name, or say that it is to be replaced.",
    ],
  });
  await run(["feature", "update", "1", "--set", "name=Basket"]);
  await run(["feature", "create", "Search"]);
  const table = [
    "CHANGE    FILE",
    "restored  features/1-cart-<uid6>.json",
    "deleted   features/2-search-<uid6>.json",
  ];
  assert.deepEqual(await shown("restore", "before lunch", "--dry-run"), [
    ...table,
    "Would go back to before lunch: 1 restored, 1 deleted, 1 unchanged",
  ]);
  await step(["feature", "list", "--text", "search"], {
    stdout: ["   ID  PRIORITY  NAME    CATEGORY  NEEDS  AGENT", "☐   2         2  Search"],
  });
  const back = await run(["checkpoint", "restore", "-"], { input: "before lunch\n" });
  assert.deepEqual(settled(back.stdout, folder), [
    ...table,
    "Went back to before lunch: 1 restored, 1 deleted, 1 unchanged",
    "What was replaced: before-restore-<time>",
  ]);
  const replaced = /What was replaced: (.*)/.exec(back.stdout)?.[1] ?? "";
  await step(["feature", "list"], {
    stdout: ["   ID  PRIORITY  NAME  CATEGORY  NEEDS  AGENT", "☐   1         1  Cart"],
  });
  await step(["check"], { stdout: ["No damage found"] });
  await step(["checkpoint", "restore", "before lunch"], {
    stdout: ["Went back to before lunch: 2 unchanged"],
  });
  assert.deepEqual(
    list(await json(["checkpoint", "list"])).map(({ name }) => name),
    [replaced, "before lunch"],
  );
  const undone = await json(["checkpoint", "restore", replaced, "--quiet"]);
  assert.deepEqual(one(undone)["counts"], {
    ...{ restored: 1, recreated: 1, deleted: 0, unchanged: 1, left: 0 },
  });
  assert.equal(undone.meta["dryRun"], false);
  assert.deepEqual(await shown("show", "before lunch"), [
    "name: before lunch",
    "createdAt: <time>",
    "agent: tester",
    "note: to be safe",
    "scope: features, gaps, phases, pipeline, approvals, memory, settings",
    "documents: 2",
    "bytes: 384",
  ]);
  await step(["checkpoint", "delete", replaced, "before lunch", "--dry-run"], {
    stdout: [`Would delete ${replaced}`, "Would delete before lunch"],
  });
  await step(["checkpoint", "delete", "-"], {
    input: `${replaced}\nbefore lunch\n`,
    stdout: [`Deleted ${replaced}`, "Deleted before lunch"],
  });
  await step(["checkpoint", "restore", "before lunch"], {
    exit: 3,
    stderr: [
      'flowstore: There is no checkpoint "before lunch"',
      "  flowstore checkpoint list shows those that there are.",
    ],
  });
});

test("programs get every document and what becomes of it, one envelope each", async (context) => {
  const { run, json } = await openSession(context);
  await run(["setting", "set", "colour", "red"]);
  await run(["gap", "add", "fn-1", "search"]);
  const saved = await json(["checkpoint", "save", "a", "--scope", "settings, gaps"]);
  assert.deepEqual(one(saved)["scope"], ["gaps", "settings"]);
  await run(["setting", "set", "colour", "blue"]);
  await run(["setting", "set", "size", "3"]);
  const dry = await json(["checkpoint", "restore", "a", "--dry-run"]);
  const { documents, saved: name, checkpoint } = one(dry);
  assert.equal(name, null);
  assert.deepEqual(checkpoint, saved.data);
  assert.deepEqual(
    (documents as { path: string; change: string }[]).map(({ path, change }) => {
      return `${change} ${path.replace(/-[0-9a-z]{6}\.json$/, "")}`;
    }),
    ["unchanged gaps/fn-1/1-search", "restored settings/colour.json", "deleted settings/size.json"],
  );
  const again = await json(["checkpoint", "save", "a", "--replace", "--note", "later"]);
  assert.equal(one(again)["note"], "later");
  assert.deepEqual((await json(["checkpoint", "list"])).meta, { count: 1 });
  assert.deepEqual(one(await json(["checkpoint", "delete", "a"])), { name: "a" });
});

test("what is wrong has its exit code, and nothing is changed by several of which one is unknown", async (context) => {
  const { run, json, folder } = await openSession(context);
  await run(["setting", "set", "colour", "red"]);
  await run(["checkpoint", "save", "a"]);
  for (const [code, exit, words] of [
    ["BAD_REQUEST", 2, ["save", "b", "--scope", "features,locks"]],
    ["BAD_REQUEST", 2, ["save", ""]],
    ["BAD_REQUEST", 2, ["restore"]],
    ["NOT_FOUND", 3, ["show", "b"]],
    ["NOT_FOUND", 3, ["restore", "b"]],
    ["NOT_FOUND", 3, ["delete", "a", "b"]],
    ["NOT_FOUND", 3, ["delete", "a", "b", "--dry-run"]],
    ["CONFLICT", 5, ["save", "a"]],
  ] as const) {
    const refusal = await json(["checkpoint", ...words]);
    assert.deepEqual([refusal.exit, refusal.error.code], [exit, code], words.join(" "));
  }
  assert.deepEqual(readdirSync(join(folder, ".flow/local/checkpoints/a")).length, 2);
  writeFileSync(join(folder, ".flow/settings/colour.json"), "{");
  const torn = await json(["checkpoint", "save", "b"]);
  assert.deepEqual([torn.exit, torn.error.code], [6, "CORRUPT"]);
  assert.equal(torn.error.context["file"], "settings/colour.json");
  writeFileSync(join(folder, ".flow/settings/new.json"), "{");
  const { exit, stdout, stderr } = await run(["checkpoint", "restore", "a"]);
  assert.equal(exit, 0);
  assert.match(stdout, /restored {2}settings\/colour\.json\nleft {6}settings\/new\.json/);
  assert.match(stderr, /^error settings\/new\.json:1: Cannot use .* \(not-json\)$/m);
  assert.doesNotMatch(stderr, /colour/);
});
