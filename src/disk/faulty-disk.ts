/** A disk that fails where a test says so. */

import type { Disk } from "./disk.ts";
import { ioError } from "./io-error.ts";
import { MUTATING, wrapDisk } from "./wrapped-disk.ts";

/**
 * Which operations are meant, and what becomes of them. Without `operations` those are meant that
 * change or sync something; the operations of an open file are `pread`, `fstat`, `write`, `sync`
 * and `close`.
 */
export interface FaultPlan {
  /** Only these operations; ones that read may be among them. */
  readonly operations?: readonly string[];
  /** Only paths that match; of a rename or link the first path. */
  readonly path?: RegExp;
  /** The how-manieth of those fails, counted from 1; default: none. */
  readonly at?: number;
  /** Whether the later ones fail too. Default false. */
  readonly forever?: boolean;
  /** Default `EIO`, or `ENOSPC` where `short` is set. */
  readonly errno?: string;
  /**
   * A write to an open file writes so many bytes, or half of them, before it fails. A `create`
   * leaves no file, as the port says.
   */
  readonly short?: number | "half";
  /** Called before each operation that is meant, with its number; may throw or end the process. */
  readonly before?: (operation: string, path: string, index: number) => void;
}

/** `inner`, but for the operations that `plan` makes fail; they do nothing. */
export function faultyDisk(inner: Disk, plan: FaultPlan = {}): Disk {
  const { at = Infinity, forever = false, short } = plan;
  const errno = plan.errno ?? (short === undefined ? "EIO" : "ENOSPC");
  let index = 0;

  function meant(operation: string, path: string): boolean {
    const named = plan.operations?.includes(operation) ?? MUTATING.has(operation);
    // Not test(): that remembers where a global expression matched.
    return named && (plan.path === undefined || path.search(plan.path) !== -1);
  }

  return wrapDisk(inner, (operation, path, act, write) => {
    if (!meant(operation, path)) return act();
    index++;
    plan.before?.(operation, path, index);
    if (!(forever ? index >= at : index === at)) return act();
    if (write === undefined || short === undefined) throw ioError(operation, path, errno);
    const written = Math.min(write.length, short === "half" ? write.length >> 1 : short);
    write.first(written);
    throw ioError(operation, path, errno, undefined, { written });
  });
}
