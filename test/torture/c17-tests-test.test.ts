/** Mutants of a tiny engine: what is noticed, what is not, and that neither is taken for the other. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { tempFolder } from "../storage/support.ts";
import { CHANGED_FILES, CHECKS } from "./c17-checks.ts";
import { EQUIVALENT } from "./c17-equivalent.ts";
import { inDrawnOrder, isWording, type MadeMutant } from "./c17-mutants.ts";
import { Results } from "./c17-results.ts";
import { judge, MutationRun, scoreOf } from "./c17-tests-test.ts";
import { Trials, type Check } from "./c17-trials.ts";

const ENGINE = `export function sum(numbers) {
  let sum = 0;
  for (let index = 0; index < numbers.length; index++) sum += numbers[index];
  return sum;
}
export const unused = () => "nothing";
`;
const CHECKER = `import { test } from "node:test";
import assert from "node:assert/strict";
const { sum } = await import(new URL("../dist/tiny.js", import.meta.url));
test("a sum of two", () => assert.equal(sum([1, 0]), 1));
`;
const CHECK: Check = { name: "tiny", words: ["test/tiny.test.js"] };

function mutant(from: string, to: string): MadeMutant {
  const start = ENGINE.indexOf(from);
  assert.notEqual(start, -1);
  const change = { file: "tiny", start, end: start + from.length, replacement: to };
  return { ...change, unit: "sum", line: from, from, to, place: "src/tiny.ts" };
}

const NOTICED = mutant("sum += ", "sum -= ");
const ENDLESS = mutant("index++", "index");
const UNNOTICED = mutant("index = 0", "index = -0");
const UNREACHED = mutant('"nothing"', '""');
const ALL = [NOTICED, ENDLESS, UNNOTICED, UNREACHED];

interface World {
  readonly run: MutationRun;
  readonly tree: string;
  readonly results: string;
}

function tiny(
  checks: readonly Check[] = [CHECK],
  results = tempFolder(),
  { print = "checks", checker = CHECKER } = {},
): World {
  const tree = tempFolder();
  for (const folder of ["dist", "test"]) mkdirSync(join(tree, folder));
  writeFileSync(join(tree, "package.json"), '{"type":"module"}');
  writeFileSync(join(tree, "dist/tiny.js"), ENGINE);
  writeFileSync(join(tree, "test/tiny.test.js"), checker);
  const kept = new Results({ engine: "engine", checks: print }, results);
  const run = new MutationRun(new Trials(tree, 1500), kept, ALL, checks);
  return { run, tree, results };
}

const quiet = (): void => undefined;

test("who is noticed and who is not, by the checks that run through the place", async () => {
  const { run, tree, results } = tiny();
  assert.deepEqual(await run.begin(quiet), []);
  assert.equal(await run.try(NOTICED), "tiny");
  assert.equal(await run.try(ENDLESS), "tiny", "what does not end is noticed");
  assert.equal(await run.try(UNREACHED), null);
  assert.equal(await run.try(UNNOTICED), null);
  assert.equal(await run.control(1), null, "without a mutant nothing fails");
  assert.equal(readFileSync(join(tree, "dist/tiny.js"), "utf8"), ENGINE);

  const nobody = tiny([], results).run;
  assert.equal(await nobody.try(NOTICED), "tiny", "what was found before is not tried again");
  const weaker = { print: "others", checker: CHECKER.replace("[1, 0]), 1", "[0, 0]), 0") };
  const other = tiny([CHECK], results, weaker).run;
  await other.begin(quiet);
  assert.equal(await other.try(NOTICED), null, "by other checks it is tried again");
});

/** A check that fails, or does not end, at its so-many-th run; the first is the one without a change. */
const fickle = (badRuns: string, how: string): string => `import { test } from "node:test";
import { appendFileSync, readFileSync } from "node:fs";
await import(new URL("../dist/tiny.js", import.meta.url)).then(({ sum }) => sum([1]));
appendFileSync("runs", ".");
const isBad = ${badRuns}.includes(readFileSync("runs", "utf8").length);
test("by chance", async () => { if (isBad) ${how} });
`;
const FAILS = "throw new Error();";
const HANGS = "await new Promise((resolve) => setTimeout(resolve, 60_000));";

