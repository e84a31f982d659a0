/** The same work by several, in alternating rounds; and what those need. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const folders = [];
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

// Whoever interrupts it is not left with its folders.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** A new folder that goes when the process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "flowstore-bench-"));
  folders.push(folder);
  return folder;
}

export const pause = (ms) => sleep(ms);

/** Longer than a look at the files may be relied on. */
export const LATER_MS = 25;

/**
 * Does the same work by each contender, round by round, in an order that turns.
 *
 * A contender has a `name` and `act(n)`, one call, with its own running number from 0. It may have
 * `prepare(round)` before and `restore()` behind the calls of a round, outside of the time, and
 * `check(result)` for the last call of a round, which throws when that is wrong.
 *
 * @param rounds how many measurements, behind `warmUps` that do not count
 * @param calls how many in a row make one measurement
 * @param lead so many before them are not measured
 * @returns for each name the time of one call in each round, in ms
 */
export async function alternate(contenders, { rounds, warmUps, calls = 1, lead = 0 }) {
  const runs = contenders.map((contender) => ({ contender, times: [], done: 0 }));
  for (let round = -warmUps; round < rounds; round += 1) {
    collectGarbage();
    for (const run of rotated(runs, round + warmUps)) {
      const { contender } = run;
      await contender.prepare?.(round);
      // What one leaves behind is not to be swept in the time of the next.
      collectGarbage({ type: "minor" });
      await callsOf(run, lead);
      const start = performance.now();
      const last = await callsOf(run, calls);
      const time = performance.now() - start;
      contender.check?.(last);
      await contender.restore?.();
      if (round >= 0) run.times.push(time / calls);
    }
  }
  return new Map(runs.map(({ contender, times }) => [contender.name, times]));
}

async function callsOf(run, count) {
  let last;
  for (let call = 0; call < count; call += 1) {
    last = run.contender.act(run.done);
    run.done += 1;
    // Who answers at once is not made to wait for a promise.
    if (last instanceof Promise) last = await last;
  }
  return last;
}

/** The same in an order that turns. */
export function rotated(list, by) {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

/** How many promises are started at once by {@link inChunks}. */
const AT_ONCE = 500;

/** Calls `act` for each of `list`, some at once. */
export async function inChunks(list, act) {
  for (let at = 0; at < list.length; at += AT_ONCE)
    await Promise.all(list.slice(at, at + AT_ONCE).map(act));
}

/** Throws unless something that was counted is as it must be. */
export function mustBe(what, is, shall) {
  if (is !== shall) throw new Error(`${what}: ${is} in place of ${shall}; nothing was measured`);
}

/**
 * The one message of a process that runs a file of this folder.
 *
 * @throws where it ends badly, or without a message
 */
export async function answerOf(file, words, options = {}) {
  const child = fork(join(import.meta.dirname, file), words, options);
  let answer;
  child.once("message", (message) => (answer = message));
  // What it said comes before its channel is known to be closed.
  const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  if (code === 0 && answer !== undefined) return answer;
  throw new Error(`${file} ${words.join(" ")}: it ended by ${signal ?? code}, without an answer`);
}
