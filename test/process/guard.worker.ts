/** Takes and releases guards as its parent says: `guard.worker.js ROOT`, over IPC. */

import { setTimeout as sleep } from "node:timers/promises";

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
  | { readonly act: "race"; readonly waiters: number };

export interface Answer {
  readonly turns?: number;
  /** How often another one was inside at the same time. */
  readonly overlaps?: number;
  readonly isHeld?: boolean;
  readonly error?: { readonly code: string; readonly context: Readonly<Record<string, unknown>> };
}

const WITNESS = "witness";
const LONGEST_WAIT_MS = 30_000;

export function newGuard(root: string, actor = `process ${process.pid}`): Guard {
  const options = storageOptions(nodeDisk(root), { actor });
  return new Guard(nodeDisk(root), { ...options, nowIso: () => new Date().toISOString() });
}

/** One turn inside; whether somebody else was there. */
async function turn(root: string, guard: Guard): Promise<boolean> {
  const disk = nodeDisk(root);
  await guard.take(LONGEST_WAIT_MS);
  let alone = true;
  try {
    disk.create(WITNESS, randomName());
  } catch (error) {
    if (!isFlowError(error, "IO") || error.context["errno"] !== "EEXIST") throw error;
    alone = false;
  }
  await sleep(1);
  if (alone) disk.remove(WITNESS);
  await guard.release();
  return alone;
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
        if (!(await turn(root, guard))) overlaps += 1;
        turns += 1;
      }
      return { turns, overlaps };
    }
    case "race": {
      const guards = Array.from({ length: order.waiters }, () => newGuard(root));
      const alone = await Promise.all(guards.map((one) => turn(root, one)));
      return { turns: alone.length, overlaps: alone.filter((one) => !one).length };
    }
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