test("what fails once, or hangs without a mutant as well, has noticed nothing", async () => {
  const tried = async (badRuns: string, how: string): Promise<string | null> => {
    const { run } = tiny([CHECK], tempFolder(), { checker: fickle(badRuns, how) });
    assert.deepEqual(await run.begin(quiet), []);
    return run.try(NOTICED);
  };
  assert.equal(await tried("[2]", FAILS), null, "by chance");
  assert.equal(await tried("[2, 3]", FAILS), "tiny");
  assert.equal(await tried("[2, 3]", HANGS), null, "the machine is busy");
  assert.equal(await tried("[2]", HANGS), "tiny");
});

test("checks that fail by themselves are told, and notice nothing", async () => {
  const broken: Check = { name: "broken", words: ["test/missing.test.js"] };
  const { run } = tiny([broken]);
  assert.deepEqual(await run.begin(quiet), ["broken"]);
  assert.equal(await run.try(NOTICED), null);
});

test("the score is of those that could be noticed, and the list of others is held to account", () => {
  const fates = [
    { mutant: NOTICED, by: "tiny" },
    { mutant: UNNOTICED, by: null },
    { mutant: UNREACHED, by: null },
  ];
  const entry = { ...UNREACHED, why: "nobody uses it" };
  const good = judge(fates, ALL, [entry]);
  assert.deepEqual(good.stale, []);
  assert.equal(good.equivalent, 1);
  const { part, error, survivors } = scoreOf(good.judged, 200);
  assert.deepEqual([part, survivors], [0.5, [UNNOTICED]]);
  assert.ok(error > 0.5, `${error} for two of 200`);
  assert.equal(scoreOf(good.judged, 2).error, 0, "nothing is guessed of all");

  assert.match(
    judge(fates, ALL, [{ ...entry, to: "1" }]).stale.join(),
    /^not one mutant, but 0 are like/,
  );
  const twice = judge(fates, [...ALL, UNREACHED], [entry]);
  assert.match(twice.stale.join(), /^not one mutant, but 2 are like/);
  const wrong = judge(fates, ALL, [{ ...NOTICED, why: "it looks so" }]);
  assert.match(wrong.stale.join(), /^tiny notices what nobody could/);
});

test("every beginning of what is drawn has its part of each file", () => {
  const many = ["a", "a", "a", "a", "a", "a", "b", "b"].map((file, start) => ({
    ...{ file, start, end: start, replacement: "" },
  }));
  for (const seed of [1, 2, 3]) {
    const drawn = inDrawnOrder(many, seed);
    assert.equal(new Set(drawn).size, many.length);
    const first = drawn.slice(0, 4).filter(({ file }) => file === "b");
    assert.equal(first.length, 1, drawn.map(({ file }) => file).join(""));
    assert.deepEqual(inDrawnOrder(many, seed), drawn);
  }
});

test("what is changed, what should notice and what is set apart are there", () => {
  const project = resolve(import.meta.dirname, "../../..");
  const isThere = (path: string): boolean => existsSync(join(project, path));
  const files = CHANGED_FILES.filter((file) => !isThere(`src/${file}.ts`));
  const checks = CHECKS.map(({ words: [script = ""] }) => script).filter((path) => !isThere(path));
  const entries = EQUIVALENT.filter(({ file, line }) => {
    const isListed = CHANGED_FILES.includes(file) && isThere(`src/${file}.ts`);
    return !isListed || !readFileSync(join(project, `src/${file}.ts`), "utf8").includes(line);
  });
  assert.deepEqual([files, checks, entries], [[], [], []]);
});

test("sentences are wording, names and code are not", () => {
  const from = (text: string): MadeMutant => ({ ...NOTICED, from: text });
  assert.ok(isWording(from('"Nothing was changed. Try again."')));
  assert.ok(isWording(from("`Cannot write into ${folder}: it is not a real folder`")));
  for (const text of [
    '"ok"',
    '"journal-0001.jsonl"',
    "`${JSON.stringify(why, null, 2)}\\n`",
    "a < b",
  ])
    assert.ok(!isWording(from(text)), text);
});
