/** `--watch` of locks and of the status: each block is what the command alone would have told. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Finding } from "flowstore";
import { openStoreShell, outcomeOf, start, type Outcome, type Shell } from "../cli/support.ts";
import { pass, until } from "../features/support.ts";
import { atEnd, killed } from "../at-end.ts";

const LIMIT_MS = 30_000;

interface Watching {
  /** What was printed so far. */
  out(): string;
  err(): string;
  /** The envelopes so far. */
  lines(): readonly Line[];
  end(): Promise<Outcome>;
}

interface Line {
  readonly data: unknown;
  readonly warnings: readonly Finding[];
  readonly meta: Readonly<Record<string, unknown>>;
}

function watching(context: TestContext, { folder }: Shell, words: readonly string[]): Watching {
  const child = start(folder, words);
  atEnd(context, () => killed(child));
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const outcome = outcomeOf(child);
  return {
    out: () => out,
    err: () => err,
    lines: () =>
      out
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line),
    end: () => {
      child.kill("SIGINT");
      return outcome;
    },
  };
}

/** What each command watches, something that is wrong there, and what changes what it shows. */
const CASES = [
  {
    command: "locks",
    file: "local/locks/damaged.json",
    change: ["lock", "--task", "t", "--files", "src/a.ts"],
    metas: [{ count: 1 }, { count: 2 }, { count: 2 }],
  },
  {
    command: "status",
    file: "settings/damaged.json",
    change: ["feature", "create", "Cart"],
    metas: [{}, {}, {}],
  },
] as const;

async function prepared(context: TestContext, file: string): Promise<Shell & { damaged: string }> {
  const shell = await openStoreShell(context);
  assert.equal((await shell.run(["lock", "--task", "s", "--files", "docs/"])).exit, 0);
  const damaged = join(shell.folder, ".flow", file);
  mkdirSync(join(damaged, ".."), { recursive: true });
  writeFileSync(damaged, "{");
  return { ...shell, damaged };
}

for (const { command, file, change, metas } of CASES) {
  test(`${command} --watch --json: every envelope has its meta, and what is wrong until it is mended`, async (context) => {
    const shell = await prepared(context, file);
    const seen = watching(context, shell, [command, "--watch", "--json"]);
    await until(() => seen.lines().length === 1, LIMIT_MS);
    await shell.run(change);
    await until(() => seen.lines().length === 2, LIMIT_MS);
    rmSync(shell.damaged);
    await until(() => seen.lines().length === 3, LIMIT_MS);
    const { exit, stderr } = await seen.end();
    assert.deepEqual([exit, stderr], [130, ""]);
    const lines = seen.lines();
    assert.deepEqual(
      lines.map(({ warnings }) => warnings.map((one) => `${one.file} ${one.rule}`)),
      [[`${file} not-json`], [`${file} not-json`], []],
    );
    assert.deepEqual(
      lines.map(({ meta }) => meta),
      metas,
    );
    // The last one is what the command alone tells.
    const alone = JSON.parse((await shell.run([command, "--json"])).stdout) as Line;
    assert.deepEqual(alone.meta, metas[2]);
    assert.deepEqual(alone.warnings, []);
  });

  test(`${command} --watch tells people once what is wrong, and again when it comes back`, async (context) => {
    const shell = await prepared(context, file);
    const seen = watching(context, shell, [command, "--watch"]);
    const told = (): number => seen.err().split("\n").length - 1;
    await until(() => told() === 1, LIMIT_MS);
    const blocks = seen.out().split("\n\n").length;
    await shell.run(change);
    await until(() => seen.out().split("\n\n").length > blocks, LIMIT_MS);
    // Looked at again with nothing new: nothing is told again.
    await pass(1500);
    assert.equal(told(), 1, seen.err());
    const aside = `${shell.damaged}.aside`;
    renameSync(shell.damaged, aside);
    await pass(2500);
    renameSync(aside, shell.damaged);
    await until(() => told() === 2, LIMIT_MS);
    const { exit, stderr } = await seen.end();
    assert.equal(exit, 130);
    const line = `error ${file}:1: Cannot use ${file} (line 1): it is not JSON: its end cannot stand there (not-json)`;
    assert.deepEqual(stderr.trimEnd().split("\n"), [line, line]);
  });

  test(`${command} --watch --quiet tells nothing on standard error`, async (context) => {
    const shell = await prepared(context, file);
    const seen = watching(context, shell, [command, "--watch", "--quiet"]);
    await until(() => seen.out().endsWith("\n\n"), LIMIT_MS);
    await pass(1500);
    assert.equal((await seen.end()).stderr, "");
  });
}
