/** C14 in short, and that a violation would be seen. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { changeUnderClocks, contendUnderClocks, TICKS_MS } from "./c14-clocks.ts";
import { missedEdits } from "./c14-coarse.ts";
import { fightUnderClock, wrongLocks } from "./c14-locks.ts";
import { missingNeeds } from "./needs.ts";
import { shortTask } from "./short-task.ts";

const missing = missingNeeds(["linux", "faketime"]);

test("clocks that are wrong, and one that is set meanwhile", async (context) => {
  if (missing.length > 0) {
    context.skip(`NOT RUN: ${missing.join(", ")}`);
    return;
  }
  const task = shortTask(context, 20);
  const parts = [
    await changeUnderClocks(task),
    await contendUnderClocks(task, 700),
    await fightUnderClock(task, 1500),
  ];
  assert.deepEqual(
    parts.flatMap(({ violations }) => violations),
    [],
  );
});

for (const tickMs of TICKS_MS) {
  test(`hand edits are seen where the times of files are of ${tickMs} ms`, async () => {
    assert.deepEqual(await missedEdits({ tickMs, edits: 8, seed: 1 }), []);
  });
}

test("two holders of a lock, and a path that nobody is granted, are seen", () => {
  const first = { kind: "granted", task: "a", token: 1, at: 10 } as const;
  const second = { kind: "granted", task: "b", token: 2, at: 20 } as const;
  assert.deepEqual(wrongLocks([first, { kind: "held", token: 1, asked: 19 }, second]), []);
  assert.equal(wrongLocks([first, { kind: "held", token: 1, asked: 21 }, second]).length, 1);
  assert.deepEqual(wrongLocks([first, first]), []);
  assert.equal(wrongLocks([first, { ...first, task: "b" }]).length, 1);
  assert.equal(wrongLocks([first, { kind: "refused", tookMs: 20_000 }]).length, 1);
});
