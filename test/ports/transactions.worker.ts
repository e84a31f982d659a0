/**
 * Runs transactions of one writer, from a number on, until it is killed or told to end:
 * `transactions.worker.js PROJECT OWN FROM DURABILITY`. Tells `try N` before each and `did N` after
 * its answer. With `collect` in place of OWN it takes away contents that no key has, again and again.
 */
import { createDbContext, FlowStore, isFlowError, type Durability } from "flowstore";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { isKept, programOf } from "./programs.ts";

const [project = "", own = "", from = "0", durability = "full"] = process.argv.slice(2);
const store = await FlowStore.open(project, {
  durability: durability as Durability,
  guardTimeoutMs: 60_000,
});
const db = createDbContext(store);
let isOver = false;
void heard().then(() => (isOver = true));

async function collect(): Promise<void> {
  try {
    await store.blobs.collect({ olderThanMs: 0 });
  } catch (error) {
    // It was stopped, and others went on: nothing was taken.
    if (!isFlowError(error) || !error.retryable) throw error;
  }
}

async function kept(number: number): Promise<void> {
  for (;;) {
    try {
      await isKept(store, db, programOf(number, own));
      return;
    } catch (error) {
      // It was stopped meanwhile, and others went on, or its time was over: nothing of it was kept.
      if (!isFlowError(error) || !error.retryable) throw error;
    }
  }
}

for (let number = Number(from); !isOver; number += 1) {
  tell(`try ${number}`);
  if (own === "collect") await collect();
  else await kept(number);
  tell(`did ${number}`);
}
await store.close();
stopListening();
