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
  /** Somebody took all locks away, or its file was damaged and put aside. */
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
  /** Of a damaged file: its name, relative to the root. */
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

/** How the log tells of a lock at its end. */
type Fate = "held" | "lost";

interface Told {
  entry: LockEntry;
  readonly fate: Fate;
}

/**
 * The locks that lines tell of, by token: those that are held, and those that were lost: taken from
 * their task, which has neither got a lock there again nor said that it knows.
 */
function tell(lines: readonly Line[], keyOf: (path: string) => string): Map<number, Told> {
  const told = new Map<number, Told>();
  for (const line of lines) {
    const ranges = rangesIn(line);
    if (ranges !== null) {
      prolong(told, ranges, line["expiresAt"]);
      continue;
    }
    const entry = entryIn(line);
    if (entry === null) continue;
    switch (line["event"] as LockEventName) {
      case "acquired":
      case "upgraded":
        forget(told, entry, keyOf);
        told.delete(line["replaces"] as number);
        told.set(entry.token, { entry, fate: "held" });
        break;
      case "renewed":
      case "shortened":
        told.set(entry.token, { entry, fate: "held" });
        break;
      case "expired":
      case "dead":
      case "cleared":
        told.set(entry.token, { entry, fate: "lost" });
        break;
      case "released":
      case "forgotten":
        told.delete(entry.token);
        break;
    }
  }
  return told;
}

function prolong(told: Map<number, Told>, ranges: readonly TokenRange[], expiresAt: unknown): void {
  if (!isText(expiresAt)) return;
  for (const [token, one] of told) {
    if (one.fate === "held" && isIn(ranges, token)) one.entry = { ...one.entry, expiresAt };
  }
}

/** Whoever has got a lock again that reaches a path misses the old one no more. */
function forget(told: Map<number, Told>, entry: LockEntry, keyOf: (path: string) => string): void {
  const reach = { key: keyOf(entry.path), mode: entry.mode };
  for (const [token, { entry: lost, fate }] of told) {
    if (fate === "held" || lost.taskId !== entry.taskId) continue;
    if (reaches(reach, keyOf(lost.path))) told.delete(token);
  }
}

/** The locks that a task has lost, as the log tells it. */
export function lostIn(
  lines: readonly Line[],
  taskId: string,
  keyOf: (path: string) => string,
): LockEntry[] {
  const own = lines.filter((line) => line["taskId"] === taskId && !Array.isArray(line["tokens"]));
  return [...tell(own, keyOf).values()].flatMap(({ entry, fate }) =>
    fate === "lost" ? [entry] : [],
  );
}

/**
 * The locks on exactly this path that the log knows to be held; `null` when it cannot tell: when it
 * knows nothing of the path, or of locks that it says to live on not where they are.
 */
export function heldIn(
  lines: readonly Line[],
  path: string,
  keyOf: (path: string) => string,
): LockEntry[] | null {
  const key = keyOf(path);
  const isAbout = (line: Line): boolean => isText(line["path"]) && keyOf(line["path"]) === key;
  if (!lines.some(isAbout)) return null;
  const known = new Set(lines.map(({ token }) => token));
  const isUnknown = ([from, to]: TokenRange): boolean => {
    if (to - from >= known.size) return true;
    for (let token = from; token <= to; token += 1) if (!known.has(token)) return true;
    return false;
  };
  if (lines.some((line) => rangesIn(line)?.some(isUnknown) === true)) return null;
  const about = lines.filter((line) => isAbout(line) || Array.isArray(line["tokens"]));
  return [...tell(about, keyOf).values()].flatMap(({ entry, fate }) =>
    fate === "held" ? [entry] : [],
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
