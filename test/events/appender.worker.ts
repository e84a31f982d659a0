/** Appends events one after another, each told when it is kept: `appender ROOT NAME COUNT`. */
import { FlowStore } from "flowstore";
import { tell } from "../process/store-worker.ts";

const [root = "", name = "", count = ""] = process.argv.slice(2);
const store = await FlowStore.open(root, { durability: "none", actor: name });
for (let at = 1; at <= Number(count); at += 1) {
  const { events } = await store.events.append(`${name}:${at % 7}`, [{ type: "at", payload: at }]);
  tell(String(events[0]?.sequence));
}
await store.close();
process.exit(0);
