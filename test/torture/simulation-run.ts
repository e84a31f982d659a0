/** One run of a simulated machine, from its processes' starts to their ends. */
import type { MemoryDisk } from "#src/disk/memory-disk.js";
import type { DirectorMailbox, Failure, Standing, Told, Turn } from "./simulation-mailbox.ts";
import { OPERATION_MS } from "./simulation-time.ts";
import type { WireTree } from "./simulation-tree.ts";

/** What one process does. */
export interface Plan {
  readonly program: string;
  readonly given: unknown;
  /** Those of one thread follow each other; default: one of its own. */
  readonly thread?: number;
}

/** What a process would do next. */
export interface Pending {
  /** The disk's verb, `start`, or `wait` for a timer. */
  readonly operation: string;
  readonly path: string;
}

/** A run as whoever directs it sees it. */
export interface Scene {
  /** Processes that may go on now, in order; never empty. */
  readonly ready: readonly number[];
  /** Those that have not ended, or not begun. */
  readonly living: readonly number[];
  /** Who went on last; -1 at the beginning. */
  readonly last: number;
  /** How many operations were done so far, those that read among them. */
  readonly steps: number;
  readonly nowMs: number;
  readonly pending: (process: number) => Pending;
}

/** What happens next. */
export type Choice =
  /**
   * It does so many operations, unless it ends or has to wait before; with `toChange` it comes to a
   * stand before the first one that changes or syncs something, too.
   */
  | {
      readonly kind: "go";
      readonly process: number;
      readonly steps: number;
      readonly toChange?: boolean;
    }
  /** As by kill -9, before what it would do next. */
  | { readonly kind: "kill"; readonly process: number }
  /**
   * As by SIGSTOP, and SIGCONT after so long (`Infinity`: when all others are done). `looksDead`: to others it is as if it had ended, as
   * to those in another container; then its guard is stolen at once.
   */
  | {
      readonly kind: "stop";
      readonly process: number;
      readonly forMs: number;
      readonly looksDead: boolean;
    }
  /** One that was stopped goes on before its time. */
  | { readonly kind: "resume"; readonly process: number }
  | { readonly kind: "fail"; readonly process: number; readonly failure: Failure };

export type Director = (scene: Scene) => Choice;

/** What a process told. */
export interface Note extends Told {
  readonly process: number;
}

/** How a run came out. */
export interface Outcome {
  readonly notes: readonly Note[];
  /** How each program ended: `null` is well, `killed` by the director. */
  readonly errors: readonly (string | null)[];
  readonly steps: number;
  readonly nowMs: number;
}

export interface RunOptions {
  /** Where all that is done is recorded. */
  readonly disk: MemoryDisk;
  readonly plans: readonly Plan[];
  readonly director: Director;
  readonly mailboxes: readonly DirectorMailbox[];
  /** What the disk began with, once for each thread that does not have it. */
  readonly beginningFor: (thread: number) => { number: number; tree: WireTree | null };
  readonly setLiving: (process: number, lives: boolean) => void;
  readonly pidOf: (process: number) => number;
  readonly seedOf: () => number;
  /** The time at the beginning. */
  readonly fromMs: number;
}

/** No run is that long, unless it never ends. */
const MOST_STEPS = 100_000;

interface Process {
  readonly number: number;
  readonly plan: Plan;
  readonly thread: number;
  readonly mailbox: DirectorMailbox;
  /** Null before its start. */
  standing: Standing | null;
  /** How many of the disk's operations it knows. */
  known: number;
  stoppedUntilMs: number;
}

