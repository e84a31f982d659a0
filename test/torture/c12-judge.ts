/**
 * What a damaged tree owes its reader, by rules that are written down here once more, and know
 * nothing of the store's own: which files cannot be of use, what must be said of them, what must
 * still be shown, and which bytes must still be there.
 */
import { isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import type { Finding } from "flowstore";

import { without } from "../damage/corpus-view.ts";
import type { Change, Files } from "./c12-damages.ts";
import { wrongIn, wrongInOutput, wrongInSegment } from "./c12-rules.ts";

/** What is damaged there is made anew, and nobody misses anything. */
const CACHE = /^local\/(?:cache|scout-cache)\//;
const isDocument = (path: string): boolean =>
  path.endsWith(".json") &&
  !/^(?:flow\.json$|schema\/|local\/(?:quarantine|backup|cache|scout-cache)\/)/.test(path);
const isSegment = (path: string): boolean =>
  /^(?:events|local\/lock-log)\/[^/]*\.jsonl$/.test(path);
const isJournal = (path: string): boolean => /^local\/journal\/\d[^/]*\.jsonl$/.test(path);
const JOURNAL_KEPT = /^local\/(?:journal|quarantine)\//;
/** The engine's own: nothing that anybody told it; but what is damaged of a journal is kept. */
const ENGINE = /^local\/(?:journal|guard|fence|cache)\//;

/** A file in which nothing can be read, whatever is expected in it. */
export function isUnusable(path: string, bytes: Buffer): boolean {
  if (isDocument(path)) return !isUtf8(bytes) || typeof jsonOf(bytes.toString("utf8")) !== "object";
  return path.startsWith("outputs/") && !isUtf8(bytes);
}

/** What a text says as JSON, `undefined` where it is none; `null` and lists are no documents. */
function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value === null || Array.isArray(value) ? undefined : value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// ---- lines of logs ---------------------------------------------------------------------------

/** The numbers of the lines of a log that say nothing; the last one, without an end, apart. */
export function badLines(path: string, bytes: Buffer): number[] {
  const isOfEvents = path.startsWith("events/");
  const isGood = isOfEvents ? isEvent : isPlain;
  const lines = isOfEvents ? countedLines(bytes) : linesOf(bytes);
  return lines.flatMap((line, at) => (line.length === 0 || isGood(line) ? [] : [at + 1]));
}

/** The lines of the log that have an end; empty ones hold nothing, and bear no number there. */
function countedLines(bytes: Buffer): Buffer[] {
  return linesOf(bytes).filter((line) => line.length > 0);
}

/** The lines that have an end. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; ;) {
    const to = bytes.indexOf(10, from);
    if (to < 0) return lines;
    lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
}

function isPlain(line: Buffer): boolean {
  return isUtf8(line) && jsonOf(line.toString("utf8")) !== undefined;
}

function isEvent(line: Buffer): boolean {
  const parts = /^(.*),"crc":"([0-9a-f]{8})"\}$/s.exec(line.toString("utf8"));
  if (!isPlain(line) || parts === null) return false;
  return (
    crc32(parts[1] ?? "")
      .toString(16)
      .padStart(8, "0") === parts[2]
  );
}

interface Line {
  readonly id: string;
  readonly txId: string;
}

/** The events of healthy segments whose batch stands as it was, without a line between its own. */
export function intactEvents(files: Files, changes: readonly Change[]): string[] {
  const ids: string[] = [];
  for (const [path, healthy] of files) {
    if (!path.startsWith("events/")) continue;
    const change = changes.find((one) => covers(one.path, path));
    const now = change === undefined ? healthy : "bytes" in change ? change.bytes : null;
    if (now === null) continue;
    const all = linesOf(healthy).map(String);
    const there = countedLines(now).map(String);
    for (const batch of batchesOf(all.slice(1))) {
      const at = there.indexOf(batch[0] ?? "");
      if (batch.every((line, index) => there[at + index] === line)) ids.push(...batch.map(idOf));
    }
  }
  return ids;
}

function batchesOf(lines: readonly string[]): string[][] {
  const batches = new Map<string, string[]>();
  for (const line of lines) {
    const { txId } = JSON.parse(line) as Line;
    batches.set(txId, [...(batches.get(txId) ?? []), line]);
  }
  return [...batches.values()];
}

function idOf(line: string): string {
  return (JSON.parse(line) as Line).id;
}

/** The lines of a segment that tell of an event, each with its id. */
export function eventLines(bytes: Buffer): { id: string; line: number }[] {
  return countedLines(bytes).flatMap((line, at) => {
    const isOne = isEvent(line) && line.includes('"txId"');
    return isOne ? [{ id: idOf(String(line)), line: at + 1 }] : [];
  });
}

// ---- findings --------------------------------------------------------------------------------

/** Whether a change of `outer` changes what is at `path`. */
export function covers(outer: string, path: string): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}

