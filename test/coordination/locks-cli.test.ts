/** `flowstore lock`, `unlock`, `locks` and `heartbeat`, as people and programs call them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { timeSpan } from "#src/cli/render/time-span.js";
import { list, one, openStoreShell, outcomeOf, start, type Shell } from "../cli/support.ts";
import { until } from "../features/support.ts";
import { openSession, type Expected, type Session } from "./session.ts";
import { atEnd, killed } from "../at-end.ts";

/** {@link openSession}; tokens and seconds are masked as well. */
async function openLockSession(context: TestContext): Promise<Session> {
  const session = await openSession(context);
  const step = async (words: readonly string[], expected: Expected = {}): Promise<string> => {
    const { exit = 0, stdout = [], stderr = [], ...options } = expected;
    const outcome = await session.run(words, options);
    const typed = `flowstore ${words.join(" ")}\n${outcome.stdout}${outcome.stderr}`;
    assert.equal(outcome.exit, exit, typed);
    assert.deepEqual(linesOf(outcome.stdout), stdout, typed);
    assert.deepEqual(linesOf(outcome.stderr), stderr, typed);
    return outcome.stdout;
  };
  return { ...session, step };
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return text
    .replace(/\n$/, "")
    .replace(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, "<time>")
    .replace(/\b\d{16}\b/g, "<token>")
    .replace(/\b\d+ ms\b/g, "<ms>")
    .replace(/\b\d+s\b/g, "<s>")
    .split("\n");
}

const HINT =
  "  Wait for it (waitMs, --wait), take other paths, or ask the holder to release it. A lock that is not renewed ends by itself.";

test("session: two tasks, in runs of their own", async (context) => {
  const { step } = await openLockSession(context);
  await step(["locks"], { stdout: ["No locks"] });
  await step(["lock", "--task", "fn-1.1", "--files", "src/cart.ts,src/prices/", "--actor", "ann"], {
    stdout: [
      "LOCKED       MODE   UNTIL                     TOKEN",
      "src/cart.ts  write  <time>  <token>",
      "src/prices   write  <time>  <token>",
    ],
  });
  await step(["lock", "--task", "fn-1.2", "--files", "README.md", "--mode", "read", "--quiet"]);
  await step(["lock", "--task", "fn-1.2", "--files", "docs,src", "--actor", "bob"], {
    exit: 5,
    stderr: [
      "flowstore: Cannot lock src: task fn-1.1 (ann) holds src/cart.ts for writing since <time> until <time>, and 1 more is in the way",
      HINT,
      "PATH         MODE   TASK    OWNER  AGE  LEFT  ALIVE",
      "src/cart.ts  write  fn-1.1  ann     <s>   45m  -",
      "src/prices   write  fn-1.1  ann     <s>   45m  -",
    ],
  });
  await step(["locks"], {
    stdout: [
      "PATH         MODE   TASK    OWNER   AGE  LEFT  ALIVE",
      "README.md    read   fn-1.2  tester   <s>   45m  -",
      "src/cart.ts  write  fn-1.1  ann      <s>   45m  -",
      "src/prices   write  fn-1.1  ann      <s>   45m  -",
    ],
  });
  await step(["locks", "src/prices/new.ts"], {
    stdout: [
      "PATH        MODE   TASK    OWNER  AGE  LEFT  ALIVE",
      "src/prices  write  fn-1.1  ann     <s>   45m  -",
    ],
  });
  await step(["heartbeat", "--task", "fn-1.1"], { stdout: ["Renewed 2 locks of fn-1.1"] });
  await step(["unlock", "--task", "fn-1.1", "--files", "src/cart.ts", "--dry-run"], {
    stdout: [
      "Would release 1 lock",
      "PATH         MODE   TASK    OWNER  AGE  LEFT  ALIVE",
      "src/cart.ts  write  fn-1.1  ann     <s>   45m  -",
    ],
  });
  await step(["unlock", "--task", "fn-1.1", "--files", "src/cart.ts"], {
    stdout: ["Released 1 lock"],
  });
  await step(["locks", "--task", "fn-1.1"], {
    stdout: [
      "PATH        MODE   TASK    OWNER  AGE  LEFT  ALIVE",
      "src/prices  write  fn-1.1  ann     <s>   45m  -",
    ],
  });
  await step(["unlock", "--all", "--note", "end of the wave", "--actor", "boss"], {
    stdout: ["Released 2 locks"],
  });
  await step(["unlock", "--all", "--dry-run"], { stdout: ["Would release 0 locks"] });
  await step(["heartbeat", "--task", "fn-1.1"], {
    exit: 5,
    stdout: ["Renewed 0 locks of fn-1.1", "Lost src/prices (write), which was held until <time>"],
  });
  await step(["locks", "--history", "--task", "fn-1.1"], {
    stdout: [
      "TIME                      EVENT     PATH         MODE   TASK    AGENT   NOTE",
      "<time>  acquired  src/cart.ts  write  fn-1.1  ann",
      "<time>  acquired  src/prices   write  fn-1.1  ann",
      "<time>  renewed   (2)                 fn-1.1  tester",
      "<time>  released  src/cart.ts  write  fn-1.1  tester",
      "<time>  cleared   src/prices   write  fn-1.1  boss    end of the wave",
    ],
  });
  await step(["locks", "--history", "--limit", "1", "README.md"], {
    stdout: [
      "TIME                      EVENT    PATH       MODE  TASK    AGENT  NOTE",
      "<time>  cleared  README.md  read  fn-1.2  boss   end of the wave",
    ],
  });
});

