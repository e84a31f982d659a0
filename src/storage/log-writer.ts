/**
 * What a commit adds to the event log: ids, numbers, and the segment its lines go to.
 *
 * A writer appends only to a segment that this clone began, that is exactly as it was left, and
 * since whose beginning git's HEAD has not moved: so two branches never append to one file, and
 * plain merges of the log do not conflict (94 conflicts in 60 random histories without the last
 * rule, none with it).
 */

import { isFlowError } from "../errors.ts";
import { tailOf } from "./apply.ts";
import { encodeBatch, encodeSegmentHeader } from "./event-lines.ts";
import { FRESH_MS } from "./files.ts";
import { checksum } from "./hash.ts";
import { TAIL_BYTES } from "./judge.ts";
import type { FileChange, LedgerChange, Run } from "./journal-lines.ts";
import { EVENTS, inFolder, segmentsIn } from "./layout.ts";
import type { Ledger } from "./ledger.ts";
import type { LogIndex } from "./log-index.ts";
import type { OpenLog, OpenLogs } from "./open-logs.ts";
import type { Parts, StorageOptions } from "./parts.ts";
import { lengthOfSegment } from "./segment-files.ts";
import type { IdSource, Writing } from "./view.ts";

/** A segment is closed when it is this long: git stores each version of a file anew. */
export const SEGMENT_BYTES = 1024 * 1024;
/**
 * An id that git brought from further ahead of the clock than this is not followed. One of this
 * clone's own is, for ever: ids must rise, whatever its clock once said. The times in the lines
 * are the clock's.
 */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;
/** Ids of such a kind are this clone's own and stand in no tracked file. */
const LOCAL_KIND = "local:";

/** Lines that a merge brought, to be numbered with the next commit. */
interface Foreign {
  readonly runs: readonly Run[];
  readonly numbered: LedgerChange["numbered"];
  readonly lastEventId: string | null;
  /** The highest id of each kind that they name. */
  readonly ids: ReadonlyMap<string, number>;
}

const NOTHING_FOREIGN: Foreign = { runs: [], numbered: {}, lastEventId: null, ids: new Map() };

/** Writes the log for one committer. */
export class LogWriter {
  readonly #storage: Parts;
  readonly #options: StorageOptions;
  readonly #openLogs: OpenLogs;
  #names: readonly string[] = [];
  #foreign: Foreign = NOTHING_FOREIGN;
  #foreignCheckedAt = -1;
  /** Numbers that another journal gave, before `local/` was lost, count no more. */
  #foreignCheckedBy: Ledger | null = null;
  #noGitAt = -Infinity;

  constructor(storage: Parts, options: StorageOptions, openLogs: OpenLogs) {
    this.#storage = storage;
    this.#options = options;
    this.#openLogs = openLogs;
  }

  /** Looks at the log before a decision: what it names must lie behind what git brought. */
  prepare(names: readonly string[]): void {
    this.#names = names;
    this.#foreign = this.#lookForForeign(names);
  }

