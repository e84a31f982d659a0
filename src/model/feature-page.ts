/** Features by status, category and text, a page at a time. */
import { FlowError } from "../errors.ts";
import { compareFeatures, type Feature, type FeatureState, type FeatureStatus } from "./feature.ts";
import { shown } from "./json-values.ts";
import { isUlid } from "./ulid.ts";

/** Which features a list holds. */
export interface ListFeaturesOptions {
  readonly status?: FeatureStatus | undefined;
  /** Exactly this category. */
  readonly category?: string | undefined;
  /** Part of name, description or a step, without regard to case. */
  readonly text?: string | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of features. */
export interface FeaturePage {
  readonly items: Feature[];
  /** To be given as `after` for the page behind this one; `null` when there is none. */
  readonly next: string | null;
}

const STATUSES: readonly unknown[] = ["passing", "in_progress", "blocked", "ready"];

/**
 * The page that is asked for.
 *
 * @param features all of them, in the order (priority, id, uid)
 * @throws FlowError `BAD_REQUEST` for an unknown status, a limit below 1, a foreign `after`.
 */
export function pageOf(features: readonly Feature[], options: ListFeaturesOptions): FeaturePage {
  const { status, category, text, limit, after } = options;
  if (status !== undefined && !STATUSES.includes(status)) throw badList("status", status);
  if (category !== undefined && typeof category !== "string") throw badList("category", category);
  if (text !== undefined && typeof text !== "string") throw badList("text", text);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
    throw badList("limit", limit);
  const from = after === undefined ? null : placeOf(after);
  const sought = text?.toLowerCase();
  const matching = features.filter(
    (feature) =>
      (status === undefined || feature.status === status) &&
      (category === undefined || feature.category === category) &&
      (sought === undefined || holdsText(feature, sought)) &&
      (from === null || compareFeatures(feature, from) > 0),
  );
  const items = limit === undefined ? matching : matching.slice(0, limit);
  const last = items.at(-1);
  const more = last !== undefined && items.length < matching.length;
  return { items, next: more ? `${last.priority}.${last.id}.${last.uid}` : null };
}

function holdsText(feature: FeatureState, sought: string): boolean {
  return [feature.name, feature.description, ...feature.steps].some((text) =>
    text.toLowerCase().includes(sought),
  );
}

function badList(field: string, value: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot list features: ${field} cannot be ${shown(value)}`, {
    context: { field },
  });
}

/** Where a page ended: priority, id and uid of its last feature. */
function placeOf(after: unknown): { priority: number; id: number; uid: string } {
  const [priority, id, uid, ...rest] = typeof after === "string" ? after.split(".") : [];
  const place = { priority: Number(priority), id: Number(id), uid: uid ?? "" };
  const isPlace =
    rest.length === 0 &&
    Number.isSafeInteger(place.priority) &&
    Number.isSafeInteger(place.id) &&
    isUlid(place.uid);
  if (!isPlace) throw badList("after", after);
  return place;
}
