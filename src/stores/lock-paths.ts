// Paths as callers name them, as locks name them: relative to the project, links followed, patterns
// expanded to what they match now.
//
// | word | what is locked |
// | --- | --- |
// | `src/a.ts`, `src/`, `/abs/project/src` | exactly that path; it need not exist yet |
// | `src/auth/**`, `src/auth/**/*` | the folder itself, so that new files below it are covered too |
// | `packages/*/**`, `packages/*/` | the folders that match now, as such |
// | any other pattern | the files that match now, and none that comes later |
//
// What bears a name as it is written is no pattern, nor are the parts above it: `app/[id]/new.ts`
// is a path where there is a folder `app/[id]`.

import { badField } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import type { LockTarget } from "../model/lock-decisions.ts";
import { requirePath } from "../model/lock-inputs.ts";
import type { LockKind, LockMode } from "../model/locks.ts";
import { ROOT_NAME } from "../storage/layout.ts";

/** Paths relative to the project, and what each of them was when it was locked. */
export type HeldPaths = ReadonlyMap<string, LockKind>;

/** What is asked of the folder that holds `.flow`; see `disk/project-folder.ts`. */
export interface ProjectFiles {
  place(text: string): {
    readonly written: string | null;
    readonly names: readonly string[];
    readonly real: string | null;
    readonly kind: LockKind | null;
  };
  exists(text: string): boolean;
  ignoresCase(): boolean;
  isPattern(text: string): Promise<boolean>;
  glob(
    query: {
      readonly base: string;
      readonly pattern: string;
      readonly kind: LockKind;
      readonly ignore: readonly string[];
    },
    known?: HeldPaths,
  ): Promise<string[]>;
}

/** A pattern, and the folder to search in: as far as a word is no pattern. */
interface Search {
  readonly base: string;
  readonly pattern: string;
  readonly kind: LockKind;
}

/** Characters that may make a word a pattern; only the package that expands it knows. */
const PATTERN = process.platform === "win32" ? /[*?[\]{}()!]/ : /[*?[\]{}()!\\]/;
/** One of them, meant as it is. */
const ESCAPED = /\\([*?[\]{}()!\\])/g;
/** Everything below a folder. */
const ALL_BELOW = /^(?:(.*)\/)?\*\*(?:\/\*)?$/;

/** Left out of patterns unless they name it: it is nobody's source. */
const LEFT_OUT = [".git", "node_modules", ROOT_NAME];

/** Each is a file of its own; whoever means so many means a folder. */
const MAX_TARGETS = 10_000;
/** Twice what Linux allows; nothing on a disk is longer. */
const MAX_PATH_LENGTH = 10_000;

/** What may be said of the words of one call. */
export class LockPaths {
  readonly #project: ProjectFiles;

  constructor(project: ProjectFiles) {
    this.#project = project;
  }

  /** The form in which paths are compared: where case does not count, it counts nowhere. */
  readonly keyOf = (path: string): string =>
    this.#project.ignoresCase() ? path.normalize("NFC").toLowerCase() : path;

  /**
   * What words name, each path once, in their order.
   *
   * @throws FlowError `BAD_REQUEST` for what lies outside, for `.flow`, and for a pattern that
   * matches nothing: a lock on nothing protects nothing.
   */
  async targets(doing: string, words: readonly string[], mode: LockMode): Promise<LockTarget[]> {
    const targets = new Map<string, LockTarget>();
    for (const [at, word] of words.entries()) {
      const field = `paths[${at}]`;
      const found = await this.#expand(doing, field, word, mode);
      if (found.length === 0) {
        throw badField(
          doing,
          field,
          `${shown(word)} is a pattern that matches nothing; before a character that is meant as it is stands a backslash`,
        );
      }
      for (const target of found) {
        const key = this.keyOf(target.path);
        targets.set(key, merged(targets.get(key), target));
      }
      if (targets.size > MAX_TARGETS) {
        throw badField(doing, field, `makes it more than ${MAX_TARGETS} paths; lock their folder`);
      }
    }
    return [...targets.values()];
  }

  async #expand(doing: string, field: string, word: string, mode: LockMode): Promise<LockTarget[]> {
    const meant = await this.#meaningOf(doing, field, word);
    if (typeof meant === "string") return [this.#target(doing, field, meant, mode)];
    const found = await this.#project.glob(queryOf(meant));
    return found.map((name) => this.#target(doing, field, join(meant.base, name), mode));
  }

  /** Whether a word may be a pattern, so that what it names depends on what is there. */
  mayBePattern(word: string): boolean {
    return PATTERN.test(word) && !this.#project.exists(word);
  }

  /**
   * The keys of what words name: with links followed and without, since a path that was locked may
   * have become a link. A pattern names what it matches on the disk, and what it matches of the
   * paths that are held: what was locked may be gone. One that matches nothing names nothing.
   */
  async keys(doing: string, words: readonly string[], held: HeldPaths): Promise<Set<string>> {
    const keys = new Set<string>();
    for (const [at, word] of words.entries()) {
      const field = `paths[${at}]`;
      for (const key of this.literalKeys(doing, field, word)) keys.add(key);
      if (!this.mayBePattern(word)) continue;
      const meant = await this.#meaningOf(doing, field, word);
      const found =
        typeof meant === "string"
          ? this.#place(doing, field, meant).names
          : await this.#matched(doing, field, meant, held);
      for (const path of found) keys.add(this.keyOf(path));
    }
    return keys;
  }

  /** What a pattern matches on the disk, and of the paths that are held. */
  async #matched(
    doing: string,
    field: string,
    search: Search,
    held: HeldPaths,
  ): Promise<readonly string[]> {
    const found = await this.#project.glob(queryOf(search));
    const targets = found.map((name) =>
      this.#target(doing, field, join(search.base, name), "read"),
    );
    const paths = targets.map(({ path }) => path);
    for (const base of this.#place(doing, field, search.base).names) {
      const gone = await this.#project.glob(queryOf({ ...search, base }), held);
      paths.push(...gone.map((name) => join(base, name)));
    }
    return paths;
  }

