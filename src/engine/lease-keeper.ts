/** Renewing the leases of all executions that an engine runs: one commit for all of them. */

import { isFlowError, type FlowError } from "../errors.ts";
import type { ExecutionLease } from "../stores/workflow-leases.ts";
import { Members } from "./members.ts";
import type { Settings } from "./options.ts";

/** Leases are renewed at half their time; where that fails, again after a tenth. */
const RENEWALS_A_LEASE = 2;
const TRIES_A_LEASE = 10;

/** What runs under a lease. */
export interface Leased {
  readonly id: string;
  readonly lease: ExecutionLease;
  /** Whether its last change is being recorded: with that its lease ends. */
  readonly isEnding: boolean;
  /** @param heldUntilMs by the engine's clock, before which nobody else can take it */
  renewed(heldUntilMs: number): void;
  stop(why: "lease-lost"): void;
}

/** Renews leases while there are any; who joins has his renewed. */
export class LeaseKeeper extends Members<Leased> {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
  }

  protected override async follow(signal: AbortSignal): Promise<void> {
    const { leaseMs, sleep } = this.#settings;
    let waitMs = leaseMs / RENEWALS_A_LEASE;
    for (;;) {
      await sleep(waitMs, signal);
      if (signal.aborted) return;
      const isDone = await this.#renewAll();
      waitMs = leaseMs / (isDone ? RENEWALS_A_LEASE : TRIES_A_LEASE);
    }
  }

  async #renewAll(): Promise<boolean> {
    const { store, clock, leaseMs } = this.#settings;
    const runs = [...this.members].filter(({ isEnding }) => !isEnding);
    const atMs = clock();
    try {
      const leases = runs.map(({ lease }) => lease);
      const renewed = await store.renewClaims(leases, leaseMs);
      const tokens = new Set(renewed.map(({ token }) => token));
      for (const run of runs) {
        if (tokens.has(run.lease.token)) run.renewed(atMs + leaseMs);
        else if (this.members.has(run) && !run.isEnding) this.#lost(run);
      }
      return true;
    } catch (error) {
      // What else fails may pass; when it does not, the lease goes and the next write says so.
      if (!isFlowError(error)) throw error;
      if (error.code === "CLOSED") for (const run of runs) this.#lost(run, error);
      return false;
    }
  }

  #lost(run: Leased, cause?: FlowError): void {
    const message = `The lease of ${run.id} is another's: it goes on there`;
    this.#settings.onWarning({ executionId: run.id, kind: "lease-lost", message, cause });
    run.stop("lease-lost");
  }
}
