/**
 * A process that is killed, or races: `steps SYSTEM FOLDER RUN` does one step after another and
 * tells each; `create SYSTEM FOLDER RUN COUNT` waits for a line, then makes so many things of names
 * that another process makes too, and tells how many it made.
 */
import { writeSync } from "node:fs";
import { once } from "node:events";
import { OPEN } from "./workflow-systems.mjs";

const [mode, name, folder, run, count] = process.argv.slice(2);
const handle = await OPEN[name](folder);
if (mode === "steps") {
  for (let n = Number(count); ; n += 1) {
    await handle.step(run, n);
    writeSync(1, `${n}\n`);
  }
}
writeSync(1, "ready\n");
await once(process.stdin, "data");
let made = 0;
for (let n = 0; n < Number(count); n += 1) if (await handle.createOnce(`key-${n}`, run)) made += 1;
writeSync(1, `${made}\n`);
await handle.close();
process.stdin.destroy();
