/**
 * Fights for locks until it is told to stop, and tells what it believes to hold, from when to when.
 * Arguments: the project, its task, and its role: `fighter` alone in its task, `left` or `right` of
 * two that share one and take paths of different folders, or `patient`, who wants everything.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowStore, isFlowError, type LockEntry, type LockMode } from "flowstore";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { FIGHT_PATHS, reaches, type HeldLock, type Told } from "./lock-fight.ts";
import { MODES } from "./lock-support.ts";

const [project = "", taskId = "", role = ""] = process.argv.slice(2);
const isPatient = role === "patient";
const isAlone = isPatient || role === "fighter";
const half = FIGHT_PATHS.length / 2;
const own = {
  left: FIGHT_PATHS.slice(0, half),
  right: FIGHT_PATHS.slice(half),
  patient: ["."],
}[role];
const paths = own ?? FIGHT_PATHS;
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

interface Held extends HeldLock {
  readonly ttlMs: number;
}

/** What it believes to hold, by path. */
const held = new Map<string, Held>();
/** What it has been granted since it last gave all back, lost or not. */
const granted = new Set<string>();

function holds(taken: readonly LockEntry[]): void {
  // Whoever gets a lock that reaches what it has lost is told of that loss no more.
  for (const { path, until } of held.values()) {
    if (until <= Date.now() && taken.some((lock) => reaches(lock, path))) held.delete(path);
  }
  for (const { path, mode, token, ttlMs, expiresAt } of taken) {
    granted.add(path);
    if (held.has(path) && held.get(path)?.mode !== mode) say({ kind: "rose" });
    held.set(path, { path, mode, token, ttlMs, until: Date.parse(expiresAt) });
  }
  sayHolds();
}

function sayHolds(): void {
  const list = [...held.values()].map(({ ttlMs: _ttl, ...lock }) => lock);
  say({ kind: "holds", from: Date.now(), locks: list });
}

/** Asks once, and tells what became of it. */
async function ask(wanted: readonly string[], waitMs: number, mode: LockMode): Promise<boolean> {
  const request = { taskId, waitMs, ttlMs: 300 + below(900), mode, paths: wanted } as const;
  const begun = performance.now();
  say({ kind: "asks", waitMs });
  const tried = await locks.tryAcquire({ ...request, bindToPid: below(2) === 0 });
  say({ kind: "answered", acquired: tried.acquired, tookMs: performance.now() - begun });
  if (tried.acquired) holds(tried.locks);
  else assert.ok(tried.holders.length + tried.waiters.length > 0, "nobody is in the way");
  return tried.acquired;
}

function somePaths(): string[] {
  return Array.from({ length: isPatient ? 1 : 1 + below(3) }, () => oneOf(paths));
}

/** One request, and what became of it. */
async function round(): Promise<void> {
  if (isPatient) await sleep(1000);
  const waitMs = isPatient ? 30_000 : oneOf([0, 300, 1500]);
  if (await ask(somePaths(), waitMs, isPatient ? "write" : oneOf(MODES))) await hold();
  else await sleep(below(30));
}

/** Believes to hold the locks until they end, unless a heartbeat or another grant puts that off. */
async function hold(): Promise<void> {
  // One path of it in stronger modes, while others may wait for it.
  const [path = ""] = held.keys();
  for (const mode of ["read", "write"] as const) {
    if (!isPatient && below(3) > 0) await ask([path], oneOf([0, 200]), mode);
  }
  for (let left = below(4); left > 0 && !isOver; left -= 1) {
    const lock = oneOf([...held.values()]);
    if (!isPatient && below(3) === 0) {
      // The same once more in any mode, or more of it.
      const wanted = [lock.path, ...(below(2) === 0 ? somePaths() : [])];
      await ask(wanted, oneOf([0, 200]), oneOf(MODES));
      continue;
    }
    await sleep(below(isPatient ? 20 : lock.ttlMs));
    await assertTold(lock);
    if (below(3) > 0 && (await beat()) === "lost") break;
  }
  say({ kind: "leaves", at: Date.now() });
  if (isAlone && below(8) > 0) await locks.releaseForTask(taskId);
  else await locks.release({ taskId, paths: [...granted] });
  held.clear();
  granted.clear();
}

/** A heartbeat tells of each lock: it lives on, or it is lost. */
async function beat(): Promise<"kept" | "lost"> {
  const before = Date.now();
  const { extended, lost } = await locks.heartbeat(taskId);
  const gone = new Set(lost.map(({ token }) => token));
  const missing = [...held.values()].filter(({ token }) => gone.has(token));
  const kept = [...held.values()].filter(({ token }) => !gone.has(token));
  // Of two that share a task each renews the other's as well.
  if (isAlone) assert.equal(extended, kept.length, "neither renewed nor lost");
  else assert.ok(extended >= kept.length, "neither renewed nor lost");
  for (const { path, token, until } of missing) {
    assert.ok(Date.now() >= until, "a lock was lost before its time");
    await assert.rejects(locks.assertHeld(path, token), { code: "LOCK_LOST" });
    held.delete(path);
  }
  // The time that the store counted from is not before the call.
  for (const lock of kept) held.set(lock.path, { ...lock, until: before + lock.ttlMs });
  if (missing.length === 0) {
    sayHolds();
    return "kept";
  }
  say({ kind: "told", tokens: missing.map(({ token }) => token) });
  return "lost";
}

/** As long as a lock lives by the clock, nobody says otherwise; afterwards everybody does. */
async function assertTold({ path, token, until }: Held): Promise<void> {
  const [live] = (await locks.list({ taskId })).filter((one) => one.token === token);
  // What the fighter knows is the least that holds: the other one of its task may have renewed it.
  const ends = live === undefined ? until : Date.parse(live.expiresAt);
  if (live === undefined) assert.ok(Date.now() >= until, "a lock was missing before its time");
  const before = Date.now();
  try {
    const { expiresAt } = await locks.assertHeld(path, token);
    assert.ok(Date.parse(expiresAt) > before, "a lock that is over was said to hold");
    assert.ok(live !== undefined, "a lock that was missing was said to hold");
  } catch (error) {
    if (!isFlowError(error, "LOCK_LOST")) throw error;
    assert.ok(Date.now() >= ends, "a lock was said to be lost before its time");
  }
}

say({ kind: "ready" });
while (!isOver) await round();
say({ kind: "done" });
await store.close();
stopListening();
