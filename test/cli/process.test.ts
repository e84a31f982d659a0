/** The command as a process: interrupted, its reader gone, its input slow. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openStoreShell, outcomeOf, start } from "./support.ts";

test("interrupted while it waits for input, it ends with 130 and one document", async (context) => {
  const { folder, json } = await openStoreShell(context);
  const child = start(folder, ["feature", "create", "--from-json", "-", "--json"]);
  const outcome = outcomeOf(child);
  // The handler stands as soon as the command asks for input; nothing tells when that is.
  for (let tries = 0; tries < 50 && child.exitCode === null && child.signalCode === null; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (tries === 1) child.kill("SIGINT");
  }
  const { exit, stdout } = await outcome;
  assert.equal(exit, 130);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "ABORTED");
  assert.equal((await json(["feature", "stats"])).data.total, 0);
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
    const { total, passing } = (await json(["feature", "stats"])).data;
    // null: the signal came before the program was loaded.
    assert.ok(exit === 130 || exit === 0 || exit === null, String(exit));
    if (exit === 0) assert.deepEqual([total, passing], [2000, 2000]);
    else assert.ok((total === 0 && passing === 0) || (total === 2000 && passing === 2000));
  }
  assert.equal((await json(["check"])).exit, 0);
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
