/**
 * The shape of a feature's document. Tolerant of files made by hand: only `id` and `name` must be
 * there, unknown keys are anybody's own.
 *
 * zod takes 70 to 100 ms to load. So a check written by hand gives the verdict, and zod is asked
 * only for the reasons, or for the JSON Schema; a property test shows that both always agree.
 */
import type * as Zod from "zod";
import { MAX_DOCUMENT_DEPTH, nestsDeeperThan, type Problem } from "./json-values.ts";
import { isUlid } from "./ulid.ts";
import { loadZod, zodProblems } from "./zod.ts";

/** Who holds a feature, as its file tells it. */
export interface ClaimDocument {
  readonly agent: string;
  /** When it was claimed, ISO 8601. */
  readonly at: string;
  readonly [key: string]: unknown;
}

/**
 * One feature as it lies in its file. What is absent has its default: empty texts and lists,
 * `priority` = `id`, both flags false, `claim` and `createdAt` `null`.
 */
export interface FeatureDocument {
  readonly $schema?: string | undefined;
  /** A safe integer from 1. */
  readonly id: number;
  readonly name: string;
  readonly category?: string | undefined;
  readonly description?: string | undefined;
  readonly steps?: readonly string[] | undefined;
  /** A ULID; what counts when it is absent says `uidOf`. */
  readonly uid?: string | undefined;
  /** Any safe integer, lower first. */
  readonly priority?: number | undefined;
  /** Ids; the same one twice counts once. */
  readonly dependencies?: readonly number[] | undefined;
  readonly createdAt?: string | null | undefined;
  readonly passes?: boolean | undefined;
  readonly inProgress?: boolean | undefined;
  readonly claim?: ClaimDocument | null | undefined;
  /** Only on tombstones: when the feature was deleted. */
  readonly deletedAt?: string | null | undefined;
  readonly [key: string]: unknown;
}

/**
 * The known keys in the order in which they are written. Lines that two branches are likely to
 * change (name and texts; priority and dependencies; the state) are kept apart by lines that
 * never change (`uid`, `createdAt`), so that git merges them.
 */
export const FEATURE_DOCUMENT_KEYS = [
  "$schema",
  "id",
  "name",
  "category",
  "description",
  "steps",
  "uid",
  "priority",
  "dependencies",
  "createdAt",
  "passes",
  "inProgress",
  "claim",
  "deletedAt",
] as const;

/**
 * Whether `value` is a feature's document: `id` and `name` are there and every known key that is
 * there has its type. Does not load zod.
 */
export function isFeatureDocument(value: unknown): value is FeatureDocument {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const it = value as Record<string, unknown>;
  return (
    isFeatureId(it["id"]) &&
    typeof it["name"] === "string" &&
    isOptional("string", it["$schema"]) &&
    isOptional("string", it["category"]) &&
    isOptional("string", it["description"]) &&
    (it["steps"] === undefined || isListOf(it["steps"], isText)) &&
    (it["uid"] === undefined || isUlid(it["uid"])) &&
    (it["priority"] === undefined || Number.isSafeInteger(it["priority"])) &&
    (it["dependencies"] === undefined || isListOf(it["dependencies"], isFeatureId)) &&
    (it["createdAt"] === null || isOptional("string", it["createdAt"])) &&
    isOptional("boolean", it["passes"]) &&
    isOptional("boolean", it["inProgress"]) &&
    isClaimDocument(it["claim"]) &&
    (it["deletedAt"] === null || isOptional("string", it["deletedAt"])) &&
    !hasDeepKey(it)
  );
}

/** Everything that keeps `value` from being a feature's document; empty when it is one. Loads zod. */
export function explainFeatureDocument(value: unknown): Problem[] {
  const problems = zodProblems(featureSchema(), value);
  if (typeof value === "object" && value !== null && hasDeepKey(value)) {
    problems.push({ path: "", message: `nests deeper than ${MAX_DOCUMENT_DEPTH} levels` });
  }
  return problems;
}

/** The JSON Schema of a feature's document, for editors: a new object at each call. Loads zod. */
export function featureJsonSchema(): object {
  return loadZod().toJSONSchema(featureSchema(), { io: "input" });
}

let schema: Zod.ZodType | undefined;
function featureSchema(): Zod.ZodType {
  schema ??= makeFeatureSchema(loadZod());
  return schema;
}

function makeFeatureSchema(z: typeof Zod): Zod.ZodType {
  const id = (about: string) => z.int().min(1).meta({ description: about });
  const text = (about: string) => z.string().meta({ description: about });
  const flag = (about: string) => z.boolean().meta({ description: about }).optional();
  const ulid = z.string().refine(isUlid, "expected a ULID of 26 upper-case characters");
  const claim = z.looseObject({
    agent: z.string().min(1).meta({ description: "Who holds the feature." }),
    at: text("When it was claimed, ISO 8601 in UTC."),
  });
  return z
    .looseObject({
      $schema: text("Where this schema lies, for editors.").optional(),
      id: id("The feature's number. Never changes, never used again."),
      name: text("What is to be built, in one line."),
      category: text("A group of your own choosing.").optional(),
      description: text("What it is about, at any length.").optional(),
      steps: z.array(z.string()).meta({ description: "How to show that it works." }).optional(),
      uid: ulid
        .meta({ description: "Tells features apart that two clones gave one id." })
        .optional(),
      priority: z
        .int()
        .meta({ description: "Lower comes first; need not be unique. Default: the id." })
        .optional(),
      dependencies: z
        .array(id("The id of another feature."))
        .meta({ description: "Features that must pass before this one is ready." })
        .optional(),
      createdAt: text("When it was created, ISO 8601 in UTC.").nullable().optional(),
      passes: flag("Whether the feature is done."),
      inProgress: flag("Whether somebody works on it; no meaning once it passes."),
      claim: claim
        .nullable()
        .meta({ description: "Who works on it; null when nobody does." })
        .optional(),
      deletedAt: text("Set when the feature was deleted: this file is then a tombstone.")
        .nullable()
        .optional(),
    })
    .meta({
      title: "FlowStore feature",
      description: "One feature of a plan. Keys that are not listed here are kept as they are.",
    });
}

/** Whether `value` can be a feature's id: a safe integer from 1. */
export function isFeatureId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** Whether `value` is a list, without holes, of nothing but what `isItem` accepts. */
export function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  // `every` would skip holes, which read as undefined.
  for (let at = 0; at < value.length; at += 1) if (!isItem(value[at])) return false;
  return true;
}

/** Whether `value` is of a type, or absent. */
export function isOptional(type: "string" | "boolean", value: unknown): boolean {
  return value === undefined || typeof value === type;
}

/** Whether `value` is a string. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isClaimDocument(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== "object" || Array.isArray(value)) return false;
  const { agent, at } = value as Record<string, unknown>;
  return typeof agent === "string" && agent !== "" && typeof at === "string";
}

function hasDeepKey(value: object): boolean {
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    if (typeof inner !== "object" || inner === null) continue;
    if (nestsDeeperThan(inner, MAX_DOCUMENT_DEPTH)) return true;
  }
  return false;
}
