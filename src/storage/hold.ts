/**
 * Holding the guard: taken for the first call, kept for a burst, handed over when another process
 * waits, let go when nothing comes. Whoever needs it in this process waits in one line.
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import type { Committer } from "./committer.ts";
import type { Guard } from "./guard.ts";
import { CLAIMS, LOCAL_FOLDERS } from "./layout.ts";
import type { StorageOptions } from "./parts.ts";

/** After the last call the guard is kept so long, for the next one of a burst. */
const LINGER_MS = 4;
/** `relaxed` answers so long before it syncs and applies, at most. */
const RELAXED_MS = 80;
/**
 * A program that awaits one call after another gives timers, signals and streams no turn, since
 * every call is answered within the same one: so often they get one here.
 */
const BREATH_MS = 10;
/** Idle for so long, the floor is raised in the background. */
const IDLE_MS = 60;
/** On close, a longer journal is replaced by a short one. */
const CLOSE_ROTATE_BYTES = 64 * 1024;
/** On close so many files are synced at most; of more the system takes care in its own time. */
const CLOSE_SYNC_FILES = 1000;
/** Folders may vanish with `local/` while a writer begins: then it begins again. */
const MAX_FOLDER_TRIES = 5;

/** One process's hold on a root. */
export class Hold {
  readonly #disk: Disk;
  readonly #options: StorageOptions;
  readonly #guard: Guard;
  readonly #committer: Committer;
  /** Whether calls wait to be committed: then nothing is let go. */
  readonly #isBusy: () => boolean;
  /** The end of the line of those who need the guard in this process. */
  #turn: Promise<void> = Promise.resolve();
  #lingerTimer: NodeJS.Timeout | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #isEnded = false;
  /** Whether a user's code has the turn, for as long as it takes. */
  #isLent = false;
  /** Whether this process may have changed anything. */
  #hasHeld = false;
  #breathedAt = -Infinity;
  /** Since when something put off by `relaxed` is known to wait. */
  #deferredAt: number | null = null;
  /** A sync failed: nothing more is written until the store is opened again. */
  broken: FlowError | null = null;

  constructor(
    disk: Disk,
    options: StorageOptions,
    guard: Guard,
    committer: Committer,
    isBusy: () => boolean,
  ) {
    this.#disk = disk;
    this.#options = options;
    this.#guard = guard;
    this.#committer = committer;
    this.#isBusy = isBusy;
  }

  // ---- the line ------------------------------------------------------------------------------

  /** One after another. */
  async inTurn<T>(act: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let done: () => void = () => undefined;
    this.#turn = new Promise((resolve) => (done = resolve));
    await before;
    try {
      return await act();
    } finally {
      done();
    }
  }

