/**
 * Restores the checkpoint `saved` and ends itself by SIGKILL before its k-th operation that changes
 * or syncs something: `checkpoint-kill.worker.js ROOT K`. Prints `ack` when the call has answered.
 */
import { writeSync } from "node:fs";
import { faultyDisk } from "#src/disk/faulty-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { Checkpoints } from "#src/stores/checkpoints.js";
import { NOBODY } from "#src/stores/told.js";
import { openStorage } from "../storage/support.ts";

const [root = "", k = ""] = process.argv.slice(2);
const at = Number(k);
/** So that two runs leave the same tombstones. */
const NOW_MS = Date.UTC(2100, 0, 1);
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
const storage = openStorage(disk, { gitHead: () => "head", nowMs: () => NOW_MS });
const checkpoints = new Checkpoints({
  storage,
  actor: "test",
  source: "test",
  nowMs: () => NOW_MS,
  newUid: () => "",
  findings: NOBODY,
});
await checkpoints.restore("saved");
writeSync(1, `ack ${count}`);
await storage.close();
