/**
 * The ends of logs that a writer appends to, kept open while it holds the guard: to open a file by
 * its path takes longer than to write a line into it.
 *
 * INVARIANT: what is given out is the file that bears the name at this moment. Git replaces a
 * segment by another file of that name; bytes that went to the old one would be nowhere.
 */

import type { Disk, Handle } from "../disk/disk.ts";

/** A segment of the event log, one of a local log, and those of a recovery. */
const MAX_OPEN = 4;

/** An open log and its length. */
export interface OpenLog {
  readonly handle: Handle;
  readonly size: number;
}

interface Kept {
  readonly handle: Handle;
  readonly dev: number;
  readonly ino: number;
}

export class OpenLogs {
  readonly #disk: Disk;
  readonly #kept = new Map<string, Kept>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * The file at a path, for writing; `null` when there is none. Whoever gets it leaves it open.
   *
   * @throws FlowError `IO`.
   */
  at(path: string): OpenLog | null {
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      const there = this.#disk.stat(path);
      if (there !== null && there.ino === kept.ino && there.dev === kept.dev) {
        return { handle: kept.handle, size: there.size };
      }
      this.#kept.delete(path);
      kept.handle.close();
    }
    return this.#open(path);
  }

  #open(path: string): OpenLog | null {
    if (this.#kept.size >= MAX_OPEN) this.closeAll();
    const handle = this.#disk.open(path, "write");
    if (handle === null) return null;
    const { dev, ino, size } = handle.stat();
    this.#kept.set(path, { handle, dev, ino });
    return { handle, size };
  }

  /** Lets all of them go. */
  closeAll(): void {
    const handles = [...this.#kept.values()].map(({ handle }) => handle);
    this.#kept.clear();
    for (const handle of handles) handle.close();
  }
}