  /**
   * {@link inTurn} for one who does not wait past a deadline.
   *
   * @throws FlowError `TIMEOUT`.
   */
  async inTurnBefore<T>(deadline: number, act: () => Promise<T>): Promise<T> {
    let late = false;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          late = true;
          reject(this.waitedTooLong());
        },
        Math.max(0, deadline - this.#options.monotonicMs()),
      );
    });
    const turn = this.inTurn(async () => {
      clearTimeout(timer);
      if (late) throw this.waitedTooLong();
      try {
        return await act();
      } finally {
        this.linger();
      }
    });
    return Promise.race([turn, tooLate]);
  }

  /** The error of a call that waited for others. */
  waitedTooLong(others = "other calls of this process"): FlowError {
    const waitedMs = this.#options.guardTimeoutMs;
    return new FlowError("TIMEOUT", `Cannot write: ${others} held the store for ${waitedMs} ms`, {
      context: { waitedMs },
      hint: "Try again; a transaction elsewhere may be running long.",
    });
  }

  /** Lets a user's code have the turn of its caller: what `relaxed` put off does not wait for it. */
  async lend<T>(act: () => Promise<T>): Promise<T> {
    this.#isLent = true;
    try {
      return await act();
    } finally {
      this.#isLent = false;
    }
  }

  // ---- taking and letting go -----------------------------------------------------------------

  /** Shows other processes that this one lives; cheap. */
  beat(): void {
    this.#guard.beat();
  }

  /** Whether the guard is held and the fence stands. */
  isReady(): boolean {
    return this.#guard.isHeld && this.#committer.isReady;
  }

  /**
   * Holds the guard and a standing fence, with everything committed applied.
   *
   * @throws FlowError `TIMEOUT` past the deadline, `IO`.
   */
  async take(deadline: number): Promise<void> {
    this.#stopTimer("linger");
    for (let tries = 0; ; tries += 1) {
      try {
        if (tries > 0) this.#committer.lookAtFence();
        if (!this.isReady()) {
          await this.letGo();
          this.#makeFolders();
          const left = deadline - this.#options.monotonicMs();
          await this.#guard.take(Math.max(0, Math.min(left, this.#options.guardTimeoutMs)));
        }
        this.#hasHeld = true;
        this.#committer.begin();
        return;
      } catch (error) {
        // `local/` was removed (git clean) between making its folders and using them.
        const vanished = isFlowError(error, "IO") && error.context["errno"] === "ENOENT";
        if (!vanished || tries >= MAX_FOLDER_TRIES) {
          this.noteBroken(error);
          await this.letGo();
          throw error;
        }
        // git takes some ms for all of `local/`: not every try in the first of them.
        await this.#options.sleep(tries);
      }
    }
  }

  #makeFolders(): void {
    for (const folder of LOCAL_FOLDERS) {
      const stat = this.#disk.stat(folder);
      if (stat === null) this.#disk.makeFolder(folder);
      // No place of the engine's: whoever writes a lease is refused there, and nobody else.
      else if (!stat.isDirectory() && folder !== CLAIMS) throw notAFolder(folder);
    }
  }

  /** Lets the guard go, with what `relaxed` put off in the files. */
  async letGo(): Promise<void> {
    try {
      if (this.#guard.isHeld) this.#flush();
    } finally {
      this.#committer.end();
      await this.#guard.release();
    }
  }

  /** Hands the guard over when another process waits. The callers of this turn are answered. */
  async yieldIfWanted(): Promise<void> {
    try {
      if (this.#guard.shouldYield()) await this.letGo();
      else this.#flushIfDue();
    } catch (error) {
      this.followsLater(error);
    }
    await this.breathe();
  }

  /** While calls never cease, the flush's own timer waits in line behind them. */
  #flushIfDue(): void {
    const now = this.#options.monotonicMs();
    if (!this.#committer.hasDeferred) {
      this.#deferredAt = null;
    } else if (this.#deferredAt === null) {
      this.#deferredAt = now;
    } else if (now - this.#deferredAt >= RELAXED_MS) {
      this.#flush();
    }
  }

  #flush(): void {
    this.#deferredAt = null;
    this.#committer.flush();
  }

  /** Gives timers, signals and streams a turn, if they had none for {@link BREATH_MS}. */
  async breathe(): Promise<void> {
    if (this.#options.monotonicMs() - this.#breathedAt < BREATH_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#breathedAt = this.#options.monotonicMs();
  }

  /** Keeps the guard a little for the next call, unless somebody waits for it. */
  linger(): void {
    if (!this.#guard.isHeld) return;
    this.#scheduleFlush();
    this.#stopTimer("linger");
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = null;
      if (this.#isBusy()) return;
      this.inTurn(() => this.#settleDown()).catch((error: unknown) => this.followsLater(error));
    }, LINGER_MS);
  }

  async #settleDown(): Promise<void> {
    if (this.#isBusy() || this.#isEnded) return;
    // `relaxed` keeps the guard until its changes are in the files, unless it is wanted.
    if (this.#committer.hasDeferred && this.#flushTimer !== null && !this.#guard.isWanted()) {
      this.linger();
      return;
    }
    this.#committer.leaveCache();
    await this.letGo();
    this.#scheduleIdle();
  }

  #scheduleFlush(): void {
    if (!this.#committer.hasDeferred || this.#flushTimer !== null) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = null;
      if (this.#isLent) {
        this.#flushBeside();
        return;
      }
      void this.inTurn(async () => {
        if (this.#isEnded || !this.#committer.hasDeferred) return;
        await this.take(Infinity);
        this.#flush();
        // Even when calls wait: nobody else would set the timer that lets the guard go.
        this.linger();
      }).catch((error: unknown) => this.followsLater(error));
    }, RELAXED_MS);
  }

  /** The guard is held, and the code that has the turn is between two calls. */
  #flushBeside(): void {
    // Taken away meanwhile: whoever has it brings everything into the files, or the commit does.
    if (!this.isReady()) return;
    try {
      this.#flush();
    } catch (error) {
      this.followsLater(error);
    }
  }

  #scheduleIdle(): void {
    if (this.#idleTimer !== null || this.#options.durability === "none") return;
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = null;
      if (this.#isEnded || this.#guard.isHeld) return;
      void this.#committer.raiseFloor(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return !this.#isEnded;
      });
    }, IDLE_MS);
    this.#idleTimer.unref();
  }

  #stopTimer(which: "linger" | "flush" | "idle"): void {
    const timers = { linger: this.#lingerTimer, flush: this.#flushTimer, idle: this.#idleTimer };
    const timer = timers[which];
    if (timer !== null) clearTimeout(timer);
    if (which === "linger") this.#lingerTimer = null;
    else if (which === "flush") this.#flushTimer = null;
    else this.#idleTimer = null;
  }

  // ---- failures and the end ------------------------------------------------------------------

  /** The changes are committed; whoever comes next brings them into the files. */
  followsLater(error: unknown): void {
    if (!isFlowError(error)) throw error;
    this.noteBroken(error);
    this.#options.onApplyPending([{ path: "local/journal", reason: error.message }]);
  }

  /** After a failed sync this instance writes no more. */
  noteBroken(error: unknown): void {
    if (!isFlowError(error, "IO") || error.context["mustReopen"] !== true) return;
    this.broken = new FlowError(
      "IO",
      `Cannot write: an earlier write failed in a way that leaves its outcome unknown (${error.message})`,
      { context: { ...error.context }, hint: "Open the store again.", cause: error },
    );
  }

  /** Lets everything go for good. In turn. */
  async end(): Promise<void> {
    this.#isEnded = true;
    for (const timer of ["linger", "flush", "idle"] as const) this.#stopTimer(timer);
    try {
      if (this.#committer.hasDeferred && this.broken === null) await this.take(Infinity);
      if (this.#guard.isHeld) {
        this.#committer.flush();
        this.#committer.shorten(CLOSE_ROTATE_BYTES);
        this.#committer.leaveCache();
      }
    } catch (error) {
      this.followsLater(error);
    }
    try {
      await this.letGo();
    } catch (error) {
      this.followsLater(error);
    }
    await this.#checkpoint();
  }

  /**
   * What lies above the floor is compared with the files after a restart of the machine, and a file
   * that was removed by hand or by git meanwhile is taken for one that a power cut took. A process
   * that lives for a moment only must not leave its changes there for ever.
   */
  async #checkpoint(): Promise<void> {
    const isDue = this.#hasHeld && this.#options.durability !== "none" && this.broken === null;
    if (isDue) await this.#committer.raiseFloor(async () => true, CLOSE_SYNC_FILES);
  }
}

/** A link may lead out of the root: nothing is written through it. */
function notAFolder(folder: string): FlowError {
  return new FlowError("IO", `Cannot write into ${folder}: it is not a real folder`, {
    context: { operation: "write", file: folder, errno: "ENOTDIR" },
    hint: "Folders under .flow/ must not be links.",
  });
}
