/** Every exit code, each with its one document and its words on standard error. */
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { asFlowError } from "#src/cli/envelope.js";
import { exitCodeOf } from "#src/cli/exit-codes.js";
import { FLOW_ERROR_CODES } from "#src/errors.js";
import { asOwner } from "../features/user.ts";
import { list, openShell, openStoreShell, type Shell } from "./support.ts";

/** Runs a failing command both ways. */
async function fails(
  { run, json }: Shell,
  args: readonly string[],
  exit: number,
  code: string,
): Promise<void> {
  const [told, shown] = await Promise.all([json(args), run(args)]);
  assert.deepEqual([told.exit, told.ok, told.error.code], [exit, false, code], args.join(" "));
  const { message, hint, retryable, context } = told.error;
  assert.deepEqual(
    [typeof message, hint === null || typeof hint, typeof retryable, typeof context],
    ["string", hint === null || "string", "boolean", "object"],
  );
  assert.deepEqual([shown.exit, shown.stdout], [exit, ""], args.join(" "));
  assert.ok(shown.stderr.startsWith("flowstore: "), shown.stderr);
  assert.doesNotMatch(shown.stderr, /\n\s+at /, "no stack");
}

/** How many commands run at the same time: a little more than the cores of a small machine. */
const AT_ONCE = 4;

/** Runs failing commands, each by itself, for programs. */
async function allFail(
  { json }: Shell,
  exit: number,
  code: string,
  calls: readonly (readonly string[])[],
): Promise<void> {
  for (let from = 0; from < calls.length; from += AT_ONCE) {
    await Promise.all(
      calls.slice(from, from + AT_ONCE).map(async (args) => {
        const told = await json(args);
        assert.deepEqual([told.exit, told.error?.code], [exit, code], args.join(" "));
      }),
    );
  }
}

test("each code of the contract has its exit code", () => {
  const exits = Object.fromEntries(FLOW_ERROR_CODES.map((code) => [code, exitCodeOf(code)]));
  assert.deepEqual(exits, {
    NOT_INITIALIZED: 3,
    NOT_FOUND: 3,
    BAD_REQUEST: 2,
    CONFLICT: 5,
    LOCKED: 5,
    LOCK_LOST: 5,
    CYCLE_DETECTED: 5,
    VERSION_CONFLICT: 5,
    TIMEOUT: 8,
    ABORTED: 130,
    CORRUPT: 6,
    UNSUPPORTED_FORMAT: 6,
    IO: 7,
    READ_ONLY: 7,
    CLOSED: 7,
    INTERNAL: 1,
  });
});

test("1: what is no FlowError is a defect of ours", () => {
  const error = asFlowError(new TypeError("x is not a function"));
  assert.equal(exitCodeOf(error.code), 1);
  assert.match(error.message, /x is not a function/);
});

test("2: wrong use, before and after a store is opened", async (context) => {
  const shell = await openStoreShell(context);
  await fails(shell, ["nonsense", "-x"], 2, "BAD_REQUEST");
  await fails(shell, ["feature", "show", "x"], 2, "BAD_REQUEST");
  await allFail(shell, 2, "BAD_REQUEST", [
    ["nonsense"],
    ["feature", "list", "--nonsense"],
    ["feature", "list", "extra"],
    ["feature", "show"],
    ["feature", "show", "x"],
    ["feature", "create"],
    ["feature", "create", "A", "--priority", "x"],
    ["feature", "create", "A", "--from-json", "f.json"],
    ["feature", "create", "A", "--depends", "1,x"],
    ["feature", "claim", "1", "--next"],
    ["feature", "claim", "1", "--lease", "soon"],
    ["feature", "claim", "1", "--category", "x"],
    ["feature", "release"],
    ["feature", "update", "1"],
    ["feature", "update", "1", "--set", "steps=x"],
    ["feature", "list", "--status", "x"],
    ["feature", "list", "--after", "x"],
    ["feature", "graph", "--format", "x"],
    ["events", "--since", "soon"],
    ["events", "--limit", "0"],
    ["export", "--format", "x"],
    ["schema", "x"],
    ["import"],
    ["import", "."],
  ]);
});

