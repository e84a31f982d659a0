/** C7's witness sees two at once; `test/process/guard.test.ts` shows that the guard has one winner. */
import assert from "node:assert/strict";
import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Contender, guardedRoot } from "../process/contenders.ts";
import { PACKAGE_LOCK } from "../process/guard.worker.ts";

const WAITERS = 8;
/** The package lets two in in 3 to 23 rounds of 100. */
const MAX_ROUNDS = 300;

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
