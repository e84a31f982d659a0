/** Events as callers get them. */

import type { EventTypes } from "../model/event-types.ts";
import type { NumberedLine } from "../storage/log-reader.ts";

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
  /** The version of the payload's shape, from 1; of an upcast payload that which it has by now. */
  readonly schemaVersion: number;
  readonly payload: unknown;
  readonly metadata: unknown;
  /** Common to all events of one call or transaction. */
  readonly txId: string;
  readonly agent: string | null;
  readonly source: string | null;
  /** The id of the event that led to this one. */
  readonly causedBy: string | null;
  readonly correlationId: string | null;
  /** Of the command that made it: what bears one id happens once. */
  readonly commandId: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
}

/**
 * A line of the log with its numbers, its payload in its newest shape.
 *
 * @throws FlowError `BAD_REQUEST` when an upcast of the caller's throws.
 */
export function storedEvent(
  { event, sequence, version, provisional }: NumberedLine,
  types: EventTypes,
): StoredEvent {
  const { id, stream, type, createdAt, txId } = event;
  const metadata = event.metadata ?? null;
  // A million events: no second object for each.
  const { schemaVersion, payload } = types.isUpcast(type)
    ? types.upcast({ ...event, metadata })
    : event;
  return {
    sequence,
    provisional,
    id,
    stream,
    version,
    type,
    schemaVersion,
    payload,
    metadata,
    txId,
    agent: event.agent ?? null,
    source: event.source ?? null,
    causedBy: event.causedBy ?? null,
    correlationId: event.correlationId ?? null,
    commandId: event.commandId ?? null,
    createdAt,
  };
}
