/** 8 processes that claim 1,000 features of one store: how many a second, and how long one waits. */
import { crowd } from "./crowd.mjs";
import { mustBe, rotated } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { numberText } from "./results.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "many processes";
export const PROCESSES = 8;
const FEATURES = 1000;
const MAX_ROUNDS = 5;
const NAMES = ["FlowStore", "SQLite FULL", "SQLite NORMAL", "lockfile loop"];

export async function run(results, { rounds, quick }) {
  const count = quick ? 100 : FEATURES;
  const races = new Map(NAMES.map((name) => [name, []]));
  for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round += 1)
    for (const name of rotated(NAMES, round)) races.get(name).push(await race(name, count));
  const timesOf = (what) => new Map(NAMES.map((name) => [name, races.get(name).map(what)]));
  results.compare({
    group: GROUP,
    work: `claims by ${PROCESSES} processes, time of all`,
    size: count,
    times: timesOf(({ ms }) => ms),
    // Three times as many a second.
    goals: { "lockfile loop": 0.333 },
  });
  results.compare({
    group: GROUP,
    work: `claims by ${PROCESSES} processes, p99 of one`,
    size: count,
    times: timesOf(({ p99 }) => p99),
    goals: { "SQLite FULL": 1 },
  });
  results.table(latencies(races));
  results.leaveOut(
    GROUP,
    "lowdb and world-local",
    "made for one process: both lose changes of others",
  );
}

function latencies(races) {
  const rows = [...races].map(([name, list]) => {
    const middle = list.toSorted((a, b) => a.ms - b.ms)[list.length >> 1];
    const { ms, claimed, p50, p99, max, busy } = middle;
    const rate = numberText((claimed / ms) * 1000);
    return [name, rate, numberText(p50), numberText(p99), numberText(max), String(busy)];
  });
  return {
    group: GROUP,
    title: `A claim that won, among ${PROCESSES} processes (the race of median time)`,
    head: ["", "claims a second", "p50 ms", "p99 ms", "longest ms", "told busy"],
    rows,
    notes: [
      "Each race ends only if every feature was won exactly once, by what the processes say, by the documents and by the log.",
      "Every process tries to claim every feature, in the same order. SQLite waits as flow-db does (busy timeout 1 s) and is asked again when it says busy.",
    ],
  };
}

/** From the word "go" to the answer of the last process. */
async function race(name, count) {
  const system = await systemOf(name);
  const folder = await filled(system, plan(count, { fresh: true }));
  const { ms, answers } = await crowd("child-crowd.mjs", wordsOf(name, folder, count));
  const claimed = answers.flatMap(({ ids }) => ids);
  mustBe(`${name}: claims won`, claimed.length, count);
  mustBe(`${name}: features claimed`, new Set(claimed).size, count);
  const handle = await system.open(folder);
  const { inProgress, claims } = await handle.counts();
  mustBe(`${name}: in progress`, inProgress, count);
  mustBe(`${name}: claims in the log`, claims, count);
  await handle.close();
  const waits = answers.flatMap((answer) => answer.waits).toSorted((a, b) => a - b);
  const at = (part) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))];
  const busy = answers.reduce((sum, answer) => sum + answer.busy, 0);
  return { ms, claimed: count, p50: at(0.5), p99: at(0.99), max: waits.at(-1), busy };
}

/** What each process of the crowd is told. */
export function wordsOf(name, folder, count) {
  const agents = Array.from({ length: PROCESSES }, (_, n) => `agent-${n}`);
  return agents.map((agent) => [name, folder, String(count), agent]);
}
