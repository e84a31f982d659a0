/** Takes and releases guards as its parent says: `guard.worker.js ROOT`, over IPC. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lock } from "proper-lockfile";

import { isFlowError } from "#src/errors.js";
import { randomName } from "#src/disk/machine.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { Guard } from "#src/storage/guard.js";
import { storageOptions } from "../storage/support.ts";

export type Order =
  | { readonly act: "take"; readonly timeoutMs: number }
  | { readonly act: "release" }
  | { readonly act: "isHeld" }
  /** Takes it again and again for so long. */
  | { readonly act: "contend"; readonly ms: number }
  /** So many waiters take it once each. */
  | { readonly act: "race"; readonly waiters: number }
  /** Takes a lock of proper-lockfile once, which steals one that looks old by its own rule. */
  | { readonly act: "race by the package" };

export interface Answer {
  readonly turns?: number;
  /** How often another one was inside at the same time. */
  readonly overlaps?: number;
  /** When each of them came in, by {@link sharedMs}. */
  readonly entered?: readonly number[];
  readonly isHeld?: boolean;
  readonly error?: { readonly code: string; readonly context: Readonly<Record<string, unknown>> };
}

const WITNESS = "witness";
const LONGEST_WAIT_MS = 30_000;
/** Where a lock of the package lies, and how long it is held. */
export const PACKAGE_LOCK = "package.lock";
const PACKAGE_HOLD_MS = 30;

export function newGuard(root: string, actor = `process ${process.pid}`): Guard {
  const options = storageOptions(nodeDisk(root), { actor });
  return new Guard(nodeDisk(root), { ...options, nowIso: () => new Date().toISOString() });
}

/** A clock in ms that all processes of a machine share, and nobody sets. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** One turn inside. */
interface Turn {
  /** Whether nobody else was there. */
  readonly alone: boolean;
  readonly entered: number;
}

async function turn(root: string, guard: Guard): Promise<Turn> {
  await guard.take(LONGEST_WAIT_MS);
  const inside = await beInside(root, 1);
  await guard.release();
  return inside;
}

async function beInside(root: string, ms: number): Promise<Turn> {
  const disk = nodeDisk(root);
  const entered = sharedMs();
  let alone = true;
  try {
    disk.create(WITNESS, randomName());
  } catch (error) {
    if (!isFlowError(error, "IO") || error.context["errno"] !== "EEXIST") throw error;
    alone = false;
  }
  await sleep(ms);
  if (alone) disk.remove(WITNESS);
  return { alone, entered };
}

/** The package's own takeover, as one would use it without the guard. */
async function turnByPackage(root: string): Promise<Turn> {
  const options = { realpath: false, stale: 2000, lockfilePath: join(root, PACKAGE_LOCK) };
  for (const deadline = sharedMs() + LONGEST_WAIT_MS; sharedMs() < deadline;) {
    try {
      const release = await lock(root, { ...options, onCompromised: () => undefined });
      const inside = await beInside(root, PACKAGE_HOLD_MS);
      // Somebody else's by now, where two had it.
      await release().catch(() => undefined);
      return inside;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "ELOCKED" && code !== "ENOENT" && code !== "EEXIST") throw error;
      await sleep(5 + Math.random() * 15);
    }
  }
  throw new Error("The package's lock was never free");
}

function answerOf(turns: readonly Turn[]): Answer {
  return {
    turns: turns.length,
    overlaps: turns.filter(({ alone }) => !alone).length,
    entered: turns.map(({ entered }) => entered),
  };
}

async function obey(root: string, guard: Guard, order: Order): Promise<Answer> {
  switch (order.act) {
    case "take":
      await guard.take(order.timeoutMs);
      return {};
    case "release":
      await guard.release();
      return {};
    case "isHeld":
      return { isHeld: guard.isHeld };
    case "contend": {
      const deadline = performance.now() + order.ms;
      let turns = 0;
      let overlaps = 0;
      while (performance.now() < deadline) {
        if (!(await turn(root, guard)).alone) overlaps += 1;
        turns += 1;
      }
      return { turns, overlaps };
    }
    case "race": {
      const guards = Array.from({ length: order.waiters }, () => newGuard(root));
      return answerOf(await Promise.all(guards.map((one) => turn(root, one))));
    }
    case "race by the package":
      return answerOf([await turnByPackage(root)]);
  }
}

const [root] = process.argv.slice(2);
if (root !== undefined && process.send !== undefined) {
  const guard = newGuard(root);
  process.on("message", (order: Order) => {
    obey(root, guard, order).then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        if (!isFlowError(error)) throw error;
        process.send?.({ error: { code: error.code, context: error.context } } satisfies Answer);
      },
    );
  });
  process.send("ready");
}
