/** One SELECT as the library runs it: which tables, which columns, in which order. */

import { Inputs, type Functions, type Session, type Subquery } from "./compiled.ts";
import { ExpressionCompiler } from "./expression-compiler.ts";
import {
  conjuncts,
  hasAggregate,
  isValueName,
  placeOf,
  type Expression,
  type SelectNode,
  type Statement,
} from "./expressions.ts";
import { requireGrouped, sameExpression, Terms, type Output } from "./grouping.ts";
import { columnOf, compileJoins, type Joins } from "./joins.ts";
import type { ColumnOf } from "./affinities.ts";
import { sameName, type Scope } from "./scope.ts";
import { Unsure, type Cell } from "./sql-cells.ts";
import type { BoundText } from "./sql-text.ts";
import { EQUAL_NUMBERS, sortKey, truth } from "./sql-values.ts";

/** What the library calls the one column of ours: the cells of a row of the result. */
export const RESULT = "$r";

/** Whether a row is kept, by its cells. */
export interface RowFilter {
  readonly keeps: (cell: (column: number) => Cell) => boolean;
  /** How many operations that takes. */
  readonly size: number;
}

/** A SELECT that can be run. */
export interface SelectPlan {
  readonly scope: Scope;
  readonly functions: Functions;
  readonly columns: readonly ColumnOf[];
  readonly joins: Joins;
  /** Of a SELECT of one table: which rows it keeps; `null` where the library knows it. */
  readonly filter: RowFilter | null;
  /** @param isEmpty whether the table at a place has no rows */
  readonly statement: (isEmpty: (table: number) => boolean) => SelectNode;
  /** Of DISTINCT: rows are told apart, skipped and counted behind the library. */
  readonly distinct: { readonly offset: number; readonly limit: number } | null;
}

/** @throws FlowError `BAD_REQUEST` with the position of what is not among what queries can do. */
export function compileSelect(
  select: SelectNode,
  scope: Scope,
  bound: BoundText,
  session: Session,
  subquery: (statement: Statement, scope: Scope) => Subquery,
): SelectPlan {
  const compiler = new ExpressionCompiler(scope, bound, session, subquery);
  return new SelectCompiler(select, bound, compiler).compile();
}

type Order = SelectNode["orderBy"];

class SelectCompiler {
  readonly #select: SelectNode;
  readonly #bound: BoundText;
  readonly #compiler: ExpressionCompiler;
  readonly #scope: Scope;
  readonly #outputs: readonly Output[];
  readonly #terms: Terms;

  constructor(select: SelectNode, bound: BoundText, compiler: ExpressionCompiler) {
    this.#select = select;
    this.#bound = bound;
    this.#compiler = compiler;
    this.#scope = compiler.scope;
    this.#outputs = this.#listOutputs();
    this.#terms = new Terms(select, this.#outputs, compiler, bound.values);
  }

