/** Pages of executions, in the order of creation. */

import { badField, countOrAll } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import {
  EXECUTION_STATUSES,
  requireStatuses,
  type ExecutionStatus,
  type WorkflowExecution,
} from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireOptions } from "./context.ts";
import type { WorkflowFiles } from "./workflow-files.ts";

/** Which executions a page holds. */
export interface ExecutionPageOptions {
  /** Default: all. An empty list is none. */
  readonly statuses?: readonly ExecutionStatus[] | undefined;
  /** Of this definition alone. Default: all. */
  readonly workflowId?: string | undefined;
  /** At most so many, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** A cursor of an earlier page: go on behind it. */
  readonly after?: string | undefined;
  /** Oldest or newest first. Default `oldest`. */
  readonly order?: "oldest" | "newest" | undefined;
}

/** Some executions, and how to go on. */
export interface ExecutionPage {
  readonly items: WorkflowExecution[];
  /** Of the last one, also at the end: later executions come behind it. `null`: none so far. */
  readonly next: string | null;
  /** Whether there is more now. */
  readonly hasMore: boolean;
}

const DOING = "Cannot list executions";
const NAMES = { statuses: true, workflowId: true, limit: true, after: true, order: true } as const;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** A name in the index: digits of the time, a dash, the id. */
const CURSOR = /^\d{18}-[a-z0-9_.+%-]+\.json$/;

interface Entry {
  readonly name: string;
  readonly status: ExecutionStatus;
}

/** @throws FlowError `BAD_REQUEST`. */
export function pageOf(
  files: WorkflowFiles,
  view: Reading | Writing,
  options: ExecutionPageOptions,
): ExecutionPage {
  const { statuses, limit, after, isNewest, workflowId } = requirePage(options);
  const isBehind = (name: string): boolean =>
    after === null || (isNewest ? name < after : name > after);
  const entries = statuses
    .flatMap((status) => files.indexed(view, status).map((name): Entry => ({ name, status })))
    .filter(({ name }) => isBehind(name))
    .sort((left, right) => (left.name < right.name === isNewest ? 1 : -1));
  const items: WorkflowExecution[] = [];
  let next = after;
  for (const { name, status } of entries) {
    const one = files.indexedExecution(view, status, name);
    if (one === null || (workflowId !== undefined && one.workflowId !== workflowId)) continue;
    if (items.length === limit) return { items, next: shownCursor(next), hasMore: true };
    items.push({ ...one });
    next = name;
  }
  return { items, next: shownCursor(next), hasMore: false };
}

function requirePage(options: ExecutionPageOptions): {
  statuses: ExecutionStatus[];
  limit: number;
  after: string | null;
  isNewest: boolean;
  workflowId: string | undefined;
} {
  const {
    statuses = EXECUTION_STATUSES,
    workflowId,
    after,
    order = "oldest",
  } = requireOptions(options, NAMES);
  const limit = countOrAll(DOING, "limit", options.limit) ?? DEFAULT_LIMIT;
  if (limit > MAX_LIMIT) throw badField(DOING, "limit", `must not be above ${MAX_LIMIT}`);
  if (order !== "oldest" && order !== "newest")
    throw badField(DOING, "order", `must be oldest or newest, not ${shown(order)}`);
  return {
    statuses: requireStatuses(DOING, statuses),
    limit,
    after: after === undefined ? null : nameIn(after),
    isNewest: order === "newest",
    workflowId,
  };
}

function shownCursor(name: string | null): string | null {
  return name === null ? null : Buffer.from(name).toString("base64url");
}

function nameIn(cursor: unknown): string {
  const name = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString() : "";
  if (CURSOR.test(name)) return name;
  throw badField(DOING, "after", `is no cursor: ${shown(cursor)}`);
}
