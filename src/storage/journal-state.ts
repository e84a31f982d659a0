/**
 * What the lines of a journal say, taken one by one. Knows nothing of files: the same lines give
 * the same state to every process, which is what makes the first valid record of a number win.
 */

import {
  pathOf,
  type CarriedRecord,
  type CommitRecord,
  type JournalHeader,
  type JournalLine,
} from "./journal-lines.ts";
import { Ledger } from "./ledger.ts";

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

/** Stands for the boot of marks that were made elsewhere. */
const COPIED = "copied";

const NO_PATHS: ReadonlySet<string> = new Set();

type Mark = Extract<JournalLine, { kind: "mark" }>;

export class JournalState {
  readonly #listener: JournalListener;
  readonly #bootId: string;
  /** The last commit of which the listener was told, by epoch. */
  #told: { epoch: string; n: number } | null = null;
  /** The part of the window that is not wholly in the files as far as this boot knows. */
  readonly #unfinished = new Map<number, WindowEntry>();

  header: JournalHeader | null = null;
  /** The seal that won: where the journal goes on. */
  protected sealedBy: { readonly n: number; readonly next: string } | null = null;
  /** Successors that a seal names and that are not there: lost by a power cut under `none`, or removed. */
  protected readonly deadEnds = new Set<string>();
  /** The folder was copied: its marks speak of other files. */
  protected copied = false;

  head = { n: 0, id: "" };
  /** The last commit that counts for everybody. */
  ok = 0;
  /** The last commit known to be on the disk. */
  synced = 0;
  floor = 0;
  poisoned = false;
  /** A commit that was on the disk is not in the file any more: a disk or a hand took it. */
  protected lacksCommits = false;
  ledger = new Ledger();
  /** By number: what is above the floor, and what is stuck. */
  window = new Map<number, WindowEntry>();
  /** Rises with everything that is read. */
  version = 0;

  constructor(listener: JournalListener, bootId: string) {
    this.#listener = listener;
    this.#bootId = bootId;
  }

  /** Commits that count and are not wholly in the files as far as this boot knows, in order. */
  unapplied(): WindowEntry[] {
    const entries: WindowEntry[] = [];
    for (const [n, entry] of this.#unfinished) if (n <= this.ok) entries.push(entry);
    return entries.sort((a, b) => a.record.n - b.record.n);
  }

  /** Whether a record is to be judged at a path: it is stuck there, or was applied in no or another boot. */
  isPending({ appliedIn, stuck }: WindowEntry, path: string): boolean {
    return appliedIn !== this.#bootId || stuck.has(path);
  }

  /** What a successor has to carry: what is above the floor, and what is stuck. */
  carried(): CarriedRecord[] {
    return [...this.window.values()]
      .filter((entry) => entry.record.n <= this.ok)
      .filter((entry) => entry.record.n > this.floor || entry.stuck.size > 0)
      .map(({ record, appliedIn, stuck }) => ({ record, appliedIn, stuck: [...stuck] }));
  }

  /** Takes over what a line says, unless it is void where it stands. */
  protected take(line: JournalLine, isCopied: (header: JournalHeader) => boolean): void {
    switch (line.kind) {
      case "header":
        if (this.header === null) this.#start(line, isCopied(line));
        break;
      case "record":
        this.#takeRecord(line);
        break;
      case "seal":
        this.#takeSeal(line);
        break;
      case "ok":
        if (this.#isOnChain(line.n, line.id) && !this.poisoned) this.#takeOk(line.n, line.synced);
        this.lacksCommits ||= line.synced && line.n > this.head.n && !this.poisoned;
        break;
      case "mark":
        if (line.n <= this.ok) this.#takeMark(line);
        break;
      case "floor":
        if (line.n <= this.ok) this.#takeFloor(line.n);
        break;
      case "poison":
        this.#takePoison();
        break;
    }
  }

  #takeSeal(seal: { n: number; prev: string; next: string }): void {
    if (this.sealedBy !== null || !this.#follows(seal) || this.deadEnds.has(seal.next)) return;
    this.sealedBy = { n: seal.n, next: seal.next };
  }

  #follows(line: { n: number; prev: string }): boolean {
    return line.n === this.head.n + 1 && line.prev === this.head.id;
  }

  #isOnChain(n: number, id: string): boolean {
    return n <= this.head.n && this.window.get(n)?.record.id === id;
  }

