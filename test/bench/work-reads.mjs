/** Reading: by id and everything, within 20 ms of the last look, later, and just opened. */
import { alternate, LATER_MS, pause } from "./measure.mjs";
import { answersOf, plan } from "./plan.mjs";
import { filledOnce, systemOf } from "./systems.mjs";

const GROUP = "reading";
const LISTS = ["getAll", "getReady", "getStats", "getGraph"];
/** It reads every file of its folder for one page, so a larger plan says nothing new. */
const WORLD_LOCAL_LIMIT = 1000;

/** Among so many one measurement takes seconds. */
const MANY = 10_000;
const ROUNDS_AMONG_MANY = 3;

export async function run(results, settings) {
  const fewRounds = { ...settings, rounds: Math.min(settings.rounds, ROUNDS_AMONG_MANY) };
  for (const size of settings.sizes)
    await readsOf(size, results, size > MANY ? fewRounds : settings);
  results.leaveOut(GROUP, "ready, stats and graph of world-local", "runs have no dependencies");
  results.leaveOut(
    GROUP,
    "freshness of lowdb",
    "it answers from its memory and never looks at the file again; FlowStore and SQLite see what other processes did",
  );
}

async function readsOf(size, results, settings) {
  const names = ["FlowStore", "SQLite NORMAL", "lowdb", "bare fs"];
  if (size <= WORLD_LOCAL_LIMIT) names.push("world-local");
  const systems = [];
  for (const name of names) {
    const system = await systemOf(name);
    // The limit is reading the very same files.
    const filler = name === "bare fs" ? await systemOf("FlowStore") : system;
    const folder = await filledOnce(filler, size);
    systems.push({ name, open: () => system.open(folder), handle: await system.open(folder) });
  }
  const checks = answersOf(plan(size));
  const able = (call) => systems.filter(({ handle }) => call in handle);
  await byId(size, able("getById"), checks, results, settings);
  for (const call of LISTS) {
    const check = checks[call];
    await looked(call, size, able(call), check, results, settings);
    await justOpened(call, size, able(call), check, results, settings);
  }
  for (const { handle } of systems) await handle.close();
}

/** Of the main figures are those of so many features. */
const mainAt = (size, name) => (size === 1000 ? [name] : []);

/** So many calls in a row that a round takes some ms, and not many seconds. */
function callsFor(size, { quick }) {
  return Math.max(1, Math.round((quick ? 500 : 3000) / size));
}

/** So many features are looked at again and again, which is within 20 ms of the last look. */
const FAMILIAR = 10;

async function byId(size, systems, check, results, settings) {
  const contenders = systems.map(({ name, handle }) => ({
    name,
    act: (n) => handle.getById((n % FAMILIAR) * Math.floor(size / FAMILIAR) + 1),
    check: check.getById,
  }));
  const calls = settings.quick ? 100 : 1000;
  const goals = { "SQLite NORMAL": 0.5 };
  const work = "get by id, within 20 ms";
  const times = await alternate(contenders, { ...settings, calls, lead: FAMILIAR });
  results.compare({ group: GROUP, work, size, times, goals, main: mainAt(size, "SQLite NORMAL") });
  await later("get by id", size, contenders, results, settings);
}

async function looked(call, size, systems, check, results, settings) {
  const contenders = systems.map(({ name, handle }) => ({
    name,
    act: () => handle[call](),
    check,
  }));
  const calls = callsFor(size, settings);
  const times = await alternate(contenders, { ...settings, calls, lead: 1 });
  const goals = { "SQLite NORMAL": 0.5 };
  const main = mainAt(size, "SQLite NORMAL");
  results.compare({ group: GROUP, work: `${call}, within 20 ms`, size, times, goals, main });
  await later(call, size, contenders, results, settings);
}

async function later(what, size, contenders, results, settings) {
  const waiting = contenders.map((one) => ({ ...one, prepare: () => pause(LATER_MS) }));
  // One call is short: more rounds.
  const rounds = settings.rounds * (size > 1000 ? 1 : 2);
  const times = await alternate(waiting, { ...settings, rounds });
  const goals = { "SQLite NORMAL": 1 };
  const main = mainAt(size, "SQLite NORMAL");
  results.compare({ group: GROUP, work: `${what}, later`, size, times, goals, main });
}

async function justOpened(call, size, systems, check, results, settings) {
  const contenders = systems.map(({ name, open }) => {
    let handle;
    return {
      name,
      async act() {
        handle = await open();
        return handle[call]();
      },
      check,
      restore: () => handle.close(),
    };
  });
  const times = await alternate(contenders, settings);
  const goals = { "bare fs": 1.5 };
  const main = mainAt(size, "bare fs");
  results.compare({ group: GROUP, work: `open and ${call}`, size, times, goals, main });
}
