/** A disk that counts what is asked of it, for tests of how little that is. */

import type { Disk } from "./disk.ts";
import { wrapDisk } from "./wrapped-disk.ts";

/** {@link countingDisk}'s counts. */
export interface Counting {
  /**
   * How often each operation was called, failed calls included; absent until it was. Those of an
   * open file are `pread`, `fstat`, `write`, `sync` and `close`.
   */
  readonly counts: Record<string, number>;
  /** Forgets all counts, in the same object. */
  reset(): void;
}

export function countingDisk(inner: Disk): Disk & Counting {
  const counts: Record<string, number> = {};
  const disk = wrapDisk(inner, (operation, _path, act) => {
    counts[operation] = (counts[operation] ?? 0) + 1;
    return act();
  });
  const reset = (): void => {
    for (const operation of Object.keys(counts)) delete counts[operation];
  };
  return { ...disk, counts, reset };
}
