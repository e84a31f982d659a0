/**
 * The time of a simulation's client: its timers and clocks, so that nothing of it is left to chance
 * and no run has to wait. Time passes when the simulation says so.
 */

interface Timer {
  readonly id: number;
  atMs: number;
  readonly everyMs: number | null;
  readonly act: () => void;
}

/** As `Date.now()` stands when a simulation begins. */
export const EPOCH_MS = Date.UTC(2030, 0, 1);

/** What one operation of the disk takes. */
export const OPERATION_MS = 0.02;

const turn = setImmediate;

export class SimulatedTime {
  nowMs = 0;
  readonly #timers = new Map<number, Timer>();
  #lastId = 0;

  /** Puts this time in place of the process's. */
  install(): void {
    const handleOf = (id: number): object => {
      const handle = {
        ref: () => handle,
        unref: () => handle,
        hasRef: () => true,
        [Symbol.toPrimitive]: () => id,
      };
      return handle;
    };
    const set =
      (repeats: boolean) =>
      (act: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): object =>
        handleOf(this.#add(() => act(...given), Math.max(ms, 1), repeats));
    const clear = (handle: unknown): void => void this.#timers.delete(Number(handle));
    Object.assign(globalThis, {
      setTimeout: set(false),
      setInterval: set(true),
      setImmediate: (act: (...given: unknown[]) => void, ...given: unknown[]) =>
        handleOf(this.#add(() => act(...given), 0, false)),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    });
    Date.now = () => this.wallMs();
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.nowMs);
  }

  /** Forgets all timers, as at the end of a process. */
  reset(nowMs: number): void {
    this.nowMs = nowMs;
    this.#timers.clear();
    this.#lastId = 0;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#add(resolve, ms, false));
  }

  /** Lets everything run that waits for no timer. */
  async settle(): Promise<void> {
    await new Promise((resolve) => turn(resolve));
  }

  /** When the next timer is due; `null` without one. */
  nextMs(): number | null {
    return this.#next()?.atMs ?? null;
  }

  /** Runs the next timer. */
  fire(): void {
    const timer = this.#next();
    if (timer === null) return;
    if (timer.everyMs === null) this.#timers.delete(timer.id);
    else timer.atMs = this.nowMs + timer.everyMs;
    timer.act();
  }

  #add(act: () => void, ms: number, repeats: boolean): number {
    this.#lastId += 1;
    const timer = { id: this.#lastId, atMs: this.nowMs + ms, everyMs: repeats ? ms : null, act };
    this.#timers.set(timer.id, timer);
    return timer.id;
  }

  /** The one that is due first; of several the one that was set first. */
  #next(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers.values()) {
      if (next === null || timer.atMs < next.atMs) next = timer;
    }
    return next;
  }
}
