/** C16 in short; `test/process/store-kill.test.ts` looks at what 200 killed writers leave. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  MAX_NAMES,
  Most,
  oldTemporaries,
  PENDING,
  RECOVERED_WITHIN_MS,
  recoveryTimes,
  soak,
} from "./c16-recovery.ts";
import { temporaryFolder } from "../process/store-children.ts";
import { shortTask } from "./short-task.ts";

const TRIES = 6;

test(`${PENDING} commits that are not in the files are there soon`, async (context) => {
  const times = await recoveryTimes(context, TRIES);
  // A machine that is busy with others is no slow recovery: the time that it worked counts.
  const worked = times.map(({ cpuMs }) => cpuMs).toSorted((a, b) => a - b);
  context.diagnostic(times.map(({ wallMs }) => `${wallMs.toFixed(1)} ms`).join(", "));
  const all = `${worked.map((ms) => ms.toFixed(1)).join(", ")} ms`;
  // Even that time grows where others use the processor's caches: the release looks at the median alone.
  const [quickest = Infinity] = worked;
  const middle = worked[TRIES >> 1] ?? Infinity;
  assert.ok(quickest < RECOVERED_WITHIN_MS, all);
  assert.ok(middle < 2 * RECOVERED_WITHIN_MS, all);
});

test("temporaries that are older than an hour are gone, and no younger ones", async (context) => {
  assert.deepEqual(await oldTemporaries(context), []);
});

test("what killed writers leave does not add up", async (context) => {
  const { violations, kills, within } = await soak(shortTask(context, 4));
  assert.deepEqual(violations, []);
  assert.equal(kills, 4);
  context.diagnostic(`${within} of them in the middle of a change`);
});

test("more garbage than that is seen", (context) => {
  const root = temporaryFolder(context);
  const journal = join(root, "local/journal");
  mkdirSync(journal, { recursive: true });
  mkdirSync(join(root, "local/fence/dead"), { recursive: true });
  const most = new Most();
  for (let number = 0; number <= MAX_NAMES; number += 1) {
    most.look(root);
    assert.deepEqual(most.wrong, [], `${number} names`);
    writeFileSync(join(root, `local/fence/dead/${number}`), "");
  }
  for (let number = 0; number < MAX_NAMES; number += 1)
    mkdirSync(join(root, `local/fence/empty-${number}`));
  for (let number = 0; number < 5; number += 1) {
    writeFileSync(join(journal, `00000000000${number}-a.jsonl`), "x".repeat(500_000));
  }
  most.look(root);
  assert.equal(most.wrong.length, 4, most.wrong.join());
});