/** What ought to be said of the damages, and is not. */
export function unreported(changes: readonly Change[], findings: readonly Finding[]): string[] {
  return changes.flatMap((change): string[] => {
    const about = findings.filter(({ file }) => covers(change.path, file));
    if (!("bytes" in change)) {
      if (CACHE.test(change.path)) return [];
      return about.length > 0 ? [] : [`nothing is said of ${change.path}, which is no file`];
    }
    const { path, bytes } = change;
    if (bytes === null) return [];
    if (isSegment(path)) {
      const told = new Set(about.map(({ line }) => line));
      const untold = badLines(path, bytes).filter((line) => !told.has(line));
      const wrong = path.startsWith("events/") ? wrongInSegment(bytes) : null;
      return [
        ...untold.map((line) => `nothing is said of ${path}, line ${line}`),
        ...(wrong !== null && about.length === 0 ? [`nothing is said of ${path}: ${wrong}`] : []),
      ];
    }
    if (isJournal(path) && isJournalHurt(bytes) && !hasErrorIn(about))
      return [`nothing is said of ${path}, of which a part is gone`];
    // A checkpoint is one thing: the first of its files that is damaged is named.
    const isCopy = path.startsWith("local/checkpoints/");
    const told = isCopy
      ? findings.filter(({ file }) => `${file}/`.startsWith(folderOf(path)))
      : about;
    if (isUnusable(path, bytes)) return hasErrorIn(told) ? [] : [`nothing is said of ${path}`];
    const wrong = wrongInFile(path, bytes);
    return wrong === null || told.length > 0 ? [] : [`nothing is said of ${path}: ${wrong}`];
  });
}

function wrongInFile(path: string, bytes: Buffer): string | null {
  if (path.startsWith("outputs/")) return wrongInOutput(bytes);
  return isDocument(path) ? wrongIn(path, bytes.toString("utf8")) : null;
}

/** Findings that ought to name a line, and do not: an empty file has none. */
export function unplaced(changes: readonly Change[], findings: readonly Finding[]): string[] {
  return findings.flatMap(({ file, rule, line }) => {
    const change = changes.find(({ path }) => path === file);
    const isEmpty = change !== undefined && "bytes" in change && change.bytes?.length === 0;
    const isDue = rule === "not-json" && !isEmpty;
    return isDue && line === undefined ? [`${file} is said to be no JSON, and no line`] : [];
  });
}

function hasErrorIn(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "error");
}

/**
 * Whether of a journal's one file its header is gone, or the commit that a line behind it says to be
 * on the disk. A last line without its end counts there.
 */
function isJournalHurt(bytes: Buffer): boolean {
  const kinds = new Set(linesOf(Buffer.concat([bytes, Buffer.from("\n")])).map(journalKind));
  return !kinds.has("header") || (kinds.has("ok") && !kinds.has("record"));
}

/** What a whole line of the journal is; empty for any other. */
function journalKind(line: Buffer): string {
  const [, checksum, json = ""] = /^([0-9a-f]{8}) (.*)$/s.exec(line.toString("utf8")) ?? [];
  if (!isUtf8(line) || crc32(json).toString(16).padStart(8, "0") !== checksum) return "";
  return (JSON.parse(json) as { kind: string }).kind;
}

