/** `flowstore phase`, `pipeline`, `gap` and `decision`, as people and programs call them. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { list, one } from "../cli/support.ts";
import { openSession } from "./session.ts";

const PLAIN = { LANG: "C" };

test("session: the phases of a task", async (context) => {
  const { step, json } = await openSession(context);
  await step(["phase", "list", "fn-1.2"], { stdout: ["No phase is done"] });
  await step(["phase", "next", "fn-1.2", "--sequence", "M"], {
    stdout: ["● 1 Verify Configuration"],
  });
  await step(["phase", "done", "fn-1.2", "1"], { stdout: ["☑ fn-1.2: phase 1 is done"] });
  const first = list(await json(["phase", "list", "fn-1.2"]))[0];
  await step(["phase", "done", "fn-1.2", "-"], {
    input: "1\n5\nof my own\n",
    stdout: [
      "☑ fn-1.2: phase 1 is done",
      "☑ fn-1.2: phase 5 is done",
      "☑ fn-1.2: phase of my own is done",
    ],
  });
  await step(["phase", "list", "fn-1.2", "--sequence", "M"], {
    stdout: [
      "fn-1.2: 2 of 7 done, and 1 beside them",
      "├─ ☑ 1 Verify Configuration  <time>",
      "├─ ● 2 Re-anchor",
      "├─ ☑ 5 Implement  <time>",
      "├─ ☐ 6 Verify & Fix",
      "├─ ☐ 7 Commit",
      "├─ ☐ 10 Complete",
      "├─ ☐ 12 Return",
      "└─ ☑ of my own  <time>",
    ],
  });
  await step(["phase", "list", "fn-1.2", "--sequence", "L"], {
    env: { ...PLAIN, COLUMNS: "24" },
    stdout: [
      "fn-1.2: 2 of 10 done,...",
      "|- [x] 1 Verify Confi...",
      "|- [>] 2 Re-anchor",
      "|- [ ] 4 TDD Red-Green",
      `|- [x] 5 Implement  ${String(first?.["at"]).slice(0, 1)}...`,
      "|- [ ] 6 Verify & Fix",
      "|- [ ] 7 Commit",
      "|- [ ] 8 Review",
      "|- [ ] 9 Outputs Dump",
      "|- [ ] 10 Complete",
      "|- [ ] 12 Return",
      `\`- [x] of my own  ${String(first?.["at"]).slice(0, 3)}...`,
    ],
  });
  await step(["phase", "next", "fn-1.2", "--sequence", "M"], {
    stdout: ["● 2 Re-anchor", "  Done when the spec is read"],
  });

  const listed = await json(["phase", "list", "fn-1.2", "--sequence", "S"]);
  assert.deepEqual(listed.meta, { count: 3, next: "2" });
  assert.deepEqual(list(listed)[0], first);
  const next = await json(["phase", "next", "fn-1.2", "--sequence", "S"]);
  assert.deepEqual(next.data, { phase: "2", title: "Re-anchor", doneWhen: "the spec is read" });
  assert.deepEqual(next.meta, {
    completed: ["1", "5", "of my own"],
    sequence: ["1", "2", "5", "6", "7", "10", "12"],
  });
  assert.deepEqual((await json(["phase", "done", "fn-1.2", "1"])).data, first);

  await step(["phase", "done", "fn-1.2", ..."2 6 7 10 12".split(" "), "--quiet"]);
  await step(["phase", "next", "fn-1.2", "--sequence", "S"], {
    stdout: ["All phases of S are done"],
  });
  const over = await json(["phase", "next", "fn-1.2", "--sequence", "S"]);
  assert.deepEqual([over.exit, over.data], [0, null]);

  await step(["phase", "reset", "fn-1.2", "fn-1.3", "--dry-run"], {
    stdout: ["Would forget 8 phases of fn-1.2", "Would forget 0 phases of fn-1.3"],
  });
  assert.equal(list(await json(["phase", "list", "fn-1.2"])).length, 8);
  assert.deepEqual((await json(["phase", "reset", "fn-1.2", "fn-1.3"])).data, [
    { taskId: "fn-1.2", count: 8 },
    { taskId: "fn-1.3", count: 0 },
  ]);
  await step(["phase", "next", "fn-1.2", "--sequence", "S"], {
    stdout: ["● 1 Verify Configuration"],
  });
  await step(["phase", "next", "fn-1.2"], {
    exit: 2,
    stderr: ["flowstore: Say which phases there are: give --sequence or --phases"],
  });
  await step(["phase", "next", "fn-1.2", "--sequence", "XL"], {
    exit: 2,
    stderr: ['flowstore: Cannot tell the next phase: "XL" is no sequence, known are S, M, L'],
  });
  await step(["phase", "done", "fn-1.2", "-"], {
    exit: 2,
    stderr: ["flowstore: Standard input held no phase"],
  });
  await step(["phase", "done", "fn-1.2", "1", ""], {
    exit: 2,
    stderr: ["flowstore: Cannot mark the phase as done: phase must not be empty"],
  });
  // All or none: phase 1 is not done either.
  await step(["phase", "list", "fn-1.2"], { stdout: ["No phase is done"] });
});

test("session: the pipeline of epics", async (context) => {
  const { step, json, folder } = await openSession(context);
  await step(["pipeline", "list"], { stdout: ["No pipelines"] });
  await step(["pipeline", "show", "fn-1"], {
    exit: 3,
    stderr: [
      'flowstore: The pipeline of "fn-1" has not begun',
      "  flowstore pipeline start begins it.",
    ],
  });
  await step(["pipeline", "start", "fn-10", "fn-2"], {
    stdout: [
      "fn-10: plan ● → plan_review → work → impl_review → close",
      "fn-2: plan ● → plan_review → work → impl_review → close",
    ],
  });
  const again = await json(["pipeline", "start", "fn-2", "fn-1"]);
  assert.deepEqual(again.meta, { created: ["fn-1"] });
  assert.deepEqual(
    list(again).map(({ epicId, phase }) => [epicId, phase]),
    [
      ["fn-2", "plan"],
      ["fn-1", "plan"],
    ],
  );
  await step(["pipeline", "advance", "fn-2", "--from", "plan"], {
    stdout: ["fn-2: plan ✓ → plan_review ● → work → impl_review → close"],
  });
  await step(["pipeline", "advance", "fn-2", "--from", "plan"], {
    exit: 5,
    stderr: [
      'flowstore: Cannot advance "fn-2": it is in "plan_review" since <time>, not in "plan"',
      "  Somebody else has moved it. Look where it stands, and decide anew.",
    ],
  });
  const lost = await json(["pipeline", "advance", "fn-2", "--from", "plan"]);
  assert.deepEqual(
    [lost.exit, lost.error.code, lost.error.context["phase"]],
    [5, "CONFLICT", "plan_review"],
  );
  await step(["pipeline", "set", "fn-10", "completed"], {
    stdout: ["fn-10: plan ✓ → plan_review ✓ → work ✓ → impl_review ✓ → close ✓"],
  });
  await step(["pipeline", "list"], {
    stdout: [
      "EPIC   DONE    PIPELINE                                                   SINCE",
      "fn-1   0 of 5  plan ● → plan_review → work → impl_review → close          <time>",
      "fn-2   1 of 5  plan ✓ → plan_review ● → work → impl_review → close        <time>",
      "fn-10  5 of 5  plan ✓ → plan_review ✓ → work ✓ → impl_review ✓ → close ✓  <time>",
    ],
  });
  await step(["pipeline", "show", "fn-2"], {
    env: PLAIN,
    stdout: [
      "EPIC  DONE    PIPELINE                                                     SINCE",
      "fn-2  1 of 5  plan [x] -> plan_review [>] -> work -> impl_review -> close  <time>",
    ],
  });
  const shown = one(await json(["pipeline", "show", "fn-2"]));
  assert.deepEqual(Object.keys(shown), ["epicId", "phase", "startedAt", "updatedAt"]);
  await step(["pipeline", "set", "fn-2", "plann"], {
    exit: 2,
    stderr: [
      'flowstore: Cannot set the phase: phase "plann" is no phase, known are plan, plan_review, work, impl_review, close, completed',
    ],
  });
  await step(["pipeline", "advance", "fn-2"], {
    exit: 2,
    stderr: ["flowstore: Say where it is: give --from"],
  });

  // Of another version, or a slip of a person: shown as it is, with a warning, and not moved on.
  const file = join(folder, ".flow/pipeline/fn-1.json");
  writeFileSync(file, '{ "epicId": "fn-1", "phase": "brain\\u001b[31mstorm" }\n');
  const unknown = await json(["pipeline", "show", "fn-1"]);
  assert.equal(one(unknown)["phase"], "brain\u001b[31mstorm");
  const { warnings } = unknown as unknown as { warnings: readonly { rule: string }[] };
  assert.deepEqual(
    warnings.map(({ rule }) => rule),
    ["unknown-phase"],
  );
  await step(["pipeline", "show", "fn-1", "--quiet"], {
    stdout: [
      `EPIC  DONE  ${"PIPELINE".padEnd(85)}  SINCE`,
      "fn-1        brain\\x1b[31mstorm ● (none of plan, plan_review, work, impl_review, close, completed)",
    ],
  });
  assert.equal((await json(["pipeline", "advance", "fn-1", "--from", "plan"])).exit, 5);
});

test("session: phases that are no presets, for one call", async (context) => {
  const { step, json } = await openSession(context);
  const own = ["--phases", "write, test,ship"];
  await step(["phase", "next", "t", ...own], { stdout: ["● write"] });
  await step(["phase", "done", "t", "write", "sleep"], {
    stdout: ["☑ t: phase write is done", "☑ t: phase sleep is done"],
  });
  await step(["phase", "list", "t", ...own], {
    stdout: [
      "t: 1 of 3 done, and 1 beside them",
      "├─ ☑ write  <time>",
      "├─ ● test",
      "├─ ☐ ship",
      "└─ ☑ sleep  <time>",
    ],
  });
  await step(["phase", "list", "t"], {
    stdout: ["t: 2 done", "├─ ☑ write  <time>", "└─ ☑ sleep  <time>"],
  });
  assert.deepEqual((await json(["phase", "list", "t", ...own])).meta, { count: 2, next: "test" });
  const next = await json(["phase", "next", "t", ...own]);
  assert.deepEqual(next.data, { phase: "test", title: null, doneWhen: null });
  assert.deepEqual(next.meta["sequence"], ["write", "test", "ship"]);
  await step(["phase", "done", "t", "test", "ship", "--quiet"]);
  await step(["phase", "next", "t", ...own], { stdout: ["All phases are done"] });

  await step(["pipeline", "start", "fn-1", ...own], { stdout: ["fn-1: write ● → test → ship"] });
  await step(["pipeline", "advance", "fn-1", "--from", "write", ...own], {
    stdout: ["fn-1: write ✓ → test ● → ship"],
  });
  await step(["pipeline", "set", "fn-2", "ship", ...own], {
    stdout: ["fn-2: write ✓ → test ✓ → ship ●"],
  });
  await step(["pipeline", "list", ...own], {
    stdout: [
      "EPIC  DONE    PIPELINE                   SINCE",
      "fn-1  1 of 3  write ✓ → test ● → ship    <time>",
      "fn-2  2 of 3  write ✓ → test ✓ → ship ●  <time>",
    ],
  });
  await step(["pipeline", "show", "fn-1", ...own], {
    stdout: [
      "EPIC  DONE    PIPELINE                 SINCE",
      "fn-1  1 of 3  write ✓ → test ● → ship  <time>",
    ],
  });
  // Without them the store does not know where it stands, says so, and leaves it there.
  const unknown = await json(["pipeline", "advance", "fn-1", "--from", "test"]);
  assert.deepEqual([unknown.exit, unknown.error.code], [5, "CONFLICT"]);

  for (const [words, message] of [
    [
      ["phase", "next", "t", "--phases", "a,a"],
      '"a,a" is not a list of phases: expected names with commas between them, each once',
    ],
    [
      ["phase", "next", "t", "--phases", "a,,b"],
      '"a,,b" is not a list of phases: expected names with commas between them, each once',
    ],
    [
      ["phase", "list", "t", "--phases", "a", "--sequence", "S"],
      "Give either --sequence or --phases",
    ],
    [
      ["pipeline", "start", "fn-3", "--phases", ""],
      '"" is not a list of phases: expected names with commas between them, each once',
    ],
    [
      ["pipeline", "start", "fn-3", "--phases", "a,completed"],
      "Cannot use the store: pipelinePhases must not name completed, which follows them by itself",
    ],
  ] as const) {
    await step(words, { exit: 2, stderr: [`flowstore: ${message}`] });
  }
  assert.equal((await json(["pipeline", "show", "fn-3"])).exit, 3);
});

test("session: the gaps of an epic, and its gate", async (context) => {
  const { step, json, folder } = await openSession(context);
  await step(["gap", "list", "fn-1"], { stdout: ["No gaps"] });
  await step(["gap", "check", "fn-1"], {
    stdout: ["pass: no gap of fn-1 blocks (0 resolved, 0 nice to have)"],
  });
  await step(["gap", "add", "fn-1", "Log in", "--task", "fn-1.2", "--source", "review"], {
    stdout: ["☐ Opened #1 Log in"],
  });
  await step(["gap", "add", "fn-1", "-", "--priority", "nice-to-have"], {
    input: "Dark mode\n\n  LOG IN\n",
    stdout: ["☐ Opened #2 Dark mode", "☐ Open already: #1 Log in"],
  });
  await step(["gap", "check", "fn-1"], {
    exit: 4,
    stdout: [
      "fail: 1 gap of fn-1 blocks (0 resolved, 1 nice to have)",
      "   ID  PRIORITY  CAPABILITY  TASK    SOURCE  EVIDENCE",
      "☐   1  required  Log in      fn-1.2  review",
    ],
  });
  const failed = await json(["gap", "check", "fn-1"]);
  assert.deepEqual([failed.exit, failed.ok, one(failed)["gate"]], [4, true, "fail"]);

  await step(["gap", "resolve", "fn-1", "1", "--evidence", "test/login"], {
    stdout: ["☑ Resolved #1 Log in"],
  });
  await step(["gap", "resolve", "fn-1", "1", "--evidence", "another"], {
    stdout: ["☑ Resolved already: #1 Log in"],
  });
  const resolved = await json([
    "gap",
    "resolve",
    "fn-1",
    "--capability",
    "log in",
    "--evidence",
    "x",
  ]);
  assert.equal(one(resolved)["changed"], false);
  assert.equal((one(resolved)["gap"] as { evidence: string }).evidence, "test/login");
  await step(["gap", "list", "fn-1"], {
    env: PLAIN,
    stdout: [
      "     ID  PRIORITY      CAPABILITY  TASK    SOURCE  EVIDENCE",
      "[x]   1  required      Log in      fn-1.2  review  test/login",
      "[ ]   2  nice-to-have  Dark mode           manual",
    ],
  });
  await step(["gap", "list", "fn-1", "--status", "open"], {
    stdout: [
      "   ID  PRIORITY      CAPABILITY  TASK  SOURCE  EVIDENCE",
      "☐   2  nice-to-have  Dark mode         manual",
    ],
  });
  await step(["gap", "check", "fn-1"], {
    stdout: ["pass: no gap of fn-1 blocks (1 resolved, 1 nice to have)"],
  });
  await step(["gap", "add", "fn-1", "log in"], { stdout: ["☐ Reopened #1 Log in"] });

  await step(["gap", "resolve", "fn-1", "1", "9", "--evidence", "e"], {
    exit: 3,
    stderr: ['flowstore: There is no gap 9 in "fn-1"'],
  });
  assert.equal((await json(["gap", "check", "fn-1"])).exit, 4);
  await step(["gap", "resolve", "fn-1", "1"], {
    exit: 2,
    stderr: ["flowstore: Say how it was shown to be closed: give --evidence"],
  });
  for (const words of [["fn-1"], ["fn-1", "1", "--capability", "Log in"]]) {
    await step(["gap", "resolve", ...words, "--evidence", "e"], {
      exit: 2,
      stderr: ["flowstore: Name the gap either by an ID or by --capability"],
    });
  }
  await step(["gap", "add", "fn-1", "x", "--priority", "urgent"], {
    exit: 2,
    stderr: [
      'flowstore: "urgent" is not a priority: expected one of required, important, nice-to-have',
    ],
  });

  await step(["gap", "remove", "fn-1", "2", "--dry-run"], {
    stdout: ["Would remove #2 Dark mode"],
  });
  await step(["gap", "remove", "fn-1", "2", "2", "--dry-run"], {
    exit: 3,
    stderr: ['flowstore: There is no gap 2 in "fn-1"'],
  });
  await step(["gap", "remove", "fn-1", "-"], { input: "2", stdout: ["Removed #2 Dark mode"] });
  await step(["gap", "remove", "fn-1", "--all", "--dry-run"], {
    stdout: ["Would remove #1 Log in"],
  });
  const removed = await json(["gap", "remove", "fn-1", "--all"]);
  assert.deepEqual(
    [list(removed).map(({ id }) => id), removed.meta],
    [[1], { dryRun: false, count: 1 }],
  );
  await step(["gap", "remove", "fn-1", "--all"], { stdout: ["No gaps"] });
  for (const words of [["fn-1"], ["fn-1", "1", "--all"]]) {
    await step(["gap", "remove", ...words], {
      exit: 2,
      stderr: ["flowstore: Name either IDs or --all"],
    });
  }

  // What cannot be read is not "no gaps".
  const gaps = join(folder, ".flow/gaps/fn-1");
  const [name = ""] = readdirSync(gaps);
  writeFileSync(join(gaps, name), "");
  const damaged = await json(["gap", "check", "fn-1"]);
  assert.deepEqual([damaged.exit, damaged.ok, damaged.error.code], [6, false, "CORRUPT"]);
  await step(["gap", "check", "fn-1", "--quiet"], {
    exit: 6,
    stderr: [
      `flowstore: Cannot use gaps/fn-1/${name}: it is empty`,
      "  Mend the file in an editor, or take it back from git; flowstore check names every such file.",
    ],
  });
});

test("session: decisions", async (context) => {
  const { step, json } = await openSession(context);
  await step(["decision", "list"], { stdout: ["No decisions"] });
  await step(
    ["decision", "log", "storage", "files", "--reason", "git carries them", "--epic", "fn-1"],
    { stdout: ["Decided storage: files"] },
  );
  await step(["decision", "log", "review", "-", "--task", "fn-1.2"], {
    input: "by\ntwo\n",
    stdout: ["Decided review: by\\ntwo"],
  });
  await step(["decision", "list"], {
    stdout: [
      "TIME                      EPIC     TASK    KEY      VALUE    REASON            AGENT",
      "<time>  _global  fn-1.2  review   by\\ntwo                    tester",
      "<time>  fn-1             storage  files    git carries them  tester",
    ],
  });
  await step(["decision", "list", "--epic", "fn-1"], {
    env: { COLUMNS: "50" },
    stdout: [
      "EPIC  TASK  KEY      VALUE  REASON          AGENT",
      "fn-1        storage  files  git carries t…  tester",
    ],
  });
  const newest = await json(["decision", "list", "--limit", "1"]);
  assert.deepEqual([newest.meta, list(newest).length], [{ count: 1 }, 1]);
  assert.deepEqual(list(newest)[0]?.["value"], "by\ntwo");
  await step(["decision", "list", "--limit", "0"], {
    exit: 2,
    stderr: ['flowstore: "0" is not a limit: expected a whole number from 1'],
  });
  await step(["decision", "log", "storage"], {
    exit: 2,
    stderr: [
      "flowstore: Something is missing: flowstore decision log KEY VALUE [--reason TEXT] [--epic ID] [--task ID] [--note TEXT]",
      "  flowstore decision log --help shows how it is used.",
    ],
  });
});

test("two runs of the command line that advance from one phase: one moves the epic", async (context) => {
  const { run } = await openSession(context);
  await run(["pipeline", "start", "fn-1"]);
  for (const from of ["plan", "plan_review", "work", "impl_review", "close"]) {
    const advance = ["pipeline", "advance", "fn-1", "--from", from];
    const exits = await Promise.all([run(advance), run(advance)]);
    assert.deepEqual(new Set(exits.map(({ exit }) => exit)), new Set([0, 5]));
  }
});

test("names and texts that could steer a terminal are shown, not obeyed", async (context) => {
  const { run } = await openSession(context);
  const steering = ["\u001b", "\u202e"];
  const evil = `a${steering.join("[2J")}b`;
  for (const words of [
    ["phase", "done", evil, evil],
    ["phase", "list", evil, "--sequence", "S"],
    ["pipeline", "start", evil],
    ["pipeline", "list"],
    ["gap", "add", evil, evil, "--source", evil, "--task", evil],
    ["gap", "check", evil],
    ["gap", "resolve", evil, "1", "--evidence", evil],
    ["gap", "list", evil],
    ["gap", "remove", evil, "1"],
    ["decision", "log", evil, evil, "--epic", evil, "--task", evil, "--reason", evil],
    ["decision", "list"],
    ["phase", "next", evil, "--sequence", evil],
    ["pipeline", "advance", evil, "--from", evil],
    ["pipeline", "set", evil, evil],
    ["phase", "reset", evil],
  ]) {
    const { stdout, stderr } = await run(words);
    assert.ok(stdout.length + stderr.length > 0, words.join(" "));
    for (const one of steering) assert.ok(!(stdout + stderr).includes(one), words.join(" "));
  }
});
