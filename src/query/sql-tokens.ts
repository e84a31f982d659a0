/** A query's text in tokens, each as the parser is to read it. */

import { refuse, unsupported, unsure } from "./query-engine.ts";
import { nearest } from "../nearest.ts";
import { aggregateNames } from "./sql-aggregates.ts";
import type { Binding } from "./sql-binding.ts";
import { functionNames } from "./sql-functions.ts";
import { numberOfText } from "./sql-numbers.ts";

/** What a token is to the passes that come. */
type Kind = "keyword" | "name" | "function" | "value" | "sign" | "escape" | "is";

/** One token: how the parser reads it, and where it is in the query's own text. */
export interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly at: number;
  readonly end: number;
}

/** Longer ones are no queries of people's. */
const MAX_SQL_LENGTH = 100_000;
const PART =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|\s+|\?\d*|[:@$][A-Za-z_]\w*|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\|\||->>|->|<=|>=|<>|!=|==|[\s\S]/g;
const SIGNS = new Set("( ) , . + - * / % = == != <> < > <= >= || -> ->>".split(" "));
/** Words of the grammar, as far as queries go. */
const KEYWORDS = new Set(
  `SELECT FROM WHERE AND OR NOT IS GROUP BY HAVING ORDER ASC DESC NULLS LIMIT OFFSET AS ALL
  DISTINCT TRUE FALSE NULL LIKE IN EXISTS BETWEEN CASE WHEN THEN ELSE END JOIN INNER LEFT OUTER
  CROSS ON UNION INTERSECT EXCEPT WITH FILTER`.split(/\s+/),
);
/** Words of SQLite's that the parser would take for names, or for something else. */
const REFUSED = new Set(
  `NATURAL USING COLLATE GLOB REGEXP MATCH OVER WINDOW PARTITION RECURSIVE VALUES ISNULL NOTNULL
  INDEXED RIGHT FULL RETURNING INTO RAISE INSERT UPDATE DELETE REPLACE CREATE DROP ALTER ATTACH
  DETACH PRAGMA VACUUM REINDEX ANALYZE EXPLAIN BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE SET
  DEFERRABLE MATERIALIZED`.split(/\s+/),
);
/** The parser's own aggregates, whose FILTER it takes. */
const PARSED_AGGREGATES = new Set(["COUNT", "SUM", "AVG", "MIN", "MAX"]);
/** What functions of ours are called for the parser. */
export const FUNCTION_MARK = "$fn_";

interface Part {
  readonly text: string;
  readonly at: number;
}

/** @throws FlowError `BAD_REQUEST` with the position of what is no token of a query. */
export function tokensOf(sql: string, binding: Binding): Token[] {
  if (sql.length > MAX_SQL_LENGTH) throw refuse(`it is longer than ${MAX_SQL_LENGTH} characters`);
  const parts = partsOf(sql);
  return parts.flatMap((part, at) => tokenOf(part, parts, at, binding));
}

/** The placeholders of a text, each with its place. */
export function placeholdersOf(sql: string): Part[] {
  return partsOf(sql).filter(isPlaceholder);
}

function isPlaceholder({ text }: Part): boolean {
  return text.startsWith("?") || /^[:@$]\w/.test(text);
}

function partsOf(sql: string): Part[] {
  const parts: Part[] = [];
  for (const match of sql.matchAll(PART)) {
    const [text] = match;
    if (!/^(?:\s|--|\/\*)/.test(text)) parts.push({ text, at: match.index });
  }
  while (parts.at(-1)?.text === ";") parts.pop();
  return parts;
}

