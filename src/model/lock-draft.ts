/**
 * All locks as they are, and what a call makes of them. Whoever calls one reads the world, writes
 * the paths that were touched and appends the lines to the lock log, in one commit.
 */
import type { FlowError } from "../errors.ts";
import { copyJson } from "./json-values.ts";
import {
  endOf,
  processIn,
  type LockEntry,
  type LockHolder,
  type LockProcess,
  type LockTicket,
  type LockKind,
} from "./locks.ts";
import { loggedPart, rangesOf, type LockEventName, type LockLine } from "./lock-log.ts";
import { toIso } from "./time.ts";

/** Locks that cannot be read: nobody knows who holds them. */
export interface DamagedLock {
  /** Their path; `null` where nothing tells it. */
  readonly path: string | null;
  readonly error: FlowError;
}

/** The locks as they are. */
export interface LockWorld {
  readonly nowMs: number;
  /** What can be read, expired locks too. */
  readonly paths: ReadonlyMap<string, LockedPath>;
  readonly damaged: readonly DamagedLock[];
  /** Who waits, in the order of the queue. */
  readonly queue: readonly LockTicket[];
  /** The form in which paths are compared. */
  keyOf(path: string): string;
  /** Whether a process lives; `null` where it cannot be told. */
  isAlive(process: LockProcess): boolean | null;
  /** The earliest time, by the clock, at which a lock was seen as it is; now for a new one. */
  seenMs(entry: LockEntry): number;
}

/** A path and who holds it. */
export interface LockedPath {
  readonly kind: LockKind;
  readonly holders: readonly LockEntry[];
}

/** Whether a lock counts, and if not, why. */
export type Standing = "live" | "expired" | "dead";

/** How a lock stands now. A process of which nothing is known counts as living. */
export function standingOf(world: LockWorld, entry: LockEntry): Standing {
  if (endOf(entry, world.seenMs(entry)) <= world.nowMs) return "expired";
  const bound = processIn(entry);
  return bound !== null && world.isAlive(bound) === false ? "dead" : "live";
}

/** A lock as callers see it, who may do with it what they like: with the end that counts. */
export function shownLock(world: LockWorld, entry: LockEntry): LockEntry {
  return copyJson(endingBy(world, entry)) as LockEntry;
}

function endingBy(world: LockWorld, entry: LockEntry): LockEntry {
  const end = endOf(entry, world.seenMs(entry));
  return end < Date.parse(entry.expiresAt) ? { ...entry, expiresAt: toIso(end) } : entry;
}

/** A lock with what a person wants to know of it. */
export function holderOf(world: LockWorld, entry: LockEntry): LockHolder {
  const bound = processIn(entry);
  return {
    ...shownLock(world, entry),
    ageMs: Math.max(0, world.nowMs - Date.parse(entry.lockedAt)),
    alive: bound === null ? null : world.isAlive(bound),
  };
}

/** Every lock of a world, by path. */
export function* locksOf({ paths }: LockWorld): Iterable<LockEntry> {
  for (const { holders } of paths.values()) yield* holders;
}

/** By path, then by task: the order of every list. */
export function byPath(left: LockEntry, right: LockEntry): number {
  return (
    compare(left.path, right.path) || compare(left.taskId, right.taskId) || left.token - right.token
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** An end that lies so much too far ahead is written anew: the clock was set back. */
const CLOCK_SLACK_MS = 1000;

/** A world that is being changed; locks that count no more are taken out at the start. */
export class LockDraft {
  readonly world: LockWorld;
  readonly lines: LockLine[] = [];
  readonly #paths = new Map<string, { kind: LockKind; holders: LockEntry[] }>();
  readonly #touched = new Set<string>();

  constructor(world: LockWorld) {
    this.world = world;
    for (const [path, { kind, holders }] of world.paths) {
      this.#paths.set(path, { kind, holders: [...holders] });
      for (const entry of holders) this.#settle(entry);
    }
  }

  #settle(entry: LockEntry): void {
    const standing = standingOf(this.world, entry);
    if (standing !== "live") this.remove(entry, standing);
    else {
      const ending = endingBy(this.world, entry);
      if (Date.parse(entry.expiresAt) > Date.parse(ending.expiresAt) + CLOCK_SLACK_MS)
        this.replace(entry, ending, "shortened");
    }
  }

  /** The locks that count. */
  *live(): Iterable<LockEntry> {
    for (const { holders } of this.#paths.values()) yield* holders;
  }

  /** The locks of one task. */
  ofTask(taskId: string): LockEntry[] {
    return [...this.live()].filter((entry) => entry.taskId === taskId);
  }

  /** What has to be written: the path with its holders, none of them where the file goes. */
  changes(): { path: string; kind: LockKind; holders: readonly LockEntry[] }[] {
    return [...this.#touched].map((path) => ({
      path,
      kind: this.#paths.get(path)?.kind ?? "file",
      holders: this.#paths.get(path)?.holders ?? [],
    }));
  }

  /** Adds a lock. */
  add(entry: LockEntry, kind: LockKind, event: LockEventName): void {
    const there = this.#paths.get(entry.path);
    if (there === undefined) this.#paths.set(entry.path, { kind, holders: [entry] });
    else Object.assign(there, { kind, holders: [...there.holders, entry] });
    this.#note(entry, event);
  }

  /** Takes a lock away. */
  remove(entry: LockEntry, event: LockEventName): void {
    this.#drop(entry);
    this.#note(entry, event);
  }

  /** Puts a lock in the place of another one on the same path. */
  replace(before: LockEntry, after: LockEntry, event: LockEventName): void {
    this.#swap(before, after);
    const replaced = before.token === after.token ? {} : { replaces: before.token };
    this.#note(after, event, replaced);
  }

  /** Lets locks of a task live until another time; one line for all of them. */
  prolong(taskId: string, locks: readonly LockEntry[], expiresAt: string): void {
    for (const lock of locks) this.#swap(lock, { ...lock, expiresAt });
    const tokens = rangesOf(locks.map(({ token }) => token));
    this.note({ at: toIso(this.world.nowMs), event: "renewed", taskId, tokens, expiresAt });
  }

  #swap(before: LockEntry, after: LockEntry): void {
    const there = this.#paths.get(before.path);
    if (there !== undefined)
      there.holders = there.holders.map((one) => (one === before ? after : one));
    this.#touched.add(before.path);
  }

  #drop(entry: LockEntry): void {
    const there = this.#paths.get(entry.path);
    if (there !== undefined) there.holders = there.holders.filter((one) => one !== entry);
  }

  #note(entry: LockEntry, event: LockEventName, more: Partial<LockLine> = {}): void {
    this.#touched.add(entry.path);
    this.note({ at: toIso(this.world.nowMs), event, ...loggedPart(entry), ...more });
  }

  /** Adds a line to the log alone. */
  note(line: LockLine): void {
    this.lines.push(line);
  }
}
