/** What users append to streams, judged, and what they expect of streams. */

import { FlowError } from "../errors.ts";
import { badField, requireJson, requireText, textOrNull } from "./given.ts";
import { inKeyOrder, isPlainObject, ownValue, sameJson, shown } from "./json-values.ts";

/** An event to append. */
export interface NewEvent {
  /** Any text that is not empty. */
  readonly type: string;
  /** Any JSON value. */
  readonly payload: unknown;
  /** A plain object of JSON values, about the event rather than in it. Default: none. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** The id of the event that led to this one; it need not be in this log. */
  readonly causedBy?: string | undefined;
  /** What belongs together over many streams bears the same text. */
  readonly correlationId?: string | undefined;
}

/** An event with the stream that it goes to. */
export interface NewStreamEvent extends NewEvent {
  /** `type:id`, such as `order:17`; any text that is not empty. */
  readonly stream: string;
}

/**
 * What a stream must be for an append to happen: `any`; `noStream`, it has no event;
 * `streamExists`, it has one; or the version of its last event, 0 for none.
 */
export type ExpectedVersion = "any" | "noStream" | "streamExists" | number;

/** A stream that is not as it was expected. */
export interface VersionMismatch {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  /** The version of its last event; 0 for none. */
  readonly actual: number;
}

const WORDS: readonly unknown[] = ["any", "noStream", "streamExists"];
const NAMES = ["stream", "type", "payload", "metadata", "causedBy", "correlationId"];
/** So many streams in a message tell what went wrong; all of them are in the context. */
const MAX_NAMED = 3;

/** Events as they were given, each with its stream; `stream` is that of all, unless each has its own. */
export function eventsGiven(
  doing: string,
  given: unknown,
  stream: string | null,
): NewStreamEvent[] {
  if (!Array.isArray(given)) throw badField(doing, "events", `must be a list, not ${shown(given)}`);
  // By index: a hole is no event.
  return Array.from(given, (one: unknown, at) => eventGiven(doing, `events[${at}]`, one, stream));
}

function eventGiven(
  doing: string,
  field: string,
  given: unknown,
  stream: string | null,
): NewStreamEvent {
  if (!isPlainObject(given)) {
    throw badField(doing, field, `must be a plain object, not ${shown(given)}`);
  }
  const at = (key: string): string => `${field}.${key}`;
  for (const name of Object.keys(given)) {
    if (given[name] === undefined || NAMES.includes(name)) continue;
    throw badField(doing, at(name), `is none of what an event is given with: ${NAMES.join(", ")}`);
  }
  const own = ownValue(given, "stream");
  if (stream !== null && own !== undefined && own !== stream) {
    throw badField(doing, at("stream"), `is ${shown(own)}, and all are for ${shown(stream)}`);
  }
  const metadata = ownValue(given, "metadata");
  if (metadata !== undefined && !isPlainObject(metadata)) {
    throw badField(doing, at("metadata"), `must be a plain object, not ${shown(metadata)}`);
  }
  const causedBy = textOrNull(doing, at("causedBy"), ownValue(given, "causedBy"));
  const correlationId = textOrNull(doing, at("correlationId"), ownValue(given, "correlationId"));
  return {
    stream: stream ?? requireText(doing, at("stream"), own),
    type: requireText(doing, at("type"), ownValue(given, "type")),
    payload: requireJson(doing, at("payload"), ownValue(given, "payload")),
    ...(metadata === undefined
      ? {}
      : { metadata: requireJson(doing, at("metadata"), metadata) as Record<string, unknown> }),
    ...(causedBy === null ? {} : { causedBy }),
    ...(correlationId === null ? {} : { correlationId }),
  };
}

/** What is expected of which streams; streams of which nothing is expected are left out. */
export function expectationsGiven(
  doing: string,
  stream: string,
  expectedVersion: unknown,
  alsoExpect: unknown,
): Pick<VersionMismatch, "stream" | "expected">[] {
  if (alsoExpect !== undefined && !isPlainObject(alsoExpect)) {
    throw badField(doing, "alsoExpect", `must be a plain object, not ${shown(alsoExpect)}`);
  }
  const own = { stream, expected: expectationGiven(doing, "expectedVersion", expectedVersion) };
  const others = Object.entries(alsoExpect ?? {}).map(([name, expected]) => {
    requireText(doing, "alsoExpect", name);
    return { stream: name, expected: expectationGiven(doing, `alsoExpect.${name}`, expected) };
  });
  return [own, ...others].filter(({ expected }) => expected !== "any");
}

function expectationGiven(doing: string, field: string, value: unknown): ExpectedVersion {
  if (value === undefined) return "any";
  const isVersion = Number.isSafeInteger(value) && (value as number) >= 0;
  if (isVersion || WORDS.includes(value)) return value as ExpectedVersion;
  const choices = "any, noStream, streamExists or a whole number from 0";
  throw badField(doing, field, `must be ${choices}, not ${shown(value)}`);
}

/** @throws FlowError `VERSION_CONFLICT` that names every stream which is not as it was expected. */
export function requireVersions(
  doing: string,
  expectations: readonly Pick<VersionMismatch, "stream" | "expected">[],
  versionOf: (stream: string) => number,
): void {
  const failed: VersionMismatch[] = expectations
    .map(({ stream, expected }) => ({ stream, expected, actual: versionOf(stream) }))
    .filter(({ expected, actual }) => !isMet(expected, actual));
  const [first] = failed;
  if (first === undefined) return;
  const named = failed.slice(0, MAX_NAMED).map(sayMismatch);
  const more = failed.length > named.length ? [`${failed.length - named.length} more`] : [];
  throw new FlowError("VERSION_CONFLICT", `${doing}: ${[...named, ...more].join("; ")}`, {
    context: { ...first, conflicts: failed },
    hint: "Load the stream again, decide anew, and append with the version it has by then.",
  });
}

function isMet(expected: ExpectedVersion, actual: number): boolean {
  if (expected === "any") return true;
  if (expected === "noStream") return actual === 0;
  return expected === "streamExists" ? actual > 0 : actual === expected;
}

function sayMismatch({ stream, expected, actual }: VersionMismatch): string {
  const is = actual === 0 ? "has no event" : `is at version ${actual}`;
  const should =
    expected === "noStream" || expected === 0
      ? "no event"
      : expected === "streamExists"
        ? "some event"
        : `version ${expected}`;
  return `${JSON.stringify(stream.slice(0, MAX_NAME_SHOWN))} ${is}, expected ${should}`;
}

const MAX_NAME_SHOWN = 100;

/** What makes two events the same: all that a caller gives, but for who does it and through what. */
export interface EventContent {
  readonly stream: string;
  readonly type: string;
  readonly payload: unknown;
  readonly metadata?: unknown;
  readonly causedBy?: string | null;
  readonly correlationId?: string | null;
}

/** Whether events are the same, one by one, in whatever order their keys were given. */
export function sameContent(
  left: readonly EventContent[],
  right: readonly EventContent[],
): boolean {
  return sameJson(left.map(contentOf), right.map(contentOf));
}

function contentOf(event: EventContent): readonly unknown[] {
  const { stream, type, payload, metadata, causedBy, correlationId } = event;
  const given = [inKeyOrder(payload), inKeyOrder(metadata ?? null)];
  return [stream, type, ...given, causedBy ?? null, correlationId ?? null];
}
