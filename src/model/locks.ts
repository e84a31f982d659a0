/**
 * Locks on paths of the project: what one says, which two stand in each other's way, and until
 * when one lives. Paths are relative to the project, written with `/`; `.` is the project itself.
 */
import { ownValue, setOwn } from "./json-values.ts";
import { integer, list, object, oneOf, optional, text, time, type Shape } from "./shape.ts";

/** What a lock allows its holder and keeps from others. */
export const LOCK_MODES = ["read", "directory_add", "write"] as const;

/**
 * `write` keeps everybody else out. `read` shares with `read` and `directory_add`. So does
 * `directory_add`, the right to add names to a folder, which says nothing of the files inside.
 */
export type LockMode = (typeof LOCK_MODES)[number];

/** Whether a path was a folder or a file when it was locked; one that is not there yet is a file. */
export type LockKind = "file" | "folder";

/** One task's lock on one path. */
export interface LockEntry {
  /** Relative to the project, with `/`; links are followed. */
  readonly path: string;
  readonly taskId: string;
  readonly mode: LockMode;
  /** Who holds it for the task. */
  readonly owner: string;
  /** Rises with every grant in the store: whoever bears a lower one for a path came before. */
  readonly token: number;
  /** How long it lives from its grant or its last renewal, in ms. */
  readonly ttlMs: number;
  /** ISO 8601: the time of the grant. */
  readonly lockedAt: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  /** Of a lock that was upgraded: the token of its first grant. */
  readonly firstToken?: number | undefined;
  /** With `bindToPid`: the process that it lives no longer than, and what tells it from others. */
  readonly pid?: number | undefined;
  /** When that process began, in ticks of the system since its start; absent where unknown. */
  readonly pidStart?: string | undefined;
  /** In which numbers of processes `pid` is one; absent where unknown. */
  readonly pidNamespace?: string | undefined;
  readonly host?: string | undefined;
  readonly bootId?: string | undefined;
  /** Keys of your own, as they were given. */
  readonly [key: string]: unknown;
}

/** A lock that is in somebody's way, with what a person wants to know of it. */
export interface LockHolder extends LockEntry {
  /** How long it has been held, in ms. */
  readonly ageMs: number;
  /** Whether the bound process lives; `null` for an unbound lock, and where it cannot be told. */
  readonly alive: boolean | null;
}

/** What tells one process from every other one. */
export interface LockProcess {
  readonly pid: number;
  readonly pidStart: string | null;
  readonly pidNamespace: string | null;
  readonly host: string;
  readonly bootId: string;
}

// ---- documents -----------------------------------------------------------------------------

/** The file of a locked path. */
export interface LockDocument {
  readonly path: string;
  readonly kind: LockKind;
  readonly holders: readonly Omit<LockEntry, "path">[];
}

/** The keys by which a process is told from others. */
const PROCESS_FIELDS = {
  pid: optional(integer("A process that the lock lives no longer than.", 1)),
  pidStart: optional(text("When that process began, in ticks since the system did.")),
  pidNamespace: optional(text("In which numbers of processes it is one.")),
  host: optional(text("The machine of that process.")),
  bootId: optional(text("The run of that machine.")),
};

const HOLDER_FIELDS = {
  taskId: text("Who holds it."),
  mode: oneOf("What it allows and keeps from others.", LOCK_MODES),
  owner: text("Who holds it for the task."),
  token: integer("Rises with every grant in the store.", 1),
  ttlMs: integer("How long it lives from its grant or last renewal, in ms.", 1),
  lockedAt: time("When it was granted."),
  expiresAt: time("When it ends unless it is renewed."),
  firstToken: optional(integer("Of one that was upgraded: the token of its first grant.", 1)),
  ...PROCESS_FIELDS,
};

export const LOCK_SHAPE: Shape<LockDocument> = {
  name: "lock",
  about: "Who holds a path of the project, in local/locks/.",
  fields: {
    path: text("Relative to the project."),
    kind: oneOf("What the path was when it was locked.", ["file", "folder"]),
    holders: list("Every lock on exactly this path.", object("One task's lock.", HOLDER_FIELDS)),
  },
};

