/**
 * The folder that holds `.flow`: where paths in it lead, and what a pattern matches. Looks only;
 * nothing outside of `.flow` is ever written.
 */

import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from "node:path";

import type FastGlob from "fast-glob";

import { errnoOf, ioError } from "./io-error.ts";
import { treeOf, type KnownPaths } from "./path-tree.ts";

/** Where a path leads. Both paths are relative to the project, with `/`; `.` is the project itself. */
export interface Place {
  /**
   * As it is written, with `.`, `..` and doubled slashes taken out; a `..` behind a link goes up
   * from where the link leads, as the system goes. `null`: outside.
   */
  readonly written: string | null;
  /** Every name on the way from `written` to `real`, one for each link followed; those inside. */
  readonly names: readonly string[];
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

const SEPARATOR = process.platform === "win32" ? /[\\/]/ : "/";

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
    const plain = this.#plain(text);
    const real = realPathOf(plain, text);
    const written = this.#inside(plain) === null ? this.#entering(plain, text) : plain;
    const way = real === written ? [written] : [written, ...linksFollowed(written, text), real];
    const names = way.map((path) => this.#inside(path)).filter((path) => path !== null);
    return {
      written: this.#inside(written),
      names: [...new Set(names)],
      real: this.#inside(real),
      kind: kindOf(real),
    };
  }

  #plain(text: string): string {
    return plainPath(this.#folder, text, text);
  }

  /** A path that begins outside, from where a link on its way leads into the project. */
  #entering(plain: string, shown: string): string {
    const parts = plain.split(sep);
    for (let count = 1; count <= parts.length; count += 1) {
      const head = realPathOf(parts.slice(0, count).join(sep) || sep, shown);
      if (this.#inside(head) !== null) return join(head, ...parts.slice(count));
    }
    return plain;
  }

  /** Whether something bears exactly this name, be it a link that leads nowhere. */
  exists(text: string): boolean {
    try {
      return lstatSync(this.#plain(text), { throwIfNoEntry: false }) !== undefined;
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

  /**
   * What matches now, sorted, relative to `base`; links are neither matched nor followed.
   *
   * @param known what is searched in place of the disk: paths relative to the project
   */
  async glob({ base, pattern, kind, ignore }: GlobQuery, known?: KnownPaths): Promise<string[]> {
    const { glob } = await loadGlob();
    const matches = await glob(pattern, {
      ...(known === undefined ? {} : { fs: treeOf(this.#folder, known) }),
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
 * `text` from `folder` on, without `.`, `..` and doubled slashes.
 *
 * @param shown the path as the caller wrote it
 */
function plainPath(folder: string, text: string, shown: string, links = 0): string {
  const { root } = parse(text);
  let at = root === "" ? folder : resolve(root);
  for (const part of text.slice(root.length).split(SEPARATOR)) {
    if (part === "" || part === ".") continue;
    if (part !== "..") at = join(at, part);
    // What lies above a link is what lies above the place where it leads.
    else at = dirname(linkAt(at) === null ? at : realPathOf(at, shown, links));
  }
  return at;
}

/** What a path is called after each link on its way, up to where no link is left. */
function linksFollowed(path: string, shown: string): string[] {
  const names: string[] = [];
  for (let at = path; names.length < MAX_LINKS;) {
    const next = afterFirstLink(at, shown);
    if (next === null) return names;
    names.push(next);
    at = next;
  }
  throw ioError("resolve", shown, "ELOOP");
}

function afterFirstLink(path: string, shown: string): string | null {
  const { root } = parse(path);
  const parts = path.slice(root.length).split(sep);
  for (let count = 1; count <= parts.length; count += 1) {
    const head = root + parts.slice(0, count).join(sep);
    const target = linkAt(head);
    if (target === null) continue;
    return join(plainPath(dirname(head), target, shown), ...parts.slice(count));
  }
  return null;
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
      const next = plainPath(folder, target, shown, links + 1);
      return join(realPathOf(next, shown, links + 1), rest);
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
