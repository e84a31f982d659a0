/** How long an execution may take. */

import { badField } from "../model/given.ts";
import type { ExecutionPatch } from "../model/workflow-decisions.ts";
import type { WorkflowExecution } from "../model/workflows.ts";

/** Long enough for any, and the end stays a date that a text can name. */
const LONGEST_TTL_MS = 1000 * 365 * 24 * 3_600_000;

/** @throws FlowError `BAD_REQUEST`. */
export function requireTtl(ttlMs: unknown): void {
  if (typeof ttlMs === "number" && ttlMs >= 0 && ttlMs <= LONGEST_TTL_MS) return;
  const why = `must be a number of ms from 0 to ${LONGEST_TTL_MS}`;
  throw badField("Cannot run the workflow", "ttlMs", why);
}

/** How long an execution was given; one that began anew says so itself. */
export function ttlOf(execution: WorkflowExecution & { readonly ttlMs?: unknown }): number | null {
  const { ttlExpiresAt, createdAt, ttlMs } = execution;
  if (ttlExpiresAt === null) return null;
  return typeof ttlMs === "number" ? ttlMs : Date.parse(ttlExpiresAt) - Date.parse(createdAt);
}

/** What an execution that begins anew is given: as long as before. */
export function ttlFrom(
  nowMs: number,
  ttlMs: number | null,
): ExecutionPatch & { readonly ttlMs?: number } {
  if (ttlMs === null) return {};
  return { ttlExpiresAt: new Date(nowMs + ttlMs).toISOString(), ttlMs };
}
