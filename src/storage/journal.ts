/**
 * The journal: the one place where it is decided what happened.
 *
 * INVARIANT: commit number n has exactly one winner, the first valid record or seal of that
 * number in the file, and every process that reads the file finds the same one.
 *
 * A line counts only if its checksum is right, its number follows the head, it names the head's
 * id, and no seal stands before it. The file is only ever appended to (O_APPEND, one write a
 * line): never truncated, replaced or named twice. Hence the rules, each with what breaks
 * without it (the tests under test/crash/mutants take them out one by one):
 *
 * | rule | without it |
 * | --- | --- |
 * | read back by the same descriptor before answering | of two writers with a broken guard both believe they won |
 * | `prev` names the head | a record decided on an older state is taken for the next one |
 * | one sync before `ok`, `ok` before anything is applied | a power cut leaves a changed file and no record of the change |
 * | a record without `ok` is synced by whoever finds it, before it is believed | the helper answers on a record that a power cut takes away |
 * | records of an earlier boot need no `ok` | what was acknowledged is forgotten, since `ok` itself is not synced |
 * | a failed sync poisons the file | the next process reads the record from the page cache, builds on it, and it is not on the disk |
 * | rotation by a seal that competes for a number | a paused writer appends to the old file after its copy was taken |
 * | the old file stays until the new one holds a synced record of its own | a power cut leaves neither |
 * | a mark counts in its boot only | a rename that was not synced is believed to have happened |
 * | a line is whole by its checksum, not by its last LF | a line cut by one byte, answered as failed, is completed by the LF of the next |
 * | no rotation past a record without `ok` | the successor leaves it out, and its writer believes it won |
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { Disk, Handle } from "../disk/disk.ts";
import { ioError } from "../disk/io-error.ts";
import {
  decodeLine,
  encodeLine,
  JOURNAL_VERSION,
  splitLines,
  type CommitRecord,
  type JournalHeader,
  type JournalLine,
} from "./journal-lines.ts";
import { folderOf, inFolder, JOURNAL, LOCAL } from "./layout.ts";
import { Ledger } from "./ledger.ts";

/** The only file whose name two processes may both want; made by `link`, which one of them wins. */
const FIRST_FILE = "000000000000-first";
/** So many first files without a header, one after another, are no leftovers of power cuts. */
const MAX_FIRST_FILES = 9;
const FILE_PATTERN = /^(\d{12,})-[a-z0-9]+\.jsonl$/;

/** A record that is not yet known to be in the files and synced. */
export interface WindowEntry {
  readonly record: CommitRecord;
  /** The boot in which it was applied; null when it still has to be. */
  appliedIn: string | null;
  /** Paths that could not be written: the record stays the truth for them. */
  stuck: ReadonlySet<string>;
}

/** What a view of the files is told, in order. */
export interface JournalListener {
  /** A commit became visible. */
  committed(record: CommitRecord): void;
  /** A commit that was visible before is in the files now: looks at them are out of date. */
  applied(record: CommitRecord): void;
  /** What happened since the last look is not known: nothing remembered may be trusted. */
  lost(): void;
}

export interface JournalOptions {
  readonly bootId: string;
  readonly randomName: () => string;
  /** Nothing will be written: the file is not even opened for it. */
  readonly readOnly: boolean;
}

/** Stands for the boot of marks that were made elsewhere. */
const COPIED = "copied";

const NO_PATHS: ReadonlySet<string> = new Set();

export class Journal {
  readonly #disk: Disk;
  readonly #options: JournalOptions;
  readonly #listener: JournalListener;

  #file: string | null = null;
  #handle: Handle | null = null;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);
  #header: JournalHeader | null = null;
  #sealedBy: { n: number; next: string } | null = null;
  /** The record being appended by this process, and whether it was found to have won. */
  #mine: { record: CommitRecord; line: Buffer; won: boolean } | null = null;
  /** The last commit of which the listener was told, by epoch. */
  #told: { epoch: string; n: number } | null = null;
  #oldFilesLeft = true;
  /** Successors that a seal names and that are not there: lost by a power cut under `none`, or removed. */
  readonly #deadEnds = new Set<string>();
  /** The folder was copied: its marks speak of other files. */
  #copied = false;

