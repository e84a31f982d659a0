/**
 * Moves amounts between two features, without end, and sets a setting to what the first one has
 * then: three files and an event in one commit. Arguments: project, seed.
 */
import { FlowStore, isFlowError, type Durability } from "flowstore";

import { pick, randomOf } from "../process/store-random.ts";
import { tell } from "../process/store-worker.ts";
import { SETTING, SUM } from "./c10-readers.ts";

const [project = "", seed = "0"] = process.argv.slice(2);
const random = randomOf(Number(seed));
const durability = pick<Durability>(random, ["full", "relaxed", "none"]);
const store = await FlowStore.open(project, { durability, guardTimeoutMs: 60_000 });
const MAX_AMOUNT = 50;
/** More than what one page or one sector takes at once. */
const MAX_TEXT = 9000;

async function move(): Promise<void> {
  const left = await store.features.getById(1);
  const share = Number(left?.["share"]) + Math.floor(random() * MAX_AMOUNT * 2) - MAX_AMOUNT;
  const text = pick(random, ["a", "b", "c"]).repeat(random() * MAX_TEXT);
  await store.features.update(1, { share, text });
  await store.changes.logEvent(1, "moved", { newValue: String(share) });
  await store.features.update(2, { share: SUM - share, text });
  await store.settings.set(SETTING, share);
}

tell("ready");
const TELL_EVERY_MS = 200;
let commits = 0;
let toldAt = performance.now();
for (;;) {
  try {
    await store.transaction(move);
    commits += 1;
    if (performance.now() - toldAt > TELL_EVERY_MS) {
      toldAt = performance.now();
      tell(`commits ${commits}`);
    }
  } catch (error) {
    // It was stopped, or its time was over: nothing of it was kept.
    if (!isFlowError(error) || !error.retryable) throw error;
  }
}
