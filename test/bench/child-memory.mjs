/** A process that opens one store, works, and says how much memory it has at each point, in MiB. */
import { systemOf } from "./systems.mjs";

const [, , name, folder, work, often = '{"reads":0,"claims":0}'] = process.argv;
const { reads, claims } = JSON.parse(often);
const MIB = 2 ** 20;
const claimed = Array.from({ length: claims }, (_, n) => n + 1);

function memory() {
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: rss / MIB, heap: heapUsed / MIB };
}

const before = memory();
const system = await systemOf(name);
const handle = await system.open(folder);
let loaded = null;
let done;
if (work === "replay") {
  done = await handle.replay();
} else {
  let all = await handle.getAll();
  done = all.length;
  all = null;
  loaded = memory();
  for (let n = 0; n < reads; n += 1) {
    await handle.getAll();
    await handle.getReady?.();
  }
  for (const id of claimed) await handle.claim(id, "agent");
}
const worked = memory();
// In KiB, of the whole life of the process.
const most = process.resourceUsage().maxRSS / 1024;
// Others use the same features.
await handle.giveBack?.(claimed);
process.send({ before, loaded, worked, most, done });
await handle.close();
process.disconnect();
