/**
 * The journal: the one place where it is decided what happened.
 *
 * INVARIANT: commit number n has exactly one winner, the first valid record or seal of that
 * number in the file, and every process that reads the file finds the same one.
 *
 * A line counts only if its checksum is right, its number follows the head, it names the head's
 * id, and no seal stands before it. The file is only ever appended to (O_APPEND, one write a
 * line): never truncated, replaced or named twice. What the lines say is in `journal-state.ts`, how
 * the file is found and followed in `journal-reader.ts`, how it is written here. The rules, each
 * with what breaks without it (a test takes them out one by one):
 *
 * | rule | without it |
 * | --- | --- |
 * | read back by the same descriptor before answering | of two writers with a broken guard both believe they won |
 * | `prev` names the head | lines of another history that somebody put behind these are taken for the next ones |
 * | one sync before `ok`, `ok` before anything is applied | a power cut leaves a changed file and no record of the change |
 * | a record without `ok` is synced by whoever finds it, before it is believed | the helper answers on a record that a power cut takes away |
 * | and written once more by them before the sync | a failed sync of which no word was left is believed to have been none |
 * | records of an earlier boot need no `ok` | what was acknowledged is forgotten, since `ok` itself is not synced |
 * | a failed sync poisons the file | the next process reads the record from the page cache, builds on it, and it is not on the disk |
 * | rotation by a seal that competes for a number | a paused writer appends to the old file after its copy was taken |
 * | the old file stays until the new one holds a synced record of its own | a power cut leaves neither |
 * | a mark counts in its boot only | a rename that was not synced is believed to have happened |
 * | a mark frees the stuck paths that it names alone | a sync that failed beside a commit is forgotten with that commit's mark |
 * | what a later commit has replaced is not stuck | whoever slept since a sync failed says so, and the older image goes over the newer |
 * | of a record below the floor that stays for a stuck path nothing else is judged | later records are forgotten: after a power cut its other images go over newer ones |
 * | a line is whole by its checksum, not by its last LF | a line cut by one byte, answered as failed, is completed by the LF of the next |
 * | no rotation past a record without `ok` | the successor leaves it out, and its writer believes it won |
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { Handle } from "../disk/disk.ts";
import { ioError } from "../disk/io-error.ts";
import {
  encodeLine,
  JOURNAL_VERSION,
  type CommitRecord,
  type JournalHeader,
  type JournalLine,
  type StuckPaths,
} from "./journal-lines.ts";
import { folderOf, inFolder, JOURNAL, LOCAL } from "./layout.ts";
import { fileName, FIRST_FILES } from "./journal-files.ts";
import { clearAway } from "./journal-leftovers.ts";
import { JournalReader } from "./journal-reader.ts";
import { unknownOutcome } from "./outcome.ts";

/** Every process must be able to read it as one string, of which a header may carry several. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/** The journal of one root: reads like everybody's, and writes under the guard. */
export class Journal extends JournalReader {
  // ---- writing -------------------------------------------------------------------------------

  /**
   * Opens the journal for a writer: makes the first file where there is none, leaves a poisoned
   * or copied one for a successor, and checks that the open file is still the one in the folder.
   */
  begin(sync: boolean): void {
    // What was denied when the file was opened may be allowed by now.
    if (this.denied !== null) this.shut();
    this.#leaveIfMoved();
    this.tail();
    if (this.handle === null) {
      this.#makeFirst(sync);
      this.tail();
    }
    while (this.handle !== null && (this.copied || this.poisoned)) {
      if (!this.poisoned) this.confirm(sync, true);
      this.rotate({ sync, newClone: this.copied });
    }
    // Whoever made the file may have been killed before its name was durable.
    if (sync && this.synced <= (this.header?.base ?? 0)) this.#syncNames();
  }

  /** What began with the journal and ends when it is removed; null without one. */
  get epoch(): string | null {
    return this.header?.epoch ?? null;
  }

  /** Whether a writer must {@link begin} before it goes on. */
  get needsBegin(): boolean {
    return this.header === null || this.poisoned || this.copied;
  }

  /** Whether it could be opened for reading only: the next {@link begin} tries again. */
  get isDenied(): boolean {
    return this.denied !== null;
  }

