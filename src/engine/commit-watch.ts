/**
 * Looking again when some process changed the store: one watch for all executions of an engine,
 * however many wait. Where nothing happens, nothing runs.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { isFlowError } from "../errors.ts";
import type { CheckpointStore } from "../stores/workflows.ts";
import { Members } from "./members.ts";

/** A look of one costs some 50 us: one of a thousand a second takes a twentieth of a processor. */
const MS_PER_WAITING = 1;

/** Who joins is called after commits of any process. */
export class CommitWatch extends Members<() => void> {
  readonly #store: CheckpointStore;
  readonly #pollMs: number;

  constructor(store: CheckpointStore, pollMs: number) {
    super();
    this.#store = store;
    this.#pollMs = pollMs;
  }

  protected override async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const _ of this.#store.watchCommits({ signal })) {
          for (const wake of [...this.members]) wake();
          await this.#rest(signal);
        }
      } catch (error) {
        // What keeps it from being read may pass; a store that was closed stays closed.
        if (!isFlowError(error)) throw error;
        for (const wake of [...this.members]) wake();
        if (error.code === "CLOSED") return;
        await this.#rest(signal);
      }
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const ms = Math.max(this.#pollMs, this.members.size * MS_PER_WAITING);
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
