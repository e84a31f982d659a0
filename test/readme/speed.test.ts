/** The figures of speed in README.md are those that `npm run bench` wrote, and nothing else. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { README, REPOSITORY } from "./blocks.ts";

const RESULTS = join(REPOSITORY, "test/bench/results.md");
const [BEGIN, END] = ["<!-- speed:begin -->\n", "<!-- speed:end -->"] as const;

/** The paragraphs between two headings. */
function part(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  assert.ok(start >= 0, `results.md lacks ${from}`);
  return text.slice(start + from.length, text.indexOf(to, start)).trim();
}

test("the growth shown is that of the same run", () => {
  const [begin, end] = ["<!-- growth:begin -->\n", "<!-- growth:end -->"] as const;
  const shown = README.slice(README.indexOf(begin) + begin.length, README.indexOf(end));
  const results = readFileSync(RESULTS, "utf8");
  assert.equal(shown.trim(), part(results, "## How it grows\n", "\n## "));
});

test("the speed shown is the last run of the benchmark", () => {
  const results = readFileSync(RESULTS, "utf8");
  const shown = README.slice(README.indexOf(BEGIN) + BEGIN.length, README.indexOf(END));
  const about = results.split("\n\n").find((paragraph) => paragraph.includes(" rounds, ")) ?? "";
  assert.notEqual(about, "");
  assert.ok(shown.includes(about), "the machine and the run");
  const main = part(results, "## The main figures, the slowest first\n", "\n## ");
  assert.ok(shown.includes(main), "the main figures");
  assert.ok(shown.includes("(test/bench/results.svg)"), "the plot");
  assert.ok(existsSync(join(REPOSITORY, "test/bench/results.svg")));
  assert.ok(!results.includes("of no use"), "the machine was busy");
});
