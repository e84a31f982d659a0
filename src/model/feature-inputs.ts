/**
 * What callers may pass to create or to edit a feature. Unlike files, inputs are judged strictly:
 * what could not be written and read back the same is refused. zod is loaded only to explain.
 */
import type * as Zod from "zod";
import { FlowError } from "../errors.ts";
import { isPlainObject, jsonProblem, type Problem } from "./json-values.ts";
import { isFeatureId, isListOf, isOptional, isText } from "./schema.ts";
import { isUlid } from "./ulid.ts";
import { loadZod, zodProblems } from "./zod.ts";

/** A feature named by its `id`, or by its `uid` where two features bear one id. */
export type FeatureRef = number | string;

/** A feature named by its place in the batch that is being created, from 0. */
export interface BatchIndex {
  readonly index: number;
}

/** What a new feature is made of. Keys that are not listed here are kept in its document. */
export interface CreateFeatureInput {
  /** May be empty; need not be unique. */
  readonly name: string;
  /** Default `""`. */
  readonly description?: string | undefined;
  /** Default `""`. */
  readonly category?: string | undefined;
  /** Any safe integer, lower first. Default: the highest priority there is + 1; 1 in an empty store. */
  readonly priority?: number | undefined;
  /** Default `[]`. */
  readonly steps?: readonly string[] | undefined;
  /**
   * Features that must pass first: ids, uids, or places in the batch (also later ones). One that
   * is named twice counts once. Default `[]`.
   */
  readonly dependencies?: readonly (FeatureRef | BatchIndex)[] | undefined;
  readonly [key: string]: unknown;
}

/**
 * What `update` changes: only the keys that are there. A key that is not listed here is set in
 * the document as it is, or removed by `null`; the listed ones cannot be `null`.
 */
export interface FeaturePatch {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly category?: string | undefined;
  readonly priority?: number | undefined;
  readonly steps?: readonly string[] | undefined;
  /** The whole new list: ids or uids. */
  readonly dependencies?: readonly FeatureRef[] | undefined;
  readonly [key: string]: unknown;
}

/** Keys that only the store itself writes or derives. */
export const RESERVED_FEATURE_KEYS: ReadonlySet<string> = new Set([
  "$schema",
  "claim",
  "createdAt",
  "deletedAt",
  "id",
  "inProgress",
  "passes",
  "revision",
  "status",
  "uid",
  "updatedAt",
]);

/** Keys that an input may set and that have a meaning to the store. */
export const EDITABLE_FEATURE_KEYS: ReadonlySet<string> = new Set([
  "category",
  "dependencies",
  "description",
  "name",
  "priority",
  "steps",
]);

/** How many problems a message names, and how many its context lists. */
const NAMED_PROBLEMS = 3;
const LISTED_PROBLEMS = 100;

/**
 * Accepts what can become a feature.
 *
 * @param action the first words of the message, such as `Cannot create the feature`
 * @throws FlowError `BAD_REQUEST` with every problem in `context.issues`.
 */
export function assertCreateInput(
  value: unknown,
  action: string,
): asserts value is CreateFeatureInput {
  if (isCreateInput(value)) return;
  refuse(action, explainCreateInput(value));
}

/**
 * Accepts what can change a feature.
 *
 * @param action the first words of the message, such as `Cannot update feature 3`
 * @throws FlowError `BAD_REQUEST` with every problem in `context.issues`.
 */
export function assertFeaturePatch(value: unknown, action: string): asserts value is FeaturePatch {
  if (isFeaturePatch(value)) return;
  refuse(action, explainFeaturePatch(value));
}

/** Whether `value` can become a feature. Does not load zod. */
export function isCreateInput(value: unknown): value is CreateFeatureInput {
  return (
    isPlainObject(value) &&
    isText(value["name"]) &&
    hasEditableTypes(value, isCreateDependency) &&
    ownProblems(value).length === 0
  );
}

/** Whether `value` can change a feature. Does not load zod. */
export function isFeaturePatch(value: unknown): value is FeaturePatch {
  return (
    isPlainObject(value) &&
    isOptional("string", value["name"]) &&
    hasEditableTypes(value, isRef) &&
    ownProblems(value).length === 0
  );
}

/** Everything that keeps `value` from becoming a feature; empty when nothing does. Loads zod. */
export function explainCreateInput(value: unknown): Problem[] {
  createSchema ??= makeInputSchema(loadZod(), true);
  return explain(createSchema, value);
}

/** Everything that keeps `value` from changing a feature; empty when nothing does. Loads zod. */
export function explainFeaturePatch(value: unknown): Problem[] {
  patchSchema ??= makeInputSchema(loadZod(), false);
  return explain(patchSchema, value);
}

/** Whether `value` can name a feature: a safe integer from 1 or a ULID. */
export function isRef(value: unknown): value is FeatureRef {
  return isFeatureId(value) || isUlid(value);
}

function isCreateDependency(value: unknown): boolean {
  if (isRef(value)) return true;
  if (!isPlainObject(value)) return false;
  const keys = Object.keys(value);
  const index = value["index"];
  return keys.length === 1 && Number.isSafeInteger(index) && (index as number) >= 0;
}

function hasEditableTypes(
  value: Record<string, unknown>,
  isDependency: (item: unknown) => boolean,
): boolean {
  return (
    isOptional("string", value["description"]) &&
    isOptional("string", value["category"]) &&
    (value["priority"] === undefined || Number.isSafeInteger(value["priority"])) &&
    (value["steps"] === undefined || isListOf(value["steps"], isText)) &&
    (value["dependencies"] === undefined || isListOf(value["dependencies"], isDependency))
  );
}

/** What zod cannot or should not judge: reserved keys, and what is no JSON, at any depth. */
function ownProblems(value: Record<string, unknown>): Problem[] {
  const problems: Problem[] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    if (RESERVED_FEATURE_KEYS.has(key)) {
      problems.push({ path: key, message: "is written by the store and cannot be set" });
      continue;
    }
    const problem = jsonProblem(inner, key);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

function explain(schema: Zod.ZodType, value: unknown): Problem[] {
  if (!isPlainObject(value)) return [{ path: "", message: "expected a plain object" }];
  const problems = zodProblems(schema, value);
  const named = new Set(problems.map(({ path }) => path));
  return [...problems, ...ownProblems(value).filter(({ path }) => !named.has(path))];
}

let createSchema: Zod.ZodType | undefined;
let patchSchema: Zod.ZodType | undefined;

function makeInputSchema(z: typeof Zod, create: boolean): Zod.ZodType {
  const ref = [z.int().min(1), z.string().refine(isUlid)] as const;
  const index = z.custom(isPlainObject).pipe(z.strictObject({ index: z.int().min(0) }));
  const dependency = create
    ? z.union([...ref, index], { error: "expected an id, a uid or { index }" })
    : z.union(ref, { error: "expected an id or a uid" });
  return z.looseObject({
    name: create ? z.string() : z.string().optional(),
    description: z.string().optional(),
    category: z.string().optional(),
    priority: z.int().optional(),
    steps: z.array(z.string()).optional(),
    dependencies: z.array(dependency).optional(),
  });
}

function refuse(action: string, problems: readonly Problem[]): never {
  const named = problems
    .slice(0, NAMED_PROBLEMS)
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  const more = problems.length - named.length;
  const rest = more > 0 ? `; and ${more} more` : "";
  throw new FlowError("BAD_REQUEST", `${action}: ${named.join("; ")}${rest}`, {
    context: { issues: problems.slice(0, LISTED_PROBLEMS) },
  });
}
