/**
 * A feature as users see it, and how it follows from its document, its lease and the time.
 */
import { copyJson, setOwn } from "./json-values.ts";
import { FEATURE_DOCUMENT_KEYS, type FeatureDocument } from "./schema.ts";
import { encodeUlid } from "./ulid.ts";

/** Who holds a feature. */
export interface FeatureClaim {
  readonly agent: string;
  /** When it was claimed, ISO 8601. */
  readonly at: string;
  /** When the claim ends by itself, ISO 8601; `null` when it does not. */
  readonly expiresAt: string | null;
}

/** The state that a feature is in; every feature is in exactly one. */
export type FeatureStatus = "passing" | "in_progress" | "blocked" | "ready";

/** A feature without what only the other features can tell. */
export interface FeatureState {
  /** From 1; not used again. After a merge two features may bear one. */
  readonly id: number;
  /** A ULID, its own among all features. */
  readonly uid: string;
  /** Lower comes first; need not be unique. */
  readonly priority: number;
  readonly category: string;
  readonly name: string;
  readonly description: string;
  readonly steps: string[];
  /** Whether it is done. */
  readonly passes: boolean;
  /** Whether somebody works on it. Never together with `passes`. */
  readonly inProgress: boolean;
  /** Ids, each once, in the order of the file. Some may name no feature. */
  readonly dependencies: number[];
  /** `null` when nobody holds it, or when nobody said who works on it. */
  readonly claim: FeatureClaim | null;
  readonly createdAt: string | null;
  /** The time of its last event, else `createdAt`; not in the file. */
  readonly updatedAt: string | null;
  /** Opaque; another one after every change of the document, a hand edit's too. Not in the file. */
  readonly revision: string;
  /** Keys of the document that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** One feature, as every call returns it: plain data that shares nothing with the store. */
export interface Feature extends FeatureState {
  /** `passing`, else `in_progress`, else `blocked` when a dependency is not passing or unknown, else `ready`. */
  readonly status: FeatureStatus;
}

/** Counts over all features. `total = passing + inProgress + failing`; `blocked` is a part of `failing`. */
export interface FeatureStats {
  readonly total: number;
  readonly passing: number;
  /** Neither passing nor in progress. */
  readonly failing: number;
  readonly inProgress: number;
  readonly blocked: number;
}

/** One feature among the others. */
export interface FeatureGraphNode {
  readonly id: number;
  readonly name: string;
  readonly category: string;
  readonly priority: number;
  readonly passes: boolean;
  readonly inProgress: boolean;
  /** Whether its status is `blocked`. */
  readonly blocked: boolean;
  /** The ids it needs, those that name no feature too. */
  readonly dependencies: number[];
  /** The ids that need it, each once, in the order (priority, id). */
  readonly dependents: number[];
}

/** One entry of a feature's history. */
export interface ChangeEvent {
  /** The event's ULID. */
  readonly id: string;
  readonly featureId: number;
  readonly featureUid: string;
  /** `created`, `claimed`, `status_change` and so on, or any text of a caller's own. */
  readonly eventType: string;
  readonly field: string | null;
  readonly oldValue: string | null;
  readonly newValue: string | null;
  readonly agent: string | null;
  readonly source: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The part of a claim that ends by itself. It lies in `local/`, so that renewing changes no tracked file. */
export interface Lease {
  readonly uid: string;
  readonly agent: string;
  /** The `at` of the claim that it belongs to. */
  readonly at: string;
  readonly leaseMs: number;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** What the store knows of one feature. */
export interface FeatureRecord {
  readonly document: FeatureDocument;
  /** The lease that lies there for its uid, whether it still counts or not. */
  readonly lease: Lease | null;
  readonly revision: string;
  /** The time of its last event, ISO 8601; `null` when there is none. */
  readonly updatedAt: string | null;
}

/** The `$schema` of every feature's document: where editors find it, seen from the file. */
export const FEATURE_SCHEMA_REFERENCE = "../schema/feature.json";

const SLUG_LENGTH = 40;
const UID_IN_NAME_LENGTH = 6;

/** Keys that a {@link Feature} gets from the store, so an unknown key of that name cannot show. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  ...FEATURE_DOCUMENT_KEYS,
  "updatedAt",
  "revision",
  "status",
]);

/**
 * The uid of a document. A file made by hand may have none: then it is a ULID of the year 1970
 * made of the id alone, the same in every clone. The first change writes it into the file.
 */
export function uidOf(document: FeatureDocument): string {
  return document.uid ?? uidOfId(document.id);
}

/** The uid of what has only an id: a ULID of the year 1970, the same in every clone. */
export function uidOfId(id: number): string {
  const bytes = new Uint8Array(10);
  let rest = id;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return encodeUlid(0, bytes);
}

/** Whether the document is what `delete` leaves: gone from every call but `history`. */
export function isTombstone(document: FeatureDocument): boolean {
  return typeof document.deletedAt === "string";
}

/** What events say of a feature's file: flow-db's words for its state, and that it is deleted. */
export type FeatureWord = "pending" | "in_progress" | "completed" | "deleted";

/** The word for what a file says; whether a lease is over is not asked. */
export function wordOf(document: FeatureDocument): FeatureWord {
  if (isTombstone(document)) return "deleted";
  if (document.passes === true) return "completed";
  return document.inProgress === true ? "in_progress" : "pending";
}

/** A document's priority; the id where it has none. */
export function priorityOf(document: FeatureDocument): number {
  // Adding 0 turns a hand-written -0 into 0: the two would be told apart in a Map or by Object.is.
  return (document.priority ?? document.id) + 0;
}

/** The lease of a record if it belongs to the claim in its file; a lease of an earlier claim does not count. */
export function currentLease(record: FeatureRecord): Lease | null {
  const { document, lease } = record;
  const claim = document.claim ?? null;
  if (lease === null || claim === null) return null;
  const same =
    lease.uid === uidOf(document) && lease.agent === claim.agent && lease.at === claim.at;
  return same ? lease : null;
}

/** Whether the file still says "in progress" though its lease is over at `nowMs`. */
export function hasExpired(record: FeatureRecord, nowMs: number): boolean {
  const { passes, inProgress } = record.document;
  if (passes === true || inProgress !== true) return false;
  const lease = currentLease(record);
  return lease !== null && Date.parse(lease.expiresAt) <= nowMs;
}

/** Whether somebody is at it at `nowMs`; what passes is done. */
export function isInProgress(record: FeatureRecord, nowMs: number): boolean {
  const { passes, inProgress } = record.document;
  return passes !== true && inProgress === true && !hasExpired(record, nowMs);
}

/**
 * A record as it counts at `nowMs`: defaults filled in, dependencies each once, an expired claim
 * gone, and a feature that says both "passes" and "in progress" (after a merge) passing. The
 * result shares nothing with the record.
 */
export function effective(record: FeatureRecord, nowMs: number): FeatureState {
  const { document } = record;
  const passes = document.passes === true;
  const inProgress = isInProgress(record, nowMs);
  const createdAt = document.createdAt ?? null;
  const state = {
    id: document.id,
    uid: uidOf(document),
    priority: priorityOf(document),
    category: document.category ?? "",
    name: document.name,
    description: document.description ?? "",
    steps: document.steps === undefined ? [] : document.steps.slice(),
    passes,
    inProgress,
    dependencies: dependenciesOf(document),
    claim: inProgress ? claimOf(record) : null,
    createdAt,
    updatedAt: record.updatedAt ?? createdAt,
    revision: record.revision,
  };
  for (const key of Object.keys(document)) {
    if (!OWN_KEYS.has(key)) setOwn(state, key, copyJson(document[key]));
  }
  return state;
}

/** A document's dependencies, each once. */
export function dependenciesOf(document: FeatureDocument): number[] {
  const { dependencies } = document;
  if (dependencies === undefined || dependencies.length === 0) return [];
  return dependencies.length === 1 ? dependencies.slice() : [...new Set(dependencies)];
}

/**
 * The one rule for a feature's state.
 *
 * @param isMet whether every feature that bears an id passes, and there is one
 */
export function statusOf(
  feature: Pick<FeatureState, "passes" | "inProgress"> & {
    readonly dependencies: readonly number[];
  },
  isMet: (id: number) => boolean,
): FeatureStatus {
  if (feature.passes) return "passing";
  if (feature.inProgress) return "in_progress";
  return feature.dependencies.every(isMet) ? "ready" : "blocked";
}

/** The order of every list: priority, then id, then uid. */
export function compareFeatures(
  left: Pick<FeatureState, "priority" | "id" | "uid">,
  right: Pick<FeatureState, "priority" | "id" | "uid">,
): number {
  if (left.priority !== right.priority) return left.priority < right.priority ? -1 : 1;
  if (left.id !== right.id) return left.id < right.id ? -1 : 1;
  if (left.uid === right.uid) return 0;
  return left.uid < right.uid ? -1 : 1;
}

/** What a new document is made of. */
export interface NewFeature {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly category: string;
  readonly description: string;
  readonly steps: readonly string[];
  readonly priority: number;
  readonly dependencies: readonly number[];
  /** ISO 8601. */
  readonly createdAt: string;
  /** Keys that have no meaning to the store; they stand last. */
  readonly unknown: ReadonlyMap<string, unknown>;
}

/** A new document, neither passing nor in progress, its keys in the order in which they are written. */
export function newFeatureDocument(feature: NewFeature): FeatureDocument {
  const document = {
    $schema: FEATURE_SCHEMA_REFERENCE,
    id: feature.id,
    name: feature.name,
    category: feature.category,
    description: feature.description,
    steps: feature.steps.slice(),
    uid: feature.uid,
    priority: feature.priority,
    dependencies: feature.dependencies.slice(),
    createdAt: feature.createdAt,
    passes: false,
    inProgress: false,
    claim: null,
  };
  for (const [key, value] of feature.unknown) setOwn(document, key, copyJson(value));
  return document;
}

/**
 * `document` with top-level keys set and removed. Keys that were there keep their place; a new
 * known key comes behind those that stand before it in a new document, a new unknown one last.
 */
export function patchDocument(
  document: FeatureDocument,
  set: ReadonlyMap<string, unknown>,
  unset: readonly string[],
): FeatureDocument {
  const gone = new Set(unset);
  const entries = Object.entries(document).filter(([key]) => !gone.has(key));
  for (const [key, value] of set) {
    const at = entries.findIndex(([present]) => present === key);
    if (at >= 0) entries[at] = [key, value];
    else entries.splice(placeOf(key, entries), 0, [key, value]);
  }
  return Object.fromEntries(entries) as FeatureDocument;
}

/**
 * `name` as a part of a file name: at most 40 characters of `a-z`, `0-9` and single dashes inside.
 * Accents are dropped. Empty when nothing is left.
 */
export function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, SLUG_LENGTH)
    .replace(/-$/, "");
}

/**
 * The name of a feature's file: `<id>-<slug>-<uid6>.json`, without the slug when that is empty;
 * `uid6` is the end of the uid in lower case. Fixed at creation.
 */
export function featureFileName(id: number, name: string, uid: string): string {
  const slug = slugOf(name);
  const uid6 = uid.slice(-UID_IN_NAME_LENGTH).toLowerCase();
  return slug === "" ? `${id}-${uid6}.json` : `${id}-${slug}-${uid6}.json`;
}

function claimOf(record: FeatureRecord): FeatureClaim | null {
  const claim = record.document.claim ?? null;
  if (claim === null) return null;
  return { agent: claim.agent, at: claim.at, expiresAt: currentLease(record)?.expiresAt ?? null };
}

function placeOf(key: string, entries: readonly (readonly [string, unknown])[]): number {
  const keys: readonly string[] = FEATURE_DOCUMENT_KEYS;
  const rank = keys.indexOf(key);
  if (rank < 0) return entries.length;
  // indexOf gives -1 for unknown keys, which must not count as standing before.
  const before = entries.findLastIndex(([present]) => {
    const other = keys.indexOf(present);
    return other >= 0 && other < rank;
  });
  return before + 1;
}
