/** Reading the journal. Never writes; the rules are in `journal.ts`. */

import type { Disk, Handle } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
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

export interface JournalOptions {
  readonly bootId: string;
  readonly randomName: () => string;
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
  #offset = 0;
  #headerBytes = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** The record being appended by this process, and whether it was found to have won. */
  protected mine: { record: CommitRecord; line: Buffer; won: boolean } | null = null;
  protected oldFilesLeft = true;

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
      if (stat.size > this.#offset) this.#readTo(handle, stat.size);
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

  #readTo(handle: Handle, size: number): void {
    try {
      this.#readBytes(handle, size);
    } catch (error) {
      // Half of it may be taken over already: the next look begins at the start.
      this.shut();
      this.forget();
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
    this.file = null;
    this.#offset = 0;
    this.#headerBytes = 0;
    this.#rest = Buffer.alloc(0);
    this.header = null;
    this.sealedBy = null;
  }

  /** Opens a file and reads it; `false` when it is gone or has no header. */
  protected open(name: string): boolean {
    this.shut();
    const handle = openJournal(this.disk, name, this.options.readOnly);
    if (handle === null) return false;
    this.handle = handle;
    this.file = name;
    this.oldFilesLeft = true;
    this.#readTo(handle, handle.stat().size);
    if (this.header !== null) return true;
    this.shut();
    return false;
  }

  #follow(next: string): void {
    if (this.open(next)) return;
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
