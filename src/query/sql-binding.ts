/** The values of a query, of its placeholders, and of the numbers in its text. */

import { refuse, type QueryRequest, type SqlValue } from "./query-engine.ts";
import type { Cell } from "./sql-cells.ts";
import { cellOf } from "./sql-values.ts";

const WRITTEN = "$n";
const GIVEN = "$p";

/** Whether a name stands for a value. */
export function isNameOfValue(name: string): boolean {
  return name.startsWith(WRITTEN) || name.startsWith(GIVEN);
}

/** Whether it stands for a number that is written in the text: only such a one can be a place. */
export function isNameOfNumber(name: string): boolean {
  return name.startsWith(WRITTEN);
}

/** Hands out a name for each value; the parser takes it for a column that no table can have. */
export class Binding {
  /** By the name that stands for it. */
  readonly values = new Map<string, Cell>();
  readonly #names = new Map<string, string>();
  readonly #byPlace: readonly SqlValue[] | null;
  readonly #byName: Readonly<Record<string, SqlValue>>;
  readonly #used = new Set<number | string>();
  #place = 0;

  constructor(params: QueryRequest["params"]) {
    this.#byPlace = Array.isArray(params) ? (params as readonly SqlValue[]) : null;
    this.#byName = this.#byPlace === null ? (params as Record<string, SqlValue>) : {};
  }

  /**
   * The name of a number that is written in the text, or of a value that is given for one; equal
   * ones share it, so that expressions of them are written alike.
   */
  name(cell: Cell, isWritten: boolean): string {
    const mark = isWritten ? WRITTEN : GIVEN;
    const key = `${mark} ${typeof cell} ${cell}`;
    const name = this.#names.get(key) ?? `${mark}${this.#names.size}`;
    this.#names.set(key, name);
    this.values.set(name, cell);
    return name;
  }

  /** The value of a placeholder. */
  parameter(part: string, position: number): Cell {
    if (!part.startsWith("?")) return this.#named(part.slice(1), position);
    const place = part === "?" ? this.#place + 1 : Number(part.slice(1));
    this.#place = Math.max(this.#place, place);
    const value = place >= 1 ? this.#byPlace?.[place - 1] : undefined;
    if (value === undefined) throw refuse(`there is no value for ${part}`, position);
    this.#used.add(place);
    return cellOf(value);
  }

  #named(name: string, position: number): Cell {
    const value = Object.hasOwn(this.#byName, name) ? this.#byName[name] : undefined;
    if (value === undefined) throw refuse(`there is no value for ${name}`, position);
    this.#used.add(name);
    return cellOf(value);
  }

  /** A count is a word of the grammar; as a number that was judged it may stand in the text. */
  limit(cell: Cell, position: number): string {
    const isCount = typeof cell === "bigint" && cell >= 0n && cell <= Number.MAX_SAFE_INTEGER;
    if (isCount) return String(cell);
    throw refuse("LIMIT and OFFSET must be whole numbers from 0", position);
  }

  /** A value that nothing asks for is a placeholder that was forgotten. */
  end(): void {
    const given = this.#byPlace?.length ?? Object.keys(this.#byName).length;
    if (this.#used.size < given) {
      throw refuse(`it has ${this.#used.size} placeholders for ${given} values`);
    }
  }
}
