/**
 * Cursors: a place in the log as a text that its holder need not understand. Numbers hold within an
 * epoch alone, so the id of the event stands beside its number.
 */

import { FlowError } from "../errors.ts";
import { shown } from "./json-values.ts";

/** Behind this event. */
export interface Place {
  /** `null`: before the first write of this clone. */
  readonly epoch: string | null;
  /** The number of the last event that was taken; 0 before the first one. */
  readonly sequence: number;
  /** Its id; `null` before the first one. */
  readonly id: string | null;
}

/** Before the first event. */
export const START: Place = { epoch: null, sequence: 0, id: null };

const VERSION = 1;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function encodeCursor({ epoch, sequence, id }: Place): string {
  const text = btoa(JSON.stringify([VERSION, epoch, sequence, id]));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @throws FlowError `BAD_REQUEST` for a text that is no cursor. */
export function decodeCursor(doing: string, cursor: string): Place {
  const place = placeOf(cursor);
  if (place !== null) return place;
  throw new FlowError("BAD_REQUEST", `${doing}: ${shown(cursor)} is no cursor`, {
    context: { field: "from" },
    hint: "A cursor is a text that a subscription gave, unchanged.",
  });
}

function placeOf(cursor: string): Place | null {
  if (!/^[\w-]+$/.test(cursor)) return null;
  let value: unknown;
  try {
    value = JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
  } catch (error) {
    // No JSON; and what is no base 64 has an error of its own.
    if (!(error instanceof SyntaxError) && !isInvalidCharacter(error)) throw error;
    return null;
  }
  if (!Array.isArray(value)) return null;
  const [version, epoch, sequence, id] = value as readonly unknown[];
  const isPlace =
    version === VERSION &&
    (epoch === null || typeof epoch === "string") &&
    Number.isSafeInteger(sequence) &&
    (sequence as number) >= 0 &&
    (id === null || (typeof id === "string" && ULID.test(id)));
  return isPlace ? ({ epoch, sequence, id } as Place) : null;
}

function isInvalidCharacter(error: unknown): boolean {
  return error instanceof DOMException && error.name === "InvalidCharacterError";
}
