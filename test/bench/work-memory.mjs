/** Memory of a process that holds one store: after reading everything once, and after some work. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { mustBe } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { filled, filledOnce, systemOf } from "./systems.mjs";

const GROUP = "memory";
const NAMES = ["FlowStore", "SQLite NORMAL", "lowdb", "bare fs", "world-local"];
const WORLD_LOCAL_LIMIT = 1000;
const MIN_SIZE = 1000;

export async function run(results, { sizes }) {
  for (const size of sizes.filter((one) => one >= MIN_SIZE)) {
    const rows = [];
    for (const name of NAMES) {
      if (name === "world-local" && size > WORLD_LOCAL_LIMIT) continue;
      rows.push([name, ...(await memoryOf(name, size))]);
    }
    results.table({
      group: GROUP,
      title: `Memory with ${size.toLocaleString("en")} features, MiB`,
      head: [
        "",
        "RSS before",
        "RSS loaded",
        "heap loaded",
        "RSS worked",
        "heap worked",
        "RSS at most",
      ],
      rows,
      notes: [
        "Loaded: everything was read once. Worked: 20 times everything and what is ready, then 100 claims. The heap is what is left after a collection; bare fs holds nothing.",
      ],
    });
  }
}

async function memoryOf(name, size) {
  const system = await systemOf(name);
  const isUsedUp = name === "world-local";
  const folder = await (isUsedUp
    ? filled(system, plan(size, { fresh: true }))
    : filledOnce(system, size, { fresh: true }));
  const child = fork(join(import.meta.dirname, "child-memory.mjs"), [name, folder, "features"], {
    execArgv: ["--expose-gc"],
  });
  const [[{ before, loaded, worked, most, done }]] = await Promise.all([
    once(child, "message"),
    once(child, "exit"),
  ]);
  mustBe(`${name}: features`, done, size);
  const figures = [before.rss, loaded.rss, loaded.heap, worked.rss, worked.heap, most];
  return figures.map((mib) => String(Math.round(mib)));
}
