/** What a query is given and what it may cost; how it is run is an engine's own. */

import { FlowError } from "../errors.ts";

/** A value as SQL knows it. */
export type SqlValue = string | number | null;

/** How a column compares: as SQLite's column affinity. `none` compares values as they are. */
export type Affinity = "text" | "integer" | "none";

/** A column of a table that is queried. */
export interface QueryColumn {
  readonly name: string;
  readonly affinity: Affinity;
}

/** A table that is queried, as of one commit. */
export interface QueryTable {
  readonly name: string;
  readonly columns: readonly QueryColumn[];
  /** In the order of insertion; the values in the order of the columns. */
  readonly rows: readonly (readonly SqlValue[])[];
}

/** One SELECT, with everything that it may read. */
export interface QueryRequest {
  readonly sql: string;
  /** For `?` and `?1` by place, for `:name`, `@name` and `$name` by name. */
  readonly params: readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
  /** Those that the text may mean. */
  readonly tables: readonly QueryTable[];
  /** All that there are, for who mistypes one. */
  readonly tableNames: readonly string[];
  readonly budget: QueryBudget;
  /** The time for `now`, in ms since 1970. */
  readonly nowMs: number;
}

/** What a SELECT gives. */
export interface QueryResult {
  /** The names of its columns, in their order; two may be the same. */
  readonly columns: readonly string[];
  /** The values of each row, in the order of the columns. */
  readonly rows: readonly (readonly unknown[])[];
}

/** What runs queries. It must write nothing, anywhere. */
export interface QueryEngine {
  /**
   * The result of one SELECT.
   *
   * @throws FlowError `BAD_REQUEST` for what it does not do, with the position where it knows it.
   */
  query(request: QueryRequest): Promise<QueryResult>;
}

/** What a query may cost before it is stopped. */
export class QueryBudget {
  readonly maxRows: number;
  readonly #maxSteps: number;
  readonly #deadlineMs: number;
  readonly #nowMs: () => number;
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #nextLook = STEPS_BETWEEN_LOOKS;

  /** @param nowMs a clock that never goes back */
  constructor(
    limits: { readonly maxSteps: number; readonly maxRows: number; readonly maxMs: number },
    nowMs: () => number,
    signal: AbortSignal | undefined,
  ) {
    this.maxRows = limits.maxRows;
    this.#maxSteps = limits.maxSteps;
    this.#deadlineMs = nowMs() + limits.maxMs;
    this.#nowMs = nowMs;
    this.#signal = signal;
  }

  /** So many more steps; `true` when it is time to let others run. */
  step(count = 1): boolean {
    this.#steps += count;
    if (this.#steps > this.#maxSteps) throw stopped(`${this.#maxSteps} operations`);
    if (this.#steps < this.#nextLook) return false;
    this.#nextLook = this.#steps + STEPS_BETWEEN_LOOKS;
    this.look();
    return true;
  }

  /** @throws FlowError `ABORTED` or `BAD_REQUEST` when the query must not go on. */
  look(): void {
    if (this.#signal?.aborted === true) {
      throw new FlowError("ABORTED", "Cannot finish the query: it was aborted");
    }
    if (this.#nowMs() > this.#deadlineMs) throw stopped("its time");
  }

  /** One more row of the result. */
  rows(count: number): void {
    if (count > this.maxRows) throw stopped(`${this.maxRows} rows`);
  }
}

const STEPS_BETWEEN_LOOKS = 4096;

function stopped(what: string): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot finish the query: it needs more than ${what}`, {
    context: { budget: what },
    hint: "Narrow it down by a WHERE or a LIMIT, or raise its budget.",
  });
}

/** A refusal of a query, with the place in its text where that is known; from 0. */
export function refuse(why: string, position?: number, cause?: unknown): FlowError {
  const at = position === undefined ? "" : ` (at position ${position})`;
  return new FlowError("BAD_REQUEST", `Cannot run the query: ${why}${at}`, {
    context: { field: "sql", ...(position === undefined ? {} : { position }) },
    cause,
  });
}

/** A refusal of what SQLite's dialect has and queries do not. */
export function unsupported(what: string, position?: number, guess = ""): FlowError {
  return withHint(refuse(`${what} is not among what queries can do${guess}`, position));
}

/** A refusal at a word that may be a slip, or SQL that queries do not know. */
export function unfit(found: string, position: number, cause: unknown): FlowError {
  const { code, message, context } = refuse(`${found} does not fit there`, position, cause);
  const hint = `A comparison of a comparison needs parentheses here, as in (a = b) = c. ${EXACT_ENGINE}`;
  return new FlowError(code, message, { context, hint, cause });
}

/** A refusal of a query whose answer might not be SQLite's. */
export function unsure(why: string, position?: number): FlowError {
  return withHint(refuse(`SQLite and this engine might differ about ${why}`, position));
}

function withHint({ code, message, context }: FlowError): FlowError {
  return new FlowError(code, message, { context, hint: EXACT_ENGINE });
}

const EXACT_ENGINE =
  "The engine sqlJsEngine, at the command line --engine sql.js, does all that SQLite does.";
