/** Memory: what agents learnt and others shall know. */
import { FlowError } from "../errors.ts";
import {
  countOrAll,
  requireInput,
  requireText,
  requireWord,
  textOrNull,
  textsOrNone,
} from "./given.ts";
import { ownKeysOf, withOwnKeys } from "./own-keys.ts";
import { list, nullable, oneOf, optional, text, time, ulid, type Shape } from "./shape.ts";
import { toIso } from "./time.ts";
import { ulidTime } from "./ulid.ts";

/** Every {@link MemorySeverity}, the gravest first. */
export const MEMORY_SEVERITIES = ["critical", "high", "medium", "low"] as const;
const DEFAULT_TYPE = "general";

/** How much it matters. */
export type MemorySeverity = (typeof MEMORY_SEVERITIES)[number];

/** Something that was learnt, as every call returns it: plain data. */
export interface MemoryEntry {
  /** A ULID; those made later are greater. */
  readonly id: string;
  /** Any word; usual are `pitfall`, `convention`, `decision` and `general`. */
  readonly type: string;
  /** As it was given; no two entries have the same one but for white space at its ends. */
  readonly text: string;
  readonly tags: string[];
  /** The part of the project that it is about; `null` for all of it. */
  readonly module: string | null;
  readonly severity: MemorySeverity | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** When somebody last said that it still holds, ISO 8601; `null` before that. */
  readonly lastVerified: string | null;
  /** Keys of the input that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** What a new entry is made of. Keys that are not listed here are kept in its document. */
export interface AppendMemoryInput {
  /** Must hold more than white space. */
  readonly text: string;
  /** Any text that is not empty. Default `general`. */
  readonly type?: string | undefined;
  /** Texts that are not empty; one that is named twice counts once. Default `[]`. */
  readonly tags?: readonly string[] | undefined;
  readonly module?: string | undefined;
  readonly severity?: MemorySeverity | undefined;
  /** For the event, as in the last argument of every change. */
  readonly agent?: string | undefined;
  readonly source?: string | undefined;
  readonly note?: string | undefined;
  readonly [key: string]: unknown;
}

/** Which entries a list holds; all that is given must hold. */
export interface MemoryFilter {
  /** Exactly this type. */
  readonly type?: string | undefined;
  /** Exactly this module. */
  readonly module?: string | undefined;
  readonly severity?: MemorySeverity | undefined;
  /** All of these, exactly. */
  readonly tags?: readonly string[] | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
}

/** One entry as it lies in its file. */
export interface MemoryDocument {
  readonly id: string;
  readonly text: string;
  readonly type?: string | undefined;
  readonly lastVerified?: string | null | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly module?: string | null | undefined;
  readonly severity?: MemorySeverity | null | undefined;
  readonly createdAt: string;
  /** Only on tombstones: when it was deleted. */
  readonly deletedAt?: string | null | undefined;
}

/** What verifying changes stands apart from what deleting changes, so that git merges both. */
export const MEMORY_SHAPE: Shape<MemoryDocument> = {
  name: "memory",
  about: "Something that agents learnt.",
  fields: {
    id: ulid("Its own among all entries; the file is named after it."),
    text: text("What was learnt."),
    type: optional(text("Such as pitfall, convention or decision; else general.")),
    lastVerified: optional(nullable(time("When somebody last said that it still holds."))),
    tags: optional(list("Words to find it by.", text("A tag."))),
    module: optional(nullable(text("The part of the project that it is about."))),
    severity: optional(nullable(oneOf("How much it matters.", MEMORY_SEVERITIES))),
    createdAt: time("When it was learnt."),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};

/** The last three say of the event who, through what and why. */
const FIELDS = ["text", "type", "tags", "module", "severity", "agent", "source", "note"];

/**
 * The fields of a new entry, without its id.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function memoryDraft(given: unknown): Omit<MemoryDocument, "id" | "createdAt"> {
  const doing = "Cannot remember it";
  const input = requireInput(doing, given);
  const { type = DEFAULT_TYPE } = input;
  const learnt = requireText(doing, "text", input["text"]);
  if (learnt.trim() === "") {
    throw new FlowError("BAD_REQUEST", `${doing}: text holds nothing but white space`, {
      context: { field: "text" },
    });
  }
  return {
    text: learnt,
    type: requireText(doing, "type", type),
    lastVerified: null,
    tags: textsOrNone(doing, "tags", input["tags"]),
    module: textOrNull(doing, "module", input["module"]),
    severity: severityOf(doing, input["severity"]) ?? null,
    ...ownKeysOf(doing, input, FIELDS, MEMORY_SHAPE),
  };
}

/** The time in an id is when it was learnt: one reading of the clock. */
export function newMemory(
  id: string,
  draft: Omit<MemoryDocument, "id" | "createdAt">,
): MemoryDocument {
  return { ...draft, id, createdAt: toIso(ulidTime(id)) };
}

/** Whether both say the same, but for white space at the ends. */
export function saysTheSame(
  left: { readonly text: string },
  right: { readonly text: string },
): boolean {
  return left.text.trim() === right.text.trim();
}

/** A filter that can be right. @throws FlowError `BAD_REQUEST`. */
export function requireFilter(doing: string, filter: MemoryFilter): MemoryFilter {
  return {
    type: textOrNull(doing, "type", filter.type) ?? undefined,
    module: textOrNull(doing, "module", filter.module) ?? undefined,
    severity: severityOf(doing, filter.severity),
    tags: textsOrNone(doing, "tags", filter.tags),
    limit: countOrAll(doing, "limit", filter.limit),
  };
}

/** Whether a filter takes an entry; its limit is the list's. */
export function isTaken(filter: MemoryFilter, entry: MemoryEntry): boolean {
  const { type, module, severity, tags = [] } = filter;
  return (
    (type === undefined || entry.type === type) &&
    (module === undefined || entry.module === module) &&
    (severity === undefined || entry.severity === severity) &&
    tags.every((tag) => entry.tags.includes(tag))
  );
}

/** What a search looks at: never the names of keys. */
export function searchedTexts({ text: learnt, tags }: MemoryEntry): string[] {
  return [learnt, ...tags];
}

/** A document as callers see it; shares nothing with it. */
export function memoryOf(document: MemoryDocument): MemoryEntry {
  const { id, type = DEFAULT_TYPE, text: learnt, tags = [], createdAt } = document;
  const { module = null, severity = null, lastVerified = null } = document;
  const entry = { id, type, text: learnt, tags: [...tags], module, severity };
  return withOwnKeys({ ...entry, createdAt, lastVerified }, document, MEMORY_SHAPE);
}

function severityOf(doing: string, severity: unknown): MemorySeverity | undefined {
  if (severity === undefined) return undefined;
  return requireWord(doing, "severity", severity, MEMORY_SEVERITIES);
}
