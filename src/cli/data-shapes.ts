/** What stands under `data`, in words for the help and as JSON Schema for programs. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface DataShape {
  /** One line. */
  readonly text: string;
  /** May refer to the definitions of `schemas.ts` by `#/$defs/…`. */
  readonly schema: JsonSchema;
}

export const FEATURE_REF: JsonSchema = { $ref: "#/$defs/feature" };
const INTEGER: JsonSchema = { type: "integer" };
const TEXT: JsonSchema = { type: "string" };

export function listOf(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

export function objectOf(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { type: "object", properties, required };
}

export const FEATURES: DataShape = {
  text: "a list of features; meta.count says how many",
  schema: listOf(FEATURE_REF),
};

export const FEATURE_OR_NULL: DataShape = {
  text: "the feature; null when there is none, and meta.reason says why: all_passing, all_claimed, blocked or empty",
  schema: { anyOf: [FEATURE_REF, { type: "null" }] },
};

export const FEATURE: DataShape = { text: "the feature", schema: FEATURE_REF };

/** As many as were named: one ID gives one, several give a list in the order of the IDs. */
export const FEATURE_EACH: DataShape = {
  text: "the feature; with several IDs a list of them, in the order given",
  schema: { anyOf: [FEATURE_REF, listOf(FEATURE_REF)] },
};

export const STATS: DataShape = {
  text: "{ total, passing, failing, inProgress, blocked }",
  schema: objectOf({
    total: INTEGER,
    passing: INTEGER,
    failing: INTEGER,
    inProgress: INTEGER,
    blocked: INTEGER,
  }),
};

export const GRAPH_NODES: DataShape = {
  text: "a list of { id, name, category, priority, passes, inProgress, blocked, dependencies, dependents }; { format, text } with --format mermaid or dot",
  schema: {
    anyOf: [
      listOf(
        objectOf({
          id: INTEGER,
          name: TEXT,
          category: TEXT,
          priority: INTEGER,
          passes: { type: "boolean" },
          inProgress: { type: "boolean" },
          blocked: { type: "boolean" },
          dependencies: listOf(INTEGER),
          dependents: listOf(INTEGER),
        }),
      ),
      objectOf({ format: TEXT, text: TEXT }),
    ],
  },
};

export const FINDINGS: DataShape = {
  text: "a list of findings { file, line?, rule, severity, message, fix? }",
  schema: listOf({ $ref: "#/$defs/finding" }),
};

export const ANY_OBJECT: JsonSchema = { type: "object" };
