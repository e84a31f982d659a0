/**
 * Texts of JSON as trees that keep what `JSON.parse` does not: how a number or a text is written,
 * the order of all keys, and keys that stand twice.
 */

import { Unsure } from "./sql-cells.ts";

/** `true`, a number, a text: as it is written. */
export interface Scalar {
  readonly written: string;
}

/** One of an object. */
interface Entry {
  /** As it is written, in its quotes. */
  readonly key: string;
  readonly value: Json;
}

/** What a text of JSON holds. */
export type Json =
  | Scalar
  | { readonly items: readonly Json[] }
  | { readonly entries: readonly Entry[] };

/** SQLite takes no JSON that nests deeper. */
const MAX_DEPTH = 1_000;
const SPACE = /[ \t\n\r]*/y;
const WORD = /[^\s,:[\]{}]+/y;

/** @throws Unsure for what is no JSON: SQLite knows more forms of it than `JSON.parse`. */
export function treeOf(text: string): Json {
  if (!isStrict(text)) throw new Unsure("a text that is no JSON, taken for it");
  return new TreeReader(text).value(0);
}

/** Whether a text is JSON as RFC 8259 has it. */
export function isStrict(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

/** Reads what was found to be JSON. */
class TreeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new Unsure("JSON that nests so deep");
    this.#skip(SPACE);
    const first = this.#text[this.#at];
    if (first === "[") return { items: this.#parts("]", () => this.value(depth + 1)) };
    if (first === "{") return { entries: this.#parts("}", () => this.#entry(depth + 1)) };
    return { written: first === '"' ? this.#string() : this.#skip(WORD) };
  }

  #entry(depth: number): Entry {
    const key = this.#string();
    this.#skip(SPACE);
    this.#at += 1;
    return { key, value: this.value(depth) };
  }

  /** What stands between a bracket and the one that closes it. */
  #parts<T>(close: string, read: () => T): T[] {
    const parts: T[] = [];
    this.#at += 1;
    this.#skip(SPACE);
    while (this.#text[this.#at] !== close) {
      parts.push(read());
      this.#skip(SPACE);
      if (this.#text[this.#at] === ",") this.#at += 1;
      this.#skip(SPACE);
    }
    this.#at += 1;
    return parts;
  }

  #string(): string {
    const start = this.#at;
    this.#at += 1;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  #skip(what: RegExp): string {
    what.lastIndex = this.#at;
    const [found = ""] = what.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}

/** The text that is meant by one in quotes. */
export function unescaped(written: string): string {
  const text = JSON.parse(written) as string;
  if (!text.isWellFormed()) throw new Unsure("half a pair of surrogates in JSON");
  return text;
}

/** As SQLite writes it: without spaces, all else as it was. */
export function writtenJson(tree: Json): string {
  if ("written" in tree) return tree.written;
  if ("items" in tree) return `[${tree.items.map(writtenJson).join(",")}]`;
  return `{${tree.entries.map(({ key, value }) => `${key}:${writtenJson(value)}`).join(",")}}`;
}
