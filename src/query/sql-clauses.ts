/**
 * FROM as the parser takes it: a SELECT without one gets a table of one row, commas and CROSS become
 * JOIN … ON, and a subquery becomes a table, to be parsed by itself.
 */

import { refuse, unsupported } from "./query-engine.ts";
import { closeOf } from "./sql-chains.ts";
import { quoted, type Token } from "./sql-tokens.ts";

/** The table of one row without columns. */
export const ONE_ROW = "$one";
const SUBQUERY = "$s";

/** Tokens of one statement, and of the subqueries that stand in it as tables, by their names. */
export interface Clauses {
  readonly tokens: Token[];
  readonly subqueries: Map<string, Token[]>;
}

const AFTER_FROM = new Set(
  "WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT".split(" "),
);
const STATEMENT = new Set(["SELECT", "WITH"]);

/** @param truth what is always true, as a token's text */
export function withClauses(tokens: readonly Token[], truth: string): Clauses {
  return new ClauseWriter(tokens, truth).write();
}

/** Where in a SELECT the tokens of one level of parentheses are. */
interface Level {
  clause: "none" | "select" | "from";
  /** Whether a JOIN has no ON yet. */
  isOpen: boolean;
}

class ClauseWriter {
  readonly #tokens: readonly Token[];
  readonly #truth: string;
  readonly #result: Token[] = [];
  readonly #subqueries = new Map<string, Token[]>();
  readonly #levels: Level[] = [{ clause: "none", isOpen: false }];
  #at = 0;

  constructor(tokens: readonly Token[], truth: string) {
    this.#tokens = tokens;
    this.#truth = truth;
  }

  write(): Clauses {
    const [first] = this.#tokens;
    if (first === undefined || !STATEMENT.has(first.text))
      throw refuse("it is no SELECT", first?.at);
    for (; this.#at < this.#tokens.length; this.#at += 1) {
      const token = this.#tokens[this.#at];
      if (token !== undefined) this.#token(token);
    }
    this.#leave(this.#tokens.at(-1)?.end ?? 0);
    return { tokens: this.#result, subqueries: this.#subqueries };
  }

  get #level(): Level {
    return this.#levels.at(-1) ?? { clause: "none", isOpen: false };
  }

  #token(token: Token): void {
    const { kind, text } = token;
    if (kind === "sign") this.#sign(token);
    else if (kind === "keyword" && text === "SELECT") {
      this.#level.clause = "select";
      this.#result.push(token);
    } else if (kind === "keyword" && text === "FROM") {
      this.#level.clause = "from";
      this.#result.push(token);
      this.#table();
    } else if (kind === "keyword" && AFTER_FROM.has(text)) {
      this.#leave(token.at);
      this.#result.push(token);
    } else if (kind === "keyword" && this.#level.clause === "from") this.#join(token);
    else this.#result.push(token);
  }

  #sign(token: Token): void {
    const level = this.#level;
    if (token.text === "(") this.#levels.push({ clause: "none", isOpen: false });
    if (token.text === ")") {
      this.#leave(token.at);
      this.#levels.pop();
    }
    if (token.text !== "," || level.clause !== "from") {
      this.#result.push(token);
      return;
    }
    this.#closeJoin(token.at);
    this.#openJoin(token);
  }

  #join(token: Token): void {
    const { text } = token;
    if (text === "ON") this.#level.isOpen = false;
    if (text === "JOIN") {
      const before = this.#tokens[this.#at - 1];
      const isPlain = !["INNER", "LEFT", "OUTER", "CROSS"].includes(before?.text ?? "");
      if (isPlain) this.#closeJoin(token.at);
      this.#openJoin(token);
      return;
    }
    if (text === "INNER" || text === "LEFT" || text === "CROSS") this.#closeJoin(token.at);
    if (text !== "CROSS") this.#result.push(token);
  }

  #openJoin(token: Token): void {
    this.#result.push({ ...token, kind: "keyword", text: "JOIN" });
    this.#level.isOpen = true;
    this.#table();
  }

  /** What a JOIN without ON takes. */
  #closeJoin(at: number): void {
    const level = this.#level;
    if (!level.isOpen) return;
    level.isOpen = false;
    this.#result.push({ kind: "keyword", text: "ON", at, end: at });
    this.#result.push({ kind: "value", text: this.#truth, at, end: at });
  }

  /** The end of FROM, or of a SELECT that has none. */
  #leave(at: number): void {
    const level = this.#level;
    if (level.clause === "from") this.#closeJoin(at);
    if (level.clause === "select") {
      this.#result.push({ kind: "keyword", text: "FROM", at, end: at });
      this.#result.push({ kind: "name", text: quoted(ONE_ROW), at, end: at });
    }
    level.clause = "none";
  }

  /** A table follows: a name, or a subquery. */
  #table(): void {
    const next = this.#tokens[this.#at + 1];
    if (next?.kind === "function") {
      throw unsupported("functions that give tables", next.at);
    }
    if (next?.kind !== "sign" || next.text !== "(") return;
    const close = closeOf(this.#tokens, this.#at + 1);
    const inner = this.#tokens.slice(this.#at + 2, close);
    if (!STATEMENT.has(inner[0]?.text ?? "")) {
      throw unsupported("tables in parentheses", next.at);
    }
    const name = `${SUBQUERY}${this.#subqueries.size}`;
    this.#subqueries.set(name, inner);
    const end = this.#tokens[close]?.end ?? next.end;
    this.#result.push({ kind: "name", text: quoted(name), at: next.at, end });
    this.#at = close;
  }
}