  head = { n: 0, id: "" };
  /** The last commit that counts for everybody. */
  ok = 0;
  /** The last commit known to be on the disk. */
  synced = 0;
  floor = 0;
  poisoned = false;
  ledger = new Ledger();
  /** By number: what is above the floor, and what is stuck. */
  window = new Map<number, WindowEntry>();
  /** The part of the window that is not wholly in the files as far as this boot knows. */
  readonly #unfinished = new Map<number, WindowEntry>();
  /** Rises with everything that is read. */
  version = 0;
  /** How often the open file was found removed without a successor: `local/` was. */
  removals = 0;

  constructor(disk: Disk, listener: JournalListener, options: JournalOptions) {
    this.#disk = disk;
    this.#listener = listener;
    this.#options = options;
  }

  get header(): JournalHeader | null {
    return this.#header;
  }

  /** Bytes of the current file; 0 without one. */
  get size(): number {
    return this.#offset;
  }

  get file(): string | null {
    return this.#file;
  }

  /** Commits that count and are not wholly in the files as far as this boot knows, in order. */
  unapplied(): WindowEntry[] {
    const entries: WindowEntry[] = [];
    for (const [n, entry] of this.#unfinished) if (n <= this.ok) entries.push(entry);
    return entries.sort((a, b) => a.record.n - b.record.n);
  }

  // ---- reading -------------------------------------------------------------------------------

  /**
   * Reads what was appended since the last look, following seals. Never writes.
   *
   * @returns whether anything is new.
   */
  tail(): boolean {
    const before = this.version;
    for (;;) {
      if (this.#handle === null && !this.#locate()) {
        if (this.head.id !== "") this.#forget();
        break;
      }
      const handle = this.#handle as Handle | null;
      if (handle === null) break;
      const stat = handle.stat();
      if (stat.size > this.#offset) this.#readTo(handle, stat.size);
      if (this.#sealedBy !== null) {
        this.#follow(this.#sealedBy.next);
        continue;
      }
      if (stat.nlink > 0) break;
      // The file was removed without a successor: `local/` was deleted (git clean -fdx).
      this.removals += 1;
      this.#close();
    }
    return this.version !== before;
  }

  #readTo(handle: Handle, size: number): void {
    try {
      this.#readBytes(handle, size);
    } catch (error) {
      // Half of it may be taken over already: the next look begins at the start.
      this.#close();
      this.#forget();
      throw error;
    }
    this.version += 1;
  }

  #readBytes(handle: Handle, size: number): void {
    const carried = this.#rest.length;
    const bytes = Buffer.allocUnsafe(carried + size - this.#offset);
    this.#rest.copy(bytes);
    let filled = carried;
    while (filled < bytes.length) {
      const count = handle.read(bytes, filled, bytes.length - filled, this.#offset);
      if (count === 0) break;
      filled += count;
      this.#offset += count;
    }
    const whole = bytes.subarray(0, filled);
    const used = splitLines(whole, (line) => this.#take(line));
    const rest = whole.subarray(used);
    this.#rest = rest.length === 0 || this.#take(rest) ? Buffer.alloc(0) : Buffer.from(rest);
  }

  /** Takes over what a line says; `false` for a void one. */
  #take(bytes: Buffer): boolean {
    const mine = this.#mine;
    // Our own record, byte for byte: it need not be parsed to be known.
    const line: JournalLine | null =
      mine !== null && bytes.equals(mine.line)
        ? mine.record
        : decodeLine(bytes, inFolder(JOURNAL, this.#file ?? ""));
    if (line === null) return false;
    switch (line.kind) {
      case "header":
        if (this.#header === null) this.#start(line);
        break;
      case "record":
        this.#takeRecord(line);
        break;
      case "seal":
        this.#takeSeal(line);
        break;
      case "ok":
        if (this.#isOnChain(line.n, line.id) && !this.poisoned) this.#takeOk(line.n, line.synced);
        break;
      case "mark":
        if (line.n <= this.ok) this.#takeMark(line.n, line.boot, line.stuck ?? []);
        break;
      case "floor":
        if (line.n <= this.ok) this.#takeFloor(line.n);
        break;
      case "poison":
        this.#takePoison();
        break;
    }
    return true;
  }

  #takeSeal(seal: { n: number; prev: string; next: string }): void {
    if (this.#sealedBy !== null || !this.#follows(seal) || this.#deadEnds.has(seal.next)) return;
    this.#sealedBy = { n: seal.n, next: seal.next };
  }

  #follows(line: { n: number; prev: string }): boolean {
    return line.n === this.head.n + 1 && line.prev === this.head.id;
  }

  #isOnChain(n: number, id: string): boolean {
    return n <= this.head.n && this.window.get(n)?.record.id === id;
  }

  #takeRecord(record: CommitRecord): void {
    if (this.#header === null || this.#sealedBy !== null || this.poisoned) return;
    if (!this.#follows(record)) return;
    this.head = { n: record.n, id: record.id };
    const entry: WindowEntry = { record, appliedIn: null, stuck: NO_PATHS };
    this.window.set(record.n, entry);
    this.#unfinished.set(record.n, entry);
    if (this.#mine?.record.id === record.id) this.#mine.won = true;
    // After a reboot what can be read came from the disk: it is durable and counts.
    if (record.boot !== this.#options.bootId) this.#takeOk(record.n, true);
  }

  #takeOk(n: number, synced: boolean): void {
    for (let k = this.ok + 1; k <= n; k += 1) {
      const entry = this.window.get(k);
      if (entry !== undefined) this.ledger.apply(entry.record);
    }
    this.ok = Math.max(this.ok, n);
    if (synced) this.synced = Math.max(this.synced, n);
    this.#tell();
  }

  #takeMark(n: number, boot: string, stuck: readonly (readonly [number, string])[]): void {
    const mark = this.#copied ? COPIED : boot;
    let freed = false;
    for (const [k, entry] of this.#unfinished) {
      if (k > n) continue;
      freed ||= entry.stuck.size > 0;
      entry.appliedIn = mark;
      entry.stuck = NO_PATHS;
      if (mark === this.#options.bootId) this.#unfinished.delete(k);
      this.#listener.applied(entry.record);
    }
    for (const [k, path] of stuck) {
      const entry = this.window.get(k);
      if (entry === undefined) continue;
      entry.stuck = new Set([...entry.stuck, path]);
      this.#unfinished.set(k, entry);
    }
    if (freed) this.#dropBelowFloor();
  }

  #takeFloor(n: number): void {
    this.floor = Math.max(this.floor, n);
    this.#dropBelowFloor();
  }

  #dropBelowFloor(): void {
    for (const [k, entry] of this.window) {
      if (k <= this.floor && entry.appliedIn !== null && entry.stuck.size === 0) {
        // The head stays, so that `ok` and seals can still name it.
        if (k < this.head.n) this.#forgetEntry(k);
      }
    }
  }

  #forgetEntry(n: number): void {
    this.window.delete(n);
    this.#unfinished.delete(n);
  }

  #takePoison(): void {
    this.poisoned = true;
    for (const k of this.window.keys()) if (k > this.ok) this.#forgetEntry(k);
    const last = this.window.get(this.ok)?.record.id;
    this.head = { n: this.ok, id: last ?? this.#header?.baseId ?? "" };
  }

  /** Tells the listener of commits it has not heard of. */
  #tell(): void {
    const epoch = this.#header?.epoch ?? "";
    const from = this.#told !== null && this.#told.epoch === epoch ? this.#told.n : null;
    if (from === null) {
      this.#listener.lost();
    } else {
      for (let n = from + 1; n <= this.ok; n += 1) {
        const entry = this.window.get(n);
        if (entry !== undefined) this.#listener.committed(entry.record);
      }
    }
    this.#told = { epoch, n: Math.max(from ?? 0, this.ok) };
  }

  // ---- finding the file ----------------------------------------------------------------------

  /** Starts from a header: the state is what it carries. */
  #start(header: JournalHeader): void {
    this.#header = header;
    this.#copied = header.local !== this.#disk.stat(LOCAL)?.ino;
    this.head = { n: header.base, id: header.baseId };
    this.ok = header.base;
    this.synced = header.base;
    this.floor = header.carried.reduce((n, c) => Math.min(n, c.record.n - 1), header.base);
    this.poisoned = false;
    this.ledger = Ledger.from(header);
    this.window = new Map(
      header.carried.map(({ record, appliedIn, stuck }) => [
        record.n,
        {
          record,
          // A copy's files may be older than its journal: everything is to be compared.
          appliedIn: this.#copied && appliedIn !== null ? COPIED : appliedIn,
          stuck: new Set(stuck),
        },
      ]),
    );
    this.#unfinished.clear();
    for (const [n, entry] of this.window) {
      if (entry.appliedIn !== this.#options.bootId || entry.stuck.size > 0)
        this.#unfinished.set(n, entry);
    }
    // Commits between the last look and this header, which it does not carry, went unseen.
    const told = this.#told;
    const unseen =
      told === null ||
      told.epoch !== header.epoch ||
      range(told.n + 1, header.base - 1).some((n) => !this.window.has(n));
    if (unseen) {
      this.#listener.lost();
      this.#told = { epoch: header.epoch, n: header.base };
    } else {
      this.#tell();
    }
    this.version += 1;
  }

  #close(): void {
    try {
      this.#handle?.close();
    } catch (error) {
      // The descriptor is gone all the same, and what matters was synced.
      if (!isFlowError(error, "IO")) throw error;
    }
    this.#handle = null;
    this.#file = null;
    this.#offset = 0;
    this.#rest = Buffer.alloc(0);
    this.#header = null;
    this.#sealedBy = null;
  }

  /** No journal at all: the files are the whole truth. */
  #forget(): void {
    this.head = { n: 0, id: "" };
    this.ok = 0;
    this.synced = 0;
    this.floor = 0;
    this.poisoned = false;
    this.ledger = new Ledger();
    this.window = new Map();
    this.#unfinished.clear();
    if (this.#told !== null) this.#listener.lost();
    this.#told = null;
    this.version += 1;
  }

  /** Opens a file and reads it; `false` when it is gone or has no header. */
  #open(name: string): boolean {
    this.#close();
    const handle = this.#openFile(inFolder(JOURNAL, name));
    if (handle === null) return false;
    this.#handle = handle;
    this.#file = name;
    this.#oldFilesLeft = true;
    this.#readTo(handle, handle.stat().size);
    if (this.#header !== null) return true;
    this.#close();
    return false;
  }

  /** On a read-only root it is opened for reading: a write fails then, as it must. */
  #openFile(path: string): Handle | null {
    if (this.#options.readOnly) return this.#disk.open(path, "read");
    try {
      return this.#disk.open(path, "append");
    } catch (error) {
      const errno = isFlowError(error, "IO") ? error.context["errno"] : null;
      if (errno !== "EACCES" && errno !== "EROFS" && errno !== "EPERM") throw error;
      return this.#disk.open(path, "read");
    }
  }

  #follow(next: string): void {
    if (this.#open(next)) return;
    // Replaced by a later file, which is found, or lost: then its seal leads nowhere and is void.
    this.#deadEnds.add(next);
    this.#locate();
  }

  /**
   * Finds the file that holds the head: of the files with a line after their header the one with
   * the highest base. Without such a line a file may be the orphan of a seal that lost.
   */
  #locate(): boolean {
    this.#close();
    for (;;) {
      const names = (this.#disk.list(JOURNAL) ?? []).filter((name) => FILE_PATTERN.test(name));
      let vanished = false;
      for (const name of names.reverse()) {
        if (!this.#hasSuccessors(name)) continue;
        if (this.#open(name)) return true;
        vanished ||= this.#disk.stat(inFolder(JOURNAL, name)) === null;
      }
      if (!vanished) return false;
    }
  }

  /** Whether a file may be started from: the first one, or one with a valid line after its header. */
  #hasSuccessors(name: string): boolean {
    if (name.startsWith(FIRST_FILE)) return true;
    const bytes = this.#disk.read(inFolder(JOURNAL, name));
    if (bytes === null) return false;
    let lines = 0;
    const count = (line: Buffer): void => {
      if (lines < 2 && decodeLine(line, name) !== null) lines += 1;
    };
    count(bytes.subarray(splitLines(bytes, count)));
    return lines > 1;
  }

  // ---- writing -------------------------------------------------------------------------------

  /**
   * Opens the journal for a writer: makes the first file where there is none, leaves a poisoned
   * or copied one for a successor, and checks that the open file is still the one in the folder.
   */
  begin(sync: boolean): void {
    this.#leaveIfMoved();
    this.tail();
    if (this.#handle === null) {
      this.#makeFirst(sync);
      this.tail();
    }
    while (this.#handle !== null && (this.#copied || this.poisoned)) {
      if (!this.poisoned) this.confirm(sync);
      this.rotate({ sync, newClone: this.#copied });
    }
    // Whoever made the file may have been killed before its name was durable.
    if (sync && this.synced <= (this.#header?.base ?? 0)) this.#syncNames();
  }

  /** Whether a writer must {@link begin} before it goes on. */
  get needsBegin(): boolean {
    return this.#header === null || this.poisoned || this.#copied;
  }

  #leaveIfMoved(): void {
    if (this.#handle !== null && this.#file !== null && this.#sealedBy === null) {
      const there = this.#disk.stat(inFolder(JOURNAL, this.#file));
      if (there === null || there.ino !== this.#handle.stat().ino) {
        this.tail();
        if (this.#handle !== null && this.#sealedBy === null) {
          this.removals += 1;
          this.#close();
        }
      }
    }
  }

  #syncNames(): void {
    for (const folder of [JOURNAL, LOCAL, folderOf(LOCAL)]) this.#disk.syncFolder(folder);
  }

  #makeFirst(sync: boolean): void {
    const temporary = inFolder(JOURNAL, `first-${this.#options.randomName()}.tmp`);
    const header = this.#headerAfter(0, this.#options.randomName(), true);
    this.#disk.create(temporary, encodeLine(header));
    if (sync) this.#disk.syncFile(temporary);
    try {
      for (let count = 1; count <= MAX_FIRST_FILES; count += 1) {
        const name = `${FIRST_FILE}${count === 1 ? "" : count}.jsonl`;
        // Taken means that another process began the epoch, unless a power cut emptied the file.
        if (this.#disk.link(temporary, inFolder(JOURNAL, name)) || this.#open(name)) return;
      }
    } finally {
      this.#disk.remove(temporary);
    }
    throw new FlowError("CORRUPT", `Cannot begin a journal: ${JOURNAL}/ is full of damaged files`, {
      context: { file: JOURNAL },
    });
  }

  #headerAfter(base: number, baseId: string, newClone: boolean): JournalHeader {
    const { randomName } = this.#options;
    if (newClone) this.ledger.own = null;
    return {
      kind: "header",
      v: JOURNAL_VERSION,
      epoch: newClone ? randomName() : (this.#header?.epoch ?? randomName()),
      clone: newClone ? randomName() : (this.#header?.clone ?? randomName()),
      base,
      baseId,
      local: this.#disk.stat(LOCAL)?.ino ?? 0,
      carried: [...this.window.values()]
        .filter((entry) => entry.record.n <= this.ok)
        .filter((entry) => entry.record.n > this.floor || entry.stuck.size > 0)
        .map(({ record, appliedIn, stuck }) => ({
          record,
          appliedIn,
          stuck: [...stuck],
        })),
      ...this.ledger.toHeader(),
    };
  }

  /**
   * Writes one record and says whether it won its number.
   *
   * @throws FlowError `IO`: before anything was decided the old state stands; after a failed sync
   * `context.outcome` is `unknown` and the file is poisoned.
   */
  append(record: CommitRecord, sync: boolean): boolean {
    const handle = this.#writable();
    const { removals } = this;
    const line = encodeLine(record);
    this.#mine = { record, line: line.subarray(1, -1), won: false };
    const mine = this.#mine;
    try {
      this.#writeRecord(handle, line, mine);
      if (sync) this.#sync(handle);
      this.#readBack();
    } finally {
      this.#mine = null;
    }
    if (removals !== this.removals) throw unknownOutcome("local/ was removed meanwhile");
    return mine.won;
  }

  #writeRecord(handle: Handle, line: Buffer, mine: { readonly won: boolean }): void {
    try {
      handle.write(line);
    } catch (error) {
      // Cut short. If only the last LF is missing it counts all the same.
      this.#readBack();
      if (!mine.won) throw error;
    }
  }

  /** After something was written that may count: what cannot be read is not known. */
  #readBack(): void {
    try {
      this.tail();
    } catch (error) {
      if (!isFlowError(error)) throw error;
      throw unknownOutcome(error.message, { cause: error });
    }
  }

  #writable(): Handle {
    if (this.poisoned) {
      throw new FlowError("INTERNAL", "Cannot append to the journal: a sync of it failed");
    }
    if (this.#handle === null) throw ioError("write", JOURNAL, "ENOENT");
    return this.#handle;
  }

  #sync(handle: Handle): void {
    try {
      handle.sync();
    } catch (error) {
      if (!isFlowError(error, "IO")) throw error;
      this.#poison(handle);
      throw unknownOutcome(error.message, { cause: error, mustReopen: true });
    }
  }

  #poison(handle: Handle): void {
    try {
      handle.write(encodeLine({ kind: "poison", v: JOURNAL_VERSION }));
      this.tail();
    } catch (error) {
      // Expected on the failing disk that brought us here: the caller is told "unknown" anyway.
      if (!isFlowError(error)) throw error;
    }
  }

  /** Makes everything up to the head durable (if asked to) and lets it count for everybody. */
  confirm(sync: boolean): void {
    const { n, id } = this.head;
    const handle = this.#writable();
    const mustSync = sync && this.synced < n;
    if (this.ok >= n && !mustSync) return;
    if (mustSync) this.#sync(handle);
    handle.write(encodeLine({ kind: "ok", v: JOURNAL_VERSION, n, id, synced: sync }));
    this.tail();
  }

  /** Lets the appended record count, its sync done by {@link append}. */
  acknowledge(record: CommitRecord, synced: boolean): void {
    const { n, id } = record;
    try {
      this.#writable().write(encodeLine({ kind: "ok", v: JOURNAL_VERSION, n, id, synced }));
    } catch (error) {
      // The record is there, and whoever writes next will take it for committed.
      if (!isFlowError(error, "IO")) throw error;
      throw unknownOutcome(error.message, { cause: error });
    }
    this.#readBack();
  }

  /** Says that everything up to `n` is in the files, but for `stuck`. */
  mark(n: number, stuck: readonly (readonly [number, string])[]): void {
    const id = this.window.get(n)?.record.id ?? this.head.id;
    const line: JournalLine = {
      kind: "mark",
      v: JOURNAL_VERSION,
      n,
      id,
      boot: this.#options.bootId,
      ...(stuck.length > 0 ? { stuck } : {}),
    };
    this.#writable().write(encodeLine(line));
    this.tail();
  }

  /** Says that everything up to `n` is in the files and synced. */
  raiseFloor(n: number): void {
    const id = this.window.get(n)?.record.id ?? this.head.id;
    this.#writable().write(encodeLine({ kind: "floor", v: JOURNAL_VERSION, n, id }));
    this.tail();
  }

  /** Whether the file was removed without a successor since `removals` was read. */
  isGone(removals: number): boolean {
    this.#readBack();
    return this.removals !== removals;
  }

  /**
   * Goes on in a new file. Under the guard, with everything applied, unless the file is poisoned.
   *
   * The successor is written whole and synced under a name of its own; then a seal that names it
   * competes for the next number. Whoever wins it, that file goes on.
   */
  rotate({ sync, newClone = false }: { sync: boolean; newClone?: boolean }): void {
    const handle = this.#handle;
    // A record without `ok` is not in the header, and must not be passed over.
    if (handle === null || this.head.n > this.ok) return;
    const { randomName } = this.#options;
    const base = this.head.n + 1;
    const id = randomName();
    const name = `${String(base).padStart(12, "0")}-${randomName()}.jsonl`;
    const path = inFolder(JOURNAL, name);
    this.#oldFilesLeft = true;
    this.#disk.create(path, encodeLine(this.#headerAfter(base, id, newClone)));
    if (sync) this.#disk.syncFile(path);
    if (sync) this.#disk.syncFolder(JOURNAL);
    const wasPoisoned = this.poisoned;
    handle.write(
      encodeLine({ kind: "seal", v: JOURNAL_VERSION, n: base, prev: this.head.id, id, next: name }),
    );
    // A poisoned file cannot be synced; the first record of the successor stands in for it.
    if (sync && !wasPoisoned) this.#sync(handle);
    this.tail();
    if (this.#file !== name) {
      this.#disk.remove(path);
      return;
    }
    // A record of its own lets everybody start from the successor, and the older file go.
    this.#appendEmpty(sync);
    this.removeOldFiles(sync);
  }

  #appendEmpty(sync: boolean): void {
    const record: CommitRecord = {
      kind: "record",
      v: JOURNAL_VERSION,
      n: this.head.n + 1,
      prev: this.head.id,
      id: this.#options.randomName(),
      boot: this.#options.bootId,
      at: 0,
      changes: [],
    };
    if (this.append(record, sync)) this.acknowledge(record, sync);
  }

