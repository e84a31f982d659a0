/** Keys of users' own: given with an input, kept in the document, shown by every call. */
import { badField, requireJson } from "./given.ts";
import { copyJson, setOwn } from "./json-values.ts";
import { keysOf, type Shape } from "./shape.ts";

/**
 * The keys of an input that have no meaning to the store, copied: they are kept in the document.
 *
 * @param fields what the input may set
 * @param shape of the document; its keys that are no fields are the store's own
 */
export function ownKeysOf(
  doing: string,
  input: Readonly<Record<string, unknown>>,
  fields: readonly string[],
  shape: Shape<object>,
): Readonly<Record<string, unknown>> {
  const own = {};
  for (const [key, value] of Object.entries(input)) {
    if (value === undefined || fields.includes(key)) continue;
    if (isKnown(shape, key))
      throw badField(doing, key, "is written by the store and cannot be set");
    setOwn(own, key, requireJson(doing, key, value));
  }
  return own;
}

/** An entity with the keys of its document that have no meaning to the store. */
export function withOwnKeys<T extends object>(
  entity: T,
  document: object,
  shape: Shape<object>,
): T & { readonly [key: string]: unknown } {
  for (const [key, value] of Object.entries(document)) {
    if (!isKnown(shape, key)) setOwn(entity, key, copyJson(value));
  }
  return entity as T & { readonly [key: string]: unknown };
}

function isKnown(shape: Shape<object>, key: string): boolean {
  return keysOf(shape).includes(key);
}
