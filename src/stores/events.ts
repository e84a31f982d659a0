/**
 * The event log as an event store: streams to append to, with what is expected of them; queries;
 * snapshots; subscriptions. Everything that any call of the store changes is an event here too.
 */

import { setImmediate as letOthersRun } from "node:timers/promises";

import type { EventTypeOptions, EventTypes } from "../model/event-types.ts";
import type { NewEvent, NewStreamEvent } from "../model/events.ts";
import { badField, countOrAll, requireText, requireWord } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { momentMs, toIso } from "../model/time.ts";
import type { LogReader, NumberedLine, Scan } from "../storage/log-reader.ts";
import { requireOptions, type StoreContext } from "./context.ts";
import {
  appendEach,
  appendToStream,
  type AppendAllOptions,
  type Appended,
  type AppendOptions,
} from "./event-appends.ts";
import { archiveEvents, type ArchiveEventsOptions, type ArchiveReport } from "./event-archive.ts";
import { reportFaults } from "./log-findings.ts";
import { Snapshots, type SaveSnapshotInput, type Snapshot } from "./snapshots.ts";
import { storedEvent, type StoredEvent } from "./stored-events.ts";
import type { SubscribeOptions, SubscriptionItem, Subscriptions } from "./subscriptions.ts";

/** Which events a query returns; all that is given must hold. */
export interface EventQuery {
  /** Exactly this stream. */
  readonly stream?: string | undefined;
  /** What the name of the stream begins with. */
  readonly streamPrefix?: string | undefined;
  readonly type?: string | undefined;
  readonly agent?: string | undefined;
  /** From this time on, ISO 8601; UTC where it names no zone. */
  readonly since?: string | undefined;
  /** Before this time, ISO 8601; UTC where it names no zone. */
  readonly until?: string | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
  /** Default `asc`: by sequence, oldest first. */
  readonly order?: "asc" | "desc" | undefined;
}

/** Which part of a stream is loaded. */
export interface LoadOptions {
  /** Those behind this version; 0 or more. Default 0. */
  readonly afterVersion?: number | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
}

/** Which events are counted. */
export interface CountOptions {
  /** Exactly this stream. Default: all. */
  readonly stream?: string | undefined;
}

/** What the events of a stream come to. */
export interface Aggregate<S> {
  readonly state: S;
  /** The version of the last event in it; 0 for a stream without one. */
  readonly version: number;
}

const ORDERS = ["asc", "desc"] as const;
const LOADING = "Cannot load the stream";
const QUERYING = "Cannot query events";
const QUERY_NAMES = {
  stream: true,
  streamPrefix: true,
  type: true,
  agent: true,
  since: true,
  until: true,
  limit: true,
  order: true,
} as const;
const REPLAYING = "Cannot replay events";

/** The event log. */
export class Events {
  readonly #context: StoreContext;
  readonly #types: EventTypes;
  readonly #subscriptions: Subscriptions;
  readonly #snapshots: Snapshots;

  constructor(context: StoreContext, types: EventTypes, subscriptions: Subscriptions) {
    this.#context = context;
    this.#types = types;
    this.#subscriptions = subscriptions;
    this.#snapshots = new Snapshots(context);
  }

  // ---- appending -----------------------------------------------------------------------------

