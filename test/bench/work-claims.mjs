/** Claims of one process: in a burst, alone, and 64 at once. */
import * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { alternate, LATER_MS, mustBe, pause } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { median } from "./results.mjs";
import { filled, filledOnce, systemOf } from "./systems.mjs";

const GROUP = "claiming";
const AT_ONCE = 64;

export async function run(results, settings) {
  for (const size of settings.sizes) {
    await claims(size, { work: "claim with its event, durable", durable: true }, results, settings);
    await claims(
      size,
      { work: "claim with its event, not synced", durable: false },
      results,
      settings,
    );
  }
  await atOnce(results, settings);
  results.leaveOut(GROUP, "lowdb and world-local, durable", "neither ever syncs a file");
  results.leaveOut(
    GROUP,
    "exclusive claims of lowdb and world-local",
    "two processes of lowdb both win; a second start of a run is not refused by world-local",
  );
}

async function claims(size, { work, durable }, results, settings) {
  const { rounds, warmUps, quick } = settings;
  const calls = Math.min(quick ? 10 : 50, Math.floor(size / 4));
  const contenders = [];
  for (const name of claimersOf(size, durable, (rounds + warmUps) * (calls + 1)))
    contenders.push(await claimer(name, size));
  const goals = durable ? { "bare fs": 1.4 } : {};
  const others = durable ? ["SQLite FULL", "bare fs"] : ["SQLite NORMAL"];
  const main = size === 1000 ? others : [];
  const times = await alternate(contenders, { ...settings, calls, lead: 1 });
  results.compare({ group: GROUP, work, size, times, goals, main });
  if (durable) {
    const apart = contenders.map((one) => ({ ...one, prepare: () => pause(LATER_MS) }));
    const alone = await alternate(apart, { ...settings, rounds: 2 * rounds });
    results.compare({ group: GROUP, work: "claim every 25 ms, durable", size, times: alone, main });
  }
  for (const one of contenders) await one.end();
}

/** Who takes part; among very many only the two that matter, since filling takes long. */
function claimersOf(size, durable, claimed) {
  if (size > 10_000)
    return durable ? ["FlowStore", "SQLite FULL"] : ["FlowStore relaxed", "SQLite NORMAL"];
  if (durable) return ["FlowStore", "SQLite FULL", "bare fs", "lockfile loop"];
  const names = ["FlowStore relaxed", "SQLite NORMAL", "bare fs, no sync", "lowdb"];
  // A start of a run cannot be taken back, and making runs takes long.
  return size >= claimed && size <= 1000 ? [...names, "world-local"] : names;
}

/** Claims one feature after another, gives them back, and counts at the end. */
async function claimer(name, size) {
  const system = await systemOf(name);
  const handle = await system.open(await filledOnce(system, size, { fresh: true }));
  const { claims: before = 0 } = await handle.counts();
  let next = 0;
  let taken = [];
  let calls = 0;
  return {
    name,
    act() {
      next = (next % size) + 1;
      calls += 1;
      taken.push(next);
      return handle.claim(next, "agent");
    },
    check: (isWon) => mustBe(`${name}: claimed`, isWon, true),
    async restore() {
      await handle.giveBack?.(taken);
      taken = [];
    },
    async end() {
      const { inProgress, claims: logged } = await handle.counts();
      if (logged !== undefined) mustBe(`${name}: claims in the log`, logged - before, calls);
      mustBe(`${name}: in progress`, inProgress, handle.giveBack === undefined ? calls : 0);
      await handle.close();
    },
  };
}

/** One process that has many callers: its claims share a record and its sync. */
async function atOnce(results, settings) {
  const system = await systemOf("FlowStore");
  const full = await systemOf("SQLite FULL");
  const features = plan(2 * AT_ONCE, { fresh: true });
  const handle = await system.open(await filled(system, features));
  const sqlite = await full.open(await filled(full, features));
  const ids = Array.from({ length: AT_ONCE }, (_, n) => n + 1);
  const all = (won) => mustBe("claims won", won.filter(Boolean).length, AT_ONCE);
  const inTurn = (to) => async () => {
    const won = [];
    for (const id of ids) won.push(await to.claim(id, "agent"));
    return won;
  };
  const together = () => Promise.all(ids.map((id) => handle.claim(id, "agent")));
  const restore = () => handle.giveBack(ids);
  const times = await alternate(
    [
      { name: "FlowStore", act: together, check: all, restore },
      { name: "one after another", act: inTurn(handle), check: all, restore },
      {
        name: "SQLite FULL",
        act: inTurn(sqlite),
        check: all,
        restore: () => sqlite.giveBack(ids),
      },
    ],
    settings,
  );
  const work = `${AT_ONCE} claims at once, durable`;
  const main = ["one after another", "SQLite FULL"];
  results.compare({ group: GROUP, work, times, goals: { "one after another": 0.7 }, main });
  await handle.close();
  sqlite.close();
  await syncs(work, system, features, results);
}

/** Each time in a store just opened: else the journal, when it is full, goes on in a new file. */
async function syncs(work, system, features, results) {
  const folder = await filled(system, features);
  const ids = Array.from({ length: AT_ONCE }, (_, n) => n + 1);
  const counts = [];
  for (let time = 0; time < 3; time += 1) {
    const handle = await system.open(folder);
    await handle.claim(AT_ONCE + 1, "agent");
    counts.push(await syncsOf(() => Promise.all(ids.map((id) => handle.claim(id, "agent")))));
    await handle.giveBack([...ids, AT_ONCE + 1]);
    await handle.close();
  }
  const value = median(counts);
  results.figure({ group: GROUP, what: `${work}, syncs`, value, unit: "syncs", goal: 2 });
}

/** How often files are synced by this process while `act` runs. */
async function syncsOf(act) {
  const { default: module } = await import("node:fs");
  const { fdatasyncSync, fsyncSync } = module;
  let count = 0;
  const counted =
    (sync) =>
    (...given) => {
      count += 1;
      return sync(...given);
    };
  Object.assign(module, { fdatasyncSync: counted(fdatasyncSync), fsyncSync: counted(fsyncSync) });
  syncBuiltinESMExports();
  try {
    await act();
  } finally {
    Object.assign(module, { fdatasyncSync, fsyncSync });
    syncBuiltinESMExports();
  }
  mustBe("the real sync is back", fs.fdatasyncSync, fdatasyncSync);
  return count;
}
