/** Logs for the tests of the index: made by commits, and read whole by another, plain way. */

import type { Disk } from "#src/disk/disk.js";
import { decodeEventLine, type EventLine } from "#src/storage/event-lines.js";
import { EVENTS, inFolder, segmentsIn } from "#src/storage/layout.js";
import type { NumberedLine } from "#src/storage/log-reader.js";
import { openSegment } from "#src/storage/segment-files.js";
import { Segment } from "#src/storage/segments.js";
import type { Storage } from "#src/storage/storage.js";

/** What one event of {@link fill} is, by its number. */
export function draftOf(n: number, pad = 200) {
  return {
    stream: `order:${(n * 7) % 40}`,
    type: ["Added", "Removed", "Paid"][n % 3] ?? "",
    agent: `agent-${n % 5}`,
    ...(n % 4 === 0 ? { commandId: `command-${n}` } : {}),
    payload: { n, pad: "x".repeat(pad) },
  };
}

/** Adds events in batches. */
export async function fill(
  storage: Storage,
  from: number,
  count: number,
  { batch = 50, pad = 200 } = {},
): Promise<void> {
  for (let at = from; at < from + count; at += batch) {
    const end = Math.min(at + batch, from + count);
    await storage.commit((write) => {
      for (let n = at; n < end; n += 1) write.append(draftOf(n, pad));
    });
  }
}

/** Every event, read from the segments alone and numbered by the ledger, all of it in memory. */
export function plainLog(storage: Storage, disk: Disk): NumberedLine[] {
  const { ledger } = storage.journal;
  const all: { event: EventLine; segment: string; line: number; number: number | null }[] = [];
  for (const segment of segmentsIn(disk.list(EVENTS) ?? []).sort()) {
    for (const { event, line } of eventsIn(disk, segment)) {
      const run = ledger.runs.find(
        ([, count, name, first]) => name === segment && line >= first && line < first + count,
      );
      all.push({ event, segment, line, number: run === undefined ? null : run[0] + line - run[3] });
    }
  }
  const rank = (number: number | null): number => number ?? Infinity;
  all.sort((a, b) => compare(a.event.id, b.event.id) || compare(rank(a.number), rank(b.number)));
  const distinct = all.filter((one, index) => one.event.id !== all[index - 1]?.event.id);
  const numbered = distinct.filter(({ number }) => number !== null);
  numbered.sort((a, b) => rank(a.number) - rank(b.number));
  let next = ledger.nextSequence;
  const versions = new Map<string, number>();
  return [...numbered, ...distinct.filter(({ number }) => number === null)].map((one) => {
    const { event, segment, line, number } = one;
    const version = (versions.get(event.stream) ?? 0) + 1;
    versions.set(event.stream, version);
    const provisional = number === null;
    return { event, segment, line, sequence: number ?? next++, version, provisional };
  });
}

function eventsIn(disk: Disk, name: string): readonly { event: EventLine; line: number }[] {
  const bytes = openSegment(disk, name);
  if (bytes === null) return [];
  const use = { decode: decodeEventLine, added: () => undefined, keepsEvents: true };
  const segment = new Segment(name, use);
  segment.take(bytes.read(0, bytes.size));
  bytes.close();
  return segment.events;
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is told of an event. */
export function shownLine({ event, sequence, version, provisional }: NumberedLine): string {
  const mark = provisional ? "?" : "";
  return `${sequence}${mark} ${event.stream}@${version} ${event.id} ${JSON.stringify(event.payload).slice(0, 12)}`;
}

/** Every kind of question, with its answers as texts. */
export function answersOf(storage: Storage): Record<string, readonly string[]> {
  const reader = storage.readNow((view) => storage.readerIn(view));
  const all = [...reader.scan()].flat();
  const shown = (lines: readonly NumberedLine[]): string[] => lines.map(shownLine);
  const streams = reader.streams("");
  const middle = all[Math.floor(all.length / 2)];
  return {
    all: shown(all),
    backwards: shown([...reader.scan({ order: "desc" })].flat()),
    fromTheMiddle: shown([...reader.scan({ from: middle?.sequence ?? 1 })].flat()),
    streams,
    ...Object.fromEntries(
      streams.map((stream) => [`of ${stream}`, shown(reader.ofStream(stream))]),
    ),
    versions: streams.map((stream) => `${stream} ${reader.versionOf(stream)}`),
    behind: shown(reader.ofStream(streams[0] ?? "", { afterVersion: 1, limit: 2 })),
    commands: shown([0, 4, 8, 400].flatMap((n) => reader.byCommand(`command-${n}`))),
    ids: shown(all.slice(0, 30).flatMap(({ event }) => reader.byId(event.id) ?? [])),
    types: [...reader.countByType()].map(([type, count]) => `${type} ${count}`).sort(),
    paid: shown([...reader.scan({ type: "Paid" })].flat()),
    prefix: shown([...reader.scan({ prefix: "order:1" })].flat()),
    count: [JSON.stringify(reader.count()), JSON.stringify(reader.last)],
  };
}

/** The same answers, made of {@link plainLog}. */
export function plainAnswers(storage: Storage, disk: Disk): Record<string, readonly string[]> {
  const all = plainLog(storage, disk);
  const shown = (lines: readonly NumberedLine[]): string[] => lines.map(shownLine);
  const of = (stream: string): NumberedLine[] => all.filter(({ event }) => event.stream === stream);
  const streams = [...new Set(all.map(({ event }) => event.stream))].sort();
  const middle = all[Math.floor(all.length / 2)]?.sequence ?? 1;
  const types = new Map<string, number>();
  for (const { event } of all) types.set(event.type, (types.get(event.type) ?? 0) + 1);
  const last = all.at(-1);
  return {
    all: shown(all),
    backwards: shown(all.toReversed()),
    fromTheMiddle: shown(all.filter(({ sequence }) => sequence >= middle)),
    streams,
    ...Object.fromEntries(streams.map((stream) => [`of ${stream}`, shown(of(stream))])),
    versions: streams.map((stream) => `${stream} ${of(stream).length}`),
    behind: shown(of(streams[0] ?? "").slice(1, 3)),
    commands: shown(
      [0, 4, 8, 400].flatMap((n) => all.filter(({ event }) => event.commandId === `command-${n}`)),
    ),
    ids: shown(all.slice(0, 30)),
    types: [...types].map(([type, count]) => `${type} ${count}`).sort(),
    paid: shown(all.filter(({ event }) => event.type === "Paid")),
    prefix: shown(all.filter(({ event }) => event.stream.startsWith("order:1"))),
    count: [
      JSON.stringify({
        total: all.length,
        provisional: all.filter(({ provisional }) => provisional).length,
      }),
      JSON.stringify(last === undefined ? null : { sequence: last.sequence, id: last.event.id }),
    ],
  };
}

/** The path of a segment's plain file. */
export function segmentPath(name: string): string {
  return inFolder(EVENTS, name);
}
