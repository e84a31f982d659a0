/**
 * Writes without end while `local/` is taken away under it. Arguments: project, name, `create` or
 * `update`. Tells `did KEY` for what was acknowledged, `unknown KEY` for what may have happened,
 * `not KEY` for what was refused before it happened, `wrong …` for any other answer.
 */
import { FlowStore, isFlowError } from "flowstore";
import { heard, stopListening, tell } from "../process/store-worker.ts";

const [project = "", name = "", way = ""] = process.argv.slice(2);
const open = (): Promise<FlowStore> => FlowStore.open(project, { actor: name, durability: "none" });
let store = await open();
let isOver = false;
void heard().then(() => (isOver = true));
tell("ready");

for (let number = 1; !isOver; number += 1) {
  const key = `${name}.${number}`;
  tell(`try ${key}`);
  try {
    if (way === "create") {
      await store.features.create({ name: key });
    } else {
      await store.transaction(async () => {
        const before = await store.features.getById(1);
        await store.features.update(1, { count: Number(before?.["count"]) + 1 });
      });
    }
    tell(`did ${key}`);
  } catch (error) {
    if (!isFlowError(error, "IO") && !(isFlowError(error) && error.retryable)) tell(`wrong ${key} ${String(error)}`);
    else if (error.context["outcome"] === "unknown") {
      tell(`unknown ${key}`);
      // As its hint says: the instance writes no more.
      await store.close();
      store = await open();
    } else tell(`not ${key} ${error.message}`);
  }
}
await store.close();
stopListening();
