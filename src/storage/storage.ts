/**
 * The engine: read, commit, transaction. Free of the domain; nothing above this room knows that
 * there is a journal.
 *
 * A commit: take the guard and raise a fence; read the journal and finish what is committed and
 * not applied; run the pure decisions on what is read now; stage the temporaries; look again at
 * what will be replaced; write one record, sync it once, read it back; `ok`; apply; mark. The
 * guard and the fence are kept for a burst of calls and handed over when another process waits.
 * Calls that wait at the same moment share one record and its sync (group commit): each decision
 * runs on the result of the one before it, and if the shared record fails, each is tried alone.
 */

import { AsyncLocalStorage } from "node:async_hooks";

import { FlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import { Committer, type CommitterOptions } from "./committer.ts";
import { Files, isLinked } from "./files.ts";
import { GroupCommit } from "./group-commit.ts";
import { Guard } from "./guard.ts";
import { Hold } from "./hold.ts";
import { pathOf, type CommitRecord } from "./journal-lines.ts";
import { Journal } from "./journal.ts";
import { LastEvents } from "./last-events.ts";
import { EVENTS } from "./layout.ts";
import { readLocalLog, type LocalLine } from "./local-log.ts";
import type { IndexedReader } from "./indexed-reader.ts";
import type { ArchiveOptions, ArchiveReport } from "./log-archive.ts";
import { LogIndex } from "./log-index.ts";
import type { LogReader } from "./log-reader.ts";
import { LogReaders } from "./log-readers.ts";
import { Overlay } from "./overlay.ts";
import type { Durability, Parts, StorageOptions } from "./parts.ts";
import { Transaction, TransactionBase } from "./transaction.ts";
import { Reading, Writing } from "./view.ts";

export type { Durability, StorageOptions };

/** A look that finds the journal moved every time: somebody writes in it without end. */
const MAX_READ_TRIES = 10_000;

/** A root's files as one consistent, durable state. */
export class Storage implements Parts {
  readonly disk: Disk;
  readonly options: StorageOptions;
  readonly journal: Journal;
  readonly files: Files;
  readonly overlay: Overlay;
  readonly log: LogIndex;
  readonly readers: LogReaders;
  readonly lastEvents: LastEvents;
  readonly #committer: Committer;
  readonly #hold: Hold;
  readonly #group: GroupCommit;
  readonly #context = new AsyncLocalStorage<Transaction>();
  #reading: Reading | null = null;
  #readingIsStale = false;
  #closing = false;
  #closed = false;

  constructor(disk: Disk, options: StorageOptions) {
    this.disk = disk;
    this.options = options;
    this.files = new Files(disk, options);
    this.journal = new Journal(
      disk,
      {
        committed: (record) => this.#committed(record),
        applied: (record) => this.#applied(record),
        lost: () => this.#lost(),
      },
      {
        bootId: options.identity.bootId,
        randomName: options.randomName,
        nowIso: () => options.toIso(options.wallMs()),
        readOnly: options.readOnly,
      },
    );
    this.overlay = new Overlay(this.journal);
    this.log = new LogIndex(disk, this.overlay, {
      usesCache: true,
      isStill: (changedMs) => this.files.isStill(changedMs),
      idsOf: options.idsOf,
      namesIds: options.namesIds,
    });
    this.readers = new LogReaders(this.log);
    this.lastEvents = new LastEvents(disk, this.overlay);
    const guard = new Guard(disk, { ...options, nowIso: () => options.toIso(options.wallMs()) });
    const committerOptions: CommitterOptions = { ...options, beat: () => guard.beat() };
    this.#committer = new Committer(this, committerOptions);
    this.#hold = new Hold(disk, options, guard, this.#committer, () => this.#group.isBusy);
    this.#group = new GroupCommit(options, this.journal, this.#committer, this.#hold);
  }

  #committed(record: CommitRecord): void {
    for (const change of record.changes) {
      const path = pathOf(change);
      this.files.touched(path, !("drop" in change));
      if (this.#reading?.saw(path) === true) this.#readingIsStale = true;
    }
    this.log.committed(record.changes);
    this.lastEvents.committed(record.changes);
  }

  /** A look may have seen a file as it was before, and only the overlay have told better. */
  #applied(record: CommitRecord): void {
    for (const change of record.changes) {
      const path = pathOf(change);
      this.files.touched(path, !("drop" in change));
    }
  }

  #lost(): void {
    this.files.distrust();
    this.log.distrust();
    this.lastEvents.distrust();
    this.#readingIsStale = true;
  }

  /** From the moment `close` is called; what a transaction under way does still counts. */
  #refuseClosed(): void {
    const isInside = this.#context.getStore() !== undefined;
    if (this.#closed || (this.#closing && !isInside))
      throw new FlowError("CLOSED", "Cannot use the store: it is closed");
  }

  // ---- reading -------------------------------------------------------------------------------

  /**
   * Runs `look` on one consistent state, without a lock and without writing. `look` may run more
   * than once and should only gather; what it gathered is of one commit.
   *
   * Inside a transaction it sees the transaction's own writes.
   */
  async read<T>(look: (view: Reading | Writing) => T): Promise<T> {
    this.#refuseClosed();
    const transaction = this.#context.getStore();
    if (transaction !== undefined) return transaction.run((write) => look(write));
    return this.readNow(look);
  }

  /** {@link read} outside of a transaction, at once. */
  readNow<T>(look: (view: Reading) => T): T {
    const since = this.files.freshSince();
    for (let tries = 0; tries < MAX_READ_TRIES; tries += 1) {
      this.journal.tail();
      const reading = new Reading(this.files, this.overlay, since);
      this.#reading = reading;
      this.#readingIsStale = false;
      try {
        const result = look(reading);
        this.journal.tail();
        if (!this.#readingIsStale) return result;
      } finally {
        this.#reading = null;
      }
    }
    throw new FlowError(
      "TIMEOUT",
      `Cannot read: the store changed ${MAX_READ_TRIES} times meanwhile`,
    );
  }

  /** Brings the event log up to date within a look. */
  refreshLog(view: Reading | Writing): void {
    const names = view.names(EVENTS);
    this.log.refresh(names, this.files.freshSince(), this.files.lookedAt(EVENTS));
  }

  /** Brings the time of each stream's last event up to date within a look. */
  refreshLastEvents(view: Reading | Writing): void {
    const names = eventNames(view);
    this.lastEvents.refresh(names, this.files.freshSince(), this.files.lookedAt(EVENTS));
  }

  /** When a stream was last added to, as this look sees it. */
  lastTimeOf(view: Reading | Writing, stream: string): string | null {
    const own = view instanceof Writing ? view.lastTimeOf(stream) : null;
    return own ?? this.lastEvents.of(stream)?.createdAt ?? null;
  }

  /** The log as of one commit; in a transaction with its own events. */
  async reader(): Promise<IndexedReader> {
    return this.read((view) => this.readerIn(view));
  }

  /**
   * The log as a look or a decision sees it: of a write with all that it adds so far. A decision
   * runs again when its record has lost, and must then take a reader anew.
   */
  readerIn(view: Reading | Writing): IndexedReader {
    this.refreshLog(view);
    const pending = view instanceof Writing ? view.pendingBatches() : [];
    return this.readers.reader(this.journal, pending);
  }

  /** A reader that believes no cache and reads every line anew. */
  freshReaderIn(view: Reading | Writing): IndexedReader {
    const { disk, overlay, journal, files, options } = this;
    const index = new LogIndex(disk, overlay, {
      usesCache: false,
      isStill: () => true,
      idsOf: options.idsOf,
      namesIds: () => true,
    });
    index.refresh(view.names(EVENTS), files.freshSince(), files.lookedAt(EVENTS));
    return new LogReaders(index).reader(journal);
  }

  /** How far the numbers are given; costs an fstat where nothing happened. */
  glance(): Pick<LogReader, "epoch" | "lastGiven"> {
    this.#refuseClosed();
    this.journal.tail();
    return { epoch: this.journal.epoch, lastGiven: this.journal.ledger.nextSequence - 1 };
  }

  /** Whether the caller is inside a transaction of this storage. */
  get isInTransaction(): boolean {
    return this.#context.getStore()?.isOpen === true;
  }

  /** {@link reader} for who can do without; `null` where `events` is a link, which `check` names. */
  async readerIfThere(): Promise<IndexedReader | null> {
    try {
      return await this.reader();
    } catch (error) {
      if (!isLinked(error)) throw error;
      return null;
    }
  }

  /** The lines of a log of this clone's own, oldest first, without those of a write under way. */
  localLines(view: Reading | Writing, folder: string, holding = ""): LocalLine[] {
    return readLocalLog(this.disk, this.overlay, folder, view.names(folder), holding);
  }

  // ---- writing -------------------------------------------------------------------------------

  /**
   * Commits what `decide` changes: all of it or, when it throws, nothing. `decide` is pure, runs
   * on the current state, and may run again when another process was faster.
   */
  async commit<T>(decide: (write: Writing) => T): Promise<T> {
    this.#refuseClosed();
    this.#refuseReadOnly();
    const transaction = this.#context.getStore();
    if (transaction !== undefined) return transaction.run(decide);
    return this.#group.run(decide);
  }

  #refuseReadOnly(): void {
    if (this.options.readOnly)
      throw new FlowError("READ_ONLY", "Cannot write: the store was opened read-only");
    if (this.#hold.broken !== null) throw this.#hold.broken;
  }

  // ---- transactions --------------------------------------------------------------------------

  /** Runs `act` with everything it does through this storage in one commit; see the contract. */
  async transaction<T>(act: () => Promise<T> | T, timeoutMs: number): Promise<T> {
    this.#refuseClosed();
    this.#refuseReadOnly();
    const outer = this.#context.getStore();
    if (outer !== undefined) return outer.nest((inner) => this.#context.run(inner, act), timeoutMs);
    const deadline = this.options.monotonicMs() + this.options.guardTimeoutMs;
    return this.#hold.inTurnBefore(deadline, async () => {
      await this.#hold.take(deadline);
      const base = new TransactionBase(this, this.#committer);
      const { monotonicMs } = this.options;
      const pace = { monotonicMs, breathe: () => this.#hold.breathe() };
      const transaction = new Transaction(base.newWriting(), timeoutMs, pace);
      const value = await this.#hold.lend(() =>
        transaction.runAll(() => this.#context.run(transaction, act)),
      );
      await this.#publishTransaction(base, transaction);
      await this.#hold.yieldIfWanted();
      return value;
    });
  }

  async #publishTransaction(base: TransactionBase, transaction: Transaction): Promise<void> {
    const write = transaction.finish();
    if (write.isEmpty) return;
    const deadline = this.options.monotonicMs() + this.options.guardTimeoutMs;
    do {
      if (this.options.monotonicMs() > deadline) throw this.#hold.waitedTooLong("other processes");
      await this.#hold.take(Infinity);
      // What was put off could not be synced while the transaction ran.
      if (this.#hold.broken !== null) throw this.#hold.broken;
      base.verify(write);
    } while (!(await this.#group.publish(write)));
  }

  /** It would wait for the end of the transaction that waits for it. */
  #refuseInside(what: string): void {
    if (this.#context.getStore()?.isOpen !== true) return;
    throw new FlowError("BAD_REQUEST", `Cannot ${what} the store inside a transaction of its own`);
  }

  // ---- the end -------------------------------------------------------------------------------

  /** Finishes what is committed and not applied, and cleans up after killed writers. */
  async recover(): Promise<void> {
    this.#refuseInside("repair");
    this.#refuseClosed();
    this.#refuseReadOnly();
    await this.#hold.inTurn(async () => {
      await this.#hold.take(this.options.monotonicMs() + this.options.guardTimeoutMs);
      await this.#hold.letGo();
    });
  }

  /**
   * Packs closed segments of the log: full ones, earlier ones of this clone, and others whose last
   * event is old enough. What cannot be packed without a doubt stays, and is named.
   */
  async archive(options: ArchiveOptions): Promise<ArchiveReport> {
    this.#refuseInside("archive");
    this.#refuseClosed();
    this.#refuseReadOnly();
    const deadline = this.options.monotonicMs() + this.options.guardTimeoutMs;
    return this.#hold.inTurnBefore(deadline, async () => {
      await this.#hold.take(deadline);
      const report = this.#committer.archive(options);
      await this.#hold.yieldIfWanted();
      return report;
    });
  }

  /**
   * Lets everything go. Calls under way end first; later ones are `CLOSED`.
   *
   * @param before what may still call, and write; until then others may, too.
   */
  async close(before: (() => Promise<void>) | null = null): Promise<void> {
    if (this.#closed) return;
    this.#refuseInside("close");
    if (before !== null) await before();
    this.#closing = true;
    while (this.#group.isBusy) await this.#hold.inTurn(async () => undefined);
    await this.#hold.inTurn(async () => {
      this.#closed = true;
      // Node 20 visits every context that ever ran at each promise of the process, until then.
      this.#context.disable();
      await this.#hold.end();
      this.journal.close();
      this.log.close();
    });
    this.#group.tellUnheard();
  }
}

/** Where `events` is a link there are none: `check` names it, and who needs no events goes on. */
function eventNames(view: Reading | Writing): readonly string[] {
  try {
    return view.names(EVENTS);
  } catch (error) {
    if (!isLinked(error)) throw error;
    return [];
  }
}