  /** A change of this writer was committed: what was foreign is numbered now. */
  committed(): void {
    if (Object.keys(this.#foreign.numbered).length > 0) this.#foreignCheckedAt = -1;
  }

  /** The number that the next event of this clone gets, behind what git brought. */
  get nextSequence(): number {
    const foreign = this.#foreign.runs.reduce((sum, run) => sum + run[1], 0);
    return this.#storage.journal.ledger.nextSequence + foreign;
  }

  readonly ids: IdSource = {
    eventId: (after) => {
      const { nowMs, newUlid, toIso } = this.#options;
      const now = nowMs();
      const known = [after, this.#storage.journal.ledger.lastEventId, this.#foreign.lastEventId];
      const highest = known.reduce((a, b) => ((b ?? "") > (a ?? "") ? b : a), null);
      return { id: newUlid(highest, now), createdAt: toIso(now) };
    },
    highestId: (kind) => {
      const { journal, log } = this.#storage;
      return Math.max(
        journal.ledger.ids.get(kind) ?? 0,
        this.#foreign.ids.get(kind) ?? 0,
        log.highestId(kind, this.#names),
      );
    },
  };

  /** Segments, or ends of segments, that bear no numbers yet: git brought them. */
  #lookForForeign(names: readonly string[]): Foreign {
    const { disk, files, journal, log, readers } = this.#storage;
    const version = files.folderVersion(EVENTS);
    const { ledger } = journal;
    if (ledger !== this.#foreignCheckedBy) this.#foreignCheckedAt = -1;
    this.#foreignCheckedBy = ledger;
    if (version === this.#foreignCheckedAt) return NOTHING_FOREIGN;
    const isNumbered = (name: string): boolean =>
      lengthOfSegment(disk, name) <= (ledger.numbered.get(name)?.[0] ?? 0);
    if (segmentsIn(names).every(isNumbered)) {
      this.#foreignCheckedAt = version;
      return NOTHING_FOREIGN;
    }
    log.refresh(names, files.now(), files.lookedAt(EVENTS));
    const unnumbered = readers.unnumbered(ledger);
    const runs: [number, number, string, number][] = [];
    const ids = new Map<string, number>();
    const note = (kind: string, id: number): void =>
      void ids.set(kind, Math.max(id, ids.get(kind) ?? 0));
    // Git may take the segment away again, and what no file tells any more stays taken.
    for (const segment of unnumbered.segments)
      for (const [kind, id] of Object.entries(log.idsIn(segment))) note(kind, id);
    let highest: string | null = null;
    let sequence = ledger.nextSequence;
    for (const { event, segment, line } of unnumbered.inOrder()) {
      for (const [kind, id] of this.#options.idsOf(event)) note(kind, id);
      const last = runs.at(-1);
      if (last !== undefined && last[2] === segment && last[3] + last[1] === line) last[1] += 1;
      else runs.push([sequence, 1, segment, line]);
      sequence += 1;
      if (!this.#isFarAhead(event.id) && (highest === null || event.id > highest))
        highest = event.id;
    }
    // What is left are second lines of events that have their number.
    if (runs.length === 0) this.#foreignCheckedAt = version;
    const numbered = Object.fromEntries(extentsBeyond(log, ledger));
    return { runs, numbered, lastEventId: highest, ids };
  }

  /** The id's time, in base 32, against the clock's: no need to decode it. */
  #isFarAhead(id: string): boolean {
    return id > this.#options.newUlid(null, this.#options.nowMs() + MAX_AHEAD_MS);
  }

  /** Ids that a record takes note of: those of its write, and those that git brought. */
  idsToNote(write: Writing): ReadonlyMap<string, number> {
    if (this.#foreign.ids.size === 0) return write.ids;
    const ids = new Map(this.#foreign.ids);
    for (const [kind, id] of write.ids) ids.set(kind, Math.max(id, ids.get(kind) ?? 0));
    return ids;
  }

  /** What a write adds to the log: at the end of this clone's segment, or in a new one. */
  change(write: Writing, changes: FileChange[], hasDeferred: boolean): LedgerChange | null {
    const { ledger } = this.#storage.journal;
    const foreign = this.#foreign;
    if (write.events.length === 0 && foreign.runs.length === 0) return null;
    const numbered: Record<string, readonly [number, number]> = { ...foreign.numbered };
    const highest = (a: string | null, b: string | null): string | null =>
      (b ?? "") > (a ?? "") ? b : a;
    const lastEventId = [foreign.lastEventId, write.lastEventId].reduce(
      highest,
      ledger.lastEventId,
    );
    const first = write.events[0];
    if (first === undefined) return { runs: foreign.runs, numbered, lastEventId, own: ledger.own };
    const data = write.batches.map(encodeBatch).join("");
    const count = write.events.length;
    const sequence = this.nextSequence;
    const head = this.#gitHead();
    const tail = checksum(Buffer.from(data).subarray(-TAIL_BYTES));
    const own = this.#appendable(head, hasDeferred);
    let segment: string;
    let line: number;
    let bytes: number;
    if (own !== null) {
      ({ segment } = own);
      line = own.lines + 1;
      bytes = own.bytes + Buffer.byteLength(data);
      changes.push({ append: inFolder(EVENTS, segment), at: own.bytes, tail: own.tail, data });
    } else {
      segment = `${first.id}.jsonl`;
      line = 2;
      const text = `${this.header(write.ids)}${data}`;
      bytes = Buffer.byteLength(text);
      changes.push({ put: inFolder(EVENTS, segment), pre: null, data: text });
    }
    numbered[segment] = [bytes, line + count - 1];
    const runs: Run[] = [...foreign.runs, [sequence, count, segment, line]];
    return { runs, numbered, lastEventId, own: { segment, head, tail } };
  }

  /** Outside git the search for one is not repeated for every commit of a burst. */
  #gitHead(): string | null {
    const now = this.#storage.files.now();
    if (now - this.#noGitAt < FRESH_MS) return null;
    const head = this.#options.gitHead();
    if (head === null) this.#noGitAt = now;
    return head;
  }

  /** This clone's segment, if it is exactly as it was left and may grow. */
  #appendable(
    head: string | null,
    hasDeferred: boolean,
  ): { segment: string; bytes: number; lines: number; tail: string } | null {
    const { journal, overlay } = this.#storage;
    const own = journal.ledger.own;
    const extent = own === null ? undefined : journal.ledger.numbered.get(own.segment);
    if (own === null || extent === undefined || own.head !== head) return null;
    const [bytes, lines] = extent;
    if (bytes >= SEGMENT_BYTES) return null;
    const found = { segment: own.segment, bytes, lines, tail: own.tail };
    const path = inFolder(EVENTS, own.segment);
    if (!overlay.isEmpty && overlay.endOf(path) !== null) return hasDeferred ? found : null;
    const log = openOrRefused(this.#openLogs, path);
    if (log === null) return null;
    return log.size === bytes && tailOf(log.handle, bytes) === own.tail ? found : null;
  }

  /** The first line of a segment: the highest ids in use, so that a fresh clone goes on behind them. */
  header(newIds: ReadonlyMap<string, number>): string {
    const { journal, log } = this.#storage;
    const names = this.#names;
    const all = [...journal.ledger.ids.keys(), ...newIds.keys()];
    const kinds = new Set(all.filter((kind) => !kind.startsWith(LOCAL_KIND)));
    const ids = [...kinds].map((kind) => [
      kind,
      Math.max(
        newIds.get(kind) ?? 0,
        journal.ledger.ids.get(kind) ?? 0,
        log.highestId(kind, names),
      ),
    ]);
    return encodeSegmentHeader({
      segment: 1,
      clone: journal.header?.clone ?? "",
      createdAt: this.#options.toIso(this.#options.wallMs()),
      ids: Object.fromEntries(ids) as Record<string, number>,
    });
  }
}

/** How far each segment is read, where the ledger does not say the same. */
function extentsBeyond(
  log: LogIndex,
  ledger: Ledger,
): (readonly [string, readonly [bytes: number, lines: number]])[] {
  return log.names().flatMap((name) => {
    const { bytes, lines } = log.factsOf(name) ?? { bytes: 0, lines: 0 };
    const [knownBytes, knownLines] = ledger.numbered.get(name) ?? [0, 0];
    return bytes === knownBytes && lines === knownLines ? [] : [[name, [bytes, lines]] as const];
  });
}

/** Not allowed; a link, a folder or a pipe in its place. */
const NOT_OURS: readonly unknown[] = ["EACCES", "EPERM", "ELOOP", "EISDIR", "ENXIO"];

/** A segment that may not be written is left alone: the log goes on in a new one. */
function openOrRefused(logs: OpenLogs, path: string): OpenLog | null {
  try {
    return logs.at(path);
  } catch (error) {
    if (!isFlowError(error, "IO") || !NOT_OURS.includes(error.context["errno"])) throw error;
    return null;
  }
}
