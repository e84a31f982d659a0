/**
 * Reading the event log by what is asked for: a stream, a command, an event, all from a sequence on.
 * Every answer is as of one commit; nothing above this room knows where a line lies.
 */

import type { EventLine } from "./event-lines.ts";
import type { LogDamage } from "./segments.ts";

/** An event, where it stands, and its numbers. */
export interface NumberedLine {
  readonly event: EventLine;
  /** Empty for an event of a write under way. */
  readonly segment: string;
  readonly line: number;
  readonly sequence: number;
  /** Its place in its stream, from 1. */
  readonly version: number;
  /** The numbers may change with the next commit: a merge brought the line. */
  readonly provisional: boolean;
}

/** Which events; all that is given must hold. */
export interface Scan {
  /** The first sequence number, inclusive. */
  readonly from?: number | undefined;
  /** Default `asc`: by sequence, oldest first. */
  readonly order?: "asc" | "desc" | undefined;
  readonly stream?: string | undefined;
  readonly type?: string | undefined;
  /** What the name of the stream begins with. */
  readonly prefix?: string | undefined;
  readonly agent?: string | undefined;
  /** From this time on, ISO 8601 with milliseconds. */
  readonly since?: string | undefined;
  /** Before this time. */
  readonly until?: string | undefined;
}

/** What does not count, as far as the reader has met it. */
export interface LogFaults {
  readonly damage: readonly LogDamage[];
  /** Lines that bear the id of another line and say something else. */
  readonly conflicts: readonly { segment: string; line: number; id: string }[];
  /** Segments that could not be read at all. */
  readonly unreadable: readonly { segment: string; why: string }[];
}

/** The log as of one commit; in a transaction with the transaction's own events. */
export interface LogReader {
  /**
   * Chunks of events that fit, in sequence order; between them a caller may let others run, so one
   * may be empty where much was read and nothing fits. By the index where that reads less: of one
   * stream, of few streams of a prefix.
   */
  scan(scan?: Scan): Generator<readonly NumberedLine[]>;
  /** The events of exactly this stream, oldest first. */
  ofStream(
    stream: string,
    options?: { readonly afterVersion?: number | undefined; readonly limit?: number | undefined },
  ): NumberedLine[];
  /** The number of events of a stream, which is the version of the last one. */
  versionOf(stream: string): number;
  /** The events that a command made, in sequence order; of all that bear its id. */
  byCommand(commandId: string): NumberedLine[];
  byId(id: string): NumberedLine | null;
  /** The events that name this one as their cause, in sequence order. */
  causedBy(id: string): NumberedLine[];
  /** Names of streams that begin so, sorted by code units. */
  streams(prefix: string): string[];
  /** How many events there are of each type, of one stream or of all. */
  countByType(stream?: string): Map<string, number>;
  /** The event with the highest number. */
  readonly last: { readonly sequence: number; readonly id: string } | null;
  /** The number that the next event gets; above `last` also where git took events away. */
  readonly nextSequence: number;
  /** The highest number that was given for good: provisional events are above it. */
  readonly lastGiven: number;
  /** Within which the numbers hold; `null` before the first write of this clone. */
  readonly epoch: string | null;
  faults(): LogFaults;
}
