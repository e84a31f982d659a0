/**
 * Fights for locks until it is told to stop, and tells what it believes to hold, from when to when.
 * Arguments: the project, its name, which is its task, and `fighter` or `patient`.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowStore, isFlowError, type LockEntry } from "flowstore";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { FIGHT_PATHS, type Told } from "./lock-fight.ts";
import { MODES } from "./lock-support.ts";

const [project = "", taskId = "", role = ""] = process.argv.slice(2);
const store = await FlowStore.open(project, { durability: "none", guardTimeoutMs: 60_000 });
const { locks } = store;

let isOver = false;
void heard().then(() => (isOver = true));

function say(told: Told): void {
  tell(JSON.stringify(told));
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

function oneOf<T>(list: readonly T[]): T {
  return list[below(list.length)] as T;
}

/** One request, and what became of it. */
async function round(): Promise<void> {
  const isPatient = role === "patient";
  const waitMs = isPatient ? 30_000 : oneOf([0, 300, 1500]);
  const request = {
    ...{ taskId, waitMs, ttlMs: 100 + below(400) },
    mode: isPatient ? ("write" as const) : oneOf(MODES),
    paths: isPatient ? ["."] : Array.from({ length: 1 + below(3) }, () => oneOf(FIGHT_PATHS)),
    bindToPid: below(2) === 0,
  };
  if (isPatient) await sleep(1000);
  const begun = performance.now();
  say({ kind: "asks", waitMs });
  const tried = await locks.tryAcquire(request);
  say({ kind: "answered", acquired: tried.acquired, tookMs: performance.now() - begun });
  if (!tried.acquired) {
    assert.ok(tried.holders.length + tried.waiters.length > 0, "refused, and nobody is in the way");
    await sleep(below(30));
    return;
  }
  await hold(tried.locks, request.ttlMs);
}

/** Believes to hold the locks until they end, unless a heartbeat puts that off. */
async function hold(held: readonly LockEntry[], ttlMs: number): Promise<void> {
  let until = Math.min(...held.map(({ expiresAt }) => Date.parse(expiresAt)));
  const tokens = held.map(({ token }) => token);
  say({
    kind: "holds",
    from: Date.now(),
    until,
    locks: held.map(({ path, mode, token }) => ({ path, mode, token })),
  });
  for (let left = below(4); left > 0 && !isOver; left -= 1) {
    await sleep(below(role === "patient" ? 20 : ttlMs));
    await assertTold(held);
    if (below(3) > 0) {
      const before = Date.now();
      const { lost } = await locks.heartbeat(taskId);
      const missing = lost.filter(({ token }) => tokens.includes(token));
      if (missing.length > 0) {
        assert.ok(Date.now() >= until, "a lock was lost before its time");
        await assertLost(held, missing);
        break;
      }
      // The time that the store counted from is not before the call.
      until = before + ttlMs;
      say({ kind: "keeps", until });
    }
  }
  say({ kind: "leaves", at: Date.now() });
  if (below(8) > 0) await locks.releaseForTask(taskId);
  else await locks.release({ taskId, paths: held.map(({ path }) => path) });
}

/** As long as a lock lives by the clock, nobody says otherwise; afterwards everybody does. */
async function assertTold(held: readonly LockEntry[]): Promise<void> {
  const lock = oneOf(held);
  const [live] = (await locks.list({ taskId })).filter(({ token }) => token === lock.token);
  const before = Date.now();
  try {
    const { expiresAt } = await locks.assertHeld(lock.path, lock.token);
    assert.ok(Date.parse(expiresAt) > before, "a lock that is over was said to hold");
  } catch (error) {
    if (!isFlowError(error, "LOCK_LOST")) throw error;
    const ends = live === undefined ? 0 : Date.parse(live.expiresAt);
    assert.ok(Date.now() >= ends, "a lock was said to be lost before its time");
  }
}

async function assertLost(
  held: readonly LockEntry[],
  missing: readonly LockEntry[],
): Promise<void> {
  for (const { path, token } of missing) {
    assert.ok(held.some((lock) => lock.token === token));
    await assert.rejects(locks.assertHeld(path, token), { code: "LOCK_LOST" });
  }
  say({ kind: "told", tokens: missing.map(({ token }) => token) });
}

say({ kind: "ready" });
while (!isOver) await round();
say({ kind: "done" });
await store.close();
stopListening();
