/**
 * A transaction over awaits: the guard is held while the caller's function runs; everything it
 * does lies in one write, and savepoints are writes inside it.
 *
 * Calls of one level run one after another, and wait while a savepoint of that level is open: a
 * savepoint that is undone must not take along what others wrote meanwhile.
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { Committer } from "./committer.ts";
import { StaleLook } from "./committer.ts";
import { isFault, type Document } from "./files.ts";
import type { Parts } from "./parts.ts";
import { Writing, type IdSource, type WriteBase } from "./view.ts";

/** How time passes for a transaction. */
export interface Pace {
  readonly monotonicMs: () => number;
  /** Lets timers run now and then; also the one by which the guard's holder shows life. */
  readonly breathe: () => Promise<void>;
}

export class Transaction {
  readonly #write: Writing;
  readonly #timeoutMs: number;
  readonly #pace: Pace;
  readonly #deadline: number;
  readonly #outer: Transaction | null;
  #turn: Promise<unknown> = Promise.resolve();
  #end: "finished" | "timed out" | null = null;

  constructor(write: Writing, timeoutMs: number, pace: Pace, outer: Transaction | null = null) {
    this.#write = write;
    this.#timeoutMs = timeoutMs;
    this.#pace = pace;
    this.#deadline = pace.monotonicMs() + timeoutMs;
    this.#outer = outer;
  }

  /** Whether calls are still taken. */
  get isOpen(): boolean {
    return this.#end === null;
  }

  /** Runs the caller's function within its time. */
  async runAll<T>(act: () => Promise<T> | T): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#end = "timed out";
        reject(this.#timeout());
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([Promise.resolve().then(act), timedOut]);
    } catch (error) {
      this.#end ??= "finished";
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One call of a store: its changes count wholly or, when it throws, not at all. */
  async run<T>(decide: (write: Writing) => T): Promise<T> {
    return this.#inTurn(async () => {
      const own = this.#write.nested();
      const value = decide(own);
      this.#write.merge(own);
      return value;
    });
  }

  /** A savepoint, with a time of its own within the outer one's. */
  async nest<T>(act: (inner: Transaction) => Promise<T> | T, timeoutMs: number): Promise<T> {
    return this.#inTurn(async () => {
      const inner = new Transaction(this.#write.nested(), timeoutMs, this.#pace, this);
      try {
        const value = await inner.runAll(() => act(inner));
        this.#refuseEnded();
        this.#write.merge(inner.#write);
        return value;
      } finally {
        inner.#end ??= "finished";
      }
    });
  }

  /** The write, after which no call is taken any more. */
  finish(): Writing {
    this.#refuseEnded();
    this.#end = "finished";
    return this.#write;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    this.#refuseEnded();
    const turn = this.#turn.then(async () => {
      await this.#pace.breathe();
      this.#refuseEnded();
      return act();
    });
    // A call that failed tells its caller; the next one's turn comes all the same.
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  #refuseEnded(): void {
    // The timer may have had no turn yet: the caller's function awaits nothing but calls.
    if (this.#pace.monotonicMs() > this.#deadline) this.#end ??= "timed out";
    if (this.#end === "timed out") throw this.#timeout();
    if (this.#end === "finished") {
      throw new FlowError("BAD_REQUEST", "Cannot go on in a transaction that has ended", {
        hint: "Await every call inside the transaction's function.",
      });
    }
    if (this.#outer !== null) this.#outer.#refuseEnded();
  }

  #timeout(): FlowError {
    return new FlowError(
      "TIMEOUT",
      `Cannot finish the transaction: it ran longer than ${this.#timeoutMs} ms`,
      {
        context: { timeoutMs: this.#timeoutMs },
        hint: "Nothing of it was kept. Do the slow work first, or give timeoutMs.",
      },
    );
  }
}

/** What was put off by `relaxed` may have come into its file meanwhile: the same text, in another place. */
function isSameText(left: Document | null, right: Document | null): boolean {
  if (left === null || right === null || isFault(left) || isFault(right)) return false;
  return left.text === right.text;
}

/** What a transaction reads from: the same answer every time, checked again at its end. */
export class TransactionBase implements WriteBase {
  readonly #storage: Parts;
  readonly #committer: Committer;
  readonly #given = new Map<string, Document | null>();
  readonly #names = new Map<string, readonly string[]>();
  #lastEventId: string | null = null;
  #nextSequence = 0;

  constructor(storage: Parts, committer: Committer) {
    this.#storage = storage;
    this.#committer = committer;
  }

  newWriting(): Writing {
    this.#committer.newAttempt();
    this.#lastEventId = this.#storage.journal.ledger.lastEventId;
    this.#nextSequence = this.#committer.nextSequence;
    return new Writing(this);
  }

  get ids(): IdSource {
    return this.#committer.ids;
  }

  get(path: string, exact: boolean): Document | null {
    const given = this.#given.get(path);
    if (given !== undefined) return given;
    const document = this.#look(path, exact);
    this.#given.set(path, document);
    return document;
  }

  #look(path: string, exact: boolean): Document | null {
    try {
      return this.#committer.get(path, exact);
    } catch (error) {
      // A first look of this transaction is as new as any: nothing was decided on the older one.
      if (!(error instanceof StaleLook)) throw error;
      return this.#committer.get(path, false);
    }
  }

  names(folder: string): readonly string[] {
    let names = this.#names.get(folder);
    if (names === undefined) this.#names.set(folder, (names = this.#committer.names(folder)));
    return names;
  }

  /**
   * Looks again at everything that was read.
   *
   * @throws FlowError `CONFLICT`, retryable, when any of it changed: this process was stopped and
   * another went on, or a person edited a file meanwhile; `IO` when one of the looks failed.
   */
  verify(write: Writing): void {
    this.#committer.newAttempt();
    const { ledger } = this.#storage.journal;
    // Git may make a segment longer that was there: the list of them does not tell.
    const isSame =
      ledger.lastEventId === this.#lastEventId &&
      this.#committer.nextSequence === this.#nextSequence;
    if (write.events.length > 0 && !isSame) throw this.#changed("the event log went on");
    for (const [folder, names] of this.#names) {
      const now = this.#committer.names(folder);
      if (now.length !== names.length || now.some((name, index) => name !== names[index])) {
        throw this.#changed(`${folder}/ has other files`);
      }
    }
    for (const [path, document] of this.#given) {
      const now = this.#look(path, true);
      if (now === document || isSameText(now, document)) continue;
      // One of the looks failed: whether it changed cannot be told.
      for (const look of [document, now])
        if (look !== null && isFault(look) && isFlowError(look.fault, "IO")) throw look.fault;
      throw this.#changed(`${path} changed`);
    }
  }

  #changed(what: string): FlowError {
    return new FlowError("CONFLICT", `Cannot commit the transaction: ${what} while it ran`, {
      context: { retryable: true },
      hint: "Run the transaction again.",
    });
  }
}
