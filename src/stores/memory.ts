/** Memory: what agents learnt, each thing once. */

import { types } from "node:util";

import { FlowError } from "../errors.ts";
import { badField, requireAnyText, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import {
  isTaken,
  MEMORY_SHAPE,
  memoryDraft,
  memoryOf,
  newMemory,
  requireFilter,
  saysTheSame,
  searchedTexts,
  type AppendMemoryInput,
  type MemoryDocument,
  type MemoryEntry,
  type MemoryFilter,
} from "../model/memory.ts";
import { newestFirst } from "../model/newest.ts";
import { toIso } from "../model/time.ts";
import { MEMORY } from "../storage/layout.ts";
import type { EventDraft, Reading, Writing } from "../storage/view.ts";
import { attribution, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { Documents } from "./documents.ts";
import { commitNoted, noteWith } from "./noted-commit.ts";
import { foundIn } from "./pattern-search.ts";
import type { FindingListener } from "./told.ts";
import {
  fileOfGivenUlid,
  fileOfUlid,
  namedAfterUlid,
  nextUlidIn,
  shortened,
} from "./ulid-files.ts";

const FILTER_NAMES = { type: true, module: true, severity: true, tags: true, limit: true } as const;

/** What agents learnt and others shall know. */
export class Memory {
  readonly #context: StoreContext;
  readonly #documents: Documents<MemoryDocument>;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#documents = memoryDocuments(context.findings);
  }

  /**
   * Remembers something. Where an entry has the same text already, but for white space at its
   * ends, that one is returned as it is and nothing is written. Logs `memory_added`.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async append(input: AppendMemoryInput, options: ChangeNote = {}): Promise<MemoryEntry> {
    const draft = memoryDraft(input);
    const note = noteWith(input, ["agent", "source", "note"], options);
    return commitNoted(this.#context, note, [draft, draft.type], (write) => {
      const first = this.#living(write).findLast((one) => saysTheSame(one, draft));
      if (first !== undefined) return memoryOf(first);
      const id = nextUlidIn(write, MEMORY, this.#context.newUid());
      const document = newMemory(id, draft);
      this.#documents.write(write, MEMORY, fileOfUlid(id), document);
      write.append(this.#event(document, "memory_added", note));
      return memoryOf(document);
    });
  }

  /**
   * One entry; `null` when there is none.
   *
   * @throws FlowError `CORRUPT` when its file cannot be used.
   */
  async get(id: string): Promise<MemoryEntry | null> {
    requireText("Cannot look at the entry", "id", id);
    return this.#context.storage.read((view) => {
      const document = this.#look(view, id);
      return document === null ? null : memoryOf(document);
    });
  }

  /**
   * Entries, newest first. A file that cannot be used is left out and reported.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async list(filter: MemoryFilter = {}): Promise<MemoryEntry[]> {
    return this.#select("Cannot list what is remembered", filter, (entries) => entries);
  }

  /**
   * Entries whose text or one of whose tags holds a text or matches a pattern, newest first. Upper
   * and lower case are the same; names of keys, modules and types are not searched.
   *
   * @throws FlowError `BAD_REQUEST`, also for a pattern that takes longer than 500 ms in all.
   */
  async search(query: string | RegExp, filter: MemoryFilter = {}): Promise<MemoryEntry[]> {
    const doing = "Cannot search what is remembered";
    if (types.isRegExp(query)) {
      return this.#select(doing, filter, (entries) => {
        const found = foundIn(query, entries.map(searchedTexts));
        return entries.filter((_, at) => found[at]);
      });
    }
    if (typeof query !== "string")
      throw badField(doing, "query", `must be a text or a pattern, not ${shown(query)}`);
    const sought = requireAnyText(doing, "query", query).toLowerCase();
    const holds = (text: string): boolean => text.toLowerCase().includes(sought);
    return this.#select(doing, filter, (entries) => {
      return entries.filter((entry) => searchedTexts(entry).some(holds));
    });
  }

  /**
   * Says that an entry still holds: sets `lastVerified` to now. Logs `memory_verified`.
   *
   * @throws FlowError `NOT_FOUND`, `CORRUPT`.
   */
  async verify(id: string, options: ChangeNote = {}): Promise<MemoryEntry> {
    requireText("Cannot verify the entry", "id", id);
    return commitNoted(this.#context, options, [], (write) => {
      const before = this.#find(write, id);
      const lastVerified = toIso(this.#context.nowMs());
      if (before.lastVerified === lastVerified) return memoryOf(before);
      const document = { ...before, lastVerified };
      this.#documents.write(write, MEMORY, fileOfUlid(document.id), document);
      write.append(this.#event(document, "memory_verified", options));
      return memoryOf(document);
    });
  }

  /**
   * Forgets an entry: its file stays as a tombstone, since git's rename detection would give its
   * changes to another one if the file went. The same text may be remembered anew. Logs
   * `memory_deleted`.
   *
   * @returns the entry as it was.
   * @throws FlowError `NOT_FOUND`, `CORRUPT`.
   */
  async delete(id: string, options: ChangeNote = {}): Promise<MemoryEntry> {
    requireText("Cannot delete the entry", "id", id);
    return commitNoted(this.#context, options, [], (write) => {
      const before = this.#find(write, id);
      const document = { ...before, deletedAt: toIso(this.#context.nowMs()) };
      this.#documents.write(write, MEMORY, fileOfUlid(document.id), document);
      write.append(this.#event(document, "memory_deleted", options));
      return memoryOf(before);
    });
  }

  async #select(
    doing: string,
    filter: MemoryFilter,
    narrow: (entries: MemoryEntry[]) => MemoryEntry[],
  ): Promise<MemoryEntry[]> {
    const wanted = requireFilter(doing, requireOptions(filter, FILTER_NAMES, "filter"));
    const living = await this.#context.storage.read((view) => this.#living(view));
    const entries = living.map(memoryOf).filter((entry) => isTaken(wanted, entry));
    return narrow(entries).slice(0, wanted.limit);
  }

  /** Those that were not deleted, newest first. */
  #living(view: Reading | Writing): MemoryDocument[] {
    return this.#documents
      .list(view, MEMORY)
      .map(({ value }) => value)
      .sort(newestFirst);
  }

  #look(view: Reading | Writing, id: string): MemoryDocument | null {
    const name = fileOfGivenUlid(id);
    return name === null ? null : this.#documents.read(view, MEMORY, name);
  }

  #find(view: Reading | Writing, id: string): MemoryDocument {
    const document = this.#look(view, id);
    if (document !== null) return document;
    throw new FlowError("NOT_FOUND", `There is no entry ${shown(id)} in memory`, {
      context: { kind: "memory", id: shortened(id) },
    });
  }

  #event({ id, type }: MemoryDocument, name: string, note: ChangeNote): EventDraft {
    return {
      stream: `memory:${id}`,
      type: name,
      ...attribution(this.#context, note),
      payload: { memoryId: id, ...(type === undefined ? {} : { type }) },
    };
  }
}

/** The documents of all entries. */
export function memoryDocuments(findings: FindingListener): Documents<MemoryDocument> {
  return new Documents(MEMORY_SHAPE, findings, namedAfterUlid);
}
