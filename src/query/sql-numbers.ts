/** Numbers as SQLite reads, writes and calculates them: integers of 64 bits, and doubles. */

import { Unsure, type Cell, type Known } from "./sql-cells.ts";

const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;
/** All versions of SQLite write so many digits of a fraction. */
const SURE_DIGITS = 15;
/** Newer ones write so many. */
const MOST_DIGITS = 17;
const SPACE = "[ \\t\\n\\v\\f\\r]*";
const WHOLE = new RegExp(`^${SPACE}[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?${SPACE}$`);
const PREFIX = new RegExp(`^${SPACE}([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)`);

const INTEGER = new RegExp(`^${SPACE}([+-]?\\d+)`);

/** Whether a text is a number and nothing else but spaces. */
export function isWholeText(text: string): boolean {
  return WHOLE.test(text);
}

/** The number that a text begins with; 0 when it begins with none. */
export function numberOfText(text: string): bigint | number {
  const digits = PREFIX.exec(text)?.[1] ?? "0";
  if (/[.eE]/.test(digits)) return Number(digits);
  return integerIn(BigInt(digits.replace("+", ""))) ?? Number(digits);
}

/** The digits that a text begins with, without a fraction or an exponent. */
function integerOfText(text: string): bigint {
  const value = BigInt(INTEGER.exec(text)?.[1]?.replace("+", "") ?? "0");
  if (value < LEAST) return LEAST;
  return value > GREATEST ? GREATEST : value;
}

/** A whole number, or `null` when it has more than 64 bits. */
function integerIn(value: bigint): bigint | null {
  return value >= LEAST && value <= GREATEST ? value : null;
}

/** A fraction that is a whole number, as one; SQLite leaves the outermost ones as they are. */
export function integerOfReal(value: number): bigint | null {
  if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 62) return null;
  return BigInt(value);
}

/** Towards 0, and within 64 bits; of a text the digits that it begins with. */
export function wholeOf(cell: Known): bigint {
  return typeof cell === "string" ? integerOfText(cell) : truncated(cell);
}

function truncated(value: bigint | number): bigint {
  if (typeof value === "bigint") return value;
  if (Number.isNaN(value)) return 0n;
  if (value <= -(2 ** 63)) return LEAST;
  return value >= 2 ** 63 ? GREATEST : BigInt(Math.trunc(value));
}

/**
 * As SQLite writes it.
 *
 * @throws Unsure for a fraction of which versions of SQLite write 15 digits, or all.
 */
export function textOfNumber(value: bigint | number): string {
  if (typeof value === "bigint") return String(value);
  if (!Number.isFinite(value)) throw new Unsure("a number without end as a text");
  if (value === 0) return "0.0";
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  const isLong = mantissa.replace(/\D/g, "").length > SURE_DIGITS;
  if (isLong || (exponent >= SURE_DIGITS && exponent < MOST_DIGITS)) {
    throw new Unsure(`a fraction of more than ${SURE_DIGITS} digits as a text`);
  }
  if (exponent < -4 || exponent >= MOST_DIGITS) {
    const sign = exponent < 0 ? "-" : "+";
    return `${shortened(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return shortened(value.toFixed(Math.max(SURE_DIGITS - 1 - exponent, 0)));
}

/** Without zeros at the end, but with one digit behind the point. */
function shortened(digits: string): string {
  if (!digits.includes(".")) return `${digits}.0`;
  return digits.replace(/0+$/, "").replace(/\.$/, ".0");
}

/** The operand of a calculation. */
export function operand(cell: Known): bigint | number {
  return typeof cell === "string" ? numberOfText(cell) : cell;
}

/** `+ - * / %`; of integers an integer, as long as it has room in 64 bits. */
export function calculate(operator: string, left: Cell, right: Cell): Cell {
  if (left === null || right === null) return null;
  const [a, b] = [operand(left), operand(right)];
  if (operator === "%") {
    const rest = remainder(wholeOf(left), wholeOf(right));
    return rest === null || (typeof a === "bigint" && typeof b === "bigint") ? rest : Number(rest);
  }
  if (typeof a === "bigint" && typeof b === "bigint") {
    if (operator === "/" && b === 0n) return null;
    const exact = integerIn(ofIntegers(operator, a, b));
    if (exact !== null) return exact;
  }
  return known(ofReals(operator, Number(a), Number(b)));
}

function ofIntegers(operator: string, a: bigint, b: bigint): bigint {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  return operator === "*" ? a * b : a / b;
}

function ofReals(operator: string, a: number, b: number): number {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  return b === 0 ? Number.NaN : a / b;
}

/** What is no number is unknown. */
function known(value: number): Cell {
  return Number.isNaN(value) ? null : value;
}

function remainder(dividend: bigint, divisor: bigint): bigint | null {
  return divisor === 0n ? null : dividend % divisor;
}

/** A sum of fractions that loses no digits on the way (Kahan, Babuška, Neumaier), as SQLite's. */
export class RealSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost +=
      Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    return Number.isFinite(this.#lost) ? this.#sum + this.#lost : this.#sum;
  }
}

/** The sum of integers. */
export function addIntegers(left: bigint, right: bigint): bigint {
  const sum = integerIn(left + right);
  if (sum === null) throw new Unsure("a sum of more than 64 bits");
  return sum;
}
