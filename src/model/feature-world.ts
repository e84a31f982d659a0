/**
 * The world that a decision about features looks at, and what it comes to. Whoever calls one reads
 * the world, carries the changes out and logs the events in one commit.
 */
import { FlowError } from "../errors.ts";
import { shown, textProblem } from "./json-values.ts";
import { dependenciesOf, priorityOf, uidOf, type FeatureRecord, type Lease } from "./feature.ts";
import { isRef, type FeatureRef } from "./feature-inputs.ts";
import type { FeatureDocument } from "./schema.ts";

/** The features as they are, and what a decision may draw: ids, uids and the time. */
export interface FeatureWorld {
  readonly nowMs: number;
  /** The living records (no tombstones) that bear an id or a uid; a document without one bears `uidOf` it. */
  find(ref: FeatureRef): readonly FeatureRecord[];
  /** Every living record, in any order. */
  all(): Iterable<FeatureRecord>;
  /** The highest id ever known + 1; each call gives the next. Nothing is used up when the decision refuses. */
  nextId(): number;
  newUid(): string;
}

/** One thing to be done, all changes of a decision together or none. */
export type FeatureChange =
  | { readonly kind: "create"; readonly document: FeatureDocument }
  | {
      /** Top-level keys of the stored document; `patchDocument` says where they go. */
      readonly kind: "patch";
      readonly uid: string;
      readonly set: ReadonlyMap<string, unknown>;
      readonly unset: readonly string[];
    }
  /** `null` removes the lease. */
  | { readonly kind: "lease"; readonly uid: string; readonly lease: Lease | null };

/** An event to be logged in the same commit. `agent` `null` stands for the store's actor. */
export interface FeatureEventDraft {
  readonly featureId: number;
  readonly featureUid: string;
  readonly eventType: string;
  readonly field: string | null;
  readonly oldValue: string | null;
  readonly newValue: string | null;
  readonly agent: string | null;
}

/** What a call comes to. Without changes nothing is written and nothing is logged. */
export interface Decision {
  readonly changes: readonly FeatureChange[];
  readonly events: readonly FeatureEventDraft[];
  /** The features to return, in order, as they are after the changes. */
  readonly uids: readonly string[];
}

/** What every changing call takes. */
export interface ChangeOptions {
  /** Who does it; default: the store's actor. */
  readonly agent?: string | undefined;
  /** Refuses with `CONFLICT` unless this is the feature's `revision`. */
  readonly expectedRevision?: string | undefined;
}

/**
 * The one living feature that `ref` names.
 *
 * @throws FlowError `BAD_REQUEST` when `ref` is neither a safe integer from 1 nor a ULID,
 *   `NOT_FOUND`, `CONFLICT` when several bear it (`context.uids`).
 */
export function findOne(world: FeatureWorld, ref: FeatureRef): FeatureRecord {
  const [record, ...others] = world.find(requireRef(ref));
  if (record === undefined) {
    throw new FlowError("NOT_FOUND", `There is no feature ${ref}`, {
      context: { kind: "feature", ...refContext(ref) },
    });
  }
  if (others.length > 0) {
    const uids = [record, ...others].map(({ document }) => uidOf(document)).sort();
    throw new FlowError("CONFLICT", `${uids.length} features bear ${ref}`, {
      hint: hintForSeveral(uids),
      context: { kind: "feature", ...refContext(ref), uids },
    });
  }
  return record;
}

/** What to do when several features bear what was named; a copied file bears the uid as well. */
export function hintForSeveral(uids: readonly string[]): string {
  return new Set(uids).size === uids.length
    ? "Name the one you mean by its uid."
    : "Several files bear the same uid, as a copied file does; `flowstore check` names them.";
}

/**
 * `ref`, if it can name a feature.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireRef(ref: unknown): FeatureRef {
  if (isRef(ref)) return ref;
  throw new FlowError(
    "BAD_REQUEST",
    `${shown(ref)} names no feature: expected an id, an integer from 1, or a uid of 26 characters`,
    { context: { field: "id" } },
  );
}

/**
 * `name`, if it can stand for an agent: any text that is not empty.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function requireAgent(name: unknown, field = "agent"): string {
  if (typeof name !== "string" || name === "") {
    throw new FlowError("BAD_REQUEST", `${field} must be a text that is not empty`, {
      context: { field },
    });
  }
  const problem = textProblem(name);
  if (problem === null) return name;
  throw new FlowError("BAD_REQUEST", `${field} ${problem}`, { context: { field } });
}

/** What tells features apart, for the context of an error. */
export function identity(record: FeatureRecord): { id: number; uid: string } {
  return { id: record.document.id, uid: uidOf(record.document) };
}

/**
 * The priority that comes after all living features; 1 when there is none.
 *
 * @throws FlowError `BAD_REQUEST` when the highest one is the last safe integer.
 */
export function priorityAfterAll(world: FeatureWorld): number {
  let highest: number | null = null;
  for (const { document } of world.all()) {
    const priority = priorityOf(document);
    if (highest === null || priority > highest) highest = priority;
  }
  return priorityAfter(highest ?? 0);
}

/** The next priority. @throws FlowError `BAD_REQUEST` when there is none. */
export function priorityAfter(priority: number): number {
  if (priority < Number.MAX_SAFE_INTEGER) return priority + 1;
  throw new FlowError("BAD_REQUEST", "No priority is left above the highest one", {
    hint: "Give the feature with the highest priority number a lower one.",
  });
}

/** The ids that an id depends on, over all living features that bear it. */
export function dependenciesIn(world: FeatureWorld): (id: number) => Iterable<number> {
  return (id) => world.find(id).flatMap(({ document }) => dependenciesOf(document));
}

function refContext(ref: FeatureRef): { id: number } | { uid: string } {
  return typeof ref === "number" ? { id: ref } : { uid: ref };
}
