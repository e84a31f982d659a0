/**
 * Runs the compiled tests: `node build/test/run.js [FILTER…] [--name=PATTERN]`.
 *
 * A filter is a part of a path below `test/` (`model`, `process/claim`); several add up. Folders of
 * pure tests run in one process each, because a process costs more than they do; all others, where
 * a test may kill, hang or leak, run one process a file. Everything is one run of node's runner, so
 * the last lines count all tests. Fails when no file matches.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { run } from "node:test";
import { printEvents } from "./report.ts";

const COMPILED = import.meta.dirname;
const SOURCES = resolve(COMPILED, "../../test");
const GROUPS = join(COMPILED, ".groups");

/** Folders whose files share one process: no child processes, no changed environment. */
const SHARED_FOLDERS = new Set([
  "adapters",
  "architecture",
  "contract",
  "format",
  "model",
  "plans",
]);

/** Longest life of one process of tests (node 20 knows no default for a single test). */
const FILE_TIMEOUT_MS = 240_000;

/** More than this and the tests that measure waiting disturb each other. */
const MAX_PROCESSES = 4;

/** Deletes what was compiled from a source that is gone, so that no dead test runs. */
function removeStale(): void {
  for (const file of filesBelow(COMPILED)) {
    const source = join(SOURCES, relative(COMPILED, file).replace(/\.js(\.map)?$/, ".ts"));
    if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(file);
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** A file that imports all of `files`, one after another. */
function writeGroup(name: string, files: readonly string[]): string {
  mkdirSync(GROUPS, { recursive: true });
  const entry = join(GROUPS, `${name}.js`);
  const lines = files.map((file) => {
    const specifier = relative(GROUPS, file).split(sep).join("/");
    return `await import(${JSON.stringify(specifier)});\n`;
  });
  writeFileSync(entry, lines.join(""));
  return entry;
}

/** What node's runner gets: single files first (the slow ones), then one entry a shared folder. */
function entries(files: readonly string[]): string[] {
  const single: string[] = [];
  const shared = new Map<string, string[]>();
  for (const file of files) {
    const folder = relative(COMPILED, dirname(file)).split(sep)[0] ?? "";
    if (!SHARED_FOLDERS.has(folder)) single.push(file);
    else shared.set(folder, [...(shared.get(folder) ?? []), file]);
  }
  return [...single, ...[...shared].map(([folder, group]) => writeGroup(folder, group))];
}

rmSync(GROUPS, { recursive: true, force: true });
removeStale();

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const pattern = process.argv.find((argument) => argument.startsWith("--name="))?.slice(7);
const files = filesBelow(COMPILED).filter((file) => {
  const path = relative(COMPILED, file).split(sep).join("/");
  if (!path.endsWith(".test.js")) return false;
  return filters.length === 0 || filters.some((filter) => path.includes(filter));
});

if (files.length === 0) {
  console.error(`No test file matches ${filters.join(" ") || "*.test.ts"}`);
  process.exitCode = 1;
} else {
  const events = run({
    files: entries(files),
    // One more than can run: many wait for a condition, a lease, a disk.
    concurrency: Math.min(MAX_PROCESSES, availableParallelism() + 1),
    timeout: FILE_TIMEOUT_MS,
    ...(pattern === undefined ? {} : { testNamePatterns: [new RegExp(pattern)] }),
  });
  if (!(await printEvents(events, COMPILED))) process.exitCode = 1;
}
