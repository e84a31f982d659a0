/**
 * The engine that needs no database: squirreling parses, plans, scans, joins, groups and sorts; what
 * operators and functions make of values is ours. Loaded when a query runs.
 */

import { setImmediate as immediate } from "node:timers/promises";

import type { executeSql, parseSql } from "squirreling";

import { FlowError } from "../errors.ts";
import type { Statement } from "./expressions.ts";
import { PAIR_STEPS, type KeyColumn } from "./joins.ts";
import {
  refuse,
  unfit,
  type QueryBudget,
  type QueryEngine,
  type SqlValue,
} from "./query-engine.ts";
import { cellName, type Relation, type Source } from "./scope.ts";
import { RESULT, type SelectPlan } from "./select-compiler.ts";
import { aggregateNames } from "./sql-aggregates.ts";
import { Unsure, type Cell } from "./sql-cells.ts";
import { functionNames } from "./sql-functions.ts";
import { bindText, type BoundText } from "./sql-text.ts";
import { FUNCTION_MARK } from "./sql-tokens.ts";
import { sortKey, valueOf } from "./sql-values.ts";
import { StatementCompiler } from "./statement-compiler.ts";

type Squirreling = Readonly<{ executeSql: typeof executeSql; parseSql: typeof parseSql }>;
type DataSource = Exclude<Parameters<typeof executeSql>[0]["tables"][string], readonly unknown[]>;

/** Runs queries with squirreling; refuses what it would not answer as SQLite does. */
export const squirrelingEngine: QueryEngine = {
  async query(request) {
    const { budget, nowMs } = request;
    const bound = bindText(request);
    const engine = await import("squirreling");
    const letOthersRun = async (): Promise<void> => immediate();
    const spend = (count: number): void => {
      budget.step(count);
    };
    const session = { budget, surroundings: { nowMs, spend }, letOthersRun };
    const runSelect = async (plan: SelectPlan, most: number): Promise<Cell[][]> => {
      return runPlan(engine, plan, most, budget, letOthersRun);
    };
    const parse = (one: BoundText): Statement => parsed(engine, one);
    const compiler = new StatementCompiler(request, session, parse, runSelect);
    return guarded(bound, async () => {
      const plan = compiler.compile(bound);
      const rows = await plan.run([], budget.maxRows + 1);
      budget.rows(rows.length);
      const columns = plan.columns.map(({ name }) => name);
      return { columns, rows: rows.map((row) => valuesOf(columns, row)) };
    });
  },
};

/** The functions that the parser meets in texts. */
const PARSED_FUNCTIONS = Object.fromEntries(
  [...functionNames(), ...aggregateNames(), "||", "->", "->>"].map((name) => {
    return [`${FUNCTION_MARK}${name}`, { apply: () => null, arguments: { min: 0 } }] as const;
  }),
);

function parsed(engine: Squirreling, bound: BoundText): Statement {
  try {
    return engine.parseSql({ query: bound.text, functions: PARSED_FUNCTIONS });
  } catch (error) {
    throw toRefusal(error, bound);
  }
}

/** What the library threw of its own is about the query; what is ours, and a caller's, goes on. */
async function guarded<T>(bound: BoundText, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw toRefusal(error, bound);
  }
}

/** The library speaks of the text as it was given to it: only the place is of use. */
function toRefusal(error: unknown, bound: BoundText): unknown {
  if (error instanceof FlowError || !(error instanceof Error)) return error;
  const position = (error as { positionStart?: unknown }).positionStart;
  if (typeof position !== "number") return refuse(error.message, undefined, error);
  if (position >= bound.text.length) return refuse("it ends too early", bound.sql.length, error);
  const [start, end] = [bound.startOf(position), bound.endOf(position + 1)];
  return unfit(bound.sql.slice(start, end), start, error);
}

function valuesOf(columns: readonly string[], row: readonly Cell[]): SqlValue[] {
  return columns.map((name, at) => {
    try {
      return valueOf(row[at] ?? null);
    } catch (error) {
      if (!(error instanceof Unsure)) throw error;
      throw refuse(`the column ${name} has ${error.message}`, undefined, error);
    }
  });
}

