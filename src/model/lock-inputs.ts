/** What callers give to locks, judged: each refusal is `BAD_REQUEST` and names the field. */
import { badField, requireText, requireWord } from "./given.ts";
import { shown } from "./json-values.ts";
import { LOCK_ENTRY_SHAPE, LOCK_MODES, type LockMode } from "./locks.ts";
import { ownKeysOf } from "./own-keys.ts";

/** What a task asks for. */
export interface AcquireLocksInput {
  /**
   * Files, folders (`src/`) and patterns (`src/*.ts`), relative to the project or absolute. All of
   * them are locked or none is.
   */
  readonly paths: readonly string[];
  /** Whose locks they are. A task is not in its own way. */
  readonly taskId: string;
  /** Default `write`. */
  readonly mode?: LockMode | undefined;
  /** How long they live without a heartbeat, in ms: 1 to ten years. Default 2,700,000 (45 minutes). */
  readonly ttlMs?: number | undefined;
  /** Who holds them for the task. Default: `agent`, else the store's `actor`. */
  readonly owner?: string | undefined;
  /** How long to wait in the queue for those who are in the way, in ms. Default 0: not at all. */
  readonly waitMs?: number | undefined;
  /**
   * The process that they live no longer than: `true` for this one, or a number. Only for one that
   * lives as long as the work: not for a command that returns at once. Default: none.
   */
  readonly bindToPid?: boolean | number | undefined;
  /** Ends the waiting with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Who does it. Default: the store's `actor`. */
  readonly agent?: string | undefined;
  /** Through what: `api`, `cli` … Default: the store's `source`. */
  readonly source?: string | undefined;
  /** A remark, kept in the log of locks. */
  readonly note?: string | undefined;
  /** Any other key is yours; it is kept with each lock. */
  readonly [key: string]: unknown;
}

/** The keys above. */
const ACQUIRE_KEYS = [
  "paths",
  "taskId",
  "mode",
  "ttlMs",
  "owner",
  "waitMs",
  "bindToPid",
  "signal",
  "agent",
  "source",
  "note",
] as const;

/** What was asked for, judged; the paths are not looked up yet. */
export interface JudgedInput {
  readonly words: readonly string[];
  readonly taskId: string;
  readonly mode: LockMode;
  readonly ttlMs: number;
  readonly owner: string | undefined;
  readonly waitMs: number;
  readonly bindToPid: boolean | number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly own: Readonly<Record<string, unknown>>;
}

const DEFAULT_TTL_MS = 45 * 60_000;
/** Ten years, as leases: an end that no calendar has would be none. */
const MAX_TTL_MS = 10 * 365 * 24 * 60 * 60_000;
/** Node's timers count in 32 bits; 24.8 days stand for "for ever". */
const MAX_WAIT_MS = 2 ** 31 - 1;
/** No system numbers its processes higher. */
const MAX_PID = 2 ** 31 - 1;

const DOING = "Cannot lock";

/** @throws FlowError `BAD_REQUEST`. */
export function judgeAcquire(input: AcquireLocksInput): JudgedInput {
  const { mode, ttlMs, owner, waitMs, bindToPid, signal } = input;
  return {
    words: requirePaths(DOING, input.paths),
    taskId: requireText(DOING, "taskId", input.taskId),
    mode: mode === undefined ? "write" : requireMode(DOING, mode),
    ttlMs: ttlMs === undefined ? DEFAULT_TTL_MS : requireTtl(ttlMs),
    owner: owner === undefined ? undefined : requireText(DOING, "owner", owner),
    waitMs: waitMs === undefined ? 0 : requireWait(waitMs),
    bindToPid: bindToPid === undefined ? undefined : requireBinding(bindToPid),
    signal: signal === undefined ? undefined : requireSignal(signal),
    own: ownKeysOf(DOING, input, ACQUIRE_KEYS, LOCK_ENTRY_SHAPE),
  };
}

/** At least one text, none of them empty or with NUL. */
export function requirePaths(doing: string, paths: unknown): string[] {
  if (!Array.isArray(paths)) {
    const why = paths === undefined ? "is missing" : `must be a list of paths, not ${shown(paths)}`;
    throw badField(doing, "paths", why);
  }
  if (paths.length === 0) throw badField(doing, "paths", "must name at least one path");
  // By index: a hole is no path.
  return Array.from(paths, (path: unknown, at) => requirePath(doing, `paths[${at}]`, path));
}

/** A text that can be a path. */
export function requirePath(doing: string, field: string, path: unknown): string {
  const word = requireText(doing, field, path);
  if (!word.includes("\0")) return word;
  throw badField(doing, field, "must not hold NUL: no file has such a name");
}

/** One of the modes. */
export function requireMode(doing: string, mode: unknown): LockMode {
  return requireWord(doing, "mode", mode, LOCK_MODES);
}

function requireTtl(ttlMs: unknown): number {
  if (Number.isSafeInteger(ttlMs)) {
    const ms = ttlMs as number;
    if (ms >= 1 && ms <= MAX_TTL_MS) return ms;
  }
  const why = `must be a whole number of ms from 1 to ten years, not ${shown(ttlMs)}`;
  throw badField(DOING, "ttlMs", why);
}

function requireWait(waitMs: unknown): number {
  if (typeof waitMs === "number" && waitMs >= 0) return Math.min(waitMs, MAX_WAIT_MS);
  throw badField(DOING, "waitMs", `must be a number of ms from 0, not ${shown(waitMs)}`);
}

function requireBinding(bindToPid: unknown): boolean | number {
  if (typeof bindToPid === "boolean") return bindToPid;
  if (Number.isSafeInteger(bindToPid)) {
    const pid = bindToPid as number;
    if (pid >= 1 && pid <= MAX_PID) return pid;
  }
  const why = `must be true, false or the number of a process, not ${shown(bindToPid)}`;
  throw badField(DOING, "bindToPid", why);
}

function requireSignal(signal: unknown): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  throw badField(DOING, "signal", `must be an AbortSignal, not ${shown(signal)}`);
}
