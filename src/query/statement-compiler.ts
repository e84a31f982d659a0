/** Statements of SELECTs: WITH, UNION and its kin, and the tables that a FROM names. */

import type { Session, Subquery } from "./compiled.ts";
import { type SelectNode, type Statement } from "./expressions.ts";
import { nearest } from "../nearest.ts";
import {
  refuse,
  unsure,
  type QueryRequest,
  type QueryTable,
  type SqlValue,
} from "./query-engine.ts";
import type { ColumnOf } from "./affinities.ts";
import { sameName, Scope, type Relation, type Source } from "./scope.ts";
import { compileSelect, keyOfNull, type SelectPlan } from "./select-compiler.ts";
import { isNameOfNumber } from "./sql-binding.ts";
import type { Cell } from "./sql-cells.ts";
import { ONE_ROW } from "./sql-clauses.ts";
import type { BoundText } from "./sql-text.ts";
import { EQUAL_NUMBERS, sortKey, stored } from "./sql-values.ts";

/** A statement that can be run. */
export interface Plan extends Subquery {
  readonly columns: readonly ColumnOf[];
}

/** Runs one SELECT. */
export type RunSelect = (plan: SelectPlan, most: number) => Promise<readonly (readonly Cell[])[]>;

/** What a name means in FROM. */
type Table = Omit<Source, "name" | "alias">;
/** The tables of WITH that are known; `null` for the one that is being made. */
type Known = ReadonlyMap<string, Table | null>;

type Row = readonly Cell[];
type CompoundNode = Extract<Statement, { type: "compound" }>;

const asIs: Relation["read"] = (value) => value as Cell;

/** Compiles the statements of one query. */
export class StatementCompiler {
  readonly #tables: readonly QueryTable[];
  readonly #tableNames: readonly string[];
  readonly #session: Session;
  readonly #parse: (bound: BoundText) => Statement;
  readonly #runSelect: RunSelect;

  constructor(
    { tables, tableNames }: Pick<QueryRequest, "tables" | "tableNames">,
    session: Session,
    parse: (bound: BoundText) => Statement,
    runSelect: RunSelect,
  ) {
    this.#tables = tables;
    this.#tableNames = tableNames;
    this.#session = session;
    this.#parse = parse;
    this.#runSelect = runSelect;
  }

  /** @throws FlowError `BAD_REQUEST` with the position of what is not among what queries can do. */
  compile(bound: BoundText): Plan {
    return this.#statement(this.#parse(bound), bound, null, new Map());
  }

  #statement(statement: Statement, bound: BoundText, around: Scope | null, known: Known): Plan {
    if (statement.type === "with") return this.#with(statement, bound, around, known);
    if (statement.type === "compound") return this.#compound(statement, bound, around, known);
    return this.#select(statement, bound, around, known);
  }

  #with(
    { ctes, query }: Extract<Statement, { type: "with" }>,
    bound: BoundText,
    around: Scope | null,
    known: Known,
  ): Plan {
    const all = new Map(known);
    for (const { name, query: inner, positionStart } of ctes) {
      all.set(name.toLowerCase(), null);
      const plan = this.#statement(inner, bound, null, all);
      const names = bound.columns.get(positionStart);
      if (names !== undefined && names.length !== plan.columns.length) {
        const why = `${name} names ${names.length} columns for ${plan.columns.length}`;
        throw refuse(why, bound.startOf(positionStart));
      }
      all.set(name.toLowerCase(), tableOf(plan, names));
    }
    return this.#statement(query, bound, around, all);
  }

  #select(select: SelectNode, bound: BoundText, around: Scope | null, known: Known): Plan {
    const scope = new Scope(this.#sources(select, bound, known), bound, around);
    const plan = compileSelect(select, scope, bound, this.#session, (statement, outer) => {
      return this.#statement(statement, bound, outer, known);
    });
    return {
      columns: plan.columns,
      references: scope.references,
      run: (outer, most) => {
        scope.outer = outer;
        return this.#runSelect(plan, most);
      },
    };
  }

  #sources({ from, joins }: SelectNode, bound: BoundText, known: Known): Source[] {
    const sources: Source[] = [];
    for (const one of [from, ...joins]) {
      const at = bound.startOf(one.positionStart);
      if (!("table" in one) || ("fromFunction" in one && one.fromFunction !== undefined)) {
        throw refuse("FROM takes tables alone", at);
      }
      const inner = bound.subqueries.get(one.table);
      const table =
        inner === undefined ? this.#named(one.table, at, known) : this.#inner(inner, known);
      const alias = one.alias ?? one.table;
      if (sources.some((source) => sameName(source.alias, alias))) {
        throw refuse(`two tables are called ${alias}`, at);
      }
      sources.push({ ...table, name: `$t${sources.length}`, alias });
    }
    return sources;
  }

  #inner(bound: BoundText, known: Known): Table {
    return tableOf(this.#statement(this.#parse(bound), bound, null, known), undefined);
  }

  #named(name: string, at: number, known: Known): Table {
    if (name === ONE_ROW) {
      return { columns: [], relation: async () => ({ rows: [[]], read: asIs }) };
    }
    const given = known.get(name.toLowerCase());
    if (given === null) throw refuse(`${name} reads itself, which queries cannot do`, at);
    if (given !== undefined) return given;
    const found = this.#tables.filter((table) => sameName(table.name, name));
    const [table, other] = found;
    if (table === undefined) throw refuse(`there is no table ${name}${this.#guess(name)}`, at);
    if (other !== undefined) {
      throw refuse(`${table.name} and ${other.name} differ in case alone`, at);
    }
    const { rows } = table;
    const read: Relation["read"] = (value, column) => {
      return stored(value as SqlValue, table.columns[column]?.affinity ?? "none");
    };
    const columns = table.columns.map(({ name: column, affinity }) => {
      return { name: column, affinity: affinity === "none" ? ("blob" as const) : affinity };
    });
    return { columns, relation: async () => ({ rows, read }) };
  }

  #guess(name: string): string {
    const guess = nearest(name, this.#tableNames);
    return guess === null ? "" : `; did you mean ${guess}?`;
  }

  #compound(node: CompoundNode, bound: BoundText, around: Scope | null, known: Known): Plan {
    const { operator, all, left, right } = node;
    const at = bound.startOf(right.positionStart);
    if (right.type === "compound") {
      throw refuse("SQLite takes INTERSECT from left to right: put parts into subqueries", at);
    }
    if (all && operator !== "UNION") throw refuse(`${operator} ALL is not SQL of SQLite`, at);
    if (left.type !== "with" && (left.orderBy.length > 0 || left.limit !== undefined)) {
      throw refuse("ORDER BY and LIMIT stand behind the last SELECT", at);
    }
    const [first, second] = [left, right].map((one) => this.#statement(one, bound, around, known));
    if (first === undefined || second === undefined) throw refuse("it is no SELECT", at);
    if (first.columns.length !== second.columns.length) {
      const counts = `${first.columns.length} and ${second.columns.length}`;
      throw refuse(`the SELECTs of ${operator} have ${counts} columns`, at);
    }
    const columns = first.columns.map(({ name, affinity }, column) => {
      const isSame = second.columns[column]?.affinity === affinity;
      return { name, affinity: isSame ? affinity : ("mixed" as const) };
    });
    const order = orderOf(node, columns, bound);
    const { limit = Infinity, offset = 0 } = node;
    const count = first.references.length;
    const { budget } = this.#session;
    return {
      columns,
      references: [...first.references, ...second.references],
      run: async (outer) => {
        const a = await first.run(outer.slice(0, count), Infinity);
        const b = await second.run(outer.slice(count), Infinity);
        budget.step(a.length + b.length);
        return sorted(combined(node, a, b, at), order).slice(offset, offset + limit);
      },
    };
  }
}

