/**
 * Runs of workflows in FlowStore and in `@workflow/world-local`, behind one face: JSON files of
 * runs, steps and events, for one process, never synced.
 *
 * | call | does |
 * | --- | --- |
 * | `create(key)` | makes a run, whose id it returns |
 * | `createOnce(key)` | makes a step of that name in a run that is there; whether it was this call |
 * | `start(run)` | says that it runs |
 * | `step(run, n)` | a step from its beginning to its result |
 * | `count(run)` | one more attempt at a step, told by what is stored |
 * | `attempts(run)` | how many are stored |
 * | `end(run, status)` | `completed` or `cancelled`; whether it was let |
 * | `page(run, limit)` `pages(run, limit)` | the first of what happened; all of it, page by page |
 * | `running(limit)` | runs that run |
 * | `broken(run)` | what of a killed writer's run contradicts itself, and how many steps are done |
 */
import { createLocalWorld } from "@workflow/world-local";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { FlowStore } from "./flowstore.mjs";
import { temporaryFolder } from "./measure.mjs";

const VERSION = { specVersion: 2 };
const AT = "2030-01-01T00:00:00.000Z";
const DEFINITION = { workflowId: "bench", workflowType: "bench", createdAt: AT };

/** @param durability `full`, `relaxed` or `none` */
export async function openFlowStore(folder, durability) {
  const store = await FlowStore.init(folder, { durability, actor: "bench" });
  const { workflows } = store;
  const row = (run, stepIndex, more) => ({
    workflowExecutionId: run,
    stepIndex,
    stepName: `step-${stepIndex}`,
    ...more,
  });
  const conflict = (error) => {
    if (error.code !== "CONFLICT") throw error;
    return false;
  };
  return {
    store,
    async create(key) {
      const execution = { workflowExecutionId: key, workflowId: "bench" };
      const times = { createdAt: AT, updatedAt: AT };
      await workflows.createIfAbsent({ ...execution, ...times }, { workflow: DEFINITION });
      return key;
    },
    async createOnce(key) {
      const execution = { workflowExecutionId: key, workflowId: "bench" };
      const times = { createdAt: AT, updatedAt: AT };
      return (await workflows.createIfAbsent({ ...execution, ...times }, { workflow: DEFINITION }))
        .created;
    },
    start: (run) => workflows.transition(run, { from: "PENDING", to: "RUNNING" }),
    async step(run, n) {
      await workflows.saveCheckpoint(row(run, n, { status: "INTENT", inputData: "[1]" }));
      const done = row(run, n, { status: "COMPLETED", outputData: '"done"' });
      await workflows.advance(run, { checkpoints: [done], patch: { currentStep: n } });
    },
    count: (run, n) =>
      workflows.saveCheckpoint(row(run, 0, { status: "FAILED", attempt: n, startedAt: AT })),
    attempts: async (run) => (await workflows.loadCheckpoints(run)).length,
    end: (run, status) =>
      workflows
        .transition(run, { from: "RUNNING", to: status.toUpperCase() })
        .then(() => true, conflict),
    page: async (run, limit) => (await workflows.pageRecords(run, { limit })).items.length,
    async pages(run, limit) {
      let count = 0;
      let after;
      for (;;) {
        const page = await workflows.pageRecords(run, { limit, after });
        count += page.items.length;
        if (!page.hasMore) return count;
        after = page.next;
      }
    },
    running: async (limit) =>
      (await workflows.pageExecutions({ statuses: ["RUNNING"], limit })).items.length,
    async broken(run) {
      const { execution, checkpoints } = await workflows.history(run);
      const done = checkpoints.filter(({ status }) => status === "COMPLETED");
      const last = done.at(-1)?.stepIndex ?? 0;
      const isTorn = execution.currentStep !== last;
      const problems = await store.check();
      return { broken: problems.length + Number(isTorn), done: done.map((one) => one.stepIndex) };
    },
    close: () => store.close(),
  };
}

export async function openWorldLocal(folder) {
  const world = createLocalWorld({ dataDir: folder, recoverActiveRuns: false });
  const create = (run, eventType, eventData, correlationId) =>
    world.events.create(run, { eventType, eventData, correlationId, ...VERSION });
  const refused = (error) => {
    if (!/Conflict|Expired|terminal|already/i.test(`${error.name} ${error.message}`)) throw error;
    return false;
  };
  return {
    async create() {
      const eventData = { deploymentId: "bench", workflowName: "bench", input: [1] };
      return (await create(null, "run_created", eventData)).run.runId;
    },
    createOnce: (key, run) =>
      create(run, "step_created", { stepName: key, input: [] }, `step_${key}`).then(
        () => true,
        refused,
      ),
    start: (run) => create(run, "run_started", {}),
    async step(run, n) {
      const id = `step_${n}`;
      await create(run, "step_created", { stepName: id, input: [1] }, id);
      await create(run, "step_started", {}, id);
      await create(run, "step_completed", { result: "done" }, id);
    },
    count: async (run) => {
      await create(run, "step_created", { stepName: "x", input: [] }, "step_x").catch(refused);
      await create(run, "step_started", {}, "step_x");
    },
    attempts: async (run) => (await world.steps.get(run, "step_x")).attempt,
    end: (run, status) =>
      create(run, `run_${status}`, status === "completed" ? { output: 1 } : {}).then(
        () => true,
        refused,
      ),
    page: async (runId, limit) =>
      (await world.events.list({ runId, pagination: { limit } })).data.length,
    async pages(runId, limit) {
      let count = 0;
      let cursor;
      for (;;) {
        const page = await world.events.list({ runId, pagination: { limit, cursor } });
        count += page.data.length;
        if (!page.hasMore) return count;
        cursor = page.cursor;
      }
    },
    running: async (limit) =>
      (await world.runs.list({ status: "running", pagination: { limit } })).data.length,
    broken: (run) => brokenSteps(world, folder, run),
    close: () => world.close?.(),
  };
}

/** A marker without a result, a result without its event, a step without its event. */
async function brokenSteps(world, folder, runId) {
  const { data: steps } = await world.steps.list({ runId, pagination: { limit: 1e6 } });
  const { data: events } = await world.events.list({ runId, pagination: { limit: 1e6 } });
  const told = new Set(events.map((one) => `${one.eventType} ${one.correlationId}`));
  const locks = namesIn(join(folder, ".locks/steps"));
  let broken = 0;
  const done = [];
  for (const { stepId, status } of steps) {
    const isOver = status === "completed";
    if (isOver) done.push(Number(stepId.slice("step_".length)));
    const hasMarker = locks.includes(`${runId}-${stepId}.terminal`);
    if (!told.has(`step_created ${stepId}`)) broken += 1;
    else if (isOver !== told.has(`step_completed ${stepId}`)) broken += 1;
    else if (hasMarker && !isOver) broken += 1;
  }
  return { broken, done };
}

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return [];
  }
}

export const OPEN = {
  FlowStore: (folder) => openFlowStore(folder, "full"),
  "FlowStore relaxed": (folder) => openFlowStore(folder, "relaxed"),
  "world-local": openWorldLocal,
};

/** A run that runs, in a folder of its own. */
export async function beginRun(name, folder = temporaryFolder()) {
  const handle = await OPEN[name](folder);
  const run = await handle.create("run-1");
  await handle.start(run);
  return { name, folder, handle, run };
}

/** Every file below a folder. */
export function pathsBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
