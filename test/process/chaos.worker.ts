/**
 * Changes a store without end, napping where it is dangerous: `chaos.worker.js ROOT NOTES OPTIONS`.
 *
 * Each change moves an amount between two documents, adds one to a counter and appends one event.
 * NOTES gets one line a change after its answer: `ok TAG`, `unknown TAG` or `no TAG`.
 */

import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { isFlowError } from "#src/errors.js";
import type { Disk, Stat } from "#src/disk/disk.js";
import { randomName } from "#src/disk/machine.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { wrapDisk, type Around } from "#src/disk/wrapped-disk.js";
import { GUARD } from "#src/storage/layout.js";
import type { Durability, Storage } from "#src/storage/storage.js";
import type { Writing } from "#src/storage/view.js";
import { openStorage, putValue, valueOf } from "../storage/support.ts";

export interface ChaosOptions {
  readonly seed: number;
  /** Whether everybody gets the guard at once, and nobody is seen to wait. */
  readonly guard: "broken" | "real";
  readonly durability: Durability;
  /** The chance of a nap at each dangerous operation. */
  readonly naps: number;
}

/** What the two documents hold together. */
export const SUM = 1000;

const LOCK = /^local\/guard\/\d+\.lock$/;
const OWNER = /^local\/guard\/\d+\.owner\.json$/;
/** Makes the journal go on in a new file every 20 commits or so. */
const PADDING = "p".repeat(12_000);
const LONGEST_NAP_MS = 90;
/** A store is closed and opened again after so many changes. */
const CHANGES_OF_ONE_STORE = 40;

/** Everybody holds the lock, nobody waits in the queue, owners come and go as they like. */
function brokenGuard(inner: Disk): Disk {
  const quietly = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (!isFlowError(error, "IO")) throw error;
    }
  };
  return {
    ...inner,
    makeFolder: (path) => LOCK.test(path) || inner.makeFolder(path),
    removeFolder: (path) => LOCK.test(path) || inner.removeFolder(path),
    stat: (path): Stat | null => inner.stat(LOCK.test(path) ? GUARD : path),
    touch: (path, atMs) =>
      LOCK.test(path) || OWNER.test(path)
        ? quietly(() => inner.touch(path, atMs))
        : inner.touch(path, atMs),
    create: (path, data) =>
      OWNER.test(path) ? quietly(() => inner.create(path, data)) : inner.create(path, data),
    list: (path) => (path === `${GUARD}/queue` ? [] : inner.list(path)),
  };
}

/** Sleeps before or after some of the operations between which a commit must not be torn apart. */
function napping(inner: Disk, chance: number, random: () => number): Disk {
  const nap = (): void => {
    if (random() >= chance) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, random() * LONGEST_NAP_MS);
  };
  const isDangerous = (operation: string, path: string): boolean =>
    operation === "rename" ||
    operation === "link" ||
    ((operation === "write" || operation === "sync" || operation === "create") &&
      /^(?:local\/(?:journal|fence)|events)\//.test(path));
  const around: Around = (operation, path, act) => {
    if (!isDangerous(operation, path)) return act();
    nap();
    const result = act();
    nap();
    return result;
  };
  return wrapDisk(inner, around);
}

function change(write: Writing, tag: string, amount: number): void {
  const x = valueOf<{ v: number }>(write, "x.json")?.v ?? SUM / 2;
  const y = valueOf<{ v: number }>(write, "y.json")?.v ?? SUM / 2;
  const n = (valueOf<{ n: number }>(write, "counter.json")?.n ?? 0) + 1;
  putValue(write, "x.json", { v: x + amount });
  putValue(write, "y.json", { v: y - amount });
  putValue(write, "counter.json", { n, padding: PADDING });
  write.append({ stream: "counter", type: "Changed", payload: { n, tag } });
}

async function run(root: string, notes: string, options: ChaosOptions): Promise<void> {
  const random = seededRandom(options.seed);
  const raw = nodeDisk(root);
  const disk = napping(options.guard === "broken" ? brokenGuard(raw) : raw, options.naps, random);
  const noteTo = openSync(notes, "a");
  const note = (line: string): void => void writeSync(noteTo, `${line}\n`);
  const open = (): Storage => openStorage(disk, { durability: options.durability });
  let storage = open();
  process.stdout.write("ready\n");
  for (let count = 1; ; count += 1) {
    const tag = randomName();
    const amount = Math.floor(random() * 20) - 10;
    const inTransaction = random() < 0.1;
    try {
      if (inTransaction) {
        await storage.transaction(async () => {
          await storage.commit((write) => change(write, tag, amount));
          await sleep(random() * 3);
        }, 5000);
      } else {
        await storage.commit((write) => change(write, tag, amount));
      }
      note(`ok ${tag}`);
    } catch (error) {
      if (!isFlowError(error)) throw error;
      const isUnknown = error.context["outcome"] === "unknown";
      note(`${isUnknown ? "unknown" : "no"} ${tag} ${error.code} ${error.message}`);
      if (isUnknown) count = CHANGES_OF_ONE_STORE;
    }
    if (count % CHANGES_OF_ONE_STORE === 0) {
      await storage.close();
      storage = open();
    }
  }
}

const [root, notes, options] = process.argv.slice(2);
if (root !== undefined && notes !== undefined && options !== undefined) {
  await run(root, notes, JSON.parse(options) as ChaosOptions);
}