  #leaveIfMoved(): void {
    if (this.handle !== null && this.file !== null && this.sealedBy === null) {
      const there = this.disk.stat(inFolder(JOURNAL, this.file));
      if (there === null || there.ino !== this.handle.stat().ino) {
        this.tail();
        if (this.handle !== null && this.sealedBy === null) this.shut();
      }
    }
  }

  #syncNames(): void {
    for (const folder of [JOURNAL, LOCAL, folderOf(LOCAL)]) this.disk.syncFolder(folder);
  }

  #makeFirst(sync: boolean): void {
    const temporary = inFolder(JOURNAL, `first-${this.options.randomName()}.tmp`);
    const header = this.#headerAfter(0, this.options.randomName(), true);
    this.disk.create(temporary, encodeLine(header));
    if (sync) this.disk.syncFile(temporary);
    try {
      for (const name of FIRST_FILES) {
        // Taken means that another process began the epoch, unless a power cut emptied the file.
        if (this.disk.link(temporary, inFolder(JOURNAL, name)) || this.open(name)) return;
      }
    } finally {
      this.disk.remove(temporary);
    }
    throw new FlowError("CORRUPT", `Cannot begin a journal: ${JOURNAL}/ is full of damaged files`, {
      context: { file: JOURNAL },
    });
  }

  #headerAfter(base: number, baseId: string, newClone: boolean): JournalHeader {
    const { randomName } = this.options;
    if (newClone) this.ledger.own = null;
    return {
      kind: "header",
      v: JOURNAL_VERSION,
      epoch: newClone ? randomName() : (this.header?.epoch ?? randomName()),
      clone: newClone ? randomName() : (this.header?.clone ?? randomName()),
      base,
      baseId,
      local: this.disk.stat(LOCAL)?.ino ?? 0,
      carried: this.carried(),
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
    const line = encodeLine(record);
    if (line.length > MAX_RECORD_BYTES) throw tooLong(line.length);
    this.mine = { record, line: line.subarray(1, -1), won: false };
    const mine = this.mine;
    try {
      this.#writeRecord(handle, line, mine);
      if (sync) this.#sync(handle);
      this.#readBack(line.length);
    } finally {
      this.mine = null;
    }
    return mine.won;
  }

  #writeRecord(handle: Handle, line: Buffer, mine: { readonly won: boolean }): void {
    try {
      handle.write(line);
    } catch (error) {
      // Cut short. If only the last LF is missing it counts all the same.
      this.#readBack(line.length);
      if (!mine.won) throw error;
    }
  }

  #readBack(bytes: number): void {
    this.#knowing(() => this.tailWritten(bytes));
  }

  /** After something was written that may count: what cannot be read is not known. */
  #knowing(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!isFlowError(error)) throw error;
      throw unknownOutcome(error.message, { cause: error });
    }
  }

  #writable(): Handle {
    if (this.poisoned) {
      throw new FlowError("INTERNAL", "Cannot append to the journal: a sync of it failed");
    }
    if (this.handle === null) throw ioError("write", JOURNAL, "ENOENT");
    if (this.denied !== null) throw this.denied;
    return this.handle;
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

  /**
   * Makes everything up to the head durable (if asked to) and lets it count for everybody.
   *
   * @param others the records may be of a writer that is gone: they are written once more before
   * the sync. Its own sync may have failed without a word left here (a kill, a full disk); then what
   * can be read is not on the disk, and another sync succeeds without bringing it there. To whoever
   * reads on, the second copy is void; after a power cut it stands in for the first.
   */
  confirm(sync: boolean, others = false): void {
    const { n, id } = this.head;
    const handle = this.#writable();
    const mustSync = sync && this.synced < n;
    if (this.ok >= n && !mustSync) return;
    for (let k = this.synced + 1; others && mustSync && k <= n; k += 1) {
      const entry = this.window.get(k);
      if (entry !== undefined) handle.write(encodeLine(entry.record));
    }
    if (mustSync) this.#sync(handle);
    handle.write(encodeLine({ kind: "ok", v: JOURNAL_VERSION, n, id, synced: sync }));
    this.tail();
  }

  /** Lets the appended record count, its sync done by {@link append}. */
  acknowledge(record: CommitRecord, synced: boolean): void {
    const { n, id } = record;
    const line = encodeLine({ kind: "ok", v: JOURNAL_VERSION, n, id, synced });
    try {
      this.#writable().write(line);
    } catch (error) {
      // The record is there, and whoever writes next will take it for committed.
      if (!isFlowError(error, "IO")) throw error;
      throw unknownOutcome(error.message, { cause: error });
    }
    this.#readBack(line.length);
    // Another process's sync failed between the two lines: this record went with its poison.
    if (this.poisoned && this.ok < n) {
      throw unknownOutcome("a sync of the journal failed", { mustReopen: true });
    }
  }

  /** Says that everything up to `n` is in the files, but for `stuck` and what was stuck and is not `freed`. */
  mark(n: number, stuck: StuckPaths, freed: StuckPaths = []): void {
    const id = this.window.get(n)?.record.id ?? this.head.id;
    const line: JournalLine = {
      kind: "mark",
      v: JOURNAL_VERSION,
      n,
      id,
      boot: this.options.bootId,
      ...(stuck.length > 0 ? { stuck } : {}),
      ...(freed.length > 0 ? { freed } : {}),
    };
    const bytes = encodeLine(line);
    this.#writable().write(bytes);
    this.tailWritten(bytes.length);
  }

  /** Says that everything up to `n` is in the files and synced. */
  raiseFloor(n: number): void {
    const id = this.window.get(n)?.record.id ?? this.head.id;
    this.#writable().write(encodeLine({ kind: "floor", v: JOURNAL_VERSION, n, id }));
    this.tail();
  }

  /** Whether an epoch is over: the journal was removed with `local/` (git clean -fdx). */
  isOver(epoch: string | null): boolean {
    this.#knowing(() => this.tail());
    return this.epoch !== epoch;
  }

  /**
   * Goes on in a new file. Under the guard, with everything applied, unless the file is poisoned.
   *
   * The successor is written whole and synced under a name of its own; then a seal that names it
   * competes for the next number. Whoever wins it, that file goes on.
   */
  rotate({ sync, newClone = false }: { sync: boolean; newClone?: boolean }): void {
    const handle = this.handle;
    // A record without `ok` is not in the header, and must not be passed over.
    if (handle === null || this.head.n > this.ok) return;
    const { randomName } = this.options;
    const base = this.head.n + 1;
    const id = randomName();
    const name = fileName(base, randomName());
    const path = inFolder(JOURNAL, name);
    this.oldFilesLeft = true;
    this.disk.create(path, encodeLine(this.#headerAfter(base, id, newClone)));
    if (sync) this.disk.syncFile(path);
    if (sync) this.disk.syncFolder(JOURNAL);
    const wasPoisoned = this.poisoned;
    handle.write(
      encodeLine({ kind: "seal", v: JOURNAL_VERSION, n: base, prev: this.head.id, id, next: name }),
    );
    // A poisoned file cannot be synced; the first record of the successor stands in for it.
    if (sync && !wasPoisoned) this.#sync(handle);
    this.tail();
    if (this.file !== name) {
      this.disk.remove(path);
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
      id: this.options.randomName(),
      boot: this.options.bootId,
      at: 0,
      changes: [],
    };
    if (this.append(record, sync)) this.acknowledge(record, sync);
  }

  /**
   * Takes away files that the current one has replaced. Only after it holds a synced record of its
   * own: until then a power cut may take its name away and leave the older one as the truth.
   * A successor whose number a record has won since is an orphan: its seal can win no more.
   */
  removeOldFiles(sync: boolean): void {
    const kept = sync ? this.synced : this.ok;
    if (!this.oldFilesLeft || this.header === null || kept <= this.header.base) return;
    const { file: current, replaced, options } = this;
    clearAway(this.disk, { ...options, current, header: this.header, kept, replaced });
    replaced.clear();
    this.oldFilesLeft = false;
  }

  close(): void {
    this.shut();
  }
}

function tooLong(bytes: number): FlowError {
  return new FlowError(
    "BAD_REQUEST",
    `Cannot write the change: one commit may have ${MAX_RECORD_BYTES} bytes, this one has ${bytes}`,
    { context: { limit: MAX_RECORD_BYTES }, hint: "Make several calls or transactions of it." },
  );
}
