/**
 * Features as issues of beads: what an import brought, with what has changed here since. Nothing
 * changed means the same issue, field by field.
 */
import type { Feature } from "../index.ts";
import {
  BLOCKING,
  criteriaOf,
  DEFAULT_STATUS,
  edgesOf,
  LAST_PRIORITY,
  OWN_REFERENCE,
  stepsOf,
} from "./beads-issue.ts";
import { isIssue, itemOf } from "./beads-read.ts";
import { isFinishedStatus } from "./format.ts";
import { digestOfItem, droppedOf, importedFields, importedOf, lastImportOf } from "./imported.ts";

/** Fields in the order in which people look for them; the others follow. */
const FIRST_FIELDS = [
  "id",
  "title",
  "description",
  "acceptance_criteria",
  "notes",
  "status",
  "priority",
  "issue_type",
  "assignee",
  "created_at",
  "created_by",
  "updated_at",
  "closed_at",
  "close_reason",
] as const;

/** Fields that say how and when an issue was finished; a reopened one has none of them. */
const ENDING_FIELDS = ["closed_at", "close_reason", "deleted_at", "deleted_by", "delete_reason"];

/** The prefix of ids where no imported issue shows which one the project uses. */
const DEFAULT_PREFIX = "flow";
/** How much of a uid goes into an id; more where that is taken. */
const SUFFIX_LENGTH = 6;

type Fields = Record<string, unknown>;

export function writeBeads(features: readonly Feature[]): string {
  const ids = issueIds(features);
  const issuesOf = new Map<number, string[]>();
  for (const feature of features) {
    issuesOf.set(feature.id, [...(issuesOf.get(feature.id) ?? []), ids.get(feature) ?? ""]);
  }
  const lines = features.map((feature) => {
    const needs = feature.dependencies.flatMap((id) => issuesOf.get(id) ?? []);
    return `${JSON.stringify(issueOf(feature, ids.get(feature) ?? "", needs))}\n`;
  });
  return lines.join("");
}

function isFromBeads(feature: Feature): boolean {
  const { source, id } = importedOf(feature);
  return source === "beads" && typeof id === "string";
}

/** The issue id of each feature: the one it came with, else one made of its uid. */
function issueIds(features: readonly Feature[]): Map<Feature, string> {
  const ids = new Map<Feature, string>();
  const taken = new Set<string>();
  for (const feature of features) {
    const { id } = importedOf(feature);
    // Two clones may have imported the same plan: the second one gets an id of its own.
    if (!isFromBeads(feature) || typeof id !== "string" || taken.has(id)) continue;
    taken.add(id);
    ids.set(feature, id);
  }
  const prefix = commonPrefix([...taken]);
  for (const feature of features) {
    if (ids.has(feature)) continue;
    const uid = feature.uid.toLowerCase();
    let length = SUFFIX_LENGTH;
    while (taken.has(`${prefix}-${uid.slice(-length)}`) && length < uid.length) length += 1;
    const id = `${prefix}-${uid.slice(-length)}`;
    taken.add(id);
    ids.set(feature, id);
  }
  return ids;
}

function commonPrefix(ids: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const id of ids) {
    const prefix = id.slice(0, Math.max(0, id.lastIndexOf("-")));
    if (prefix !== "") counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, left], [, right]) => right - left);
  return most?.[0] ?? DEFAULT_PREFIX;
}

function issueOf(feature: Feature, id: string, needs: readonly string[]): Fields {
  const original = isFromBeads(feature) ? importedFields(importedOf(feature)) : ownFields(feature);
  const issue: Fields = {
    ...original,
    ...stateFields(feature, original),
    id,
    title: feature.name,
    ...textFields(feature, original),
    ...priorityField(feature, original),
    ...edgeField(feature, id, original, needs),
  };
  if (isChanged(issue, feature)) issue["updated_at"] = feature.updatedAt ?? undefined;
  // A Set keeps the first place of each: the named fields, then the others as they came.
  const keys = new Set<string>([...FIRST_FIELDS, ...Object.keys(issue)]);
  const present = [...keys].filter((key) => Object.hasOwn(issue, key) && issue[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, issue[key]]));
}

/** What an issue needs beside the feature's own fields when no import brought it. */
function ownFields(feature: Feature): Fields {
  return {
    issue_type: "task",
    priority: feature.priority,
    created_at: feature.createdAt ?? undefined,
    external_ref: `${OWN_REFERENCE}${feature.uid}`,
  };
}

function isChanged(issue: Fields, feature: Feature): boolean {
  const last = lastImportOf(importedOf(feature));
  if (!isIssue(issue) || last === null) return true;
  return digestOfItem(itemOf(issue, 0, () => undefined)) !== last.digest;
}

/** `undefined` takes a field out. */
function stateFields(feature: Feature, original: Fields): Fields {
  const status = typeof original["status"] === "string" ? original["status"] : DEFAULT_STATUS;
  const wasFinished = isFinishedStatus(status);
  const holder = feature.claim === null ? {} : { assignee: feature.claim.agent };
  if (feature.passes) {
    return wasFinished ? {} : { status: "closed", closed_at: feature.updatedAt ?? undefined };
  }
  const reopened = wasFinished
    ? {
        status: DEFAULT_STATUS,
        ...Object.fromEntries(ENDING_FIELDS.map((key) => [key, undefined])),
      }
    : {};
  if (feature.inProgress) return { ...reopened, status: "in_progress", ...holder };
  return wasFinished ? reopened : isFromBeads(feature) ? {} : { status };
}

function textFields(feature: Feature, original: Fields): Fields {
  const isSame = same(stepsOf(original["acceptance_criteria"]), feature.steps);
  const criteria = feature.steps.length === 0 ? undefined : criteriaOf(feature.steps);
  return {
    ...(feature.description === "" ? {} : { description: feature.description }),
    ...(feature.category === "" ? {} : { issue_type: feature.category }),
    ...(isSame ? {} : { acceptance_criteria: criteria }),
  };
}

/** beads knows 0 to 4 only; a number that came from there stays what it was. */
function priorityField(feature: Feature, original: Fields): Fields {
  const { priority } = original;
  if (isFromBeads(feature) && (priority === undefined || priority === feature.priority)) return {};
  return { priority: Math.min(Math.max(feature.priority, 0), LAST_PRIORITY) };
}

/**
 * The edges that came, but for the blocking ones that are no dependency here any more, and those
 * that were added here.
 */
function edgeField(
  feature: Feature,
  id: string,
  original: Fields,
  needs: readonly string[],
): Fields {
  const came: unknown[] = Array.isArray(original["dependencies"]) ? original["dependencies"] : [];
  const aside = new Set(droppedOf(importedOf(feature)).map((edge) => edge.id));
  const blocking = edgesOf(original).filter((edge) => edge["type"] === BLOCKING);
  const gone = new Set<unknown>(
    blocking.filter(({ depends_on_id: target }) => {
      return !needs.includes(String(target)) && !aside.has(String(target));
    }),
  );
  const known = new Set(blocking.map((edge) => String(edge["depends_on_id"])));
  const added = needs
    .filter((target) => !known.has(target))
    .map((target) => ({
      issue_id: id,
      depends_on_id: target,
      type: BLOCKING,
      created_at: feature.updatedAt ?? undefined,
      created_by: "flowstore",
    }));
  if (gone.size === 0 && added.length === 0) return {};
  const edges = [...came.filter((edge) => !gone.has(edge)), ...added];
  return { dependencies: edges.length === 0 ? undefined : edges };
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at]);
}
