/**
 * The guard: which process may try to commit next. Politeness only: the journal decides who
 * committed, so a guard that is stolen from a living process costs a repeated try, never a change.
 *
 * It is a lock of proper-lockfile on a name with a generation, `local/guard/<generation>.lock`.
 * Stealing means making the next generation's name; a living name is never removed by a stranger.
 * (The package's own takeover, "stat, rmdir, mkdir", let two processes in in up to 23 % of rounds
 * with 16 waiters.) A dead holder's guard is taken at once, a silent one's after
 * {@link SILENT_MS}: the holder touches its owner file every {@link BEAT_MS}.
 *
 * Waiters queue by tickets in `local/guard/queue/`; the holder looks there and hands over after
 * {@link TURN_MS}. A ticket gives a turn, not a right: when the guard lies free for
 * {@link SKIP_MS}, whoever waits takes it, so that a stopped or dead ticket holder stops nobody.
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import { takeExclusive } from "../disk/exclusive.ts";
import { ioError } from "../disk/io-error.ts";
import { isAlive, type ProcessIdentity } from "../disk/machine.ts";
import { GUARD, GUARD_QUEUE, inFolder } from "./layout.ts";

/** A holder that shows no life for so long has lost the guard. */
export const SILENT_MS = 1000;
/** How often a holder shows life: four chances within the time above. */
const BEAT_MS = 250;
/** How long one process may go on while another waits: ten commits or so. */
export const TURN_MS = 8;
/** After its turn a holder looks so often whether somebody waits. */
const LOOK_MS = 2;
/** How long the guard may lie free while the first in the queue does not take it. */
const SKIP_MS = 40;
/** The first in the queue looks so often, each one behind it by so much later: no turn is shorter. */
const POLL_MS = 1;
const POLL_STEP_MS = 4;
const POLL_MAX_MS = 40;
/** The first two watch the holder; those behind them, lest all do the same, only so often. */
const WATCHERS = 2;
const FAR_LOOK_MS = 50;
/** A pause of the waiter itself counts at most so much as time in which it saw the holder silent. */
const OBSERVED_MAX_MS = 100;

/** A ticket so old is nobody's, or of one that was stopped: no place is kept for it any longer. */
const TICKET_MS = 60_000;
/** How often one who takes the guard looks at the tickets behind his own. */
const SWEEP_MS = 1000;
/** How often a waiter asks whether the holder's process lives (30 µs). */
const CHECK_MS = 25;

/** Who holds the guard, for other processes and for people. */
export interface GuardOwner extends ProcessIdentity {
  readonly actor: string;
  readonly since: string;
}

export interface GuardOptions {
  readonly identity: ProcessIdentity;
  readonly actor: string;
  readonly randomName: () => string;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly nowIso: () => string;
  readonly sleep: (ms: number) => Promise<void>;
}

interface Held {
  readonly generation: number;
  readonly release: () => Promise<void>;
  readonly since: number;
  readonly beat: NodeJS.Timeout;
  lost: boolean;
}

const LOCK_PATTERN = /^(\d+)\.(?:lock|owner\.json|generation)$/;

export class Guard {
  readonly #disk: Disk;
  readonly #options: GuardOptions;
  readonly #name: string;
  #held: Held | null = null;
  #beatAt = 0;
  #lookedAt = -Infinity;
  #sweptAt = -Infinity;

  constructor(disk: Disk, options: GuardOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#name = options.randomName();
  }

  get isHeld(): boolean {
    return this.#held !== null && !this.#held.lost;
  }

