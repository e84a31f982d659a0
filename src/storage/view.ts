/**
 * A consistent look at documents: the files, overlaid by what is committed and not yet in them,
 * overlaid by what this write has changed so far.
 */

import { FlowError } from "../errors.ts";
import { AddedNames } from "./added-names.ts";
import { entryOf, NO_STAT, type Document, type FileEntry, type Files } from "./files.ts";
import { folderOf, inFolder, isLocalLogName, nameOf } from "./layout.ts";
import { CLEARED, type LocalLine } from "./local-log.ts";
import type { Overlay } from "./overlay.ts";

/** A look at the documents as of one commit. */
export class Reading {
  readonly #files: Files;
  readonly #overlay: Overlay;
  readonly #since: number;
  readonly #looked = new Set<string>();
  readonly #listed = new Set<string>();

  constructor(files: Files, overlay: Overlay, since: number) {
    this.#files = files;
    this.#overlay = overlay;
    this.#since = since;
  }

  /** Whether this look depends on a path. */
  saw(path: string): boolean {
    return this.#looked.has(path) || this.#listed.has(folderOf(path));
  }

  /** The document of that name in a folder; `null` when there is none. */
  get(folder: string, name: string): Document | null {
    const path = inFolder(folder, name);
    this.#looked.add(path);
    return this.look(path);
  }

  /** Every file of a folder whose name ends in `suffix`, by name; faults among them. */
  list(folder: string, suffix = ".json"): Document[] {
    const documents: Document[] = [];
    for (const name of this.names(folder)) {
      if (!name.endsWith(suffix)) continue;
      const document = this.look(inFolder(folder, name));
      if (document !== null) documents.push(document);
    }
    return documents;
  }

  /** The names in a folder. */
  names(folder: string): readonly string[] {
    this.#listed.add(folder);
    const names = this.#files.names(folder, this.#since);
    return this.#overlay.namesOver(folder, names, (path) => this.look(path) !== null);
  }

  protected look(path: string): Document | null {
    const file = this.#files.look(path, this.#since);
    if (this.#overlay.isEmpty) return file;
    const instead = this.#overlay.at(path, file);
    return instead === undefined ? file : instead;
  }
}

/** An event that a write adds; its id and time are given by the commit. */
export interface EventDraft {
  readonly stream: string;
  readonly type: string;
  /** Of the payload's shape. Default 1. */
  readonly schemaVersion?: number;
  readonly agent?: string | null;
  readonly source?: string | null;
  readonly causedBy?: string | null;
  readonly correlationId?: string | null;
  readonly commandId?: string | null;
  readonly metadata?: unknown;
  readonly payload: unknown;
}

/** A draft with what the commit gave it. */
export interface NumberedEvent {
  readonly id: string;
  readonly createdAt: string;
  readonly draft: EventDraft;
}

/** What gives out ids; implemented by the commit. */
export interface IdSource {
  /** A ULID greater than `after` and than every id in the log. */
  eventId(after: string | null): { id: string; createdAt: string };
  /** The highest integer id of a kind known to the journal and the log. */
  highestId(kind: string): number;
}

/** Where a write's reads come from below its own changes. */
export interface WriteBase {
  /** `exact`: by a look at the real file now, not by one within the last 20 ms. */
  get(path: string, exact: boolean): Document | null;
  names(folder: string): readonly string[];
  readonly ids: IdSource;
}

/**
 * One write's changes, over those of the write around it. Nothing leaves it until it is merged;
 * dropping it undoes them.
 */
export class Writing {
  readonly #base: WriteBase;
  readonly #parent: Writing | null;
  readonly #changes = new Map<string, FileEntry | null>();
  readonly #ids = new Map<string, number>();
  /** The time of the last event that this write adds to each stream. */
  readonly #lastOf = new Map<string, string>();
  /** Names of files that this write makes, by folder. */
  readonly #added = new Map<string, AddedNames>();
  /** The events of this call, and those of the calls it took over, each a batch of its own. */
  #events: NumberedEvent[] = [];
  readonly #batches: NumberedEvent[][] = [];
  #lastEventId: string | null;
  /** Lines for this clone's own logs, by folder. */
  readonly #local = new Map<string, LocalLine[]>();

  constructor(base: WriteBase, parent: Writing | null = null) {
    this.#base = base;
    this.#parent = parent;
    this.#lastEventId = parent?.lastEventId ?? null;
  }

  get lastEventId(): string | null {
    return this.#lastEventId;
  }

  get changes(): ReadonlyMap<string, FileEntry | null> {
    return this.#changes;
  }

  /** Every event, in the order of ids. */
  get events(): readonly NumberedEvent[] {
    return this.#batches.length === 0 ? this.#events : [...this.#batches.flat(), ...this.#events];
  }

  /** The events by batch: those of one call or one transaction stand and fall together. */
  get batches(): readonly (readonly NumberedEvent[])[] {
    return this.#events.length === 0 ? this.#batches : [...this.#batches, this.#events];
  }

  get ids(): ReadonlyMap<string, number> {
    return this.#ids;
  }

  /** Lines for this clone's own logs, by folder, in order. */
  get localLines(): ReadonlyMap<string, readonly LocalLine[]> {
    return this.#local;
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.batches.length === 0 && this.#local.size === 0;
  }

