/**
 * Goes from one checkpoint to another and back, without end. Arguments: project, durability, the
 * names of the checkpoints.
 *
 * Tells `try NAME` before each and `did NAME` after it was acknowledged.
 */
import { FlowStore, type Durability } from "flowstore";
import { tell } from "./store-worker.ts";

const [project = "", durability = "full", ...names] = process.argv.slice(2);

const store = await FlowStore.open(project, {
  durability: durability as Durability,
  guardTimeoutMs: 60_000,
});
for (let number = 0; ; number += 1) {
  const name = names[number % names.length] ?? "";
  tell(`try ${name}`);
  const { saved } = await store.checkpoints.restore(name);
  tell(`did ${name}`);
  if (saved !== null) await store.checkpoints.delete(saved);
}