  /**
   * Removes files that the current one has replaced. Only after it holds a synced record of its
   * own: until then a power cut may take its name away and leave the older one as the truth.
   * A successor whose number a record has won since is an orphan: its seal can win no more.
   */
  removeOldFiles(sync: boolean): void {
    const kept = sync ? this.synced : this.ok;
    if (!this.#oldFilesLeft || this.#header === null || kept <= this.#header.base) return;
    for (const name of this.#disk.list(JOURNAL) ?? []) {
      const base = FILE_PATTERN.exec(name)?.[1];
      const replaced = base !== undefined && Number(base) <= kept;
      // A temporary of a first file is of no use once there is a journal.
      if ((replaced && name !== this.#file) || name.endsWith(".tmp")) {
        this.#disk.remove(inFolder(JOURNAL, name));
      }
    }
    this.#oldFilesLeft = false;
  }

  close(): void {
    this.#close();
  }
}

function range(from: number, to: number): number[] {
  return to < from ? [] : Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function unknownOutcome(
  why: string,
  { cause, mustReopen = false }: { cause?: unknown; mustReopen?: boolean } = {},
): FlowError {
  return new FlowError("IO", `Cannot tell whether the change was kept: ${why}`, {
    context: { outcome: "unknown", mustReopen, file: JOURNAL },
    hint: "Look again (after a failed sync open the store anew); the change is there wholly or not at all.",
    cause,
  });
}
