/** Taking locks on paths and giving them back. */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import { alternate, mustBe, temporaryFolder } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "locks";

export async function run(results, settings) {
  for (const count of [1, 20]) {
    const paths = pathsOf(count);
    const contenders = [await flowStore(paths), await sqlite(paths), packaged(paths), bare(paths)];
    const calls = Math.max(2, Math.round((settings.quick ? 10 : 50) / count));
    const times = await alternate(contenders, { ...settings, calls, lead: 1 });
    const work =
      count === 1 ? "lock a path and give it back" : `lock ${count} paths and give them back`;
    results.compare({ group: GROUP, work, times, main: ["SQLite FULL"] });
    for (const { end } of contenders) await end?.();
  }
  results.leaveOut(
    GROUP,
    "what proper-lockfile and bare fs do here",
    "an empty folder a path: no modes, no owner, no log, nothing about paths below or above, lost by a power cut",
  );
}

function pathsOf(count) {
  return Array.from({ length: count }, (_, n) => `src/file-${n}.ts`);
}

/** The same work by one of those who take part. */
export function locksBy(name, count) {
  return name === "bare fs" ? bare(pathsOf(count)) : flowStore(pathsOf(count));
}

async function flowStore(paths) {
  const system = await systemOf("FlowStore");
  const { store, close } = await system.open(await filled(system, plan(1)));
  return {
    name: "FlowStore",
    async act() {
      await store.locks.acquire({ paths, taskId: "fn-1.1" });
      return store.locks.release({ paths, taskId: "fn-1.1" });
    },
    check: (released) => mustBe("FlowStore: locks given back", released, paths.length),
    end: close,
  };
}

async function sqlite(paths) {
  const system = await systemOf("SQLite FULL");
  const { lock, unlock, close } = system.open(await filled(system, plan(1)));
  return {
    name: "SQLite FULL",
    act() {
      lock(paths, "fn-1.1");
      return unlock(paths, "fn-1.1");
    },
    check: (released) => mustBe("SQLite: locks given back", released, paths.length),
    end: close,
  };
}

function packaged(paths) {
  const folder = temporaryFolder();
  const files = paths.map((path) => join(folder, path.replace("/", "-")));
  return {
    name: "proper-lockfile",
    async act() {
      for (const file of files) await lockfile.lock(file, { realpath: false });
      const held = await lockfile.check(files[0], { realpath: false });
      for (const file of files) await lockfile.unlock(file, { realpath: false });
      return held;
    },
    check: (held) => mustBe("proper-lockfile: held", held, true),
  };
}

function bare(paths) {
  const folder = temporaryFolder();
  const folders = paths.map((path) => join(folder, path.replace("/", "-")));
  return {
    name: "bare fs",
    act() {
      for (const path of folders) mkdirSync(path);
      for (const path of folders) rmdirSync(path);
    },
  };
}
