/** What `status()` and `flowstore status` tell of everything but features alone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FlowStoreStatus } from "flowstore";
import { masked, one, openStoreShell, outcomeOf, start, type Shell } from "../cli/support.ts";
import { FRESH_MS, makeStore, pass, committed, TestClock, until } from "../features/support.ts";
import { openSession } from "./session.ts";
import { atEnd, killed } from "../at-end.ts";

describe("status()", () => {
  test("counts everything, and lists what is open; zeros in an empty store", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const before = committed(store.root);
    const empty = await store.status();
    assert.deepEqual(committed(store.root), before);
    const nothing = { total: 0 };
    assert.deepEqual(partOf(empty), {
      locks: { held: 0, tasks: 0 },
      phases: { tasks: 0 },
      pipeline: { epics: 0, completed: 0 },
      gaps: { total: 0, open: 0, blocking: 0, resolved: 0 },
      approvals: { pending: 0, approved: 0, rejected: 0 },
      ...{ decisions: nothing, memory: nothing, outputs: nothing, settings: nothing },
      checkpoints: nothing,
      ...{ projections: { tables: 0, rows: 0 }, blobs: { total: 0, bytes: 0 } },
      open: { locks: [], pipelines: [], gaps: [], approvals: [] },
    });
    await store.locks.acquire({ paths: ["a", "b"], taskId: "t1", ttlMs: 60_000 });
    await store.locks.acquire({ paths: ["c"], taskId: "t2", mode: "read", ttlMs: 1000 });
    for (const task of ["t1", "t2"]) await store.phases.markDone(task, "1");
    await store.phases.reset("t2");
    for (const epic of ["e10", "e2", "e1"]) await store.pipeline.start(epic);
    await store.pipeline.write("e1", "completed");
    for (const [epicId, priority] of [
      ["e10", "required"],
      ["e2", "important"],
      ["e2", "nice-to-have"],
      ["e3", "required"],
      ["e4", "required"],
    ] as const) {
      await store.gaps.add({ epicId, capability: priority, priority });
    }
    await store.gaps.resolve("e3", 1, "done");
    await store.gaps.remove("e4", 1);
    const ids: string[] = [];
    for (const taskId of ["t1", "t2", "t3", "t4"]) {
      ids.push((await store.approvals.create({ taskId, kind: "generic" })).id);
    }
    await store.approvals.approve(ids[0] ?? "");
    await store.approvals.reject(ids[1] ?? "");
    await store.decisions.log({ key: "k", value: 1 });
    await store.decisions.log({ epicId: "e1", key: "k", value: 2 });
    await store.features.create({ name: "a" });
    await store.changes.logEvent(1, "decision", {});
    const { id } = await store.memory.append({ text: "a" });
    await store.memory.append({ text: "b" });
    await store.memory.delete(id);
    await store.outputs.write("t1", "text");
    await store.settings.set("k", null);
    await store.checkpoints.save("a");
    clock.ms += 1500;
    const status = await store.status();
    const { open, ...counts } = partOf(status);
    assert.deepEqual(counts, {
      locks: { held: 2, tasks: 1 },
      phases: { tasks: 1 },
      pipeline: { epics: 3, completed: 1 },
      gaps: { total: 4, open: 3, blocking: 2, resolved: 1 },
      approvals: { pending: 2, approved: 1, rejected: 1 },
      ...{ decisions: { total: 2 }, memory: { total: 1 }, outputs: { total: 1 } },
      ...{ settings: { total: 1 }, checkpoints: { total: 1 } },
      ...{ projections: { tables: 0, rows: 0 }, blobs: { total: 0, bytes: 0 } },
    });
    assert.deepEqual(open.locks, await store.locks.holders());
    assert.deepEqual(
      open.locks.map(({ path, ageMs }) => [path, ageMs]),
      [
        ["a", 1500],
        ["b", 1500],
      ],
    );
    assert.deepEqual(
      open.pipelines.map(({ epicId }) => epicId),
      ["e2", "e10"],
    );
    assert.deepEqual(open.gaps, [
      ...(await store.gaps.list("e2")).slice(0, 1),
      ...(await store.gaps.list("e10")),
    ]);
    assert.deepEqual(open.approvals, await store.approvals.list({ status: "pending" }));
    assert.deepEqual(status.features, await store.features.getStats());
  });

  test("what cannot be used is a problem and counts for nothing", async (context) => {
    const store = await makeStore(context);
    await store.settings.set("k", 1);
    await store.pipeline.start("e");
    await store.gaps.add({ epicId: "e", capability: "a" });
    await store.checkpoints.save("a");
    for (const path of [
      "settings/k.json",
      "pipeline/e.json",
      "local/checkpoints/a/manifest.json",
    ]) {
      writeFileSync(join(store.root, path), "{");
    }
    await pass(FRESH_MS);
    const { settings, pipeline, gaps, checkpoints, problems } = await store.status();
    assert.deepEqual([settings.total, pipeline.epics, gaps.total, checkpoints.total], [0, 0, 1, 0]);
    const files = problems.map(({ file }) => file);
    assert.deepEqual(files, [
      "local/checkpoints/a/manifest.json",
      "pipeline/e.json",
      "settings/k.json",
    ]);
  });
});

type Part = Omit<
  FlowStoreStatus,
  | "root"
  | "format"
  | "durability"
  | "readOnly"
  | "actor"
  | "features"
  | "events"
  | "journal"
  | "fileSystem"
  | "problems"
>;

/** The part of a status that is not of features and files. */
function partOf(status: FlowStoreStatus): Part {
  const { root, format, durability, readOnly, actor, ...rest } = status;
  const { features, events, journal, fileSystem, problems, ...part } = rest;
  assert.ok(
    [root, format, durability, actor, features, events, journal, fileSystem].every(Boolean),
  );
  assert.equal(readOnly, false);
  assert.deepEqual(problems, []);
  return part;
}

