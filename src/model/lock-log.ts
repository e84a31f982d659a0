/** What happened to locks, as this clone's own log tells it, and what follows from it. */
import { isText } from "./schema.ts";
import {
  Demand,
  LOCK_ENTRY_SHAPE,
  LOCK_KEYS,
  reaches,
  type LockEntry,
  type LockMode,
} from "./locks.ts";
import { ownValue } from "./json-values.ts";

/** What can happen to a lock. */
export const LOCK_EVENTS = [
  /** It was granted. */
  "acquired",
  /** It was granted in a stronger mode, in the place of the lock `replaces`. */
  "upgraded",
  /** Its end was put off. */
  "renewed",
  /** Its end was brought nearer, because the clock was set back. */
  "shortened",
  /** Its task gave it back. */
  "released",
  /** It was not renewed in time. */
  "expired",
  /** The process that it was bound to had ended. */
  "dead",
  /** Somebody took all locks away, or its damaged file was put aside. */
  "cleared",
  /** It was lost before, and its task knows. */
  "forgotten",
] as const;

/** One of them. */
export type LockEventName = (typeof LOCK_EVENTS)[number];

/** From the first to the last. */
export type TokenRange = readonly [from: number, to: number];

/**
 * Something that happened to a lock, with the lock as it was then. A heartbeat is one event of all
 * locks of a task: `renewed` with `tokens` in the place of `path`, `mode`, `owner` and `token`.
 */
export interface LockEvent {
  /** A ULID. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly event: LockEventName;
  /** `null` for a heartbeat, and where a damaged file did not tell. */
  readonly path: string | null;
  readonly taskId: string | null;
  readonly mode: LockMode | null;
  readonly owner: string | null;
  readonly token: number | null;
  readonly ttlMs: number | null;
  readonly lockedAt: string | null;
  readonly expiresAt: string | null;
  /** Of `upgraded`: the token that counts no more. */
  readonly replaces: number | null;
  /** Of a heartbeat: the locks that live on. The tokens of one grant follow on each other. */
  readonly tokens: readonly TokenRange[] | null;
  /** Of `cleared`: the damaged file that was put aside, relative to the root. */
  readonly file: string | null;
  /** Who did it, or whose call came upon it. */
  readonly agent: string | null;
  readonly source: string | null;
  readonly note: string | null;
}

/** A line before it is in the log. */
export type LockLine = Line & { readonly event: LockEventName };

/** A line as the log holds it. */
type Line = Readonly<Record<string, unknown>>;

