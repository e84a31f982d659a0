/** What expressions are compiled to, and what they are compiled with. */

import type { executeSql } from "squirreling";

import type { ColumnAffinity, ColumnOf, OperandAffinity } from "./affinities.ts";
import type { Expression } from "./expressions.ts";
import type { Surroundings } from "./function-shape.ts";
import type { QueryBudget } from "./query-engine.ts";
import type { Reference } from "./scope.ts";
import type { Cell } from "./sql-cells.ts";

/** A value of what a function is called with. */
export type Evaluate = (values: readonly unknown[]) => Cell;

/** The functions that a tree calls, by name. */
export type Functions = NonNullable<Parameters<typeof executeSql>[0]["functions"]>;

/** An expression as a function of what it reads. */
export interface Compiled {
  readonly evaluate: Evaluate;
  readonly affinity: ColumnAffinity;
  /** How many operations one evaluation takes. */
  readonly size: number;
}

/** One whose affinity is known. */
export type Comparable = Compiled & { readonly affinity: OperandAffinity };

/** A query within a query, ready to run. */
export interface Subquery {
  readonly columns: readonly ColumnOf[];
  /** What it takes from the query around it. */
  readonly references: readonly Reference[];
  /** At most so many rows, for these values of its references. */
  run(outer: readonly Cell[], most: number): Promise<readonly (readonly Cell[])[]>;
}

/** What is the same for a whole query. */
export interface Session {
  readonly budget: QueryBudget;
  readonly surroundings: Surroundings;
  readonly letOthersRun: () => Promise<void>;
}

/** What a function of ours is called with: columns, lists of aggregates, results of subqueries. */
export class Inputs {
  readonly nodes: Expression[] = [];
  readonly #places = new Map<string, number>();

  place(key: string, node: () => Expression): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.nodes.length);
    return this.nodes.push(node()) - 1;
  }
}

/** What is the same for all rows. */
export function constant(cell: Cell): Compiled {
  return { evaluate: () => cell, affinity: "none", size: 0 };
}

/** How many operations something of these parts takes. */
export function sizeOf(parts: readonly Compiled[]): number {
  return parts.reduce((sum, { size }) => sum + size, 1);
}
