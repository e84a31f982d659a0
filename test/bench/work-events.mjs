/** The log: one event, many in one commit, and reading all of it. */
import { alternate, answerOf, mustBe, temporaryFolder } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { median } from "./results.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "events";
const BATCH = 1000;
/** In one commit, while a log is filled: agents log a few at a time. */
const CHUNK = 100;
const SQL_STORES = ["SQLite NORMAL", "SQLite event store"];
/** It has one file an event and reads all of them for one page. */
const WORLD_LOCAL_LIMIT = 1000;
const BATCH_GOAL_US = 5;

/** Events that are there before the first that is counted: what was made was logged. */
const EARLIER = { FlowStore: 1, "FlowStore relaxed": 1, "bare fs": 1, "world-local": 2 };
const earlierOf = (name) => EARLIER[name] ?? 0;

export async function run(results, settings) {
  await appendOne(results, settings);
  await appendMany(results, settings);
  for (const size of settings.eventSizes) await replay(size, results, settings);
  results.leaveOut(GROUP, "replay of lowdb", "its log is a list in memory");
}

async function opened(name) {
  const system = await systemOf(name);
  return system.open(await filled(system, plan(1, { fresh: true })));
}

async function appendOne(results, settings) {
  const { rounds, warmUps, quick } = settings;
  const calls = quick ? 10 : 100;
  for (const [work, names, goals] of [
    ["one event, durable", ["FlowStore", "SQLite FULL", "bare fs"], { "bare fs": 1.3 }],
    [
      "one event, not synced",
      ["FlowStore relaxed", "SQLite NORMAL", "bare fs, no sync", "lowdb", "world-local"],
      {},
    ],
  ]) {
    const contenders = [];
    for (const name of names) {
      const handle = await opened(name);
      contenders.push({ name, handle, act: (n) => handle.logEvent(n) });
    }
    const times = await alternate(contenders, { ...settings, calls, lead: 1 });
    const main = names.filter((name) => name.startsWith("SQLite") || name in goals);
    results.compare({ group: GROUP, work, times, goals, main });
    const all = (rounds + warmUps) * (calls + 1);
    for (const { name, handle } of contenders) {
      // That of bare fs is another file than the one that it reads.
      const isReplayed = handle.replay !== undefined && !name.startsWith("bare fs");
      if (isReplayed) mustBe(`${name}: events`, await handle.replay(), all + earlierOf(name));
      await handle.close();
    }
  }
}

async function appendMany(results, settings) {
  const names = ["FlowStore", "SQLite FULL", "bare fs"];
  const contenders = [];
  for (const name of names) {
    const handle = await opened(name);
    contenders.push({ name, handle, act: () => handle.logEvents(BATCH) });
  }
  const times = await alternate(contenders, settings);
  const work = "events in one batch, durable";
  results.compare({ group: GROUP, work, size: BATCH, times, main: ["SQLite FULL"] });
  results.figure({
    group: GROUP,
    what: `an event of a batch of ${BATCH}, durable`,
    value: (median(times.get("FlowStore")) / BATCH) * 1000,
    unit: "µs",
    goal: BATCH_GOAL_US,
  });
  mustBe(
    "events",
    await contenders[0].handle.replay(),
    (settings.rounds + settings.warmUps) * BATCH + 1,
  );
  for (const { handle } of contenders) await handle.close();
}

async function replay(size, results, settings) {
  const folders = new Map();
  for (const name of ["FlowStore", ...SQL_STORES]) folders.set(name, await filledLog(name, size));
  folders.set("bare fs", folders.get("FlowStore"));
  if (size <= WORLD_LOCAL_LIMIT) folders.set("world-local", await filledLog("world-local", size));
  const warm = [];
  const anew = [];
  for (const [name, folder] of folders) {
    const system = await systemOf(name);
    const handle = await system.open(folder);
    const check = (count) => mustBe(`${name}: events`, count, size + earlierOf(name));
    warm.push({ name, handle, act: () => handle.replay(), check });
    anew.push({ name, ...openingAnew(system, folder), check });
  }
  // A million takes long.
  const measured = {
    ...settings,
    rounds: Math.min(settings.rounds, size > 100_000 ? 3 : Infinity),
  };
  const compare = async (work, contenders) => {
    const times = await alternate(contenders, measured);
    const goals = Object.fromEntries(SQL_STORES.map((name) => [name, 1]));
    const main = size === settings.eventSizes.at(-1) ? SQL_STORES : [];
    results.compare({ group: GROUP, work, size, times, goals, main });
  };
  await compare("open and replay all events", anew);
  await compare("replay all events again", warm);
  for (const { handle } of warm) await handle.close();
  await memory(folders, size, results);
}

function openingAnew(system, folder) {
  let handle;
  return {
    async act() {
      handle = await system.open(folder);
      return handle.replay();
    },
    restore: () => handle.close(),
  };
}

async function memory(folders, size, results) {
  const rows = [];
  for (const [name, folder] of folders) rows.push([name, ...(await memoryOf(name, folder, size))]);
  results.table({
    group: GROUP,
    title: `Memory of a process that replays ${size.toLocaleString("en")} events, MiB`,
    head: ["", "RSS before", "RSS at most"],
    rows,
    notes: [],
  });
}

const logs = new Map();

/** A folder with so many events, one for all who read them. */
export async function filledLog(name, size) {
  const key = `${name} ${size}`;
  if (!logs.has(key)) logs.set(key, await fillLog(name, size));
  return logs.get(key);
}

async function fillLog(name, size) {
  const quickest = { FlowStore: "FlowStore relaxed" }[name] ?? name;
  const system = await systemOf(quickest);
  const folder = temporaryFolder();
  await system.fill(folder, plan(1, { fresh: true }));
  const handle = await system.open(folder);
  if (handle.logEvents === undefined) for (let n = 0; n < size; n += 1) await handle.logEvent(n);
  else for (let at = 0; at < size; at += CHUNK) await handle.logEvents(Math.min(CHUNK, size - at));
  await handle.close();
  return folder;
}

/** MiB of a process of its own. */
async function memoryOf(name, folder, size) {
  const answer = await answerOf("child-memory.mjs", [name, folder, "replay"], {
    execArgv: ["--expose-gc"],
  });
  mustBe(`${name}: events`, answer.done, size + earlierOf(name));
  return [answer.before.rss, answer.most].map((mib) => String(Math.round(mib)));
}
