/** The scout cache: results that are good for a day, of this clone alone. */

import { requireText } from "../model/given.ts";
import { copyJson } from "../model/json-values.ts";
import {
  isFresh,
  SCOUT_CACHE_SHAPE,
  scoutCacheDocument,
  scoutCacheEntryOf,
  type ScoutCacheDocument,
  type ScoutCacheEntry,
  type SetScoutCacheInput,
} from "../model/scout-cache.ts";
import { isFault, type Document } from "../storage/files.ts";
import { nameOf, SCOUT_CACHE } from "../storage/layout.ts";
import type { Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import type { StoreContext } from "./context.ts";
import { unreadable } from "./document-decode.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";

/** What scouts found out, for 24 hours, or for 1 hour where the key ends in `:no-git`. */
export class ScoutCache {
  readonly #context: StoreContext;
  readonly #documents: Documents<ScoutCacheDocument>;

  constructor(context: StoreContext) {
    this.#context = context;
    const isNamed = namedAfter<ScoutCacheDocument>(({ key }) => key);
    this.#documents = new Documents(SCOUT_CACHE_SHAPE, context.findings, isNamed);
  }

  /**
   * The result for exactly this key; `null` when there is none, when it is too old, or when its
   * file cannot be used (which is reported). Writes nothing.
   *
   * @throws FlowError `BAD_REQUEST` for an empty key.
   */
  async get(key: string): Promise<unknown> {
    requireText("Cannot look for the result", "key", key);
    return this.#context.storage.read((view) => {
      const file = view.get(SCOUT_CACHE, fileNameFor(key));
      const document = file === null ? null : this.#usable(file);
      if (document === null || !isFresh(document, this.#context.nowMs())) return null;
      return copyJson(document.result);
    });
  }

  /**
   * Keeps a result from now on in place of an earlier one, and drops all that are too old. Logs
   * nothing: what is cached is no change of the project.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` where a folder stands in its place.
   */
  async set(input: SetScoutCacheInput): Promise<ScoutCacheEntry> {
    const document = scoutCacheDocument(input, this.#context.nowMs());
    requireBearable([document]);
    const name = fileNameFor(document.key);
    const commit = this.#context.storage.commit((write) => {
      this.#dropStale(write, Date.parse(document.createdAt));
      // Whole, also where it is damaged: it was found out once and is found out again.
      const file = write.get(SCOUT_CACHE, name);
      if (file !== null && isFault(file) && !isBytes(file)) throw unreadable(file).error;
      write.drop(SCOUT_CACHE, name);
      this.#documents.write(write, SCOUT_CACHE, name, document);
      return scoutCacheEntryOf(document);
    });
    return tooLarge(commit);
  }

  /** Drops every result, damaged ones too. @returns how many. */
  async clear(): Promise<number> {
    return this.#context.storage.commit((write) => {
      const files = write.list(SCOUT_CACHE).filter(isBytes);
      for (const { path } of files) write.drop(SCOUT_CACHE, nameOf(path));
      return files.length;
    });
  }

  #dropStale(write: Writing, nowMs: number): void {
    for (const { name, value } of this.#documents.list(write, SCOUT_CACHE)) {
      if (!isFresh(value, nowMs)) write.drop(SCOUT_CACHE, name);
    }
  }

  #usable(file: Document): ScoutCacheDocument | null {
    const decoded = this.#documents.decode(file);
    if ("value" in decoded) {
      this.#context.findings.fine(file.path);
      return decoded.value;
    }
    this.#context.findings.report(decoded.finding);
    return null;
  }
}

/** Whether it is a file that can be replaced: bytes that are no text too, but no folder or link. */
function isBytes(file: Document): boolean {
  return !isFault(file) || file.fault.code === "CORRUPT";
}
