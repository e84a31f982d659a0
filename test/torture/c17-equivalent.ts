/**
 * Mutants that no test can or need notice, each with its reason. They are found by what they change,
 * not by a number of a line: an entry holds while its line stays as it is, and is an error when no
 * mutant is like it any more, or when a test notices one that is.
 */
import type { MadeMutant } from "./c17-mutants.ts";

/** A change of one place: an entry that stands for several is an error. */
export interface Equivalent extends Pick<MadeMutant, "file" | "unit" | "line" | "from" | "to"> {
  readonly why: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "storage/journal-reader",
    unit: "#take",
    line: "mine !== null && bytes.equals(mine.line)",
    from: "mine !== null && bytes.equals(mine.line)",
    to: "false",
    why: "the own record is parsed again instead of being known: the same record, a little later",
  },
  {
    file: "storage/journal-reader",
    unit: "#readChunk",
    line: "return count === chunk || this.#offset < end;",
    from: "count === chunk || this.#offset < end",
    to: "true",
    why: "reads once more, finds the end and stops there",
  },
  {
    file: "storage/journal-state",
    unit: "#tell",
    line: 'const epoch = this.header?.epoch ?? "";',
    from: 'this.header?.epoch ?? ""',
    to: 'this.header?.epoch && ""',
    why: 'says "lost" at the next line too: listeners look again and find the same; a change of the epoch is told by the header itself',
  },
  {
    file: "storage/journal-state",
    unit: "carried",
    line: ".filter((entry) => entry.record.n > this.floor || entry.stuck.size > 0)",
    from: "entry.record.n > this.floor",
    to: "entry.record.n >= this.floor",
    why: "a header carries one finished record more, which goes with the next floor",
  },
  {
    file: "storage/apply",
    unit: "applyAppend",
    line: "if (!context.fence.stands()) throw new Fenced();",
    from: "!context.fence.stands()",
    to: "false",
    why: "the temporary that is staged some lines below finds the same",
  },
  {
    file: "storage/segments",
    unit: "refresh",
    line: "if (this.#lookedAt >= since) return false;",
    from: "false",
    to: "true",
    why: "says that something is new when nothing is: what is derived is derived again",
  },
  {
    file: "storage/upkeep",
    unit: "raiseFloor",
    line: "if (count % SYNC_CHUNK === 0 && !(await pause())) return;",
    from: "count % SYNC_CHUNK === 0 && !(await pause())",
    to: "false",
    why: "syncs in the background without pauses: a matter of waiting, which the bench measures",
  },
  {
    file: "storage/guard",
    unit: "see",
    line: "if (!same) this.#checkedAtMs = -1;",
    from: "!same",
    to: "true",
    why: "asks at each look, instead of every 25 ms, whether the holder's process lives",
  },
  {
    file: "storage/log-writer",
    unit: "#lookForForeign",
    line: "if (version === this.#foreignCheckedAt) return NOTHING_FOREIGN;",
    from: "version === this.#foreignCheckedAt",
    to: "false",
    why: "looks again at what was found to hold nothing foreign, and finds the same",
  },

  {
    file: "storage/local-log",
    unit: "readLocalLog",
    line: 'holding = "",',
    from: '""',
    to: '"Stryker was here!"',
    why: "the only caller always says what the lines must hold",
  },
];
