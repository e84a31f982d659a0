/**
 * Queries on the store's engine and on SQLite: the same answer, or a refusal that says where. What
 * SQLite refuses may never be answered.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import initSqlJs from "sql.js";
import { FlowError, sqlJsEngine, type FlowStore, type QueryEngine } from "flowstore";
import { temporaryStore } from "../events/support.ts";
import { generatedQuery, parameterValue } from "./generated.ts";

const RUNS = Number(process.env["FLOWSTORE_QUERY_RUNS"] ?? 2_000);
/** The same ones each time, unless a number is asked for: then others, and a failure tells its seed. */
const SEED = process.env["FLOWSTORE_QUERY_RUNS"] === undefined ? { seed: 1 } : {};
/** Fewer answered ones would mean that the test shows refusals only. */
const LEAST_ANSWERED = RUNS * 0.95;

async function filled(store: FlowStore): Promise<void> {
  const words = ["", "a", "A", "b", "ab", "Ab%", "a_b", "10", "1", "1.5", "é", "É", "😀", "Z"];
  const statuses = ["queued", "running", "failed"];
  await store.projections.upsert({
    table: "workflows",
    rows: words.map((name, at) => ({
      id: `w${at}`,
      name,
      ...(at % 3 === 0 ? {} : { description: words[(at * 5) % words.length] }),
    })),
  });
  await store.projections.upsert({
    table: "runs",
    rows: words.map((_word, at) => ({
      id: String(at),
      workflow_version_id: `w${(at * 3) % 17}`,
      trigger: at % 2 === 0 ? "manual" : "api",
      status: statuses[at % 3],
      ...(at % 4 === 0 ? {} : { started_at: new Date(Date.UTC(2026, 0, 1 + at)) }),
    })),
  });
  const odd = [null, 0, 1, -1, 2.5, "1", "1.0", "x", true, 10, "10", " 2", 7];
  await store.projections.upsert({
    table: "free",
    rows: odd.map((v, at) => ({ id: `f${at}`, v, n: at % 5 === 0 ? null : at - 4 })),
  });
  await store.projections.upsert({
    table: "schemas",
    rows: [3, 1, 2, 10].map((version) => ({
      id: `s${version}`,
      name: "s",
      version,
      schema_json: "{}",
    })),
  });
}

async function answer(
  store: FlowStore,
  sql: string,
  params: readonly unknown[],
  engine?: QueryEngine,
): Promise<Record<string, unknown>[] | FlowError> {
  try {
    return await store.projections.query({ sql, params, engine });
  } catch (error) {
    assert.ok(error instanceof FlowError, `${sql}: ${String(error)}`);
    assert.equal(error.code, "BAD_REQUEST", `${sql}: ${error.message}`);
    return error;
  }
}

function digitsOf(value: number): number {
  return Number.isInteger(value) ? value + 0 : Number(value.toPrecision(12));
}

/** Sums of fractions may differ in their last digit; 0 below zero is 0 to a caller. */
function rounded(rows: Record<string, unknown>[]): unknown[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [
        key,
        typeof value === "number" ? digitsOf(value) : value,
      ]),
    ),
  );
}

test(`${RUNS} generated queries give SQLite's answer, or are refused`, async (t) => {
  const store = await temporaryStore(t);
  await filled(store);
  const sqlite = sqlJsEngine(await initSqlJs());
  let answered = 0;
  const refusals = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      generatedQuery,
      fc.array(parameterValue, { minLength: 40, maxLength: 40 }),
      async (sql, values) => {
        const params = values.slice(0, sql.split("?").length - 1);
        const own = await answer(store, sql, params);
        if (own instanceof FlowError) {
          const why = own.message.replace(/\(at.*/, "").slice(0, 90);
          refusals.set(why, (refusals.get(why) ?? 0) + 1);
          return;
        }
        answered += 1;
        const theirs = await answer(store, sql, params, sqlite);
        if (theirs instanceof FlowError)
          throw new Error(`${sql}: SQLite refuses it`, { cause: theirs });
        assert.deepEqual(rounded(own), rounded(theirs), `${sql} ${JSON.stringify(params)}`);
      },
    ),
    { numRuns: RUNS, includeErrorInReport: true, ...SEED },
  );
  t.diagnostic(`${answered} answered; refused: ${JSON.stringify([...refusals], null, 1)}`);
  assert.ok(answered >= LEAST_ANSWERED, `only ${answered} of ${RUNS} were answered`);
});