  /** A write inside this one, that can be undone by itself. */
  nested(): Writing {
    return new Writing(this.#base, this);
  }

  /** Takes over what a call inside this transaction did, as part of one batch. */
  merge(inner: Writing): void {
    this.#takeOver(inner);
    this.#events.push(...inner.events);
  }

  /** Takes over what a call did that only shares its record with others: a batch of its own. */
  join(inner: Writing): void {
    this.#takeOver(inner);
    if (inner.events.length > 0) this.#batches.push([...inner.events]);
  }

  #takeOver(inner: Writing): void {
    for (const [path, entry] of inner.#changes) this.#changes.set(path, entry);
    for (const [folder, names] of inner.#added) for (const name of names) this.#add(folder, name);
    for (const [kind, id] of inner.#ids) this.#ids.set(kind, id);
    for (const [folder, lines] of inner.#local) {
      for (const line of lines) this.appendLocal(folder, line);
    }
    for (const [stream, time] of inner.#lastOf) this.#lastOf.set(stream, time);
    this.#lastEventId = inner.#lastEventId;
  }

  get(folder: string, name: string): Document | null {
    return this.#look(inFolder(folder, name), true);
  }

  #look(path: string, exact: boolean): Document | null {
    const own = this.#changes.get(path);
    if (own !== undefined) return own;
    if (this.#parent !== null) return this.#parent.#look(path, exact);
    return this.#base.get(path, exact);
  }

  list(folder: string, suffix = ".json"): Document[] {
    const documents: Document[] = [];
    for (const name of this.names(folder)) {
      if (!name.endsWith(suffix)) continue;
      const document = this.#look(inFolder(folder, name), false);
      if (document !== null) documents.push(document);
    }
    return documents;
  }

  names(folder: string): readonly string[] {
    const below = this.#parent === null ? this.#base.names(folder) : this.#parent.names(folder);
    return this.#added.get(folder)?.over(below) ?? below;
  }

  /** Replaces or makes a document. */
  put(folder: string, name: string, text: string): void {
    if (!text.isWellFormed()) {
      throw new FlowError(
        "BAD_REQUEST",
        `Cannot write ${inFolder(folder, name)}: a half of a surrogate pair is no text`,
      );
    }
    const path = inFolder(folder, name);
    if (this.#look(path, true) === null) this.#add(folder, name);
    this.#changes.set(path, entryOf(path, text, NO_STAT));
  }

  #add(folder: string, name: string): void {
    let names = this.#added.get(folder);
    if (names === undefined) this.#added.set(folder, (names = new AddedNames()));
    names.add(name);
    // A folder that a commit makes is a name in the one above it.
    if (folder !== "") this.#add(folderOf(folder), nameOf(folder));
  }

  /** Removes a file; only for what git does not track, and for `gc`. */
  drop(folder: string, name: string): void {
    const path = inFolder(folder, name);
    if (this.#look(path, true) !== null) this.#changes.set(path, null);
  }

  /** Adds an event to the log. */
  append(draft: EventDraft): NumberedEvent {
    const { id, createdAt } = this.#base.ids.eventId(this.#lastEventId);
    const event = { id, createdAt, draft };
    this.#events.push(event);
    this.#lastOf.set(draft.stream, createdAt);
    this.#lastEventId = id;
    return event;
  }

  /** Adds a line to a log of this clone's own; it gets an id and a time. */
  appendLocal(folder: string, line: LocalLine): void {
    const lines = this.#local.get(folder);
    if (lines === undefined) this.#local.set(folder, [line]);
    else lines.push(line);
  }

  /** Empties a log of this clone's own: its files go, and what this write added to it so far. */
  clearLocal(folder: string): void {
    for (const name of this.names(folder)) if (isLocalLogName(name)) this.drop(folder, name);
    this.appendLocal(folder, CLEARED);
  }

  /** The lines that this write and those around it add to a log of this clone's own, in order. */
  pendingLocal(folder: string): readonly LocalLine[] {
    const own = this.#local.get(folder) ?? [];
    return this.#parent === null ? own : [...this.#parent.pendingLocal(folder), ...own];
  }

  /** Every event that this write and those around it add, in the order of ids. */
  pendingEvents(): readonly NumberedEvent[] {
    return this.#parent === null ? this.events : [...this.#parent.pendingEvents(), ...this.events];
  }

  /** {@link pendingEvents} by batch, as they will stand in the log if nothing is added any more. */
  pendingBatches(): readonly (readonly NumberedEvent[])[] {
    const { closed, open } = this.#pending();
    return open.length === 0 ? closed : [...closed, open];
  }

  /** What this write adds becomes part of the open batch of the write around it. */
  #pending(): { closed: readonly NumberedEvent[][]; open: readonly NumberedEvent[] } {
    if (this.#parent === null) return { closed: this.#batches, open: this.#events };
    const { closed, open } = this.#parent.#pending();
    return { closed: [...closed, ...this.#batches], open: [...open, ...this.#events] };
  }

  /** When this write, or one around it, last added to a stream; `null` when none did. */
  lastTimeOf(stream: string): string | null {
    return this.#lastOf.get(stream) ?? this.#parent?.lastTimeOf(stream) ?? null;
  }

  /** The next integer id of a kind: above those in files, in the log, in the journal, and here. */
  nextId(kind: string, highestInFiles: number): number {
    const next = Math.max(highestInFiles, this.#highestId(kind)) + 1;
    this.#ids.set(kind, next);
    return next;
  }

  /** Whether an id of a kind was ever given, as far as the journal and the log know. */
  hasIds(kind: string): boolean {
    return this.#highestId(kind) > 0;
  }

  #highestId(kind: string): number {
    const own = this.#ids.get(kind);
    if (own !== undefined) return own;
    return this.#parent === null ? this.#base.ids.highestId(kind) : this.#parent.#highestId(kind);
  }
}
