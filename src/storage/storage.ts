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

import { FlowError, isFlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import type { ProcessIdentity } from "../disk/machine.ts";
import { Committer, goneError, StaleLook, type CommitterOptions } from "./committer.ts";
import { EventLog, type LogLook } from "./event-log.ts";
import { LastEvents } from "./last-events.ts";
import { Files } from "./files.ts";
import { Guard } from "./guard.ts";
import { Journal } from "./journal.ts";
import { pathOf, type CommitRecord } from "./journal-lines.ts";
import { EVENTS, LOCAL_FOLDERS } from "./layout.ts";
import { Transaction, TransactionBase } from "./transaction.ts";
import { Overlay, Reading, type Writing } from "./view.ts";

/** How long commits wait for the disk. */
export type Durability = "full" | "relaxed" | "none";

export interface StorageOptions {
  readonly durability: Durability;
  readonly guardTimeoutMs: number;
  readonly readOnly: boolean;
  readonly actor: string;
  readonly identity: ProcessIdentity;
  /** On a file system that several kernels may share. */
  readonly shared: boolean;
  /** State of git's HEAD, opaque; null outside git. */
  readonly gitHead: () => string | null;
  /** The machine's clock: file times are compared with it. */
  readonly wallMs: () => number;
  /** The user's clock: events and leases are stamped with it. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly randomName: () => string;
  readonly newUlid: (after: string | null, nowMs: number) => string;
  readonly toIso: (ms: number) => string;
  readonly sleep: (ms: number) => Promise<void>;
  /** A change was committed and some files follow later. */
  readonly onApplyPending: (paths: readonly { path: string; reason: string }[]) => void;
}

/** After the last call the guard is kept so long, for the next one of a burst. */
const LINGER_MS = 4;
/** `relaxed` answers so long before it syncs and applies, at most. */
const RELAXED_MS = 80;
/** Idle for so long, the floor is raised in the background. */
const IDLE_MS = 60;
/** On close, a longer journal is replaced by a short one. */
const CLOSE_ROTATE_BYTES = 64 * 1024;
/** A look that finds the journal moved every time: somebody writes in it without end. */
const MAX_READ_TRIES = 10_000;
/** So many hand edits in a row, each within microseconds, are no hand edits. */
const MAX_STALE_TRIES = 1000;
/** Folders may vanish with `local/` while a writer begins: then it begins again. */
const MAX_FOLDER_TRIES = 5;

interface Job {
  readonly decide: (write: Writing) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: number;
}

export class Storage {
  readonly disk: Disk;
  readonly options: StorageOptions;
  readonly journal: Journal;
  readonly files: Files;
  readonly overlay: Overlay;
  readonly log: EventLog;
  readonly lastEvents: LastEvents;
  readonly #guard: Guard;
  readonly #committer: Committer;
  readonly #context = new AsyncLocalStorage<Transaction>();
  #queue: Job[] = [];
  /** The end of the line of those who need the guard in this process. */
  #turn: Promise<void> = Promise.resolve();
  #running = false;
  #reading: Reading | null = null;
  #readingIsStale = false;
  #lingerTimer: NodeJS.Timeout | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #closed = false;
  /** A sync failed: nothing more is written until the store is opened again. */
  #broken: FlowError | null = null;

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
        readOnly: options.readOnly,
      },
    );
    this.overlay = new Overlay(this.journal);
    this.log = new EventLog(disk, this.overlay);
    this.lastEvents = new LastEvents(disk, this.overlay);
    this.#guard = new Guard(disk, { ...options, nowIso: () => options.toIso(options.nowMs()) });
    const committerOptions: CommitterOptions = { ...options, beat: () => this.#guard.beat() };
    this.#committer = new Committer(this, committerOptions);
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

  #refuseClosed(): void {
    if (this.#closed) throw new FlowError("CLOSED", "Cannot use the store: it is closed");
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
    this.log.refresh(view.names(EVENTS), this.files.freshSince(), this.files.now());
  }

  /** Brings the time of each stream's last event up to date within a look. */
  refreshLastEvents(view: Reading | Writing): void {
    this.lastEvents.refresh(view.names(EVENTS), this.files.freshSince(), this.files.now());
  }

  /** The whole log as of now, numbered. */
  async events(): Promise<LogLook> {
    return this.read((view) => {
      this.refreshLog(view);
      return this.log.look(this.journal.ledger);
    });
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
    const deadline = this.options.monotonicMs() + this.options.guardTimeoutMs;
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ decide, resolve: resolve as (value: unknown) => void, reject, deadline });
      if (!this.#running) this.#startDraining();
    });
  }

  #refuseReadOnly(): void {
    if (this.options.readOnly)
      throw new FlowError("READ_ONLY", "Cannot write: the store was opened read-only");
    if (this.#broken !== null) throw this.#broken;
  }

  #startDraining(): void {
    this.#running = true;
    this.#inTurn(() => this.#drain())
      .catch((error: unknown) => {
        for (const job of this.#queue.splice(0)) job.reject(error);
      })
      .finally(() => {
        this.#running = false;
        if (this.#queue.length > 0) this.#startDraining();
      });
  }

  /** One after another: whoever needs the guard in this process. */
  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let done: () => void = () => undefined;
    this.#turn = new Promise((resolve) => (done = resolve));
    await before;
    try {
      return await act();
    } finally {
      done();
    }
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const overdue = this.#queue.filter((job) => job.deadline < this.options.monotonicMs());
      if (overdue.length > 0) {
        this.#queue = this.#queue.filter((job) => !overdue.includes(job));
        for (const job of overdue) job.reject(this.#waitedTooLong());
        continue;
      }
      const first = this.#queue[0];
      if (first === undefined) break;
      try {
        await this.#hold(first.deadline);
      } catch (error) {
        // The guard could not be had in time, or not be tried: these callers are told.
        for (const job of this.#queue.splice(0)) job.reject(error);
        break;
      }
      // Callers of this very moment join the group.
      await Promise.resolve();
      const group = this.#queue.splice(0);
      await this.#commitGroup(group);
      await this.#yieldIfWanted();
    }
    this.#linger();
  }

  /** Hands the guard over when another process waits. The callers of this turn are answered. */
  async #yieldIfWanted(): Promise<void> {
    try {
      if (this.#guard.shouldYield()) await this.#letGo();
    } catch (error) {
      this.#followsLater(error);
    }
  }

  #waitedTooLong(): FlowError {
    const waitedMs = this.options.guardTimeoutMs;
    return new FlowError(
      "TIMEOUT",
      `Cannot write: other calls of this process held the store for ${waitedMs} ms`,
      {
        context: { waitedMs },
        hint: "Try again; a transaction elsewhere may be running long.",
      },
    );
  }

  async #commitGroup(group: readonly Job[]): Promise<void> {
    const outcomes: Outcome[] = [];
    try {
      const attempt = this.#committer.newAttempt();
      for (const job of group) outcomes.push(this.#decide(attempt, job));
      if (!attempt.isEmpty) await this.#publish(attempt, group, outcomes);
    } catch (error) {
      // What may have happened must not be tried again.
      if (!isFlowError(error, "IO") || group.length === 1 || isUnknown(error)) {
        for (const job of group) job.reject(error);
        return;
      }
      // Whose failure it is can only be told by trying each alone.
      for (const job of group) await this.#commitGroup([job]);
      return;
    }
    for (const [index, job] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ("error" in outcome) job.reject(outcome.error);
      else job.resolve(outcome.value);
    }
  }

  #decide(attempt: Writing, job: Job): Outcome {
    for (let tries = 0; ; tries += 1) {
      const own = attempt.nested();
      try {
        const value = job.decide(own);
        attempt.join(own);
        return { value };
      } catch (error) {
        // A hand edit came between two looks of the decision: once more, on what is there now.
        if (!(error instanceof StaleLook) || tries >= MAX_STALE_TRIES) return { error };
      }
    }
  }

  /** Publishes an attempt; when another process was faster, decides again on the new state. */
  async #publish(attempt: Writing, group: readonly Job[], outcomes: Outcome[]): Promise<void> {
    let current = attempt;
    for (;;) {
      const { removals } = this.journal;
      const fate = this.#attemptPublish(current);
      if (fate === "kept") return;
      if (fate === "fenced") return this.#finishFenced(removals);
      await this.#hold(Infinity);
      current = this.#committer.newAttempt();
      for (const [index, job] of group.entries()) outcomes[index] = this.#decide(current, job);
      if (current.isEmpty) return;
    }
  }

  /** It is committed; under a new fence it is brought into the files before the caller is answered. */
  async #finishFenced(removals: number): Promise<void> {
    try {
      await this.#hold(Infinity);
    } catch (error) {
      this.#followsLater(error);
    }
    if (removals !== this.journal.removals) throw goneError();
  }

  #attemptPublish(write: Writing): "kept" | "lost" | "fenced" {
    try {
      return this.#committer.publish(write, this.options.durability);
    } catch (error) {
      this.#noteBroken(error);
      throw error;
    }
  }

  #noteBroken(error: unknown): void {
    if (isFlowError(error, "IO") && error.context["mustReopen"] === true) {
      this.#broken = new FlowError(
        "IO",
        `Cannot write: an earlier write failed in a way that leaves its outcome unknown (${error.message})`,
        { context: { ...error.context }, hint: "Open the store again.", cause: error },
      );
    }
  }

  /** Holds the guard and a standing fence, with everything committed applied. */
  async #hold(deadline: number): Promise<void> {
    this.#stopTimer("linger");
    for (let tries = 0; ; tries += 1) {
      try {
        if (!this.#guard.isHeld || !this.#committer.isReady()) {
          await this.#letGo();
          this.#makeFolders();
          await this.#guard.take(
            Math.max(
              0,
              Math.min(deadline - this.options.monotonicMs(), this.options.guardTimeoutMs),
            ),
          );
        }
        this.#committer.begin();
        return;
      } catch (error) {
        // `local/` was removed (git clean) between making its folders and using them.
        const vanished = isFlowError(error, "IO") && error.context["errno"] === "ENOENT";
        if (!vanished || tries >= MAX_FOLDER_TRIES) {
          await this.#letGo();
          this.#noteBroken(error);
          throw error;
        }
      }
    }
  }

  #makeFolders(): void {
    for (const folder of LOCAL_FOLDERS) {
      if (this.disk.stat(folder) === null) this.disk.makeFolder(folder);
    }
  }

  async #letGo(): Promise<void> {
    try {
      if (this.#guard.isHeld) this.#committer.flush();
    } finally {
      this.#committer.end();
      await this.#guard.release();
    }
  }

  /** Keeps the guard a little for the next call, unless somebody waits for it. */
  #linger(): void {
    if (!this.#guard.isHeld) return;
    this.#scheduleFlush();
    this.#stopTimer("linger");
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = null;
      if (this.#running) return;
      this.#inTurn(() => this.#settleDown()).catch((error: unknown) => this.#followsLater(error));
    }, LINGER_MS);
  }

  async #settleDown(): Promise<void> {
    if (this.#queue.length > 0 || this.#closed) return;
    // `relaxed` keeps the guard until its changes are in the files, unless it is wanted.
    if (this.#committer.hasDeferred && this.#flushTimer !== null && !this.#guard.isWanted()) {
      this.#linger();
      return;
    }
    this.#committer.leaveCache();
    await this.#letGo();
    this.#scheduleIdle();
  }

  #scheduleFlush(): void {
    if (!this.#committer.hasDeferred || this.#flushTimer !== null) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = null;
      void this.#inTurn(async () => {
        if (this.#closed || !this.#committer.hasDeferred) return;
        await this.#hold(Infinity);
        this.#committer.flush();
        if (!this.#running) this.#linger();
      }).catch((error: unknown) => this.#followsLater(error));
    }, RELAXED_MS);
  }

  /** The changes are committed; whoever comes next brings them into the files. */
  #followsLater(error: unknown): void {
    if (!isFlowError(error)) throw error;
    this.#noteBroken(error);
    this.options.onApplyPending([{ path: "local/journal", reason: error.message }]);
  }

  #scheduleIdle(): void {
    if (this.#idleTimer !== null || this.options.durability === "none") return;
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = null;
      if (this.#closed || this.#guard.isHeld) return;
      void this.#committer.raiseFloor(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return !this.#closed;
      });
    }, IDLE_MS);
    this.#idleTimer.unref();
  }

  #stopTimer(which: "linger" | "flush" | "idle"): void {
    const timer = { linger: this.#lingerTimer, flush: this.#flushTimer, idle: this.#idleTimer }[
      which
    ];
    if (timer !== null) clearTimeout(timer);
    if (which === "linger") this.#lingerTimer = null;
    else if (which === "flush") this.#flushTimer = null;
    else this.#idleTimer = null;
  }

  // ---- transactions --------------------------------------------------------------------------

  /** Runs `act` with everything it does through this storage in one commit; see the contract. */
  async transaction<T>(act: () => Promise<T> | T, timeoutMs: number): Promise<T> {
    this.#refuseClosed();
    this.#refuseReadOnly();
    const outer = this.#context.getStore();
    if (outer !== undefined) return outer.nest((inner) => this.#context.run(inner, act));
    const deadline = this.options.monotonicMs() + this.options.guardTimeoutMs;
    return this.#inTurnBefore(deadline, async () => {
      await this.#hold(deadline);
      const base = new TransactionBase(this, this.#committer);
      const transaction = new Transaction(base.newWriting(), timeoutMs);
      const value = await transaction.runAll(() => this.#context.run(transaction, act));
      await this.#publishTransaction(base, transaction);
      await this.#yieldIfWanted();
      return value;
    });
  }

  /** {@link #inTurn} for one who does not wait past a deadline. */
  async #inTurnBefore<T>(deadline: number, act: () => Promise<T>): Promise<T> {
    let late = false;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          late = true;
          reject(this.#waitedTooLong());
        },
        Math.max(0, deadline - this.options.monotonicMs()),
      );
    });
    const turn = this.#inTurn(async () => {
      clearTimeout(timer);
      if (late) throw this.#waitedTooLong();
      try {
        return await act();
      } finally {
        if (this.#guard.isHeld) this.#linger();
      }
    });
    return Promise.race([turn, tooLate]);
  }

  async #publishTransaction(base: TransactionBase, transaction: Transaction): Promise<void> {
    const write = transaction.finish();
    if (write.isEmpty) return;
    for (;;) {
      if (!this.#guard.isHeld || !this.#committer.isReady()) await this.#hold(Infinity);
      base.verify(write);
      const { removals } = this.journal;
      const fate = this.#attemptPublish(write);
      if (fate === "kept") return;
      if (fate === "fenced") return this.#finishFenced(removals);
      await this.#hold(Infinity);
    }
  }

  // ---- the end -------------------------------------------------------------------------------

  /** Finishes what is committed and not applied, and cleans up after killed writers. */
  async recover(): Promise<void> {
    this.#refuseClosed();
    this.#refuseReadOnly();
    await this.#inTurn(async () => {
      await this.#hold(this.options.monotonicMs() + this.options.guardTimeoutMs);
      await this.#letGo();
    });
  }

  /** Lets everything go. Calls under way end first; later ones are `CLOSED`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#running || this.#queue.length > 0) await this.#inTurn(async () => undefined);
    await this.#inTurn(async () => {
      this.#closed = true;
      for (const timer of ["linger", "flush", "idle"] as const) this.#stopTimer(timer);
      try {
        if (this.#committer.hasDeferred && this.#broken === null) await this.#hold(Infinity);
        if (this.#guard.isHeld) this.#committer.flush();
        if (this.#guard.isHeld) this.#committer.shorten(CLOSE_ROTATE_BYTES);
        if (this.#guard.isHeld) this.#committer.leaveCache();
      } catch (error) {
        this.#followsLater(error);
      }
      try {
        await this.#letGo();
      } catch (error) {
        this.#followsLater(error);
      }
      this.journal.close();
    });
  }
}

function isUnknown(error: FlowError): boolean {
  return error.context["outcome"] === "unknown";
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };
