/** One process of the crowd: claims what it can get, and says what it got and how long that took. */
import { once } from "node:events";
import { systemOf } from "./systems.mjs";

const [, , name, folder, countText, agent] = process.argv;
const count = Number(countText);
const system = await systemOf(name);
const handle = await system.open(folder);
await handle.getAll?.();
console.log(JSON.stringify("ready"));
process.stdin.resume();
await once(process.stdin, "end");

const ids = [];
const waits = [];
for (let id = 1; id <= count; id += 1) {
  const start = performance.now();
  if (!(await handle.claim(id, agent))) continue;
  ids.push(id);
  waits.push(performance.now() - start);
}
console.log(JSON.stringify({ ids, waits, busy: handle.busy?.() ?? 0 }));
await handle.close();
