/** The functions of SQL that queries may call, with SQLite's answers. */

import { Unsure, type Cell, type Known } from "./sql-cells.ts";
import type { SqlFunction } from "./function-shape.ts";
import { DATE_FUNCTIONS } from "./sql-dates.ts";
import { arrowPath, isJson, jsonExtract, jsonLength, jsonPart, jsonType } from "./sql-json.ts";
import { characters, lower, requireNoZero, upper } from "./sql-like.ts";
import { operand, wholeOf } from "./sql-numbers.ts";
import { joined, order, textOf, truth } from "./sql-values.ts";

const MANY = 100;
/** So many comparisons of characters cost as much as one operation. */
const COMPARISONS_A_STEP = 1024;
/** The path of all of a JSON. */
const WHOLE = "$";

/** A function that is unknown when one of its arguments is. */
function strict(min: number, max: number, apply: (...values: Known[]) => Cell): SqlFunction {
  return {
    min,
    max,
    apply: (cells) => {
      const known = cells.filter((cell) => cell !== null);
      return known.length < cells.length ? null : apply(...known);
    },
  };
}

function ofTexts(
  min: number,
  max: number,
  apply: (first: string, second: string, third: string) => Cell,
): SqlFunction {
  return strict(min, max, (...values) => {
    const [first = "", second = "", third = ""] = values.map((one) => requireNoZero(textOf(one)));
    return apply(first, second, third);
  });
}

/** Of JSON and a path in it. What is no JSON is refused where the path is unknown, too. */
function ofJson(
  min: 1 | 2,
  apply: (text: string, path: string) => Cell,
  pathOf: (step: Known) => string,
): SqlFunction {
  return {
    min,
    max: 2,
    apply: ([json = null, step]) => {
      if (json === null) return null;
      const text = requireNoZero(textOf(json));
      if (step === null) jsonType(text, WHOLE);
      return step === null ? null : apply(text, step === undefined ? WHOLE : pathOf(step));
    },
  };
}

const firstKnown: SqlFunction["apply"] = (cells) => cells.find((one) => one !== null) ?? null;

const TYPES = { bigint: "integer", number: "real", string: "text" } as const;

function typeName(cell: Cell): string {
  return cell === null ? "null" : TYPES[typeof cell as keyof typeof TYPES];
}

/** By name, in capitals. Their arguments have no affinity, also where they are columns. */
const SQL_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  ...DATE_FUNCTIONS,
  LOWER: ofTexts(1, 1, lower),
  UPPER: ofTexts(1, 1, upper),
  LENGTH: ofTexts(1, 1, (text) => BigInt(characters(text).length)),
  ABS: strict(1, 1, absolute),
  ROUND: strict(1, 2, (value, digits = 0n) => rounded(Number(operand(value)), digits)),
  COALESCE: { min: 2, max: MANY, apply: firstKnown },
  IFNULL: { min: 2, max: 2, apply: firstKnown },
  NULLIF: {
    min: 2,
    max: 2,
    apply: ([left = null, right = null]) =>
      left !== null && right !== null && order(left, right) === 0 ? null : left,
  },
  IIF: {
    min: 3,
    max: 3,
    apply: ([when = null, then = null, otherwise = null]) => {
      return truth(when) === true ? then : otherwise;
    },
  },
  // Of equal ones, 1 and 1.0, the last; MAX takes the first.
  MIN: strict(2, MANY, (...values) => values.reduce((a, b) => (order(b, a) <= 0 ? b : a))),
  MAX: strict(2, MANY, (...values) => values.reduce((a, b) => (order(b, a) > 0 ? b : a))),
  TYPEOF: { min: 1, max: 1, apply: ([value = null]) => typeName(value) },
  SUBSTR: strict(2, 3, substring),
  SUBSTRING: strict(2, 3, substring),
  TRIM: strict(1, 2, (text, of = " ") => trimmed(text, of, true, true)),
  LTRIM: strict(1, 2, (text, of = " ") => trimmed(text, of, true, false)),
  RTRIM: strict(1, 2, (text, of = " ") => trimmed(text, of, false, true)),
  REPLACE: {
    min: 3,
    max: 3,
    apply: ([value = null, from = null, to = null], { spend }) => {
      if (value === null || from === null) return null;
      if (from === "") return textOf(value);
      return to === null ? null : replaced(value, from, to, spend);
    },
  },
  INSTR: {
    min: 2,
    max: 2,
    apply: ([value = null, of = null], { spend }) => {
      if (value === null || of === null) return null;
      const [text = "", part = ""] = [value, of].map((one) => requireNoZero(textOf(one)));
      spend(searchSteps(text, part));
      const at = text.indexOf(part);
      return at < 0 ? 0n : BigInt(characters(text.slice(0, at)).length + 1);
    },
  },
  JSON_EXTRACT: ofJson(2, jsonExtract, textOf),
  JSON_TYPE: ofJson(1, jsonType, textOf),
  JSON_ARRAY_LENGTH: ofJson(1, jsonLength, textOf),
  JSON_VALID: ofTexts(1, 1, (text) => (isJson(text) ? 1n : 0n)),
  ...casts("TEXT VARCHAR", (value) => textOf(value)),
  ...casts("INTEGER INT BIGINT", wholeOf),
  ...casts("REAL FLOAT DOUBLE", (value) => Number(operand(value))),
  // What `||`, `->` and `->>` are written as for the parser.
  "||": strict(2, Infinity, (...values) => joined(values.map(textOf), "")),
  "->": ofJson(2, jsonPart, arrowPath),
  "->>": ofJson(2, jsonExtract, arrowPath),
};