/** The file system and lengths of time differ from machine to machine. */
function settled(text: string, folder: string): string[] {
  return masked(text, folder)
    .replace(/(format 1, full, )\w+/, "$1<fs>")
    .replace(/\b\d+[sm] left/g, "<time> left")
    .replace(/waits \d+s/g, "waits <time>")
    .trimEnd()
    .split("\n");
}

test("session: the store at a glance, as wide as the terminal", async (context) => {
  const { run, folder } = await openSession(context);
  const glance = async (env: Record<string, string> = {}): Promise<string[]> => {
    const { exit, stdout } = await run(["status"], { env });
    assert.equal(exit, 0);
    return settled(stdout, folder);
  };
  const head = "<folder>/.flow  format 1, full, <fs>";
  assert.deepEqual(await glance(), [
    head,
    "Features  none",
    "Events    0 in 0 segments",
    "Problems  none",
  ]);
  await run(["feature", "create", "Cart"]);
  await run(["feature", "create", "Prices", "--depends", "1"]);
  await run(["lock", "--task", "fn-1.1", "--files", "src/a.ts,b.ts", "--ttl", "45m"]);
  await run(["pipeline", "start", "fn-10", "fn-2", "fn-1"]);
  await run(["pipeline", "set", "fn-10", "completed"]);
  await run(["pipeline", "advance", "fn-2", "--from", "plan"]);
  await run(["gap", "add", "fn-2", "search", "a long \u001b[31mtext"]);
  await run(["gap", "add", "fn-1", "more", "--priority", "nice-to-have"]);
  await run(["approval", "create", "--task", "fn-1.1", "--kind", "mutation"]);
  await run(["memory", "add", "prices are in cents"]);
  await run(["checkpoint", "save", "a"]);
  const features = "Features   2: 0 passing, 0 in progress, 1 ready, 1 blocked";
  const gaps = [
    "Gaps       3 open, of which 2 block, 0 resolved",
    "  fn-2  #1  required  search",
    "  fn-2  #2  required  a long \\x1b[31mtext",
  ];
  assert.deepEqual(await glance(), [
    head,
    features,
    "Locks      2 held by 1 task",
    "  b.ts      write  <time> left  fn-1.1  tester",
    "  src/a.ts  write  <time> left  fn-1.1  tester",
    "Pipelines  1 of 3 completed",
    "  fn-1  plan ● → plan_review → work → impl_review → close",
    "  fn-2  plan ✓ → plan_review ● → work → impl_review → close",
    ...gaps,
    "Approvals  1 pending, 0 decided",
    "  <uid>  mutation  fn-1.1  waits <time>",
    "Also       1 remembered, 1 checkpoint",
    "Events     12 in 1 segment",
    "Problems   none",
  ]);
  const narrow = await glance({ COLUMNS: "44", LANG: "C" });
  assert.deepEqual(narrow.slice(1, 9), [
    "Features   2: 0 passing, 0 in progress, 1...",
    "Locks      2 held by 1 task",
    "  b.ts      write  <time> left  fn-1.1  tester",
    "  src/a.ts  write  <time> left  fn-1.1  tester",
    "Pipelines  1 of 3 completed",
    "  fn-1  plan [>] 1 of 5",
    "  fn-2  plan_review [>] 2 of 5",
    "Gaps       3 open, of which 2 block, 0 re...",
  ]);
  const { stdout } = await run(["status"], { env: { COLUMNS: "30" } });
  assert.ok(
    stdout.split("\n").every((line) => Array.from(line).length <= 30),
    stdout,
  );
  // More than a screen of a kind is counted.
  await run([
    "lock",
    "--task",
    "t",
    "--files",
    Array.from({ length: 20 }, (_, at) => `f${at}`).join(),
  ]);
  const many = await glance();
  assert.deepEqual(many.slice(2, 4), [
    "Locks      22 held by 2 tasks",
    "  b.ts  write  <time> left  fn-1.1  tester",
  ]);
  assert.ok(many.includes("  … and 14 more"), many.join("\n"));
  writeFileSync(join(folder, ".flow/memory/x.json"), "{");
  const damaged = await run(["status"]);
  assert.match(damaged.stdout, /^Problems {3}1, named by flowstore check$/m);
  assert.match(damaged.stderr, /^error memory\/x\.json:1: Cannot use/);
});

