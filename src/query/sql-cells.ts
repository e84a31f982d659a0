/** What a value is within an engine. */

/** NULL, INTEGER, REAL or TEXT: a whole number is a bigint, so that 5 and 5.0 stay apart. */
export type Cell = null | bigint | number | string;

/** A value that is there. */
export type Known = bigint | number | string;

/** Why there is no answer that is sure to be SQLite's. */
export class Unsure extends Error {}

/** So many characters of a text cost as much as one operation. */
const CHARACTERS_A_STEP = 64;
/** As many as one text of an input may have. */
const MAX_TEXT = 16 * 1024 * 1024;

/** How many operations the texts among some values stand for. */
export function textSteps(cells: readonly Cell[]): number {
  let length = 0;
  for (const cell of cells) if (typeof cell === "string") length += cell.length;
  return Math.floor(length / CHARACTERS_A_STEP);
}

/** Before a text is made: one that doubles itself now and then would fill the memory. */
export function requireRoom(length: number): void {
  if (length > MAX_TEXT) throw new Unsure(`a text of more than ${MAX_TEXT} characters`);
}
