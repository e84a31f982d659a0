/**
 * What is measured, FlowStore and all beside it, behind one face. Each is loaded when it is asked
 * for, so that a process that measures memory holds one of them only.
 *
 * A system has `fill(folder, features)`, which puts a plan into an empty folder, and
 * `open(folder)`, whose handle does what it can of:
 *
 * | call | does |
 * | --- | --- |
 * | `getById(id)` `getAll()` `getReady()` `getStats()` `getGraph()` | as FlowStore's |
 * | `claim(id, agent)` | claims and logs it; whether it won |
 * | `giveBack(ids)` | makes them claimable again; not measured |
 * | `createBulk(inputs)` | all of them, in one call where there is one |
 * | `logEvent(n)` `logEvents(count)` | one event; many in one commit where there is one |
 * | `replay()` | goes through all events and returns how many there were |
 * | `counts()` | `{ inProgress, claims }`: claimed features, and events that say so |
 * | `close()` | lets go |
 */
import { plan } from "./plan.mjs";
import { pause, temporaryFolder } from "./measure.mjs";

const SYSTEMS = {
  FlowStore: ["flowstore", { durability: "full" }],
  "FlowStore relaxed": ["flowstore", { durability: "relaxed" }],
  "SQLite FULL": ["sqlite", { synchronous: "FULL" }],
  "SQLite NORMAL": ["sqlite", { synchronous: "NORMAL" }],
  "SQLite event store": ["sqlite-events", {}],
  lowdb: ["lowdb", {}],
  "world-local": ["world-local", {}],
  "lockfile loop": ["lockfile-loop", {}],
  "bare fs": ["files", { durability: "full" }],
  "bare fs, no sync": ["files", { durability: "none" }],
};

export async function systemOf(name) {
  const [file, options] = SYSTEMS[name];
  const { makeSystem } = await import(`./system-${file}.mjs`);
  return { name, file, ...makeSystem(options) };
}

/** A folder of a system's own, filled with a plan. */
export async function filled(system, features) {
  const folder = temporaryFolder();
  await system.fill(folder, features);
  return folder;
}

const shared = new Map();

/** The same, for those who only read or give back what they took: one for all of them. */
export async function filledOnce(system, size, kind = {}) {
  const key = `${system.file} ${size} ${kind.fresh === true}`;
  if (!shared.has(key)) {
    shared.set(key, await filled(system, plan(size, kind)));
    // A file must be a while old before its times prove that it did not change.
    await pause(100);
  }
  return shared.get(key);
}