  /**
   * Takes the guard.
   *
   * @throws FlowError `TIMEOUT` with `context.holder` after `timeoutMs`; `IO` when it could not be
   * tried, which never reads as "held".
   */
  async take(timeoutMs: number): Promise<void> {
    const { monotonicMs } = this.#options;
    const start = monotonicMs();
    let ticket: string | null = null;
    const watch = new HolderWatch();
    let lookedAt = start;
    try {
      for (;;) {
        const tickets = this.#disk.list(GUARD_QUEUE) ?? [];
        // Gone with `local/` (git clean): the holder sees nobody waiting and would never hand over.
        if (ticket !== null && !tickets.includes(ticket)) ticket = null;
        const position = ticket === null ? tickets.length : tickets.indexOf(ticket);
        if (position === 0 || watch.freeMs > SKIP_MS) {
          if (await this.#try()) {
            const others = tickets.length - (ticket === null ? 0 : 1);
            if (position > 0 || (others > 0 && this.#isTimeToSweep())) this.#removeDeadTickets();
            return;
          }
        }
        const elapsed = monotonicMs() - start;
        if (elapsed > timeoutMs) throw this.#timedOut(Math.round(timeoutMs));
        ticket ??= this.#queueUp();
        const now = monotonicMs();
        if (position < WATCHERS || now - lookedAt >= FAR_LOOK_MS) {
          this.#observe(watch, Math.min(now - lookedAt, OBSERVED_MAX_MS));
          lookedAt = now;
        }
        const wait = position === 0 ? POLL_MS : Math.min(POLL_MAX_MS, POLL_STEP_MS * position);
        await this.#options.sleep(Math.min(wait, Math.max(1, timeoutMs - elapsed)));
      }
    } finally {
      if (ticket !== null) this.#disk.remove(inFolder(GUARD_QUEUE, ticket));
    }
  }

  #queueUp(): string {
    const time = Math.floor(this.#options.wallMs()).toString(36).padStart(9, "0");
    const ticket = `${time}-${this.#options.randomName()}.json`;
    this.#disk.create(inFolder(GUARD_QUEUE, ticket), JSON.stringify(this.#owner()));
    return ticket;
  }

  #owner(): GuardOwner {
    return {
      ...this.#options.identity,
      actor: this.#options.actor,
      since: this.#options.nowIso(),
    };
  }

  /** The highest generation anybody named. */
  #generation(): number {
    let highest = 0;
    for (const name of this.#disk.list(GUARD) ?? []) {
      const number = Number(LOCK_PATTERN.exec(name)?.[1] ?? 0);
      if (number > highest) highest = number;
    }
    return highest;
  }

