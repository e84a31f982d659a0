/** What can be wrong with the files of locks, of those who wait for them, and with their log. */

import { isUtf8 } from "node:buffer";

import { isFlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { isPlainObject } from "../model/json-values.ts";
import { lockEventOf } from "../model/lock-log.ts";
import { inFolder, LOCK_LOG, LOCK_QUEUE, LOCKS, LOG_SUFFIX } from "../storage/layout.ts";
import { localLogLines, noFilesIn } from "../storage/local-log.ts";
import { unreadableSegments } from "../stores/lock-damage.ts";
import { lockDocuments, ticketDocuments } from "../stores/lock-files.ts";
import { NOBODY } from "../stores/told.ts";
import { isFolder, usableIn } from "./check-work.ts";
import type { Sight } from "./sight.ts";

/** Every file that cannot be used: what it speaks of cannot be locked until it is cleared. */
export function findLockProblems(sight: Sight): Finding[] {
  return [
    ...usableIn(sight, LOCKS, lockDocuments(NOBODY)).findings,
    ...usableIn(sight, LOCK_QUEUE, ticketDocuments(NOBODY)).findings,
    ...logProblems(sight),
  ];
}

/** What a line of the log of locks that cannot be read may have told. */
const UNTOLD = "it does not count, so a lost lock may go untold";

function logProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, LOCK_LOG)) return [];
  const { storage, view } = sight;
  const names = view.names(LOCK_LOG);
  return [
    ...unreadableSegments(noFilesIn(storage.disk, LOCK_LOG, names)),
    ...names
      .filter((name) => name.endsWith(LOG_SUFFIX))
      .flatMap((name) => segmentProblems(sight, inFolder(LOCK_LOG, name))),
  ];
}

function segmentProblems({ storage: { disk, overlay } }: Sight, file: string): Finding[] {
  try {
    return lineProblems(file, localLogLines(disk, overlay, file));
  } catch (error) {
    // A denied permission: what every call that needs the log fails with.
    if (!isFlowError(error, "IO")) throw error;
    return [{ file, rule: "unreadable", severity: "error", message: error.message }];
  }
}

function lineProblems(file: string, lines: readonly Buffer[]): Finding[] {
  return lines.flatMap((bytes, at): Finding[] => {
    const line = at + 1;
    const found = (rule: string, why: string, severity: Finding["severity"]): Finding[] => {
      return [{ file, line, rule, severity, message: `${file}, line ${line}: ${why}` }];
    };
    if (line === lines.length) {
      if (bytes.length === 0) return [];
      return found("torn-tail", `it has no end; ${UNTOLD}`, "warning");
    }
    if (!isUtf8(bytes)) return found("not-utf8", `it is not UTF-8; ${UNTOLD}`, "error");
    const value = valueOf(bytes.toString("utf8"));
    if (value === undefined) return found("not-json", `it is not JSON; ${UNTOLD}`, "error");
    if (isEvent(value)) return [];
    return found("schema", `it tells nothing of locks; ${UNTOLD}`, "error");
  });
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isEvent(value: unknown): boolean {
  return isPlainObject(value) && lockEventOf(value) !== null;
}
