/** Claims under strace, between two looks at a name by which they are found in the trace. */
import { existsSync } from "node:fs";
import { systemOf } from "./systems.mjs";

const [, , name, folder] = process.argv;
const WARM_UPS = 5;
const CLAIMS = 40;

const system = await systemOf(name);
const handle = await system.open(folder);
let id = 0;
const claim = async (count) => {
  for (let n = 0; n < count; n += 1) {
    id += 1;
    if (!(await handle.claim(id, "agent"))) throw new Error(`${name}: ${id} was not claimed`);
  }
};
await claim(WARM_UPS);
existsSync("/flowstore-bench-mark");
await claim(CLAIMS);
existsSync("/flowstore-bench-mark");
await handle.close();
console.log(CLAIMS);
