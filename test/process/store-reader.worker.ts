/**
 * Reads without end, by files and by calls, and names what must never be seen; stops when told.
 * Argument: the project. Two features with a number `share` are changed only together, so that
 * their sum stays; without them only files are looked at.
 */
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";
import { tornFiles } from "./store-files.ts";
import { heard, stopListening, tell } from "./store-worker.ts";

/** After a look it rests so many times as long, so that the writers come to something too. */
const REST = 4;
const MIN_REST_MS = 5;

const [project = "", sum = ""] = process.argv.slice(2);
const store = await FlowStore.open(project, { readOnly: true });
const faults = new Set<string>();
let looks = 0;
let states = 0;
let stop = false;
const told = heard().then(() => (stop = true));
const seen = new Set<string>();

async function lookAtCalls(): Promise<void> {
  const shares = (await store.features.getAll()).flatMap(({ id, ...rest }) =>
    typeof rest["share"] === "number" ? [{ id, share: rest["share"] }] : [],
  );
  const total = shares.reduce((all, { share }) => all + share, 0);
  if (sum !== "" && total !== Number(sum)) faults.add(`a mixed state: ${JSON.stringify(shares)}`);
  seen.add(shares.map(({ share }) => share).join(" "));
}

async function paced(look: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await look();
  await after(Math.max(MIN_REST_MS, REST * (performance.now() - started)));
}

tell("ready");
for (; !stop; looks += 1) {
  await paced(async () => {
    for (const torn of tornFiles(join(project, ".flow"))) faults.add(torn);
  });
  for (let again = 0; again < 5 && !stop; again += 1) {
    await paced(lookAtCalls);
    states += 1;
  }
}
await told;
await store.close();
stopListening();
tell(JSON.stringify({ looks, states, distinct: seen.size, faults: [...faults] }));