  #takeRecord(record: CommitRecord): void {
    if (this.header === null || this.sealedBy !== null || this.poisoned) return;
    if (!this.#follows(record)) return;
    this.head = { n: record.n, id: record.id };
    const entry: WindowEntry = { record, appliedIn: null, stuck: NO_PATHS };
    this.window.set(record.n, entry);
    this.#unfinished.set(record.n, entry);
    // After a reboot what can be read came from the disk: it is durable and counts.
    if (record.boot !== this.#bootId) this.#takeOk(record.n, true);
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

  #takeMark({ n, boot, stuck = [], freed = [] }: Mark): void {
    const mark = this.copied ? COPIED : boot;
    for (const [k, path] of freed) {
      const entry = this.window.get(k);
      if (entry === undefined) continue;
      entry.stuck = new Set([...entry.stuck].filter((one) => one !== path));
    }
    for (const [k, entry] of this.#unfinished) {
      if (k > n) continue;
      entry.appliedIn = mark;
      if (mark === this.#bootId && entry.stuck.size === 0) this.#unfinished.delete(k);
      this.#listener.applied(entry.record);
    }
    for (const [k, path] of stuck) {
      const entry = this.window.get(k);
      if (entry === undefined || this.#isReplaced(k, path)) continue;
      entry.stuck = new Set([...entry.stuck, path]);
      this.#unfinished.set(k, entry);
    }
    if (freed.length + stuck.length > 0) this.#dropBelowFloor();
  }

  /**
   * Whether a later commit has put or dropped a path. Whoever says that it is stuck may have been
   * asleep since the sync that failed: the image from before would go over the newer one.
   */
  #isReplaced(k: number, path: string): boolean {
    for (const [n, { record }] of this.window) {
      if (n <= k || n > this.ok) continue;
      if (record.changes.some((one) => !("append" in one) && pathOf(one) === path)) return true;
    }
    return false;
  }

  #takeFloor(n: number): void {
    this.floor = Math.max(this.floor, n);
    this.#dropBelowFloor();
  }

  /**
   * What is on the disk for good is compared with nothing any more. Of a record that stays for a stuck
   * path the other changes go: later ones that went over them are forgotten here, too.
   */
  #dropBelowFloor(): void {
    for (const [k, entry] of this.window) {
      if (k > this.floor || entry.appliedIn === null) continue;
      if (entry.stuck.size === 0) {
        this.#unfinished.delete(k);
        // The head stays, so that `ok` and seals can still name it.
        if (k < this.head.n) this.window.delete(k);
      } else if (entry.record.changes.some((change) => !entry.stuck.has(pathOf(change)))) {
        const changes = entry.record.changes.filter((change) => entry.stuck.has(pathOf(change)));
        const left = { ...entry, record: { ...entry.record, changes } };
        this.window.set(k, left);
        this.#unfinished.set(k, left);
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
    this.head = { n: this.ok, id: last ?? this.header?.baseId ?? "" };
  }

  /** Tells the listener of commits it has not heard of. */
  #tell(): void {
    const epoch = this.header?.epoch ?? "";
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

  /** Starts from a header: the state is what it carries. */
  #start(header: JournalHeader, isCopied: boolean): void {
    this.header = header;
    this.copied = isCopied;
    this.head = { n: header.base, id: header.baseId };
    this.ok = header.base;
    this.synced = header.base;
    this.floor = header.carried.reduce((n, c) => Math.min(n, c.record.n - 1), header.base);
    this.poisoned = false;
    this.lacksCommits = false;
    this.ledger = Ledger.from(header);
    this.window = new Map(
      header.carried.map(({ record, appliedIn, stuck }) => [
        record.n,
        {
          record,
          // A copy's files may be older than its journal: everything is to be compared.
          appliedIn: this.copied && appliedIn !== null ? COPIED : appliedIn,
          stuck: new Set(stuck),
        },
      ]),
    );
    this.#unfinished.clear();
    for (const [n, entry] of this.window) {
      if (entry.appliedIn !== this.#bootId || entry.stuck.size > 0) this.#unfinished.set(n, entry);
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

  /** No journal at all: the files are the whole truth. */
  protected forget(): void {
    this.head = { n: 0, id: "" };
    this.ok = 0;
    this.synced = 0;
    this.floor = 0;
    this.poisoned = false;
    this.lacksCommits = false;
    this.ledger = new Ledger();
    this.window = new Map();
    this.#unfinished.clear();
    if (this.#told !== null) this.#listener.lost();
    this.#told = null;
    this.version += 1;
  }
}

function range(from: number, to: number): number[] {
  return to < from ? [] : Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
