/**
 * The key `imported` of a feature: what its source said and this store has no place for, and a few
 * words of the import's own, so that the next import knows the feature again.
 */
import { createHash } from "node:crypto";
import type { PlanItem } from "./format.ts";
import { isRecord } from "./plan-text.ts";

/** An edge of the plan that is no dependency of the feature. */
export interface DroppedDependency {
  /** The source's id of what it depends on. */
  readonly id: string;
  readonly reason: "circle" | "unknown" | "self";
}

/** Keys of `imported` that the import itself writes. */
const OWN_KEYS = ["source", "list", "id", "droppedDependencies", "lastImport", "shadowed"] as const;
const OWN: ReadonlySet<string> = new Set(OWN_KEYS);

/**
 * `imported` for an item: the source's fields beside `source` and `id`. A field that bears the name
 * of one of the import's own keys goes to `shadowed`, so nothing is lost.
 */
export function makeImported(
  source: string,
  id: string,
  fields: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries(fields);
  const shadowed = entries.filter(([key]) => OWN.has(key));
  return {
    source,
    id,
    ...Object.fromEntries(entries.filter(([key]) => !OWN.has(key))),
    ...(shadowed.length === 0 ? {} : { shadowed: Object.fromEntries(shadowed) }),
  };
}

/** The fields that {@link makeImported} was given. */
export function importedFields(
  imported: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const shadowed = isRecord(imported["shadowed"]) ? imported["shadowed"] : {};
  return {
    ...Object.fromEntries(Object.entries(imported).filter(([key]) => !OWN.has(key))),
    ...shadowed,
  };
}

/** The key `imported` of a feature; empty when it has none. */
export function importedOf(feature: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const imported = feature["imported"];
  return isRecord(imported) ? imported : {};
}

/** Which item of which source this is; `null` when it says neither. */
export function identityOf(imported: Readonly<Record<string, unknown>>): string | null {
  const { source, list, id } = imported;
  if (typeof source !== "string" || typeof id !== "string") return null;
  return JSON.stringify([source, typeof list === "string" ? list : null, id]);
}

export function droppedOf(imported: Readonly<Record<string, unknown>>): DroppedDependency[] {
  const dropped = imported["droppedDependencies"];
  if (!Array.isArray(dropped)) return [];
  return dropped.filter(
    (edge): edge is DroppedDependency => isRecord(edge) && typeof edge["id"] === "string",
  );
}

/** What the last import saw of the source: so the next one can tell its changes from ours. */
export interface LastImport {
  readonly digest: string;
  readonly passes: boolean;
  /** The source's ids that became dependencies. */
  readonly dependsOn: readonly string[];
}

export function lastImportOf(imported: Readonly<Record<string, unknown>>): LastImport | null {
  const last = imported["lastImport"];
  if (!isRecord(last) || typeof last["digest"] !== "string") return null;
  const dependsOn = Array.isArray(last["dependsOn"]) ? last["dependsOn"] : [];
  return {
    digest: last["digest"],
    passes: last["passes"] === true,
    dependsOn: dependsOn.filter((id): id is string => typeof id === "string"),
  };
}

/** Hex digits of a digest: 64 bits, plenty to tell two states of one item apart. */
const DIGEST_LENGTH = 16;

/** A short hash of a JSON value in which the order of keys does not count. */
function digestOf(value: unknown): string {
  const text = canonicalJson(value);
  return createHash("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
}

/** A digest of all that an item says; its place in the file and its uid are not its own. */
export function digestOfItem(item: PlanItem): string {
  return digestOf({ ...item, line: undefined, uid: undefined });
}

/** JSON with sorted keys: equal texts for equal values. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(byKey)) : inner,
  );
}

function byKey([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
