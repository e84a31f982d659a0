/**
 * Looking again when some process changed the store: one watch for all executions of an engine,
 * however many wait. Where nothing happens, nothing runs.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { isFlowError } from "../errors.ts";
import type { CheckpointStore } from "../stores/workflows.ts";

/** A look of one costs some 50 us: one of a thousand a second takes a twentieth of a processor. */
const MS_PER_WAITING = 1;

export class CommitWatch {
  readonly #store: CheckpointStore;
  readonly #pollMs: number;
  readonly #waiting = new Set<() => void>();
  #ending: AbortController | null = null;

  constructor(store: CheckpointStore, pollMs: number) {
    this.#store = store;
    this.#pollMs = pollMs;
  }

  /** Has `wake` called after commits of any process. @returns what ends that. */
  join(wake: () => void): () => void {
    this.#waiting.add(wake);
    if (this.#ending === null) {
      this.#ending = new AbortController();
      void this.#follow(this.#ending.signal);
    }
    return () => {
      this.#waiting.delete(wake);
      if (this.#waiting.size > 0) return;
      this.#ending?.abort();
      this.#ending = null;
    };
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const _ of this.#store.watchCommits({ signal })) {
          for (const wake of [...this.#waiting]) wake();
          await this.#rest(signal);
        }
      } catch (error) {
        // What keeps it from being read may pass; a store that was closed stays closed.
        if (!isFlowError(error)) throw error;
        for (const wake of [...this.#waiting]) wake();
        if (error.code === "CLOSED") return;
        await this.#rest(signal);
      }
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const ms = Math.max(this.#pollMs, this.#waiting.size * MS_PER_WAITING);
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
