/**
 * Appends to random streams with the version that it believes they have, and tells each try and each
 * outcome: `racer ROOT NAME FIRST LAST STREAMS`.
 */
import { FlowStore, isFlowError } from "flowstore";
import { pick, randomOf } from "../process/store-random.ts";
import { tell } from "../process/store-worker.ts";

const [root = "", name = "", first = "", last = "", streams = ""] = process.argv.slice(2);
const store = await FlowStore.open(root, { actor: name, durability: "none" });
const versions = new Map<string, number>();
const others = Array.from({ length: Number(streams) }, (_, at) => `race:${at}`);
for (let n = Number(first); n <= Number(last); n += 1) {
  // The same choice when it is tried again after a kill.
  const random = randomOf(Number(name.slice(1)) * 100_003 + n);
  const stream = pick(random, others);
  const more = random() < 0.3 ? 1 : 0;
  const commandId = `${name}-${n}`;
  tell(`try ${n}`);
  for (;;) {
    const expectedVersion = versions.get(stream) ?? 0;
    const payloads = Array.from({ length: 1 + more }, (_, at) => ({ worker: name, n, at }));
    const events = payloads.map((payload) => ({ type: "raced", payload }));
    try {
      const { events: kept, duplicate } = await store.events.append(stream, events, {
        expectedVersion,
        commandId,
      });
      versions.set(stream, kept.at(-1)?.version ?? 0);
      const at = kept.map(({ sequence, version }) => `${sequence}/${version}`).join(",");
      tell(`kept ${n} ${stream} ${duplicate ? "-" : expectedVersion} ${at}`);
      break;
    } catch (error) {
      if (!isFlowError(error, "VERSION_CONFLICT")) throw error;
      versions.set(stream, Number(error.context["actual"]));
      tell(`late ${n}`);
    }
  }
}
await store.close();
process.exit(0);
