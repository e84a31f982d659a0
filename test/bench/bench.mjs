/**
 * Measures FlowStore beside what people would use instead: the same work, in alternating rounds of
 * one run, as ratios of medians. Times alone say more about the machine than about the store.
 *
 *   npm run bench                                    everything
 *   npm run bench -- --only claims,crowd --rounds 5  some of it
 *   npm run bench -- --quick                         all rows in two minutes: that it works
 *   npm run bench -- --large                         100,000 features and 1,000,000 events too
 *
 * A whole run writes results.md, results.json and results.svg beside this file, and the main
 * figures into README, unless the machine was busy; a part of one, or a quick one, writes into
 * partial/, where git does not look. `--out FOLDER` names another.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { requirePackages } from "./packages.mjs";
import { plotOf } from "./plot.mjs";
import { aboutThisRun, Results } from "./results.mjs";
import { growthPartOf, markdownOf, profilePartOf, readmePartOf, summaryOf } from "./tables.mjs";

const WORK = [
  "reads",
  "claims",
  "crowd",
  "bulk",
  "events",
  "queries",
  "workflows",
  "workflow-safety",
  "locks",
  "commands",
  "memory",
  "disk",
  "profile",
];
const ROUNDS = 9;
const QUICK_ROUNDS = 1;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log("npm run bench -- [--only NAMES] [--rounds N] [--quick] [--large] [--out FOLDER]");
  console.log(`NAMES, parted by commas: ${WORK.join(", ")}`);
} else {
  await bench(settingsOf(values));
}

function settingsOf({ only, rounds, quick, large, out }) {
  const chosen = only?.split(",") ?? WORK;
  const unknown = chosen.filter((name) => !WORK.includes(name));
  if (unknown.length > 0) throw new Error(`Unknown work: ${unknown.join(", ")}; see --help`);
  const count = Number(rounds ?? (quick ? QUICK_ROUNDS : ROUNDS));
  if (!Number.isInteger(count) || count < 1) throw new Error(`--rounds cannot be ${rounds}`);
  const isWhole = chosen.length === WORK.length && !quick;
  return {
    chosen,
    rounds: count,
    warmUps: quick ? 0 : 1,
    quick,
    large,
    sizes: [100, 1000, 10_000, ...(large ? [100_000] : [])],
    eventSizes: [1000, quick ? 10_000 : 100_000, ...(large ? [1_000_000] : [])],
    out: resolve(out ?? join(import.meta.dirname, isWhole ? "." : "partial")),
  };
}

async function bench(settings) {
  const packages = requirePackages();
  const { out, ...options } = settings;
  const about = aboutThisRun(options, packages);
  const results = new Results((line) => console.log(line));
  for (const name of settings.chosen) {
    const start = performance.now();
    console.log(`\n${name}`);
    const { run } = await import(`./work-${name}.mjs`);
    await run(results, settings);
    console.log(`(${name}: ${Math.round((performance.now() - start) / 1000)} s)`);
  }
  about.seconds = Math.round(performance.now() / 1000);
  about.loadAfter = loadavg()[0];
  console.log(`\n${summaryOf(results, about)}`);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "results.json"), `${JSON.stringify(results.toJson(about), null, 2)}\n`);
  writeFileSync(join(out, "results.md"), markdownOf(results, about));
  writeFileSync(join(out, "results.svg"), plotOf(results, about));
  if (out === import.meta.dirname) {
    showInReadme("speed", readmePartOf(results, about));
    showInReadme("growth", growthPartOf(results, about));
    showInReadme("profile", profilePartOf(results, about));
  }
  console.log(`Written: results.md, results.json and results.svg in ${out}`);
}

/** Between its two marks; a busy machine's figures stay out. */
function showInReadme(mark, part) {
  if (part === null) return;
  const path = join(import.meta.dirname, "../../README.md");
  const text = readFileSync(path, "utf8");
  const [begin, end] = [`<!-- ${mark}:begin -->\n`, `<!-- ${mark}:end -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0)
    throw new Error(`README.md lacks the marks of ${mark}: it stays as it is`);
  writeFileSync(path, text.slice(0, from + begin.length) + part + text.slice(to));
}
