/** One process of a crowd that claims what it can get, and says on what the time of each went. */
import { startClock, stopClock } from "./disk-clock.mjs";
import { once } from "node:events";
import { partsOf, watchCollector } from "./profile-parts.mjs";
import { systemOf } from "./systems.mjs";

const [, , name, folder, countText, agent] = process.argv;
const system = await systemOf(name);
const handle = await system.open(folder);
await handle.getAll?.();
watchCollector();
console.log(JSON.stringify("ready"));
process.stdin.resume();
await once(process.stdin, "end");

const measured = [];
const isWon = [];
for (let id = 1; id <= Number(countText); id += 1) {
  startClock();
  isWon.push(await handle.claim(id, agent));
  measured.push(stopClock());
}
const claims = (await partsOf(measured)).map((one, at) => ({ ...one, isWon: isWon[at] }));
console.log(JSON.stringify(claims));
await handle.close();
