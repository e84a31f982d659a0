/** C9 in short, and the checker: it accepts what is right, and flags what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { BAD, goodHistory, hidden } from "./c09-histories.ts";
import { attackRecords } from "./c09-linearizable.ts";
import { wrongIn, wrongKeys } from "./c09-models.ts";
import { shortTask } from "./short-task.ts";

const GOOD = 30;
const LENGTH = 160;
/** Chance decides in which of them a reader lags so that it shows. */
const MAX_HISTORIES = 20;

test("the checker accepts histories that have an order", () => {
  for (let seed = 1; seed <= GOOD; seed += 1) {
    const kind = seed % 3 === 0 ? "claim" : "value";
    const history = goodHistory(seed, LENGTH, kind).map((call) => ({ ...call, key: 1 }));
    assert.deepEqual(wrongIn(history), [], `seed ${seed}`);
  }
});

test(`the checker flags ${Object.keys(BAD).length} kinds of bad histories, alone and hidden`, () => {
  for (const [name, bad] of Object.entries(BAD)) {
    assert.equal(wrongIn(bad.map((call) => ({ ...call, key: 1 }))).length, 1, name);
    assert.equal(wrongKeys(hidden(bad, 7, LENGTH)).length, 1, `${name}, hidden`);
  }
  assert.deepEqual(wrongKeys(hidden([], 7, LENGTH)), []);
});

test("racing processes: one order explains the answers for each record", async (context) => {
  const races = { calls: 200, processes: 4 };
  const { violations, tried } = await attackRecords(shortTask(context, 1), races);
  assert.deepEqual(violations, []);
  assert.equal(tried, 1);
});

test("readers that lag are found", async (context) => {
  const races = { calls: 100, processes: 3, values: 1, claims: 0 };
  const found: string[] = [];
  let seed = 0;
  for (; found.length === 0 && seed < MAX_HISTORIES; seed += 1) {
    const task = shortTask(context, 1, { seed });
    const patches = ["lagging readers"] as const;
    found.push(...(await attackRecords(task, { ...races, patches })).violations);
  }
  assert.match(found.join("\n"), /history 1 .*key 1: /);
  context.diagnostic(`found in history ${seed}`);
});
