/** The scout cache: what scouts found out and need not find out again for a while. */
import { requireInput, requireJson, requireText, textOrNull } from "./given.ts";
import { copyJson } from "./json-values.ts";
import { ownKeysOf, withOwnKeys } from "./own-keys.ts";
import { anything, nullable, optional, text, time, type Shape } from "./shape.ts";
import { toIso } from "./time.ts";

const HOUR_MS = 60 * 60 * 1000;
const LIFE_MS = 24 * HOUR_MS;
/** Without a commit nothing says what a result was true of. */
const LIFE_WITHOUT_GIT_MS = HOUR_MS;
const WITHOUT_GIT = ":no-git";

/** A result and how long it is good for: plain data. */
export interface ScoutCacheEntry {
  /** Any text; usual is `<type>:<commit>`, or `<type>:no-git`. */
  readonly key: string;
  /** The commit that was looked at; `null` when nobody said so. */
  readonly commit: string | null;
  /** What kind of scout found it; `null` when nobody said so. */
  readonly type: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601; from then on it is a miss. */
  readonly expiresAt: string;
  /** Any JSON value. */
  readonly result: unknown;
  /** Keys of the input that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** What is put into the cache. Keys that are not listed here are kept with it. */
export interface SetScoutCacheInput {
  /** Any text that is not empty. One that ends in `:no-git` is good for 1 hour, others for 24. */
  readonly key: string;
  readonly commit?: string | undefined;
  readonly type?: string | undefined;
  /** Any JSON value. */
  readonly result: unknown;
  readonly [key: string]: unknown;
}

/** One result as it lies in its file. */
export interface ScoutCacheDocument {
  readonly key: string;
  readonly commit?: string | null | undefined;
  readonly type?: string | null | undefined;
  readonly createdAt: string;
  readonly result: unknown;
}

export const SCOUT_CACHE_SHAPE: Shape<ScoutCacheDocument> = {
  name: "scout-cache",
  about: "A result that scouts need not find out again for a while.",
  fields: {
    key: text("Its own among all results; the file is named after it."),
    commit: optional(nullable(text("The commit that was looked at."))),
    type: optional(nullable(text("What kind of scout found it."))),
    createdAt: time("When it was found out."),
    result: anything("What was found out."),
  },
};

const FIELDS = ["key", "commit", "type", "result"];

/** What a call gives, as a document. @throws FlowError `BAD_REQUEST`. */
export function scoutCacheDocument(given: unknown, nowMs: number): ScoutCacheDocument {
  const doing = "Cannot keep the result";
  const input = requireInput(doing, given);
  return {
    key: requireText(doing, "key", input["key"]),
    commit: textOrNull(doing, "commit", input["commit"]),
    type: textOrNull(doing, "type", input["type"]),
    createdAt: toIso(nowMs),
    result: requireJson(doing, "result", input["result"]),
    ...ownKeysOf(doing, input, FIELDS, SCOUT_CACHE_SHAPE),
  };
}

/**
 * Whether a result is still good. One from the future is not: a clock that was set back would
 * make it good for longer than anybody meant.
 */
export function isFresh(document: ScoutCacheDocument, nowMs: number): boolean {
  const ageMs = nowMs - Date.parse(document.createdAt);
  return ageMs >= 0 && ageMs < lifeOf(document.key);
}

/** A document as callers see it; shares nothing with it. */
export function scoutCacheEntryOf(document: ScoutCacheDocument): ScoutCacheEntry {
  const { key, commit = null, type = null, createdAt, result } = document;
  const expiresAt = toIso(Date.parse(createdAt) + lifeOf(key));
  const entry = { key, commit, type, createdAt, expiresAt, result: copyJson(result) };
  return withOwnKeys(entry, document, SCOUT_CACHE_SHAPE);
}

function lifeOf(key: string): number {
  return key.endsWith(WITHOUT_GIT) ? LIFE_WITHOUT_GIT_MS : LIFE_MS;
}
