/**
 * Expressions of one SELECT as functions of ours: the library is left to call each with the columns
 * that it reads. What is not listed here is refused, so that nothing is run whose answer is not
 * known to be SQLite's.
 */

import {
  constant,
  Inputs,
  sizeOf,
  type Comparable,
  type Compiled,
  type Evaluate,
  type Functions,
  type Session,
  type Subquery,
} from "./compiled.ts";
import { compileOperator, type Operation } from "./expression-operators.ts";
import {
  functionNameOf,
  hasAggregate,
  isAggregateCall,
  isValueName,
  placeOf,
  type Expression,
  type OfType,
  type Place,
  type Statement,
} from "./expressions.ts";
import type { ColumnAffinity, OperandAffinity } from "./affinities.ts";
import type { SqlFunction } from "./function-shape.ts";
import { cellName, type Reference, type Scope } from "./scope.ts";
import { aggregated } from "./sql-aggregates.ts";
import { textSteps, Unsure, type Cell } from "./sql-cells.ts";
import { functionNamed } from "./sql-functions.ts";
import type { BoundText } from "./sql-text.ts";
import { membersOf, onceForEach, type Members } from "./subquery-results.ts";
import { conditionCell, converted, sortKey, textOf, truth } from "./sql-values.ts";

const CAST_AFFINITIES: Readonly<Record<string, OperandAffinity>> = {
  TEXT: "text",
  VARCHAR: "text",
  INTEGER: "integer",
  INT: "integer",
  BIGINT: "integer",
  REAL: "integer",
  FLOAT: "integer",
  DOUBLE: "integer",
};

/** Compiles the expressions of one SELECT. */
export class ExpressionCompiler {
  readonly functions: Functions = {};
  readonly scope: Scope;
  readonly #bound: BoundText;
  readonly #session: Session;
  readonly #subquery: (statement: Statement, scope: Scope) => Subquery;
  /** Whether a subquery may read this column of the row around it. */
  mayRead: (reference: Reference) => boolean = () => true;
  #count = 0;

  constructor(
    scope: Scope,
    bound: BoundText,
    session: Session,
    subquery: (statement: Statement, scope: Scope) => Subquery,
  ) {
    this.scope = scope;
    this.#bound = bound;
    this.#session = session;
    this.#subquery = subquery;
  }

  refuse(why: string, node: Place): Error {
    return this.scope.refuse(why, node);
  }

  unsupported(what: string, node: Place): Error {
    return this.scope.unsupported(what, node);
  }

  /** A condition as a node: the library keeps a row for what is not 0 and known. */
  condition(node: Expression): Expression {
    return this.node(node, (cell) => truth(cell) === true);
  }

  /** What sorts and groups as the value does. */
  key(node: Expression, ofNull?: string): Expression {
    return this.node(node, (cell) => (cell === null ? (ofNull ?? "0") : sortKey(cell)));
  }

  /** An expression as a node that gives what `finish` makes of its value. */
  node(expression: Expression, finish: (cell: Cell) => unknown): Expression {
    const inputs = new Inputs();
    const { evaluate, size } = this.compile(expression, inputs);
    return this.call(expression, inputs, size, (values) => finish(evaluate(values)));
  }

  /** A call of a function that is made for this place alone. */
  call(
    at: Place,
    inputs: Inputs,
    size: number,
    apply: (values: readonly unknown[]) => unknown,
  ): Expression {
    const { budget, letOthersRun } = this.#session;
    const guarded = (...values: unknown[]): unknown => {
      const isTime = budget.step(size);
      const value = this.sure(at, () => apply(values));
      return isTime ? letOthersRun().then(() => value) : value;
    };
    return this.#function(at, inputs.nodes, guarded);
  }

  compile(node: Expression, inputs: Inputs): Compiled {
    switch (node.type) {
      case "literal":
        return constant(this.#literal(node));
      case "identifier":
        return this.#identifier(node, inputs);
      case "cast":
        return this.#cast(node, inputs);
      case "subquery":
        return this.#scalar(node, inputs);
      case "exists":
      case "not exists":
        return this.#exists(node, inputs);
      case "in":
        return this.#inSubquery(node, inputs);
      case "function":
        return isAggregateCall(node) ? this.#aggregate(node, inputs) : this.#call(node, inputs);
      case "unary":
      case "binary":
      case "in valuelist":
      case "case":
        return this.#operator(node, inputs);
      default:
        throw this.unsupported(node.type.toUpperCase(), node);
    }
  }

  /** An operand of a comparison. */
  comparable(node: Expression, inputs: Inputs): Comparable {
    const compiled = this.compile(node, inputs);
    return { ...compiled, affinity: this.#sureAffinity(compiled.affinity, node) };
  }

  /** @throws FlowError `BAD_REQUEST` where SQLite does not say how a column compares. */
  #sureAffinity(affinity: ColumnAffinity, node: Place): OperandAffinity {
    if (affinity !== "mixed") return affinity;
    throw this.refuse("it compares a column that UNION makes of different types", node);
  }

  #literal(node: OfType<"literal">): Cell {
    const { value } = node;
    if (value === null || typeof value === "string") return value;
    if (typeof value === "boolean") return value ? 1n : 0n;
    throw this.unsupported("such a literal", node);
  }

