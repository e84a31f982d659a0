/** Locks and those who wait for them as files: how they are read, written and put aside. */
import type { Finding } from "../finding.ts";
import type { LockDraft, LockedPath, LockWorld } from "../model/lock-draft.ts";
import type { LockLine } from "../model/lock-log.ts";
import {
  LOCK_SHAPE,
  LOCK_TICKET_SHAPE,
  lockOf,
  processIn,
  type LockDocument,
  type LockEntry,
  type LockProcess,
  type LockTicket,
} from "../model/locks.ts";
import { toIso } from "../model/time.ts";
import { isFault } from "../storage/files.ts";
import { formatJson } from "../storage/json-text.ts";
import { inFolder, LOCK_LOG, LOCK_QUEUE, LOCKS, nameOf } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { ChangeNote, StoreContext } from "./context.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";
import { isDocumentName } from "./feature-names.ts";
import { damagedFile, putAside, refuseNoFolder, type DamagedFile } from "./lock-damage.ts";
import type { FindingListener } from "./told.ts";

const SUFFIX = ".json";
/** Whoever waits shows it every two seconds; who did not for ten is stopped, and passed by. */
const SILENT_MS = 10_000;
/** Places in the queue are numbered under this name, in this clone alone. */
const TICKET_KIND = "local:lock-ticket";

/** How processes are told apart and asked after; see `disk/machine.ts`. */
export type IsAlive = (process: LockProcess) => boolean | null;

/** The locks as their files show them. */
export interface StoredWorld extends LockWorld {
  readonly damaged: readonly DamagedFile[];
}

/** The files of locks, each named after its path. */
export function lockDocuments(findings: FindingListener): Documents<LockDocument> {
  return new Documents(
    LOCK_SHAPE,
    findings,
    namedAfter(({ path }) => path),
  );
}

/** The files of the queue, each named after its place. */
export function ticketDocuments(findings: FindingListener): Documents<LockTicket> {
  return new Documents(
    LOCK_TICKET_SHAPE,
    findings,
    namedAfter(({ ticket }) => String(ticket)),
  );
}

/** The files of locks, and of the queue. */
export class LockFiles {
  readonly #context: StoreContext;
  readonly #keyOf: (path: string) => string;
  readonly #isAlive: IsAlive;
  readonly #locks: Documents<LockDocument>;
  readonly #tickets: Documents<LockTicket>;
  readonly #entries = new WeakMap<LockDocument, readonly LockEntry[]>();
  /** When each lock was first seen as it is: the earliest time that the clock showed then. */
  readonly #seen = new WeakMap<LockEntry, number>();

  constructor(context: StoreContext, keyOf: (path: string) => string, isAlive: IsAlive) {
    this.#context = context;
    this.#keyOf = keyOf;
    this.#isAlive = isAlive;
    this.#locks = lockDocuments(context.findings);
    this.#tickets = ticketDocuments(context.findings);
  }

  // ---- reading -------------------------------------------------------------------------------

