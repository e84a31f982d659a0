/** The tables of a SELECT by their names, and the columns that names mean. */

import type { ColumnAffinity, ColumnOf } from "./affinities.ts";
import { nearest } from "../nearest.ts";
import { refuse, unsupported, unsure } from "./query-engine.ts";
import type { Cell } from "./sql-cells.ts";
import type { BoundText } from "./sql-text.ts";
import type { OfType, Place } from "./expressions.ts";

/** The rows of a table, or of what a subquery gave. */
export interface Relation {
  readonly rows: readonly (readonly unknown[])[];
  /** A value of a row, by the place of its column. */
  readonly read: (value: unknown, column: number) => Cell;
}

/** A table where it stands in a query. */
export interface Source {
  /** What the library calls it. */
  readonly name: string;
  /** What the query calls it. */
  readonly alias: string;
  readonly columns: readonly ColumnOf[];
  /** Its rows, worked out when the query runs, and once. */
  readonly relation: () => Promise<Relation>;
}

/** What a name means: a column of a row here, or a value that the query around this one gives. */
export type Reference =
  | { readonly kind: "cell"; readonly source: Source; readonly column: number }
  | { readonly kind: "outer"; readonly place: number };

/** What the library calls a column: names of users may be anything. */
export function cellName(column: number): string {
  return `c${column}`;
}

/** The names that one SELECT knows. */
export class Scope {
  readonly sources: readonly Source[];
  /** What it takes from the query around it, as that one means it. */
  readonly references: Reference[] = [];
  /** The values of those, while it runs. */
  outer: readonly Cell[] = [];
  readonly #bound: BoundText;
  readonly #parent: Scope | null;

  constructor(sources: readonly Source[], bound: BoundText, parent: Scope | null) {
    this.sources = sources;
    this.#bound = bound;
    this.#parent = parent;
  }

  /** Refused at the place of a node. */
  refuse(why: string, node: Place): Error {
    return refuse(why, this.#bound.startOf(node.positionStart));
  }

  /** The same for what SQLite's dialect has and queries do not. */
  unsupported(what: string, node: Place): Error {
    return unsupported(what, this.#bound.startOf(node.positionStart));
  }

  /** The same for what SQLite might answer otherwise. */
  unsure(why: string, node: Place): Error {
    return unsure(why, this.#bound.startOf(node.positionStart));
  }

  /** @throws FlowError `BAD_REQUEST` for a name that means no column, or several. */
  resolve(node: OfType<"identifier">): {
    reference: Reference;
    affinity: ColumnAffinity;
    name: string;
  } {
    const found = this.#find(node);
    if (found !== null) return found;
    const name = node.prefix === undefined ? node.name : `${node.prefix}.${node.name}`;
    const { sql, startOf } = this.#bound;
    const isQuoted = sql[startOf(node.positionStart)] === '"';
    const note = isQuoted ? "; a text stands in single quotes" : "";
    throw this.refuse(`there is no column ${name}${this.#guess(node)}${note}`, node);
  }

  /** Whether a name means a column of a table here. */
  isColumn({ name }: Pick<OfType<"identifier">, "name">): boolean {
    return this.sources.some(({ columns }) => columns.some((one) => sameName(one.name, name)));
  }

  #find(node: OfType<"identifier">): ReturnType<Scope["resolve"]> | null {
    const found = this.sources
      .filter(({ alias }) => node.prefix === undefined || sameName(alias, node.prefix))
      .flatMap((source) =>
        source.columns.flatMap(({ name, affinity }, column) =>
          sameName(name, node.name)
            ? [{ reference: { kind: "cell" as const, source, column }, affinity, name }]
            : [],
        ),
      );
    const [first, second] = found;
    if (second !== undefined) {
      throw this.refuse(`more than one column is called ${node.name}`, node);
    }
    return first ?? this.#findOutside(node);
  }

  #findOutside(node: OfType<"identifier">): ReturnType<Scope["resolve"]> | null {
    const parent = this.#parent;
    const outside = parent === null ? null : parent.#find(node);
    if (outside === null) return null;
    const known = this.references.findIndex((one) => sameReference(one, outside.reference));
    const place = known >= 0 ? known : this.references.push(outside.reference) - 1;
    return { ...outside, reference: { kind: "outer", place } };
  }

  #guess({ name, prefix }: OfType<"identifier">): string {
    const aliases = this.sources.map(({ alias }) => alias);
    const isUnknownTable =
      prefix !== undefined && !aliases.some((alias) => sameName(alias, prefix));
    if (isUnknownTable) {
      const isColumn = this.isColumn({ name: prefix });
      if (isColumn) return `: ${prefix} is a column; of JSON in it, ${prefix} ->> '${name}'`;
      const table = nearest(prefix, aliases);
      return table === null ? ": no table here has this name" : `; did you mean ${table}.${name}?`;
    }
    const names = this.sources
      .filter(({ alias }) => prefix === undefined || sameName(alias, prefix))
      .flatMap(({ columns }) => columns.map((column) => column.name));
    const column = nearest(name, names);
    return column === null ? ` among ${listed(names)}` : `; did you mean ${column}?`;
  }
}

const MOST_LISTED = 30;

function listed(names: readonly string[]): string {
  const rest = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).join(", ");
  if (names.length === 0) return "none";
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

export function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

function sameReference(left: Reference, right: Reference): boolean {
  if (left.kind === "outer") return right.kind === "outer" && left.place === right.place;
  return right.kind === "cell" && left.source === right.source && left.column === right.column;
}
