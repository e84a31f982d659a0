/**
 * How often the disk is asked. Of FlowStore by kind of call, as `test/storage/disk-operations.test.ts`
 * pins it; of a claim by each system the system calls that strace sees.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustBe, temporaryFolder } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { numberText } from "./results.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "the disk";
const COUNTED = join(import.meta.dirname, "../../build/test/storage/disk-operations.js");
const SYNCS = /^(sync|syncFile|syncFolder|fsync|fdatasync)$/;
const CHANGES =
  /^(create|write|rename|link|remove|makeFolder|removeFolder|touch|mkdir|rmdir|unlink|lutimes|pwrite\w*|p?writev\w*|rename\w*|link\w*|unlink\w*|mkdir\w*|ftruncate|fallocate|utime\w*)$/;

export async function run(results) {
  await ofFlowStore(results);
  await ofAll(results);
}

/** `[syncs, changes, looks]` */
function sortsOf(counts) {
  const sum = (isOne) =>
    Object.entries(counts).reduce((total, [name, count]) => total + (isOne(name) ? count : 0), 0);
  const syncs = sum((name) => SYNCS.test(name));
  const changes = sum((name) => CHANGES.test(name));
  return [syncs, changes, sum(() => true) - syncs - changes];
}

async function ofFlowStore(results) {
  if (!existsSync(COUNTED)) throw new Error("The tests are not built; run npm run build");
  const { countOperations, textOfCounts, FEATURES } = await import(COUNTED);
  const rows = [...(await countOperations())].map(([name, counts]) => [
    name,
    ...sortsOf(counts).map(String),
    textOfCounts(counts),
  ]);
  results.table({
    group: GROUP,
    title: `FlowStore's operations on the disk, in a store of ${FEATURES} features`,
    head: ["call", "syncs", "changes", "looks", "which"],
    rows,
    notes: ["test/storage/disk-operations.test.ts pins these numbers."],
  });
}

const NAMES = [
  "FlowStore",
  "SQLite FULL",
  "SQLite NORMAL",
  "lowdb",
  "world-local",
  "lockfile loop",
  "bare fs",
];
const FEATURES = 100;

async function ofAll(results) {
  if (spawnSync("strace", ["-o", "/dev/null", "true"]).status !== 0) {
    results.leaveOut(GROUP, "system calls of a claim", "NOT RUN: needs strace");
    return;
  }
  const rows = [];
  for (const name of NAMES) {
    const { claims, counts } = await systemCallsOf(name);
    rows.push([name, ...sortsOf(counts).map((count) => numberText(count / claims))]);
  }
  results.table({
    group: GROUP,
    title: `System calls on files of one claim in a burst, ${FEATURES} features (strace)`,
    head: ["", "syncs", "changes", "looks, opening and closing"],
    rows,
    notes: ["SQLite's looks are mostly locks of ranges. world-local and lowdb never sync."],
  });
}

async function systemCallsOf(name) {
  const system = await systemOf(name);
  const folder = await filled(system, plan(FEATURES, { fresh: true }));
  const trace = join(temporaryFolder(), "trace");
  const child = join(import.meta.dirname, "child-disk.mjs");
  const { status, stdout, stderr } = spawnSync(
    "strace",
    [
      "-f",
      "-y",
      "-qq",
      "-s",
      "0",
      "-e",
      "trace=%file,%desc",
      "-o",
      trace,
      process.execPath,
      child,
      name,
      folder,
    ],
    { encoding: "utf8" },
  );
  mustBe(`exit code under strace (${stderr})`, status, 0);
  return { claims: Number(stdout), counts: countsIn(readFileSync(trace, "utf8"), folder) };
}

/** Calls on files of the folder between the two marks that the child leaves in the trace. */
function countsIn(trace, folder) {
  const counts = {};
  const [, between = ""] = trace.split(/^.*flowstore-bench-mark.*$/m);
  for (const line of between.split("\n")) {
    const name = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (name === undefined || !line.includes(folder)) continue;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
