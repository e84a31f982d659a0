/** Functions that make one value of the values of many rows. */

import type { Cell, Known } from "./sql-cells.ts";
import { addIntegers, isWholeText, operand, RealSum } from "./sql-numbers.ts";
import { joined, order, sortKey, textOf } from "./sql-values.ts";

/** Of the values that are known, in the order of the rows. */
type Aggregate = (values: readonly Known[], separator: string) => Cell;

/** By name, in capitals. */
const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  COUNT: (values) => BigInt(values.length),
  SUM: sum,
  TOTAL: (values) => realSum(values),
  AVG: (values) => (values.length === 0 ? null : realSum(values) / values.length),
  MIN: (values) => utmost(values, -1),
  MAX: (values) => utmost(values, 1),
  GROUP_CONCAT: (values, separator) => {
    return values.length === 0 ? null : joined(values.map(textOf), separator);
  },
};

/** Whether a call of a function is one of an aggregate; MIN and MAX of several values are none. */
export function isAggregate(name: string, argumentCount: number): boolean {
  if (!Object.hasOwn(AGGREGATES, name)) return false;
  return argumentCount === 1 || (name !== "MIN" && name !== "MAX");
}

/** The names of all, in capitals. */
export function aggregateNames(): string[] {
  return Object.keys(AGGREGATES);
}

/** What an aggregate makes of the values of its rows. */
export function aggregated(
  name: string,
  cells: readonly Cell[],
  { isDistinct, separator }: { readonly isDistinct: boolean; readonly separator: string },
): Cell {
  const known = cells.filter((cell) => cell !== null);
  return AGGREGATES[name]?.(isDistinct ? distinct(known) : known, separator) ?? null;
}

/** The first of each. */
function distinct(values: readonly Known[]): Known[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = sortKey(value);
    return !seen.has(key) && seen.add(key);
  });
}

function sum(values: readonly Known[]): Cell {
  if (values.length === 0) return null;
  let whole = 0n;
  for (const value of values) {
    const number = isNumber(value) ? operand(value) : null;
    if (typeof number !== "bigint") return realSum(values);
    whole = addIntegers(whole, number);
  }
  return whole;
}

/** A text that is no number counts as a fraction of 0. */
function isNumber(value: Known): boolean {
  return typeof value !== "string" || isWholeText(value);
}

function realSum(values: readonly Known[]): number {
  const result = new RealSum();
  for (const value of values) result.add(Number(operand(value)));
  return result.value;
}

function utmost(values: readonly Known[], direction: number): Cell {
  let best: Cell = null;
  for (const value of values) {
    if (best === null || order(value, best) * direction > 0) best = value;
  }
  return best;
}
