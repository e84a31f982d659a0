/**
 * Counts up: reads a number, writes the next one. Arguments: project, times. Each time once by
 * `expectedRevision` with a new try after a conflict, and once inside a transaction.
 */
import { FlowStore, isFlowError, type Feature } from "flowstore";
import { heard, stopListening, tell } from "./store-worker.ts";

const [project = "", times = "0"] = process.argv.slice(2);
const BY_REVISION = 1;
const BY_TRANSACTION = 2;
const store = await FlowStore.open(project, { guardTimeoutMs: 60_000 });
let retries = 0;

async function read(id: number): Promise<Feature> {
  const feature = await store.features.getById(id);
  if (feature === null) throw new Error(`Feature ${id} is gone`);
  return feature;
}

async function countByRevision(): Promise<void> {
  for (;;) {
    const { count, revision } = await read(BY_REVISION);
    try {
      await store.features.update(
        BY_REVISION,
        { count: Number(count) + 1 },
        { expectedRevision: revision },
      );
      return;
    } catch (error) {
      if (!isFlowError(error, "CONFLICT")) throw error;
      retries += 1;
    }
  }
}

async function countInTransaction(): Promise<void> {
  await store.transaction(async () => {
    const { count } = await read(BY_TRANSACTION);
    await store.features.update(BY_TRANSACTION, { count: Number(count) + 1 });
  });
}

tell("ready");
await heard();
for (let time = 0; time < Number(times); time += 1) {
  await countByRevision();
  await countInTransaction();
}
await store.close();
tell(JSON.stringify({ retries }));
stopListening();