test("session: a lock that ends by itself, a wait in vain, a process that lives", async (context) => {
  const { step, json } = await openLockSession(context);
  await step(["lock", "--task", "a", "--files", "x", "--ttl", "1", "--quiet"]);
  await step(["locks", "--expired"], {
    stdout: [
      "PATH  MODE   TASK  OWNER   AGE  LEFT  ALIVE",
      "x     write  a     tester   <s>  over  -",
    ],
  });
  await step(["lock", "--task", "b", "--files", "x", "--pid", String(process.pid), "--quiet"]);
  await step(["lock", "--task", "c", "--files", "x,y", "--wait", "150ms", "--mode", "read"], {
    exit: 5,
    stderr: [
      "flowstore: Cannot lock x after <ms> of waiting: task b (tester) holds it for writing since <time> until <time>",
      HINT,
      "PATH  MODE   TASK  OWNER   AGE  LEFT  ALIVE",
      "x     write  b     tester   <s>   45m  yes",
    ],
  });
  const lost = await json(["heartbeat", "--task", "a"]);
  assert.deepEqual([lost.exit, lost.ok], [5, true]);
  assert.equal(one(lost)["extended"], 0);
  assert.equal((one(lost)["lost"] as { path: string }[])[0]?.path, "x");
});

test("session: what is not understood", async (context) => {
  const { step } = await openLockSession(context);
  const cases: readonly (readonly [words: string[], message: string, hint?: string])[] = [
    [["lock", "--files", "a"], "Say whose locks: give --task"],
    [["lock", "--task", "t"], "Say what to lock: give --files"],
    [["lock", "--task", "t", "--files", " , "], "--files names no path"],
    [
      ["lock", "--task", "t", "--files", "a", "--mode", "exclusive"],
      '"exclusive" is not a mode: expected one of read, directory_add, write',
    ],
    [
      ["lock", "--task", "t", "--files", "a", "--ttl", "soon"],
      '"soon" is not a duration: expected a number with ms, s, m or h, such as 30m',
    ],
    [["unlock"], "Say whose locks: give --task or --all, one of them"],
    [["unlock", "--task", "t", "--all"], "Say whose locks: give --task or --all, one of them"],
    [["unlock", "--all", "--files", "a"], "--files goes with --task, not with --all"],
    [["heartbeat"], "Say whose locks: give --task"],
    [
      ["locks", "--staged", "--history"],
      "--history and --staged show different things: give one of them",
    ],
    [["locks", "--staged", "--watch"], "--watch shows locks; it does not go with --staged"],
    [["locks", "--limit", "3"], "--limit goes with --history"],
    [["locks", "--staged", "a"], "--staged looks at what git has staged: name no path"],
    [
      ["locks", "--staged"],
      "Cannot tell what is staged: fatal: not a git repository (or any of the parent directories): .git",
    ],
  ];
  for (const [words, message] of cases) {
    await step(words, { exit: 2, stderr: [`flowstore: ${message}`] });
  }
});

