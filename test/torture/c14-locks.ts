/**
 * Locks on paths while the machine's clock is set an hour on and back: whoever was granted a later
 * token has the path alone, and no lock outlives its time because the clock went back.
 */
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";

import { Child, temporaryFolder } from "../process/store-children.ts";
import type { Task } from "./claim.ts";
import { keepSetting, OddClock, type Part } from "./odd-clocks.ts";
import { scopeOf } from "./scope.ts";

const FIGHTERS = 4;
export const LOCKED_PATH = "src/one.ts";
/** How long a lock lives. */
export const TTL_MS = 300;
/** Longer nobody waits for locks of that time, however the clock is set, on a busy machine. */
export const MAX_WAIT_MS = 20_000;

/** What a fighter tells, with times of a clock that nobody sets. */
export type ToldLock =
  | { readonly kind: "granted"; readonly task: string; readonly token: number; readonly at: number }
  /** It asked whether it still holds it, and was told that it does. */
  | { readonly kind: "held"; readonly token: number; readonly asked: number }
  | { readonly kind: "lost"; readonly token: number }
  | { readonly kind: "refused"; readonly tookMs: number };

export async function fightUnderClock(task: Task, ms: number): Promise<Part> {
  const scope = scopeOf(task);
  const project = temporaryFolder(scope);
  await (await FlowStore.init(project)).close();
  const clock = new OddClock(temporaryFolder(scope), "shared");
  const stop = keepSetting(clock, task.seed);
  const told: ToldLock[] = [];
  const children = Array.from({ length: FIGHTERS }, (_, index) =>
    Child.start(scope, "../torture/c14-locks", [project, `fn-1.${index + 1}`, String(task.seed)], {
      env: clock.env(true),
      listen: (line) => void (line.startsWith("{") && told.push(JSON.parse(line) as ToldLock)),
    }),
  );
  await Promise.all(children.map((child) => child.next((line) => line === "ready")));
  await after(ms);
  for (const child of children) child.send("end");
  await Promise.all(children.map((child) => child.done()));
  stop();
  const grants = told.filter(({ kind }) => kind === "granted").length;
  const lost = told.filter(({ kind }) => kind === "lost").length;
  return {
    violations: [
      ...wrongLocks(told),
      ...(grants < FIGHTERS ? [`only ${grants} locks were granted: nothing is shown`] : []),
    ],
    notes: [`${grants} locks granted while the clock was set, ${lost} found to be lost`],
  };
}

/** A later token was granted, and an earlier one said to hold afterwards; or a wait without end. */
export function wrongLocks(told: readonly ToldLock[]): string[] {
  const grants = told.flatMap((one) => (one.kind === "granted" ? [one] : []));
  grants.sort((a, b) => a.token - b.token);
  const wrong = told.flatMap((one) =>
    one.kind === "refused" ? [`nobody was granted the path for ${one.tookMs} ms`] : [],
  );
  for (const [index, { task, token, at }] of grants.entries()) {
    const before = grants[index - 1];
    // One task may be granted again what it has: then it keeps its token.
    if (before?.token === token && before.task !== task)
      wrong.push(`token ${token} was granted twice`);
    const held = told.find((one) => one.kind === "held" && one.token < token && one.asked > at);
    if (held !== undefined)
      wrong.push(`${JSON.stringify(held)}, though ${token} was granted at ${at}`);
  }
  return wrong;
}
