/** Taking, renewing and giving back locks. Pure decisions; see `lock-draft.ts`. */
import { byPath, type DamagedLock, type LockDraft, type LockWorld } from "./lock-draft.ts";
import {
  Demand,
  firstTokenOf,
  isAsStrong,
  lockOf,
  type LockEntry,
  type LockKind,
  type LockMode,
  type LockProcess,
  type LockTicket,
} from "./locks.ts";
import { toIso } from "./time.ts";

/** A path that is asked for. */
export interface LockTarget {
  readonly path: string;
  /**
   * Other names that lead there now, over links. A lock that was taken on one of them when it was
   * no link yet is in the way as well.
   */
  readonly also: readonly string[];
  readonly kind: LockKind;
}

/** What a task asks for. */
export interface LockRequest {
  readonly taskId: string;
  readonly mode: LockMode;
  readonly ttlMs: number;
  /** `undefined`: as it is, or the one who acts. */
  readonly owner: string | undefined;
  readonly actor: string;
  /** The process to be bound to; `null` for none; `undefined`: as it is, or none. */
  readonly process: LockProcess | null | undefined;
  readonly targets: readonly LockTarget[];
  /** Keys of the user's own, kept in every lock. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** It was granted, wholly. */
export interface Granted {
  readonly kind: "granted";
  /** In the order of the targets. */
  readonly locks: readonly LockEntry[];
}

/** It was not granted at all. */
export interface Refused {
  readonly kind: "refused";
  /** Every lock in the way. */
  readonly holders: readonly LockEntry[];
  /** Those who came first and wait for what this would take from them. */
  readonly waiters: readonly LockTicket[];
}

/**
 * Grants all targets or none. What the task holds already in the same or a stronger mode is
 * renewed; the rest is checked against all others, and, so that nobody starves, against all who
 * came first and wait.
 *
 * @param ticket the place of the request in the queue; `null` behind all others
 * @throws FlowError `CORRUPT` when a damaged file could hold a lock in the way.
 */
export function decideAcquire(
  draft: LockDraft,
  request: LockRequest,
  ticket: number | null,
  nextToken: () => number,
): Granted | Refused {
  const { keyOf } = draft.world;
  const keys = request.targets.map(({ path }) => keyOf(path));
  refuseDamaged(draft.world, demandOf(request.mode, request.targets, keyOf));
  const own = ownByKey(draft, request.taskId);
  const asked = request.targets.filter((_, at) => {
    const held = own.get(keys[at] ?? "");
    return held === undefined || !isAsStrong(held.mode, request.mode);
  });
  const demand = demandOf(request.mode, asked, keyOf);
  const holders = holdersInTheWay(draft, demand, request.taskId);
  const waiters = waitersInTheWay(draft, demand, request.taskId, ticket);
  if (holders.length > 0 || waiters.length > 0) return { kind: "refused", holders, waiters };
  // In one order, whatever the caller's: tokens rise along the paths.
  const granted = new Map<string, LockEntry>();
  for (const { key, target } of inOrder(request.targets, keys)) {
    granted.set(key, grant(draft, request, target, own.get(key), nextToken));
  }
  return { kind: "granted", locks: keys.flatMap((key) => granted.get(key) ?? []) };
}

/** What is asked for, by all of its names. */
export function demandOf(
  mode: LockMode,
  targets: readonly LockTarget[],
  keyOf: (path: string) => string,
): Demand {
  return new Demand(
    mode,
    targets.flatMap(({ path, also }) => [path, ...also].map(keyOf)),
  );
}

function inOrder(
  targets: readonly LockTarget[],
  keys: readonly string[],
): { key: string; target: LockTarget }[] {
  return targets
    .map((target, at) => ({ target, key: keys[at] ?? target.path }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
}

/** The strongest lock of a task on each path. */
function ownByKey(draft: LockDraft, taskId: string): Map<string, LockEntry> {
  const own = new Map<string, LockEntry>();
  for (const entry of draft.ofTask(taskId)) {
    const key = draft.world.keyOf(entry.path);
    const other = own.get(key);
    if (other === undefined || isAsStrong(entry.mode, other.mode)) own.set(key, entry);
  }
  return own;
}

function grant(
  draft: LockDraft,
  request: LockRequest,
  { path, kind }: LockTarget,
  held: LockEntry | undefined,
  nextToken: () => number,
): LockEntry {
  const { nowMs } = draft.world;
  const { owner, process, own, ttlMs } = request;
  const named = owner === undefined ? {} : { owner };
  const said = { ...own, ...named, ttlMs, expiresAt: toIso(nowMs + ttlMs) };
  if (held !== undefined && isAsStrong(held.mode, request.mode)) {
    const renewed = lockOf({ ...held, ...said }, process);
    draft.replace(held, renewed, "renewed");
    return renewed;
  }
  const fresh = { mode: request.mode, token: nextToken(), lockedAt: toIso(nowMs) };
  if (held !== undefined) {
    const firstToken = firstTokenOf(held);
    const upgraded = lockOf({ ...held, ...said, ...fresh, firstToken }, process);
    draft.replace(held, upgraded, "upgraded");
    return upgraded;
  }
  const { taskId, actor } = request;
  const granted = lockOf({ path, taskId, owner: actor, ...said, ...fresh }, process);
  draft.add(granted, kind, "acquired");
  return granted;
}

/** Every lock of other tasks that refuses a demand. */
export function holdersInTheWay(
  draft: LockDraft,
  demand: Demand,
  taskId: string | undefined,
): LockEntry[] {
  const { keyOf } = draft.world;
  const holders: LockEntry[] = [];
  for (const entry of draft.live()) {
    if (entry.taskId === taskId) continue;
    if (demand.isRefusedBy({ key: keyOf(entry.path), mode: entry.mode })) holders.push(entry);
  }
  return holders.sort(byPath);
}

/**
 * Those who came first and could not have what they wait for beside this.
 *
 * Whoever has waited for the very task that asks since before it came is passed by: it cannot be
 * served before that task is done, and the task may need this to be done. What the task got
 * since then does not count: else it could pass from one path to the next for ever, and never
 * be out of the way.
 */
function waitersInTheWay(
  draft: LockDraft,
  demand: Demand,
  taskId: string,
  ticket: number | null,
): LockTicket[] {
  const { queue, keyOf } = draft.world;
  if (queue.length === 0 || demand.keys.size === 0) return [];
  const wanted = new Map(
    queue.map((one) => [one, new Demand(one.mode, [...one.paths, ...one.also].map(keyOf))]),
  );
  return queue.filter((waiter) => {
    if (waiter.taskId === taskId || (ticket !== null && waiter.ticket >= ticket)) return false;
    if (wanted.get(waiter)?.isRivalOf(demand) !== true) return false;
    return !waitsFor(draft, wanted, waiter, taskId);
  });
}

/**
 * Whether a waiter cannot be served before a task gives something back: the task is in its way, or
 * in the way of somebody who is, and so on; each by a lock that is older than the waiter's ticket.
 * Of those there are ever fewer, so nobody is passed by for ever.
 */
function waitsFor(
  draft: LockDraft,
  wanted: ReadonlyMap<LockTicket, Demand>,
  waiter: LockTicket,
  taskId: string,
): boolean {
  const { queue } = draft.world;
  const open = new Set([waiter]);
  // A set is gone through to its end, also through what is added on the way.
  for (const one of open) {
    const demand = wanted.get(one);
    if (demand === undefined) continue;
    const inTheWay = holdersInTheWay(draft, demand, one.taskId);
    const older = inTheWay.filter((lock) => firstTokenOf(lock) < waiter.token);
    const tasks = new Set(older.map((lock) => lock.taskId));
    if (tasks.has(taskId)) return true;
    for (const other of queue) {
      const isBefore = other.ticket < one.ticket && other.taskId !== one.taskId;
      const comesFirst = isBefore && wanted.get(other)?.isRivalOf(demand) === true;
      if (comesFirst || tasks.has(other.taskId)) open.add(other);
    }
  }
  return false;
}

/**
 * Fails closed: nobody knows who holds what in a file that cannot be read.
 *
 * @throws FlowError `CORRUPT` naming the first damaged file that could speak of the demand.
 */
export function refuseDamaged(world: LockWorld, demand: Demand): void {
  for (const damaged of world.damaged) {
    if (couldMeet(damaged, demand, world.keyOf)) throw damaged.error;
  }
}

/** Whether what a damaged file held, in whatever mode, could speak of a demand. */
export function couldMeet(
  { path }: DamagedLock,
  demand: Demand,
  keyOf: (path: string) => string,
): boolean {
  return path === null || demand.meets({ key: keyOf(path), mode: "write" });
}

/**
 * Renews what a task still holds, each lock by its own `ttlMs`; returns how many.
 *
 * @param isLogged whether the log tells of a lock, by its token; else it is told anew, so that its
 * loss can be
 */
export function decideHeartbeat(
  draft: LockDraft,
  taskId: string,
  isLogged: (token: number) => boolean,
): number {
  const { nowMs } = draft.world;
  const held = draft.ofTask(taskId);
  const byEnd = new Map<string, LockEntry[]>();
  for (const entry of held) {
    const expiresAt = toIso(nowMs + entry.ttlMs);
    if (!isLogged(entry.token)) {
      draft.replace(entry, { ...entry, expiresAt }, "renewed");
      continue;
    }
    if (expiresAt === entry.expiresAt) continue;
    const group = byEnd.get(expiresAt);
    if (group === undefined) byEnd.set(expiresAt, [entry]);
    else group.push(entry);
  }
  for (const [expiresAt, locks] of byEnd) draft.prolong(taskId, locks, expiresAt);
  return held.length;
}

/** Gives back a task's locks on exactly these paths, or all of them; returns how many. */
export function decideRelease(
  draft: LockDraft,
  taskId: string,
  keys: ReadonlySet<string> | null,
): number {
  const released = draft
    .ofTask(taskId)
    .filter(({ path }) => keys === null || keys.has(draft.world.keyOf(path)));
  for (const entry of released) draft.remove(entry, "released");
  return released.length;
}

/** Takes every lock away; returns how many. */
export function decideReleaseAll(draft: LockDraft): number {
  const all = [...draft.live()];
  for (const entry of all) draft.remove(entry, "cleared");
  return all.length;
}
