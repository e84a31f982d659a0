/**
 * FlowForge's database layer over a store: the ports that its documentation writes down, with the
 * same names, so that a program written against them changes its imports and nothing else.
 */

import { FlowError } from "./errors.ts";
import type { FlowStore } from "./flow-store.ts";
import { requireInput } from "./model/given.ts";
import { isPlainObject, shown } from "./model/json-values.ts";
import type { StoredEvent } from "./stores/stored-events.ts";

/** An event as FlowForge's ports return it, with what the original left out. */
export interface PortEvent {
  readonly id: string;
  /** As it was given. */
  readonly aggregateId: string;
  /** The text before the first colon of `aggregateId`; `default` without one. */
  readonly aggregateType: string;
  readonly eventType: string;
  readonly eventVersion: number;
  /** Its place among the events of its aggregate, from 1. */
  readonly seq: number;
  readonly payload: Record<string, unknown>;
  /** Absent when none was given. */
  readonly metadata?: Record<string, unknown>;
  /** ISO 8601 UTC. */
  readonly timestamp: string;
  /** Common to all events of one transaction. */
  readonly txId: string;
  /** The id of the event that led to this one; `null` when none was named. */
  readonly causedBy: string | null;
}

/** The state of an aggregate after an event. */
export interface PortSnapshot {
  readonly aggregateId: string;
  readonly lastSeq: number;
  readonly state: Record<string, unknown>;
  /** ISO 8601 UTC. */
  readonly timestamp: string;
}

/** The log of events. */
export interface EventStorePort {
  /**
   * Appends one event; its `seq` is the next of its aggregate, also when others append meanwhile.
   *
   * @throws FlowError `BAD_REQUEST` for an empty id or type and a payload that is no object.
   */
  append(event: {
    /** `type:id`, or just an id, whose type is `default`. */
    aggregateId: string;
    eventType: string;
    payload: Record<string, unknown>;
    metadata?: Record<string, unknown> | undefined;
    /** The id of the event that led to this one. Default: none. */
    causedBy?: string | undefined;
  }): Promise<PortEvent>;
  /**
   * The events of exactly this aggregate, oldest first; an unknown one has none.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  load(args: {
    aggregateId: string;
    /** Those behind this `seq`, without it. Default 0. */
    afterSeq?: number | undefined;
  }): Promise<PortEvent[]>;
  /** The newest snapshot that fits the log; `null` without one. @throws FlowError `BAD_REQUEST`. */
  latestSnapshot(args: { aggregateId: string }): Promise<PortSnapshot | null>;
  /** Keeps a state; an older one never replaces a newer one. @throws FlowError `BAD_REQUEST`. */
  saveSnapshot(snapshot: {
    aggregateId: string;
    lastSeq: number;
    state: Record<string, unknown>;
  }): Promise<void>;
}

/** The read models. */
export interface ProjectionStorePort {
  /** One read-only SELECT; see `store.projections.query`. */
  query(args: { sql: string; params?: unknown[] | undefined }): Promise<Record<string, unknown>[]>;
  /** Merges rows by primary key, all or none; see `store.projections.upsert`. */
  upsert(args: { table: string; rows: Record<string, unknown>[] }): Promise<void>;
  /** Takes every row out of a table; see `store.projections.truncate`. */
  truncate(args: { table: string }): Promise<void>;
}

/** Transactions. */
export interface TxPort {
  /**
   * All that `fn` does through these ports, over awaits, commits as one, or not at all when it
   * throws. Nested: an inner throw that the outer one catches undoes the inner part alone.
   *
   * @throws whatever `fn` throws; FlowError `TIMEOUT` when it runs longer than 5 s.
   */
  runInTransaction<T>(fn: () => T | Promise<T>): Promise<T>;
}

/** Bytes by key. */
export interface BlobStorePort {
  /** @throws FlowError `BAD_REQUEST`. */
  put(args: { key: string; data: Buffer; contentType?: string | undefined }): Promise<void>;
  /** The bytes; `null` for an unknown key. @throws FlowError `CORRUPT` for damaged bytes. */
  get(args: { key: string }): Promise<{ data: Buffer; contentType?: string } | null>;
  /** Without reading the bytes; `null` for an unknown key. */
  stat(args: { key: string }): Promise<{ size: number; contentType?: string } | null>;
}

