/** Runs of workflows beside the file-based store that is made for them. */
import { join } from "node:path";
import { alternate, mustBe } from "./measure.mjs";
import { beginRun, pathsBelow } from "./workflow-systems.mjs";

const GROUP = "workflows";
const NAMES = ["FlowStore", "FlowStore relaxed", "world-local"];
const PAGE_GOAL_MS = 10;
const PAGES_GOAL_MS = 200;
const RATE_GOAL_MS = 1000 / 5000;

export async function run(results, settings) {
  await throughput(results, settings);
  await reading(results, settings);
}

// ---- writing -----------------------------------------------------------------------------------

async function throughput(results, settings) {
  const calls = settings.quick ? 5 : 50;
  const contenders = [];
  for (const name of NAMES) {
    const one = await beginRun(name);
    contenders.push({ ...one, act: (n) => one.handle.step(one.run, n) });
  }
  const times = await alternate(contenders, { ...settings, calls, lead: 1 });
  const of = (...names) => new Map(names.map((name) => [name, times.get(name)]));
  const main = ["world-local"];
  const work = "a step with its result";
  results.compare({
    group: GROUP,
    work: `${work}, synced`,
    times: of("FlowStore", "world-local"),
    main,
  });
  const relaxed = of("FlowStore relaxed", "world-local");
  results.compare({ group: GROUP, work: `${work}, not synced`, times: relaxed, main });
  filesOf(results, contenders, (settings.rounds + settings.warmUps) * (calls + 1));
  for (const { handle } of contenders) await handle.close();
  await burst(results, settings);
}

/** Many executions at once, as an engine has them: one record each. */
async function burst(results, settings) {
  const many = settings.quick ? 100 : 1000;
  const contenders = [];
  for (const name of NAMES) {
    const { handle, run } = await beginRun(name);
    const act = (n) =>
      Promise.all(Array.from({ length: many }, (_, at) => handle.count(run, n * many + at + 1)));
    if (name !== "world-local") contenders.push({ name, handle, act });
    else await handle.close();
  }
  const times = await alternate(contenders, settings);
  for (const [name, list] of times) {
    const isRelaxed = name !== "FlowStore";
    results.figure({
      group: GROUP,
      what: `one record of ${many} at once, ${isRelaxed ? "not synced" : "synced"}`,
      value: list.toSorted((a, b) => a - b)[list.length >> 1] / many,
      unit: "ms",
      goal: isRelaxed ? RATE_GOAL_MS : null,
    });
  }
  for (const { handle } of contenders) await handle.close();
}

function filesOf(results, contenders, steps) {
  const rows = contenders.map(({ name, folder, run }) => {
    const root = name === "world-local" ? folder : join(folder, ".flow/local");
    return [name, String(pathsBelow(root).filter((path) => path.includes(run)).length)];
  });
  results.table({
    group: GROUP,
    title: `Files of one run of ${steps} steps`,
    head: ["", "files"],
    rows,
    notes: ["FlowStore has a constant number: documents, a log, a name in the index."],
  });
}

// ---- reading -----------------------------------------------------------------------------------

async function reading(results, settings) {
  const steps = settings.quick ? 50 : 1000;
  const runs = settings.quick ? 50 : 2000;
  const contenders = [];
  for (const name of ["FlowStore relaxed", "world-local"]) {
    const one = await beginRun(name);
    for (let n = 0; n < steps; n += 1) await one.handle.step(one.run, n);
    for (let n = 2; n <= runs; n += 1) {
      const run = await one.handle.create(`run-${n}`);
      if (n <= 20) await one.handle.start(run);
    }
    contenders.push({ ...one, name: name === "world-local" ? name : "FlowStore" });
  }
  const records = new Map();
  for (const { name, handle, run } of contenders) records.set(name, await handle.pages(run, 1000));
  const works = [
    [
      "a page of 20 records",
      steps,
      PAGE_GOAL_MS,
      ({ handle, run }) => handle.page(run, 20),
      () => 20,
    ],
    [
      "all records in pages of 100",
      steps,
      PAGES_GOAL_MS,
      ({ handle, run }) => handle.pages(run, 100),
      (name) => records.get(name),
    ],
    ["20 runs that run", runs, PAGE_GOAL_MS, ({ handle }) => handle.running(20), () => 20],
  ];
  for (const [work, size, goal, act, count] of works) {
    const measured = contenders.map((one) => ({
      name: one.name,
      act: () => act(one),
      check: (found) => mustBe(`${one.name}: ${work}`, found, count(one.name)),
    }));
    const times = await alternate(measured, settings);
    results.compare({ group: GROUP, work, size, times, main: ["world-local"] });
    const [, ours] = [...times][0];
    const value = ours.toSorted((a, b) => a - b)[ours.length >> 1];
    results.figure({ group: GROUP, what: work, size, value, unit: "ms", goal });
  }
  for (const { handle } of contenders) await handle.close();
}