function tokenOf(part: Part, parts: readonly Part[], place: number, binding: Binding): Token[] {
  const { text, at } = part;
  const end = at + text.length;
  const token = (kind: Kind, as: string): Token[] => [{ kind, text: as, at, end }];
  const before = parts[place - 1]?.text.toUpperCase() ?? "";
  refuseUnknown(part, parts, place);
  if (SIGNS.has(text)) return token("sign", text);
  // Of `IS NOT`, which is one operator.
  if (before === "IS" && /^NOT$/i.test(text) && !/^NULL$/i.test(parts[place + 1]?.text ?? ""))
    return [];
  if (text.length > 1 && text.startsWith("'")) return token("value", text);
  if (text.length > 1 && /^["`[]/.test(text)) {
    const isCall = parts[place + 1]?.text === "(" && !isCteHead(parts, place);
    if (isCall) throw refuse(`${text} is no function`, at);
    return token("name", quotedName(part));
  }
  const isParameter = isPlaceholder(part);
  if (isParameter || /^\.?\d/.test(text)) {
    requireEnd(part, parts[place + 1]);
    const cell = isParameter ? binding.parameter(text, at) : numberOfText(text);
    const isLimit = before === "LIMIT" || before === "OFFSET";
    return token(
      "value",
      isLimit ? binding.limit(cell, at) : quoted(binding.name(cell, !isParameter)),
    );
  }
  if (/^[A-Za-z_\u0080-\uffff]/.test(text)) return token(...wordOf(part, parts, place));
  if (text === ";") throw refuse("it may hold one statement, and something follows it", at);
  throw unsupported(JSON.stringify(text), at);
}

const VALUE_WORDS = new Set(["END", "NULL", "TRUE", "FALSE"]);

/** What the parser would stumble over, or take for something else, by its name. */
function refuseUnknown({ text, at }: Part, parts: readonly Part[], place: number): void {
  const [before = "", beforeThat = ""] = [1, 2].map((by) => parts[place - by]?.text.toUpperCase());
  const next = parts[place + 1];
  if (text === "," && beforeThat === "LIMIT") throw unsupported("LIMIT with a comma", at);
  if (text === ")" && before === "(" && beforeThat === "IN") throw unsupported("an empty list", at);
  const isBlob = /^x$/i.test(text) && next?.at === at + 1 && next.text.startsWith("'");
  if (isBlob) throw unsupported("a literal of bytes", at);
  const isAlone =
    (SIGNS.has(before) && before !== ")") || (KEYWORDS.has(before) && !VALUE_WORDS.has(before));
  if (text === "+" && isAlone) throw unsupported("a plus without a left side", at);
  // The parser knows a minus and what stands behind it apart.
  const isLeast = before === "-" && /^0*9223372036854775808$/.test(text);
  if (isLeast) throw unsure("the least of all integers", at);
}

/** `1abc` is nothing. */
function requireEnd({ text, at }: Part, next: Part | undefined): void {
  const isGlued = next?.at === at + text.length && /^[\w.$]/.test(next.text);
  if (isGlued) throw refuse(`${text}${next.text} is no number`, at);
}

function wordOf(part: Part, parts: readonly Part[], place: number): [Kind, string] {
  const { text, at } = part;
  const word = text.toUpperCase();
  const next = parts[place + 1]?.text;
  const isColumn = parts[place - 1]?.text === "." || next === ".";
  if (isColumn) return ["name", quoted(text)];
  if (word === "REPLACE" && next === "(") return ["function", functionName(part, parts, place)];
  if (REFUSED.has(word)) throw unsupported(word, at);
  if (word === "ESCAPE") return ["escape", "-"];
  if (word === "IS") return isOperator(parts, place);
  if (KEYWORDS.has(word)) {
    const isAlias = parts[place - 1]?.text.toUpperCase() === "AS";
    if (isAlias) throw refuse(`${text} is a word of SQL: as a name it stands in double quotes`, at);
    return ["keyword", word];
  }
  if (next === "(" && !isCteHead(parts, place)) {
    return ["function", functionName(part, parts, place)];
  }
  return ["name", quoted(text)];
}

function isOperator(parts: readonly Part[], place: number): [Kind, string] {
  const [next, afterNext] = [1, 2].map((by) => parts[place + by]?.text.toUpperCase());
  const isNull = next === "NULL" || (next === "NOT" && afterNext === "NULL");
  if (isNull) return ["keyword", "IS"];
  if (next === "DISTINCT" || afterNext === "DISTINCT") {
    throw unsupported("IS DISTINCT FROM", parts[place]?.at);
  }
  return ["is", next === "NOT" ? "!=" : "="];
}

/** Whether this is the name of a WITH, with its columns: `name (a, b) AS (`. */
function isCteHead(parts: readonly Part[], place: number): boolean {
  const close = parts.findIndex(({ text }, at) => at > place && text === ")");
  return (
    close > 0 && parts[close + 1]?.text.toUpperCase() === "AS" && parts[close + 2]?.text === "("
  );
}

function functionName({ text, at }: Part, parts: readonly Part[], place: number): string {
  const word = text.toUpperCase();
  if (word === "CAST") return word;
  const known = [...functionNames(), ...aggregateNames()];
  if (!known.includes(word)) {
    const guess = nearest(word, known);
    const hint = guess === null ? "" : `; did you mean ${guess}?`;
    throw unsupported(`the function ${text}`, at, hint);
  }
  const isOne = PARSED_AGGREGATES.has(word) && !hasComma(parts, place + 1);
  return isOne ? word : quoted(`${FUNCTION_MARK}${word}`);
}

/** Whether the call whose parenthesis is at `open` has several arguments. */
function hasComma(parts: readonly Part[], open: number): boolean {
  let depth = 0;
  for (let at = open; at < parts.length; at += 1) {
    const text = parts[at]?.text;
    if (text === "(") depth += 1;
    if (text === ")") depth -= 1;
    if (depth === 0) return false;
    if (text === "," && depth === 1) return true;
  }
  return false;
}

function quotedName({ text, at }: Part): string {
  const mark = text.startsWith("[") ? "]" : text.slice(0, 1);
  const inner = text.slice(1, -1);
  const name = mark === "]" ? inner : inner.replaceAll(mark + mark, mark);
  if (!text.endsWith(mark) || name === "" || name.startsWith("$")) {
    throw refuse(`${text} is no name`, at);
  }
  return quoted(name);
}

/** A name that the parser takes for nothing else. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
