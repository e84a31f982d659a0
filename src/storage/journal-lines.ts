/**
 * The lines of the journal: what they hold, and how they are written and recognised.
 *
 * A line is one write of `LF checksum SPACE json LF`. The LF in front keeps a line that was cut
 * short by a full disk or a kill from swallowing the whole line after it (63 kills while writing
 * 2 to 8 MB: 2 of 24 whole records were unreadable without it, none with it).
 * Whatever has no right checksum is void: a cut line, zeros after a power cut. A line whose
 * checksum is right and whose kind is unknown was written by a newer version: never void.
 */

import { FlowError } from "../errors.ts";
import { checksum } from "./hash.ts";

/** Version of the journal's own lines; a higher one is refused. */
export const JOURNAL_VERSION = 1;

/** One change of one file. `pre` is the digest of the text it expects there, null for no file. */
export type FileChange =
  | { readonly put: string; readonly pre: string | null; readonly data: string }
  | { readonly drop: string; readonly pre: string | null }
  | {
      readonly append: string;
      /** Byte offset: writing there again does no harm, appending twice would. */
      readonly at: number;
      /** Checksum of the bytes just before `at`. */
      readonly tail: string;
      readonly data: string;
    };

/** The path that a change names. */
export function pathOf(change: FileChange): string {
  if ("put" in change) return change.put;
  if ("drop" in change) return change.drop;
  return change.append;
}

/** A run of lines of one segment that bear consecutive sequence numbers. */
export type Run = readonly [from: number, count: number, segment: string, line: number];

/** What a commit says about the event log; see `ledger.ts`. */
export interface LedgerChange {
  readonly runs: readonly Run[];
  /** Bytes and lines of each segment up to which everything is numbered. */
  readonly numbered: Readonly<Record<string, readonly [bytes: number, lines: number]>>;
  readonly lastEventId: string | null;
  readonly own: OwnSegment | null;
}

/** The segment that this clone appends to. */
export interface OwnSegment {
  readonly segment: string;
  /** The state of git's HEAD when it was begun. */
  readonly head: string | null;
  /** Checksum of its last bytes as they were written. */
  readonly tail: string;
}

/** A commit. */
export interface CommitRecord {
  readonly kind: "record";
  readonly v: number;
  readonly n: number;
  readonly prev: string;
  readonly id: string;
  readonly boot: string;
  /** Wall clock, ms: only to judge files after an unclean end of the machine. */
  readonly at: number;
  readonly changes: readonly FileChange[];
  readonly ledger?: LedgerChange;
  /** Highest ids in use by kind, for kinds numbered by integers. */
  readonly ids?: Readonly<Record<string, number>>;
}

/** What a successor starts from. */
export interface JournalHeader {
  readonly kind: "header";
  readonly v: number;
  readonly epoch: string;
  readonly clone: string;
  readonly base: number;
  readonly baseId: string;
  /** Inode of `local/`: another one means that the folder was copied. */
  readonly local: number;
  /** Records above the floor, and those with a stuck path. */
  readonly carried: readonly CarriedRecord[];
  readonly ledger: {
    readonly nextSequence: number;
    readonly runs: readonly Run[];
    readonly numbered: Readonly<Record<string, readonly [number, number]>>;
    readonly lastEventId: string | null;
    readonly own: OwnSegment | null;
  };
  readonly ids: Readonly<Record<string, number>>;
}

/** A record in a successor's header, with how far it had been applied. */
export interface CarriedRecord {
  readonly record: CommitRecord;
  /** The boot in which it was applied; null when it still has to be. */
  readonly appliedIn: string | null;
  readonly stuck: readonly string[];
}

/** Paths, each with the number of the commit that waits for it. */
export type StuckPaths = readonly (readonly [n: number, path: string])[];

export type JournalLine =
  | JournalHeader
  | CommitRecord
  /** The record is committed; `synced` false: by a writer that does not wait for the disk. */
  | {
      readonly kind: "ok";
      readonly v: number;
      readonly n: number;
      readonly id: string;
      readonly synced: boolean;
    }
  /** Everything up to `n` is in the files, in this boot, but for the stuck paths. */
  | {
      readonly kind: "mark";
      readonly v: number;
      readonly n: number;
      readonly id: string;
      readonly boot: string;
      readonly stuck?: StuckPaths;
      /** Those that were stuck and are no more. One that its writer knew nothing of stays stuck. */
      readonly freed?: StuckPaths;
    }
  /** Everything up to `n` is in the files and synced. */
  | { readonly kind: "floor"; readonly v: number; readonly n: number; readonly id: string }
  /** Competes for number `n` like a record; whoever wins it names the file that goes on. */
  | {
      readonly kind: "seal";
      readonly v: number;
      readonly n: number;
      readonly prev: string;
      readonly id: string;
      readonly next: string;
    }
  /** A sync failed: what has no `ok` here is not trusted, and nothing follows. */
  | { readonly kind: "poison"; readonly v: number };

const KINDS: ReadonlySet<unknown> = new Set([
  "header",
  "record",
  "ok",
  "mark",
  "floor",
  "seal",
  "poison",
]);

const LF = 10;
const SPACE = 32;
/** Eight digits and a blank. */
const CHECKSUM_BYTES = 9;

/** The bytes of one line, to be written by one call. */
export function encodeLine(line: JournalLine): Buffer {
  const json = JSON.stringify(line);
  return Buffer.from(`\n${checksum(json)} ${json}\n`);
}

/**
 * What one line says; `null` when it is void.
 *
 * @param bytes the line without its LFs.
 * @throws FlowError `UNSUPPORTED_FORMAT` for a whole line of a kind or version not known here.
 */
export function decodeLine(bytes: Buffer, file: string): JournalLine | null {
  if (bytes.length <= CHECKSUM_BYTES || bytes[CHECKSUM_BYTES - 1] !== SPACE) return null;
  const json = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.toString("latin1", 0, CHECKSUM_BYTES - 1) !== checksum(json)) return null;
  const line = JSON.parse(json.toString("utf8")) as { kind?: unknown; v?: unknown };
  if (!KINDS.has(line.kind) || line.v !== JOURNAL_VERSION) {
    throw new FlowError(
      "UNSUPPORTED_FORMAT",
      `Cannot read ${file}: it holds a line of kind "${String(line.kind)}", version ${String(line.v)}, which this version of FlowStore does not know`,
      { context: { file }, hint: "Update flowstore; a newer version wrote to this folder." },
    );
  }
  return line as JournalLine;
}

/** Calls `each` for every line between LFs; returns how many bytes were used up. */
export function splitLines(bytes: Buffer, each: (line: Buffer) => void): number {
  let from = 0;
  for (;;) {
    const end = bytes.indexOf(LF, from);
    if (end < 0) return from;
    if (end > from) each(bytes.subarray(from, end));
    from = end + 1;
  }
}
