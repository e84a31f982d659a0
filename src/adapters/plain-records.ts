/** The records of the plain formats as items. */
import {
  isFinishedStatus,
  type FieldMapping,
  type ImportProblem,
  type KeptAside,
} from "./format.ts";
import type { PlanItem, ReadPlan } from "./format.ts";
import { identityOf, makeImported } from "./imported.ts";
import { isRecord, type PlanRecord } from "./plan-text.ts";

export const PLAIN_MAPPED: readonly FieldMapping[] = [
  "name",
  "description",
  "category",
  "priority",
  "steps",
  "passes",
  "dependencies",
].map((key) => ({ from: key, to: key }));

/** Keys with a meaning here; all others stay keys of the feature. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  ...PLAIN_MAPPED.map(({ from }) => from),
  "$schema",
  "id",
  "uid",
  "inProgress",
  "status",
  "claim",
  "createdAt",
  "updatedAt",
  "deletedAt",
  "revision",
  "imported",
]);

/** A record that has a name, before its dependencies are looked at. */
interface Draft {
  readonly line: number;
  readonly sourceId: string;
  readonly record: Record<string, unknown>;
}

export function readPlainRecords(records: readonly PlanRecord[], fileName: string): ReadPlan {
  const problems: ImportProblem[] = [];
  const refuse = (line: number, message: string): void => {
    problems.push({ line, severity: "error", code: "BAD_REQUEST", message });
  };
  /** By place in the list, for `{ "index": n }`; `null` where there is no feature. */
  const drafts = draftsOf(records, refuse);
  const kept = drafts.filter((draft) => draft !== null);
  const listName = fileName.split(/[\\/]/).at(-1) ?? fileName;
  const items = kept.map((draft) => itemOf(draft, drafts, listName, refuse));
  return { items, problems, keptAside: heldElsewhere(items) };
}

function draftsOf(
  records: readonly PlanRecord[],
  refuse: (line: number, message: string) => void,
): (Draft | null)[] {
  const lines = new Map<string, number>();
  return records.map(({ line, value }) => {
    if (!isRecord(value) || typeof value["name"] !== "string") {
      refuse(line, 'a feature is an object with a text "name"');
      return null;
    }
    // What somebody deleted and that only its file still shows.
    if (typeof value["deletedAt"] === "string") return null;
    const sourceId = idText(value["id"]) ?? value["name"];
    const earlier = lines.get(sourceId);
    if (earlier !== undefined) {
      const what = value["id"] === undefined ? "name (and neither has an id)" : "id";
      refuse(line, `the same ${what} as on line ${earlier}: "${sourceId}"`);
      return null;
    }
    lines.set(sourceId, line);
    return { line, sourceId, record: value };
  });
}

function itemOf(
  { line, sourceId, record }: Draft,
  drafts: readonly (Draft | null)[],
  listName: string,
  refuse: (line: number, message: string) => void,
): PlanItem {
  const text = (key: string): string => {
    const value = record[key] ?? "";
    if (typeof value === "string") return value;
    refuse(line, `"${key}" must be a text`);
    return "";
  };
  const list = (key: string): unknown[] => {
    const value = record[key] ?? [];
    if (Array.isArray(value)) return value as unknown[];
    refuse(line, `"${key}" must be a list`);
    return [];
  };
  const { priority, uid } = record;
  if (priority !== undefined && priority !== null && !Number.isSafeInteger(priority)) {
    refuse(line, '"priority" must be an integer');
  }
  const steps = list("steps");
  if (!steps.every((step) => typeof step === "string")) refuse(line, '"steps" must be texts');
  const dependsOn = list("dependencies").map((dependency) => {
    const target = isRecord(dependency) ? drafts[Number(dependency["index"])]?.sourceId : undefined;
    const id = isRecord(dependency) ? target : idText(dependency);
    if (id === undefined) refuse(line, '"dependencies" must be ids of this list or { "index": n }');
    return id ?? "";
  });
  return {
    sourceId,
    line,
    name: text("name"),
    description: text("description"),
    category: text("category"),
    ...(Number.isSafeInteger(priority) ? { priority: priority as number } : {}),
    steps: steps.map(String),
    passes: isPassing(record),
    inProgress: record["inProgress"] === true && !isPassing(record),
    dependsOn,
    ...(typeof uid === "string" ? { uid } : {}),
    extra: Object.fromEntries(Object.entries(record).filter(([key]) => !KNOWN_KEYS.has(key))),
    imported: importedFrom(record, sourceId, listName),
  };
}

/**
 * Who the item is on the next import: what an earlier import said, else the uid of the feature it
 * was exported from, else its id in the list of this name (a bare id means another item in every
 * list).
 */
function importedFrom(
  record: Record<string, unknown>,
  sourceId: string,
  listName: string,
): Record<string, unknown> {
  const { imported, uid } = record;
  if (isRecord(imported) && identityOf(imported) !== null) return imported;
  const own = {
    ...(isRecord(imported) ? imported : {}),
    ...pick(record, ["createdAt", "status"]),
    ...(record["inProgress"] === true ? { status: "in_progress" } : {}),
    ...(isRecord(record["claim"]) ? { claim: record["claim"] } : {}),
  };
  if (typeof uid === "string") return makeImported("plain", uid, own);
  return { ...makeImported("plain", sourceId, own), list: listName };
}

function pick(record: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const present = keys.filter((key) => record[key] !== undefined && record[key] !== null);
  return Object.fromEntries(present.map((key) => [key, record[key]]));
}

function isPassing(record: Record<string, unknown>): boolean {
  const { passes, status } = record;
  if (typeof passes === "boolean") return passes;
  return typeof status === "string" && (status === "passing" || isFinishedStatus(status));
}

/** An id as text; `undefined` when it is none. */
function idText(id: unknown): string | undefined {
  if (typeof id === "string" && id !== "") return id;
  return typeof id === "number" ? String(id) : undefined;
}

function heldElsewhere(items: readonly PlanItem[]): KeptAside[] {
  const count = items.filter(({ inProgress }) => inProgress).length;
  if (count === 0) return [];
  return [{ what: "in progress", count, why: "pending here: no agent of this store holds them" }];
}
