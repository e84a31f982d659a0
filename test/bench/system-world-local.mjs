/**
 * `@workflow/world-local`: JSON files of workflow runs and their events, for one process, never
 * synced. A run stands for a feature here, its start for a claim: a file replaced, an event added.
 * It refuses no second start, so it is no claim.
 */
import { createLocalWorld } from "@workflow/world-local";

const VERSION = { specVersion: 2 };
const HOOK = "hook_bench";

async function open(folder) {
  const world = createLocalWorld({ dataDir: folder, recoverActiveRuns: false });
  const { data } = await world.runs.list({ pagination: { limit: 1e6, sortOrder: "asc" } });
  const runs = data.map(({ runId }) => runId);
  const hooks = runs.length === 0 ? [] : (await world.hooks.list({ runId: runs[0] })).data;
  let hasHook = hooks.length > 0;
  const create = async ({ id, name, ...rest }) => {
    const eventData = { deploymentId: "bench", workflowName: name, input: [{ id, ...rest }] };
    const made = await world.events.create(null, {
      eventType: "run_created",
      eventData,
      ...VERSION,
    });
    runs.push(made.run.runId);
  };
  const createBulk = async (features) => {
    for (const feature of features) await create(feature);
  };
  const featureOf = ({ workflowName, input: [rest] }) => ({ name: workflowName, ...rest });
  return {
    createBulk,
    getById: async (id) => featureOf(await world.runs.get(runs[id - 1])),
    async getAll() {
      const pagination = { limit: runs.length, sortOrder: "asc" };
      return (await world.runs.list({ pagination })).data.map(featureOf);
    },
    async claim(id) {
      const request = { eventType: "run_started", ...VERSION };
      return (await world.events.create(runs[id - 1], request)).event !== undefined;
    },
    async logEvent(n) {
      const [runId] = runs;
      const about = { correlationId: HOOK, ...VERSION };
      if (!hasHook) {
        const eventData = { token: HOOK };
        await world.events.create(runId, { eventType: "hook_created", eventData, ...about });
        hasHook = true;
      }
      const eventData = { payload: [`Remark number ${n}`] };
      await world.events.create(runId, { eventType: "hook_received", eventData, ...about });
    },
    async replay() {
      const pagination = { limit: 1e6 };
      return (await world.events.list({ runId: runs[0], pagination })).data.length;
    },
    async counts() {
      const { data: all } = await world.runs.list({ pagination: { limit: 1e6 } });
      return { inProgress: all.filter(({ status }) => status === "running").length };
    },
    close: () => world.close?.(),
  };
}

export function makeSystem() {
  return {
    open,
    async fill(folder, features) {
      const handle = await open(folder);
      await handle.createBulk(features);
      await handle.close();
    },
  };
}