async function runPlan(
  engine: Squirreling,
  plan: SelectPlan,
  most: number,
  budget: QueryBudget,
  letOthersRun: () => Promise<void>,
): Promise<Cell[][]> {
  const { sources } = plan.scope;
  const relations = await Promise.all(sources.map(({ relation }) => relation()));
  const pairs = new Map<string, number>();
  const isEmpty = (at: number): boolean => relations[at]?.rows.length === 0;
  const tables = Object.fromEntries(
    sources.map((source, at) => {
      const keys = plan.joins.keys[at] ?? [];
      const relation = relations[at] ?? { rows: [], read: () => null };
      // A join takes the columns of an empty side from its rows: one that no condition takes.
      const isOneForNone = at > 0 && isEmpty(at);
      const given = { source, relation, keys, filter: plan.filter, isOneForNone, pairs };
      return [source.name, dataSource(given, budget, letOthersRun)] as const;
    }),
  );
  const query = plan.statement(isEmpty);
  const results = engine.executeSql({ tables, query, functions: plan.functions });
  return rowsOf(results.rows(), plan, most);
}

/** A table as the library reads it. */
interface Given {
  readonly source: Source;
  readonly relation: Relation;
  readonly keys: readonly KeyColumn[];
  readonly filter: SelectPlan["filter"];
  readonly isOneForNone: boolean;
  /** Of each key by which rows are looked up: how many rows have it. */
  readonly pairs: Map<string, number>;
}

/** Rows that are looked up are read first; whoever looks up is told then how many pairs that makes. */
function countedKey(
  { name, keyOf, isLookedUp }: KeyColumn,
  pairs: Map<string, number>,
): (cell: (column: number) => Cell) => { value: Cell; steps: number } {
  return (cell) => {
    const value = keyOf(cell);
    if (value === null) return { value, steps: 1 };
    const key = `${name} ${value}`;
    const count = pairs.get(key) ?? 0;
    if (isLookedUp) pairs.set(key, count + 1);
    return { value, steps: isLookedUp ? 1 : 1 + count * PAIR_STEPS };
  };
}

function dataSource(
  { source, relation, keys, filter, isOneForNone, pairs }: Given,
  budget: QueryBudget,
  letOthersRun: () => Promise<void>,
): DataSource {
  const { rows, read } = relation;
  const names = source.columns.map((_column, at) => cellName(at));
  const readers = new Map<string, (row: readonly unknown[]) => Cell | Promise<Cell>>([
    ...names.map(
      (name, at) => [name, (row: readonly unknown[]) => read(row[at] ?? null, at)] as const,
    ),
    ...keys.map((column) => {
      const keyOf = countedKey(column, pairs);
      const key = (row: readonly unknown[]): Cell | Promise<Cell> => {
        const { value, steps: count } = keyOf((at) => read(row[at] ?? null, at));
        return budget.step(count) ? letOthersRun().then(() => value) : value;
      };
      return [column.name, key] as const;
    }),
  ]);
  const steps = 1 + (filter?.size ?? 0);
  return {
    columns: [...readers.keys()],
    scan({ columns = names }) {
      const wanted = columns.map((name) => ({ name, reader: readers.get(name) }));
      return {
        appliedWhere: false,
        appliedLimitOffset: false,
        async *rows() {
          for (const row of isOneForNone ? [null] : rows) {
            if (budget.step(steps)) await letOthersRun();
            const cell = (at: number): Cell => (row === null ? null : read(row[at] ?? null, at));
            if (filter !== null && !filter.keeps(cell)) continue;
            const cells: Record<string, () => Promise<Cell>> = {};
            for (const { name, reader } of wanted) {
              cells[name] = async () => (row === null ? null : (reader?.(row) ?? null));
            }
            yield { columns, cells };
          }
        },
      };
    },
  };
}

type Results = ReturnType<ReturnType<typeof executeSql>["rows"]>;

async function rowsOf(results: Results, { distinct }: SelectPlan, most: number): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  const seen = new Set<string>();
  let skipped = 0;
  for await (const { cells } of results) {
    if (rows.length >= Math.min(most, distinct?.limit ?? most)) break;
    const row = (await cells[RESULT]?.()) as unknown as Cell[];
    if (distinct !== null) {
      const key = JSON.stringify(row.map(sortKey));
      if (seen.has(key)) continue;
      seen.add(key);
      skipped += 1;
      if (skipped <= distinct.offset) continue;
    }
    rows.push(row);
  }
  return rows;
}
