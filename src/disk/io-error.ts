/** What every disk refuses alike: how a failed operation reads, and which paths never get that far. */

import { getSystemErrorMap } from "node:util";

import { FlowError } from "../errors.ts";

/** The verb of a message, where the operation's own name is not one. */
const VERBS: Readonly<Record<string, string>> = {
  readText: "read",
  pread: "read",
  stat: "look at",
  fstat: "look at",
  makeFolder: "make folder",
  removeFolder: "remove folder",
  syncFile: "sync",
  syncFolder: "sync folder",
  replace: "write",
};

/** What an `IO` error may tell beside operation, file and errno. */
export interface IoDetails {
  /** The second path of a rename or a link. */
  readonly to?: string;
  /** How many bytes a torn write left. */
  readonly written?: number;
}

/**
 * The error of a failed file operation: code `IO`, context `{ operation, file, errno, … }`.
 *
 * @param operation the port's verb: `read`, `create`, `syncFolder` …; of an open file `pread`, `fstat`,
 *   `write`, `sync`, `close`
 * @param file the path relative to the root; an absolute one must not get here
 * @param errno the system's name of the failure: `EACCES`, `ENOSPC` …
 */
export function ioError(
  operation: string,
  file: string,
  errno: string,
  cause?: unknown,
  details: IoDetails = {},
): FlowError {
  const target = details.to === undefined ? "" : ` to ${details.to}`;
  const torn = details.written === undefined ? "" : `, ${details.written} bytes were written`;
  const message = `Cannot ${VERBS[operation] ?? operation} ${file || "."}${target}: ${describe(errno)}${torn}`;
  return new FlowError("IO", message, { context: { operation, file, errno, ...details }, cause });
}

/** `permission denied (EACCES)`; only the errno where the system has no words for it. */
function describe(errno: string): string {
  for (const [name, words] of getSystemErrorMap().values()) {
    if (name === errno) return `${words} (${errno})`;
  }
  return errno;
}

/** The errno of what `node:fs` threw; `null` when it is not an error of a file operation. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

// On POSIX a backslash is a letter like any other and may stand in a name that `list` gave.
const SEPARATES_TOO = process.platform === "win32" ? /[\\:]/ : null;

/**
 * Lets a path pass that stays under the root; `""` is the root.
 *
 * @throws `INTERNAL` for an absolute path, a `..` segment or NUL: paths are joined by the layout
 *   alone, so such a path is a defect of this program and must not reach the file system.
 */
export function checkPath(path: string): void {
  if (
    path.charCodeAt(0) === 47 /* "/" */ ||
    path.indexOf("\0") !== -1 ||
    // Two steps: names with `..` inside (`a..b`) are rare and allowed.
    (path.indexOf("..") !== -1 && path.split("/").includes("..")) ||
    SEPARATES_TOO?.test(path) === true
  ) {
    throw new FlowError("INTERNAL", `Not a path inside the root: ${JSON.stringify(path)}`, {
      context: { file: path },
    });
  }
}
