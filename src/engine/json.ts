/** Values of bodies as JSON texts, and back. */

import { FlowError } from "../errors.ts";

/** @throws FlowError `BAD_REQUEST` for what JSON cannot say. */
export function jsonOf(what: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    // A circle, a BigInt, or an error of the value's own `toJSON`.
    const why = cause instanceof Error ? cause.message.split("\n", 1)[0] : "it cannot be read";
    throw new FlowError("BAD_REQUEST", `Cannot record the ${what}: ${why}`, { cause });
  }
  if (text !== undefined) return text;
  throw new FlowError("BAD_REQUEST", `Cannot record the ${what}: a ${typeof value} is no JSON`);
}

/** {@link jsonOf}; `null` for nothing. */
export function jsonOrNone(what: string, value: unknown): string | null {
  return value === undefined ? null : jsonOf(what, value);
}

/** Any program may write a payload: what is no JSON is given as the text it is. */
export function payloadOf(payload: string | null): unknown {
  if (payload === null) return null;
  try {
    return JSON.parse(payload) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return payload;
  }
}
