/** How columns and operands compare, as SQLite's affinities. */

import type { Affinity } from "./query-engine.ts";

/** How an operand compares: a column of any values is `blob`, and what is no column is `none`. */
export type OperandAffinity = Affinity | "blob";

/** `mixed` where UNION made a column of columns that compare in different ways. */
export type ColumnAffinity = OperandAffinity | "mixed";

/** A column of a table, or of what a subquery gives. */
export interface ColumnOf {
  readonly name: string;
  readonly affinity: ColumnAffinity;
}