test("with --json: the locks, or everybody who is in the way", async (context) => {
  const { json } = await openStoreShell(context);
  const taken = await json(["lock", "--task", "a", "--files", "x,y", "--owner", "session-7"]);
  assert.deepEqual([taken.exit, taken.meta], [0, { count: 2 }]);
  const [x] = list(taken);
  assert.deepEqual(Object.keys(x ?? {}), [
    ...["path", "taskId", "mode", "owner", "token", "ttlMs", "lockedAt", "expiresAt"],
  ]);
  const refused = await json(["lock", "--task", "b", "--files", "x,y,z"]);
  assert.deepEqual([refused.exit, refused.ok, refused.error.code], [5, false, "LOCKED"]);
  const { holders } = refused.error.context as { holders: Record<string, unknown>[] };
  assert.deepEqual(
    holders.map(({ path, owner, mode, alive }) => [path, owner, mode, alive]),
    [
      ["x", "session-7", "write", null],
      ["y", "session-7", "write", null],
    ],
  );
  assert.deepEqual(
    list(await json(["locks"])).map(({ path }) => path),
    ["x", "y"],
  );
  const would = await json(["unlock", "--task", "a", "--dry-run"]);
  assert.equal((one(would)["locks"] as unknown[]).length, 2);
  assert.deepEqual(one(await json(["unlock", "--task", "a"])), { released: 2 });
  assert.deepEqual((await json(["locks"])).data, []);
});

test("paths are taken from the working folder; commas part them, standard input gives them", async (context) => {
  const { folder, json } = await openStoreShell(context);
  mkdirSync(join(folder, "src/deep"), { recursive: true });
  for (const name of ["a.ts", "b.ts", "c,d.ts", "{e.ts"])
    writeFileSync(join(folder, "src", name), "");
  const lockIn = async (where: string, args: readonly string[], input = ""): Promise<unknown> => {
    const child = start(join(folder, where), ["lock", "--task", "t", ...args, "--json"]);
    child.stdin.end(input);
    const { stdout } = await outcomeOf(child);
    await json(["unlock", "--all"]);
    const envelope = JSON.parse(stdout) as { data?: { path: string }[]; error?: { code: string } };
    return envelope.data?.map(({ path }) => path) ?? envelope.error?.code;
  };
  assert.deepEqual(await lockIn("src/deep", ["--files", "../a.ts, x.ts,."]), [
    ...["src/a.ts", "src/deep/x.ts", "src/deep"],
  ]);
  assert.deepEqual(await lockIn("src", ["--files", "{a,b}.ts,x"]), [
    "src/a.ts",
    "src/b.ts",
    "src/x",
  ]);
  assert.deepEqual(await lockIn("src", ["--files", "c\\,d.ts"]), ["src/c,d.ts"]);
  assert.deepEqual(await lockIn("src", ["--files", "{e.ts,x"]), ["src/{e.ts", "src/x"]);
  assert.deepEqual(await lockIn("src", ["--files", "a.ts", "--files", "b.ts"]), [
    ...["src/a.ts", "src/b.ts"],
  ]);
  assert.deepEqual(await lockIn("src", ["--files", "-"], "a.ts\n\nc,d.ts\r\n"), [
    ...["src/a.ts", "src/c,d.ts"],
  ]);
  assert.equal(await lockIn("src", ["--files", "-"], "\n"), "BAD_REQUEST");
  assert.equal(await lockIn("src", ["--files", "../../x"]), "BAD_REQUEST");
  assert.deepEqual(await lockIn("src", ["--files", "deep/**"]), ["src/deep"]);
  // Behind a link `..` is where the system goes, not where the text says.
  symlinkSync("src/deep", join(folder, "short"));
  assert.deepEqual(await lockIn(".", ["--files", "short/../a.ts,./short/x,src//b.ts/"]), [
    ...["src/a.ts", "src/deep/x", "src/b.ts"],
  ]);
});

