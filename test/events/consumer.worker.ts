/** Tells the number of each event that its group is given, up to the last: `consumer ROOT GROUP LAST`. */
import { FlowStore } from "flowstore";
import { tell } from "../process/store-worker.ts";

const [root = "", group = "", last = ""] = process.argv.slice(2);
const store = await FlowStore.open(root, { durability: "none" });
for await (const { event } of store.events.subscribe({ group })) {
  if (event === undefined) continue;
  tell(String(event.sequence));
  if (event.sequence === Number(last)) break;
}
await store.close();
process.exit(0);