/** What a lock can be given: its keys are none of a user's own. */
export const LOCK_ENTRY_SHAPE: Shape<LockEntry> = {
  name: "lock-entry",
  about: "One task's lock on one path.",
  fields: { path: text("Relative to the project."), ...HOLDER_FIELDS },
};

/** The keys of a lock that have a meaning, in their order. */
export const LOCK_KEYS: readonly string[] = Object.keys(LOCK_ENTRY_SHAPE.fields);

/** Somebody who waits for locks: one file in the queue. */
export interface LockTicket {
  /** The place in the queue: lower ones are served first. */
  readonly ticket: number;
  readonly taskId: string;
  readonly owner: string;
  readonly mode: LockMode;
  readonly paths: readonly string[];
  /** Other names that led to the paths over links. */
  readonly also: readonly string[];
  /** Above the tokens of all locks that were granted before it came. */
  readonly token: number;
  /** ISO 8601: when the waiting began. */
  readonly since: string;
  /** ISO 8601: when it will be given up. */
  readonly until: string;
  /** ISO 8601: when it last showed that it still waits. */
  readonly seenAt: string;
  readonly pid: number;
  readonly pidStart?: string | undefined;
  readonly pidNamespace?: string | undefined;
  readonly host: string;
  readonly bootId: string;
}

/** What a file in the queue must hold; never written for editors, so it has no schema of its own. */
export const LOCK_TICKET_SHAPE: Shape<LockTicket> = {
  name: "lock-ticket",
  about: "Who waits for locks, in local/lock-queue/.",
  fields: {
    ticket: integer("Its place in the queue.", 1),
    taskId: text("Who waits."),
    owner: text("Who waits for the task."),
    mode: oneOf("What is asked for.", LOCK_MODES),
    paths: list("What is asked for.", text("Relative to the project.")),
    also: list("Other names that led there over links.", text("One of them.")),
    token: integer("Above those of all locks that were granted before it came.", 1),
    since: time("When the waiting began."),
    until: time("When it will be given up."),
    seenAt: time("When it last showed that it still waits."),
    ...PROCESS_FIELDS,
    pid: integer("The process that waits.", 1),
    host: text("The machine of that process."),
    bootId: text("The run of that machine."),
  },
};

// ---- who stands in whose way ---------------------------------------------------------------

/** A path in the form in which paths are compared, and what is asked for or held there. */
export interface Reach {
  readonly key: string;
  readonly mode: LockMode;
}

/** Rows: what is asked for; columns: what another task holds. */
const COMPATIBLE: Readonly<Record<LockMode, Readonly<Record<LockMode, boolean>>>> = {
  read: { read: true, directory_add: true, write: false },
  directory_add: { read: true, directory_add: true, write: false },
  write: { read: false, directory_add: false, write: false },
};

/** Whether a mode can be had on a path that another task holds in another mode. */
export function isCompatible(requested: LockMode, held: LockMode): boolean {
  return COMPATIBLE[requested][held];
}

/**
 * How much a mode keeps out: a lower one nothing that a higher one lets pass. `read` is above
 * `directory_add`, because on a folder it also holds what lies inside.
 */
const STRENGTH: Readonly<Record<LockMode, number>> = { directory_add: 0, read: 1, write: 2 };

/** Whether whoever holds one mode need not ask for another. */
export function isAsStrong(held: LockMode, asked: LockMode): boolean {
  return STRENGTH[held] >= STRENGTH[asked];
}

/** Whether a path lies below another; `.` is above every other. */
export function isBelow(key: string, above: string): boolean {
  return above === "." ? key !== "." : key.startsWith(`${above}/`);
}

/** The paths above a path, nearest first; `.` is the last. */
function* above(key: string): Iterable<string> {
  if (key === ".") return;
  for (let slash = key.lastIndexOf("/"); slash > 0; slash = key.lastIndexOf("/", slash - 1)) {
    yield key.slice(0, slash);
  }
  yield ".";
}