  /**
   * The locks as they are now. Files that cannot be used are reported, and stand in `damaged`.
   *
   * @throws FlowError `IO` of a passing kind; `CORRUPT` when something else stands where a folder
   * belongs.
   */
  world(view: Reading | Writing): StoredWorld {
    refuseNoFolder(view, LOCKS, this.#context.findings);
    refuseNoFolder(view, LOCK_QUEUE, this.#context.findings);
    const nowMs = this.#context.nowMs();
    const paths = new Map<string, LockedPath>();
    const damaged: DamagedFile[] = [];
    const found: Finding[] = [];
    for (const file of view.list(LOCKS)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = this.#locks.decode(file);
      if ("value" in decoded) {
        const { path, kind } = decoded.value;
        paths.set(path, { kind, holders: this.#entriesOf(decoded.value, nowMs) });
        continue;
      }
      if (decoded.error.retryable) throw decoded.error;
      found.push(decoded.finding);
      this.#context.findings.report(decoded.finding);
      damaged.push(damagedFile(file, decoded));
    }
    this.#context.findings.settle(LOCKS, found);
    const known = new Map<string, boolean | null>();
    return {
      nowMs,
      paths,
      damaged,
      queue: this.#queue(view, nowMs),
      seenMs: (entry) => this.#seen.get(entry) ?? nowMs,
      keyOf: this.#keyOf,
      isAlive: (process) => {
        const key = JSON.stringify(process);
        if (!known.has(key)) known.set(key, this.#isAlive(process));
        return known.get(key) ?? null;
      },
    };
  }

  /** The locks in a document, made once as long as its file stays as it is. */
  #entriesOf(document: LockDocument, nowMs: number): readonly LockEntry[] {
    let entries = this.#entries.get(document);
    if (entries === undefined) {
      const { path, holders } = document;
      entries = holders.map((holder) => lockOf({ path, ...holder }, undefined));
      this.#entries.set(document, entries);
    }
    for (const entry of entries)
      this.#seen.set(entry, Math.min(this.#seen.get(entry) ?? nowMs, nowMs));
    return entries;
  }

  /** Who waits now, in the order of the queue. */
  #queue(view: Reading | Writing, nowMs: number): LockTicket[] {
    return this.#tickets
      .list(view, LOCK_QUEUE)
      .map(({ value }) => value)
      .filter((ticket) => !this.#isOver(ticket, nowMs) && !isSilent(ticket, nowMs))
      .sort((left, right) => left.ticket - right.ticket);
  }

  /** Whether nobody waits behind a ticket any more. */
  #isOver(ticket: LockTicket, nowMs: number): boolean {
    if (Date.parse(ticket.until) <= nowMs) return true;
    const process = processIn(ticket);
    return process !== null && this.#isAlive(process) === false;
  }

  // ---- writing -------------------------------------------------------------------------------

  /** Writes what a draft changed, and what happened. */
  carryOut(write: Writing, draft: LockDraft, note: ChangeNote): void {
    for (const { path, kind, holders } of draft.changes()) {
      const name = fileNameFor(path);
      if (holders.length === 0) write.drop(LOCKS, name);
      else this.#locks.write(write, LOCKS, name, { path, kind, holders: holders.map(stored) });
    }
    for (const line of draft.lines) this.log(write, line, note);
  }

  /** Adds a line to the log of locks. */
  log(write: Writing, line: LockLine, { agent, source, note }: ChangeNote): void {
    write.appendLocal(LOCK_LOG, {
      ...line,
      agent: agent ?? this.#context.actor,
      source: source ?? this.#context.source,
      ...(note === undefined ? {} : { note }),
    });
  }

  /** Takes damaged files away; their bytes go to `local/quarantine/`. */
  clear(write: Writing, files: readonly DamagedFile[]): void {
    for (const { name } of files) putAside(write, this.#context, LOCKS, name);
  }

  // ---- the queue -----------------------------------------------------------------------------

  /** A place behind all who wait. */
  nextTicket(write: Writing): number {
    const highest = write.names(LOCK_QUEUE).reduce((most, name) => {
      const number = Number(name.slice(0, -SUFFIX.length));
      return Number.isSafeInteger(number) ? Math.max(most, number) : most;
    }, 0);
    return write.nextId(TICKET_KIND, highest);
  }

  /** Waits, or goes on waiting. */
  putTicket(write: Writing, ticket: LockTicket): void {
    write.put(LOCK_QUEUE, ticketName(ticket.ticket), formatJson(ticket));
  }

  /** Waits no longer. */
  dropTicket(write: Writing, ticket: number): void {
    write.drop(LOCK_QUEUE, ticketName(ticket));
  }

  /** Drops the tickets behind which nobody waits any more, and puts aside what is none. */
  sweepQueue(write: Writing, note: ChangeNote): void {
    const nowMs = this.#context.nowMs();
    for (const file of write.list(LOCK_QUEUE)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = this.#tickets.decode(file);
      const name = nameOf(file.path);
      if (!("value" in decoded)) {
        // What cannot be put aside is nobody's place in the queue all the same.
        if (isFault(file) && file.fault.code !== "CORRUPT") continue;
        putAside(write, this.#context, LOCK_QUEUE, name);
        const at = toIso(nowMs);
        this.log(write, { at, event: "cleared", file: inFolder(LOCK_QUEUE, name) }, note);
      } else if (this.#isOver(decoded.value, nowMs)) write.drop(LOCK_QUEUE, name);
    }
  }
}

function stored({ path: _path, ...holder }: LockEntry): Omit<LockEntry, "path"> {
  return holder;
}

function ticketName(ticket: number): string {
  return fileNameFor(String(ticket));
}

/** Whoever is stopped, or whose store was closed, waits without showing it. */
function isSilent({ seenAt }: LockTicket, nowMs: number): boolean {
  return Math.abs(nowMs - Date.parse(seenAt)) > SILENT_MS;
}
