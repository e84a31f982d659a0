/** The JSON Schemas of what the command line prints. A test holds them against what it prints. */
import type { Command } from "./command.ts";
import { listOf, objectOf, type JsonSchema } from "./data-shapes.ts";
import { FLOW_ERROR_CODES } from "../errors.ts";

const DIALECT = "https://json-schema.org/draft/2020-12/schema";
const TEXT: JsonSchema = { type: "string" };
const INTEGER: JsonSchema = { type: "integer" };
const FLAG: JsonSchema = { type: "boolean" };
const MOMENT: JsonSchema = { type: "string", description: "ISO 8601, UTC, with milliseconds" };

function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

const feature: JsonSchema = {
  ...objectOf({
    id: { ...INTEGER, minimum: 1, description: "Not used again" },
    uid: { ...TEXT, description: "A ULID; stands for the id where two features bear one" },
    priority: { ...INTEGER, description: "Lower comes first" },
    category: TEXT,
    name: TEXT,
    description: TEXT,
    steps: listOf(TEXT),
    passes: FLAG,
    inProgress: FLAG,
    dependencies: { ...listOf(INTEGER), description: "Ids of what must pass first" },
    claim: nullable(objectOf({ agent: TEXT, at: MOMENT, expiresAt: nullable(MOMENT) })),
    createdAt: nullable(MOMENT),
    updatedAt: nullable(MOMENT),
    status: { enum: ["passing", "in_progress", "blocked", "ready"] },
    revision: { ...TEXT, description: "Another one after every change" },
  }),
  description: "A feature; keys without a meaning to the store may stand beside these",
};

const finding: JsonSchema = objectOf(
  {
    file: TEXT,
    line: { ...INTEGER, minimum: 1 },
    rule: TEXT,
    severity: { enum: ["error", "warning"] },
    message: TEXT,
    fix: TEXT,
  },
  ["line", "fix"],
);

const error: JsonSchema = objectOf({
  code: { enum: FLOW_ERROR_CODES },
  message: TEXT,
  hint: nullable(TEXT),
  retryable: { ...FLAG, description: "Whether the same command may succeed later" },
  context: { type: "object" },
});

function envelope(data: JsonSchema): JsonSchema {
  const shared = { schemaVersion: { const: 1 }, command: TEXT };
  const warnings = listOf({ $ref: "#/$defs/finding" });
  return {
    oneOf: [
      objectOf({ ok: { const: true }, ...shared, data, warnings, meta: { type: "object" } }),
      objectOf({ ok: { const: false }, ...shared, error: { $ref: "#/$defs/error" } }),
    ],
  };
}

const option: JsonSchema = objectOf({ name: TEXT, value: TEXT, multiple: FLAG, help: TEXT }, [
  "value",
]);

/** The document that `flowstore COMMAND --help --json` gives under `data`. */
const command: JsonSchema = objectOf({
  command: TEXT,
  summary: TEXT,
  usage: TEXT,
  details: TEXT,
  options: listOf(option),
  examples: listOf(TEXT),
  data: objectOf({ text: TEXT, schema: { type: "object" } }),
});

const DEFINITIONS = { feature, finding, error };

const NAMED: Readonly<Record<string, JsonSchema>> = {
  feature,
  envelope: envelope({}),
  error,
  command,
};

export const SCHEMA_NAMES: readonly string[] = Object.keys(NAMED);

/** A schema by its name, complete in itself; `null` for an unknown one. */
export function schemaNamed(name: string): JsonSchema | null {
  const schema = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
  return schema === undefined ? null : complete(`flowstore ${name}`, schema);
}

/** The envelope of one command, with what stands under `data`. */
export function schemaOfCommand(name: string, { data }: Command): JsonSchema {
  return complete(`flowstore ${name} --json`, envelope(data.schema));
}

function complete(title: string, schema: JsonSchema): JsonSchema {
  return { $schema: DIALECT, title, ...schema, $defs: DEFINITIONS };
}
