/**
 * How a simulation and one of its threads speak: by turns, in memory that both share. Whoever has
 * handed over sleeps until it is its turn again, so that at each moment one thread runs.
 */
import { deserialize, serialize } from "node:v8";

import type { Operation } from "#src/disk/durability.js";
import type { WireTree } from "./simulation-tree.ts";

/** Whose turn it is. */
const DIRECTOR = 0;
const CLIENT = 1;

const TURN_BYTES = 4;
const LENGTH_BYTES = 4;
const HEAD_BYTES = TURN_BYTES + LENGTH_BYTES;
const MESSAGE_BYTES = 8 * 1024 * 1024;
/** A thread that says nothing for so long hangs. */
const LONGEST_MS = 120_000;

/** What a process told whoever checks the run, and when. */
export interface Told {
  readonly name: string;
  readonly data: unknown;
  /** How many operations the disk had done. */
  readonly at: number;
  readonly nowMs: number;
}

/** Where a process stands. */
export type Standing =
  /** Before an operation of the disk. */
  | { readonly kind: "call"; readonly operation: string; readonly path: string }
  /** It has nothing to do before then. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Its program has ended; `null`: well. */
  | { readonly kind: "done"; readonly error: string | null };

/** What a process did since its turn began, and where it stands now. */
export interface Report {
  readonly standing: Standing;
  readonly operations: readonly Operation[];
  readonly told: readonly Told[];
  /** Steps that were given to it and not used. */
  readonly stepsLeft: number;
  readonly nowMs: number;
}

/** How the operation that a process stands before is to fail. */
export interface Failure {
  readonly errno: string;
  /** A write fails after so many bytes. */
  readonly written?: number;
  /** A failed sync of a file: what it was to save is not saved by a later one either. */
  readonly loses?: boolean;
}

/** A turn. */
export type Turn =
  /** The process begins, on a disk that the thread knows by its number or is given. */
  | {
      readonly kind: "start";
      readonly program: string;
      readonly given: unknown;
      readonly seed: number;
      readonly pid: number;
      readonly disk: { readonly number: number; readonly tree: WireTree | null };
      readonly operations: readonly Operation[];
      readonly nowMs: number;
    }
  /** It goes on for so many operations; others have done these meanwhile. */
  | {
      readonly kind: "go";
      readonly steps: number;
      /** It goes on only to the next operation that changes or syncs something. */
      readonly toChange: boolean;
      readonly failure: Failure | null;
      readonly operations: readonly Operation[];
      readonly nowMs: number;
    }
  /** As by kill -9: the operation is not done, and none after it. */
  | { readonly kind: "die" };

/** What both sides are given; the thread speaks first. */
export function sharedMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEAD_BYTES + MESSAGE_BYTES);
  new Int32Array(memory, 0, 1)[0] = CLIENT;
  return memory;
}

class Mailbox {
  readonly #turn: Int32Array;
  readonly #length: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.#turn = new Int32Array(memory, 0, 1);
    this.#length = new Int32Array(memory, TURN_BYTES, 1);
    this.#bytes = new Uint8Array(memory, HEAD_BYTES);
  }

  protected write(message: unknown): void {
    const bytes = serialize(message);
    if (bytes.length > MESSAGE_BYTES) throw new Error(`a message of ${bytes.length} bytes`);
    this.#bytes.set(bytes);
    this.#length[0] = bytes.length;
  }

  protected read(): unknown {
    // A copy: what is read must not change when the next message comes.
    return deserialize(Buffer.from(this.#bytes.slice(0, this.#length[0])));
  }

  protected handTo(turn: number): void {
    Atomics.store(this.#turn, 0, turn);
    Atomics.notify(this.#turn, 0);
  }

  protected await(turn: number, longestMs: number): void {
    const other = turn === CLIENT ? DIRECTOR : CLIENT;
    while (Atomics.load(this.#turn, 0) !== turn) {
      if (Atomics.wait(this.#turn, 0, other, longestMs) !== "timed-out") continue;
      throw new Error(`a thread of the simulation said nothing for ${longestMs} ms`);
    }
  }
}

/** The side of the thread that decides who goes on. */
export class DirectorMailbox extends Mailbox {
  /** Waits for the thread's first word. */
  awaitReady(): void {
    this.await(DIRECTOR, LONGEST_MS);
  }

  /** Gives the thread a turn, and waits for its end. */
  exchange(turn: Turn): Report {
    this.write(turn);
    this.handTo(CLIENT);
    this.await(DIRECTOR, LONGEST_MS);
    return this.read() as Report;
  }
}

/** The side of a thread. */
export class ThreadMailbox extends Mailbox {
  /** Ends the turn, and waits for the next one. */
  exchange(report: Report | "ready"): Turn {
    this.write(report);
    this.handTo(DIRECTOR);
    this.await(CLIENT, Infinity);
    return this.read() as Turn;
  }
}
