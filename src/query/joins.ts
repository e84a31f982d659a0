/**
 * Joins for the library: where an equality binds two tables, each gets a column of keys that are the
 * same where SQLite finds the values equal, so that it looks rows up instead of trying all pairs.
 */

import { Inputs } from "./compiled.ts";
import type { ExpressionCompiler } from "./expression-compiler.ts";
import {
  conjuncts,
  isValueName,
  partsOf,
  placeOf,
  type Expression,
  type Place,
  type SelectNode,
} from "./expressions.ts";
import type { Cell } from "./sql-cells.ts";
import { cellName } from "./scope.ts";
import { converted, sortKey, truth } from "./sql-values.ts";

type JoinNode = SelectNode["joins"][number];

/** A column that a table has for a join alone. */
export interface KeyColumn {
  readonly name: string;
  /** The key of a row, by its cells; `null` for a row that joins with none. */
  readonly keyOf: (cell: (column: number) => Cell) => string | null;
  /** Whether rows are looked up by it, or look up; each is asked for its key once. */
  readonly isLookedUp: boolean;
}

/** What the library joins, and what is left to filter behind. */
export interface Joins {
  readonly joins: readonly JoinNode[];
  /** By the place of their table. */
  readonly keys: readonly (readonly KeyColumn[])[];
  readonly where: readonly Expression[];
}

/** A pair of rows is made before it is judged; it costs as much as so many operations. */
export const PAIR_STEPS = 20;

/** Two expressions that must be equal: of one table to the left, and of the one that is joined. */
interface Equality {
  readonly left: Expression;
  readonly right: Expression;
  readonly leftTable: number;
}

export function compileJoins(
  compiler: ExpressionCompiler,
  { joins }: SelectNode,
  where: readonly Expression[],
): Joins {
  return new JoinCompiler(compiler, joins, where).compile();
}

class JoinCompiler {
  readonly #compiler: ExpressionCompiler;
  readonly #given: readonly JoinNode[];
  readonly #keys: KeyColumn[][];
  #where: Expression[];

  constructor(
    compiler: ExpressionCompiler,
    joins: readonly JoinNode[],
    where: readonly Expression[],
  ) {
    this.#compiler = compiler;
    this.#given = joins;
    this.#keys = [[], ...joins.map(() => [])];
    this.#where = [...where];
  }