  async #try(): Promise<boolean> {
    const generation = this.#generation();
    const path = inFolder(GUARD, `${generation}.lock`);
    const release = await this.#lock(path, generation);
    if (release === null) return false;
    try {
      // Somebody who judged an earlier holder dead may have gone on to the next name meanwhile.
      if (this.#generation() !== generation) {
        await release();
        return false;
      }
      const owner = inFolder(GUARD, `${generation}.owner.json`);
      this.#disk.remove(owner);
      this.#disk.create(owner, `${JSON.stringify(this.#owner(), null, 2)}\n`);
    } catch (error) {
      // A guard that nobody knows to be held would be waited for until it counts as silent.
      await release().catch(() => undefined);
      throw error;
    }
    const beat = setInterval(() => this.beat(), BEAT_MS);
    beat.unref();
    this.#held = { generation, release, since: this.#options.monotonicMs(), beat, lost: false };
    this.#beatAt = this.#options.monotonicMs();
    this.#removeOlder(generation);
    return true;
  }

  async #lock(path: string, generation: number): Promise<(() => Promise<void>) | null> {
    try {
      return await takeExclusive(this.#disk, path, this.#name, () => {
        if (this.#held?.generation === generation) this.#held.lost = true;
      });
    } catch (error) {
      // `local/` was removed between two of the package's calls.
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      throw ioError("makeFolder", path, "ENOENT", error);
    }
  }

  /** Names below the current generation are nobody's any more, whoever made them. */
  #removeOlder(generation: number): void {
    for (const name of this.#disk.list(GUARD) ?? []) {
      const number = LOCK_PATTERN.exec(name)?.[1];
      if (number === undefined || Number(number) >= generation) continue;
      const path = inFolder(GUARD, name);
      if (name.endsWith(".lock")) this.#disk.removeFolder(path);
      else this.#disk.remove(path);
    }
  }

  /**
   * Whether tickets behind the own one are looked at too: one that was made while a clock was ahead
   * stands behind all others, and whoever holds the guard would think for so long that he is waited for.
   */
  #isTimeToSweep(): boolean {
    const now = this.#options.monotonicMs();
    if (now - this.#sweptAt < SWEEP_MS) return false;
    this.#sweptAt = now;
    return true;
  }

  /**
   * Removes the tickets of processes that have ended, and those that say nothing: a kill between
   * making and writing one leaves it so. Whoever is just writing his loses a turn at the most.
   */
  #removeDeadTickets(): void {
    for (const name of this.#disk.list(GUARD_QUEUE) ?? []) {
      const path = inFolder(GUARD_QUEUE, name);
      const ticket = this.#readOwner(path);
      const isDead = ticket === null || isAlive(ticket) === false;
      if (isDead || this.#options.wallMs() - madeAt(name) > TICKET_MS) this.#disk.remove(path);
    }
  }

  /** Shows life; cheap to call between the steps of long work. */
  beat(): void {
    const held = this.#held;
    const now = this.#options.monotonicMs();
    if (held === null || held.lost || now - this.#beatAt < BEAT_MS / 2) return;
    this.#beatAt = now;
    const path = inFolder(GUARD, `${held.generation}.owner.json`);
    try {
      this.#disk.touch(path, this.#options.wallMs());
    } catch (error) {
      // Its file is gone with `local/`, or a newer generation removed it.
      if (!isFlowError(error, "IO")) throw error;
      held.lost = true;
    }
  }

  /** Whether this process should hand over: another waits, and the turn is over. */
  shouldYield(): boolean {
    const held = this.#held;
    if (held === null) return true;
    const now = this.#options.monotonicMs();
    if (now - held.since < TURN_MS || now - this.#lookedAt < LOOK_MS) return false;
    this.#lookedAt = now;
    return this.isWanted();
  }

  /** Whether another process waits for the guard. */
  isWanted(): boolean {
    return (this.#disk.list(GUARD_QUEUE) ?? []).length > 0;
  }

  async release(): Promise<void> {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    clearInterval(held.beat);
    try {
      if (!held.lost) this.#disk.remove(inFolder(GUARD, `${held.generation}.owner.json`));
      await held.release();
    } catch (error) {
      // ERELEASED: the package was told before that the lock is lost, and has released it itself.
      // A name that cannot be removed shows no life from here on, and is taken for silent.
      const isReleased = (error as { code?: unknown }).code === "ERELEASED";
      if (!isReleased && !isFlowError(error, "IO")) throw error;
    }
  }

  /** Watches the holder, and takes the guard from one that is dead or silent. */
  #observe(watch: HolderWatch, sinceLastLookMs: number): void {
    const generation = this.#generation();
    const lock = this.#disk.stat(inFolder(GUARD, `${generation}.lock`));
    const ownerPath = inFolder(GUARD, `${generation}.owner.json`);
    const ownerStat = this.#disk.stat(ownerPath);
    const sign =
      lock === null ? null : `${generation} ${ownerStat?.ino ?? 0} ${ownerStat?.mtimeMs ?? 0}`;
    watch.see(sign, sinceLastLookMs);
    if (sign === null) return;
    const owner = watch.mayBeDead() && ownerStat !== null ? this.#readOwner(ownerPath) : null;
    const isDead = owner !== null && isAlive(owner) === false;
    if (isDead || watch.silentMs > SILENT_MS) this.#steal(generation);
  }

  #steal(generation: number): void {
    const path = inFolder(GUARD, `${generation + 1}.generation`);
    try {
      this.#disk.create(path, "");
    } catch (error) {
      // Somebody else was first: then that generation is the one to wait for.
      if (!isFlowError(error, "IO") || error.context["errno"] !== "EEXIST") throw error;
    }
  }

  #readOwner(path: string): GuardOwner | null {
    try {
      const text = this.#disk.readText(path);
      if (text === null) return null;
      const owner = JSON.parse(text) as Partial<GuardOwner> | null;
      const isWhole = typeof owner?.pid === "number" && typeof owner.host === "string";
      return isWhole ? (owner as GuardOwner) : null;
    } catch (error) {
      // Still being written, or damaged: then only its silence tells.
      if (error instanceof SyntaxError || isFlowError(error, "CORRUPT")) return null;
      throw error;
    }
  }

  #timedOut(timeoutMs: number): FlowError {
    const owner = this.#readOwner(inFolder(GUARD, `${this.#generation()}.owner.json`));
    const who = owner === null ? "another process" : `${owner.actor} (process ${owner.pid})`;
    return new FlowError("TIMEOUT", `Cannot write: ${who} held the store for ${timeoutMs} ms`, {
      context: { holder: owner, waitedMs: timeoutMs },
      hint: "Try again; a transaction elsewhere may be running long.",
    });
  }
}

/** When a ticket was made, by the wall clock's ms in its name. */
function madeAt(ticket: string): number {
  return Number.parseInt(ticket, 36) || 0;
}

/** What a waiter has seen of the holder, in its own time. */
class HolderWatch {
  #sign: string | null | undefined;
  /** How long the same holder has shown no life. */
  silentMs = 0;
  /** How long the guard has lain free. */
  freeMs = 0;
  #checkedAtMs = -1;

  see(sign: string | null, elapsedMs: number): void {
    const same = sign === this.#sign;
    this.#sign = sign;
    this.silentMs = same && sign !== null ? this.silentMs + elapsedMs : 0;
    this.freeMs = same && sign === null ? this.freeMs + elapsedMs : 0;
    if (!same) this.#checkedAtMs = -1;
  }

  /** Whether it is time to ask whether the holder lives: at first sight, and now and then. */
  mayBeDead(): boolean {
    const isTime = this.#checkedAtMs < 0 || this.silentMs - this.#checkedAtMs > CHECK_MS;
    if (isTime) this.#checkedAtMs = this.silentMs;
    return isTime;
  }
}
