/**
 * Claims what it can get, then tells the ids. Arguments: project, agent, `next` or `each`, seed, how many features there are.
 * `each` goes through all features in an order of its own and claims those that look free.
 */
import { FlowStore, isFlowError } from "flowstore";
import { shuffled } from "./store-random.ts";
import { heard, stopListening, tell } from "./store-worker.ts";

const [project = "", agent = "", way = "", seed = "0", count = "0"] = process.argv.slice(2);
const store = await FlowStore.open(project, { actor: agent, guardTimeoutMs: 120_000 });
const order = shuffled(
  Array.from({ length: Number(count) }, (_, index) => index + 1),
  Number(seed),
);
const claimed: number[] = [];
let conflicts = 0;

async function claimNext(): Promise<boolean> {
  const feature = await store.features.claimNext();
  if (feature !== null) claimed.push(feature.id);
  return feature !== null;
}

async function claimEach(id: number): Promise<void> {
  const before = await store.features.getById(id);
  if (before?.inProgress === true) return;
  try {
    claimed.push((await store.features.claimAndGet(id)).id);
  } catch (error) {
    if (!isFlowError(error, "CONFLICT")) throw error;
    const holder = error.context["holder"] as { agent: string };
    if (holder.agent === agent) throw error;
    conflicts += 1;
  }
}

tell("ready");
await heard();
if (way === "each") for (const id of order) await claimEach(id);
else while (await claimNext());
await store.close();
tell(JSON.stringify({ claimed, conflicts }));
stopListening();
