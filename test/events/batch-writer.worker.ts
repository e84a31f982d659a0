/**
 * Appends batches without an end, each under a command id, until it is killed; tells each before and
 * after: `batch-writer ROOT NAME FIRST SEED`.
 */
import { FlowStore } from "flowstore";
import { randomOf } from "../process/store-random.ts";
import { tell } from "../process/store-worker.ts";

const MAX_BATCH = 40;
/** One in so many payloads is longer than a page of the disk, where a write may be torn. */
const LONG_EVERY = 8;
const LONG = 6000;

const [root = "", name = "", first = "", seed = ""] = process.argv.slice(2);
const random = randomOf(Number(seed));
const store = await FlowStore.open(root, { actor: name });
for (let batch = Number(first); ; batch += 1) {
  const of = Math.ceil(random() * MAX_BATCH);
  const events = Array.from({ length: of }, (_, at) => ({
    stream: `batch:${at % 3}`,
    type: "part",
    payload: {
      name,
      batch,
      at: at + 1,
      of,
      text: "x".repeat(random() * LONG_EVERY < 1 ? LONG : 9),
    },
  }));
  tell(`try ${batch} ${of}`);
  const { events: kept } = await store.events.appendAll(events, { commandId: `${name}-${batch}` });
  tell(`kept ${batch} ${kept[0]?.sequence} ${kept.at(-1)?.sequence}`);
}