  #identifier(node: OfType<"identifier">, inputs: Inputs): Compiled {
    if (isValueName(node)) return constant(this.#bound.values.get(node.name) ?? null);
    const { reference, affinity } = this.scope.resolve(node);
    return { ...this.#read(reference, node, inputs), affinity };
  }

  #read(reference: Reference, at: Place, inputs: Inputs): Omit<Compiled, "affinity"> {
    if (reference.kind === "outer") {
      const { scope } = this;
      return { evaluate: () => scope.outer[reference.place] ?? null, size: 0 };
    }
    const place = this.#cellInput(reference, at, inputs);
    return { evaluate: (values) => (values[place] ?? null) as Cell, size: 0 };
  }

  #cellInput(
    { source, column }: Extract<Reference, { kind: "cell" }>,
    at: Place,
    inputs: Inputs,
  ): number {
    const name = cellName(column);
    return inputs.place(`${source.name}.${name}`, () => {
      const prefix = this.scope.sources.length > 1 ? source.name : undefined;
      return {
        ...placeOf(at),
        type: "identifier",
        name,
        ...(prefix === undefined ? {} : { prefix }),
      };
    });
  }

  /** Whether a comparison is one by `IS`. */
  isIdentity({ op, left, right }: OfType<"binary">): boolean {
    // The two halves of a BETWEEN have the whole of it between their operands.
    if (op !== "=" && op !== "!=") return false;
    return this.#isIn(this.#bound.identities, left.positionEnd, right.positionStart);
  }

  #isIn(places: readonly number[], from: number, to: number): boolean {
    return places.some((at) => at >= from && at < to);
  }

  #operator(node: Operation, inputs: Inputs): Compiled {
    const { escapes } = this.#bound;
    return compileOperator(node, {
      compile: (part) => this.compile(part, inputs),
      comparable: (part) => this.comparable(part, inputs),
      refuse: (why, at) => this.refuse(why, at),
      isEscape: ({ op, left, right }) =>
        op === "-" && this.#isIn(escapes, left.positionEnd, right.positionStart),
      isIdentity: (one) => this.isIdentity(one),
      spend: this.#session.surroundings.spend,
    });
  }

  #cast(node: OfType<"cast">, inputs: Inputs): Compiled {
    const inner = this.compile(node.expr, inputs);
    const affinity = CAST_AFFINITIES[node.toType];
    const cast = functionNamed(`CAST ${node.toType}`);
    if (affinity === undefined || cast === null) {
      throw this.unsupported(`CAST … AS ${node.toType}`, node);
    }
    const apply = this.#placed(node, cast);
    const evaluate: Evaluate = (values) => apply([inner.evaluate(values)]);
    return { evaluate, affinity, size: inner.size + 1 };
  }

  #call(node: OfType<"function">, inputs: Inputs): Compiled {
    const name = functionNameOf(node);
    const known = functionNamed(name);
    if (known === null || node.distinct === true || node.filter !== undefined) {
      throw this.unsupported(`such a call of ${name}`, node);
    }
    const { min, max } = known;
    if (node.args.length < min || node.args.length > max) {
      const wanted = min === max ? String(min) : `${min} to ${max}`;
      throw this.refuse(`${name} takes ${wanted} arguments, not ${node.args.length}`, node);
    }
    const parts = node.args.map((one) => this.compile(one, inputs));
    const apply = this.#placed(node, known);
    const evaluate: Evaluate = (values) => apply(parts.map((one) => one.evaluate(values)));
    return { evaluate, affinity: "none", size: sizeOf(parts) };
  }

  /** A function whose refusals name its own place, and whose texts count. */
  #placed(node: Place, { apply }: SqlFunction): (cells: Cell[]) => Cell {
    const { surroundings } = this.#session;
    return (cells) =>
      this.sure(node, () => {
        surroundings.spend(textSteps(cells));
        const result = apply(cells, surroundings);
        surroundings.spend(textSteps([result]));
        return result;
      });
  }

  /** The library gathers the values of the rows of a group, in their order. */
  #aggregate(node: OfType<"function">, inputs: Inputs): Compiled {
    const name = functionNameOf(node);
    const [argument, separator] = node.args;
    if (argument === undefined || node.args.length > (name === "GROUP_CONCAT" ? 2 : 1)) {
      throw this.unsupported(`such a call of ${name}`, node);
    }
    if (node.distinct === true && separator !== undefined) {
      throw this.refuse("an aggregate of DISTINCT values takes one argument", node);
    }
    if (node.args.some(hasAggregate) || (node.filter !== undefined && hasAggregate(node.filter))) {
      throw this.refuse("an aggregate stands in an aggregate", node);
    }
    const options = { isDistinct: node.distinct === true, separator: this.#separator(separator) };
    const each =
      argument.type === "star"
        ? this.call(argument, new Inputs(), 1, () => 1n)
        : this.node(argument, (cell) => cell);
    this.#requireOwn(argument, node);
    const list: Expression = {
      ...placeOf(node),
      type: "function",
      funcName: "ARRAY_AGG",
      args: [each],
      ...(node.filter === undefined ? {} : { filter: this.condition(node.filter) }),
    };
    const place = inputs.place(`aggregate ${this.#count}`, () => list);
    const evaluate: Evaluate = (values) => {
      const cells = values[place] as readonly Cell[];
      this.#session.surroundings.spend(textSteps(cells));
      return this.sure(node, () => aggregated(name, cells, options));
    };
    return { evaluate, affinity: "none", size: 1 };
  }

  /** SQLite takes an aggregate of columns of the query around for one of that query. */
  #requireOwn(argument: Expression, node: Expression): void {
    const isOuter = (part: Expression): boolean =>
      part.type === "identifier" && !isValueName(part)
        ? this.scope.resolve(part).reference.kind === "outer"
        : false;
    if (isOuter(argument)) {
      throw this.unsupported("an aggregate of the query around", node);
    }
  }

  #separator(node: Expression | undefined): string {
    if (node === undefined) return ",";
    const inputs = new Inputs();
    const value = this.compile(node, inputs).evaluate([]);
    if (inputs.nodes.length === 0 && value !== null) return textOf(value);
    throw this.refuse("the separator must be a text that is the same for all", node);
  }

  #scalar(node: OfType<"subquery">, inputs: Inputs): Compiled {
    const { subquery, place } = this.#inner(node, node.subquery, inputs, 1, (rows) => {
      return rows[0]?.[0] ?? null;
    });
    const [column, more] = subquery.columns;
    if (more !== undefined) throw this.refuse("a subquery for a value has one column", node);
    return {
      evaluate: (values) => (values[place] ?? null) as Cell,
      affinity: column?.affinity ?? "none",
      size: 1,
    };
  }

  #exists(node: OfType<"exists" | "not exists">, inputs: Inputs): Compiled {
    const isWanted = node.type === "exists";
    const { place } = this.#inner(node, node.subquery, inputs, 1, (rows) => rows.length > 0);
    return {
      evaluate: (values) => conditionCell(values[place] === isWanted),
      affinity: "none",
      size: 1,
    };
  }

  #inSubquery(node: OfType<"in">, inputs: Inputs): Compiled {
    const wanted = this.comparable(node.expr, inputs);
    let ofColumn: OperandAffinity = "none";
    const { subquery, place } = this.#inner(node, node.subquery, inputs, Infinity, (rows) =>
      membersOf(rows, ofColumn, wanted.affinity),
    );
    if (subquery.columns.length !== 1) throw this.refuse("IN takes one column", node);
    ofColumn = this.#sureAffinity(subquery.columns[0]?.affinity ?? "none", node);
    const evaluate: Evaluate = (values) => {
      const { keys, hasUnknown, isEmpty } = values[place] as Members;
      const value = wanted.evaluate(values);
      if (isEmpty) return 0n;
      if (value === null) return null;
      if (keys.has(sortKey(converted(value, wanted.affinity, ofColumn)))) return 1n;
      return hasUnknown ? null : 0n;
    };
    return { evaluate, affinity: "none", size: wanted.size + 1 };
  }

  /** A subquery as an input: run once for each set of values that it takes from the rows around. */
  #inner(
    at: Place,
    statement: Statement,
    inputs: Inputs,
    most: number,
    finish: (rows: readonly (readonly Cell[])[]) => unknown,
  ): { subquery: Subquery; place: number } {
    const subquery = this.#subquery(statement, this.scope);
    const apply = onceForEach(subquery, most, (rows) => this.sure(at, () => finish(rows)));
    const args = subquery.references.map((reference) => this.#outerNode(reference, at));
    const place = inputs.place(`subquery ${this.#count}`, () => this.#function(at, args, apply));
    return { subquery, place };
  }

  #outerNode(reference: Reference, at: Place): Expression {
    if (reference.kind === "cell" && !this.mayRead(reference)) {
      const what = "a subquery over a column that is neither grouped by nor aggregated";
      throw this.unsupported(what, at);
    }
    const inputs = new Inputs();
    const { evaluate } = this.#read(reference, at, inputs);
    return inputs.nodes[0] ?? this.#function(at, [], () => evaluate([]));
  }

  #function(at: Place, args: Expression[], apply: (...values: never[]) => unknown): Expression {
    const funcName = `$f${this.#count}`;
    this.#count += 1;
    // Among themselves our functions hand over more than the library knows as values.
    this.functions[funcName] = {
      apply: apply as Functions[string]["apply"],
      arguments: { min: 0 },
    };
    return { ...placeOf(at), type: "function", funcName, args };
  }

  /** What `act` gives; where it is not sure to be SQLite's answer, a refusal. */
  sure<T>(at: Place, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Unsure)) throw error;
      throw this.scope.unsure(error.message, at);
    }
  }
}
