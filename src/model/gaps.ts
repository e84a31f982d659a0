/**
 * Gaps: what an epic still lacks. They are opened, resolved with evidence, and looked at by a gate
 * before the epic is closed.
 */
import { FlowError } from "../errors.ts";
import { featureFileName, slugOf, uidOfId } from "./feature.ts";
import { requireInput, requireText, requireWord, textOrNull } from "./given.ts";
import { ownKeysOf, withOwnKeys } from "./own-keys.ts";
import { integer, nullable, oneOf, optional, text, time, ulid, type Shape } from "./shape.ts";

/** Every {@link GapPriority}, the highest first. */
export const GAP_PRIORITIES = ["required", "important", "nice-to-have"] as const;
/** Every {@link GapStatus}. */
export const GAP_STATUSES = ["open", "resolved"] as const;

/** How much it matters; the first two keep an epic from being closed. */
export type GapPriority = (typeof GAP_PRIORITIES)[number];

/** Whether it is still lacking. */
export type GapStatus = (typeof GAP_STATUSES)[number];

/** A gap by its `id` within its epic, or by its `uid` where two bear one id. */
export type GapRef = number | string;

/** Something that an epic lacks, as every call returns it: plain data. */
export interface Gap {
  /** From 1 within its epic. After a merge two gaps of an epic may bear one. */
  readonly id: number;
  /** A ULID, its own among all gaps. */
  readonly uid: string;
  readonly epicId: string;
  readonly capability: string;
  readonly priority: GapPriority;
  /** Where it came from, such as `manual`. */
  readonly source: string;
  readonly taskId: string | null;
  readonly status: GapStatus;
  /** How it was shown to be closed; `null` while it is open. */
  readonly evidence: string | null;
  /** ISO 8601; `null` when the file does not say. */
  readonly createdAt: string | null;
  /** ISO 8601; `null` while it is open. */
  readonly resolvedAt: string | null;
  /** Keys of the input or the file that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** What a new gap is made of. Keys that are not listed here are kept in its document. */
export interface AddGapInput {
  /** Any text that is not empty; no epic has to be made before. */
  readonly epicId: string;
  /** What is lacking. Two that differ in case or in blanks around them are the same one. */
  readonly capability: string;
  /** Default `required`. */
  readonly priority?: GapPriority | undefined;
  /** Default `manual`. */
  readonly source?: string | undefined;
  readonly taskId?: string | undefined;
  /** For the event, as in the last argument of every change; so `source` above is the gap's own. */
  readonly agent?: string | undefined;
  readonly note?: string | undefined;
  readonly [key: string]: unknown;
}

/** The gate of an epic. Lists are in the order of ids. */
export interface GapGate {
  /** `fail` while a required or important gap is open. */
  readonly gate: "pass" | "fail";
  /** How many gaps the epic has; 0 also for one that nobody knows. */
  readonly total: number;
  readonly openBlocking: Gap[];
  readonly openNonBlocking: Gap[];
  readonly resolved: Gap[];
}

/** One gap as it lies in its file. What is absent has its default: open, and required. */
export interface GapDocument {
  readonly id: number;
  readonly epicId: string;
  readonly capability: string;
  readonly uid?: string | undefined;
  readonly priority?: GapPriority | undefined;
  readonly source?: string | undefined;
  readonly taskId?: string | null | undefined;
  readonly createdAt?: string | null | undefined;
  readonly status?: GapStatus | undefined;
  readonly evidence?: string | null | undefined;
  readonly resolvedAt?: string | null | undefined;
  /** Only on tombstones: when it was removed. */
  readonly deletedAt?: string | null | undefined;
}

/** The lines that resolving changes stand together: two branches that resolve one gap conflict. */
export const GAP_SHAPE: Shape<GapDocument> = {
  name: "gap",
  about: "Something that an epic lacks.",
  fields: {
    id: integer("The gap's number in its epic.", 1),
    epicId: text("The epic; the folder is named after it."),
    capability: text("What is lacking."),
    uid: optional(ulid("Tells gaps apart that two clones gave one id.")),
    priority: optional(oneOf("The first two keep the epic from being closed.", GAP_PRIORITIES)),
    source: optional(text("Where it came from. Default: manual.")),
    taskId: optional(nullable(text("The task that is to close it."))),
    createdAt: optional(nullable(time("When it was opened, ISO 8601."))),
    status: optional(oneOf("Default: open.", GAP_STATUSES)),
    evidence: optional(nullable(text("How it was shown to be closed."))),
    resolvedAt: optional(nullable(time("When it was resolved, ISO 8601."))),
    deletedAt: optional(nullable(time("When it was removed; a tombstone."))),
  },
};

/** What the input says of the change itself, for its event. */
const NOTE_KEYS = ["agent", "note"];
const FIELDS = ["epicId", "capability", "priority", "source", "taskId", ...NOTE_KEYS];

/** A new gap, before it has an id. */
export type GapDraft = Omit<GapDocument, "id" | "uid" | "createdAt">;

/**
 * What a new gap holds, if `given` can become one.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function gapDraft(given: unknown): GapDraft {
  const doing = "Cannot add the gap";
  const input = requireInput(doing, given);
  const { priority = "required", source = "manual" } = input;
  return {
    epicId: requireText(doing, "epicId", input["epicId"]),
    capability: requireCapability(doing, input["capability"]),
    priority: requireWord(doing, "priority", priority, GAP_PRIORITIES),
    source: requireText(doing, "source", source),
    taskId: textOrNull(doing, "taskId", input["taskId"]),
    status: "open",
    evidence: null,
    resolvedAt: null,
    ...ownKeysOf(doing, input, FIELDS, GAP_SHAPE),
  };
}

/** A capability without the blanks around it. @throws FlowError `BAD_REQUEST` for no text. */
export function requireCapability(doing: string, value: unknown): string {
  const trimmed = typeof value === "string" ? value.trim() : value;
  return requireText(doing, "capability", trimmed);
}

/** What a list may be narrowed to. @throws FlowError `BAD_REQUEST`. */
export function requireGapStatus(value: unknown): GapStatus | undefined {
  if (value === undefined) return undefined;
  return requireWord("Cannot list gaps", "status", value, GAP_STATUSES);
}

/** A draft with what makes it a gap of its own. */
export function newGap(
  draft: GapDraft,
  own: { readonly id: number; readonly uid: string; readonly createdAt: string },
): GapDocument {
  return { ...draft, ...own };
}

/** What a document says, with defaults. */
export function gapOf(document: GapDocument): Gap {
  const isOpen = !isResolved(document);
  const gap = {
    id: document.id,
    uid: uidOfGap(document),
    epicId: document.epicId,
    capability: document.capability,
    priority: document.priority ?? "required",
    source: document.source ?? "manual",
    taskId: document.taskId ?? null,
    status: isOpen ? ("open" as const) : ("resolved" as const),
    evidence: isOpen ? null : (document.evidence ?? null),
    createdAt: document.createdAt ?? null,
    resolvedAt: isOpen ? null : (document.resolvedAt ?? null),
  };
  return withOwnKeys(gap, document, GAP_SHAPE);
}

/** The uid of a document; of one made by hand without one what follows from its id. */
export function uidOfGap(document: GapDocument): string {
  return document.uid ?? uidOfId(document.id);
}

/** Whether it is no longer lacking. */
export function isResolved(document: GapDocument): boolean {
  return document.status === "resolved";
}

/** The name of a new gap's file: `<id>-<slug>-<uid6>.json`, as that of a feature. */
export function gapFileName(document: GapDocument): string {
  return featureFileName(document.id, document.capability, uidOfGap(document));
}

/** `<id>-<slug>-<uid6>.json`; the slug may be absent. */
const FILE_NAME = /^\d+-(?:(.+)-)?[0-9a-z]{6}\.json$/;

/**
 * Whether a file of that name may hold a capability, by the slug that its name was given: for
 * files that cannot be read. One of a foreign name may hold any.
 */
export function mayHold(name: string, capability: string): boolean {
  const found = FILE_NAME.exec(name);
  return found === null || (found[1] ?? "") === slugOf(capability);
}

/** Whether two texts name one capability: without the blanks around them, and without case. */
export function isSameCapability(left: string, right: string): boolean {
  return folded(left) === folded(right);
}

function folded(capability: string): string {
  return capability.trim().normalize("NFC").toLowerCase();
}

/** Of those of one capability the one that counts: an open one before a resolved one. */
export function mostOpen<G extends { readonly document: GapDocument }>(
  gaps: readonly G[],
): G | null {
  return gaps.find(({ document }) => !isResolved(document)) ?? gaps[0] ?? null;
}

/** Every list's order: by id, then by uid. */
export function compareGaps(left: GapDocument, right: GapDocument): number {
  if (left.id !== right.id) return left.id - right.id;
  const [a, b] = [uidOfGap(left), uidOfGap(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The gate over all gaps of an epic. */
export function gateOf(gaps: readonly Gap[]): GapGate {
  const open = gaps.filter(({ status }) => status === "open");
  const openBlocking = open.filter(({ priority }) => priority !== "nice-to-have");
  return {
    gate: openBlocking.length === 0 ? "pass" : "fail",
    total: gaps.length,
    openBlocking,
    openNonBlocking: open.filter(({ priority }) => priority === "nice-to-have"),
    resolved: gaps.filter(({ status }) => status === "resolved"),
  };
}

/**
 * The id behind the highest one.
 *
 * @throws FlowError `BAD_REQUEST` when that is the last whole number.
 */
export function idAfter(highest: number, epicId: string): number {
  if (highest < Number.MAX_SAFE_INTEGER) return highest + 1;
  throw new FlowError("BAD_REQUEST", "Cannot add the gap: its epic has no id left", {
    context: { epicId },
    hint: "Give the gap with the highest id a lower one.",
  });
}
