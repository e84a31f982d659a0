/**
 * Makes one call: arguments are the root, the name of the call, the durability. Tells `begin`
 * before it and `ack` after it was answered; killed on the way by whoever runs it.
 */
import { FlowStore, type Durability } from "flowstore";

import { tell } from "../process/store-worker.ts";
import { callNamed } from "./c01-calls.ts";

const [root = "", name = "", durability = "full"] = process.argv.slice(2);
const store = await FlowStore.open(root, {
  durability: durability as Durability,
  actor: "killed",
  guardTimeoutMs: 60_000,
});
tell("begin");
await callNamed(name).act(store, tell);
tell("ack");
await store.close();
process.stdin.destroy();