/** Whether a lock reaches a path: its own, and all below it unless it is on the names alone. */
export function reaches({ key, mode }: Reach, path: string): boolean {
  return key === path || (mode !== "directory_add" && isBelow(path, key));
}

/** Paths that are asked for together, in one mode. */
export class Demand {
  readonly mode: LockMode;
  readonly keys: ReadonlySet<string>;
  readonly #above = new Set<string>();

  constructor(mode: LockMode, keys: Iterable<string>) {
    this.mode = mode;
    this.keys = new Set(keys);
    for (const key of this.keys) for (const one of above(key)) this.#above.add(one);
  }

  /** Whether a lock speaks of one of the paths: it is equal, or one of both reaches into the other. */
  meets({ key, mode }: Reach): boolean {
    if (this.keys.has(key)) return true;
    if (mode !== "directory_add" && this.#above.has(key)) return true;
    if (this.mode === "directory_add") return false;
    for (const one of above(key)) if (this.keys.has(one)) return true;
    return false;
  }

  /** Whether this cannot be had beside a lock of another task. */
  isRefusedBy(held: Reach): boolean {
    return !isCompatible(this.mode, held.mode) && this.meets(held);
  }

  /** Whether both cannot be had, by two tasks. */
  isRivalOf(other: Demand): boolean {
    if (isCompatible(this.mode, other.mode)) return false;
    for (const key of other.keys) if (this.meets({ key, mode: other.mode })) return true;
    return false;
  }
}

// ---- until when ----------------------------------------------------------------------------

/**
 * When a lock ends: as it says, but no later than its time after it was seen as it is. A clock that
 * was set back would else make it live for as long as the clock went back.
 *
 * @param seenMs the earliest time, by the clock of now, at which it was seen; now at the latest
 */
export function endOf({ expiresAt, ttlMs }: LockEntry, seenMs: number): number {
  return Math.min(Date.parse(expiresAt), seenMs + ttlMs);
}

/** The token that tells since when a lock has been held: an upgrade is no new beginning. */
export function firstTokenOf({ firstToken, token }: LockEntry): number {
  return firstToken ?? token;
}

/** The process that a lock is bound to; `null` for an unbound one. */
export function processIn(lock: LockEntry | LockTicket): LockProcess | null {
  const { pid, pidStart = null, pidNamespace = null, host, bootId } = lock;
  if (pid === undefined || host === undefined || bootId === undefined) return null;
  return { pid, pidStart, pidNamespace, host, bootId };
}

/** The keys that bind a lock, or a ticket, to a process. */
export function boundTo({ pid, pidStart, pidNamespace, host, bootId }: LockProcess): {
  pid: number;
  host: string;
  bootId: string;
  pidStart?: string;
  pidNamespace?: string;
} {
  return {
    pid,
    ...(pidStart === null ? {} : { pidStart }),
    ...(pidNamespace === null ? {} : { pidNamespace }),
    host,
    bootId,
  };
}

/** Keys of a process, taken away. */
const UNBOUND = {
  pid: undefined,
  pidStart: undefined,
  pidNamespace: undefined,
  host: undefined,
  bootId: undefined,
};

/**
 * A lock of these parts, its keys in the order in which a person reads them, those of a user's own
 * behind them.
 *
 * @param process what it is bound to; `null`: nothing; `undefined`: as the parts say
 */
export function lockOf(
  parts: Readonly<Record<string, unknown>>,
  process: LockProcess | null | undefined,
): LockEntry {
  const bound = process === undefined ? {} : process === null ? UNBOUND : boundTo(process);
  const all: Readonly<Record<string, unknown>> = {
    ...parts,
    ...(process === undefined ? {} : UNBOUND),
    ...bound,
  };
  const lock = {};
  for (const key of [...LOCK_KEYS, ...Object.keys(all).filter((one) => !LOCK_KEYS.includes(one))]) {
    const value = ownValue(all, key);
    if (value !== undefined) setOwn(lock, key, value);
  }
  return lock as LockEntry;
}
