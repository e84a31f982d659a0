/** Expressions as the parser makes them, and what can be told of them without a table. */

import type { SelectStatement, Statement } from "squirreling";

import { isAggregate } from "./sql-aggregates.ts";
import { isNameOfValue } from "./sql-binding.ts";
import { FUNCTION_MARK } from "./sql-tokens.ts";

/** An expression of the parser's. */
export type Expression = NonNullable<SelectStatement["where"]>;
export type OfType<T extends Expression["type"]> = Extract<Expression, { type: T }>;
type SelectNode = SelectStatement;
export type { SelectNode, Statement };

/** Where a node is in the parsed text. */
export interface Place {
  readonly positionStart: number;
  readonly positionEnd: number;
}

export function placeOf({ positionStart, positionEnd }: Place): {
  positionStart: number;
  positionEnd: number;
} {
  return { positionStart, positionEnd };
}

/** The name of a function as the query has it, in capitals. */
export function functionNameOf({ funcName }: OfType<"function">): string {
  const name = funcName.toUpperCase();
  const mark = FUNCTION_MARK.toUpperCase();
  return name.startsWith(mark) ? name.slice(mark.length) : name;
}

/** Whether a node is itself a call of an aggregate. */
export function isAggregateCall(node: Expression): boolean {
  return node.type === "function" && isAggregate(functionNameOf(node), node.args.length);
}

/** Whether an expression holds an aggregate; those of a subquery are the subquery's. */
export function hasAggregate(node: Expression): boolean {
  return isAggregateCall(node) || partsOf(node).some(hasAggregate);
}

/** The expressions that an expression is made of, without those of subqueries. */
export function partsOf(node: Expression): Expression[] {
  switch (node.type) {
    case "unary":
      return [node.argument];
    case "binary":
      return [node.left, node.right];
    case "in valuelist":
      return [node.expr, ...node.values];
    case "in":
    case "cast":
      return [node.expr];
    case "function":
      return node.filter === undefined ? node.args : [...node.args, node.filter];
    case "case": {
      const whens = node.whenClauses.flatMap(({ condition, result }) => [condition, result]);
      return [node.caseExpr, ...whens, node.elseResult].filter((one) => one !== undefined);
    }
    default:
      return [];
  }
}

/** Whether a name stands for a value. */
export function isValueName(node: Expression): boolean {
  return node.type === "identifier" && node.prefix === undefined && isNameOfValue(node.name);
}

/** Whether an expression depends on rows at all. */
export function readsRows(node: Expression): boolean {
  if (node.type === "identifier") return !isValueName(node);
  if (node.type === "subquery" || node.type === "in" || node.type === "exists") return true;
  return node.type === "not exists" || hasAggregate(node) || partsOf(node).some(readsRows);
}

/** The conditions that must all hold. */
export function conjuncts(node: Expression | undefined): Expression[] {
  if (node === undefined) return [];
  if (node.type !== "binary" || node.op !== "AND") return [node];
  return [...conjuncts(node.left), ...conjuncts(node.right)];
}