test("programs get the lists with the counts", async (context) => {
  const { run, json } = await openSession(context);
  await run(["lock", "--task", "t", "--files", "a"]);
  await run(["gap", "add", "e", "search"]);
  const data = one(await json(["status"])) as unknown as FlowStoreStatus;
  assert.deepEqual(data.locks, { held: 1, tasks: 1 });
  assert.equal(data.open.locks[0]?.path, "a");
  assert.equal(data.open.gaps[0]?.capability, "search");
  assert.deepEqual(data.problems, []);
});

describe("status --watch", () => {
  /** Starts it, and gives what it printed so far. */
  function watching(
    { folder }: Shell,
    args: readonly string[] = [],
  ): {
    child: ReturnType<typeof start>;
    seen: () => string;
    outcome: ReturnType<typeof outcomeOf>;
  } {
    const child = start(folder, ["status", "--watch", ...args]);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return { child, seen: () => text, outcome: outcomeOf(child) };
  }

  const LIMIT_MS = 20_000;

  test("in a pipe a block for each change, and the end by an interruption", async (context) => {
    const shell = await openStoreShell(context);
    const { child, seen, outcome } = watching(shell);
    await until(() => seen().endsWith("\n\n"), LIMIT_MS);
    await shell.run(["feature", "create", "Cart"]);
    await until(() => seen().split("\n\n").length === 3, LIMIT_MS);
    await shell.run(["lock", "--task", "t", "--files", "a"]);
    await until(() => seen().split("\n\n").length === 4, LIMIT_MS);
    // Looked at again, with a lock that is older and nothing else: no block.
    await pass(2500);
    child.kill("SIGINT");
    const { exit, stdout, stderr } = await outcome;
    assert.deepEqual([exit, stderr], [130, ""]);
    const blocks = stdout.trimEnd().split("\n\n");
    assert.deepEqual(
      blocks.map((block) => /^Features +(.*)$/m.exec(block)?.[1]),
      [
        "none",
        ...Array.from({ length: 2 }, () => "1: 0 passing, 0 in progress, 1 ready, 0 blocked"),
      ],
    );
    assert.match(blocks[2] ?? "", /^Locks {5}1 held by 1 task$/m);
    assert.ok(!stdout.includes("\u001b"));
  });

  test("with --json an envelope a line, and nothing after the interruption", async (context) => {
    const shell = await openStoreShell(context);
    const { child, seen, outcome } = watching(shell, ["--json"]);
    await until(() => seen().endsWith("\n"), LIMIT_MS);
    await shell.run(["setting", "set", "k", "1"]);
    await until(() => seen().split("\n").length === 3, LIMIT_MS);
    child.kill("SIGINT");
    const { exit, stdout, stderr } = await outcome;
    assert.deepEqual([exit, stderr], [130, ""]);
    const totals = stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const { ok, command, data } = JSON.parse(line) as {
          ok: boolean;
          command: string;
          data: FlowStoreStatus;
        };
        assert.deepEqual([ok, command], [true, "status"]);
        return data.settings.total;
      });
    assert.deepEqual(totals, [0, 1]);
  });

  test("on a terminal the screen is drawn anew, and only when it changes", async (context) => {
    const shell = await openStoreShell(context);
    const script = fileURLToPath(new URL("./terminal.worker.js", import.meta.url));
    const child = spawn(process.execPath, [script, "status", "--watch"], {
      cwd: shell.folder,
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", NO_COLOR: "1", COLUMNS: "60" },
    });
    atEnd(context, () => killed(child));
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const outcome = outcomeOf(child);
    const screens = (): string[] => text.split("\u001b[H\u001b[2J").slice(1);
    await until(() => screens().length === 1, LIMIT_MS);
    await shell.run(["feature", "create", "Cart"]);
    await until(() => screens().length === 2, LIMIT_MS);
    await pass(2500);
    child.kill("SIGINT");
    assert.equal((await outcome).exit, 130);
    assert.equal(screens().length, 2);
    assert.match(screens()[1] ?? "", /^Features {2}1: 0 passing/m);
    assert.ok(screens().every((screen) => !screen.includes("\n\n")));
  });

  test("a reader that goes away ends it", async (context) => {
    const shell = await openStoreShell(context);
    const child = start(shell.folder, ["status", "--watch"]);
    child.stdout.destroy();
    const { exit, stderr } = await outcomeOf(child);
    assert.deepEqual([exit, stderr], [0, ""]);
  });
});
