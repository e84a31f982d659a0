/**
 * Being told that something in a folder changed, where the system tells. A hint and no more: on
 * network file systems nothing is told, and where the system's watches are used up none is given.
 */

import { statSync, watch, type FSWatcher } from "node:fs";

import { errnoOf } from "./io-error.ts";

export class FolderWatch {
  readonly #path: string;
  readonly #changed: () => void;
  #watcher: FSWatcher | null = null;
  #ino = -1;

  /**
   * @param path of the folder, absolute; it need not be there yet
   * @param changed may be called more often than something changed
   */
  constructor(path: string, changed: () => void) {
    this.#path = path;
    this.#changed = changed;
  }

  /** Begins to watch, or begins again where another folder bears the name by now. */
  refresh(): void {
    const ino = inoOf(this.#path);
    if (this.#watcher !== null && ino === this.#ino) return;
    this.close();
    if (ino === -1) return;
    try {
      const watcher = watch(this.#path, { persistent: false }, () => this.#changed());
      // The folder went away, or the system gives up: the next refresh begins again.
      watcher.on("error", () => this.close());
      this.#watcher = watcher;
      this.#ino = ino;
    } catch (error) {
      // No watch is left, or the folder has just gone: whoever waits looks from time to time.
      if (errnoOf(error) === null) throw error;
    }
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#ino = -1;
  }
}

/** -1 where there is no such folder. */
function inoOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? -1;
}