test("an interrupted wait leaves its place in the queue", async (context) => {
  const { folder, run } = await openStoreShell(context);
  await run(["lock", "--task", "a", "--files", "x"]);
  const child = start(folder, ["lock", "--task", "b", "--files", "x", "--wait", "10m"]);
  atEnd(context, () => killed(child));
  const outcome = outcomeOf(child);
  const queue = join(folder, ".flow/local/lock-queue");
  const length = (): number => (existsSync(queue) ? readdirSync(queue).length : 0);
  await until(() => length() === 1, 20_000);
  child.kill("SIGINT");
  assert.equal((await outcome).exit, 130);
  assert.equal(length(), 0);
});

test("a damaged file of locks: named, in the way, cleared by unlock", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  await run(["lock", "--task", "a", "--files", "x,y"]);
  const file = join(folder, ".flow/local/locks/x.json");
  writeFileSync(file, "{");
  const refused = await json(["lock", "--task", "b", "--files", "x"]);
  assert.deepEqual([refused.exit, refused.error.code], [6, "CORRUPT"]);
  assert.equal(refused.error.context["file"], "local/locks/x.json");
  const shown = await run(["locks"]);
  assert.match(shown.stderr, /^error local\/locks\/x\.json:1: .* \(not-json\)\n$/);
  assert.equal((await run(["check"])).exit, 4);
  assert.equal((await run(["locks", "x"])).exit, 6);
  assert.deepEqual(one(await json(["unlock", "--task", "b", "--files", "x"])), { released: 1 });
  assert.equal((await run(["lock", "--task", "b", "--files", "x"])).exit, 0);
  assert.ok(readdirSync(join(folder, ".flow/local/quarantine")).length > 0);
  const lost = await json(["heartbeat", "--task", "a"]);
  assert.deepEqual([lost.exit, one(lost)["extended"]], [5, 1]);
  writeFileSync(file, "");
  const { error } = await json(["lock", "--task", "c", "--files", "x"]);
  assert.match(error.hint ?? "", /flowstore unlock --task T --files PATH/);
  assert.deepEqual(one(await json(["unlock", "--all"])), { released: 2 });
  for (const task of ["a", "b"]) {
    const told = await json(["heartbeat", "--task", task]);
    assert.deepEqual([told.exit, one(told)["extended"]], [5, 0], task);
  }
});

test("what is no file in the place of one: unlock --all releases the rest and puts it aside", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  await run(["lock", "--task", "a", "--files", "x,y"]);
  const place = join(folder, ".flow/local/locks/x.json");
  rmSync(place);
  mkdirSync(place);
  assert.equal(one(await json(["unlock", "--all", "--dry-run"]))["released"], 1);
  assert.ok(existsSync(place), "nothing was done");
  const done = await run(["unlock", "--all"]);
  assert.deepEqual([done.exit, done.stdout], [0, "Released 2 locks\n"]);
  assert.equal((await run(["lock", "--task", "b", "--files", "x,y"])).exit, 0);
});

test("--watch shows every change until it is interrupted", async (context) => {
  const { folder, run } = await openStoreShell(context);
  for (const args of [
    ["locks", "--watch"],
    ["locks", "--watch", "--json"],
  ]) {
    const child = start(folder, args);
    atEnd(context, () => killed(child));
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    const outcome = outcomeOf(child);
    await until(() => seen.endsWith("\n"), 20_000);
    assert.equal((await run(["lock", "--task", "a", "--files", "x", "--quiet"])).exit, 0);
    await until(() => seen.includes("tester"), 20_000);
    assert.equal((await run(["unlock", "--all", "--quiet"])).exit, 0);
    const empty = args.length === 2 ? "No locks" : '"data":[]';
    await until(() => seen.split(empty).length > 2, 20_000);
    child.kill("SIGINT");
    const { exit, stdout, stderr } = await outcome;
    assert.deepEqual([exit, stderr], [130, ""]);
    if (args.length === 2) {
      const lines = stdout.split("\n").filter((line) => line !== "");
      assert.deepEqual(
        lines.map((line) => line.replace(/\d+s .*/, "…")),
        [
          "No locks",
          "PATH  MODE   TASK  OWNER   AGE  LEFT  ALIVE",
          "x     write  a     tester   …",
          "No locks",
        ],
      );
    } else {
      const states = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { data: unknown[] });
      assert.deepEqual(
        states.map(({ data }) => data.length),
        [0, 1, 0],
      );
    }
  }
});

