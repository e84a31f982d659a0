/**
 * One agent, a process of its own: claims a feature, works on it for a moment, says what came of
 * it, until the whole plan passes. It tells its parent of every acknowledged change and ends when
 * the parent does.
 */
import { setTimeout as wait } from "node:timers/promises";
import { FlowError, FlowStore, type Feature } from "../../index.ts";
import { seededRandom } from "./random.ts";
import { monotonicMs, type AgentTask, type ReportKind } from "./report.ts";

const SHORTEST_WORK_MS = 20;
const LONGEST_WORK_MS = 120;

/** How long an agent waits when there is nothing to claim: a fraction of the shortest work. */
const IDLE_MS = 15;

/** Of a hundred works so many fail and so many are given back; the others pass. */
const FAILING_PERCENT = 12;
const RELEASED_PERCENT = 8;

/** How often a call that may succeed later is tried, and how long is waited in between. */
const MAX_TRIES = 50;
const RETRY_MS = 50;

async function live(task: AgentTask): Promise<void> {
  const store = await FlowStore.open(task.folder, { actor: task.agent, source: "demo" });
  const random = seededRandom(task.seed);
  let claims = 0;
  try {
    for (;;) {
      const fromMs = monotonicMs();
      const feature = await patiently(() =>
        store.features.claimNext({ agent: task.agent, leaseMs: task.leaseMs }),
      );
      if (feature === null) {
        const { total, passing } = await store.features.getStats();
        if (passing === total) return;
        await wait(IDLE_MS * (0.5 + random()));
        continue;
      }
      report(task, "claimed", feature.id, fromMs);
      claims += 1;
      if (claims === task.endlessAtClaim) return await wait(2 ** 31 - 1);
      await wait(SHORTEST_WORK_MS + random() * (LONGEST_WORK_MS - SHORTEST_WORK_MS));
      await finish(store, task, feature, random() * 100);
    }
  } finally {
    await store.close();
  }
}

/** @param lot from 0 to below 100 */
async function finish(
  store: FlowStore,
  task: AgentTask,
  feature: Feature,
  lot: number,
): Promise<void> {
  const options = { agent: task.agent, claimedBy: task.agent };
  const fromMs = monotonicMs();
  const kind =
    lot < FAILING_PERCENT
      ? "failed"
      : lot < FAILING_PERCENT + RELEASED_PERCENT
        ? "released"
        : "passed";
  const calls = {
    passed: () => store.features.markPassing(feature.id, options),
    failed: () => store.features.markFailing(feature.id, options),
    released: () => store.features.clearInProgress(feature.id, options),
  };
  try {
    await patiently(calls[kind]);
    report(task, kind, feature.id, fromMs);
  } catch (error) {
    // On a machine that stood still for longer than the lease, somebody else may hold it by now.
    if (!(error instanceof FlowError) || error.code !== "CONFLICT") throw error;
    report(task, "refused", feature.id, fromMs);
  }
}

async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof FlowError) || !error.retryable || tries === MAX_TRIES) throw error;
      await wait(RETRY_MS);
    }
  }
}

function report(task: AgentTask, kind: ReportKind, featureId: number, fromMs: number): void {
  process.send?.({ agent: task.agent, kind, featureId, fromMs, toMs: monotonicMs() });
}

process.on("disconnect", () => process.exit(1));
await live(JSON.parse(process.argv[2] ?? "") as AgentTask);
process.removeAllListeners("disconnect");
process.disconnect?.();
