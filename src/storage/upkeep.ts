/**
 * Keeping the journal short and the cache useful. None of it changes what anybody reads, so what
 * fails here is left for the next commit.
 */

import { isFlowError } from "../errors.ts";
import type { Fence } from "./fence.ts";
import { pathOf } from "./journal-lines.ts";
import { CACHE, EVENTS, foldersOf, inFolder } from "./layout.ts";
import { leaveIndex } from "./index-upkeep.ts";
import type { Parts, StorageOptions } from "./parts.ts";

/** A journal longer than this goes on in a new file. */
const ROTATE_BYTES = 256 * 1024;
/** Unless so many files would have to be synced at once; then it waits for an idle moment. */
const ROTATE_FILES = 16;
/** How much it grows before it is asked again whether it can be shortened. */
const TIDY_STEP_BYTES = 256 * 1024;
/** Past this it does not wait any more. */
const ROTATE_AT_ALL_COST_BYTES = 2 * 1024 * 1024;
/** In the background so many files are synced without a pause. */
const SYNC_CHUNK = 8;

export class Upkeep {
  readonly #storage: Parts;
  readonly #options: StorageOptions;
  readonly #beat: () => void;
  #nextTidyBytes = 0;

  constructor(storage: Parts, options: StorageOptions, beat: () => void) {
    this.#storage = storage;
    this.#options = options;
    this.#beat = beat;
  }

  /** Keeps the journal short. What fails here is tried again by the next commit. */
  tidy(): void {
    const { journal } = this.#storage;
    try {
      journal.removeOldFiles(this.#options.durability !== "none");
      if (journal.grown < Math.max(ROTATE_BYTES, this.#nextTidyBytes)) return;
      this.#nextTidyBytes = journal.grown + TIDY_STEP_BYTES;
      const isUrgent = journal.grown > ROTATE_AT_ALL_COST_BYTES;
      if (isUrgent || this.#unsynced().paths.size <= ROTATE_FILES) this.shorten(ROTATE_BYTES);
    } catch (error) {
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /**
   * Under the guard: replaces a journal that has grown beyond `limit` by a short one. What its
   * header holds (a run and an extent for each segment) counts for nothing: the next one has it too.
   */
  shorten(limit: number): void {
    const { journal } = this.#storage;
    if (journal.grown < limit || journal.poisoned) return;
    try {
      const { n, paths, folders } = this.#unsynced();
      // Whatever this store's durability: a record by another process may go with the old file.
      for (const path of paths) this.#syncOne(path, n);
      for (const folder of folders) this.#storage.disk.syncFolder(folder);
      journal.raiseFloor(n);
      journal.rotate({ sync: true });
      this.#nextTidyBytes = 0;
    } catch (error) {
      // A longer journal does no harm; the next close or commit tries again.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /**
   * Syncs a file. Once that failed, the next sync of it, by whomever, succeeds without bringing it
   * to the disk. So that nobody relies on that one, the path is stuck from here on: it is put anew.
   */
  #syncOne(path: string, n: number): void {
    this.#beat();
    try {
      this.#storage.disk.syncFile(path);
    } catch (error) {
      if (isFlowError(error, "IO")) this.#doubt(path, n);
      throw error;
    }
  }

  #doubt(path: string, n: number): void {
    const { journal } = this.#storage;
    journal.tail();
    if (journal.poisoned || journal.header === null) return;
    const stuck: [number, string][] = [];
    let isReplaced = false;
    for (const { record, stuck: known } of [...journal.window.values()].reverse()) {
      if (record.n > n) continue;
      const change = record.changes.find((one) => pathOf(one) === path);
      if (change === undefined || known.has(path) || isReplaced) continue;
      stuck.push([record.n, path]);
      // What an earlier record put there is of no use to anybody.
      isReplaced = !("append" in change);
    }
    journal.mark(n, stuck);
  }

  /** What was applied in this boot and is not known to be on the disk. */
  #unsynced(): { n: number; paths: ReadonlySet<string>; folders: ReadonlySet<string> } {
    const { journal } = this.#storage;
    const paths = new Set<string>();
    let n = journal.floor;
    const entries = [...journal.window.values()].sort((a, b) => a.record.n - b.record.n);
    for (const { record, appliedIn, stuck } of entries) {
      if (record.n <= journal.floor) continue;
      if (record.n > journal.ok || appliedIn !== this.#options.identity.bootId) break;
      for (const change of record.changes) {
        if (!stuck.has(pathOf(change))) paths.add(pathOf(change));
      }
      n = record.n;
    }
    return { n, paths, folders: new Set([...paths].flatMap(foldersOf)) };
  }

  /**
   * Without the guard, in the background or on close: makes what was applied durable, then says so.
   *
   * @param pause awaited between some files; `false` ends it
   * @param mostFiles with more to sync it does nothing
   */
  async raiseFloor(pause: () => Promise<boolean>, mostFiles = Infinity): Promise<void> {
    const { disk, journal } = this.#storage;
    try {
      journal.tail();
      const { n, paths, folders } = this.#unsynced();
      if (paths.size === 0 || paths.size > mostFiles) return;
      if (journal.poisoned || journal.header === null) return;
      const epoch = journal.header.epoch;
      let count = 0;
      for (const path of paths) {
        this.#syncOne(path, n);
        count += 1;
        if (count % SYNC_CHUNK === 0 && !(await pause())) return;
      }
      for (const folder of folders) disk.syncFolder(folder);
      journal.tail();
      if (journal.header?.epoch === epoch && !journal.poisoned) journal.raiseFloor(n);
    } catch (error) {
      // A failed sync leaves the floor where it is: the records above it are kept. What else
      // fails here, the next call of a user meets and is told of.
      if (!isFlowError(error)) throw error;
    }
  }

  /** Under the guard, when nobody waits: what readers would otherwise learn from the whole log. */
  leaveCache(fence: Fence): void {
    const { files, journal, lastEvents, log } = this.#storage;
    let logBytes = 0;
    for (const [bytes] of journal.ledger.numbered.values()) logBytes += bytes;
    try {
      const isDue = lastEvents.isCacheDue(logBytes);
      if (!isDue && !log.isOpen) return;
      const since = files.freshSince();
      const names = files.names(EVENTS, since);
      if (isDue) this.#leaveLastEvents(fence, names);
      log.refresh(names, since, files.lookedAt(EVENTS));
      const own = journal.ledger.own?.segment ?? null;
      leaveIndex(this.#storage, fence, own, this.#options.randomName);
    } catch (error) {
      // A cache that could not be written costs time, no answer.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  #leaveLastEvents(fence: Fence, names: readonly string[]): void {
    const { disk, files, lastEvents } = this.#storage;
    const old = lastEvents.oldCaches();
    lastEvents.refresh(names, files.freshSince(), files.lookedAt(EVENTS));
    const { name, text } = lastEvents.toCache();
    disk.rename(fence.stage(text), inFolder(CACHE, name));
    for (const other of old) if (other !== name) disk.remove(inFolder(CACHE, other));
  }
}
