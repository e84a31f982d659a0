/** A store after the power came back: what a reader sees, and what recovering makes of it. */

import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { thisProcess } from "#src/disk/machine.js";
import type { CrashState } from "#src/disk/memory-disk.js";
import type { StorageOptions } from "#src/storage/storage.js";
import { openStorage } from "../storage/support.ts";
import { assertPlainFilesAreWhole } from "./checks.ts";
import { add, stateOf, without } from "./scenarios.ts";

/** As after a start of the machine: other processes, another boot. */
export function booted(
  boot: string,
  changed: Partial<StorageOptions> = {},
): Partial<StorageOptions> {
  return { identity: { ...thisProcess(), bootId: boot }, gitHead: () => "head", ...changed };
}

/** A waiter looks each ms, for a second: so many looks tell no more than some. */
const SHORTEST_WAIT_MS = 40;

/**
 * Time that passes when somebody waits for it: a lock of the last boot whose owner's file was torn
 * counts as silent only after a second.
 */
export function hurried(): Partial<StorageOptions> {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += Math.max(ms, SHORTEST_WAIT_MS);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** What a reader sees who knows nothing of what was. */
export async function look(disk: Disk, boot: string): Promise<string> {
  const reader = openStorage(disk, booted(boot, { readOnly: true }));
  const state = await stateOf(reader);
  await reader.close();
  return state;
}

/** What is there after the first writer took over; `oneMore`: and that the next commit works. */
export async function recover(disk: Disk, boot: string, oneMore: boolean): Promise<string> {
  const storage = openStorage(disk, booted(boot, hurried()));
  await storage.recover();
  const state = await stateOf(storage);
  if (oneMore) {
    await storage.commit((write) => add(write, ["more.json"], "more"));
    const after = await stateOf(storage);
    assert.match(after, /more\.json=1more/);
    assert.equal(without(after, "more"), state);
  }
  await storage.close();
  return state;
}

/** How much is tried on one disk. */
export interface Depth {
  /** Whether another commit is made after the recovery. */
  readonly oneMore: boolean;
  /** Whether it is opened a second time, and the power cut once more. */
  readonly again: boolean;
}

/** What must hold of any disk that a power cut left; returns what is seen on it. */
export async function survives({ disk }: CrashState, { oneMore, again }: Depth): Promise<string> {
  const seen = await look(disk, "boot-2");
  assert.equal(await recover(disk, "boot-2", oneMore), seen, "recovered, not as seen");
  assertPlainFilesAreWhole(disk);
  if (oneMore || !again) return seen;
  assert.equal(await look(disk, "boot-2"), seen, "a second open");
  const twice = disk.crash("nothing");
  assert.equal(await recover(twice, "boot-3", false), seen, "after another power cut");
  return seen;
}

/** Says where the power was cut when `act` fails. */
export async function named({ at, variant }: CrashState, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const where = `power cut after operation ${at}, variant ${variant}`;
    throw new Error(`${where}: ${String((error as Error).stack)}`, { cause: error });
  }
}
