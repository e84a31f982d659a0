/** What may stand beside aggregates, and what orders and groups name. */

import type { ExpressionCompiler } from "./expression-compiler.ts";
import {
  hasAggregate,
  isAggregateCall,
  isValueName,
  partsOf,
  readsRows,
  type Expression,
  type OfType,
  type Place,
  type SelectNode,
} from "./expressions.ts";
import { isNameOfNumber } from "./sql-binding.ts";
import type { Cell } from "./sql-cells.ts";

/** A column of a result. */
export interface Output {
  readonly name: string;
  readonly expression: Expression;
}

type OrderItem = SelectNode["orderBy"][number];

/** Resolves the terms of ORDER BY and GROUP BY of one SELECT. */
export class Terms {
  readonly #select: SelectNode;
  readonly #outputs: readonly Output[];
  readonly #compiler: ExpressionCompiler;
  readonly #values: ReadonlyMap<string, Cell>;

  constructor(
    select: SelectNode,
    outputs: readonly Output[],
    compiler: ExpressionCompiler,
    values: ReadonlyMap<string, Cell>,
  ) {
    this.#select = select;
    this.#outputs = outputs;
    this.#compiler = compiler;
    this.#values = values;
  }

  /** The terms of ORDER BY, where names of the result go before names of columns. */
  order(items: readonly OrderItem[]): OrderItem[] {
    const meant = items.map((item) => ({ ...item, expr: this.#meant(item.expr, true) }));
    // What is the same for all rows sorts none of them.
    return meant.filter(({ expr }, at) => readsRows(expr) || expr !== items[at]?.expr);
  }

  /** A term of GROUP BY, where names of columns go before names of the result. */
  group(expression: Expression): Expression {
    return this.#meant(expression, false);
  }

  /** An expression in which names of the result, where no column has them, stand for theirs. */
  named(expression: Expression): Expression {
    if (expression.type === "identifier" && !isValueName(expression)) {
      return this.#compiler.scope.isColumn(expression)
        ? expression
        : (this.#byName(expression) ?? expression);
    }
    return withParts(expression, (part) => this.named(part));
  }

  /** By place, by name, or as it is written. */
  #meant(expression: Expression, resultFirst: boolean): Expression {
    if (expression.type === "identifier" && isNameOfNumber(expression.name)) {
      const place = this.#values.get(expression.name);
      if (typeof place === "bigint") return this.#byPlace(Number(place), expression);
    }
    if (expression.type === "unary" && !readsRows(expression)) {
      throw this.#compiler.refuse("a place in the result must be a whole number", expression);
    }
    const isName = expression.type === "identifier" && expression.prefix === undefined;
    if (!isName || !resultFirst) return this.named(expression);
    return this.#byName(expression) ?? expression;
  }

  #byPlace(place: number, at: Place): Expression {
    const output = this.#outputs[place - 1];
    if (output !== undefined) return output.expression;
    throw this.#compiler.refuse(`the result has no column ${place}`, at);
  }

  #byName(expression: OfType<"identifier">): Expression | null {
    if (expression.prefix !== undefined) return null;
    const named = this.#select.columns.flatMap((column) =>
      column.type === "derived" && column.alias?.toLowerCase() === expression.name.toLowerCase()
        ? [column.expr]
        : [],
    );
    const [first, second] = named;
    if (second !== undefined && !sameExpression(first ?? second, second)) {
      throw this.#compiler.refuse("two columns of the result have this name", expression);
    }
    return first ?? null;
  }
}

/** An expression with other parts in place of its own. */
function withParts(node: Expression, change: (part: Expression) => Expression): Expression {
  switch (node.type) {
    case "unary":
      return { ...node, argument: change(node.argument) };
    case "binary":
      return { ...node, left: change(node.left), right: change(node.right) };
    case "in valuelist":
      return { ...node, expr: change(node.expr), values: node.values.map(change) };
    case "in":
    case "cast":
      return { ...node, expr: change(node.expr) };
    case "function":
      return isAggregateCall(node) ? node : { ...node, args: node.args.map(change) };
    default:
      return node;
  }
}

/** Beside aggregates only what is grouped by: SQLite would take the value of any row. */
export function requireGrouped(
  compiler: ExpressionCompiler,
  groupBy: readonly Expression[],
  used: readonly Expression[],
): void {
  const check = (expression: Expression): void => {
    if (groupBy.some((one) => isSame(compiler, one, expression))) return;
    if (isAggregateCall(expression) || isValueName(expression)) return;
    if (expression.type === "identifier") {
      if (compiler.scope.resolve(expression).reference.kind === "outer") return;
      const what = `${expression.name}, which is neither grouped by nor aggregated,`;
      throw compiler.unsupported(what, expression);
    }
    for (const part of partsOf(expression)) check(part);
  };
  for (const expression of groupBy) {
    if (hasAggregate(expression)) throw compiler.refuse("GROUP BY takes no aggregate", expression);
  }
  for (const expression of used) check(expression);
}

/** Whether two expressions mean the same, or are written alike. */
function isSame(compiler: ExpressionCompiler, left: Expression, right: Expression): boolean {
  const areColumns =
    left.type === "identifier" &&
    right.type === "identifier" &&
    !isValueName(left) &&
    !isValueName(right);
  if (!areColumns) return sameExpression(left, right);
  const [a, b] = [left, right].map((one) => compiler.scope.resolve(one).reference);
  if (a?.kind !== "cell" || b?.kind !== "cell") return false;
  return a.source === b.source && a.column === b.column;
}

/** Whether two expressions are written alike, but for where they stand and for the case of names. */
export function sameExpression(left: Expression, right: Expression): boolean {
  const plain = (key: string, value: unknown): unknown => {
    if (key === "positionStart" || key === "positionEnd") return undefined;
    return (key === "name" || key === "prefix") && typeof value === "string"
      ? value.toLowerCase()
      : value;
  };
  return JSON.stringify(left, plain) === JSON.stringify(right, plain);
}
