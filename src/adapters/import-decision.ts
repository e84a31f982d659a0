/**
 * What importing a plan would change, decided before anything is written: a pure function of the
 * features that are there and of the plan's items.
 *
 * An item is known again by the uid it was exported with, else by `imported.source` and
 * `imported.id`. What was changed here stays: an item that is the same as at the last import
 * changes nothing; dependencies and `passes` change only where the source changed them; the other
 * fields of an item that did change follow the source.
 */
import type { CreateFeatureInput, Feature, FeaturePatch } from "../index.ts";
import type { PlanItem } from "./format.ts";
import { canonicalJson, digestOfItem } from "./imported.ts";
import { judgeEdges, type AcceptedEdge, type DroppedEdge } from "./judge-edges.ts";
import { matchItems, type Match } from "./match-items.ts";

/** A feature that is there, or one that is being made: its place in `creations`. */
export type Target = { readonly uid: string } | { readonly index: number };

export interface Creation {
  readonly item: PlanItem;
  /** Without dependencies: those are `dependsOn`. */
  readonly input: CreateFeatureInput;
  readonly dependsOn: readonly Target[];
}

export interface Update {
  readonly item: PlanItem;
  readonly uid: string;
  /** Without dependencies. */
  readonly patch: FeaturePatch;
  /** The dependencies that stay when those that the plan no longer has are gone; `null`: none goes. */
  readonly reduced: readonly Target[] | null;
  /** All dependencies when those that are new have come; `null`: none comes. */
  readonly extended: readonly Target[] | null;
  /** `null`: as it is. */
  readonly passes: boolean | null;
}

export interface ImportDecision {
  readonly creations: readonly Creation[];
  readonly updates: readonly Update[];
  readonly unchanged: number;
  readonly dropped: readonly DroppedEdge[];
}

/** @throws FlowError `BAD_REQUEST` when two items are the same feature. */
export function decideImport(
  features: readonly Feature[],
  items: readonly PlanItem[],
  fileName: string,
): ImportDecision {
  const matches = matchItems(features, items, fileName);
  const { accepted, dropped } = judgeEdges(matches);
  const made = matches.all.filter(({ feature }) => feature === null);
  const indexes = new Map(made.map(({ node }, index) => [node, index]));
  const targetOf = (node: number): Target => {
    const feature = features[node];
    return feature === undefined ? { index: indexes.get(node) ?? 0 } : { uid: feature.uid };
  };

  const creations: Creation[] = [];
  const updates: Update[] = [];
  for (const match of matches.all) {
    const edges = accepted.get(match.node) ?? [];
    const imported = importedAfter(match.item, edges, dropped.get(match.node) ?? []);
    if (match.feature === null) {
      const dependsOn = edges.map(({ to }) => targetOf(to));
      creations.push({ item: match.item, input: inputOf(match.item, imported), dependsOn });
    } else {
      const update = updateOf(match, match.feature, edges, imported, targetOf);
      if (update !== null) updates.push(update);
    }
  }
  return {
    creations,
    updates,
    unchanged: items.length - creations.length - updates.length,
    dropped: matches.all.flatMap(({ node }) => dropped.get(node) ?? []),
  };
}

function importedAfter(
  item: PlanItem,
  edges: readonly AcceptedEdge[],
  dropped: readonly DroppedEdge[],
): Record<string, unknown> {
  const droppedDependencies = dropped.map(({ id, reason }) => ({ id, reason }));
  return {
    ...item.imported,
    ...(dropped.length === 0 ? {} : { droppedDependencies }),
    lastImport: {
      digest: digestOfItem(item),
      passes: item.passes,
      dependsOn: edges.map(({ id }) => id),
    },
  };
}

function inputOf(item: PlanItem, imported: Record<string, unknown>): CreateFeatureInput {
  return {
    ...item.extra,
    ...fieldsOf(item),
    imported,
  };
}

function fieldsOf(item: PlanItem): {
  name: string;
  description: string;
  category: string;
  steps: readonly string[];
  priority?: number;
} {
  const { name, description, category, steps, priority } = item;
  const fields = { name, description, category, steps };
  return priority === undefined ? fields : { ...fields, priority };
}

function updateOf(
  match: Match,
  feature: Feature,
  edges: readonly AcceptedEdge[],
  imported: Record<string, unknown>,
  targetOf: (node: number) => Target,
): Update | null {
  const { item, last, base, current } = match;
  const isSame = last !== null && last.digest === digestOfItem(item);
  // A feature made here, exported and read back gets no `imported`: its uid says who it is.
  const marks = last === null ? {} : { imported };
  const wanted = isSame ? marks : { ...item.extra, ...fieldsOf(item), ...marks };
  const patch = Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => !isEqual(ownValue(feature, key), value)),
  );

  const nodes = new Set(edges.map(({ to }) => to));
  const staying = [...current].filter((node) => nodes.has(node) || !base.has(node));
  const coming = [...nodes].filter((node) => !current.has(node) && !base.has(node));
  const passes = passesAfter(match, feature, isSame);
  const isUpdate =
    Object.keys(patch).length > 0 ||
    staying.length < current.size ||
    coming.length > 0 ||
    passes !== null;
  if (!isUpdate) return null;
  return {
    item,
    uid: feature.uid,
    patch,
    reduced: staying.length < current.size ? staying.map(targetOf) : null,
    extended: coming.length > 0 ? [...staying, ...coming].map(targetOf) : null,
    passes,
  };
}

/** What the source changed since the last import; a feature that was finished here stays finished. */
function passesAfter({ item, last }: Match, feature: Feature, isSame: boolean): boolean | null {
  if (isSame || item.passes === feature.passes) return null;
  if (last !== null) return item.passes === last.passes ? null : item.passes;
  return item.passes ? true : null;
}

function ownValue(feature: Feature, key: string): unknown {
  return Object.hasOwn(feature, key) ? feature[key] : undefined;
}

function isEqual(left: unknown, right: unknown): boolean {
  return left === right || canonicalJson(left) === canonicalJson(right);
}