  compile(): Joins {
    const isInner = this.#given.every(({ joinType }) => joinType === "INNER");
    const joins = this.#given.map((join, at) => {
      if (join.joinType !== "INNER" && join.joinType !== "LEFT") {
        throw this.#compiler.unsupported(`${join.joinType} JOIN`, join);
      }
      return this.#join(join, at + 1, isInner);
    });
    return { joins, keys: this.#keys, where: this.#where };
  }

  #join(join: JoinNode, right: number, takesWhere: boolean): JoinNode {
    const own = conjuncts(join.on);
    const all = takesWhere ? [...own, ...this.#where] : own;
    const equalities = this.#equalities(all, right);
    const rest = all.filter((one) => !equalities.has(one));
    const name = this.#nameOf(right);
    const made = { ...placeOf(join), joinType: join.joinType, table: name, alias: name };
    const isRight = (one: Expression): boolean => {
      const tables = this.#tablesOf(one);
      return tables !== null && [...tables].every((table) => table === right);
    };
    const canLook = equalities.size > 0 && (join.joinType === "INNER" || rest.every(isRight));
    if (!canLook) {
      const conditions = takesWhere ? own : rest.concat([...equalities.keys()]);
      return { ...made, on: this.#all(join, conditions) };
    }
    const filters = join.joinType === "LEFT" ? rest : [];
    if (join.joinType === "INNER") {
      this.#where = takesWhere ? rest : [...this.#where, ...rest];
    }
    return { ...made, on: this.#lookup(join, [...equalities.values()], filters, right) };
  }

  #nameOf(table: number): string {
    return this.#compiler.scope.sources[table]?.name ?? "";
  }

  /** A condition of several, as one node. */
  #all(at: Place, conditions: readonly Expression[]): Expression {
    const inputs = new Inputs();
    const compiled = conditions.map((one) => this.#compiler.compile(one, inputs));
    const size = compiled.reduce((sum, one) => sum + one.size, PAIR_STEPS);
    return this.#compiler.call(at, inputs, size, (values) =>
      compiled.every(({ evaluate }) => truth(evaluate(values)) === true),
    );
  }

  #equalities(conditions: readonly Expression[], right: number): Map<Expression, Equality> {
    const found = new Map<Expression, Equality>();
    let leftTable: number | null = null;
    for (const condition of conditions) {
      const equality = this.#equality(condition, right);
      if (equality === null) continue;
      leftTable ??= equality.leftTable;
      if (equality.leftTable === leftTable) found.set(condition, equality);
    }
    return found;
  }

  #equality(node: Expression, right: number): Equality | null {
    const isEqual = node.type === "binary" && (node.op === "=" || node.op === "==");
    if (!isEqual || this.#compiler.isIdentity(node)) return null;
    const sides = [node.left, node.right].map((expression) => {
      const tables = this.#tablesOf(expression);
      return { expression, table: tables?.size === 1 ? [...tables][0] : undefined };
    });
    const joined = sides.find(({ table }) => table === right);
    const other = sides.find(({ table }) => table !== undefined && table < right);
    if (joined === undefined || other?.table === undefined) return null;
    return { left: other.expression, right: joined.expression, leftTable: other.table };
  }

  /** The tables whose rows an expression reads; `null` where a subquery reads them. */
  #tablesOf(node: Expression): ReadonlySet<number> | null {
    if (["subquery", "exists", "not exists", "in"].includes(node.type)) return null;
    const tables = new Set<number>();
    if (node.type === "identifier" && !isValueName(node)) {
      const { reference } = this.#compiler.scope.resolve(node);
      if (reference.kind === "cell") {
        tables.add(this.#compiler.scope.sources.indexOf(reference.source));
      }
    }
    for (const part of partsOf(node)) {
      const others = this.#tablesOf(part);
      if (others === null) return null;
      for (const table of others) tables.add(table);
    }
    return tables;
  }

  /** The columns of keys, and their equality, which the library knows how to look up. */
  #lookup(
    join: JoinNode,
    equalities: readonly Equality[],
    filters: readonly Expression[],
    right: number,
  ): Expression {
    const name = `k${right}`;
    const leftTable = equalities[0]?.leftTable ?? 0;
    const [ofLeft, ofRight] = [new Inputs(), new Inputs()];
    const pairs = equalities.map((equality) => ({
      left: this.#compiler.comparable(equality.left, ofLeft),
      right: this.#compiler.comparable(equality.right, ofRight),
    }));
    const kept = filters.map((filter) => this.#compiler.compile(filter, ofRight));
    const keyOf = (side: "left" | "right", other: "left" | "right"): KeyColumn["keyOf"] => {
      const inputs = side === "left" ? ofLeft : ofRight;
      const columns = inputs.nodes.map((node) => columnOf(node));
      return (cell) =>
        this.#compiler.sure(join, () => {
          const values = columns.map((column) => cell(column));
          if (side === "right" && kept.some(({ evaluate }) => truth(evaluate(values)) !== true)) {
            return null;
          }
          const keys = pairs.map((pair) => {
            const value = pair[side].evaluate(values);
            if (value === null) return null;
            return sortKey(converted(value, pair[side].affinity, pair[other].affinity));
          });
          return keys.includes(null) ? null : JSON.stringify(keys);
        });
    };
    this.#keys[leftTable]?.push({ name, keyOf: keyOf("left", "right"), isLookedUp: false });
    this.#keys[right]?.push({ name, keyOf: keyOf("right", "left"), isLookedUp: true });
    const key = (table: number): Expression => ({
      ...placeOf(join),
      type: "identifier",
      name,
      prefix: this.#nameOf(table),
    });
    return { ...placeOf(join), type: "binary", op: "=", left: key(leftTable), right: key(right) };
  }
}

/** The place of the column that a node of ours reads. */
export function columnOf(node: Expression): number {
  const name = node.type === "identifier" ? node.name : "";
  return Number(name.slice(cellName(0).length - 1));
}
