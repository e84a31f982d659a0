/**
 * Group commit: calls that wait at the same moment share one record and its sync. Each decision
 * runs on the result of the one before it; if the shared record fails, each call is tried alone,
 * so that each is told of its own failure.
 */

import { FlowError, isFlowError } from "../errors.ts";
import { StaleLook, type Committer } from "./committer.ts";
import type { Hold } from "./hold.ts";
import type { Journal } from "./journal.ts";
import { goneOutcome } from "./outcome.ts";
import type { StorageOptions } from "./parts.ts";
import type { Writing } from "./view.ts";

/** So many hand edits in a row, each within microseconds, are no hand edits. */
const MAX_STALE_TRIES = 1000;
/** So often in a row no two processes fence each other while each only wants to finish a commit. */
const MAX_FENCED_TRIES = 20;

interface Job {
  readonly decide: (write: Writing) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: number;
  /** Tells the caller that it waited too long. */
  readonly timer: NodeJS.Timeout;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** The calls of one process that wait to be committed. */
export class GroupCommit {
  readonly #options: StorageOptions;
  readonly #journal: Journal;
  readonly #committer: Committer;
  readonly #hold: Hold;
  #queue: Job[] = [];
  #running = false;
  #isTakingGuard = false;
  /** What went wrong after the callers of a turn had been answered, and nobody else waited. */
  #unheard: { readonly error: unknown } | null = null;

  constructor(options: StorageOptions, journal: Journal, committer: Committer, hold: Hold) {
    this.#options = options;
    this.#journal = journal;
    this.#committer = committer;
    this.#hold = hold;
  }

  /** Whether calls wait or are being committed. */
  get isBusy(): boolean {
    return this.#running || this.#queue.length > 0;
  }

  /** Commits what `decide` changes, together with whoever else waits. */
  async run<T>(decide: (write: Writing) => T): Promise<T> {
    this.tellUnheard();
    const { guardTimeoutMs, monotonicMs } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const job: Job = {
        decide,
        resolve: resolve as (value: unknown) => void,
        reject,
        deadline: monotonicMs() + guardTimeoutMs,
        timer: setTimeout(() => this.#giveUp(job), guardTimeoutMs),
      };
      this.#queue.push(job);
      if (!this.#running) this.#startDraining();
    });
  }

  /** Throws what nobody was told of: whoever comes next is, or who closes. */
  tellUnheard(): void {
    const unheard = this.#unheard;
    this.#unheard = null;
    if (unheard !== null) throw unheard.error;
  }

  /** The call is still in the line: whoever is before it in this process takes too long. */
  #giveUp(job: Job): void {
    const at = this.#queue.indexOf(job);
    // Where another process holds the guard, the guard gives up, and says who holds it.
    if (at < 0 || this.#isTakingGuard) return;
    this.#queue.splice(at, 1);
    job.reject(this.#hold.waitedTooLong());
  }

  /** Takes everybody who waits out of the line. */
  #takeAll(): Job[] {
    const jobs = this.#queue.splice(0);
    for (const { timer } of jobs) clearTimeout(timer);
    return jobs;
  }

  /** Takes those out of the line whose time is over, the given one among them. */
  #takeOverdue(first: Job): Job[] {
    const now = this.#options.monotonicMs();
    const overdue = this.#queue.filter((job) => job === first || job.deadline <= now);
    this.#queue = this.#queue.filter((job) => !overdue.includes(job));
    for (const { timer } of overdue) clearTimeout(timer);
    return overdue;
  }

  #startDraining(): void {
    this.#running = true;
    this.#hold
      .inTurn(() => this.#drain())
      .catch((error: unknown) => {
        const waiting = this.#takeAll();
        for (const job of waiting) job.reject(error);
        if (waiting.length === 0) this.#unheard = { error };
      })
      .finally(() => {
        this.#running = false;
        if (this.#queue.length > 0) this.#startDraining();
      });
  }

  async #drain(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      this.#isTakingGuard = true;
      try {
        await this.#hold.take(first.deadline);
      } catch (error) {
        // It could not be had in time: who came later waits on. Or not be tried: all are told.
        const isLate = isFlowError(error, "TIMEOUT");
        for (const job of isLate ? this.#takeOverdue(first) : this.#takeAll()) job.reject(error);
        continue;
      } finally {
        this.#isTakingGuard = false;
      }
      // Callers of this very moment join the group.
      await Promise.resolve();
      await this.#commit(this.#takeAll());
      await this.#hold.yieldIfWanted();
    }
    this.#hold.linger();
  }

