/** A process that opens one store, works, and says how much memory it has at each point, in MiB. */
import { systemOf } from "./systems.mjs";

const [, , name, folder, work] = process.argv;
const MIB = 2 ** 20;

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
  for (let n = 0; n < 20; n += 1) {
    await handle.getAll();
    await handle.getReady?.();
  }
  const claims = Array.from({ length: 100 }, (_, n) => n + 1);
  for (const id of claims) await handle.claim(id, "agent");
}
const worked = memory();
// In KiB, of the whole life of the process.
const most = process.resourceUsage().maxRSS / 1024;
process.send({ before, loaded, worked, most, done });
await handle.close();
process.disconnect();
