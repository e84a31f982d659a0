/**
 * Makes one call and ends itself by SIGKILL before its k-th operation that changes or syncs
 * something: `kill.worker.js ROOT SCENARIO K`. Prints `ack` when the call has answered.
 */

import { writeSync } from "node:fs";

import { faultyDisk } from "#src/disk/faulty-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { openStorage } from "../storage/support.ts";
import { scenario } from "./scenarios.ts";

const [root = "", name = "", k = ""] = process.argv.slice(2);
const at = Number(k);
let count = 0;
let last = "";
const disk = faultyDisk(nodeDisk(root), {
  before: (operation, path) => {
    // Who waits for the guard tries the same again and again.
    const current = `${operation} ${path}`;
    if (current !== last) count += 1;
    last = current;
    if (count === at) process.kill(process.pid, "SIGKILL");
  },
});
if (name === "recovery") {
  const storage = openStorage(disk, { gitHead: () => "head" });
  await storage.recover();
  writeSync(1, "ack");
  await storage.close();
} else {
  const { act, options } = scenario(name);
  const storage = openStorage(disk, { gitHead: () => "head", ...options });
  await act(storage);
  writeSync(1, "ack");
  await storage.close();
}