  /** {@link keys} of one word that is no pattern, whatever it holds. */
  literalKeys(doing: string, field: string, word: string): string[] {
    const { names } = this.#place(doing, field, word);
    if (names.length === 0) throw outside(doing, field, word);
    return [...new Set(names.map(this.keyOf))];
  }

  /** What a path is now; one that is not there is a file. */
  kindOf(path: string): LockKind {
    return this.#project.place(path).kind ?? "file";
  }

  /** The key of the one place where a word leads. */
  realKey(doing: string, field: string, word: string): string {
    return this.keyOf(this.#target(doing, field, word, "read").path);
  }

  /** What a word stands for: a path, or a pattern. */
  async #meaningOf(doing: string, field: string, word: string): Promise<string | Search> {
    if (!this.mayBePattern(word)) return word;
    const { base, rest } = this.#split(doing, field, word);
    if (rest === "") return word;
    const slash = word.endsWith("/") ? "/" : "";
    if (!(await this.#isPattern(rest))) return join(base, plain(rest)) + slash;
    // Also where nothing is found there.
    this.#target(doing, field, base, "read");
    const all = ALL_BELOW.exec(rest);
    if (all === null) return { base, pattern: rest, kind: slash === "" ? "file" : "folder" };
    const [, head] = all;
    if (head === undefined) return `${base}/`;
    if (!(await this.#isPattern(head))) return `${join(base, plain(head))}/`;
    return { base, pattern: head, kind: "folder" };
  }

  /** Characters with a backslash before them are meant as they are, and so is a backslash before others. */
  async #isPattern(text: string): Promise<boolean> {
    return this.#project.isPattern(text.replace(ESCAPED, "x").replaceAll("\\", "x"));
  }

  /** The folder to search in, as far as a word is none of a pattern, and the rest. */
  #split(doing: string, field: string, word: string): { base: string; rest: string } {
    const { written, real } = this.#place(doing, field, word);
    const path = written ?? real;
    if (path === null) throw outside(doing, field, word);
    const parts = path.split("/");
    let base = ".";
    for (const [at, part] of parts.entries()) {
      const next = join(base, part);
      if (PATTERN.test(part) && !this.#project.exists(next)) {
        const rest = parts.slice(at).join("/");
        return { base, rest: rest.replace(/(?:\*\*\/)+(?=\*\*)/g, "") };
      }
      base = next;
    }
    return { base, rest: "" };
  }

  #target(doing: string, field: string, word: string, mode: LockMode): LockTarget {
    const { written, names, real, kind } = this.#place(doing, field, word);
    if (real === null) {
      if (written === null) throw outside(doing, field, word);
      throw badField(doing, field, `${shown(word)} is a link that leads out of the project`);
    }
    const isFolder = word.endsWith("/") || mode === "directory_add";
    const also = names.filter((name) => name !== real);
    return { path: real, also, kind: kind ?? (isFolder ? "folder" : "file") };
  }

  #place(doing: string, field: string, word: string): ReturnType<ProjectFiles["place"]> {
    requirePath(doing, field, word);
    if (word.length > MAX_PATH_LENGTH) {
      throw badField(doing, field, `is longer than ${MAX_PATH_LENGTH} characters`);
    }
    const place = this.#project.place(word);
    for (const path of place.names) {
      if (this.keyOf(path.split("/")[0] ?? "") === ROOT_NAME) {
        throw badField(doing, field, `${shown(word)} lies in ${ROOT_NAME}, which locks itself`);
      }
    }
    return place;
  }
}

function outside(doing: string, field: string, word: string): Error {
  const why = `${shown(word)} lies outside of the project, the folder that holds ${ROOT_NAME}`;
  return badField(doing, field, why);
}

/** One path that several words name, each on its way over links. */
function merged(one: LockTarget | undefined, other: LockTarget): LockTarget {
  if (one === undefined) return other;
  return { ...one, also: [...new Set([...one.also, ...other.also])] };
}

function queryOf({ base, pattern, kind }: Search): Parameters<ProjectFiles["glob"]>[0] {
  const named = pattern.split("/");
  const left = LEFT_OUT.filter((name) => name === ROOT_NAME || !named.includes(name));
  return { base, pattern, kind, ignore: left.flatMap((name) => [`**/${name}`, `**/${name}/**`]) };
}

function join(folder: string, name: string): string {
  return folder === "." ? name : `${folder}/${name}`;
}

/** A text of a pattern as the name that it stands for. */
function plain(text: string): string {
  return text.replace(ESCAPED, "$1");
}