test("3: no store, no feature, no file", async (context) => {
  const empty = await openShell(context);
  await fails(empty, ["feature", "list"], 3, "NOT_INITIALIZED");
  await fails(empty, ["import", "none.json"], 3, "NOT_FOUND");
  const shell = await openStoreShell(context);
  await allFail(shell, 3, "NOT_FOUND", [
    ["feature", "show", "7"],
    ["feature", "pass", "7"],
    ["feature", "history", "7"],
    ["feature", "delete", "7", "--dry-run"],
    ["feature", "create", "A", "--depends", "7"],
    ["feature", "create", "--from-json", "none.json"],
    ["import", "none/*.json"],
  ]);
});

test("4: check found errors, and says so in a good envelope", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  await run(["feature", "create", "A"]);
  await writeFile(join(folder, ".flow", "features", "2-broken-aaaaaa.json"), "{");
  const envelope = await json(["check"]);
  const { exit, ok, meta } = envelope;
  assert.deepEqual([exit, ok], [4, true]);
  assert.ok(Number(meta["errors"]) >= 1);
  assert.ok(list(envelope).some(({ file }) => String(file).includes("2-broken-aaaaaa.json")));
  const shown = await run(["check"]);
  assert.equal(shown.exit, 4);
  assert.match(shown.stdout, /error .*2-broken-aaaaaa\.json/);
});

test("a damaged file is a warning of the commands that come upon it", async (context) => {
  const { folder, run } = await openStoreShell(context);
  await run(["feature", "create", "A"]);
  await writeFile(join(folder, ".flow", "features", "2-broken-aaaaaa.json"), "{");
  const shown = await run(["feature", "list"]);
  assert.equal(shown.exit, 0);
  assert.match(shown.stdout, /A/);
  assert.match(shown.stderr, /2-broken-aaaaaa\.json/);
  const { stdout, stderr } = await run(["feature", "list", "--json"]);
  const { warnings } = JSON.parse(stdout) as { warnings: { file: string }[] };
  assert.ok(warnings.some(({ file }) => file.includes("2-broken-aaaaaa.json")));
  assert.equal(stderr, "");
  assert.equal((await run(["feature", "list", "--quiet"])).stderr, "");
});

test("5: held, passing, a circle", async (context) => {
  const shell = await openStoreShell(context);
  await shell.run(["feature", "create", "A"]);
  await shell.run(["feature", "create", "B", "--depends", "1"]);
  await fails(shell, ["feature", "claim", "2", "--require-ready"], 5, "CONFLICT");
  await shell.run(["feature", "claim", "1", "--actor", "ann"]);
  const { error } = await shell.json(["feature", "claim", "1", "--actor", "bob"]);
  assert.match(JSON.stringify(error.context["holder"]), /"ann"/);
  await fails(shell, ["feature", "claim", "1"], 5, "CONFLICT");
  await fails(shell, ["feature", "dep", "add", "1", "2"], 5, "CYCLE_DETECTED");
});

test("6: damaged and newer files", async (context) => {
  const shell = await openStoreShell(context);
  await writeFile(join(shell.folder, "plan.jsonl"), '{"id":"a","title":"A"}\n<<<<<<< ours\n');
  await fails(shell, ["import", "plan.jsonl"], 6, "CORRUPT");
  await writeFile(join(shell.folder, ".flow", "flow.json"), '{\n  "format": 99\n}\n');
  await fails(shell, ["feature", "list"], 6, "UNSUPPORTED_FORMAT");
});

test("7: the system refuses", async (context) => {
  const shell = await openStoreShell(context);
  await mkdir(join(shell.folder, "taken"));
  await fails(shell, ["export", "--output", "taken"], 7, "IO");
  await fails(shell, ["export", "--output", "none/x.json"], 7, "IO");
  await chmod(join(shell.folder, "taken"), 0o500);
  await asOwner(shell.folder, () => fails(shell, ["export", "--output", "taken/x.json"], 7, "IO"));
});