/** What a program of FlowForge's is given. */
export interface DbContext {
  readonly eventStore: EventStorePort;
  readonly projectionStore: ProjectionStorePort;
  readonly tx: TxPort;
  readonly blobStore: BlobStorePort;
}

const APPENDING = "Cannot append the event";

/** FlowForge's ports over an open store. They hold nothing of their own: closing the store ends them. */
export function createDbContext(store: FlowStore): DbContext {
  return {
    eventStore: eventStoreOver(store),
    projectionStore: {
      query: async (args) => store.projections.query(args),
      upsert: async (args) => {
        const { table, rows } = given("Cannot write rows", args);
        await store.projections.upsert({ table, rows });
      },
      truncate: async (args) => {
        const { table } = given("Cannot empty the table", args);
        await store.projections.truncate({ table });
      },
    },
    tx: { runInTransaction: async (fn) => store.transaction(fn) },
    blobStore: blobStoreOver(store),
  };
}

/** What a caller without types left out is refused as every bad input is. */
function given<T>(doing: string, args: T): T {
  requireInput(doing, args);
  return args;
}

function eventStoreOver({ events }: FlowStore): EventStorePort {
  return {
    async append(args) {
      const { aggregateId, eventType, payload, metadata, causedBy } = given(APPENDING, args);
      if (!isPlainObject(payload)) {
        throw new FlowError(
          "BAD_REQUEST",
          `${APPENDING}: payload must be a plain object, not ${shown(payload)}`,
          { context: { field: "payload" } },
        );
      }
      const event = { type: eventType, payload, metadata, causedBy };
      const appended = await events.append(aggregateId, [event]);
      return portEvent(appended.events[0] as StoredEvent);
    },
    async load(args) {
      const { aggregateId, afterSeq } = given("Cannot load the events", args);
      const loaded = await events.load(aggregateId, { afterVersion: afterSeq });
      return loaded.map(portEvent);
    },
    async latestSnapshot(args) {
      const { aggregateId } = given("Cannot look at the snapshot", args);
      const snapshot = await events.latestSnapshot(aggregateId);
      if (snapshot === null) return null;
      const { version: lastSeq, createdAt: timestamp } = snapshot;
      return { aggregateId, lastSeq, state: snapshot.state as Record<string, unknown>, timestamp };
    },
    async saveSnapshot(args) {
      const { aggregateId, lastSeq, state } = given("Cannot save the snapshot", args);
      await events.saveSnapshot({ stream: aggregateId, version: lastSeq, state });
    },
  };
}

function portEvent(event: StoredEvent): PortEvent {
  const { id, stream, type, schemaVersion, version, payload, metadata } = event;
  const colon = stream.indexOf(":");
  return {
    id,
    aggregateId: stream,
    aggregateType: colon > 0 ? stream.slice(0, colon) : "default",
    eventType: type,
    eventVersion: schemaVersion,
    seq: version,
    payload: payload as Record<string, unknown>,
    ...(isPlainObject(metadata) ? { metadata } : {}),
    timestamp: event.createdAt,
    txId: event.txId,
    causedBy: event.causedBy,
  };
}

function blobStoreOver({ blobs }: FlowStore): BlobStorePort {
  const typed = (contentType: string | undefined): { contentType?: string } =>
    contentType === undefined ? {} : { contentType };
  return {
    async put(args) {
      const { key, data, contentType } = given("Cannot put the blob", args);
      await blobs.put({ key, data, contentType });
    },
    async get(args) {
      const { key } = given("Cannot look at the blob", args);
      const blob = await blobs.get(key);
      return blob === null ? null : { data: blob.data, ...typed(blob.contentType) };
    },
    async stat(args) {
      const { key } = given("Cannot look at the blob", args);
      const stat = await blobs.stat(key);
      return stat === null ? null : { size: stat.size, ...typed(stat.contentType) };
    },
  };
}