  async #commit(group: readonly Job[]): Promise<void> {
    const outcomes: Outcome[] = [];
    try {
      const attempt = this.#committer.newAttempt();
      for (const job of group) outcomes.push(this.#decide(attempt, job));
      if (!attempt.isEmpty) await this.#publish(attempt, group, outcomes);
    } catch (error) {
      // What may have happened must not be tried again.
      if (group.length === 1 || isUnknown(error)) {
        for (const job of group) job.reject(error);
        return;
      }
      // Whose failure it is can only be told by trying each alone.
      for (const job of group) await this.#commit([job]);
      return;
    }
    for (const [index, job] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      if ("error" in outcome) job.reject(outcome.error);
      else job.resolve(outcome.value);
    }
  }

  #decide(attempt: Writing, job: Job): Outcome {
    for (let tries = 0; ; tries += 1) {
      // Deciding for many takes long: whoever waits for the guard must see that this one lives.
      this.#hold.beat();
      const own = attempt.nested();
      try {
        const value = job.decide(own);
        attempt.join(own);
        return { value };
      } catch (error) {
        if (!(error instanceof StaleLook)) return { error };
        // A hand edit came between two looks of the decision: once more, on what is there now.
        if (tries >= MAX_STALE_TRIES) return { error: neverStill() };
      }
    }
  }

  /** Publishes an attempt; when another process was faster, decides again on the new state. */
  async #publish(attempt: Writing, group: readonly Job[], outcomes: Outcome[]): Promise<void> {
    const { monotonicMs, guardTimeoutMs } = this.#options;
    const deadline = monotonicMs() + guardTimeoutMs;
    let current = attempt;
    while (!(await this.publish(current))) {
      // The guard is politeness: where it is broken, others may be faster again and again.
      if (monotonicMs() > deadline) throw this.#hold.waitedTooLong("other processes");
      await this.#hold.take(Infinity);
      current = this.#committer.newAttempt();
      for (const [index, job] of group.entries()) outcomes[index] = this.#decide(current, job);
      if (current.isEmpty) return;
    }
  }

  /**
   * Publishes one write.
   *
   * @returns `false` when somebody else was first: then it is to be decided again.
   */
  async publish(write: Writing): Promise<boolean> {
    const { epoch } = this.#journal;
    const fate = this.#tryPublish(write);
    if (fate === "fenced") await this.#finishFenced(epoch);
    return fate !== "lost";
  }

  #tryPublish(write: Writing): "kept" | "lost" | "fenced" {
    try {
      return this.#committer.publish(write, this.#options.durability);
    } catch (error) {
      this.#hold.noteBroken(error);
      throw error;
    }
  }

  /** It is committed; under a new fence it is brought into the files before the caller is answered. */
  async #finishFenced(epoch: string | null): Promise<void> {
    try {
      for (let tries = 0; tries < MAX_FENCED_TRIES; tries += 1) {
        await this.#hold.take(Infinity);
        if (this.#journal.unapplied().every(({ appliedIn }) => appliedIn !== null)) break;
      }
    } catch (error) {
      // Folders that vanish under it: the journal is among them, now or in a moment.
      if (isFlowError(error, "IO") && error.context["errno"] === "ENOENT") throw goneOutcome();
      this.#hold.followsLater(error);
    }
    if (this.#journal.isOver(epoch)) throw goneOutcome();
  }
}

function neverStill(): FlowError {
  return new FlowError("CONFLICT", "Cannot write: a file changed at each of many looks at it", {
    context: { retryable: true },
    hint: "Something else rewrites files under .flow/ without end; stop it, then try again.",
  });
}

function isUnknown(error: unknown): boolean {
  return isFlowError(error, "IO") && error.context["outcome"] === "unknown";
}
