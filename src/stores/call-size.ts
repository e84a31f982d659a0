/**
 * How much one call may write. A commit is one line of the journal, and that line one string: of
 * the 512 Mi characters that a string can hold, one of a text may take seven, as `\\u0001` does in
 * a document that stands in the journal.
 */

import { FlowError } from "../errors.ts";
import type { FeatureChange } from "../model/feature-world.ts";
import { lengthOf } from "../model/json-values.ts";

/** In UTF-16 units of text, and 1 for every value. */
export const MAX_CALL_LENGTH = 64 * 1024 * 1024;
const MEBI = 1024 * 1024;

/** @throws FlowError `BAD_REQUEST` when the parts together are more than one call may write. */
export function requireBearable(...parts: readonly (readonly unknown[])[]): void {
  let length = 0;
  for (const part of parts.flat()) {
    length += lengthOf(part);
    if (length > MAX_CALL_LENGTH) throw tooMuch();
  }
}

/** What changes put into documents and leases. */
export function textsOf(changes: readonly FeatureChange[]): readonly unknown[] {
  return changes.map((change) => {
    if (change.kind === "create") return change.document;
    return change.kind === "lease" ? change.lease : [...change.set];
  });
}

/** What {@link asTooLarge} makes of a commit's failure, else what the commit comes to. */
export async function tooLarge<T>(commit: Promise<T>): Promise<T> {
  try {
    return await commit;
  } catch (error) {
    // Whatever the commit fails with goes on; one kind of it by its right name.
    throw asTooLarge(error);
  }
}

/**
 * What a commit failed with: `BAD_REQUEST` where a document, or all that a transaction did, is too
 * long for one string all the same. Nothing is written then: a line is made before it is written.
 */
export function asTooLarge(error: unknown): unknown {
  const isString = error instanceof RangeError && error.message === "Invalid string length";
  return isString ? tooMuch(error) : error;
}

function tooMuch(cause?: unknown): FlowError {
  return new FlowError(
    "BAD_REQUEST",
    `Cannot write the change: it holds more text than one commit can (${MAX_CALL_LENGTH / MEBI} Mi characters a call)`,
    {
      context: { limit: MAX_CALL_LENGTH },
      hint: "Make several calls of it, or keep what is so large in a file of its own.",
      cause,
    },
  );
}
