/**
 * What the journal knows about numbers: which lines of the event log bear which sequence numbers,
 * the last event id, the segment this clone appends to, the highest integer id of each kind.
 *
 * It lies in the journal (in each record what changed, in each header the whole), never in a
 * tracked file: two branches would conflict in it. A number, once given, stays with its line; one
 * whose line left the tree (`git reset`) is not given again while the epoch lasts.
 */

import type { CommitRecord, JournalHeader, LedgerChange, Run } from "./journal-lines.ts";

const NO_RUNS: readonly Run[] = [];

export class Ledger {
  nextSequence = 1;
  /** In the order of sequence numbers. */
  readonly runs: Run[] = [];
  /** The same by segment, in the order of lines. */
  readonly #bySegment = new Map<string, Run[]>();
  /** Bytes and lines of each segment up to which everything is numbered. */
  readonly numbered = new Map<string, readonly [bytes: number, lines: number]>();
  lastEventId: string | null = null;
  own: LedgerChange["own"] | null = null;
  readonly ids = new Map<string, number>();

  static from(header: JournalHeader): Ledger {
    const ledger = new Ledger();
    const { nextSequence, runs, numbered, lastEventId, own } = header.ledger;
    ledger.nextSequence = nextSequence;
    for (const run of runs) {
      ledger.runs.push(run);
      ledger.#place(run, null);
    }
    for (const [segment, extent] of Object.entries(numbered)) {
      ledger.numbered.set(segment, extent);
    }
    ledger.lastEventId = lastEventId;
    ledger.own = own;
    for (const [kind, id] of Object.entries(header.ids)) ledger.ids.set(kind, id);
    return ledger;
  }

  /** Takes over what a committed record says. */
  apply(record: CommitRecord): void {
    for (const [kind, id] of Object.entries(record.ids ?? {})) {
      this.ids.set(kind, Math.max(id, this.ids.get(kind) ?? 0));
    }
    const change = record.ledger;
    if (change === undefined) return;
    for (const run of change.runs) this.#addRun(run);
    for (const [segment, extent] of Object.entries(change.numbered)) {
      this.numbered.set(segment, extent);
    }
    this.lastEventId = change.lastEventId;
    this.own = change.own;
  }

  #addRun(run: Run): void {
    const [from, count, segment, line] = run;
    this.nextSequence = Math.max(this.nextSequence, from + count);
    const last = this.runs.at(-1);
    if (
      last !== undefined &&
      last[2] === segment &&
      last[0] + last[1] === from &&
      last[3] + last[1] === line
    ) {
      const longer: Run = [last[0], last[1] + count, segment, last[3]];
      this.runs[this.runs.length - 1] = longer;
      this.#place(longer, last);
    } else {
      this.runs.push(run);
      this.#place(run, null);
    }
  }

  #place(run: Run, instead: Run | null): void {
    const known = this.#bySegment.get(run[2]);
    if (known === undefined) {
      this.#bySegment.set(run[2], [run]);
      return;
    }
    const at = known.findLastIndex((one) => one[3] <= run[3]);
    if (instead !== null && known[at] === instead) known[at] = run;
    else known.splice(at + 1, 0, run);
  }

  /** The runs of a segment, in the order of lines. */
  runsOf(segment: string): readonly Run[] {
    return this.#bySegment.get(segment) ?? NO_RUNS;
  }

  /** The number of a line, if it has one. */
  numberOf(segment: string, line: number): number | null {
    const runs = this.runsOf(segment);
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((runs[middle]?.[3] ?? 0) <= line) low = middle + 1;
      else high = middle;
    }
    const run = runs[low - 1];
    return run === undefined || line >= run[3] + run[1] ? null : run[0] + line - run[3];
  }

  toHeader(): Pick<JournalHeader, "ledger" | "ids"> {
    return {
      ledger: {
        nextSequence: this.nextSequence,
        runs: this.runs,
        numbered: Object.fromEntries(this.numbered),
        lastEventId: this.lastEventId,
        own: this.own,
      },
      ids: Object.fromEntries(this.ids),
    };
  }
}
