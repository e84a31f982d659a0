/** Pages of what was recorded of an execution: a page costs what it holds, not the history. */

import { badField, countOrAll } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import type { StepCheckpoint, WorkflowSignal, WorkflowTimer } from "../model/workflows.ts";
import { nameOf } from "../storage/layout.ts";
import { localLogPart } from "../storage/local-log.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireOptions } from "./context.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { decodeLine, pathsIn } from "./workflow-log.ts";

/** One save, as it was made: later ones of the same step stand behind it. */
export interface ExecutionRecord {
  /** A ULID of its own. What says the order is the place in a page, not the id. */
  readonly id: string;
  /** ISO 8601, of its commit. */
  readonly at: string;
  readonly checkpoint?: StepCheckpoint;
  /** That fired or was cancelled. */
  readonly timer?: WorkflowTimer;
  /** That was delivered or expired. */
  readonly signal?: WorkflowSignal;
}

/** Which records a page holds. */
export interface RecordPageOptions {
  /** At most so many, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** A cursor of an earlier page of the same order: go on behind it. */
  readonly after?: string | undefined;
  /** Oldest or newest first. Default `oldest`. */
  readonly order?: "oldest" | "newest" | undefined;
}

/** Some records, and how to go on. */
export interface RecordPage {
  readonly items: ExecutionRecord[];
  /** Behind the last one, also at the end: later records come there. `null`: none so far. */
  readonly next: string | null;
  /** Whether there is more now. */
  readonly hasMore: boolean;
}

const DOING = "Cannot list records";
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Of a page so much is read at first for each record, twice as much when that was too little. */
const RECORD_BYTES = 512;
const LF = 10;
/** The file, and a place in it. */
const CURSOR = /^([0-9A-Z]{26}\.jsonl):(\d{1,15})$/;

interface Place {
  readonly file: string;
  readonly at: number;
}

/** Lines of one file, in the order of the page, and where they end. */
interface Part {
  readonly lines: readonly Buffer[];
  readonly end: number;
  readonly isWhole: boolean;
}

/** @throws FlowError `BAD_REQUEST`; `CORRUPT` for a damaged line of the page. */
export function recordPage(
  { disk, overlay }: Storage,
  { log: whole }: Pick<WorkflowFiles, "log">,
  view: Reading | Writing,
  folder: string,
  options: RecordPageOptions,
): RecordPage {
  const { limit, after, isNewest } = requirePage(options);
  const items: ExecutionRecord[] = [];
  let next = after;
  for (const path of pathsFrom(pathsIn(view, folder), after, isNewest)) {
    const file = nameOf(path);
    const log = localLogPart(disk, overlay, path);
    let at = after?.file === file ? after.at : isNewest ? log.size : 0;
    for (;;) {
      const wanted = limit - items.length;
      const part = isNewest ? linesBefore(log, at, wanted) : linesFrom(log, at, wanted);
      // One more file may hold more: the page is full, so that it does is all there is to know.
      if (wanted === 0 && part.lines.length > 0) return pageOf(items, next, true);
      for (const bytes of part.lines) {
        const decoded = decodeLine(path, bytes, 0);
        // A look at the whole log says in which line it is.
        if (!("line" in decoded)) whole.read(view, folder);
        else if (!("forget" in decoded.line)) items.push(recordOf(decoded.line));
      }
      at = part.end;
      if (part.lines.length > 0) next = { file, at };
      if (part.isWhole) break;
    }
  }
  return pageOf(items, next, false);
}

function pageOf(items: ExecutionRecord[], next: Place | null, hasMore: boolean): RecordPage {
  const text = next === null ? null : `${next.file}:${next.at}`;
  return { items, next: text === null ? null : Buffer.from(text).toString("base64url"), hasMore };
}

/** What a line tells, without its checksum. */
function recordOf(line: object): ExecutionRecord {
  const { id, at, checkpoint, timer, signal } = line as ExecutionRecord;
  if (checkpoint !== undefined) return { id, at, checkpoint };
  return timer === undefined ? { id, at, ...(signal && { signal }) } : { id, at, timer };
}

/** Files are named so that they sort by time. */
function pathsFrom(paths: readonly string[], after: Place | null, isNewest: boolean): string[] {
  const left = paths.filter((path) => {
    if (after === null) return true;
    return isNewest ? nameOf(path) <= after.file : nameOf(path) >= after.file;
  });
  return isNewest ? left.toReversed() : left;
}

type Log = ReturnType<typeof localLogPart>;

/** At most `count` lines from a place on, at least one where there is one. */
function linesFrom({ size, read }: Log, at: number, count: number): Part {
  const most = Math.max(1, count);
  for (let length = most * RECORD_BYTES; ; length *= 2) {
    const to = Math.min(size, at + length);
    const bytes = read(at, to);
    const lines: Buffer[] = [];
    let from = 0;
    for (
      let end = bytes.indexOf(LF);
      end >= 0 && lines.length < most;
      end = bytes.indexOf(LF, from)
    ) {
      lines.push(bytes.subarray(from, end));
      from = end + 1;
    }
    if (lines.length === 0 && to < size) continue;
    // What has no end is none.
    return { lines, end: at + from, isWhole: lines.length === 0 };
  }
}

/** At most `count` lines before a place, the last first, at least one where there is one. */
function linesBefore({ size, read }: Log, at: number, count: number): Part {
  const most = Math.max(1, count);
  const to = Math.min(size, at);
  for (let length = most * RECORD_BYTES; ; length *= 2) {
    const from = Math.max(0, to - length);
    const bytes = read(from, to);
    let end = bytes.lastIndexOf(LF);
    const lines: Buffer[] = [];
    while (end >= 0 && lines.length < most) {
      const start = end === 0 ? 0 : bytes.lastIndexOf(LF, end - 1) + 1;
      // The first one of what was read may have begun before.
      if (start === 0 && from > 0) break;
      lines.push(bytes.subarray(start, end));
      end = start - 1;
    }
    if (lines.length === 0 && from > 0) continue;
    return { lines, end: from + end + 1, isWhole: lines.length === 0 };
  }
}

function requirePage(options: RecordPageOptions): {
  limit: number;
  after: Place | null;
  isNewest: boolean;
} {
  const names = { limit: true, after: true, order: true } as const;
  const { after, order = "oldest" } = requireOptions(options, names);
  const limit = countOrAll(DOING, "limit", options.limit) ?? DEFAULT_LIMIT;
  if (limit > MAX_LIMIT) throw badField(DOING, "limit", `must not be above ${MAX_LIMIT}`);
  if (order !== "oldest" && order !== "newest")
    throw badField(DOING, "order", `must be oldest or newest, not ${shown(order)}`);
  const isNewest = order === "newest";
  return { limit, after: after === undefined ? null : placeIn(after), isNewest };
}

function placeIn(cursor: unknown): Place {
  const text = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString() : "";
  const [, file, at] = CURSOR.exec(text) ?? [];
  if (file !== undefined) return { file, at: Number(at) };
  throw badField(DOING, "after", `is no cursor: ${shown(cursor)}`);
}
