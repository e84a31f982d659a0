/** Waiting until the log may have gone on: told by the system where it tells, else by looking. */

/** Where nothing tells of changes, this late at most; a look costs an fstat. */
const LOOK_EVERY_MS = 500;

/** What tells of changes in the folder of the journal, as far as the system does. */
export interface JournalWatch {
  /** Begins, or begins again where another folder bears the name by now. */
  refresh(): void;
  close(): void;
}

/** One for all subscriptions of a store. */
export class LogWatch {
  readonly #watch: JournalWatch;
  readonly #waiting = new Set<() => void>();
  #users = 0;
  #changes = 0;

  /** @param watch makes what calls `changed` whenever a file of the journal changed. */
  constructor(watch: (changed: () => void) => JournalWatch) {
    this.#watch = watch(() => this.#changed());
  }

  /** How often something changed: taken before a look, it tells {@link next} what the look missed. */
  get changes(): number {
    return this.#changes;
  }

  #changed(): void {
    this.#changes += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Somebody begins to wait from time to time. */
  begin(): void {
    this.#users += 1;
    this.#watch.refresh();
  }

  /** They wait no more. */
  end(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#watch.close();
  }

  /** Until something changed since, half a second is over, or the signal is aborted. */
  async next(since: number, signal: AbortSignal): Promise<void> {
    if (this.#changes !== since || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#watch.refresh();
        wake();
      }, LOOK_EVERY_MS);
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
