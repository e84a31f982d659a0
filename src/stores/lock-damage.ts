/**
 * Files of locks that cannot be used: what they keep others from, and how they are put aside.
 *
 * What is a file goes in the commit of the call. A folder, a link, a pipe, or what may not be read
 * no commit can take away: it is given a name in the quarantine, once the commit is made.
 */
import { FlowError, isFlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { DamagedLock } from "../model/lock-draft.ts";
import { heldIn, loggedPart, type LockLine } from "../model/lock-log.ts";
import { toIso } from "../model/time.ts";
import { makeFolders } from "../storage/apply.ts";
import { isFault, type Document } from "../storage/files.ts";
import { formatJson } from "../storage/json-text.ts";
import {
  folderOf,
  inFolder,
  type LOCK_LOG,
  type LOCK_QUEUE,
  type LOCKS,
  nameOf,
  QUARANTINE,
} from "../storage/layout.ts";
import type { LocalLine } from "../storage/local-log.ts";
import { decodeName, isNameable, MAX_NAME_BYTES } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import { damaged, type Damaged } from "./document-decode.ts";
import { fileNameFor } from "./documents.ts";
import { isFolder } from "./gap-files.ts";
import type { FindingListener } from "./told.ts";

const SUFFIX = ".json";
const REASON = "a damaged file of locks was cleared";
/** Of a name that is too long. */
const KEPT_CHARACTERS = 50;

/** A file of locks that cannot be used. */
export interface DamagedFile extends DamagedLock {
  /** The file's name in its folder. */
  readonly name: string;
  /** Relative to the root. */
  readonly file: string;
  /** Whether a commit can take it away. */
  readonly isFile: boolean;
}

/** What a file of locks that cannot be used keeps others from: nobody knows who holds what in it. */
export function damagedFile(document: Document, { error }: Damaged): DamagedFile {
  const file = document.path;
  const name = nameOf(file);
  const path = decodeName(name.slice(0, -SUFFIX.length));
  const isFile = !isFault(document) || document.fault.code === "CORRUPT";
  return { name, file, path, isFile, error: whyInTheWay(error, path) };
}

/** The error with what clears it; git has no other version of it. */
function whyInTheWay(error: FlowError, path: string | null): FlowError {
  const reach = "its name is too long, or altered, to tell its path, so nothing can be locked";
  const { context } = error;
  return new FlowError(error.code, path === null ? `${error.message}; ${reach}` : error.message, {
    context: { ...context, path },
    hint: `See that nobody works on what it locks, then clear it: flowstore unlock --task T --files PATH, or with all other locks flowstore unlock --all. Its bytes are kept in ${QUARANTINE}.`,
    cause: error,
  });
}

/**
 * A file or a link in the place of a folder would read as an empty one: as if nobody held anything.
 *
 * @throws FlowError `CORRUPT`.
 */
export function refuseNoFolder(
  view: Reading | Writing,
  folder: typeof LOCKS | typeof LOCK_QUEUE | typeof LOCK_LOG,
  findings: FindingListener,
): void {
  const found = view.get(folderOf(folder), nameOf(folder));
  if (found === null || isFolder(found)) {
    findings.fine(folder);
    return;
  }
  const bad = damaged(folder, "not-a-folder", "a folder belongs there");
  findings.report(bad.finding);
  throw new FlowError(bad.error.code, bad.error.message, {
    context: bad.error.context,
    hint: "See that nobody works on what was locked, then move it away: the folder is made anew.",
  });
}

/** A line for each lock that the log knows to be in damaged files; else one for the file. */
export function clearedLines(
  files: readonly DamagedFile[],
  lines: readonly LocalLine[],
  keyOf: (path: string) => string,
  nowMs: number,
): LockLine[] {
  const names = new Set(files.map(({ name }) => name));
  const known = heldIn(lines, (path) => isNameable(path) && names.has(fileNameFor(path)), keyOf);
  const base = { at: toIso(nowMs), event: "cleared" } as const;
  return files.flatMap(({ name, file, path }) => {
    const inIt = known.filter((entry) => fileNameFor(entry.path) === name);
    if (inIt.length > 0) return inIt.map((entry) => ({ ...base, ...loggedPart(entry), file }));
    return [{ ...base, ...(path === null ? {} : { path }), file }];
  });
}

/** Takes a damaged file away in a commit; its bytes are kept, with why. */
export function putAside(
  write: Writing,
  context: StoreContext,
  folder: string,
  name: string,
  reason = REASON,
): void {
  const document = write.get(folder, name);
  if (document === null) return;
  if (!isFault(document)) {
    const kept = keptName(context, name);
    write.put(QUARANTINE, kept, document.text);
    write.put(QUARANTINE, `${kept}.why.json`, whyKept(context, document.path, kept, reason));
  }
  // Bytes that are no text go to the quarantine when the file goes: no commit made them.
  write.drop(folder, name);
}

/** A name made by hand may be as long as names can be: with more before it it would be none. */
function keptName(context: StoreContext, name: string): string {
  const isLong = Buffer.byteLength(name) > MAX_NAME_BYTES;
  return `${context.newUid()}-${isLong ? name.slice(-KEPT_CHARACTERS) : name}`;
}

function whyKept(context: StoreContext, path: string, kept: string, reason: string): string {
  return formatJson({ path, kept, at: toIso(context.nowMs()), reason });
}

/**
 * Gives what is no file a name in the quarantine, outside of any commit.
 *
 * @returns whether it is away; what stays was reported when it was found.
 */
export function moveAside(context: StoreContext, { file, name }: DamagedFile): boolean {
  const { disk, files } = context.storage;
  const kept = keptName(context, name);
  const to = inFolder(QUARANTINE, kept);
  try {
    if (disk.stat(file)?.isFile() !== false) return false;
    makeFolders(disk, QUARANTINE);
    // Through a link it would leave the root.
    if (disk.stat(QUARANTINE)?.isDirectory() !== true) return false;
    disk.rename(file, to);
    files.touched(file, false);
    if (disk.stat(to)?.isFile() === true) {
      // Somebody cleared it and locked the path since the look: that lock goes back.
      disk.link(to, file);
      disk.remove(to);
      return false;
    }
    disk.create(`${to}.why.json`, whyKept(context, file, kept, REASON));
    return true;
  } catch (error) {
    // A mounted folder, a denied permission: everything else has been done.
    if (!isFlowError(error, "IO")) throw error;
    return false;
  }
}

/** What stands in the place of a segment of the log and cannot be read. */
export function unreadableSegments(paths: readonly string[]): Finding[] {
  return paths.map((path) => damaged(path, "not-a-file", NO_SEGMENT).finding);
}

const NO_SEGMENT = "it is no file; what it held of lost locks is not told";
