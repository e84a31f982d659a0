/**
 * Commits of another process, in one burst: `sleeper.worker.js ROOT COUNT LONG`. LONG: they are so
 * long that the journal goes on in a new file.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { increment, openStorage, putValue } from "../storage/support.ts";

/** Its own time passes faster, so that a guard without an owner's file counts as silent sooner. */
const HURRY = 20;

/** With such a document in it a closed store's journal is made short. */
const LONG = 70_000;

const [root, count, long] = process.argv.slice(2);
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
    if (long === "long") {
      await storage.commit((write) => putValue(write, "filler.json", "x".repeat(LONG + times)));
    }
  }
  await storage.close();
}
