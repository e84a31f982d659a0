/** What subqueries come to for a row around them. */

import type { Subquery } from "./compiled.ts";
import type { OperandAffinity } from "./affinities.ts";
import type { Cell } from "./sql-cells.ts";
import { converted, sortKey } from "./sql-values.ts";

type Rows = readonly (readonly Cell[])[];

/** Runs a subquery once for each set of values that it takes from the rows around. */
export function onceForEach(
  subquery: Subquery,
  most: number,
  finish: (rows: Rows) => unknown,
): (...outer: Cell[]) => Promise<unknown> {
  const results = new Map<string, Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  return async (...outer) => {
    const key = JSON.stringify(outer.map((cell) => [typeof cell, sortKey(cell)]));
    const known = results.get(key);
    if (known !== undefined) return known;
    // One after another: while it runs, it knows the values of one row.
    const next = last.then(async () => finish(await subquery.run(outer, most)));
    // Who waits for it is told that it failed; the next one is not concerned.
    last = next.catch(() => undefined);
    results.set(key, next);
    return next;
  };
}

/** The values of `x IN (SELECT …)`. */
export interface Members {
  readonly keys: ReadonlySet<string>;
  readonly hasUnknown: boolean;
  readonly isEmpty: boolean;
}

/** Of the one column of a subquery. */
export function membersOf(
  rows: Rows,
  ofColumn: OperandAffinity,
  ofWanted: OperandAffinity,
): Members {
  const keys = new Set<string>();
  let hasUnknown = false;
  for (const [cell = null] of rows) {
    if (cell === null) hasUnknown = true;
    else keys.add(sortKey(converted(cell, ofColumn, ofWanted)));
  }
  return { keys, hasUnknown, isEmpty: rows.length === 0 };
}
