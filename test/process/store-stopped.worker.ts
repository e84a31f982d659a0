/**
 * Counts feature 1 up in a transaction and waits in the midst of it. Argument: the project. Tells
 * `inside` when it has read and written, ends the transaction when told, then tells how it went.
 */
import { FlowStore, isFlowError } from "flowstore";
import { heard, stopListening, tell } from "./store-worker.ts";

const [project = ""] = process.argv.slice(2);
const store = await FlowStore.open(project, { actor: "sleeper" });
tell("ready");
await heard();
try {
  const feature = await store.transaction(async () => {
    const before = await store.features.getById(1);
    const after = await store.features.update(1, { count: Number(before?.["count"]) + 1 });
    tell("inside");
    await heard();
    return after;
  });
  tell(JSON.stringify({ count: feature["count"] }));
} catch (error) {
  if (!isFlowError(error)) throw error;
  tell(JSON.stringify({ code: error.code, retryable: error.retryable }));
}
await store.close();
stopListening();
