/**
 * Archiving: closed segments are packed (gzip, in blocks), so that a long history takes a tenth of
 * the room. Only on an explicit command, because git sees each archived segment as a change.
 *
 * In this order, so that a kill at any point loses and doubles nothing: the packed file is written
 * whole and synced, takes its name, is read back; then the plain one goes. While both are there the
 * plain one counts, and the next run finishes the work.
 */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import type { Fence } from "./fence.ts";
import { sameStat } from "./files.ts";
import { EVENTS, segmentsIn } from "./layout.ts";
import { SEGMENT_BYTES } from "./log-writer.ts";
import { packLines, PackedLines } from "./packed-lines.ts";
import type { Parts } from "./parts.ts";
import { openBytes, pathOfSegment } from "./segment-files.ts";
import { Segment } from "./segments.ts";
import { decodeEventHead } from "./event-lines.ts";

/** What is archived. */
export interface ArchiveOptions {
  /** Segments of other clones whose last event is younger stay: their clone may still write them. */
  readonly olderThanMs: number;
  /** Says what would be done and does nothing. */
  readonly dryRun: boolean;
}

/** A segment that was packed, or would be. */
export interface ArchivedSegment {
  /** The plain file, relative to `.flow`. */
  readonly file: string;
  readonly bytes: number;
  /** 0 where it only would be. */
  readonly packedBytes: number;
}

/** A segment that stays as it is, and why. */
export interface KeptSegment {
  /** Relative to `.flow`. */
  readonly file: string;
  readonly why: string;
}

/** What was packed, or would be, and what stays. */
export interface ArchiveReport {
  readonly archived: ArchivedSegment[];
  readonly kept: KeptSegment[];
}

export interface ArchiveContext extends Parts {
  readonly nowIso: (agoMs: number) => string;
  /** Whether what is packed must outlast a power cut. */
  readonly sync: boolean;
  readonly beat: () => void;
}

/** Under the guard, with everything applied, synced and below the floor: packs what is closed. */
export function archiveSegments(
  context: ArchiveContext,
  fence: Fence,
  { olderThanMs, dryRun }: ArchiveOptions,
): ArchiveReport {
  const { disk, files } = context;
  const report: ArchiveReport = { archived: [], kept: [] };
  const limit = context.nowIso(olderThanMs);
  for (const name of segmentsIn(files.names(EVENTS, files.now()))) {
    const file = pathOfSegment(name, false);
    if (disk.stat(file) === null) continue;
    context.beat();
    try {
      const why = whyKept(context, name, limit);
      if (why !== null) report.kept.push({ file, why });
      else if (dryRun) report.archived.push({ file, bytes: sizeOf(disk, file), packedBytes: 0 });
      else report.archived.push(archiveOne(context, fence, name));
    } catch (error) {
      // A denied permission, a link, a full disk: this one stays, the others are packed.
      if (!isFlowError(error, "IO")) throw error;
      report.kept.push({ file, why: error.message });
    }
  }
  return report;
}

function sizeOf(disk: Disk, file: string): number {
  return disk.stat(file)?.size ?? 0;
}

/** Why a segment is not to be packed; `null` when it is. */
function whyKept(context: ArchiveContext, name: string, limit: string): string | null {
  const { disk, journal } = context;
  const path = pathOfSegment(name, false);
  if (disk.stat(path)?.isFile() !== true) return "it is no file";
  for (const { record, stuck } of journal.window.values()) {
    const isNamed = record.changes.some((one) =>
      "append" in one ? one.append === path : "put" in one && one.put === path,
    );
    if (isNamed && (record.n > journal.floor || stuck.has(path)))
      return "a change of it is not on the disk for good";
  }
  const segment = readSegment(disk, name);
  if (segment === null) return "it is gone";
  if (!segment.isWhole || segment.damage.length > 0) return "it holds lines that do not count";
  const [numbered] = journal.ledger.numbered.get(name) ?? [0];
  if (numbered < segment.bytes) return "its events have no numbers yet";
  const isOwn = segment.header?.clone === journal.header?.clone;
  const isCurrent = journal.ledger.own?.segment === name;
  if (segment.bytes >= SEGMENT_BYTES || (isOwn && !isCurrent)) return null;
  if (isCurrent) return "it still grows";
  const last = segment.events.reduce(
    (at, { event }) => (event.createdAt > at ? event.createdAt : at),
    "",
  );
  return last < limit ? null : "another clone may still write it: its last event is too young";
}

function readSegment(disk: Disk, name: string): Segment | null {
  const bytes = openBytes(disk, name);
  if (bytes === null) return null;
  try {
    const use = { decode: decodeEventHead, added: () => undefined, keepsEvents: true };
    const segment = new Segment(name, use);
    segment.take(bytes.read(0, bytes.size));
    segment.end = bytes.size;
    return segment;
  } finally {
    bytes.close();
  }
}

function archiveOne(context: ArchiveContext, fence: Fence, name: string): ArchivedSegment {
  const { disk } = context;
  const plain = pathOfSegment(name, false);
  const packed = pathOfSegment(name, true);
  const before = disk.stat(plain);
  const bytes = disk.read(plain);
  if (bytes === null || before === null) return { file: plain, bytes: 0, packedBytes: 0 };
  const staged = fence.stage(packLines(bytes));
  if (context.sync) disk.syncFile(staged);
  disk.rename(staged, packed);
  if (context.sync) disk.syncFolder(EVENTS);
  const there = disk.read(packed);
  if (there === null || !holds(there, bytes))
    return { file: plain, bytes: bytes.length, packedBytes: 0 };
  removePlain(context, fence, plain, before);
  return { file: plain, bytes: bytes.length, packedBytes: there.length };
}

function holds(packed: Buffer, bytes: Buffer): boolean {
  const lines = new PackedLines(packed);
  return !lines.isCut && lines.size === bytes.length && lines.read(0, lines.size).equals(bytes);
}

/** Git may have put another file there meanwhile: then that one stays. */
function removePlain(
  { disk, sync }: ArchiveContext,
  fence: Fence,
  plain: string,
  before: NonNullable<ReturnType<Disk["stat"]>>,
): void {
  if (!sameStat(disk.stat(plain), before)) return;
  const trash = fence.trash();
  disk.rename(plain, trash);
  const taken = disk.stat(trash);
  // A rename alone changes the time of the name, not of the bytes.
  const isSame =
    taken?.ino === before.ino && taken.size === before.size && taken.mtimeMs === before.mtimeMs;
  if (!isSame) disk.rename(trash, plain);
  else disk.remove(trash);
  if (sync) disk.syncFolder(EVENTS);
}
