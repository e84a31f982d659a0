/** Where git's HEAD stands, told by the stat of a few files, without running git. */

import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { errnoOf } from "./io-error.ts";

/** The folders of one working tree's git data; the same unless the tree is a linked worktree. */
interface GitFolders {
  /** HEAD and its log. */
  readonly own: string;
  /** Refs and packed-refs. */
  readonly common: string;
}

interface Watched {
  readonly folders: GitFolders;
  readonly headMark: string;
  /** Every file that moves when HEAD moves, beside HEAD itself. */
  readonly others: readonly string[];
}

/** HEAD's text in a repository whose refs lie in tables (git's `reftable` format). */
const REFTABLE_HEAD = "refs/heads/.invalid";

/**
 * Tells, call by call, whether HEAD moved: equal texts mean that it did not.
 *
 * It moves with a checkout, a reset, and also with a commit on the same branch. The text is made
 * of inode, size, mtime and ctime of HEAD, its log, the ref it names and packed-refs, whichever
 * exist; it is opaque and of this machine. A file that may not be looked at counts with its errno.
 *
 * `.git` is sought from `projectDir` upward to the root of the file system, as git does, but
 * without regard to `GIT_DIR`; once found, it is sought again only when its HEAD is gone.
 *
 * @returns a function that costs four stats a call; it gives `null` outside git
 */
export function gitHead(projectDir: string): () => string | null {
  let watched: Watched | null = null;
  return () => {
    watched = look(watched, projectDir);
    return watched && [watched.headMark, ...watched.others.map(mark)].join("|");
  };
}

function look(last: Watched | null, projectDir: string): Watched | null {
  if (last !== null) {
    const headMark = mark(join(last.folders.own, "HEAD"));
    if (headMark === last.headMark) return last;
    if (headMark !== "") return watch(last.folders, headMark);
  }
  const folders = findGit(projectDir);
  return folders && watch(folders, mark(join(folders.own, "HEAD")));
}

function watch(folders: GitFolders, headMark: string): Watched {
  const { own, common } = folders;
  const others = [join(own, "logs", "HEAD"), join(common, "packed-refs")];
  const ref = /^ref: *(\S.*?)\s*$/.exec(textOf(join(own, "HEAD")) ?? "")?.[1];
  if (ref === REFTABLE_HEAD) {
    others.push(...new Set([own, common].map((folder) => join(folder, "reftable", "tables.list"))));
  } else if (ref !== undefined) {
    others.push(join(common, ref));
  }
  return { folders, headMark, others };
}

function findGit(projectDir: string): GitFolders | null {
  let folder: string;
  try {
    folder = realpathSync(projectDir); // git goes up the real path too
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null; // no such folder, or none that can be reached
  }
  for (;;) {
    const own = gitFolderAt(join(folder, ".git"));
    if (own !== null && mark(join(own, "HEAD")) !== "") {
      const common = textOf(join(own, "commondir"));
      return { own, common: common === null ? own : resolve(own, common.trim()) };
    }
    const parent = dirname(folder);
    if (parent === folder) return null;
    folder = parent;
  }
}

/** `.git` itself, or the folder that a file `.git` names (linked worktrees, submodules). */
function gitFolderAt(place: string): string | null {
  const named = /^gitdir: *(.+?)\s*$/.exec(textOf(place) ?? "")?.[1];
  return named === undefined ? place : resolve(dirname(place), named);
}

/** The text of a file; `null` when there is none to be read, for whatever reason. */
function textOf(path: string): string | null {
  try {
    if (!lstatSync(path).isFile()) return null;
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

/** The stat of a file as a text; empty when there is none. */
function mark(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? `${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}` : "";
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null) throw error;
    return errno === "ENOTDIR" ? "" : errno;
  }
}
