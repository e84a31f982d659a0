/** `||`, `->` and `->>`, which the parser does not know, written as calls of functions. */

import { refuse } from "./query-engine.ts";
import { FUNCTION_MARK, quoted, type Token } from "./sql-tokens.ts";

const CHAINED = new Set(["||", "->", "->>"]);
const VALUES = new Set(["NULL", "TRUE", "FALSE"]);

/** They bind more tightly than all others: what stands beside them is one operand each. */
export function withChains(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at];
    if (token === undefined) break;
    if (!isSign(token, CHAINED)) {
      result.push(token);
      at += 1;
      continue;
    }
    const start = operandStart(result, token);
    let left = result.splice(start);
    let next: Token | undefined = token;
    while (next !== undefined && isSign(next, CHAINED)) {
      const end = operandEnd(tokens, at + 1, next);
      const right = withChains(tokens.slice(at + 1, end));
      left = called(next.text, left, right);
      at = end;
      next = tokens[at];
    }
    result.push(...left);
  }
  return result;
}

/** Of `||` the call that is there already takes one more. */
function called(operator: string, left: readonly Token[], right: readonly Token[]): Token[] {
  const [first] = left;
  const last = right.at(-1);
  if (first === undefined || last === undefined) return [...left, ...right];
  const sign = (text: string): Token => ({ ...last, kind: "sign", text, at: last.end });
  const name = quoted(`${FUNCTION_MARK}${operator}`);
  if (operator === "||" && first.text === name) {
    return [...left.slice(0, -1), sign(","), ...right, { ...sign(")"), end: last.end }];
  }
  const { at } = first;
  const open: Token[] = [
    { kind: "function", text: name, at, end: at },
    { kind: "sign", text: "(", at, end: at },
  ];
  return [...open, ...left, sign(","), ...right, sign(")")];
}

/** Where the operand begins that the tokens end with. */
function operandStart(tokens: readonly Token[], operator: Token): number {
  const last = tokens.at(-1);
  let start = tokens.length - 1;
  if (last === undefined) throw missing(operator);
  if (last.text === ")" && last.kind === "sign") {
    start = openOf(tokens, start);
    const head = tokens[start - 1];
    if (head?.kind === "function" || head?.text === "EXISTS") start -= 1;
  } else if (last.kind === "keyword" && last.text === "END") {
    start = caseOf(tokens, start);
  } else if (!isOperand(last)) {
    throw missing(operator);
  } else if (tokens[start - 1]?.text === ".") {
    start -= 2;
  }
  while (isMinus(tokens, start - 1)) start -= 1;
  return start;
}

/** Where the operand ends that begins at a token. */
function operandEnd(tokens: readonly Token[], from: number, operator: Token): number {
  let at = from;
  while (tokens[at]?.text === "-" && tokens[at]?.kind === "sign") at += 1;
  const token = tokens[at];
  if (token === undefined) throw missing(operator);
  if (token.kind === "function" || token.text === "EXISTS") return closeOf(tokens, at + 1) + 1;
  if (token.kind === "sign" && token.text === "(") return closeOf(tokens, at) + 1;
  if (token.kind === "keyword" && token.text === "CASE") return endOf(tokens, at) + 1;
  if (!isOperand(token)) throw missing(operator);
  return tokens[at + 1]?.text === "." ? at + 3 : at + 1;
}

function missing({ text, at }: Token): Error {
  return refuse(`${text} needs an operand on each side`, at);
}

function isOperand({ kind, text }: Token): boolean {
  return kind === "name" || kind === "value" || (kind === "keyword" && VALUES.has(text));
}

/** Whether a minus stands there that has nothing on its left. */
function isMinus(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  if (token?.kind !== "sign" || token.text !== "-") return false;
  const before = tokens[at - 1];
  if (before === undefined) return true;
  const isEnd = before.text === ")" || (before.kind === "keyword" && before.text === "END");
  return !isEnd && !isOperand(before);
}

function isSign({ kind, text }: Token, signs: ReadonlySet<string>): boolean {
  return kind === "sign" && signs.has(text);
}

/** The place of what closes or opens a pair, from one of the two. */
function pairOf(
  tokens: readonly Token[],
  from: number,
  step: 1 | -1,
  [near, far]: readonly [string, string],
): number {
  let depth = 0;
  for (let at = from; at >= 0 && at < tokens.length; at += step) {
    const token = tokens[at];
    const isWord = token?.kind === "sign" || token?.kind === "keyword";
    if (isWord && token.text === near) depth += 1;
    if (isWord && token.text === far) depth -= 1;
    if (depth === 0) return at;
  }
  throw refuse("a parenthesis or a CASE has no end", tokens[from]?.at);
}

/** The place of the parenthesis that closes the one at `from`. */
export function closeOf(tokens: readonly Token[], from: number): number {
  return pairOf(tokens, from, 1, ["(", ")"]);
}

function openOf(tokens: readonly Token[], from: number): number {
  return pairOf(tokens, from, -1, [")", "("]);
}

function endOf(tokens: readonly Token[], from: number): number {
  return pairOf(tokens, from, 1, ["CASE", "END"]);
}

function caseOf(tokens: readonly Token[], from: number): number {
  return pairOf(tokens, from, -1, ["END", "CASE"]);
}