  compile(): SelectPlan {
    const select = this.#select;
    const groupBy = select.groupBy.map((expression) => this.#terms.group(expression));
    const orderBy = this.#terms.order(select.orderBy);
    const having = select.having === undefined ? undefined : this.#terms.named(select.having);
    // What runs before the groups are made may read any column.
    const joins = this.#joins();
    const { where, filter } = this.#where(joins);
    const groupKeys = groupBy.map((expression) => this.#groupKey(expression));
    const isGrouped = this.#requireGrouped(groupBy, orderBy, having);
    if (select.distinct) this.#requireSelected(orderBy);
    const { result, columns } = this.#result(isGrouped && groupBy.length === 0);
    const { limit, offset = 0 } = select;
    const order = this.#order(orderBy, groupBy, isGrouped);
    const rest = {
      ...(having === undefined ? {} : { having: this.#compiler.condition(having) }),
      ...(select.distinct || limit === undefined ? {} : { limit }),
      ...(select.distinct || offset === 0 ? {} : { offset }),
    };
    const never = select.joins.map((join) => {
      return this.#compiler.call(join, new Inputs(), 1, () => false);
    });
    const first = this.#scope.sources[0]?.name ?? "";
    const statement: SelectPlan["statement"] = (isEmpty) => ({
      ...placeOf(select),
      type: "select",
      distinct: false,
      columns: [{ ...placeOf(select), type: "derived", expr: result, alias: RESULT }],
      from: { ...placeOf(select.from), type: "table", table: first, alias: first },
      joins: joins.joins.map((join, at) => {
        const on = never[at];
        return isEmpty(at + 1) && on !== undefined ? { ...join, on } : join;
      }),
      groupBy: groupKeys,
      orderBy: order,
      ...(where === null ? {} : { where }),
      ...rest,
    });
    const { functions } = this.#compiler;
    const distinct = select.distinct ? { offset, limit: limit ?? Infinity } : null;
    return { scope: this.#scope, functions, columns, joins, filter, statement, distinct };
  }

  /** The columns of the result, `*` written out. */
  #listOutputs(): Output[] {
    return this.#select.columns.flatMap((column): Output[] => {
      if (column.type === "star") return this.#star(column);
      const { expr, alias } = column;
      const isColumn = expr.type === "identifier" && !isValueName(expr);
      const { sql, startOf, endOf } = this.#bound;
      const written = (): string => {
        return sql.slice(startOf(column.positionStart), endOf(column.positionEnd));
      };
      const name = alias ?? (isColumn ? this.#scope.resolve(expr).name : written());
      return [{ name, expression: expr }];
    });
  }

  #star(column: Extract<SelectNode["columns"][number], { type: "star" }>): Output[] {
    const { table } = column;
    const sources = this.#scope.sources.filter(
      ({ alias }) => table === undefined || sameName(alias, table),
    );
    if (sources.length === 0) throw this.#compiler.refuse(`there is no table ${table}`, column);
    const outputs = sources.flatMap(({ alias, columns }) =>
      columns.map(({ name }) => ({
        name,
        expression: { ...placeOf(column), type: "identifier" as const, name, prefix: alias },
      })),
    );
    if (outputs.length === 0) throw this.#compiler.refuse("* stands for no column here", column);
    return outputs;
  }

  #joins(): Joins {
    const { where } = this.#select;
    const meant = where === undefined ? undefined : this.#terms.named(where);
    if (meant !== undefined && hasAggregate(meant)) {
      throw this.#compiler.refuse("WHERE takes no aggregate", meant);
    }
    return compileJoins(this.#compiler, this.#select, conjuncts(meant));
  }

  /** As a node, or for one table as a function: that asks for no promise a row. */
  #where({ where }: Joins): { where: Expression | null; filter: RowFilter | null } {
    const [first] = where;
    if (first === undefined) return { where: null, filter: null };
    const inputs = new Inputs();
    const compiled = where.map((one) => this.#compiler.compile(one, inputs));
    const size = compiled.reduce((sum, one) => sum + one.size, 1);
    const isMet = (values: readonly unknown[]): boolean =>
      compiled.every(({ evaluate }) => truth(evaluate(values)) === true);
    const areColumns = inputs.nodes.every(({ type }) => type === "identifier");
    if (this.#scope.sources.length > 1 || !areColumns) {
      return { where: this.#compiler.call(first, inputs, size, isMet), filter: null };
    }
    const columns = inputs.nodes.map((node) => columnOf(node));
    const keeps: RowFilter["keeps"] = (cell) => {
      return this.#compiler.sure(first, () => isMet(columns.map(cell)));
    };
    return { where: null, filter: { keeps, size } };
  }

  #requireGrouped(
    groupBy: readonly Expression[],
    orderBy: Order,
    having: Expression | undefined,
  ): boolean {
    const used = [
      ...this.#outputs.map(({ expression }) => expression),
      ...orderBy.map(({ expr }) => expr),
      ...(having === undefined ? [] : [having]),
    ];
    const isGrouped = groupBy.length > 0 || used.some(hasAggregate);
    if (!isGrouped && having !== undefined) {
      throw this.#compiler.refuse("HAVING needs GROUP BY or an aggregate", having);
    }
    if (isGrouped) {
      requireGrouped(this.#compiler, groupBy, used);
      this.#compiler.mayRead = (reference) =>
        groupBy.some((one) => {
          if (one.type !== "identifier") return false;
          const meant = this.#scope.resolve(one).reference;
          const areCells = meant.kind === "cell" && reference.kind === "cell";
          return areCells && meant.source === reference.source && meant.column === reference.column;
        });
    }
    return isGrouped;
  }

  /** What groups as the value does. */
  #groupKey(node: Expression): Expression {
    const types = new Map<string, string>();
    return this.#compiler.node(node, (cell) => {
      const key = sortKey(cell);
      if (typeof cell !== "bigint" && typeof cell !== "number") return key;
      const type = types.get(key) ?? typeof cell;
      if (type !== typeof cell) throw new Unsure(EQUAL_NUMBERS);
      types.set(key, type);
      return key;
    });
  }

  #requireSelected(orderBy: Order): void {
    for (const { expr } of orderBy) {
      if (this.#outputs.some(({ expression }) => sameExpression(expression, expr))) continue;
      throw this.#compiler.unsupported("to order DISTINCT rows by what is not in them", expr);
    }
  }

  /**
   * All columns as one list, by one call.
   *
   * @param isOneGroup whether all rows are one group: the library must see an aggregate to know it
   */
  #result(isOneGroup: boolean): { result: Expression; columns: ColumnOf[] } {
    const select = this.#select;
    const inputs = new Inputs();
    const compiled = this.#outputs.map(({ expression }) => {
      return this.#compiler.compile(expression, inputs);
    });
    if (isOneGroup) {
      inputs.place("all rows", () => ({
        ...placeOf(select),
        type: "function",
        funcName: "ARRAY_AGG",
        args: [this.#compiler.call(select, new Inputs(), 1, () => null)],
      }));
    }
    const columns = this.#outputs.map(({ name }, at) => {
      return { name, affinity: compiled[at]?.affinity ?? "none" };
    });
    const size = compiled.reduce((sum, one) => sum + one.size, 1);
    const evaluate = (values: readonly unknown[]): Cell[] => {
      return compiled.map((one) => one.evaluate(values));
    };
    return { result: this.#compiler.call(select, inputs, size, evaluate), columns };
  }

  /** Without an order of one's own, groups come in that of what they are grouped by, as in SQLite. */
  #order(orderBy: Order, groupBy: readonly Expression[], isGrouped: boolean): Order {
    // One group is one row.
    if (isGrouped && groupBy.length === 0) return [];
    if (orderBy.length === 0) {
      return groupBy.map((expression) => ({
        ...placeOf(expression),
        expr: this.#compiler.key(expression),
        direction: "ASC" as const,
      }));
    }
    return orderBy.map(({ expr, direction, nulls }) => ({
      ...placeOf(expr),
      expr: this.#compiler.key(expr, keyOfNull(direction, nulls)),
      direction,
    }));
  }
}

/** NULL sorts below all others, unless the query says otherwise. */
export function keyOfNull(direction: string, nulls: string | undefined): string {
  const isGreatest = nulls === (direction === "ASC" ? "LAST" : "FIRST");
  return isGreatest ? "9" : "0";
}
