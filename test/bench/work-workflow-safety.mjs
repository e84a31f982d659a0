/** What a kill, a race and a cut do to runs of workflows. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { mustBe, temporaryFolder } from "./measure.mjs";
import { beginRun, OPEN, pathsBelow } from "./workflow-systems.mjs";

const GROUP = "workflows";
const NAMES = ["FlowStore", "world-local"];

export async function run(results, { quick }) {
  const rows = [];
  for (const name of NAMES) {
    const killed = await kills(name, quick ? 3 : 20);
    rows.push([
      name,
      `${killed.broken} of ${killed.kills}`,
      String(killed.lost),
      String(killed.temporary),
      await lostUpdates(name, quick ? 3 : 30),
      await racingEnds(name, quick ? 3 : 30),
      await twoMakers(name, quick ? 20 : 200),
      await cutTail(name),
    ]);
  }
  results.table({
    group: GROUP,
    title: "What goes wrong",
    head: [
      "",
      "broken records after kill -9",
      "acknowledged steps lost",
      "temporary files left",
      "lost of 4 changes at once",
      "two ends of one run",
      "made twice by two processes",
      "a file that was cut",
    ],
    rows,
    notes: [
      "Killed at moments of chance, 20 to 140 ms after the start of its loop; broken: what is stored of one step contradicts itself, or `check` finds something.",
    ],
  });
}

/** A process is killed again and again in the middle of its steps. */
async function kills(name, times) {
  const folder = temporaryFolder();
  const found = { kills: times, broken: 0, lost: 0, temporary: 0 };
  for (let n = 0; n < times; n += 1) {
    const first = await OPEN[name](folder);
    const run = await first.create(`run-${n}`);
    await first.start(run);
    await first.close();
    const { told } = await killedAfter(name, folder, run, 20 + Math.random() * 120);
    const handle = await OPEN[name](folder);
    const { broken, done } = await handle.broken(run);
    if (broken > 0) found.broken += 1;
    found.lost += told.filter((step) => !done.includes(step)).length;
    await handle.close();
  }
  // Whoever writes next sweeps what is left.
  const last = await OPEN[name](folder);
  await last.create("last");
  await last.close();
  found.temporary = pathsBelow(folder).filter((path) => /\.tmp\.|\/fence\//.test(path)).length;
  return found;
}

function begin(...args) {
  const file = join(import.meta.dirname, "child-workflows.mjs");
  const child = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value };
}

/** Of one who is not killed. */
async function lineOf({ next }) {
  const line = await next();
  if (line === undefined) throw new Error("A process ended without an answer");
  return line;
}

async function killedAfter(name, folder, run, ms) {
  const { child, next } = begin("steps", name, folder, run, "0");
  const first = await next();
  if (first === undefined) throw new Error(`${name}: the process that steps ended by itself`);
  const told = [Number(first)];
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  for (let line = await next(); line !== undefined; line = await next()) told.push(Number(line));
  clearTimeout(timer);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { told };
}

async function lostUpdates(name, times) {
  const { handle } = await beginRun(name);
  let lost = 0;
  for (let n = 0; n < times; n += 1) {
    const run = await handle.create(`many-${n}`);
    await handle.start(run);
    // The first makes the step where there is one to be made.
    await handle.count(run, 1);
    await Promise.all([2, 3, 4, 5].map((at) => handle.count(run, at)));
    if ((await handle.attempts(run)) !== 5) lost += 1;
  }
  await handle.close();
  return `${lost} of ${times}`;
}

async function racingEnds(name, times) {
  const { handle } = await beginRun(name);
  let both = 0;
  for (let n = 0; n < times; n += 1) {
    const run = await handle.create(`end-${n}`);
    await handle.start(run);
    const ends = await Promise.all([handle.end(run, "completed"), handle.end(run, "cancelled")]);
    if (ends.every(Boolean)) both += 1;
  }
  await handle.close();
  return `${both} of ${times}`;
}

async function twoMakers(name, count) {
  const { folder, handle, run } = await beginRun(name);
  await handle.close();
  const two = [1, 2].map(() => begin("create", name, folder, run, String(count)));
  for (const one of two) mustBe(`${name}: two makers`, await lineOf(one), "ready");
  for (const { child } of two) child.stdin.write("go\n");
  const made = await Promise.all(two.map(async (one) => Number(await lineOf(one))));
  return `${made[0] + made[1] - count} of ${count}`;
}

/** The last file that grew or was made is cut amid its last line. */
async function cutTail(name) {
  const { folder, handle, run } = await beginRun(name);
  for (let n = 0; n < 5; n += 1) await handle.step(run, n);
  await handle.close();
  const root = join(folder, name === "world-local" ? "events" : ".flow/local/workflows");
  const isLog = (path) => name === "world-local" || path.endsWith(".jsonl");
  const path = pathsBelow(root).filter(isLog).sort().at(-1);
  truncateSync(path, statSync(path).size - 10);
  const again = await OPEN[name](folder);
  try {
    return `${await again.pages(run, 100)} records are read`;
  } catch (error) {
    return `nothing is read (${error.name})`;
  } finally {
    await again.close();
  }
}
