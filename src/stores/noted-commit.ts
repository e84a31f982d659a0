/** A change with what its caller says of it: judged first, then committed as one. */

import { ownValue } from "../model/json-values.ts";
import type { Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { requireNote, type ChangeNote, type StoreContext } from "./context.ts";

/**
 * Commits what `decide` changes.
 *
 * @param texts what the change puts into documents and events, to be judged by its size
 * @throws FlowError `BAD_REQUEST` for a note that is none, and for more than one call may write.
 */
export async function commitNoted<T>(
  context: StoreContext,
  note: ChangeNote,
  texts: readonly unknown[],
  decide: (write: Writing) => T,
): Promise<T> {
  requireNote(note, {});
  requireBearable(texts, [note, context.actor]);
  return tooLarge(context.storage.commit(decide));
}

/**
 * What is said of a change whose input is one object: in an argument behind it, or, where the
 * input is the last argument itself, among its keys.
 *
 * @param keys those of the input that are not fields of its own
 */
export function noteWith(
  input: object,
  keys: readonly (keyof ChangeNote)[],
  options: ChangeNote,
): ChangeNote {
  requireNote(options, {});
  const note: Record<string, unknown> = {};
  for (const key of keys) note[key] = options[key] ?? ownValue(input, key);
  return { ...options, ...note };
}