/** `CAST … AS` types. */
function casts(types: string, cast: (value: Known) => Cell): Record<string, SqlFunction> {
  return Object.fromEntries(types.split(" ").map((type) => [`CAST ${type}`, strict(1, 1, cast)]));
}

/** A function by its name in any case. */
export function functionNamed(name: string): SqlFunction | null {
  const upperName = name.toUpperCase();
  return Object.hasOwn(SQL_FUNCTIONS, upperName) ? (SQL_FUNCTIONS[upperName] ?? null) : null;
}

/** The names of all, in capitals. */
export function functionNames(): string[] {
  return Object.keys(SQL_FUNCTIONS).filter((name) => /^\w+$/.test(name));
}

function absolute(value: Known): Cell {
  if (typeof value !== "bigint") return Math.abs(Number(operand(value)));
  const positive = value < 0n ? -value : value;
  if (BigInt.asIntN(64, positive) !== positive) throw new Unsure("the least of all integers");
  return positive;
}

/** SQLite writes no more digits than that. */
const MOST_DIGITS = 30;
/** From here on a number has no fraction. */
const NO_FRACTION = 2 ** 52;

/** Half away from zero. */
function rounded(value: number, given: Known): Cell {
  const digits = Math.min(Math.max(Number(wholeOf(given)), 0), MOST_DIGITS);
  if (Math.abs(value) >= NO_FRACTION) return value;
  if (digits === 0) return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
  return Math.sign(value) * Number(Math.abs(value).toFixed(digits));
}

/** More than a text has. */
const ALL_CHARACTERS = 2n ** 40n;

/** From a place from 1, or from the end where it is below 0; so many characters, or that many before it. */
function substring(value: Known, from: Known, count?: Known): Cell {
  const text = characters(requireNoZero(textOf(value)));
  let start = wholeOf(from);
  const wanted = count === undefined ? ALL_CHARACTERS : wholeOf(count);
  let length = wanted < 0n ? -wanted : wanted;
  if (start < 0n) {
    start += BigInt(text.length);
    if (start < 0n) {
      length = length < -start ? 0n : length + start;
      start = 0n;
    }
  } else if (start > 0n) start -= 1n;
  else if (length > 0n) length -= 1n;
  if (wanted < 0n) {
    length = start < length ? start : length;
    start -= length;
  }
  const [begin, end] = [start, start + length].map((at) => Number(at));
  return text.slice(begin, end).join("");
}

function trimmed(value: Known, of: Known, atStart: boolean, atEnd: boolean): Cell {
  const text = characters(requireNoZero(textOf(value)));
  const set = new Set(characters(requireNoZero(textOf(of))));
  let [start, end] = [0, text.length];
  while (atStart && start < end && set.has(text[start] ?? "")) start += 1;
  while (atEnd && end > start && set.has(text[end - 1] ?? "")) end -= 1;
  return text.slice(start, end).join("");
}

function replaced(value: Known, from: Known, to: Known, spend: (count: number) => void): string {
  const [text = "", part = "", other = ""] = [value, from, to].map((one) => {
    return requireNoZero(textOf(one));
  });
  spend(searchSteps(text, part));
  return joined(text.split(part), other);
}

/** At the worst each character of a text is compared with each of what is looked for. */
function searchSteps(text: string, part: string): number {
  return Math.floor((text.length * part.length) / COMPARISONS_A_STEP);
}
