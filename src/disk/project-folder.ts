/**
 * The folder that holds `.flow`: where paths in it lead, and what a pattern matches. Looks only;
 * nothing outside of `.flow` is ever written.
 */

import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

import type FastGlob from "fast-glob";

import { errnoOf, ioError } from "./io-error.ts";

/** Where a path leads. Both paths are relative to the project, with `/`; `.` is the project itself. */
export interface Place {
  /** As it is written, with `.`, `..` and doubled slashes taken out; `null`: outside. */
  readonly written: string | null;
  /** With links followed and, where case does not count, the case that is on the disk; `null`: outside. */
  readonly real: string | null;
  /** What is there; `null` for nothing. */
  readonly kind: "file" | "folder" | null;
}

/** What a pattern is searched for. */
export interface GlobQuery {
  /** The folder to begin in, relative to the project. */
  readonly base: string;
  readonly pattern: string;
  readonly kind: "file" | "folder";
  /** Patterns of what is left out. */
  readonly ignore: readonly string[];
}

/** More links than this in one path are a circle, as the system itself judges. */
const MAX_LINKS = 40;

/** The project of a root. */
export class ProjectFolder {
  readonly #folder: string;
  #ignoresCase: boolean | undefined;

  /** @param folder absolute, links resolved. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a path leads: an absolute one, or one relative to the project. */
  place(text: string): Place {
    const written = resolve(this.#folder, text);
    const real = realPathOf(written, text);
    return {
      written: this.#inside(written),
      real: this.#inside(real),
      kind: kindOf(real),
    };
  }

  /** Whether something bears exactly this name, be it a link that leads nowhere. */
  exists(text: string): boolean {
    try {
      return lstatSync(resolve(this.#folder, text), { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      // A name too long, a file in place of a folder, a denied permission: nothing is seen there.
      if (errnoOf(error) === null) throw error;
      return false;
    }
  }

  /** Whether the file system takes `A` and `a` for one name, as macOS and Windows do. */
  ignoresCase(): boolean {
    this.#ignoresCase ??= isSameFile(join(this.#folder, ".flow"), join(this.#folder, ".FLOW"));
    return this.#ignoresCase;
  }

  /** Whether a text that holds characters of patterns is one: `(a)` and `\[a\]` are none. */
  async isPattern(text: string): Promise<boolean> {
    return (await loadGlob()).isDynamicPattern(text);
  }

  /** What matches now, sorted, relative to `base`; links are neither matched nor followed. */
  async glob({ base, pattern, kind, ignore }: GlobQuery): Promise<string[]> {
    const { glob } = await loadGlob();
    const matches = await glob(pattern, {
      cwd: resolve(this.#folder, base),
      onlyFiles: kind === "file",
      onlyDirectories: kind === "folder",
      dot: true,
      followSymbolicLinks: false,
      suppressErrors: true,
      ignore: [...ignore],
    });
    return matches.sort();
  }

  #inside(path: string): string | null {
    const inner = relative(this.#folder, path);
    if (inner === "") return ".";
    const parts = inner.split(sep);
    return parts[0] === ".." || isAbsolute(inner) ? null : parts.join("/");
  }
}

/** Loading it takes 35 to 45 ms, so it is loaded for a pattern only. */
async function loadGlob(): Promise<typeof FastGlob> {
  return (await import("fast-glob")).default;
}

/**
 * `path` with links resolved as far as it exists; what does not exist stays as it is written.
 *
 * @param shown the path as the caller wrote it
 * @throws FlowError `IO` for a circle of links and for a folder that may not be looked into.
 */
function realPathOf(path: string, shown: string, links = 0): string {
  let at = path;
  let rest = "";
  for (;;) {
    try {
      // Not the version in JavaScript: only the system knows the true case of a name.
      return join(realpathSync.native(at), rest);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === null) throw error;
      if (links >= MAX_LINKS) throw ioError("resolve", shown, "ELOOP", error);
      if (!["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(errno))
        throw ioError("resolve", shown, errno, error);
    }
    const target = linkAt(at);
    if (target !== null) {
      // A link that leads nowhere yet: what is written through it comes to be at its target.
      const folder = realPathOf(dirname(at), shown, links + 1);
      return join(realPathOf(resolve(folder, target), shown, links + 1), rest);
    }
    rest = join(basename(at), rest);
    at = dirname(at);
  }
}

/** Where a link leads; `null` for what is none. */
function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    // EINVAL: no link. The others: nothing is there.
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

function kindOf(path: string): "file" | "folder" | null {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? null : stat.isDirectory() ? "folder" : "file";
  } catch (error) {
    // ENAMETOOLONG, ENOTDIR: nothing can be there.
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [left, right] = [one, other].map((path) => lstatSync(path, { throwIfNoEntry: false }));
    return left !== undefined && left.ino === right?.ino && left.dev === right.dev;
  } catch (error) {
    // What may not be looked at is not known to be the same.
    if (errnoOf(error) === null) throw error;
    return false;
  }
}
