/** Engines' processes are killed at random moments, again and again, and nothing is lost. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FlowStore, type CheckpointStore } from "flowstore";
import { makeProject } from "../features/support.ts";
import { atEnd, killed } from "../at-end.ts";

const WORKER = fileURLToPath(new URL("./kill.worker.js", import.meta.url));
/** The whole of it takes some minutes: FLOWSTORE_WORKFLOW_KILLS=500. */
const KILLS = Number(process.env["FLOWSTORE_WORKFLOW_KILLS"] ?? 10);
/** Of these, so many while another engine works on the same executions. */
const DUEL_KILLS = Math.ceil(KILLS / 5);
/** From a process that has just begun to one amid many executions. */
const LONGEST_LIFE_MS = 250;
/** Short, so that what a killed process held is soon taken by the next. */
const LEASE_MS = 150;
/** Longer than a busy machine keeps a living process from renewing it; another: a short one. */
const DUEL_LEASE_MS = Number(process.env["FLOWSTORE_WORKFLOW_LEASE_MS"] ?? 5_000);

/** What an engine did. */
interface Effect {
  readonly verb: string;
  readonly id: string;
  readonly rest: string;
  readonly pid: number;
  readonly atMs: number;
}

interface Life {
  readonly child: ChildProcess;
  readonly gone: Promise<[number | null]>;
}

