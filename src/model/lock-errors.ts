/** Why a lock was not had, or is not held any more: for programs in `context`, for people in words. */
import { FlowError } from "../errors.ts";
import { holderOf, type LockWorld } from "./lock-draft.ts";
import { demandOf, type LockRequest, type Refused } from "./lock-decisions.ts";
import type { LockEntry, LockHolder, LockMode, LockTicket } from "./locks.ts";
import { shown } from "./json-values.ts";

/** Somebody who waits for what was asked for, and came first. */
export interface LockWaiter {
  readonly taskId: string;
  readonly owner: string;
  readonly mode: LockMode;
  readonly paths: readonly string[];
  /** ISO 8601. */
  readonly since: string;
  /** ISO 8601. */
  readonly until: string;
}

/** Who is in the way, as callers see it. */
export interface InTheWay {
  readonly holders: LockHolder[];
  readonly waiters: LockWaiter[];
}

/** What a refusal tells its caller. */
export function inTheWayOf(world: LockWorld, { holders, waiters }: Refused): InTheWay {
  return {
    holders: holders.map((entry) => holderOf(world, entry)),
    waiters: waiters.map(waiterOf),
  };
}

function waiterOf({ taskId, owner, mode, paths, since, until }: LockTicket): LockWaiter {
  return { taskId, owner, mode, paths: [...paths], since, until };
}

const FOR: Readonly<Record<LockMode, string>> = {
  read: "for reading",
  directory_add: "to add names to it",
  write: "for writing",
};

/** @param waitedMs how long it waited in vain; 0 when it did not. */
export function lockedError(
  { holders, waiters }: InTheWay,
  { taskId, mode, targets }: LockRequest,
  keyOf: (path: string) => string,
  waitedMs: number,
): FlowError {
  const paths = targets.map(({ path }) => path);
  const [first] = holders;
  const [waiter] = waiters;
  const more = holders.length + waiters.length - 1;
  const others = more === 0 ? "" : `, and ${more} more ${more === 1 ? "is" : "are"} in the way`;
  const waited = waitedMs === 0 ? "" : ` after ${Math.round(waitedMs)} ms of waiting`;
  const what = first === undefined ? paths[0] : wantedOf(first, mode, targets, keyOf);
  const why =
    first === undefined
      ? `${nameOf(waiter)} waits for it and comes first`
      : `${holderText(first, what)}${others}`;
  return new FlowError("LOCKED", `Cannot lock ${shownPath(what)}${waited}: ${why}`, {
    hint: "Wait for it (waitMs, --wait), take other paths, or ask the holder to release it. A lock that is not renewed ends by itself.",
    context: { taskId, mode, paths, holders, waiters },
  });
}

/** What a guard tells of files that others hold. */
export function holderText(holder: LockHolder, path: string | undefined): string {
  const what = holder.path === path ? "it" : shownPath(holder.path);
  const since = `since ${holder.lockedAt} until ${holder.expiresAt}`;
  return `${nameOf(holder)} holds ${what} ${FOR[holder.mode]} ${since}`;
}

/** The path that was asked for and that a lock is in the way of. */
function wantedOf(
  { path, mode }: LockEntry,
  asked: LockMode,
  targets: LockRequest["targets"],
  keyOf: (path: string) => string,
): string | undefined {
  const held = { key: keyOf(path), mode };
  const met = targets.find((one) => demandOf(asked, [one], keyOf).meets(held));
  return (met ?? targets[0])?.path;
}

function nameOf(who: { readonly taskId: string; readonly owner: string } | undefined): string {
  if (who === undefined) return "somebody";
  return `task ${shownPath(who.taskId)} (${shownPath(who.owner)})`;
}

/** So much of a path or a name tells a person which one is meant. */
const MAX_SHOWN = 100;

function shownPath(text: string | undefined): string {
  return text === undefined || text.length <= MAX_SHOWN
    ? (text ?? "")
    : `${text.slice(0, MAX_SHOWN)}…`;
}

/** @param holders who has it now. */
export function lockLost(path: string, token: number, holders: readonly LockHolder[]): FlowError {
  const [first] = holders;
  const now = first === undefined ? "nobody holds it now" : `now ${holderText(first, path)}`;
  return new FlowError(
    "LOCK_LOST",
    `The lock with token ${shown(token)} does not hold ${shownPath(path)} any more: ${now}`,
    {
      hint: "Do not write. Lock it again, look at what changed meanwhile, then go on.",
      context: { path, token, holders },
    },
  );
}