/** What a statement gives, as a table; run when its rows are asked for, and once. */
function tableOf(plan: Plan, names: readonly string[] | undefined): Table {
  let relation: Promise<Relation> | null = null;
  const columns = plan.columns.map(({ name, affinity }, at) => ({
    name: names?.[at] ?? name,
    affinity,
  }));
  return {
    columns,
    relation: () => {
      relation ??= plan.run([], Infinity).then((rows) => ({ rows, read: asIs }));
      return relation;
    },
  };
}

function keyOf(row: Row): string {
  return JSON.stringify(row.map(sortKey));
}

/** Without ALL each row once, in the order of its values, as SQLite gives them. */
function combined(
  { operator, all }: CompoundNode,
  left: readonly Row[],
  right: readonly Row[],
  at: number,
): Row[] {
  if (all) return [...left, ...right];
  const others = new Set(operator === "UNION" ? [] : right.map(keyOf));
  const kept = new Map<string, Row>();
  for (const row of operator === "UNION" ? [...left, ...right] : left) {
    const key = keyOf(row);
    const isKept = operator === "UNION" || others.has(key) === (operator === "INTERSECT");
    if (!isKept) continue;
    const earlier = kept.get(key) ?? row;
    if (!row.every((cell, column) => typeof cell === typeof earlier[column])) {
      throw unsure(EQUAL_NUMBERS, at);
    }
    kept.set(key, earlier);
  }
  const places = (kept.values().next().value ?? []).map((_cell, column) => ({
    column,
    isDescending: false,
    ofNull: "0",
  }));
  return sorted([...kept.values()], places);
}

/** A column that sorts. */
interface SortTerm {
  readonly column: number;
  readonly isDescending: boolean;
  readonly ofNull: string;
}

function orderOf(
  { orderBy }: CompoundNode,
  columns: readonly ColumnOf[],
  bound: BoundText,
): SortTerm[] {
  return orderBy.map(({ expr, direction, nulls }) => {
    const at = bound.startOf(expr.positionStart);
    if (expr.type !== "identifier" || expr.prefix !== undefined) {
      throw refuse("ORDER BY of a UNION takes names and places of the result", at);
    }
    const column = isNameOfNumber(expr.name)
      ? Number(bound.values.get(expr.name)) - 1
      : columns.findIndex(({ name }) => sameName(name, expr.name));
    if (columns[column] === undefined) throw refuse("the result has no such column", at);
    return {
      column,
      isDescending: direction === "DESC",
      ofNull: keyOfNull(direction, nulls),
    };
  });
}

function sorted(rows: readonly Row[], terms: readonly SortTerm[]): Row[] {
  if (terms.length === 0) return [...rows];
  const keyed = rows.map((row) => ({
    row,
    keys: terms.map(({ column, ofNull }) => {
      const cell = row[column] ?? null;
      return cell === null ? ofNull : sortKey(cell);
    }),
  }));
  keyed.sort((a, b) => {
    for (const [at, { isDescending }] of terms.entries()) {
      const [left, right] = [a.keys[at] ?? "", b.keys[at] ?? ""];
      if (left !== right) return left < right === isDescending ? 1 : -1;
    }
    return 0;
  });
  return keyed.map(({ row }) => row);
}