/** Begins an engine; one that is to be killed is amid its first action then. */
async function begin(
  context: TestContext,
  project: string,
  mode: "run" | "drain",
  leaseMs: number,
): Promise<Life> {
  const child = spawn(process.execPath, [WORKER, project, mode, String(leaseMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(context, () => killed(child));
  const gone = once(child, "exit") as Promise<[number | null]>;
  if (mode === "run") await Promise.race([once(child.stdout, "data"), gone]);
  return { child, gone };
}

/** @returns when it was killed, in ms. */
async function kill({ child, gone }: Life): Promise<number> {
  child.kill("SIGKILL");
  assert.equal((await gone)[0], null, "it was killed and did not end by itself");
  return Date.now();
}

function effectsIn(project: string): Effect[] {
  const lines = readFileSync(join(project, "effects.log"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const [verb = "", id = "", rest = "", pid, atMs] = line.split(" ");
    return { verb, id, rest, pid: Number(pid), atMs: Number(atMs) };
  });
}

/** Until when each process had the lease of each execution, as far as it said so by then. */
class Leases {
  readonly #endOf = new Map<string, number>();

  heed({ verb, id, rest, pid }: Effect): void {
    if (verb === "held") this.#endOf.set(`${id} ${pid}`, Number(rest));
  }

  /** Whether somebody else may have taken it from that process. */
  isOver({ id, pid }: Effect, atMs: number): boolean {
    return atMs >= (this.#endOf.get(`${id} ${pid}`) ?? Infinity);
  }
}

/** What is recorded as finished is never begun again, and each attempt is one process's own. */
async function judgeRecords(workflows: CheckpointStore, id: string): Promise<void> {
  const finished = new Set<number>();
  const { items } = await workflows.pageRecords(id, { limit: 1_000 });
  for (const { checkpoint } of items) {
    if (checkpoint === undefined || checkpoint.attempt === 0) continue;
    const { stepIndex, status } = checkpoint;
    assert.ok(!finished.has(stepIndex), `${id} ${stepIndex} is ${status} after its end`);
    if (status === "COMPLETED") finished.add(stepIndex);
  }
}

/** What an engine said, held against what the store holds. @returns what is told of it. */
async function judged(project: string, atLeast: number): Promise<string> {
  const store = await FlowStore.open(project);
  const counts = await store.workflows.countExecutions();
  const seen = new Map<string, Effect>();
  const undone = new Set<string>();
  const leases = new Leases();
  let begun = 0;
  for (const effect of effectsIn(project)) {
    const { verb, id, rest } = effect;
    const key = `${id} ${rest}`;
    leases.heed(effect);
    if (verb === "seen") seen.set(key, effect);
    if (verb === "undo") undone.add(key);
    if (verb === "run") {
      // A process may have begun it before, have been kept from going on, and lost its lease.
      const isLate = seen.get(key)?.pid !== effect.pid && leases.isOver(effect, effect.atMs);
      assert.ok(!seen.has(key) || isLate, `the finished step ${key} ran again`);
      begun += 1;
    }
    if (verb === "done") {
      const execution = await store.workflows.loadExecution(id);
      assert.deepEqual([execution?.status, execution?.outputData], ["COMPLETED", rest]);
    }
  }
  const { COMPLETED, FAILED, ...others } = counts;
  assert.deepEqual(others, { PENDING: 0, RUNNING: 0, SUSPENDED: 0, CANCELLED: 0, COMPENSATING: 0 });
  assert.ok(COMPLETED > atLeast && FAILED > 0, JSON.stringify(counts));
  for (const execution of await store.workflows.loadExecutionsByStatus(["COMPLETED", "FAILED"])) {
    const { workflowExecutionId: id, status, outputData, errorMessage } = execution;
    await judgeRecords(store.workflows, id);
    const { checkpoints, signals } = await store.workflows.history(id);
    const done = checkpoints.filter((row) => row.status === "COMPLETED");
    assert.deepEqual(
      done.map(({ stepIndex }) => stepIndex),
      [0, 1, 2, 3, 4],
      id,
    );
    assert.deepEqual(
      signals.map((one) => one.status),
      ["DELIVERED"],
      id,
    );
    if (status === "COMPLETED") {
      assert.equal(outputData, "51");
      continue;
    }
    assert.equal(errorMessage, "it is bad");
    for (const step of [0, 1, 4])
      assert.ok(undone.has(`${id} ${step}`), `${id} ${step} was not undone`);
  }
  assert.deepEqual(await store.workflows.loadPendingTimers(), []);
  assert.equal((await store.workflows.validateSchema()).isValid, true);
  assert.deepEqual(await store.check(), []);
  await store.close();
  return `${COMPLETED} completed, ${FAILED} failed, ${begun} actions begun`;
}

async function made(context: TestContext): Promise<string> {
  const project = makeProject(context);
  await (await FlowStore.init(project)).close();
  return project;
}

test(`${KILLS} random kill -9: no finished step runs again, nothing is stuck or lost`, async (context) => {
  const project = await made(context);
  for (let count = 0; count < KILLS; count += 1) {
    const life = await begin(context, project, "run", LEASE_MS);
    await Promise.race([sleep(Math.random() * LONGEST_LIFE_MS), life.gone]);
    await kill(life);
  }
  assert.equal((await (await begin(context, project, "drain", LEASE_MS)).gone)[0], 0);
  context.diagnostic(await judged(project, KILLS / 20));
});

test(`${DUEL_KILLS} random kill -9 of one of two engines: one at a time has an execution`, async (context) => {
  const project = await made(context);
  const killedAt = new Map<number | undefined, number>();
  let older = await begin(context, project, "run", DUEL_LEASE_MS);
  for (let count = 0; count < DUEL_KILLS; count += 1) {
    const newer = await begin(context, project, "run", DUEL_LEASE_MS);
    await sleep(Math.random() * LONGEST_LIFE_MS);
    killedAt.set(older.child.pid, await kill(older));
    older = newer;
  }
  killedAt.set(older.child.pid, await kill(older));
  assert.equal((await (await begin(context, project, "drain", DUEL_LEASE_MS)).gone)[0], 0);
  const last = new Map<string, Effect>();
  const leases = new Leases();
  let handedOver = 0;
  let lapsed = 0;
  for (const effect of effectsIn(project)) {
    const { verb, id, atMs } = effect;
    leases.heed(effect);
    // Who began one is told of its end, whoever ran it: only what bodies do counts.
    if (verb === "done" || verb === "failed" || verb === "held") continue;
    const before = last.get(id);
    last.set(id, effect);
    if (before === undefined || before.pid === effect.pid) continue;
    handedOver += 1;
    if (atMs >= (killedAt.get(before.pid) ?? Infinity)) continue;
    // Bodies run side by side only where a process was kept from renewing its lease in time.
    const isOver = leases.isOver(before, atMs) || leases.isOver(effect, atMs);
    assert.ok(isOver, `${id}: ${before.pid} still ran it at ${atMs}`);
    lapsed += 1;
  }
  assert.ok(handedOver > 0, "nothing was handed over");
  const told = `${handedOver} handed over, ${lapsed} of them by a lease that was over`;
  context.diagnostic(`${told}; ${await judged(project, 0)}`);
});
