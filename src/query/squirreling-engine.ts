/**
 * The engine that needs no database: squirreling parses, plans, scans, joins, groups and sorts; what
 * operators and functions make of values is ours. Loaded when a query runs.
 */

import { setImmediate as immediate } from "node:timers/promises";

import type { executeSql, parseSql } from "squirreling";

import { FlowError } from "../errors.ts";
import { setOwn } from "../model/json-values.ts";
import type { Statement } from "./expressions.ts";
import type { KeyColumn } from "./joins.ts";
import { refuse, type QueryBudget, type QueryEngine } from "./query-engine.ts";
import { cellName, type Relation, type Source } from "./scope.ts";
import { RESULT, type SelectPlan } from "./select-compiler.ts";
import { aggregateNames } from "./sql-aggregates.ts";
import { Unsure, type Cell } from "./sql-cells.ts";
import { functionNames } from "./sql-functions.ts";
import { bindText, type BoundText } from "./sql-text.ts";
import { FUNCTION_MARK } from "./sql-tokens.ts";
import { sortKey, valueOf } from "./sql-values.ts";
import { StatementCompiler, type Plan } from "./statement-compiler.ts";

type Squirreling = Readonly<{ executeSql: typeof executeSql; parseSql: typeof parseSql }>;
type DataSource = Exclude<Parameters<typeof executeSql>[0]["tables"][string], readonly unknown[]>;

/** Runs queries with squirreling; refuses what it would not answer as SQLite does. */
export const squirrelingEngine: QueryEngine = {
  async query(request) {
    const { budget, nowMs } = request;
    const bound = bindText(request);
    const engine = await import("squirreling");
    const letOthersRun = async (): Promise<void> => immediate();
    const session = { budget, surroundings: { nowMs }, letOthersRun };
    const runSelect = async (plan: SelectPlan, most: number): Promise<Cell[][]> => {
      return runPlan(engine, plan, most, budget, letOthersRun);
    };
    const parse = (one: BoundText): Statement => parsed(engine, one);
    const compiler = new StatementCompiler(request, session, parse, runSelect);
    return guarded(bound, async () => {
      const plan = compiler.compile(bound);
      const rows = await plan.run([], budget.maxRows + 1);
      budget.rows(rows.length);
      return rows.map((row) => named(plan, row));
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
  const [start, end] = [bound.startOf(position), bound.endOf(position + 1)];
  const found = bound.sql.slice(start, end);
  const why = position >= bound.text.length ? "it ends too early" : `${found} does not fit there`;
  return refuse(why, position >= bound.text.length ? bound.sql.length : start, error);
}

function named({ columns }: Plan, row: readonly Cell[]): Record<string, unknown> {
  const values = {};
  for (const [at, { name }] of columns.entries()) {
    try {
      setOwn(values, name, valueOf(row[at] ?? null));
    } catch (error) {
      if (!(error instanceof Unsure)) throw error;
      throw refuse(`the column ${name} has ${error.message}`, undefined, error);
    }
  }
  return values;
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
  const isEmpty = (at: number): boolean => relations[at]?.rows.length === 0;
  const tables = Object.fromEntries(
    sources.map((source, at) => {
      const keys = plan.joins.keys[at] ?? [];
      const relation = relations[at] ?? { rows: [], read: () => null };
      // A join takes the columns of an empty side from its rows: one that no condition takes.
      const isOneForNone = at > 0 && isEmpty(at);
      const given = { source, relation, keys, filter: plan.filter, isOneForNone };
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
}

function dataSource(
  { source, relation, keys, filter, isOneForNone }: Given,
  budget: QueryBudget,
  letOthersRun: () => Promise<void>,
): DataSource {
  const { rows, read } = relation;
  const names = source.columns.map((_column, at) => cellName(at));
  const readers = new Map<string, (row: readonly unknown[]) => Cell>([
    ...names.map(
      (name, at) => [name, (row: readonly unknown[]) => read(row[at] ?? null, at)] as const,
    ),
    ...keys.map(({ name, keyOf }) => {
      const key = (row: readonly unknown[]): Cell => keyOf((at) => read(row[at] ?? null, at));
      return [name, key] as const;
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
