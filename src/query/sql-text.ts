/**
 * A query as the parser takes it: values are names that no column can have, so that they are put
 * into the tree and never into the text, and what the parser does not know is written otherwise.
 */

import { refuse, type QueryRequest } from "./query-engine.ts";
import { Binding } from "./sql-binding.ts";
import type { Cell } from "./sql-cells.ts";
import { withChains } from "./sql-chains.ts";
import { withClauses } from "./sql-clauses.ts";
import { quoted, tokensOf, type Token } from "./sql-tokens.ts";

/** The parser recurses: a text that nests deeper would end the process by a full stack. */
const MAX_NESTING = 100;
/** It recurses over chains of operators as well. */
const MAX_OPERATORS = 1_000;

/** One statement as the parser takes it. */
export interface BoundText {
  readonly text: string;
  /** The query's own text. */
  readonly sql: string;
  /** The value of each placeholder and number, by the name that stands for it. */
  readonly values: ReadonlyMap<string, Cell>;
  /** Where `ESCAPE` stood; a minus stands there. */
  readonly escapes: readonly number[];
  /** Where `IS` stood; a comparison stands there. */
  readonly identities: readonly number[];
  /** Of a WITH that names its columns, by the place of its name. */
  readonly columns: ReadonlyMap<number, readonly string[]>;
  /** The subqueries that stand in FROM, by the names that stand for them. */
  readonly subqueries: ReadonlyMap<string, BoundText>;
  /** The place in the query's own text where something begins, or ends. */
  readonly startOf: (position: number) => number;
  readonly endOf: (position: number) => number;
}

/** @throws FlowError `BAD_REQUEST` with the position. */
export function bindText({ sql, params }: Pick<QueryRequest, "sql" | "params">): BoundText {
  const binding = new Binding(params);
  const tokens = tokensOf(sql, binding);
  binding.end();
  requireShallow(tokens);
  return bound(sql, withChains(tokens), binding);
}

function requireShallow(tokens: readonly Token[]): void {
  let [depth, operators] = [0, 0];
  for (const { kind, text, at } of tokens) {
    const isPlain = kind === "sign" || kind === "keyword";
    if (isPlain && (text === "(" || text === "CASE")) depth += 1;
    if (isPlain && (text === ")" || text === "END")) depth -= 1;
    if (depth > MAX_NESTING) throw refuse(`it nests deeper than ${MAX_NESTING} levels`, at);
    if (!isPlain || /^(?:[(),.]|ASC|AS|FROM|SELECT)$/.test(text)) continue;
    operators += 1;
    if (operators > MAX_OPERATORS) throw refuse(`it has more than ${MAX_OPERATORS} operators`, at);
  }
}

function bound(sql: string, given: readonly Token[], binding: Binding): BoundText {
  const { tokens, subqueries } = withClauses(given, quoted(binding.name(1n, true)));
  const heads = withoutColumns(tokens);
  const starts: number[] = [];
  const columns = new Map<number, readonly string[]>();
  let text = "";
  for (const { token, names } of heads) {
    text += text === "" ? "" : " ";
    if (names !== null) columns.set(text.length, names);
    starts.push(text.length);
    text += token.text;
  }
  const tokenAt = (isThere: (start: number) => boolean): Token | undefined => {
    return heads[starts.findLastIndex(isThere)]?.token;
  };
  const placesOf = (kind: Token["kind"]): number[] => {
    return starts.filter((_start, at) => heads[at]?.token.kind === kind);
  };
  return {
    text,
    sql,
    values: binding.values,
    escapes: placesOf("escape"),
    identities: placesOf("is"),
    columns,
    subqueries: new Map(
      [...subqueries].map(([name, inner]) => [name, bound(sql, inner, binding)] as const),
    ),
    startOf: (position) => tokenAt((start) => start <= position)?.at ?? 0,
    endOf: (position) => tokenAt((start) => start < position)?.end ?? sql.length,
  };
}

/** The parser knows no columns of a WITH: `name (a, b) AS (` loses them. */
function withoutColumns(tokens: readonly Token[]): { token: Token; names: string[] | null }[] {
  const result: { token: Token; names: string[] | null }[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const isHead = token.kind === "name" && tokens[at + 1]?.text === "(";
    if (!isHead) {
      result.push({ token, names: null });
      continue;
    }
    const close = tokens.findIndex((one, place) => place > at && one.text === ")");
    const names = tokens.slice(at + 2, close).filter(({ kind }) => kind === "name");
    result.push({ token, names: names.map(({ text }) => unquoted(text)) });
    at = close;
  }
  return result;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replaceAll('""', '"');
}
