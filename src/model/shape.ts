/**
 * The shape of a kind of document, said once: from it follow the check that every read makes, the
 * reasons when that check fails, the JSON Schema for editors, and the order in which keys are
 * written. Tolerant of files made by hand: unknown keys are anybody's own.
 *
 * zod takes 70 to 100 ms to load, so the check is made without it; a property test shows that
 * both always agree.
 */
import type * as Zod from "zod";
import { isPlainObject, ownValue, type Problem } from "./json-values.ts";
import { isListOf, isText } from "./schema.ts";
import { isUlid } from "./ulid.ts";
import { loadZod, zodProblems } from "./zod.ts";

/** What may stand at one key. */
export interface Field {
  readonly is: (value: unknown) => boolean;
  readonly zod: (z: typeof Zod) => Zod.ZodType;
  /** Whether the key may be absent. */
  readonly isOptional: boolean;
}

/** A kind of document. */
export interface Shape<T extends object> {
  /** Its schema lies in `schema/<name>.json`. */
  readonly name: string;
  /** What one of them is, for editors. */
  readonly about: string;
  /** In the order in which they are written, behind `$schema`. */
  readonly fields: { readonly [K in keyof Required<T> & string]: Field };
}

// ---- fields --------------------------------------------------------------------------------

/** A text; empty only where that is allowed. */
export function text(about: string, { mayBeEmpty = false } = {}): Field {
  return {
    is: (value) => isText(value) && (mayBeEmpty || value !== ""),
    zod: (z) => (mayBeEmpty ? z.string() : z.string().min(1)).meta({ description: about }),
    isOptional: false,
  };
}

/** A time: ISO 8601 as `Date.parse` takes it. */
export function time(about: string): Field {
  const isTime = (value: unknown): boolean => isText(value) && !Number.isNaN(Date.parse(value));
  return {
    is: isTime,
    zod: (z) => z.string().refine(isTime, "expected a time").meta({ description: about }),
    isOptional: false,
  };
}

/** A ULID. */
export function ulid(about: string): Field {
  const isOne = (value: unknown): boolean => isUlid(value);
  return {
    is: isOne,
    zod: (z) =>
      z
        .string()
        .refine(isOne, "expected a ULID of 26 upper-case characters")
        .meta({ description: about }),
    isOptional: false,
  };
}

/** A safe integer from `min` on. */
export function integer(about: string, min: number = Number.MIN_SAFE_INTEGER): Field {
  return {
    is: (value) => Number.isSafeInteger(value) && (value as number) >= min,
    zod: (z) => z.int().min(min).meta({ description: about }),
    isOptional: false,
  };
}

/** True or false. */
export function flag(about: string): Field {
  return {
    is: (value) => typeof value === "boolean",
    zod: (z) => z.boolean().meta({ description: about }),
    isOptional: false,
  };
}

/** One of these words. */
export function oneOf(about: string, words: readonly string[]): Field {
  const expected = `expected one of ${words.join(", ")}`;
  return {
    is: (value) => isText(value) && words.includes(value),
    zod: (z) => z.enum(words as [string, ...string[]], expected).meta({ description: about }),
    isOptional: false,
  };
}

/** Any JSON value, `null` too. */
export function anything(about: string): Field {
  return {
    is: (value) => value !== undefined,
    zod: (z) =>
      z
        .unknown()
        .refine((value) => value !== undefined, "expected a value")
        .meta({ description: about }),
    isOptional: false,
  };
}

/** A list of what `item` takes. */
export function list(about: string, item: Field): Field {
  return {
    is: (value) => isListOf(value, item.is),
    zod: (z) => z.array(item.zod(z)).meta({ description: about }),
    isOptional: false,
  };
}

/** An object with these keys, and any others. */
export function object(about: string, fields: Readonly<Record<string, Field>>): Field {
  return {
    is: (value) => isPlainObject(value) && fit(fields, value),
    zod: (z) => looseObject(z, fields).meta({ description: about }),
    isOptional: false,
  };
}

/** The same, or absent. */
export function optional(field: Field): Field {
  return {
    is: (value) => value === undefined || field.is(value),
    zod: (z) => field.zod(z).optional(),
    isOptional: true,
  };
}

/** The same, or `null`. */
export function nullable(field: Field): Field {
  return {
    is: (value) => value === null || field.is(value),
    zod: (z) => field.zod(z).nullable(),
    isOptional: field.isOptional,
  };
}

// ---- shapes --------------------------------------------------------------------------------

const SCHEMA_KEY = "$schema";
const SCHEMA_FIELD = optional(text("Where this schema lies, for editors.", { mayBeEmpty: true }));

/** Whether `value` is a document of this kind. Does not load zod. */
export function isDocumentOf<T extends object>(shape: Shape<T>, value: unknown): value is T {
  return (
    isPlainObject(value) && SCHEMA_FIELD.is(ownValue(value, SCHEMA_KEY)) && fit(shape.fields, value)
  );
}

/** Everything that keeps `value` from being a document of this kind. Loads zod. */
export function explainDocument(shape: Shape<object>, value: unknown): Problem[] {
  return zodProblems(zodOf(shape), value);
}

/** The JSON Schema of a kind, for editors: a new object at each call. Loads zod. */
export function jsonSchemaOf(shape: Shape<object>): object {
  return loadZod().toJSONSchema(zodOf(shape), { io: "input" });
}

/** The keys of a kind in the order in which they are written. */
export function keysOf(shape: Shape<object>): readonly string[] {
  return [SCHEMA_KEY, ...Object.keys(shape.fields)];
}

function fit(fields: Readonly<Record<string, Field>>, value: object): boolean {
  for (const key of Object.keys(fields)) {
    if (fields[key]?.is(ownValue(value, key)) === false) return false;
  }
  return true;
}

const schemas = new WeakMap<Shape<object>, Zod.ZodType>();

function zodOf(shape: Shape<object>): Zod.ZodType {
  let schema = schemas.get(shape);
  if (schema === undefined) schemas.set(shape, (schema = makeSchema(shape, loadZod())));
  return schema;
}

function makeSchema(shape: Shape<object>, z: typeof Zod): Zod.ZodType {
  const fields: Readonly<Record<string, Field>> = { [SCHEMA_KEY]: SCHEMA_FIELD, ...shape.fields };
  return looseObject(z, fields).meta({
    title: `FlowStore ${shape.name}`,
    description: `${shape.about} Keys that are not listed here are kept as they are.`,
  });
}

function looseObject(z: typeof Zod, fields: Readonly<Record<string, Field>>): Zod.ZodObject {
  return z.looseObject(
    Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.zod(z)])),
  );
}
