/**
 * Runs orders until it is killed, or with `drain` until none is left. Says in `effects.log` what it
 * did, in the order in which it did it: `run` when an action begins, `seen` when its result is
 * known to be recorded, `done` when an execution is; `held` until when a lease is its own. Each
 * with who did it, and when.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DurableEngine,
  FlowStore,
  isFlowError,
  type ExecutionLease,
  type WorkflowBody,
} from "flowstore";

const [project = "", mode = "", leaseMs = ""] = process.argv.slice(2);
const AT_ONCE = 4;

/** Whether it has said that it is at work. */
let isKnown = mode === "drain";

function note(verb: string, ...words: readonly unknown[]): void {
  const line = [verb, ...words, process.pid, Date.now()].join(" ");
  appendFileSync(join(project, "effects.log"), `${line}\n`);
  if (verb === "run" && !isKnown) process.stdout.write("at work\n");
  isKnown ||= verb === "run";
}

const order: WorkflowBody = async (work) => {
  const id = work.executionId;
  const step = async (index: number): Promise<number> => {
    const compensate = (): void => note("undo", id, index);
    const act = (): number => {
      note("run", id, index);
      return index * 10;
    };
    const value = await work.step(`step-${index}`, act, { compensate });
    note("seen", id, index);
    return value;
  };
  let sum = (await step(0)) + (await step(1));
  await work.sleep("rest", 5);
  sum += Number(await work.waitSignal("approve"));
  sum += await step(4);
  if (id.endsWith("bad")) throw new Error("it is bad");
  return sum;
};

const store = await FlowStore.open(project, { actor: "killed" });
/** Tells of each lease that it has until when. */
const workflows = new Proxy(store.workflows, {
  get: (target, name) => {
    const value: unknown = Reflect.get(target, name, target);
    if (typeof value !== "function") return value;
    return (...args: unknown[]): unknown => {
      const result: unknown = Reflect.apply(value, target, args);
      if (name !== "claimExecution" && name !== "renewClaims") return result;
      return (result as Promise<ExecutionLease | ExecutionLease[]>).then((leases) => {
        for (const { workflowExecutionId, expiresAt } of [leases].flat())
          note("held", workflowExecutionId, Date.parse(expiresAt));
        return leases;
      });
    };
  },
});
const engine = new DurableEngine({
  store: workflows,
  workflows: { order },
  leaseMs: Number(leaseMs),
  pollMs: 5,
});

async function runOne(id: string): Promise<void> {
  await engine.sendSignal(id, "approve", 1);
  try {
    const { result } = await engine.run("order", { executionId: id });
    note("done", id, result);
  } catch (error) {
    // Every third fails on purpose; here, or in an engine that took it first, or takes it on.
    const isLost = isFlowError(error, "ABORTED") || isFlowError(error, "CONFLICT");
    if (isFlowError(error) && !isLost) throw error;
    note("failed", id, "-");
  }
}

async function runMany(lane: number): Promise<void> {
  for (let at = 0; ; at += 1)
    await runOne(`e-${process.pid}-${lane}-${at}${(lane + at) % 3 === 1 ? "-bad" : ""}`);
}

async function recoverMany(): Promise<void> {
  for (;;) {
    await engine.recover();
    await engine.idle();
    const counts = await store.workflows.countExecutions();
    const { PENDING, RUNNING, SUSPENDED, COMPENSATING } = counts;
    if (mode === "drain" && PENDING + RUNNING + SUSPENDED + COMPENSATING === 0) return;
    await sleep(20);
  }
}

const lanes = mode === "drain" ? [] : Array.from({ length: AT_ONCE }, (_, lane) => runMany(lane));
await Promise.all([recoverMany(), ...lanes]);
await store.close();
