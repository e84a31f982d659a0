/** The figures of speed in README.md are those that `npm run bench` wrote, and nothing else. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { README, REPOSITORY } from "./blocks.ts";

const RESULTS = readFileSync(join(REPOSITORY, "test/bench/results.md"), "utf8");

/** What stands between two words. */
function part(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  assert.ok(start >= 0, `it lacks ${from}`);
  const end = text.indexOf(to, start + from.length);
  assert.ok(end >= 0, `it lacks ${to}`);
  return text.slice(start + from.length, end).trim();
}

/** What `npm run bench` put between its marks. */
const shown = (mark: string): string =>
  part(README, `<!-- ${mark}:begin -->\n`, `<!-- ${mark}:end -->\n`);

test("the growth shown is that of the same run", () => {
  assert.equal(shown("growth"), part(RESULTS, "## How it grows\n", "\n## "));
});

test("where the time goes is of the same run", () => {
  const rows = shown("profile")
    .split("\n")
    .filter((line) => line.startsWith("|"));
  assert.ok(rows.length > 10);
  for (const row of rows) assert.ok(RESULTS.includes(`${row}\n`), row);
});

test("for each goal that is missed the reader learns what it would take", () => {
  const answers = part(README, "<!-- profile:end -->\n", "\n### ");
  const missed = part(RESULTS, "\n## Goals: ", "\n## ")
    .split("\n")
    .filter((line) => line.includes("**missed**"))
    .map((line) => line.split(" | ")[0]?.replace(/^\| |, beside .*$/g, "") ?? "")
    .map((title) => title.replace(/ · [\d,]+$/, ""));
  assert.ok(missed.length > 0);
  for (const work of missed) assert.ok(answers.includes(`\`${work}\``), work);
});

test("the speed shown is the last run of the benchmark", () => {
  const speed = shown("speed");
  const about = RESULTS.split("\n\n").find((paragraph) => paragraph.includes(" rounds, ")) ?? "";
  assert.notEqual(about, "");
  assert.ok(speed.includes(about), "the machine and the run");
  const main = part(RESULTS, "## The main figures, the slowest first\n", "\n## ");
  assert.ok(speed.includes(main), "the main figures");
  const slower = /^Of all \d+ comparisons FlowStore is slower in .*$/m.exec(RESULTS)?.[0] ?? "";
  assert.notEqual(slower, "");
  assert.ok(speed.includes(`${slower}\n`), "where it is slower, of everything");
  assert.ok(speed.includes("(test/bench/results.svg)"), "the plot");
  assert.ok(existsSync(join(REPOSITORY, "test/bench/results.svg")));
  assert.ok(!RESULTS.includes("of no use"), "the machine was busy");
});
