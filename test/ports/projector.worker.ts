/** A projection that follows the log in a thread of its own: how many items each cart has. */
import { parentPort, workerData } from "node:worker_threads";
import { FlowStore } from "flowstore";

const store = await FlowStore.open(workerData as string, {
  durability: "none",
  actor: "projector",
});
const stop = new AbortController();
parentPort?.once("message", () => stop.abort());
const group = { group: "carts", type: "added", signal: stop.signal };
for await (const { event } of store.events.subscribe(group)) {
  if (event === undefined) continue;
  const id = event.stream;
  const row = await store.projections.get("carts", id);
  // What was counted already, before a kill, is not counted again.
  if (Number(row?.["version"] ?? 0) >= event.version) continue;
  const items = Number(row?.["items"] ?? 0) + 1;
  await store.projections.upsert({
    table: "carts",
    rows: [{ id, items, version: event.version }],
  });
}
await store.close();
