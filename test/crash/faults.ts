/** Operations that fail: how, which one, and what the call that met them answers. */

import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import type { MemoryDisk } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { FlowError } from "#src/errors.js";

/** How an operation fails: with an errno, or after so many bytes (from the end if negative). */
export interface Fault {
  readonly errno: string;
  readonly short?: "half" | number;
  readonly forever: boolean;
}

export interface Switch {
  armed: boolean;
  /** How many operations were meant so far. */
  count: number;
  /** The first that failed. */
  failed: string | null;
}

/**
 * Fails the k-th operation that `meant` names, from the moment it is armed. A sync of a file that
 * fails loses what it was to save, for good.
 */
export function failing(
  inner: MemoryDisk,
  k: number,
  fault: Fault,
  meant: (operation: string) => boolean,
): { disk: Disk; control: Switch } {
  const control: Switch = { armed: false, count: 0, failed: null };
  const disk = wrapDisk(inner, (operation, path, act, write) => {
    if (!control.armed || !meant(operation)) return act();
    control.count += 1;
    if (fault.forever ? control.count < k : control.count !== k) return act();
    control.failed ??= `${operation} ${path}`;
    if (write !== undefined && fault.short !== undefined) {
      const { short } = fault;
      const bytes = short === "half" ? write.length >> 1 : short < 0 ? write.length + short : short;
      write.first(Math.min(write.length, bytes));
      throw ioError(operation, path, fault.errno, undefined, { written: bytes });
    }
    if (operation === "sync" || operation === "syncFile") inner.loseUnsynced(path);
    throw ioError(operation, path, fault.errno);
  });
  return { disk, control };
}

export const isMutating = (operation: string): boolean => MUTATING.has(operation);
export const isReading = (operation: string): boolean =>
  !MUTATING.has(operation) && operation !== "close";

/**
 * `unknown`: the record is written, and the next call confirms it. `reopen`: its sync failed, the
 * instance writes no more, and the record counts or not.
 */
export type Answer = "ok" | "IO" | "unknown" | "reopen";

export async function answerOf(call: Promise<unknown>): Promise<{ answer: Answer; why: string }> {
  try {
    await call;
    return { answer: "ok", why: "it answered well" };
  } catch (error) {
    assert.ok(error instanceof FlowError, `not a FlowError: ${String((error as Error).stack)}`);
    assert.equal(error.code, "IO", error.stack);
    const { outcome, mustReopen } = error.context;
    const answer = outcome !== "unknown" ? "IO" : mustReopen === true ? "reopen" : "unknown";
    return { answer, why: error.message };
  }
}
