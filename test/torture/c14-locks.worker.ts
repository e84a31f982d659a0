/**
 * Locks a path, asks now and then whether it still holds it, and lets it go or leaves it to its
 * end, until told to end. Arguments: project, task, seed.
 */
import { setTimeout as after } from "node:timers/promises";
import { FlowStore, isFlowError } from "flowstore";

import { sharedMs } from "../process/guard.worker.ts";
import { randomOf } from "../process/store-random.ts";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { LOCKED_PATH, MAX_WAIT_MS, TTL_MS, type ToldLock } from "./c14-locks.ts";

const [project = "", taskId = "", seed = "0"] = process.argv.slice(2);
const random = randomOf(Number(seed) + Number(taskId.split(".")[1]));
const store = await FlowStore.open(project, { durability: "none", guardTimeoutMs: 60_000 });
const { locks } = store;
const QUESTIONS = 5;

function say(told: ToldLock): void {
  tell(JSON.stringify(told));
}

async function round(): Promise<void> {
  const begun = sharedMs();
  const request = { paths: [LOCKED_PATH], taskId, ttlMs: TTL_MS, waitMs: MAX_WAIT_MS };
  const tried = await locks.tryAcquire(request);
  if (!tried.acquired) {
    if (!isOver) say({ kind: "refused", tookMs: sharedMs() - begun });
    return;
  }
  const [{ token } = { token: 0 }] = tried.locks;
  say({ kind: "granted", task: taskId, token, at: sharedMs() });
  for (let left = QUESTIONS; left > 0; left -= 1) {
    await after(random() * (TTL_MS / 2));
    if (!(await asks(token))) return;
  }
  if (random() < 0.5) await locks.releaseForTask(taskId);
}

async function asks(token: number): Promise<boolean> {
  const asked = sharedMs();
  try {
    await locks.assertHeld(LOCKED_PATH, token);
    say({ kind: "held", token, asked });
    return true;
  } catch (error) {
    if (!isFlowError(error, "LOCK_LOST")) throw error;
    say({ kind: "lost", token });
    return false;
  }
}

let isOver = false;
void heard().then(() => (isOver = true));
tell("ready");
while (!isOver) await round();
await store.close();
stopListening();
