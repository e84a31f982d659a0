/** What calls of `Locks` take and return. */
import type { LockWaiter } from "../model/lock-errors.ts";
import type { LockEntry, LockHolder, LockMode } from "../model/locks.ts";
import type { ChangeNote } from "./context.ts";

/** What trying to lock came to. */
export type TriedLocks =
  | { readonly acquired: true; readonly locks: LockEntry[] }
  | {
      readonly acquired: false;
      /** Every lock in the way. */
      readonly holders: LockHolder[];
      /** Those who came first and wait for what would have been taken. */
      readonly waiters: LockWaiter[];
    };

/** Which locks a list holds; all that is given must hold. */
export interface ListLocksOptions {
  readonly taskId?: string | undefined;
  /** Those on this path, on a folder above it, and below it. */
  readonly path?: string | undefined;
  /** True: those that count no more and are not yet cleaned up, in place of the others. */
  readonly expired?: boolean | undefined;
}

/** Which locks would be in the way. */
export interface LockConflictsOptions {
  /** Paths as they are; no patterns. */
  readonly paths: readonly string[];
  /** For which task; its own locks are not in its way. Default: for none. */
  readonly taskId?: string | undefined;
  /** Default `write`. */
  readonly mode?: LockMode | undefined;
}

/** What a task gives back. */
export interface ReleaseLocksInput extends ChangeNote {
  readonly taskId: string;
  /** Exactly these paths, as they were locked; patterns as in `acquire`. */
  readonly paths: readonly string[];
}

/** What a heartbeat came to. */
export interface LockHeartbeat {
  /** How many locks go on living. */
  readonly extended: number;
  /**
   * The locks that the task had and has no more, by path: expired, taken away, bound to a process
   * that ended, or of a file that was removed by hand or cannot be used. Told again by every
   * heartbeat until the task locks the path anew or releases it. Known from this clone's log.
   */
  readonly lost: LockEntry[];
}

/** Which part of the log is wanted; all that is given must hold. */
export interface LockHistoryOptions {
  /** Of locks on this path, on a folder above it, and below it. */
  readonly path?: string | undefined;
  readonly taskId?: string | undefined;
}