/** What no damage explains of what is not shown any more. */
export class Shown {
  readonly #healthy: readonly string[];
  readonly #own: ReadonlyMap<string, readonly string[]>;

  /** @param own what a healthy tree does not show without a file, or with nothing readable in it */
  constructor(healthy: readonly string[], own: ReadonlyMap<string, readonly string[]>) {
    this.#healthy = healthy;
    this.#own = own;
  }

  /** What other files tell must still be shown. */
  missing(changes: readonly Change[], now: readonly string[]): string[] {
    const gone = without(this.#healthy.map(identityOf), now.map(identityOf));
    const own = [...this.#own].filter(([file]) => changes.some(({ path }) => covers(path, file)));
    return without(
      gone,
      own.flatMap(([, lines]) => lines.map(identityOf)),
    );
  }

  /** Kinds of which more documents are not shown than are gone, or said to be damaged. */
  silent(
    changes: readonly Change[],
    now: readonly string[],
    findings: readonly Finding[],
  ): string[] {
    const explained = new Map<string, string[]>();
    for (const [file, [line = ""]] of this.#own) {
      const change = changes.find(({ path }) => covers(path, file));
      if (change === undefined || !COUNTED.test(line)) continue;
      const isTold = findings.some(
        (one) => one.severity === "error" && (covers(change.path, one.file) || isPartOf(file, one)),
      );
      const isGone =
        "bytes" in change && (change.bytes === null || isTombstone(change.bytes)) ? true : isTold;
      const kind = kindOf(line);
      const files = explained.get(kind) ?? [];
      explained.set(kind, isGone ? [...files, file] : files);
    }
    return [...explained].flatMap(([kind, files]) => {
      const counted = (all: readonly string[]): number =>
        all.filter((one) => kindOf(one) === kind).length;
      const missing = counted(this.#healthy) - counted(now);
      if (missing <= files.length) return [];
      return [`${missing} of ${kind} are not shown, and of ${files.length} it is known why`];
    });
  }
}

/** A checkpoint is one thing: the first of its files that is damaged is named. */
function isPartOf(file: string, one: Finding): boolean {
  return file.startsWith("local/checkpoints/") && `${one.file}/`.startsWith(folderOf(file));
}

const COUNTED = /^(?:feature|gap|pipeline|approval|memory|setting|checkpoint) /;

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** `feature` or `gap fn-1`. */
function kindOf(line: string): string {
  return line.startsWith("gap ") ? line.split(" ", 2).join(" ") : (line.split(" ", 1)[0] ?? "");
}

function isTombstone(bytes: Buffer): boolean {
  return bytes.includes('"deletedAt"');
}

/** Without the state of a feature, which follows from others. */
function identityOf(line: string): string {
  return line.startsWith("feature ") ? line.replace(/ \w+$/, "") : line;
}

// ---- bytes -----------------------------------------------------------------------------------

/** Files whose bytes are nowhere in a tree any more; of the engine's own, those that were damaged. */
export function lost(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
  changes: readonly Change[] = [],
): string[] {
  const kept = new Set(now.values());
  const hurt = new Set(
    changes.flatMap((change) => {
      const bytes = "bytes" in change ? change.bytes : null;
      // Zeros say nothing.
      const isOwed = bytes !== null && !bytes.every((byte) => byte === 0) && isJournalHurt(bytes);
      return isOwed && isJournal(change.path) ? [change.path] : [];
    }),
  );
  const isOwed = (path: string): boolean => !ENGINE.test(path) || hurt.has(path);
  return [...before]
    .filter(([path, bytes]) => isOwed(path) && bytes !== "" && !kept.has(bytes))
    .filter(([path, bytes]) => !(isSegment(path) && now.get(path)?.startsWith(bytes) === true))
    .filter(([path, bytes]) => !(hurt.has(path) && isAtTheStart(bytes, now)))
    .map(([path]) => path);
}

/** Whether a file of the journal, in its place or kept aside, goes on from what it held. */
function isAtTheStart(bytes: string, now: ReadonlyMap<string, string>): boolean {
  return [...now].some(([path, text]) => JOURNAL_KEPT.test(path) && text.startsWith(bytes));
}
