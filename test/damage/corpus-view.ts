/** What a store shows of the corpus's tree, one short text a thing. */
import { EXECUTION_STATUSES, isFlowError, type FlowStore } from "flowstore";

/** Everything that can be listed; a room that cannot be read is shown as its error. */
export async function shownBy(store: FlowStore): Promise<string[]> {
  const rooms: Record<string, () => Promise<string[]>> = {
    features: async () =>
      (await store.features.getAll()).map(
        ({ id, name, status }) => `feature ${id} ${name} ${status}`,
      ),
    events: async () =>
      (await store.events.query()).map(({ type, stream, payload }) => {
        const { featureId } = (payload ?? {}) as { featureId?: number };
        return `event ${type} ${featureId === undefined ? stream : `feature ${featureId}`}`;
      }),
    pipeline: async () =>
      (await store.pipeline.list()).map(({ epicId, phase }) => `pipeline ${epicId} ${phase}`),
    approvals: async () =>
      (await store.approvals.list()).map(({ taskId, status }) => `approval ${taskId} ${status}`),
    memory: async () => (await store.memory.list()).map(({ text }) => `memory ${text}`),
    settings: async () => (await store.settings.list()).map(({ key }) => `setting ${key}`),
    outputs: async () => (await store.outputs.list()).map(({ taskId }) => `output ${taskId}`),
    locks: async () =>
      (await store.locks.list()).map(({ path, taskId }) => `lock ${path} ${taskId}`),
    history: async () =>
      (await store.locks.history()).map(({ event, path }) => `lock event ${event} ${path}`),
    checkpoints: async () =>
      (await store.checkpoints.list()).map(({ name }) => `checkpoint ${name}`),
    projections: async () => {
      const tables = (await store.projections.tables()).filter(({ rows }) => rows > 0);
      const rows = tables.map(async ({ name }) =>
        (await store.projections.list(name)).map(({ id }) => `row ${name} ${String(id)}`),
      );
      return (await Promise.all(rows)).flat();
    },
    blobs: async () => {
      const keys = (await store.blobs.list()).map(({ key }) => `blob ${key}`);
      const shown = keys.map((key) => lookInto(key, async () => read(store, key)));
      return (await Promise.all(shown)).flat();
    },
    workflows: async () =>
      (await store.workflows.loadExecutionsByStatus(EXECUTION_STATUSES)).map(
        ({ workflowExecutionId, status }) => `workflow ${workflowExecutionId} ${status}`,
      ),
    "steps of order-1": async () =>
      (await store.workflows.loadCheckpoints("order-1")).map(
        ({ stepIndex, status }) => `step ${stepIndex} of order-1 ${status}`,
      ),
  };
  for (const task of ["fn-1.1", "fn-1.2"]) {
    rooms[`phases ${task}`] = async () =>
      (await store.phases.getCompleted(task)).map((phase) => `phase ${task} ${phase}`);
  }
  for (const epic of ["fn-1", "fn-2"]) {
    rooms[`gaps ${epic}`] = async () =>
      (await store.gaps.list(epic)).map(
        ({ id, capability, status }) => `gap ${epic} ${id} ${capability} ${status}`,
      );
  }
  const all: string[] = [];
  for (const [room, look] of Object.entries(rooms)) all.push(...(await lookInto(room, look)));
  return all.toSorted();
}

async function read(store: FlowStore, line: string): Promise<string[]> {
  await store.blobs.get(line.replace("blob ", ""));
  return [line];
}

async function lookInto(room: string, look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    // Damage that concerns all of a room is said by an error; anything else is a crash.
    if (!isFlowError(error, "CORRUPT") && !isFlowError(error, "IO")) throw error;
    return [`${room} ${error.code}`];
  }
}

/** What is in one list and not in the other, as often as it is. */
export function without(list: readonly string[], other: readonly string[]): string[] {
  const left = [...list];
  for (const one of other) {
    const index = left.indexOf(one);
    if (index >= 0) left.splice(index, 1);
  }
  return left;
}