test("a span of time is shown by two units at most", () => {
  const spans: readonly (readonly [ms: number, text: string])[] = [
    [0, "0s"],
    [499, "0s"],
    [59_400, "59s"],
    [59_600, "1m"],
    [45 * 60_000, "45m"],
    [59.6 * 60_000, "1h 00m"],
    [3 * 3_600_000 + 5 * 60_000, "3h 05m"],
    [23.995 * 3_600_000, "24h 00m"],
    [52 * 3_600_000, "2d 4h"],
  ];
  assert.deepEqual(
    spans.map(([ms]) => timeSpan(ms)),
    spans.map(([, text]) => text),
  );
});

// ---- the guard of a commit -------------------------------------------------------------------

const GIT_ENV = {
  ...{ PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" },
  ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a" },
  ...{ GIT_COMMITTER_EMAIL: "a@b", FLOW_ACTOR: "tester", LANG: "C.UTF-8" },
};

function git(folder: string, ...words: string[]): string {
  return execFileSync("git", words, {
    ...{ cwd: folder, env: GIT_ENV, encoding: "utf8" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function openRepository(context: TestContext): Promise<Shell> {
  const shell = await openStoreShell(context);
  git(shell.folder, "init", "--quiet", "--initial-branch=main");
  mkdirSync(join(shell.folder, "src"));
  for (const name of ["a.ts", "b.ts", "old.ts"]) {
    writeFileSync(join(shell.folder, "src", name), `${name}\n`.repeat(20));
  }
  git(shell.folder, "add", ".");
  git(shell.folder, "commit", "--quiet", "--message", "all");
  return shell;
}

describe("locks --staged", () => {
  test("refuses what another task holds for writing, and nothing else", async (context) => {
    const { folder, run, json } = await openRepository(context);
    const empty = await run(["locks", "--staged"]);
    assert.deepEqual([empty.exit, empty.stdout], [0, "Nobody holds what is staged (0 files)\n"]);
    for (const name of ["a.ts", "b.ts", "new.ts"]) writeFileSync(join(folder, "src", name), "x\n");
    git(folder, "add", "src/a.ts", "src/new.ts");
    assert.equal((await run(["locks", "--staged"])).exit, 0);

    await run(["lock", "--task", "t1", "--files", "src/b.ts,docs"]);
    await run(["lock", "--task", "t2", "--files", "src", "--mode", "directory_add"]);
    assert.equal((await run(["locks", "--staged"])).exit, 0, "nobody holds these two");
    await run(["lock", "--task", "t1", "--files", "src/a.ts", "--mode", "read"]);
    await run(["lock", "--task", "t3", "--files", ".", "--mode", "read"]);
    assert.equal((await run(["locks", "--staged"])).exit, 0, "nobody has changes in it");
    await run(["unlock", "--task", "t3"]);
    await run(["lock", "--task", "t1", "--files", "src/a.ts"]);
    const refused = await json(["locks", "--staged"]);
    assert.deepEqual([refused.exit, refused.error.code], [5, "LOCKED"]);
    assert.deepEqual(refused.error.context["files"], ["src/a.ts"]);
    const { holders } = refused.error.context as { holders: { path: string; taskId: string }[] };
    assert.deepEqual(
      holders.map(({ path, taskId }) => [path, taskId]),
      [["src/a.ts", "t1"]],
    );
    assert.equal(
      (await run(["locks", "--staged", "--task", "t1"])).exit,
      0,
      "its own do not count",
    );
    const told = await run(["locks", "--staged", "--task", "t2"]);
    assert.equal(told.exit, 5);
    assert.match(told.stderr, /^flowstore: Cannot commit what is staged: others hold src\/a\.ts\n/);
    assert.match(told.stderr, /\nsrc\/a\.ts {2}write {2}t1 /);
  });

  test("fails closed where locks cannot be read", async (context) => {
    const { folder, run, json } = await openRepository(context);
    writeFileSync(join(folder, "src/a.ts"), "x\n");
    git(folder, "add", "src/a.ts");
    const locks = join(folder, ".flow/local/locks");
    for (const damage of [
      () => writeFileSync(locks, "oops"),
      () => symlinkSync("nowhere", locks),
      () => {
        mkdirSync(locks);
        writeFileSync(join(locks, "src%2fa.ts.json"), "{");
      },
    ]) {
      damage();
      const refused = await json(["locks", "--staged"]);
      assert.deepEqual([refused.exit, refused.error.code], [6, "CORRUPT"]);
      assert.equal((await run(["lock", "--task", "t", "--files", "src/a.ts"])).exit, 6);
      rmSync(locks, { recursive: true });
    }
    assert.equal((await run(["locks", "--staged"])).exit, 0);
  });

  test("knows both names of a file that was renamed, and files that are gone or odd", async (context) => {
    const { folder, run, json } = await openRepository(context);
    const heldNow = async (): Promise<unknown> => {
      const { error } = await json(["locks", "--staged"]);
      return error?.context["files"] ?? [];
    };
    git(folder, "mv", "src/old.ts", "src/renamed.ts");
    for (const path of ["src/old.ts", "src/renamed.ts"]) {
      await run(["lock", "--task", "t", "--files", path]);
      assert.deepEqual(await heldNow(), [path]);
      await run(["unlock", "--all"]);
    }
    git(folder, "commit", "--quiet", "--message", "renamed");
    const odd = ["app/[id] x.ts", "ü\t.ts", "-rf"];
    mkdirSync(join(folder, "app"));
    for (const name of odd) writeFileSync(join(folder, name), "");
    symlinkSync("/etc/passwd", join(folder, "out"));
    git(folder, "add", "--", ".");
    for (const name of odd) {
      await run(["lock", "--task", "t", "--files=-"], { input: `./${name}\n` });
    }
    assert.deepEqual(await heldNow(), odd.toSorted());
    git(folder, "rm", "--quiet", "--cached", "-r", "app");
    assert.deepEqual(await heldNow(), odd.slice(1).toSorted());
  });

  test("as a pre-commit hook stops git commit, also of a project below the repository", async (context) => {
    const { folder, run } = await openRepository(context);
    const inner = join(folder, "packages/inner");
    mkdirSync(inner, { recursive: true });
    assert.equal((await run(["init", "--dir", inner])).exit, 0);
    const command = `'${process.execPath}' '${fileURLToPath(import.meta.resolve("#src/bin/main.cjs"))}'`;
    const hook = (options: string): void =>
      writeFileSync(
        join(folder, ".git/hooks/pre-commit"),
        `#!/bin/sh\nexec ${command} locks --staged ${options} --quiet\n`,
        { mode: 0o755 },
      );
    const commit = (...words: string[]): string => {
      try {
        git(folder, "commit", "--quiet", "--message", "x", ...words);
        return "committed";
      } catch (error) {
        return String((error as { stderr: unknown }).stderr);
      }
    };
    hook("--task mine");
    writeFileSync(join(folder, "src/a.ts"), "changed\n");
    await run(["lock", "--task", "other", "--files", "src/a.ts"]);
    assert.match(commit("--all"), /others hold src\/a\.ts/);
    git(folder, "reset", "--quiet");
    assert.match(commit("src/a.ts"), /others hold src\/a\.ts/, "an index of its own");
    await run(["unlock", "--task", "other"]);
    assert.equal(commit("--all"), "committed");

    hook("--dir packages/inner");
    writeFileSync(join(inner, "i.ts"), "");
    writeFileSync(join(folder, "src/a.ts"), "again\n");
    git(folder, "add", ".");
    await run(["lock", "--task", "other", "--files", "src/a.ts"]);
    const child = start(inner, ["lock", "--task", "other", "--files", "i.ts"]);
    child.stdin.end();
    const locked = await outcomeOf(child);
    assert.equal(locked.exit, 0, locked.stderr);
    assert.match(commit(), /others hold i\.ts\n/, "of the project that is meant");
    git(folder, "reset", "--quiet", "packages/inner/i.ts");
    assert.equal(commit(), "committed");
  });
});
