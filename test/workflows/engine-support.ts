/** Engines in one process, over a store and a time that the test drives. */
import type { TestContext } from "node:test";
import {
  DurableEngine,
  type DurableEngineOptions,
  type ExecutionStatus,
  type FlowStore,
  type WorkflowBody,
} from "flowstore";
import { makeStore } from "../features/support.ts";
import { atEnd } from "../at-end.ts";

/** A clock that goes on when somebody waits for it: no test waits for real time. */
export class SteppedTime {
  ms = Date.parse("2026-03-01T00:00:00.000Z");
  readonly clock = (): number => this.ms;
  readonly sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    // A lease is renewed by a wait of its own, which must not drive the clock.
    if (ms >= LEASE_MS / 2) return untilAborted(signal);
    this.ms += Math.max(1, ms);
    return new Promise((done) => void setImmediate(done));
  };
}

export const LEASE_MS = 60_000_000;

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  return new Promise((done) => signal.addEventListener("abort", () => done(), { once: true }));
}

export interface Made {
  readonly store: FlowStore;
  readonly time: SteppedTime;
  readonly engine: (
    workflows: Record<string, WorkflowBody>,
    more?: Partial<DurableEngineOptions>,
  ) => DurableEngine;
}

export async function make(context: TestContext): Promise<Made> {
  const time = new SteppedTime();
  const store = await makeStore(context, { clock: time.clock });
  const engine: Made["engine"] = (workflows, more = {}) => {
    const { clock, sleep } = time;
    const base = { store: store.workflows, workflows, clock, sleep, leaseMs: LEASE_MS, pollMs: 50 };
    const made = new DurableEngine({ ...base, ...more });
    atEnd(context, () => made.dispose());
    return made;
  };
  return { store, time, engine };
}

export async function reached(
  store: FlowStore,
  id: string,
  status: ExecutionStatus,
): Promise<void> {
  for await (const now of store.workflows.watchExecution(id)) if (now?.status === status) return;
}
