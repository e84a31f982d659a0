/**
 * The tests of the engine have teeth: each rule that is taken out of the compiled engine is missed
 * by a test. Here those on which a commit rests; a torture (C3) tries all, and more.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { MORE_MUTANTS } from "./more-mutants.ts";
import { MutantRuns } from "./mutant-runs.ts";
import { MUTANTS } from "./mutants.ts";

/** By their names; those that only slow tests notice are C3's alone. */
const RULES: readonly string[] = [
  "a record is synced before it is answered, in a store that lives on",
  "a record counts from its ok on",
  "a record is read back before the caller is answered",
  "a temporary is put in place for the record that it was made for alone",
  "a rotation writes a seal that competes for the next number",
  "a mark counts in its boot only",
  "a line begins with a LF of its own",
  "a line whose checksum is wrong is void",
  "applied files are synced before a rotation",
  "a decision follows what it saw, not a record that waits for its ok",
  "log lines go to a recorded offset",
  "the sync comes before `ok`, step by step",
  "`ok` comes before the files are changed, step by step",
  "all other fences are taken down, step by step",
];
const CHOSEN = [...MUTANTS, ...MORE_MUTANTS].filter(({ rule }) => RULES.includes(rule));

function engineText(file: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`#src/${file}.js`)), "utf8");
}

const runs = new MutantRuns();

after(() => runs.end());

describe("the tests", () => {
  test("are tried on rules that exist", () => {
    assert.equal(CHOSEN.length, RULES.length);
  });

  test("find what each rule takes out, all of them, in the engine as it is", () => {
    const missing = [...MUTANTS, ...MORE_MUTANTS]
      .flatMap((mutant) => [mutant, ...(mutant.also ?? [])])
      .filter(({ file, search }) => engineText(file).split(search).length !== 2)
      .map(({ file, search }) => `${file}: ${search}`);
    assert.deepEqual(missing, []);
  });

  test("pass on a copy of the engine as it is", async () => {
    // Two of them: each runs on the engine itself beside this, and C3 runs all of them on a copy.
    const steps = CHOSEN.filter(({ rule }) => rule.endsWith("step by step"));
    assert.deepEqual(await runs.failingOnItself([...CHOSEN.slice(0, 1), ...steps]), []);
  });

  test("notice each rule that is taken out", async (t) => {
    assert.deepEqual(await runs.survivors(CHOSEN), []);
    t.diagnostic(`${CHOSEN.length} mutants`);
  });
});
