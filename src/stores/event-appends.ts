/** Appending to streams: one call, one commit, decided on the log as of that commit. */

import { FlowError } from "../errors.ts";
import type { EventTypes } from "../model/event-types.ts";
import {
  eventsGiven,
  expectationsGiven,
  requireVersions,
  sameContent,
  type EventContent,
  type ExpectedVersion,
  type NewStreamEvent,
  type VersionMismatch,
} from "../model/events.ts";
import { requireText, textOrNull } from "../model/given.ts";
import { copyJson } from "../model/json-values.ts";
import { linesOf, type EventLine } from "../storage/event-lines.ts";
import type { LogReader, NumberedLine } from "../storage/log-reader.ts";
import type { LogDamage } from "../storage/segments.ts";
import type { EventDraft, Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { attribution, requireNote, type ChangeNote, type StoreContext } from "./context.ts";
import { fileOfSegment } from "./log-findings.ts";
import { storedEvent, type StoredEvent } from "./stored-events.ts";

/** How a batch is appended. */
export interface AppendAllOptions extends ChangeNote {
  /**
   * What makes a repeated call harmless, for ever: under one id events are appended once. Default: none.
   */
  readonly commandId?: string | undefined;
}

/** How events are appended to one stream. */
export interface AppendOptions extends AppendAllOptions {
  /** What the stream must be. Default `any`. */
  readonly expectedVersion?: ExpectedVersion | undefined;
  /** What other streams must be, which this call does not write. Default: nothing. */
  readonly alsoExpect?: Readonly<Record<string, ExpectedVersion>> | undefined;
}

/** What became of an append. */
export interface Appended {
  /** In the order in which they were given. */
  readonly events: StoredEvent[];
  /** Whether an earlier call with this `commandId` had appended them. */
  readonly duplicate: boolean;
}

const DOING = "Cannot append events";

interface Append {
  readonly events: readonly NewStreamEvent[];
  readonly expectations: readonly Pick<VersionMismatch, "stream" | "expected">[];
  readonly commandId: string | null;
  readonly options: AppendAllOptions;
}

/** Appends to one stream; see {@link commitAppend}. */
export async function appendToStream(
  context: StoreContext,
  types: EventTypes,
  given: { readonly stream: unknown; readonly events: unknown },
  options: AppendOptions,
): Promise<Appended> {
  requireNote(options, { commandId: true, expectedVersion: true, alsoExpect: true });
  const stream = requireText(DOING, "stream", given.stream);
  const { expectedVersion, alsoExpect } = options;
  return commitAppend(context, types, {
    events: eventsGiven(DOING, given.events, stream),
    expectations: expectationsGiven(DOING, stream, expectedVersion, alsoExpect),
    commandId: textOrNull(DOING, "commandId", options.commandId),
    options,
  });
}

/** Appends events, each to its own stream; see {@link commitAppend}. */
export async function appendEach(
  context: StoreContext,
  types: EventTypes,
  events: unknown,
  options: AppendAllOptions,
): Promise<Appended> {
  requireNote(options, { commandId: true });
  return commitAppend(context, types, {
    events: eventsGiven(DOING, events, null),
    expectations: [],
    commandId: textOrNull(DOING, "commandId", options.commandId),
    options,
  });
}

/**
 * Judges what was given, then decides in one commit: first whether the command was seen before, then
 * whether every stream is as expected.
 */
async function commitAppend(
  context: StoreContext,
  types: EventTypes,
  append: Append,
): Promise<Appended> {
  const { events, commandId, expectations, options } = append;
  for (const [at, { type, payload }] of events.entries()) {
    await types.judge(DOING, `events[${at}].payload`, type, payload);
  }
  const drafts = events.map((event) => draftOf(context, types, event, append));
  requireBearable([drafts, expectations, options]);
  const decide = (write: Writing): Appended => {
    const reader = context.storage.readerIn(write);
    const first = commandId === null ? null : seenBefore(context, reader, commandId, drafts, types);
    if (first !== null) return { events: first, duplicate: true };
    requireVersions(DOING, expectations, (stream) => reader.versionOf(stream));
    return { events: appended(write, reader, drafts, types), duplicate: false };
  };
  return tooLarge(context.storage.commit(decide));
}

function draftOf(
  context: StoreContext,
  types: EventTypes,
  { stream, type, payload, metadata, causedBy, correlationId }: NewStreamEvent,
  { commandId, options }: Append,
): EventDraft {
  const by = attribution(context, options);
  const remark = by.metadata === undefined ? {} : (by.metadata as object);
  const all = { ...metadata, ...remark };
  return {
    stream,
    type,
    schemaVersion: types.versionOf(type),
    agent: by.agent ?? null,
    source: by.source ?? null,
    causedBy: causedBy ?? null,
    correlationId: correlationId ?? null,
    commandId,
    ...(Object.keys(all).length === 0 ? {} : { metadata: all }),
    payload,
  };
}

function appended(
  write: Writing,
  reader: LogReader,
  drafts: readonly EventDraft[],
  types: EventTypes,
): StoredEvent[] {
  const numbered = drafts.map((draft) => write.append(draft));
  // In a transaction the batch has begun before; its first event names it.
  const txId = write.pendingBatches().at(-1)?.[0]?.id ?? "";
  const versions = new Map<string, number>();
  return linesOf(numbered).map((line, at) => {
    const { stream } = line;
    const version = (versions.get(stream) ?? reader.versionOf(stream)) + 1;
    versions.set(stream, version);
    // What a caller gets shares nothing with what is written.
    const payload = copyJson(line.payload);
    const metadata = line.metadata === undefined ? {} : { metadata: copyJson(line.metadata) };
    const event = { ...line, txId, payload, ...metadata };
    const sequence = reader.nextSequence + at;
    return storedEvent(
      { event, segment: "", line: 0, sequence, version, provisional: false },
      types,
    );
  });
}

/**
 * What an earlier call with this id appended; `null` when there was none. Two clones may have run one
 * command each before they were merged: any that is the same will do, the first one first.
 *
 * @throws FlowError `CONFLICT` for other content; `CORRUPT` when a damaged line hides whether it is.
 */
function seenBefore(
  { storage }: StoreContext,
  reader: LogReader,
  commandId: string,
  drafts: readonly EventDraft[],
  types: EventTypes,
): StoredEvent[] | null {
  const batches = batchesOf(reader.byCommand(commandId));
  if (batches.length === 0) return null;
  for (const batch of batches) {
    // Sent again as it was then, or by a program that makes its payloads in the newest shape by now.
    const isAsWritten = sameContent(eventsOf(batch), drafts);
    const events = batch.map((line) => storedEvent(line, types));
    if (isAsWritten || sameContent(events, drafts)) return events;
  }
  const eventIds = eventsOf(batches.flat()).map(({ id }) => id);
  for (const batch of batches) {
    const damage = damageIn(batch, reader);
    if (damage === undefined || !isPartOf(eventsOf(batch), drafts)) continue;
    const file = fileOfSegment(storage.disk, damage.segment);
    const { line } = damage;
    throw new FlowError(
      "CORRUPT",
      `${DOING}: the command "${commandId}" was sent before, and ${file}, line ${line}, where it may have written, is damaged`,
      {
        context: { commandId, eventIds, file, line },
        hint: "Bring the line back from git or a copy; or look at what is there, and append what lacks under another command id.",
      },
    );
  }
  throw new FlowError(
    "CONFLICT",
    `${DOING}: the command "${commandId}" has appended something else before`,
    {
      context: { commandId, eventIds },
      hint: "A command id stands for one list of events; give another command another id.",
    },
  );
}

function eventsOf(lines: readonly NumberedLine[]): EventLine[] {
  return lines.map(({ event }) => event);
}

/** Lines by the call that wrote them, each in the order in which they were given. */
function batchesOf(lines: readonly NumberedLine[]): NumberedLine[][] {
  const batches = new Map<string, NumberedLine[]>();
  for (const line of lines) {
    const batch = batches.get(line.event.txId) ?? [];
    batch.push(line);
    batches.set(line.event.txId, batch);
  }
  return [...batches.values()].map((batch) => batch.sort((a, b) => a.event.n - b.event.n));
}

/** Damage where a batch stands: its lines follow one another. */
function damageIn(batch: readonly NumberedLine[], reader: LogReader): LogDamage | undefined {
  const [first] = batch;
  if (first === undefined) return undefined;
  const { n, of } = first.event;
  const begin = first.line - n + 1;
  return reader.faults().damage.find(({ segment, line }) => {
    return segment === first.segment && line >= begin && line < begin + of;
  });
}

/** Whether events are among others, in their order. */
function isPartOf(events: readonly EventContent[], all: readonly EventContent[]): boolean {
  let at = 0;
  for (const one of all) {
    const next = events[at];
    if (next !== undefined && sameContent([next], [one])) at += 1;
  }
  return at === events.length;
}
