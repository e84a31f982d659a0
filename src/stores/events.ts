/** The event log, for reading: every change that was ever logged, in order. */

import { FlowError } from "../errors.ts";
import type { LoggedEvent } from "../storage/event-log.ts";
import { requireOptions, type StoreContext } from "./context.ts";
import { reportLog } from "./log-findings.ts";
import { shown } from "../model/json-values.ts";

/** An event as the log holds it. */
export interface StoredEvent {
  /** This clone's number, from 1, without gaps but where git took events away. */
  readonly sequence: number;
  /** True until the next commit for events that a merge brought. */
  readonly provisional: boolean;
  /** A ULID, greater than every id before it in the log. */
  readonly id: string;
  /** `type:id`, such as `feature:01J…`. */
  readonly stream: string;
  /** Its place in its stream, from 1. */
  readonly version: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly payload: unknown;
  readonly metadata: unknown;
  /** Common to all events of one call or transaction. */
  readonly txId: string;
  readonly agent: string | null;
  readonly source: string | null;
  readonly causedBy: string | null;
  readonly correlationId: string | null;
  readonly commandId: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** Which events a query returns; all that is given must hold. */
export interface EventQuery {
  /** Exactly this stream. */
  readonly stream?: string | undefined;
  readonly type?: string | undefined;
  readonly agent?: string | undefined;
  /** From this time on, ISO 8601. */
  readonly since?: string | undefined;
  /** Before this time, ISO 8601. */
  readonly until?: string | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
  /** Default `asc`: by sequence, oldest first. */
  readonly order?: "asc" | "desc" | undefined;
}

/** The event log, for reading. */
export class Events {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Every event in sequence order. A damaged line is left out and named by `check`. */
  async *replayAll(): AsyncIterable<StoredEvent> {
    yield* await this.#all();
  }

  /**
   * The events that match, by sequence.
   *
   * @throws FlowError `BAD_REQUEST` for a time that is none, a limit below 1, an unknown order.
   */
  async query(query: EventQuery = {}): Promise<StoredEvent[]> {
    const { stream, type, agent, limit, order } = requireOptions(query, "query");
    const since = timeOf("since", query.since);
    const until = timeOf("until", query.until);
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
      throw bad("limit", limit);
    if (order !== undefined && order !== "asc" && order !== "desc") throw bad("order", order);
    const found = (await this.#all()).filter(
      (event) =>
        (stream === undefined || event.stream === stream) &&
        (type === undefined || event.type === type) &&
        (agent === undefined || event.agent === agent) &&
        (since === null || event.createdAt >= since) &&
        (until === null || event.createdAt < until),
    );
    if (order === "desc") found.reverse();
    return limit === undefined ? found : found.slice(0, limit);
  }

  async #all(): Promise<StoredEvent[]> {
    const look = await this.#context.storage.events();
    reportLog(look, this.#context.findings);
    const versions = new Map<string, number>();
    return look.events.map((logged) => {
      const version = (versions.get(logged.event.stream) ?? 0) + 1;
      versions.set(logged.event.stream, version);
      return stored(logged, version);
    });
  }
}

function stored({ event, sequence, provisional }: LoggedEvent, version: number): StoredEvent {
  return {
    sequence,
    provisional,
    id: event.id,
    stream: event.stream,
    version,
    type: event.type,
    schemaVersion: event.schemaVersion,
    payload: event.payload,
    metadata: event.metadata ?? null,
    txId: event.txId,
    agent: event.agent ?? null,
    source: event.source ?? null,
    causedBy: event.causedBy ?? null,
    correlationId: event.correlationId ?? null,
    commandId: event.commandId ?? null,
    createdAt: event.createdAt,
  };
}

function timeOf(field: string, value: unknown): string | null {
  if (value === undefined) return null;
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw bad(field, value);
  return new Date(ms).toISOString();
}

function bad(field: string, value: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot query events: ${field} cannot be ${shown(value)}`, {
    context: { field },
  });
}
