/** What fighters tell, and what must hold of it. */
import assert from "node:assert/strict";
import type { LockEvent, LockMode } from "flowstore";

/** Four folders with four files each: 20 paths. */
export const FIGHT_PATHS: readonly string[] = [0, 1, 2, 3].flatMap((folder) => [
  `d${folder}`,
  ...[0, 1, 2, 3].map((file) => `d${folder}/f${file}`),
]);

/** A lock, as far as it matters to others. */
export interface FightLock {
  readonly path: string;
  readonly mode: LockMode;
  readonly token: number;
}

/** A lock that a fighter believes to hold, and until when, unless it says otherwise before. */
export interface HeldLock extends FightLock {
  readonly until: number;
}

/** What a fighter tells. */
export type Told =
  /** `rose`: it got a stronger mode than it had. */
  | { readonly kind: "ready" | "rose" | "done" }
  | { readonly kind: "asks"; readonly waitMs: number }
  | { readonly kind: "answered"; readonly acquired: boolean; readonly tookMs: number }
  /** All that it holds from now on, in the place of what it held before. */
  | { readonly kind: "holds"; readonly from: number; readonly locks: readonly HeldLock[] }
  | { readonly kind: "leaves"; readonly at: number }
  | { readonly kind: "told"; readonly tokens: readonly number[] };

/** A time in which somebody believed to hold a lock. */
export interface Belief extends FightLock {
  readonly task: string;
  readonly from: number;
  readonly until: number;
}

/** What a fighter believed, by what it told until it ended; `endedAt` for one that was killed. */
export function beliefsOf(task: string, told: readonly Told[], endedAt: number): Belief[] {
  const beliefs: Belief[] = [];
  let from = 0;
  let held: readonly HeldLock[] = [];
  const end = (at: number): void => {
    for (const lock of held) {
      const until = Math.min(lock.until, at);
      if (until > from) beliefs.push({ ...lock, task, from, until });
    }
    held = [];
  };
  for (const one of told) {
    if (one.kind === "holds") {
      end(one.from);
      ({ from, locks: held } = one);
    } else if (one.kind === "leaves") end(one.at);
  }
  end(endedAt);
  return beliefs;
}

// The rules once more: no import of the code that is shown to keep them.

/** Whether a lock speaks of a path. */
export function reaches(lock: Pick<FightLock, "path" | "mode">, path: string): boolean {
  const isAbove = lock.path === "." || path.startsWith(`${lock.path}/`);
  return lock.path === path || (lock.mode !== "directory_add" && isAbove);
}

function clash(one: FightLock, other: FightLock): boolean {
  if (one.mode !== "write" && other.mode !== "write") return false;
  return reaches(one, other.path) || reaches(other, one.path);
}

/** There is no moment at which two tasks believed to hold what only one can. */
export function assertNoClash(beliefs: readonly Belief[]): void {
  const byStart = beliefs.toSorted((left, right) => left.from - right.from);
  let open: Belief[] = [];
  for (const belief of byStart) {
    open = open.filter(({ until }) => until > belief.from);
    for (const other of open) {
      const isClash = other.task !== belief.task && clash(belief, other);
      assert.ok(!isClash, `${JSON.stringify(other)} and ${JSON.stringify(belief)}`);
    }
    open.push(belief);
  }
}

/** What a replay of the log came to. */
export interface Replay {
  readonly grants: number;
  readonly upgrades: number;
  readonly ends: Readonly<Record<string, number>>;
}

interface Known extends FightLock {
  readonly task: string;
  ends: number;
}

/**
 * Replays the log of locks: every grant beside all that live then, every token, every end.
 *
 * @param isDead whether the process that a lock was bound to can have ended by then
 */
export function assertLog(
  events: readonly LockEvent[],
  isDead: (task: string, at: number) => boolean,
): Replay {
  const live = new Map<number, Known>();
  const ends: Record<string, number> = {};
  let highest = 0;
  let grants = 0;
  let upgrades = 0;
  for (const event of events) {
    const { token, path, mode, taskId, expiresAt, replaces, tokens } = event;
    const at = Date.parse(event.at);
    const text = JSON.stringify(event);
    if (tokens !== null) {
      for (const [from, to] of tokens) {
        for (let one = from; one <= to; one += 1) {
          const lock = live.get(one);
          assert.ok(lock !== undefined && lock.ends > at, `revived: ${text}`);
          lock.ends = Date.parse(expiresAt ?? "");
        }
      }
      continue;
    }
    assert.ok(token !== null && path !== null && mode !== null && taskId !== null, text);
    const known = live.get(token);
    if (event.event === "acquired" || event.event === "upgraded") {
      assert.ok(token > highest, `a token that does not rise: ${text}`);
      highest = token;
      grants += 1;
      if (replaces !== null) {
        upgrades += 1;
        assert.ok(live.delete(replaces), `in the place of none: ${text}`);
      }
      const lock = { path, mode, token, task: taskId, ends: Date.parse(expiresAt ?? "") };
      for (const other of live.values()) {
        const isSecond = other.task === taskId && other.path === path;
        assert.ok(!isSecond, `${text}: a second lock beside ${JSON.stringify(other)}`);
        const isClash = other.task !== taskId && clash(lock, other);
        assert.ok(!isClash, `${text} beside ${JSON.stringify(other)}`);
      }
      live.set(token, lock);
      continue;
    }
    if (event.event === "forgotten") continue;
    assert.ok(known !== undefined, `of nobody: ${text}`);
    if (event.event === "renewed") {
      assert.ok(known.ends > at, `revived: ${text}`);
      known.ends = Date.parse(expiresAt ?? "");
      continue;
    }
    if (event.event === "expired") assert.ok(known.ends <= at, `before its time: ${text}`);
    if (event.event === "released") assert.ok(known.ends > at, `after its end: ${text}`);
    if (event.event === "dead") assert.ok(isDead(taskId, at), `its process lives: ${text}`);
    ends[event.event] = (ends[event.event] ?? 0) + 1;
    live.delete(token);
  }
  return { grants, upgrades, ends };
}
