/**
 * What the journal knows about numbers: which lines of the event log bear which sequence numbers,
 * the last event id, the segment this clone appends to, the highest integer id of each kind.
 *
 * It lies in the journal (in each record what changed, in each header the whole), never in a
 * tracked file: two branches would conflict in it. A number, once given, stays with its line; one
 * whose line left the tree (`git reset`) is not given again while the epoch lasts.
 */

import type { CommitRecord, JournalHeader, LedgerChange, Run } from "./journal-lines.ts";

export class Ledger {
  nextSequence = 1;
  readonly runs: Run[] = [];
  /** Bytes and lines of each segment up to which everything is numbered. */
  readonly numbered = new Map<string, readonly [bytes: number, lines: number]>();
  lastEventId: string | null = null;
  own: LedgerChange["own"] | null = null;
  readonly ids = new Map<string, number>();

  static from(header: JournalHeader): Ledger {
    const ledger = new Ledger();
    const { nextSequence, runs, numbered, lastEventId, own } = header.ledger;
    ledger.nextSequence = nextSequence;
    for (const run of runs) ledger.runs.push(run);
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
      this.runs[this.runs.length - 1] = [last[0], last[1] + count, segment, last[3]];
    } else {
      this.runs.push(run);
    }
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
