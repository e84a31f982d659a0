/** 1,000 features in one call. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alternate, mustBe, temporaryFolder } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "creating";
const COUNT = 1000;

export async function run(results, settings) {
  const { rounds, quick } = settings;
  const features = pendingOf(COUNT);
  const flowStore = await creator("FlowStore", features);
  const contenders = [
    flowStore,
    bare(features),
    await creator("SQLite FULL", features),
    await creator("lowdb", features),
  ];
  const times = await alternate(contenders, settings);
  const goals = { "bare fs": 1.5 };
  const main = ["bare fs", "SQLite FULL"];
  const work = "features in one call, durable";
  results.compare({ group: GROUP, work, size: COUNT, times, goals, main });
  const few = features.slice(0, quick ? 50 : 200);
  const slow = await alternate(
    [await creator("FlowStore relaxed", few), await creator("world-local", few)],
    { ...settings, rounds: Math.min(rounds, 3) },
  );
  results.compare({ group: GROUP, work: "features, not synced", size: few.length, times: slow });
  results.leaveOut(GROUP, "bulk of the lockfile loop", "it has no change of several documents");
  results.leaveOut(
    GROUP,
    "durable bulk of bare fs and lowdb",
    "neither is synced; FlowStore's and SQLite's are",
  );
}

/** With their dependencies, and nobody began. */
function pendingOf(count) {
  return plan(count).map((feature) => ({ ...feature, passes: false, inProgress: false }));
}

/** The same work by one of those who take part. */
export function bulkBy(name, count) {
  return name === "bare fs" ? bare(pendingOf(count)) : creator(name, pendingOf(count));
}

/** A new store each time, with one feature in it; it is opened before the clock starts. */
async function creator(name, features) {
  const system = await systemOf(name);
  const [first] = plan(1, { fresh: true });
  const moved = features.map((feature) => ({
    ...feature,
    id: feature.id + 1,
    priority: feature.priority + 1,
    dependencies: feature.dependencies.map((id) => id + 1),
  }));
  let handle;
  return {
    name,
    async prepare() {
      handle = await system.open(await filled(system, [first]));
      await handle.getAll();
    },
    act: () => handle.createBulk(moved),
    async restore() {
      mustBe(`${name}: features`, (await handle.getAll()).length, features.length + 1);
      await handle.close();
    },
  };
}

/** The same files, made by `fs` alone: no log, no sync. */
function bare(features) {
  const texts = features.map((feature) => `${JSON.stringify(feature, null, 2)}\n`);
  let folder;
  return {
    name: "bare fs",
    prepare: () => {
      folder = temporaryFolder();
    },
    act() {
      for (const [index, text] of texts.entries())
        writeFileSync(join(folder, `${index}.json`), text);
    },
    restore: () => mustBe("bare fs: files", readdirSync(folder).length, texts.length),
  };
}
