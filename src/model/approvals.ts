/** Approvals: somebody asks, somebody else decides, once. */
import { FlowError } from "../errors.ts";
import { requireInput, requireJson, requireText, requireWord } from "./given.ts";
import { copyJson } from "./json-values.ts";
import { ownKeysOf, withOwnKeys } from "./own-keys.ts";
import { anything, nullable, oneOf, optional, text, time, ulid, type Shape } from "./shape.ts";
import { toIso } from "./time.ts";
import { ulidTime } from "./ulid.ts";

/** Every {@link ApprovalKind}. */
export const APPROVAL_KINDS = ["file_access", "mutation", "generic"] as const;
/** Every {@link ApprovalStatus}. */
export const APPROVAL_STATUSES = ["pending", "approved", "rejected"] as const;

/** What is asked for. */
export type ApprovalKind = (typeof APPROVAL_KINDS)[number];

/** Where an approval stands; the last two are final. */
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

/** A question of a task and the decision, as every call returns it: plain data. */
export interface Approval {
  /** A ULID; those made later are greater. */
  readonly id: string;
  /** Any text. */
  readonly taskId: string;
  readonly kind: ApprovalKind;
  /** Any JSON value: what it is about. */
  readonly payload: unknown;
  readonly status: ApprovalStatus;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601; `null` while it is pending. */
  readonly resolvedAt: string | null;
  /** Who decided; `null` while it is pending. */
  readonly resolver: string | null;
  /** Why it was rejected; `null` when nobody said so. */
  readonly reason: string | null;
  /** Keys of the input that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** What a new approval is made of. Keys that are not listed here are kept in its document. */
export interface CreateApprovalInput {
  /** Any text that is not empty. */
  readonly taskId: string;
  readonly kind: ApprovalKind;
  /** Any JSON value. Default `null`. */
  readonly payload?: unknown;
  /** For the event, as in the last argument of every change. */
  readonly agent?: string | undefined;
  readonly source?: string | undefined;
  readonly note?: string | undefined;
  readonly [key: string]: unknown;
}

/** One approval as it lies in its file. */
export interface ApprovalDocument {
  readonly id: string;
  readonly taskId: string;
  readonly kind: ApprovalKind;
  readonly payload?: unknown;
  readonly status: ApprovalStatus;
  readonly createdAt: string;
  readonly resolvedAt?: string | null | undefined;
  readonly resolver?: string | null | undefined;
  readonly reason?: string | null | undefined;
  /** Only on tombstones: a restore of a checkpoint took it away. */
  readonly deletedAt?: string | null | undefined;
}

/** Its lines that a decision changes stand together: two decisions shall conflict in git. */
export const APPROVAL_SHAPE: Shape<ApprovalDocument> = {
  name: "approval",
  about: "A question of a task, and the decision.",
  fields: {
    id: ulid("Its own among all approvals; the file is named after it."),
    taskId: text("The task that asks."),
    kind: oneOf("What is asked for.", APPROVAL_KINDS),
    payload: optional(anything("What it is about.")),
    status: oneOf("Where it stands.", APPROVAL_STATUSES),
    createdAt: time("When it was asked."),
    resolvedAt: optional(nullable(time("When it was decided."))),
    resolver: optional(nullable(text("Who decided."))),
    reason: optional(nullable(text("Why it was rejected."))),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};

/** The last three say of the event who, through what and why. */
const FIELDS = ["taskId", "kind", "payload", "agent", "source", "note"];

/**
 * The fields of a new approval, without its id.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function approvalDraft(given: unknown): Omit<ApprovalDocument, "id" | "createdAt"> {
  const doing = "Cannot create the approval";
  const input = requireInput(doing, given);
  const { payload = null } = input;
  return {
    taskId: requireText(doing, "taskId", input["taskId"]),
    kind: requireWord(doing, "kind", input["kind"], APPROVAL_KINDS),
    payload: requireJson(doing, "payload", payload),
    status: "pending",
    resolvedAt: null,
    resolver: null,
    reason: null,
    ...ownKeysOf(doing, input, FIELDS, APPROVAL_SHAPE),
  };
}

/** The time in an id is when it was asked: one reading of the clock. */
export function newApproval(
  id: string,
  draft: Omit<ApprovalDocument, "id" | "createdAt">,
): ApprovalDocument {
  return { ...draft, id, createdAt: toIso(ulidTime(id)) };
}

/** What a list may be narrowed to. @throws FlowError `BAD_REQUEST`. */
export function requireStatus(status: unknown): ApprovalStatus | undefined {
  if (status === undefined) return undefined;
  return requireWord("Cannot list approvals", "status", status, APPROVAL_STATUSES);
}

/** A decision. */
export interface Resolution {
  readonly status: "approved" | "rejected";
  readonly resolver: string;
  readonly reason: string | null;
  readonly nowMs: number;
}

/**
 * The document after a decision: the first one counts, also against the same one again.
 *
 * @throws FlowError `CONFLICT` when it is decided; its context says how, by whom and when.
 */
export function resolve(document: ApprovalDocument, resolution: Resolution): ApprovalDocument {
  const { status, resolver, reason, nowMs } = resolution;
  if (document.status !== "pending") throw alreadyResolved(document, status);
  return { ...document, status, resolvedAt: toIso(nowMs), resolver, reason };
}

function alreadyResolved(document: ApprovalDocument, wanted: Resolution["status"]): FlowError {
  const { id, taskId, status, resolver = null, resolvedAt = null, reason = null } = document;
  const by = resolver === null ? "" : ` by ${resolver}`;
  const at = resolvedAt === null ? "" : ` at ${resolvedAt}`;
  const verb = wanted === "approved" ? "approve" : "reject";
  return new FlowError("CONFLICT", `Cannot ${verb} approval ${id}: it was ${status}${by}${at}`, {
    context: { kind: "approval", id, taskId, status, resolver, resolvedAt, reason },
    hint: "A decision is final. Create another approval to ask again.",
  });
}

/** A document as callers see it; shares nothing with it. */
export function approvalOf(document: ApprovalDocument): Approval {
  const { id, taskId, kind, status, createdAt } = document;
  const { payload = null, resolvedAt = null, resolver = null, reason = null } = document;
  const approval = { id, taskId, kind, payload: copyJson(payload), status, createdAt };
  return withOwnKeys({ ...approval, resolvedAt, resolver, reason }, document, APPROVAL_SHAPE);
}
