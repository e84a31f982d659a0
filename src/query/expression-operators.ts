/** Operators as functions of what their operands come to. */

import { sizeOf, type Comparable, type Compiled, type Evaluate } from "./compiled.ts";
import type { Expression, OfType, Place } from "./expressions.ts";
import type { Cell } from "./sql-cells.ts";
import { like } from "./sql-like.ts";
import { calculate, operand } from "./sql-numbers.ts";
import { compare, conditionCell, textOf, truth } from "./sql-values.ts";

export type Operation = OfType<"unary" | "binary" | "in valuelist" | "case">;
type Binary = OfType<"binary">;

/** What operators need of the compiler around them. */
interface Around {
  readonly compile: (part: Expression) => Compiled;
  /** The same for an operand of a comparison. */
  readonly comparable: (part: Expression) => Comparable;
  readonly refuse: (why: string, at: Place) => Error;
  /** Whether a minus stands for ESCAPE, a comparison for IS. */
  readonly isEscape: (node: Binary) => boolean;
  readonly isIdentity: (node: Binary) => boolean;
  /** Takes so many operations from the budget. */
  readonly spend: (count: number) => void;
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<>": (order) => order !== 0,
  "<": (order) => order < 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  ">=": (order) => order >= 0,
};

export function compileOperator(node: Operation, around: Around): Compiled {
  switch (node.type) {
    case "unary":
      return unary(node, around);
    case "binary":
      return binary(node, around);
    case "in valuelist":
      return inList(node, around);
    case "case":
      return caseOf(node, around);
  }
}

function made(evaluate: Evaluate, parts: readonly Compiled[]): Compiled {
  return { evaluate, affinity: "none", size: sizeOf(parts) };
}

function unary(node: OfType<"unary">, { compile }: Around): Compiled {
  const inner = compile(node.argument);
  const apply: Readonly<Record<typeof node.op, (cell: Cell) => Cell>> = {
    NOT: (cell) => {
      const condition = truth(cell);
      return conditionCell(condition === null ? null : !condition);
    },
    "IS NULL": (cell) => conditionCell(cell === null),
    "IS NOT NULL": (cell) => conditionCell(cell !== null),
    "-": negated,
  };
  const make = apply[node.op];
  return made((values) => make(inner.evaluate(values)), [inner]);
}

function negated(cell: Cell): Cell {
  if (cell === null) return null;
  const value = operand(cell);
  return typeof value === "bigint" ? calculate("-", 0n, value) : -value;
}

function binary(node: Binary, around: Around): Compiled {
  if (node.op === "LIKE") return likeOf(node, around);
  if (around.isEscape(node)) throw around.refuse("ESCAPE stands behind LIKE alone", node);
  if (around.isIdentity(node)) return identity(node, around);
  const comparison = COMPARISONS[node.op];
  if (comparison !== undefined) return comparisonOf(node, comparison, around);
  const [left, right] = [around.compile(node.left), around.compile(node.right)];
  if (node.op === "AND" || node.op === "OR") return junction(node.op, left, right);
  const { op } = node;
  return made(
    (values) => calculate(op, left.evaluate(values), right.evaluate(values)),
    [left, right],
  );
}

function comparisonOf(
  node: Binary,
  isMet: (order: number) => boolean,
  { comparable }: Around,
): Compiled {
  const [left, right] = [comparable(node.left), comparable(node.right)];
  const evaluate: Evaluate = (values) => {
    const order = compared(left, right, values);
    return conditionCell(order === null ? null : isMet(order));
  };
  return made(evaluate, [left, right]);
}

function compared(left: Comparable, right: Comparable, values: readonly unknown[]): number | null {
  return compare(left.evaluate(values), right.evaluate(values), left.affinity, right.affinity);
}

/** In three values: unknown only where the other side does not decide. */
function junction(op: "AND" | "OR", left: Compiled, right: Compiled): Compiled {
  const decisive = op === "OR";
  const evaluate: Evaluate = (values) => {
    const first = truth(left.evaluate(values));
    if (first === decisive) return conditionCell(decisive);
    const second = truth(right.evaluate(values));
    if (second === decisive) return conditionCell(decisive);
    return conditionCell(first === null || second === null ? null : !decisive);
  };
  return made(evaluate, [left, right]);
}

/** `IS` and `IS NOT`: NULL is like NULL. */
function identity(node: Binary, around: Around): Compiled {
  const isWanted = node.op === "=";
  const [left, right] = [around.comparable(node.left), around.comparable(node.right)];
  const literal = node.right.type === "literal" ? node.right.value : undefined;
  const evaluate: Evaluate = (values) => {
    const [a, b] = [left.evaluate(values), right.evaluate(values)];
    const isSame =
      typeof literal === "boolean"
        ? truth(a) === literal
        : a === null || b === null
          ? a === b
          : compare(a, b, left.affinity, right.affinity) === 0;
    return conditionCell(isSame === isWanted);
  };
  return made(evaluate, [left, right]);
}

function likeOf({ left, right }: Binary, { compile, isEscape, spend }: Around): Compiled {
  const hasEscape = right.type === "binary" && isEscape(right);
  const nodes = hasEscape ? [left, right.left, right.right] : [left, right];
  const parts = nodes.map((part) => compile(part));
  const evaluate: Evaluate = (values) => {
    const cells = parts.map((part) => part.evaluate(values));
    const [text = "", pattern = "", escape = null] = cells.map((cell) => {
      return cell === null ? null : textOf(cell);
    });
    if (text === null || pattern === null || cells.includes(null)) return null;
    return conditionCell(like(text, pattern, escape, spend));
  };
  return made(evaluate, parts);
}

function inList(node: OfType<"in valuelist">, { compile, comparable }: Around): Compiled {
  const wanted = comparable(node.expr);
  const list = node.values.map((value) => compile(value));
  const evaluate: Evaluate = (values) => {
    const value = wanted.evaluate(values);
    let isUnknown = false;
    for (const one of list) {
      // Those of a list have no affinity, also where they are columns.
      const order = compare(value, one.evaluate(values), wanted.affinity, "none");
      if (order === 0) return 1n;
      if (order === null) isUnknown = true;
    }
    return isUnknown ? null : 0n;
  };
  return made(evaluate, [wanted, ...list]);
}

function caseOf(node: OfType<"case">, { compile, comparable }: Around): Compiled {
  const subject = node.caseExpr === undefined ? null : comparable(node.caseExpr);
  const whens = node.whenClauses.map(({ condition, result }) => ({
    condition:
      subject === null
        ? { ...compile(condition), affinity: "none" as const }
        : comparable(condition),
    result: compile(result),
  }));
  const otherwise = node.elseResult === undefined ? null : compile(node.elseResult);
  const evaluate: Evaluate = (values) => {
    const met = whens.find(({ condition }) =>
      subject === null
        ? truth(condition.evaluate(values)) === true
        : compared(subject, condition, values) === 0,
    );
    return (met === undefined ? otherwise : met.result)?.evaluate(values) ?? null;
  };
  const parts = whens.flatMap(({ condition, result }) => [condition, result]);
  return made(
    evaluate,
    [subject, otherwise, ...parts].filter((one) => one !== null),
  );
}
