/** What a value is within an engine. */

/** NULL, INTEGER, REAL or TEXT: a whole number is a bigint, so that 5 and 5.0 stay apart. */
export type Cell = null | bigint | number | string;

/** A value that is there. */
export type Known = bigint | number | string;

/** Why there is no answer that is sure to be SQLite's. */
export class Unsure extends Error {}
