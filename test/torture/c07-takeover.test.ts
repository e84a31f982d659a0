/** C7 in short, and that two winners and late ones would be seen. */
import assert from "node:assert/strict";
import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Contender, guardedRoot } from "../process/contenders.ts";
import { PACKAGE_LOCK } from "../process/guard.worker.ts";
import { lateIn, takeover } from "./c07-takeover.ts";
import { missingNeeds } from "./needs.ts";
import { shortTask } from "./short-task.ts";

const WAITERS = 8;
/** The package lets two in in 3 to 23 rounds of 100. */
const MAX_ROUNDS = 300;

const missing = missingNeeds(takeover.needs);

test("the guard of a dead holder has one winner at a time", async (context) => {
  if (missing.length > 0) {
    context.skip(`NOT RUN: ${missing.join(", ")}`);
    return;
  }
  const { tried, violations } = await takeover.attack(shortTask(context, 10));
  assert.equal(tried, 10);
  // So few rounds beside other tests tell nothing of times: they are judged below, and by C7 itself.
  assert.deepEqual(
    violations.filter((text) => !text.startsWith("taken late")),
    [],
  );
});

test("one takeover of ten that takes too long is seen, unless others keep the machine busy", () => {
  const times = (late: number): number[] =>
    Array.from({ length: 100 }, (_, index) => (index < late ? 300 : 20));
  assert.deepEqual(lateIn(times(4), 0), []);
  assert.match(lateIn(times(10), 0).join(), /^taken late: 20\.0 ms in the middle/);
  assert.deepEqual(lateIn(times(10), 3), []);
  assert.equal(lateIn(times(60), 3).length, 1);
});

test("two winners are seen: proper-lockfile's own takeover has them", async (context) => {
  const { root } = guardedRoot();
  const all = await Promise.all(Array.from({ length: WAITERS }, () => Contender.start(root)));
  let rounds = 0;
  let overlaps = 0;
  for (; overlaps === 0 && rounds < MAX_ROUNDS; rounds += 1) {
    mkdirSync(join(root, PACKAGE_LOCK), { recursive: true });
    utimesSync(join(root, PACKAGE_LOCK), 1, 1);
    const answers = await Promise.all(all.map((one) => one.tell({ act: "race by the package" })));
    overlaps = answers.reduce((sum, answer) => sum + (answer.overlaps ?? 0), 0);
  }
  await Promise.all(all.map((one) => one.end()));
  assert.ok(overlaps > 0, `nobody was seen beside another in ${rounds} rounds`);
  context.diagnostic(`two at once in round ${rounds}`);
});
