/** C1 in short; `test/crash/kill.test.ts` kills at every operation of the engine's calls. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { callNamed, PLANTED } from "./c01-calls.ts";
import { attackCalls } from "./c01-kill-points.ts";
import { missingNeeds } from "./needs.ts";
import { shortTask } from "./short-task.ts";

const missing = missingNeeds(["linux", "strace"]);

test("killed before a system call: all of the call or nothing of it", async (context) => {
  if (missing.length > 0) {
    context.skip(`NOT RUN: ${missing.join(", ")}`);
    return;
  }
  const calls = ["transaction", "checkpoint restore"].map(callNamed);
  const task = shortTask(context, 6);
  const verdict = await attackCalls(task, { calls, durabilities: ["full"] });
  assert.deepEqual(verdict.violations, []);
  assert.ok(verdict.tried >= 6);
});

test("what breaks that promise is found", async (context) => {
  if (missing.length > 0) {
    context.skip(`NOT RUN: ${missing.join(", ")}`);
    return;
  }
  const { violations } = await attackCalls(shortTask(context, 12), {
    calls: PLANTED,
    durabilities: ["full"],
  });
  const isFound = (what: RegExp): boolean => violations.some((text) => what.test(text));
  assert.ok(isFound(/two commits.*a reader sees neither/s), violations.join("\n"));
  assert.ok(isFound(/before it is done.*a reader does not see it/s), violations.join("\n"));

  assert.ok(isFound(/a repair mends.*check by a reader: .*"poisoned"/s), violations.join("\n"));

  const late = await attackCalls(shortTask(context, 4), {
    calls: [callNamed("append to a stream")],
    durabilities: ["full"],
    patches: ["lines later"],
    before: ["write", "fsync"],
  });
  const isNamed = late.violations.some((text) => text.includes("not in its log: events/"));
  assert.ok(isNamed, `lines that are not there yet are unseen: ${late.violations.join("\n")}`);

  // Which write is the one between an empty file and a whole one, the beats of a busy machine move.
  let isTornSeen = false;
  for (let tries = 0; tries < 3 && !isTornSeen; tries += 1) {
    const torn = await attackCalls(shortTask(context, Infinity), {
      calls: [callNamed("phase")],
      durabilities: ["none"],
      patches: ["in place"],
      before: ["write"],
    });
    isTornSeen = torn.violations.some((text) => text.includes("phases/fn-1.1.json"));
  }
  assert.ok(isTornSeen, "torn files unseen");
});
