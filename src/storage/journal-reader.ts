/** Reading the journal. Never writes; the rules are in `journal.ts`. */

import type { Disk, Handle } from "../disk/disk.ts";
import { isFlowError, type FlowError } from "../errors.ts";
import { mayStartFrom, newestFirst, openJournal } from "./journal-files.ts";
import {
  decodeLine,
  splitLines,
  type CommitRecord,
  type JournalHeader,
  type JournalLine,
} from "./journal-lines.ts";
import { JournalState, type JournalListener } from "./journal-state.ts";
import { inFolder, JOURNAL, LOCAL } from "./layout.ts";

/** So much is read at once where less is expected: others may have written too. */
const CHUNK_BYTES = 2 * 1024;
const NOTHING = Buffer.alloc(0);

export interface JournalOptions {
  readonly bootId: string;
  readonly randomName: () => string;
  readonly nowIso: () => string;
  /** Nothing will be written: the file is not even opened for it. */
  readonly readOnly: boolean;
}

/** Reads the journal: finds its file, follows it as it grows and from file to file. */
export class JournalReader extends JournalState {
  protected readonly disk: Disk;
  protected readonly options: JournalOptions;

  /** The name of the current file; null without one. */
  file: string | null = null;
  protected handle: Handle | null = null;
  /** Why the handle is for reading only, though this process writes; else null. */
  protected denied: FlowError | null = null;
  #offset = 0;
  #headerBytes = 0;
  #rest: Buffer = NOTHING;
  /** The record being appended by this process, and whether it was found to have won. */
  protected mine: { record: CommitRecord; line: Buffer; won: boolean } | null = null;
  protected oldFilesLeft = true;
  /** Files that a seal led on from, with all that was ever on the disk of them. */
  protected readonly replaced = new Set<string>();

  constructor(disk: Disk, listener: JournalListener, options: JournalOptions) {
    super(listener, options.bootId);
    this.disk = disk;
    this.options = options;
  }

  /** Bytes of the current file; 0 without one. */
  get size(): number {
    return this.#offset;
  }

  /** Bytes of the current file behind its header, which a successor would write again. */
  get grown(): number {
    return this.#offset - this.#headerBytes;
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
      if (this.handle === null && !this.#locate()) {
        if (this.head.id !== "") this.forget();
        break;
      }
      const handle = this.handle as Handle | null;
      if (handle === null) break;
      const stat = handle.stat();
      if (stat.size > this.#offset) this.#readNew(handle, stat.size - this.#offset);
      if (this.sealedBy !== null) {
        this.#follow(this.sealedBy.next);
        continue;
      }
      if (stat.nlink > 0) break;
      // The file was removed without a successor: `local/` was deleted (git clean -fdx).
      this.shut();
    }
    return this.version !== before;
  }

  /** {@link tail} for who has just written `bytes` there: the size need not be asked for. */
  protected tailWritten(bytes: number): void {
    if (this.handle !== null) this.#readNew(this.handle, bytes);
    // It goes on elsewhere, or is gone.
    if (this.handle === null || this.sealedBy !== null) this.tail();
  }

  #readNew(handle: Handle, expected: number): void {
    try {
      const end = this.#offset + expected;
      while (this.#readChunk(handle, end));
    } catch (error) {
      // Half of it may be taken over already: the next look begins at the start.
      this.shut();
      this.forget();
      throw error;
    }
    this.version += 1;
  }

  /** Takes over the next bytes; `false` when `end` is reached and nothing lies behind it. */
  #readChunk(handle: Handle, end: number): boolean {
    const carried = this.#rest.length;
    // One more than expected: then a short count says that this was all.
    const chunk = Math.max(CHUNK_BYTES, end - this.#offset + 1, carried * 2);
    const bytes = Buffer.allocUnsafe(carried + chunk);
    this.#rest.copy(bytes);
    const count = handle.read(bytes, carried, chunk, this.#offset);
    if (count === 0) return false;
    this.#offset += count;
    const whole = bytes.subarray(0, carried + count);
    const used = splitLines(whole, (line) => this.#take(line));
    const rest = whole.subarray(used);
    this.#rest = rest.length === 0 || this.#take(rest) ? NOTHING : Buffer.from(rest);
    return count === chunk || this.#offset < end;
  }

  /** Takes over what a line says; `false` for a void one. */
  #take(bytes: Buffer): boolean {
    const mine = this.mine;
    // Our own record, byte for byte: it need not be parsed to be known.
    const line: JournalLine | null =
      mine !== null && bytes.equals(mine.line)
        ? mine.record
        : decodeLine(bytes, inFolder(JOURNAL, this.file ?? ""));
    if (line === null) return false;
    if (line.kind === "header" && this.header === null) this.#headerBytes = bytes.length;
    this.take(line, (header) => this.#isCopy(header));
    if (mine !== null && this.head.id === mine.record.id) mine.won = true;
    return true;
  }

  /** The header names another inode of `local/`: the folder was copied. */
  #isCopy(header: JournalHeader): boolean {
    return header.local !== this.disk.stat(LOCAL)?.ino;
  }

  // ---- finding the file ----------------------------------------------------------------------

  protected shut(): void {
    try {
      this.handle?.close();
    } catch (error) {
      // The descriptor is gone all the same, and what matters was synced.
      if (!isFlowError(error, "IO")) throw error;
    }
    this.handle = null;
    this.denied = null;
    this.file = null;
    this.#offset = 0;
    this.#headerBytes = 0;
    this.#rest = NOTHING;
    this.header = null;
    this.sealedBy = null;
  }

  /** Opens a file and reads it; `false` when it is gone or has no header. */
  protected open(name: string): boolean {
    this.shut();
    const { handle, denied } = openJournal(this.disk, name, this.options.readOnly);
    if (handle === null) return false;
    this.handle = handle;
    this.denied = denied;
    this.file = name;
    this.oldFilesLeft = true;
    this.#readNew(handle, handle.stat().size);
    if (this.header !== null) return true;
    this.shut();
    return false;
  }

  #follow(next: string): void {
    const left = this.lacksCommits ? null : this.file;
    if (this.open(next)) {
      if (left !== null) this.replaced.add(left);
      return;
    }
    // Replaced by a later file, which is found, or lost: then its seal leads nowhere and is void.
    this.deadEnds.add(next);
    this.#locate();
  }

  /**
   * Finds the file that holds the head: of the files with a line after their header the one with
   * the highest base. Without such a line a file may be the orphan of a seal that lost.
   */
  #locate(): boolean {
    this.shut();
    for (;;) {
      let vanished = false;
      for (const name of newestFirst(this.disk)) {
        if (!mayStartFrom(this.disk, name)) continue;
        if (this.open(name)) return true;
        vanished ||= this.disk.stat(inFolder(JOURNAL, name)) === null;
      }
      if (!vanished) return false;
    }
  }
}
