/** The command as a process: interrupted, its reader gone, its input slow. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { one, openStoreShell, outcomeOf, start } from "./support.ts";

test("interrupted while it waits for input, it ends with 130 and one document", async (context) => {
  const { folder, json } = await openStoreShell(context);
  const child = start(folder, ["feature", "create", "--from-json", "-", "--json"]);
  const outcome = outcomeOf(child);
  // The handler stands as soon as the command asks for input; nothing tells when that is.
  for (
    let tries = 0;
    tries < 50 && child.exitCode === null && child.signalCode === null;
    tries += 1
  ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (tries === 1) child.kill("SIGINT");
  }
  const { exit, stdout } = await outcome;
  assert.equal(exit, 130);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "ABORTED");
  assert.equal(one(await json(["feature", "stats"]))["total"], 0);
});

test("interrupted in an import, it leaves all of it or nothing", async (context) => {
  const { folder, json } = await openStoreShell(context);
  const items = Array.from({ length: 2000 }, (_, at) => ({ name: `n${at}`, passes: true }));
  await writeFile(join(folder, "plan.json"), JSON.stringify(items));
  for (const waitMs of [250, 400, 550]) {
    const child = start(folder, ["import", "plan.json", "--json"]);
    const outcome = outcomeOf(child);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    child.kill("SIGINT");
    const { exit } = await outcome;
    const { total, passing } = one(await json(["feature", "stats"]));
    // null: the signal came before the program was loaded.
    assert.ok(exit === 130 || exit === 0 || exit === null, String(exit));
    if (exit === 0) assert.deepEqual([total, passing], [2000, 2000]);
    else assert.ok((total === 0 && passing === 0) || (total === 2000 && passing === 2000));
  }
  assert.equal((await json(["check"])).exit, 0);
});

test("interrupted among thousands of changes, it ends soon and undoes them", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  const ids = Array.from({ length: 3000 }, (_, at) => at + 1);
  const input = JSON.stringify(ids.map((id) => ({ name: `n${id}` })));
  assert.equal((await run(["feature", "create", "--from-json", "-"], { input })).exit, 0);
  const child = start(folder, ["feature", "pass", "-", "--json"]);
  const outcome = outcomeOf(child);
  // Enough to begin with, and more than can be done before the signal comes.
  child.stdin.end(Array.from({ length: 60 }, () => ids.join("\n")).join("\n"));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  child.kill("SIGINT");
  const { exit, stdout } = await outcome;
  // null: the signal came before the program was loaded.
  assert.ok(exit === 130 || exit === null, stdout.slice(0, 200));
  assert.equal(one(await json(["feature", "stats"]))["passing"], 0);
});

test("a reader that goes away early meets no stack", async (context) => {
  const { folder, run } = await openStoreShell(context);
  const input = JSON.stringify(
    Array.from({ length: 300 }, (_, at) => ({ name: `n${at}`, description: "x".repeat(2000) })),
  );
  await run(["feature", "create", "--from-json", "-"], { input });
  const child = start(folder, ["feature", "list", "--json"]);
  child.stdout.destroy();
  const { exit, stderr } = await outcomeOf(child);
  assert.equal(exit, 0);
  assert.equal(stderr, "");
});
