/** Issues of beads as items; `beads.ts` says which field goes where. */
import {
  BLOCKING,
  DEFAULT_STATUS,
  edgesOf,
  LAST_PRIORITY,
  OWN_REFERENCE,
  stepsOf,
} from "./beads-issue.ts";
import { isFinishedStatus, type ImportProblem, type KeptAside } from "./format.ts";
import type { PlanItem, ReadPlan } from "./format.ts";
import { makeImported } from "./imported.ts";
import { isRecord, parseLines } from "./plan-text.ts";

export function readBeads(text: string, fileName: string): ReadPlan {
  const problems: ImportProblem[] = [];
  const lines = new Map<string, number>();
  const items: { readonly item: PlanItem; readonly createdAt: string }[] = [];
  const edges = new Map<string, number>();
  for (const { line, value } of parseLines(text, fileName)) {
    const refuse = (message: string): void => {
      problems.push({ line, severity: "error", code: "BAD_REQUEST", message });
    };
    if (!isIssue(value)) {
      refuse('an issue is an object with a text "id" and a text "title"');
      continue;
    }
    const issue = value;
    const earlier = lines.get(issue.id);
    if (earlier !== undefined) refuse(`the same id as on line ${earlier}: "${issue.id}"`);
    lines.set(issue.id, line);
    items.push({ item: itemOf(issue, line, refuse), createdAt: timeOf(issue) });
    for (const type of edgesOf(issue).map((edge) => String(edge["type"]))) {
      edges.set(type, (edges.get(type) ?? 0) + 1);
    }
  }
  items.sort((left, right) => order(left.createdAt, right.createdAt));
  const inOrder = items.map(({ item }) => item);
  return { items: inOrder, problems, keptAside: [...edgesKept(edges), ...heldElsewhere(inOrder)] };
}

export interface Issue extends Record<string, unknown> {
  readonly id: string;
  readonly title: string;
}

export function isIssue(value: unknown): value is Issue {
  if (!isRecord(value) || typeof value["title"] !== "string") return false;
  return typeof value["id"] === "string" && value["id"] !== "";
}

/** The item that an issue is; `refuse` is told what is wrong with it. */
export function itemOf(issue: Issue, line: number, refuse: (message: string) => void): PlanItem {
  const { id, title, description, issue_type: category, ...rest } = issue;
  const { priority } = rest;
  refuseUnless(isAbsent(description) || typeof description === "string", "description", "a text");
  refuseUnless(isAbsent(priority) || Number.isSafeInteger(priority), "priority", "an integer");
  refuseUnless(
    isAbsent(rest["dependencies"]) || Array.isArray(rest["dependencies"]),
    "dependencies",
    "a list",
  );
  function refuseUnless(holds: boolean, key: string, wanted: string): void {
    if (!holds) refuse(`"${key}" must be ${wanted}`);
  }
  const status = typeof rest["status"] === "string" ? rest["status"] : DEFAULT_STATUS;
  const uid = ownUid(issue);
  // An own feature beyond the last priority was written as the last; it keeps its place here.
  const isCut = uid !== undefined && priority === LAST_PRIORITY;
  return {
    sourceId: id,
    line,
    name: title,
    description: typeof description === "string" ? description : "",
    category: typeof category === "string" ? category : "",
    ...(Number.isSafeInteger(priority) && !isCut ? { priority: priority as number } : {}),
    steps: stepsOf(rest["acceptance_criteria"]),
    passes: isFinishedStatus(status),
    inProgress: status === "in_progress",
    dependsOn: edgesOf(issue)
      .filter((edge) => edge["type"] === BLOCKING)
      .map((edge) => String(edge["depends_on_id"])),
    ...(uid === undefined ? {} : { uid }),
    extra: {},
    imported: makeImported("beads", id, {
      ...rest,
      // What the feature alone could not tell: a text that was there, but empty or none.
      ...(isAbsentOrEmpty(description) && "description" in issue ? { description } : {}),
      ...(isAbsentOrEmpty(category) && "issue_type" in issue ? { issue_type: category } : {}),
    }),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isAbsentOrEmpty(value: unknown): boolean {
  return isAbsent(value) || value === "";
}

/** The uid of the feature that the issue was exported from, if it was. */
function ownUid(issue: Issue): string | undefined {
  const reference = issue["external_ref"];
  if (typeof reference !== "string" || !reference.startsWith(OWN_REFERENCE)) return undefined;
  return reference.slice(OWN_REFERENCE.length);
}

function timeOf(issue: Issue): string {
  return typeof issue["created_at"] === "string" ? issue["created_at"] : "";
}

/** By instant, and by text where that says more: the trackers write nanoseconds. */
function order(left: string, right: string): number {
  const difference = Date.parse(left) - Date.parse(right);
  if (difference !== 0 && !Number.isNaN(difference)) return difference;
  return left < right ? -1 : left > right ? 1 : 0;
}

function edgesKept(edges: ReadonlyMap<string, number>): KeptAside[] {
  return [...edges]
    .filter(([type]) => type !== BLOCKING)
    .map(([type, count]) => ({
      what: `dependencies (${type})`,
      count,
      why: "not blocking, so no dependency; kept in imported.dependencies",
    }));
}

function heldElsewhere(items: readonly PlanItem[]): KeptAside[] {
  const count = items.filter(({ inProgress }) => inProgress).length;
  if (count === 0) return [];
  const why = "pending here: no agent of this store holds them; kept as imported.status";
  return [{ what: "status in_progress", count, why }];
}
