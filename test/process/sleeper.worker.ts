/** Two commits of another process, in one burst: `sleeper.worker.js ROOT COUNT`. */

import { setTimeout as sleep } from "node:timers/promises";

import { increment, openStorage } from "../storage/support.ts";

/** Its own time passes faster, so that a guard without an owner's file counts as silent sooner. */
const HURRY = 20;

const [root, count] = process.argv.slice(2);
if (root !== undefined && count !== undefined) {
  const storage = openStorage(root, {
    gitHead: () => "head",
    guardTimeoutMs: 10_000 * HURRY,
    monotonicMs: () => performance.now() * HURRY,
    sleep: async (ms) => {
      await sleep(ms / HURRY);
    },
  });
  for (let times = 0; times < Number(count); times += 1) {
    await increment(storage, "counter.json", "awake");
  }
  await storage.close();
}