  /**
   * Appends events to a stream, all in one commit, or none. A `commandId` that was seen before is
   * looked at first, whatever is expected: the same events are answered as they were appended then.
   *
   * @param stream `type:id`; any text that is not empty. Without a colon its type is `default`.
   * @throws FlowError `VERSION_CONFLICT` when a stream is not as expected: `context.conflicts` holds
   * `stream`, `expected` and `actual` of each; `CONFLICT` when the command appended something else;
   * `BAD_REQUEST`.
   */
  async append(
    stream: string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<Appended> {
    return appendToStream(this.#context, this.#types, { stream, events }, options);
  }

  /**
   * Appends events, each to its own stream, all in one commit, or none; their sequence numbers follow
   * one another. An empty list writes nothing and uses no number.
   *
   * @throws FlowError `CONFLICT` when the command appended something else; `BAD_REQUEST`.
   */
  async appendAll(
    events: readonly NewStreamEvent[],
    options: AppendAllOptions = {},
  ): Promise<Appended> {
    return appendEach(this.#context, this.#types, events, options);
  }

  // ---- reading -------------------------------------------------------------------------------

  /**
   * Every event in sequence order, as of the moment the first one is asked for; memory does not grow
   * with them. A damaged line is left out and named by `check`.
   */
  replayAll(): AsyncIterable<StoredEvent> {
    return this.#replay(() => ({}));
  }

  /**
   * {@link replayAll} from this sequence number on, inclusive.
   *
   * @throws FlowError `BAD_REQUEST` for what is no whole number from 0.
   */
  replayFrom(sequence: number): AsyncIterable<StoredEvent> {
    return this.#replay(() => ({ from: requireNumber(REPLAYING, "sequence", sequence) }));
  }

  /**
   * {@link replayAll} behind this sequence number, exclusive.
   *
   * @throws FlowError `BAD_REQUEST` for what is no whole number from 0.
   */
  replayAfter(sequence: number): AsyncIterable<StoredEvent> {
    return this.#replay(() => ({ from: requireNumber(REPLAYING, "sequence", sequence) + 1 }));
  }

  /** What is wrong with the question is told where the first event is asked for. */
  async *#replay(scanOf: () => Scan): AsyncGenerator<StoredEvent, void, void> {
    const scan = scanOf();
    const reader = await this.#context.storage.reader();
    for (const chunk of reader.scan(scan)) {
      for (const line of chunk) yield storedEvent(line, this.#types);
      await letOthersRun();
    }
    this.#report(reader, isWhole(scan));
  }

  /**
   * The events of exactly this stream, oldest first; an unknown one has none.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async load(stream: string, options: LoadOptions = {}): Promise<StoredEvent[]> {
    const { afterVersion = 0, limit } = requireOptions(options, {
      afterVersion: true,
      limit: true,
    });
    requireText(LOADING, "stream", stream);
    requireNumber(LOADING, "afterVersion", afterVersion);
    const most = countOrAll(LOADING, "limit", limit);
    const reader = await this.#context.storage.reader();
    const lines = reader.ofStream(stream, { afterVersion, limit: most });
    this.#report(reader, false);
    return this.#stored(lines);
  }

  /**
   * The events that match, by sequence.
   *
   * @throws FlowError `BAD_REQUEST` for a name that is no text, a time that is none, a limit below 1, an
   * unknown order.
   */
  async query(query: EventQuery = {}): Promise<StoredEvent[]> {
    const { limit, order = "asc" } = requireOptions(query, QUERY_NAMES, "query");
    const { stream, streamPrefix: prefix, type, agent } = query;
    for (const [field, value] of Object.entries({ stream, streamPrefix: prefix, type, agent })) {
      // Of no name there is nothing.
      if (value !== undefined && value !== "") requireText(QUERYING, field, value);
    }
    const since = timeOf("since", query.since);
    const until = timeOf("until", query.until);
    const most = countOrAll(QUERYING, "limit", limit) ?? Infinity;
    requireWord(QUERYING, "order", order, ORDERS);
    return this.#find({ stream, prefix, type, agent, since, until, order }, most);
  }

  /** Every event of exactly this type, by sequence. @throws FlowError `BAD_REQUEST`. */
  async queryByType(type: string): Promise<StoredEvent[]> {
    return this.#find({ type: requireText(QUERYING, "type", type) });
  }

  /**
   * Every event of the streams whose name begins so, by sequence: `order:` for those of one type. Of
   * `order:1` also those of `order:10`; {@link load} takes a stream by its exact name.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async queryByStreamPrefix(prefix: string): Promise<StoredEvent[]> {
    return this.#find({ prefix: requireText(QUERYING, "prefix", prefix) });
  }

  /** How many events there are of each type, by type, of one stream or of all. */
  async countByType(options: CountOptions = {}): Promise<Record<string, number>> {
    const { stream } = requireOptions(options, { stream: true });
    if (stream !== undefined) requireText("Cannot count events", "stream", stream);
    const reader = await this.#context.storage.reader();
    const counts = [...reader.countByType(stream)].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(counts);
  }

  async #find(scan: Scan, most = Infinity): Promise<StoredEvent[]> {
    const reader = await this.#context.storage.reader();
    const found: NumberedLine[] = [];
    for (const chunk of reader.scan(scan)) {
      for (const line of chunk) if (found.length < most) found.push(line);
      if (found.length >= most) break;
      await letOthersRun();
    }
    this.#report(reader, found.length < most && isWhole(scan));
    return this.#stored(found);
  }

  #report(reader: LogReader, hasReadAll: boolean): void {
    reportFaults(reader.faults(), this.#context, hasReadAll);
  }

  #stored(lines: readonly NumberedLine[]): StoredEvent[] {
    return lines.map((line) => storedEvent(line, this.#types));
  }

  // ---- causality -----------------------------------------------------------------------------

  /**
   * What led to an event, along `causedBy`: its cause, the cause of that, and so on, as far as they
   * are in the log. An unknown id, and an event without a cause, have none.
   */
  async causes(id: string): Promise<StoredEvent[]> {
    requireText("Cannot look for causes", "id", id);
    const reader = await this.#context.storage.reader();
    const seen = new Set([id]);
    const found: NumberedLine[] = [];
    let next = reader.byId(id)?.event.causedBy;
    while (next !== undefined && !seen.has(next)) {
      seen.add(next);
      const line = reader.byId(next);
      if (line !== null) found.push(line);
      next = line?.event.causedBy;
    }
    return this.#stored(found);
  }

  /**
   * What an event led to, along `causedBy`: the events that it caused, those that they caused, and so
   * on, by sequence. The event itself need not be in the log.
   */
  async effects(id: string): Promise<StoredEvent[]> {
    requireText("Cannot look for effects", "id", id);
    const reader = await this.#context.storage.reader();
    const found = new Map<string, NumberedLine>();
    const open = [id];
    for (let cause = open.pop(); cause !== undefined; cause = open.pop()) {
      for (const line of reader.causedBy(cause)) {
        if (line.event.id === id || found.has(line.event.id)) continue;
        found.set(line.event.id, line);
        open.push(line.event.id);
      }
    }
    const inOrder = [...found.values()].sort((a, b) => a.sequence - b.sequence);
    return this.#stored(inOrder);
  }

  // ---- snapshots -----------------------------------------------------------------------------

  /**
   * Keeps the state that a stream came to, in this clone. An older version never replaces a newer
   * one. It is a cache: it may be lost, and counts only while the event of that version is the same.
   *
   * @returns the snapshot that counts from now on.
   * @throws FlowError `BAD_REQUEST`.
   */
  async saveSnapshot(input: SaveSnapshotInput): Promise<Snapshot> {
    return this.#snapshots.save(input);
  }

  /** The snapshot of a stream; `null` when there is none, or none that fits the log as it is. */
  async latestSnapshot(stream: string): Promise<Snapshot | null> {
    requireText("Cannot look for the snapshot", "stream", stream);
    const { storage } = this.#context;
    return storage.read((view) => this.#snapshots.in(view, stream, storage.readerIn(view)));
  }

  /**
   * What the events of a stream come to, oldest first, from its latest snapshot on where there is one.
   *
   * @param evolve the next state; it must be pure, and of the same kind as what made the snapshot.
   * @param initial the state before the first event.
   * @throws whatever `evolve` throws.
   */
  async aggregate<S>(
    stream: string,
    evolve: (state: S, event: StoredEvent) => S,
    initial: S,
  ): Promise<Aggregate<S>> {
    requireText("Cannot aggregate", "stream", stream);
    if (typeof evolve !== "function") {
      throw badField("Cannot aggregate", "evolve", `must be a function, not ${shown(evolve)}`);
    }
    const { storage } = this.#context;
    const { snapshot, lines } = await storage.read((view) => {
      const reader = storage.readerIn(view);
      const kept = this.#snapshots.in(view, stream, reader);
      const usable = kept !== null && kept.version <= reader.versionOf(stream) ? kept : null;
      const behind = reader.ofStream(stream, { afterVersion: usable?.version ?? 0 });
      return { snapshot: usable, lines: behind };
    });
    let state = snapshot === null ? initial : (snapshot.state as S);
    for (const line of lines) state = evolve(state, storedEvent(line, this.#types));
    return { state, version: lines.at(-1)?.version ?? snapshot?.version ?? 0 };
  }

  // ---- archive -------------------------------------------------------------------------------

  /**
   * Packs closed segments of the log by gzip, `<name>.jsonl.gz` in place of `<name>.jsonl`; every
   * call reads through them. Each is verified by reading it back before the plain file goes; a kill
   * at any point loses nothing. What cannot be packed without a doubt stays, and says why.
   *
   * @throws FlowError `BAD_REQUEST`, also inside a transaction.
   */
  async archive(options: ArchiveEventsOptions = {}): Promise<ArchiveReport> {
    return archiveEvents(this.#context, options);
  }

  // ---- types and subscriptions ---------------------------------------------------------------

  /**
   * Says what events of a type must be, and how older ones become newer ones when they are read.
   * Holds for this open store; types that nobody registered are appended and returned as they are.
   *
   * @throws FlowError `CONFLICT` for a name that is registered; `BAD_REQUEST`.
   */
  async registerType(name: string, options: EventTypeOptions = {}): Promise<void> {
    const known = requireOptions(options, { schema: true, upcast: true, tag: true });
    this.#types.register(name, known);
  }

  /**
   * Events from a place on: first what is there, then one `{ caughtUp: true }`, then what comes, from
   * any process, in sequence order. Events that a merge brought come once they have their number,
   * with the next commit. At least once: what a killed consumer of a group had taken within the last
   * 50 ms may come again. An event is taken when the next one is asked for.
   *
   * @throws FlowError `BAD_REQUEST`, also inside a transaction; while it runs `CORRUPT` for a damaged
   * file of its group, `LOCK_LOST` when another consumer took the group over.
   */
  subscribe(options: SubscribeOptions = {}): AsyncGenerator<SubscriptionItem, void, void> {
    return this.#subscriptions.begin(options);
  }
}

/** Whether a scan reads every line: one by the index does not. */
function isWhole({ from, stream, prefix, type }: Scan): boolean {
  return [from, stream, prefix, type].every((part) => part === undefined);
}

function requireNumber(doing: string, field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badField(doing, field, `must be a whole number from 0, not ${shown(value)}`);
}

function timeOf(field: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const ms = typeof value === "string" ? momentMs(value) : null;
  if (ms !== null) return toIso(ms);
  throw badField(QUERYING, field, `must be a time in ISO 8601, not ${shown(value)}`);
}
