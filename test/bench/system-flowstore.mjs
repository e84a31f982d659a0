/** FlowStore, as a user has it. */
import { FlowStore } from "./flowstore.mjs";
import { inChunks } from "./measure.mjs";

/** A call takes no more than 64 Mi characters; and each looks at all that is there before. */
const BULK = 20_000;
/** Other processes may hold the store for long here. */
const GUARD_TIMEOUT_MS = 300_000;

async function fill(folder, features) {
  const store = await FlowStore.init(folder, { durability: "none", actor: "bench" });
  for (let at = 0; at < features.length; at += BULK)
    await store.features.createBulk(inputsOf(features.slice(at, at + BULK)));
  await inChunks(
    features.filter(({ passes }) => passes),
    ({ id }) => store.features.markPassing(id),
  );
  await inChunks(
    features.filter(({ inProgress }) => inProgress),
    ({ id }) => store.features.claimAndGet(id),
  );
  await store.close();
}

/** Features as `createBulk` takes them: what is not there yet is named by its place. */
export function inputsOf(features) {
  const first = features[0]?.id ?? 1;
  return features.map(({ category, name, description, steps, dependencies }) => ({
    category,
    name,
    description,
    steps,
    dependencies: dependencies.map((id) => (id < first ? id : { index: id - first })),
  }));
}

function remark(n) {
  return { type: "comment", payload: { newValue: `Remark number ${n}` } };
}

function handleOf(store) {
  const { features, events } = store;
  return {
    store,
    getById: (id) => features.getById(id),
    getAll: () => features.getAll(),
    getReady: () => features.getReady(),
    getStats: () => features.getStats(),
    getGraph: () => features.getGraph(),
    async claim(id, agent) {
      try {
        await features.claimAndGet(id, { agent });
        return true;
      } catch (error) {
        if (error.code !== "CONFLICT") throw error;
        return false;
      }
    },
    giveBack: (ids) => inChunks(ids, (id) => features.clearInProgress(id)),
    createBulk: (list) => features.createBulk(inputsOf(list)),
    logEvent: (n) => events.append("feature:1", [remark(n)]),
    logEvents: (count) =>
      events.append(
        "feature:1",
        Array.from({ length: count }, (_, n) => remark(n)),
      ),
    async replay() {
      let count = 0;
      for await (const event of events.replayAll()) if (event.id !== "") count += 1;
      return count;
    },
    async counts() {
      const { inProgress } = await features.getStats();
      return { inProgress, claims: (await events.query({ type: "claimed" })).length };
    },
    close: () => store.close(),
  };
}

export function makeSystem({ durability }) {
  return {
    fill,
    async open(folder) {
      const options = { durability, actor: "bench", guardTimeoutMs: GUARD_TIMEOUT_MS };
      return handleOf(await FlowStore.open(folder, options));
    },
  };
}
