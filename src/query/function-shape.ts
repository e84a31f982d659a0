/** What a function of SQL is to the engine. */

import type { Cell } from "./sql-cells.ts";

/** What functions know beside their arguments. */
export interface Surroundings {
  /** The time of the query, in ms since 1970. */
  readonly nowMs: number;
  /** Takes so many operations from the budget of the query. */
  readonly spend: (count: number) => void;
}

/** One function: how many arguments it takes and what it makes of them. */
export interface SqlFunction {
  readonly min: number;
  readonly max: number;
  readonly apply: (cells: readonly Cell[], surroundings: Surroundings) => Cell;
}
