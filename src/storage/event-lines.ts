/**
 * The lines of an event segment: one JSON object each, keys in a fixed order, the last one a
 * checksum over all that stands before it. The first line of a segment is its header.
 */

import { splitLines } from "./journal-lines.ts";
import { LOST_BYTE } from "./packed-lines.ts";
import { EMPTY_OBJECT_BYTES, isSealed, jsonOf, SEAL_BYTES, sealLine } from "./sealed-lines.ts";
import type { NumberedEvent } from "./view.ts";

/** Version of a payload's shape, unless the event says another. */
export const EVENT_SCHEMA_VERSION = 1;

/** An event as its line holds it; neither sequence nor version is in the line. */
export interface EventLine {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly createdAt: string;
  /** The batch: id of its first event. A batch counts only when all its lines are there. */
  readonly txId: string;
  readonly n: number;
  readonly of: number;
  readonly agent?: string;
  readonly source?: string;
  readonly causedBy?: string;
  readonly correlationId?: string;
  readonly commandId?: string;
  readonly metadata?: unknown;
  readonly payload: unknown;
}

/** What a segment says of itself. */
export interface SegmentHeader {
  readonly segment: number;
  readonly clone: string;
  readonly createdAt: string;
  /** The highest integer ids in use when it was begun, by kind. */
  readonly ids: Readonly<Record<string, number>>;
}

/** The lines of one batch. */
export function encodeBatch(events: readonly NumberedEvent[]): string {
  return linesOf(events).map(sealLine).join("");
}

/** The events of one batch as their lines will hold them. */
export function linesOf(events: readonly NumberedEvent[]): EventLine[] {
  const txId = events[0]?.id ?? "";
  return events.map(({ id, createdAt, draft }, index) => ({
    id,
    stream: draft.stream,
    type: draft.type,
    schemaVersion: draft.schemaVersion ?? EVENT_SCHEMA_VERSION,
    createdAt,
    txId,
    n: index + 1,
    of: events.length,
    ...present("agent", draft.agent),
    ...present("source", draft.source),
    ...present("causedBy", draft.causedBy),
    ...present("correlationId", draft.correlationId),
    ...present("commandId", draft.commandId),
    ...present("metadata", draft.metadata),
    payload: draft.payload ?? null,
  }));
}

/** A key that is left out where there is nothing to say. */
function present<K extends string, V>(key: K, value: V): Partial<Record<K, NonNullable<V>>> {
  if (value === undefined || value === null) return {};
  return { [key]: value } as Partial<Record<K, NonNullable<V>>>;
}

/** The first line of a segment. */
export function encodeSegmentHeader(header: SegmentHeader): string {
  return sealLine(header);
}

/** What a line is: an event, a header, or damaged in a way that can be told. */
export type ReadLine =
  | { readonly kind: "event"; readonly event: EventLine }
  | { readonly kind: "header"; readonly header: SegmentHeader }
  | { readonly kind: "damaged"; readonly why: string };

/** Reads one line without its LF. */
export function decodeEventLine(line: Buffer): ReadLine {
  const at = line.length - SEAL_BYTES;
  if (!isSealed(line, at)) return { kind: "damaged", why: whyDamaged(line) };
  let value: Partial<EventLine & SegmentHeader>;
  try {
    value = JSON.parse(jsonOf(line, at)) as Partial<EventLine & SegmentHeader>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: "damaged", why: "it is not JSON, though its checksum fits: no store wrote it" };
  }
  if (typeof value.segment === "number") return { kind: "header", header: headerOf(value) };
  if (!isEvent(value)) return { kind: "damaged", why: "it is no event: a key is missing or wrong" };
  return { kind: "event", event: value };
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Whether a line has what every event has; whoever wrote it. */
function isEvent(value: Partial<EventLine>): value is EventLine {
  const { id, stream, type, createdAt, txId, n, of } = value;
  return (
    typeof id === "string" &&
    ULID.test(id) &&
    typeof stream === "string" &&
    typeof type === "string" &&
    typeof createdAt === "string" &&
    typeof txId === "string" &&
    Number.isSafeInteger(n) &&
    Number.isSafeInteger(of) &&
    Number(n) >= 1 &&
    Number(n) <= Number(of)
  );
}

