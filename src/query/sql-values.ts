/** Values as SQLite stores them, and how they compare: by class and affinity. */

import type { Affinity, SqlValue } from "./query-engine.ts";
import type { OperandAffinity } from "./affinities.ts";
import { requireRoom, Unsure, type Cell, type Known } from "./sql-cells.ts";
import { integerOfReal, isWholeText, numberOfText, textOfNumber } from "./sql-numbers.ts";

/** A value of a caller's or of a file. */
export function cellOf(value: SqlValue): Cell {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** As a column of this affinity keeps a value. */
export function stored(value: SqlValue, affinity: Affinity): Cell {
  const cell = cellOf(value);
  if (cell === null || affinity === "none") return cell;
  if (affinity === "text") return textOf(cell);
  return typeof cell === "bigint" ? cell : asNumber(cell);
}

/** What a caller gets: numbers of JavaScript, where they are exact. */
export function valueOf(cell: Cell): SqlValue {
  if (typeof cell === "number" && !Number.isFinite(cell)) throw new Unsure("a number without end");
  if (typeof cell !== "bigint") return Object.is(cell, -0) ? 0 : cell;
  const value = Number(cell);
  if (!Number.isSafeInteger(value)) throw new Unsure("a whole number of more than 53 bits");
  return value;
}

/** A value as a text. */
export function textOf(cell: Known): string {
  return typeof cell === "string" ? cell : textOfNumber(cell);
}

/** Texts as one, with another between them. */
export function joined(texts: readonly string[], separator: string): string {
  const length = texts.reduce((sum, text) => sum + text.length + separator.length, 0);
  requireRoom(length - separator.length);
  return texts.join(separator);
}

/** A text that is a number as one; fractions that are whole as integers, as columns keep them. */
function asNumber(cell: Known): Cell {
  const number = numeric(cell);
  if (typeof number !== "number") return number;
  return integerOfReal(number) ?? number;
}

/** A text that is a number, and nothing else, as one. */
export function numeric(cell: Known): Known {
  return typeof cell === "string" ? (isWholeText(cell) ? numberOfText(cell) : cell) : cell;
}

/** As a condition: true, false or unknown. */
export function truth(cell: Cell): boolean | null {
  if (cell === null) return null;
  if (typeof cell === "string") return Number(numberOfText(cell)) !== 0;
  return typeof cell === "bigint" ? cell !== 0n : cell !== 0;
}

/** A condition as a value. */
export function conditionCell(condition: boolean | null): Cell {
  if (condition === null) return null;
  return condition ? 1n : 0n;
}

/** Below 0, 0 or above it; `null` when one of them is unknown. */
export function compare(
  left: Cell,
  right: Cell,
  ofLeft: OperandAffinity,
  ofRight: OperandAffinity,
): number | null {
  if (left === null || right === null) return null;
  return order(converted(left, ofLeft, ofRight), converted(right, ofRight, ofLeft));
}

/** A value as the affinity of the other side asks for it. */
export function converted(cell: Known, own: OperandAffinity, other: OperandAffinity): Known {
  if (other === "integer" && own !== "integer") return numeric(cell);
  if (other === "text" && own === "none") return textOf(cell);
  return cell;
}

/** The order of two known values as they are: numbers before texts. */
export function order(left: Known, right: Known): number {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (typeof left === "string") return 1;
  if (typeof right === "string") return -1;
  // eslint-disable-next-line eqeqeq -- only this tells that 5n and 5 are equal
  if (left == right) return 0;
  return left < right ? -1 : 1;
}

/** By code points, as UTF-8 sorts. */
function compareText(left: string, right: string): number {
  const [a, b] = [textKey(left), textKey(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Half pairs sort below what stands behind them in Unicode: moved, so that units sort as code points. */
function textKey(text: string): string {
  return text.replace(/[\uD800-\uFFFF]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code >= 0xe000 ? code - 0x800 : code + 0x2000);
  });
}

/** What SQLite fixes nowhere. */
export const EQUAL_NUMBERS = "which of two equal numbers, 1 and 1.0, stands for both";

/** A text that sorts, and is equal, as the value: unknown, then numbers, then texts. */
export function sortKey(cell: Cell): string {
  if (cell === null) return "0";
  return typeof cell === "string" ? `2${textKey(cell)}` : `1${numberKey(cell)}`;
}

const BITS = new DataView(new ArrayBuffer(8));

function numberKey(cell: bigint | number): string {
  const value = Number(cell);
  if (typeof cell === "bigint" && !Number.isSafeInteger(value)) {
    throw new Unsure("the order of whole numbers of more than 53 bits");
  }
  BITS.setFloat64(0, value === 0 ? 0 : value);
  const bits = BITS.getBigUint64(0);
  const isNegative = bits >> 63n === 1n;
  const ordered = isNegative ? ~bits & 0xffff_ffff_ffff_ffffn : bits | (1n << 63n);
  return ordered.toString(16).padStart(16, "0");
}