export class SimulatedRun {
  readonly #options: RunOptions;
  readonly #processes: Process[];
  readonly #notes: Note[] = [];
  #nowMs: number;
  #steps = 0;
  #last = -1;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#nowMs = options.fromMs;
    this.#processes = options.plans.map((plan, number) => {
      const thread = plan.thread ?? number;
      const mailbox = options.mailboxes[thread];
      if (mailbox === undefined) throw new Error(`no thread for process ${number}`);
      return { number, plan, thread, mailbox, standing: null, known: 0, stoppedUntilMs: 0 };
    });
  }

  toEnd(): Outcome {
    for (;;) {
      const living = this.#processes.filter(({ standing }) => standing?.kind !== "done");
      if (living.length === 0) break;
      const ready = living.filter((process) => this.#isReady(process));
      if (ready.length > 0) this.#choose(ready, living);
      else this.#letTimePass(living);
    }
    const errors = this.#processes.map(({ standing }) =>
      standing?.kind === "done" ? standing.error : null,
    );
    return { notes: this.#notes, errors, steps: this.#steps, nowMs: this.#nowMs };
  }

  #choose(ready: readonly Process[], living: readonly Process[]): void {
    const choice = this.#options.director({
      ready: ready.map(({ number }) => number),
      living: living.map(({ number }) => number),
      last: this.#last,
      steps: this.#steps,
      nowMs: this.#nowMs,
      pending: (number) => pendingOf(this.#processes[number]?.standing ?? null),
    });
    const chosen = this.#processes[choice.process];
    if (chosen === undefined) throw new Error(`there is no process ${choice.process}`);
    if (choice.kind === "resume") {
      chosen.stoppedUntilMs = 0;
      return;
    }
    if (choice.kind === "stop") {
      this.#stop(chosen, choice);
      return;
    }
    if (!ready.includes(chosen)) throw new Error(`process ${choice.process} is not ready`);
    this.#last = chosen.number;
    if (choice.kind === "kill") this.#kill(chosen);
    else if (choice.kind === "fail")
      this.#goOn(chosen, { steps: 1, toChange: false, failure: choice.failure });
    else
      this.#goOn(chosen, {
        steps: choice.steps,
        toChange: choice.toChange === true,
        failure: null,
      });
  }

  #stop(process: Process, { forMs, looksDead }: { forMs: number; looksDead: boolean }): void {
    process.stoppedUntilMs = this.#nowMs + forMs;
    if (looksDead) this.#options.setLiving(process.number, false);
  }

  /** Whether it has something to do now; one that has not begun, whether its thread is free. */
  #isReady({ standing, stoppedUntilMs, thread, number }: Process): boolean {
    if (stoppedUntilMs > this.#nowMs) return false;
    if (standing?.kind === "wait") return standing.untilMs <= this.#nowMs;
    if (standing !== null) return true;
    return this.#processes.every(
      (other) =>
        other.thread !== thread || other.number >= number || other.standing?.kind === "done",
    );
  }

  #letTimePass(living: readonly Process[]): void {
    // One that has not begun waits for its thread, and that for one of the others.
    const times = living.map(({ standing, stoppedUntilMs }) => {
      if (standing === null && stoppedUntilMs <= this.#nowMs) return Infinity;
      return Math.max(stoppedUntilMs, standing?.kind === "wait" ? standing.untilMs : 0);
    });
    const next = Math.min(...times);
    if (next === Infinity) for (const process of living) process.stoppedUntilMs = 0;
    else this.#nowMs = Math.max(this.#nowMs, next);
  }

  #kill(process: Process): void {
    if (process.standing !== null) this.#exchange(process, { kind: "die" });
    this.#end(process, "killed");
  }

  #goOn(
    process: Process,
    how: { readonly steps: number; readonly toChange: boolean; readonly failure: Failure | null },
  ): void {
    if (this.#steps > MOST_STEPS) throw new Error(`no end after ${MOST_STEPS} steps`);
    const { disk, setLiving } = this.#options;
    const nowMs = this.#nowMs;
    setLiving(process.number, true);
    if (process.standing === null) {
      this.#exchange(process, this.#startOf(process));
    } else {
      const operations = disk.recorded(process.known);
      this.#exchange(process, { kind: "go", ...how, operations, nowMs });
    }
  }

  #startOf({ number, plan, thread }: Process): Turn {
    const { beginningFor, disk, pidOf, seedOf } = this.#options;
    return {
      kind: "start",
      program: plan.program,
      given: plan.given,
      seed: seedOf(),
      pid: pidOf(number),
      disk: beginningFor(thread),
      operations: disk.recorded(),
      nowMs: this.#nowMs,
    };
  }

  #exchange(process: Process, turn: Turn): void {
    const { disk } = this.#options;
    const report = process.mailbox.exchange(turn);
    disk.replay(report.operations);
    process.known = disk.operations;
    process.standing = report.standing;
    for (const told of report.told) this.#notes.push({ process: process.number, ...told });
    if (turn.kind === "go") this.#steps += turn.steps - report.stepsLeft;
    this.#nowMs = Math.max(report.nowMs, this.#nowMs + OPERATION_MS);
    if (report.standing.kind === "done") this.#end(process, report.standing.error);
  }

  #end(process: Process, error: string | null): void {
    process.standing = { kind: "done", error };
    this.#options.setLiving(process.number, false);
  }
}

function pendingOf(standing: Standing | null): Pending {
  if (standing === null) return { operation: "start", path: "" };
  if (standing.kind !== "call") return { operation: standing.kind, path: "" };
  const { operation, path } = standing;
  return { operation, path };
}