/** What a line tells of a lock; keys of a user's own stay with the lock. */
export function loggedPart(entry: Line): Line {
  const known = LOCK_KEYS.map((key) => [key, ownValue(entry, key)] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

/** A line of the log as an event; `null` when it is none. */
export function lockEventOf(line: Line): LockEvent | null {
  const { id, at } = line;
  const event = LOCK_EVENTS.find((name) => name === line["event"]);
  if (event === undefined || !isText(id) || !isText(at)) return null;
  const textAt = (key: string): string | null => {
    const value = line[key];
    return isText(value) ? value : null;
  };
  const numberAt = (key: string): number | null => {
    const value = line[key];
    return typeof value === "number" ? value : null;
  };
  return {
    id,
    at,
    event,
    path: textAt("path"),
    taskId: textAt("taskId"),
    mode: textAt("mode") as LockMode | null,
    owner: textAt("owner"),
    token: numberAt("token"),
    ttlMs: numberAt("ttlMs"),
    lockedAt: textAt("lockedAt"),
    expiresAt: textAt("expiresAt"),
    replaces: numberAt("replaces"),
    tokens: rangesIn(line),
    file: textAt("file"),
    agent: textAt("agent"),
    source: textAt("source"),
    note: textAt("note"),
  };
}

/** Numbers as ranges, in order: a grant of a thousand paths is one of them. */
export function rangesOf(tokens: readonly number[]): TokenRange[] {
  const ranges: [number, number][] = [];
  for (const token of [...tokens].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === token) last[1] = token;
    else ranges.push([token, token]);
  }
  return ranges;
}

function rangesIn(line: Line): readonly TokenRange[] | null {
  const { tokens } = line;
  if (!Array.isArray(tokens)) return null;
  const isRange = (one: unknown): one is TokenRange =>
    Array.isArray(one) && one.length === 2 && one.every((token) => typeof token === "number");
  return tokens.every(isRange) ? tokens.map(([from, to]) => [from, to]) : null;
}

function isIn(ranges: readonly TokenRange[], token: number): boolean {
  return ranges.some(([from, to]) => token >= from && token <= to);
}

/**
 * The events of locks on one of these paths, above it or below it. A heartbeat is one of them when
 * it renews such a lock.
 */
export function eventsAbout(
  events: readonly LockEvent[],
  keys: readonly string[],
  keyOf: (path: string) => string,
): LockEvent[] {
  const demand = new Demand("write", keys);
  const tokens = new Set<number>();
  return events.filter(({ path, mode, token, tokens: renewed }) => {
    if (renewed !== null) return [...tokens].some((one) => isIn(renewed, one));
    if (path === null || !demand.meets({ key: keyOf(path), mode: mode ?? "write" })) return false;
    if (token !== null) tokens.add(token);
    return true;
  });
}

/** A lock as the log tells of it at its end. */
interface Told {
  readonly entry: LockEntry;
  /** Whether it was taken from its task, which has neither locked there again nor given it back. */
  readonly isLost: boolean;
}

/** What lines tell of locks: those that are held, and those that were lost. */
class Telling {
  readonly told = new Map<number, Told>();
  readonly #keyOf: (path: string) => string;
  /** The token by task and path: a task has one lock on a path. */
  readonly #tokens = new Map<string, number>();
  readonly #lost = new Set<number>();

  constructor(lines: readonly Line[], keyOf: (path: string) => string) {
    this.#keyOf = keyOf;
    for (const line of lines) this.#read(line);
  }

  #read(line: Line): void {
    const ranges = rangesIn(line);
    if (ranges !== null) {
      this.#prolong(ranges, line["expiresAt"]);
      return;
    }
    const entry = entryIn(line);
    if (entry === null) return;
    switch (line["event"] as LockEventName) {
      case "acquired":
      case "upgraded":
        this.#forgetBefore(entry);
        this.#forget(line["replaces"] as number);
        this.#keep(entry, false);
        break;
      case "renewed":
      case "shortened":
        this.#keep(entry, false);
        break;
      case "expired":
      case "dead":
      case "cleared":
        this.#keep(entry, true);
        break;
      case "released":
      case "forgotten":
        this.#forget(entry.token);
        break;
    }
  }

  #keep(entry: LockEntry, isLost: boolean): void {
    this.told.set(entry.token, { entry, isLost });
    this.#tokens.set(this.#placeOf(entry), entry.token);
    if (isLost) this.#lost.add(entry.token);
    else this.#lost.delete(entry.token);
  }

  #forget(token: number): void {
    this.told.delete(token);
    this.#lost.delete(token);
  }

  #placeOf({ taskId, path }: LockEntry): string {
    return JSON.stringify([taskId, this.#keyOf(path)]);
  }

  #prolong(ranges: readonly TokenRange[], expiresAt: unknown): void {
    if (!isText(expiresAt)) return;
    for (const [token, { entry, isLost }] of this.told) {
      if (isLost || !isIn(ranges, token)) continue;
      this.told.set(token, { entry: { ...entry, expiresAt }, isLost });
    }
  }

  /**
   * Whoever has got a lock again that reaches a path misses the old one no more. One of the same
   * task on the same path is over even where no line says so.
   */
  #forgetBefore(entry: LockEntry): void {
    const before = this.#tokens.get(this.#placeOf(entry));
    if (before !== undefined) this.#forget(before);
    const reach = { key: this.#keyOf(entry.path), mode: entry.mode };
    for (const token of this.#lost) {
      const lost = this.told.get(token)?.entry;
      if (lost?.taskId !== entry.taskId) continue;
      if (reaches(reach, this.#keyOf(lost.path))) this.#forget(token);
    }
  }
}

/**
 * The locks that a task had and has no more: those of which the log says so, and those that are
 * held by what it says and are not there, because somebody removed or damaged their file.
 *
 * @param isThere whether a lock is there, by its token
 */
export function lostIn(
  lines: readonly Line[],
  taskId: string,
  isThere: (token: number) => boolean,
  keyOf: (path: string) => string,
): LockEntry[] {
  const own = lines.filter((line) => line["taskId"] === taskId);
  return [...new Telling(own, keyOf).told.values()].flatMap(({ entry, isLost }) =>
    isLost || !isThere(entry.token) ? [entry] : [],
  );
}

/** The locks on some paths that are held by what the log says, as far back as it goes. */
export function heldIn(
  lines: readonly Line[],
  isMeant: (path: string) => boolean,
  keyOf: (path: string) => string,
): LockEntry[] {
  const about = lines.filter(({ path, tokens }) => {
    return Array.isArray(tokens) || (isText(path) && isMeant(path));
  });
  return [...new Telling(about, keyOf).told.values()].flatMap(({ entry, isLost }) =>
    isLost ? [] : [entry],
  );
}

/** The lock that a line tells of; `null` when it tells of none. */
function entryIn(line: Line): LockEntry | null {
  for (const [key, field] of Object.entries(LOCK_ENTRY_SHAPE.fields)) {
    if (!field.is(line[key])) return null;
  }
  return loggedPart(line) as unknown as LockEntry;
}

/** The highest token that the log tells of; 0 for none. */
export function highestTokenIn(lines: readonly Line[]): number {
  return lines.reduce(
    (highest, { token }) =>
      typeof token === "number" && Number.isSafeInteger(token) ? Math.max(highest, token) : highest,
    0,
  );
}