/** A header with ids that are ids; others are left out. */
function headerOf(value: Partial<SegmentHeader>): SegmentHeader {
  const ids = Object.entries(value.ids ?? {}).filter(([, id]) => Number.isSafeInteger(id));
  return {
    segment: value.segment ?? 0,
    clone: String(value.clone ?? ""),
    createdAt: String(value.createdAt ?? ""),
    ids: Object.fromEntries(ids),
  };
}

const TEXT = String.raw`("(?:[^"\\]|\\.)*")`;
const OPTIONAL = ["agent", "source", "causedBy", "correlationId", "commandId"] as const;
/** The keys before the metadata and the payload, as `encodeBatch` writes them. */
const HEAD = new RegExp(
  String.raw`^\{"id":"([0-9A-Z]{26})","stream":${TEXT},"type":${TEXT},"schemaVersion":(\d+),"createdAt":"([^"\\]*)","txId":"([^"\\]*)","n":(\d+),"of":(\d+)` +
    OPTIONAL.map((key) => `(?:,"${key}":${TEXT})?`).join("") +
    String.raw`,"(?:metadata|payload)":`,
);
/** A head that is longer is read as a whole line. */
const HEAD_BYTES = 512;

/** Reads all but metadata and payload: twice as fast, for who needs no more. */
export function decodeEventHead(line: Buffer): ReadLine {
  const at = line.length - SEAL_BYTES;
  if (at < EMPTY_OBJECT_BYTES) return decodeEventLine(line);
  const head = HEAD.exec(line.toString("utf8", 0, Math.min(at, HEAD_BYTES)));
  if (head === null) return decodeEventLine(line);
  if (!isSealed(line, at)) return decodeEventLine(line);
  const [, id = "", stream = "", type = "", schemaVersion, createdAt = "", txId = "", n, of] = head;
  const event: EventLine = {
    id,
    stream: textIn(stream),
    type: textIn(type),
    schemaVersion: Number(schemaVersion),
    createdAt,
    txId,
    n: Number(n),
    of: Number(of),
    ...optionalIn(head),
    payload: null,
  };
  return { kind: "event", event };
}

/** Groups of the head before the optional ones. */
const FIRST_OPTIONAL = 9;

function optionalIn(head: RegExpExecArray): Partial<EventLine> {
  const found: Record<string, string> = {};
  for (const [index, key] of OPTIONAL.entries()) {
    const text = head[FIRST_OPTIONAL + index];
    if (text !== undefined) found[key] = textIn(text);
  }
  return found;
}

function textIn(json: string): string {
  return json.includes("\\") ? (JSON.parse(json) as string) : json.slice(1, -1);
}

function whyDamaged(line: Buffer): string {
  const start = line.toString("latin1", 0, 7);
  if (start === "<<<<<<<" || start === "=======" || start === ">>>>>>>") {
    return "it is a conflict marker of a merge";
  }
  if (line.includes(0)) return "it holds zero bytes";
  if (line.includes(LOST_BYTE)) return "the packed bytes that held it are damaged";
  try {
    JSON.parse(line.toString("utf8"));
    return "its checksum does not fit: it was changed after it was written";
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return "it is not JSON: it was cut or overwritten";
  }
}

/** Calls `each` for every ended line, with its number from 1; returns the bytes used up. */
export function eachLine(
  bytes: Buffer,
  firstNumber: number,
  each: (line: Buffer, number: number) => void,
): { used: number; lines: number } {
  let lines = 0;
  // Empty lines hold nothing and bear no number of their own in `splitLines`; a segment never
  // has one unless somebody edited it, so numbers count lines with content.
  const used = splitLines(bytes, (line) => {
    each(line, firstNumber + lines);
    lines += 1;
  });
  return { used, lines };
}
