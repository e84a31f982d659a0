/** Which feature that is there each item of a plan is, if any. */
import type { Feature } from "../index.ts";
import { planError, type PlanItem } from "./format.ts";
import { identityOf, importedOf, lastImportOf, type LastImport } from "./imported.ts";

/**
 * One item and what it is matched to. A node is a number: the place of an existing feature in the
 * store's list, beyond those a feature that is to be made.
 */
export interface Match {
  readonly item: PlanItem;
  readonly node: number;
  /** `null`: it is to be made. */
  readonly feature: Feature | null;
  readonly last: LastImport | null;
  /** The nodes it depends on now. */
  readonly current: ReadonlySet<number>;
  /** The nodes it depended on by the last import's word. */
  readonly base: ReadonlySet<number>;
}

export interface Matches {
  readonly features: readonly Feature[];
  /** In the order of the plan's items. */
  readonly all: readonly Match[];
  /** For every existing feature, by node. */
  readonly dependencies: readonly (readonly number[])[];
  /** The node that `sourceId` means to an item: one of the plan, or one that an earlier plan brought. */
  resolve(item: PlanItem, sourceId: string): number | undefined;
}

/** @throws FlowError `BAD_REQUEST` when two items are the same feature. */
export function matchItems(
  features: readonly Feature[],
  items: readonly PlanItem[],
  fileName: string,
): Matches {
  const known = indexFeatures(features);
  const nodes = new Map<string, number>();
  const takenBy = new Map<number, PlanItem>();
  for (const item of items) {
    const node = knownNode(known, item) ?? features.length + nodes.size;
    const other = takenBy.get(node);
    if (other !== undefined) {
      const problem = `"${item.sourceId}" and "${other.sourceId}" are the same feature`;
      throw planError("BAD_REQUEST", fileName, item.line, problem);
    }
    takenBy.set(node, item);
    nodes.set(item.sourceId, node);
  }

  const dependencies = features.map((feature) =>
    feature.dependencies.flatMap((id) => known.byId.get(id) ?? []),
  );
  const resolve = (item: PlanItem, sourceId: string): number | undefined => {
    const identity = identityOf({ ...item.imported, id: sourceId });
    return nodes.get(sourceId) ?? (identity === null ? undefined : known.byIdentity.get(identity));
  };
  const all = items.map((item): Match => {
    const node = nodes.get(item.sourceId) ?? 0;
    const feature = features[node] ?? null;
    const last = feature === null ? null : lastImportOf(importedOf(feature));
    const current = dependencies[node] ?? [];
    const base =
      last === null
        ? current.filter((target) => takenBy.has(target))
        : last.dependsOn.flatMap((id) => resolve(item, id) ?? []);
    return { item, node, feature, last, current: new Set(current), base: new Set(base) };
  });
  return { features, all, dependencies, resolve };
}

interface KnownFeatures {
  readonly byUid: ReadonlyMap<string, number>;
  readonly byIdentity: ReadonlyMap<string, number>;
  readonly byId: ReadonlyMap<number, readonly number[]>;
}

function indexFeatures(features: readonly Feature[]): KnownFeatures {
  const byUid = new Map<string, number>();
  const byIdentity = new Map<string, number>();
  const byId = new Map<number, number[]>();
  for (const [node, feature] of features.entries()) {
    byUid.set(feature.uid, node);
    const identity = identityOf(importedOf(feature));
    // Two clones may have imported the same plan: the first of the two is the one that follows it.
    if (identity !== null && !byIdentity.has(identity)) byIdentity.set(identity, node);
    byId.set(feature.id, [...(byId.get(feature.id) ?? []), node]);
  }
  return { byUid, byIdentity, byId };
}

function knownNode(known: KnownFeatures, item: PlanItem): number | undefined {
  const exported = item.uid === undefined ? undefined : known.byUid.get(item.uid);
  if (exported !== undefined) return exported;
  const identity = identityOf(item.imported);
  const imported = identity === null ? undefined : known.byIdentity.get(identity);
  if (imported !== undefined) return imported;
  // It went from this store to another one and comes back from there.
  const { id } = item.imported;
  return typeof id === "string" ? known.byUid.get(id) : undefined;
}
