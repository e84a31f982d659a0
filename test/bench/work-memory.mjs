/** Memory of a process that holds one store: after reading everything once, and after some work. */
import { answerOf, mustBe } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { filled, filledOnce, systemOf } from "./systems.mjs";

const GROUP = "memory";
const NAMES = ["FlowStore", "SQLite NORMAL", "lowdb", "bare fs", "world-local"];
const WORLD_LOCAL_LIMIT = 1000;
const MIN_SIZE = 1000;

/** Among so many one call of some takes a second. */
const MANY = 10_000;

/** How often everything is read, and how many features are claimed. */
function workFor(size) {
  return size > MANY ? { reads: 3, claims: 10 } : { reads: 20, claims: 100 };
}

export async function run(results, { sizes }) {
  for (const size of sizes.filter((one) => one >= MIN_SIZE)) {
    const rows = [];
    const { reads, claims } = workFor(size);
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
        `Loaded: everything was read once. Worked: ${reads} times everything and what is ready, then ${claims} claims. The heap is what is left after a collection; bare fs holds nothing.`,
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
  const { before, loaded, worked, most, done } = await answerOf(
    "child-memory.mjs",
    [name, folder, "features", JSON.stringify(workFor(size))],
    { execArgv: ["--expose-gc"] },
  );
  mustBe(`${name}: features`, done, size);
  const figures = [before.rss, loaded.rss, loaded.heap, worked.rss, worked.heap, most];
  return figures.map((mib) => String(Math.round(mib)));
}
