/**
 * Documents of one kind as files: how one is found, read, and changed. Every noun but features,
 * whose files have ids in their names, keeps its documents through this.
 */

import { FlowError } from "../errors.ts";
import { ownValue, shown } from "../model/json-values.ts";
import { explainDocument, isDocumentOf, keysOf, type Shape } from "../model/shape.ts";
import { formatJson, patchJson } from "../storage/json-text.ts";
import { inFolder, nameOf, SCHEMA } from "../storage/layout.ts";
import { encodeName, isNameable } from "../storage/names.ts";
import { isFault, type Document } from "../storage/files.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { isDocumentName } from "./feature-names.ts";
import type { FindingListener } from "./told.ts";

/** A document and the file that holds it. */
export interface Stored<T> {
  /** The file's name in its folder. */
  readonly name: string;
  readonly value: T;
}

/** Why a name does not fit what its file holds; `null` when it does. */
export type NameProblem<T> = (name: string, value: T) => string | null;

const SUFFIX = ".json";

/** The documents of one kind. */
export class Documents<T extends object> {
  readonly #shape: Shape<T>;
  readonly #findings: FindingListener;
  readonly #nameProblem: NameProblem<T>;

  /**
   * @param findings is told of files that cannot be used.
   * @param nameProblem for files that were copied or renamed by hand.
   */
  constructor(
    shape: Shape<T>,
    findings: FindingListener,
    nameProblem: NameProblem<T> = () => null,
  ) {
    this.#shape = shape;
    this.#findings = findings;
    this.#nameProblem = nameProblem;
  }

  /**
   * The document in a file; `null` when there is none, or a tombstone.
   *
   * @throws FlowError `CORRUPT` when the file cannot be used, `IO` when it cannot be read.
   */
  read(view: Reading | Writing, folder: string, name: string): T | null {
    const value = this.#read(view, folder, name);
    return value === null || isTombstone(this.#shape, value) ? null : value;
  }

  #read(view: Reading | Writing, folder: string, name: string): T | null {
    const file = view.get(folder, name);
    if (file === null) return null;
    const decoded = this.decode(file);
    if ("value" in decoded) {
      this.#findings.fine(file.path);
      return decoded.value;
    }
    this.#findings.report(decoded.finding);
    throw decoded.error;
  }

  /**
   * Every living document of a folder that can be used, by name; the others are reported.
   *
   * @throws FlowError `IO` of a passing kind: the list would lack what is only busy now.
   */
  list(view: Reading | Writing, folder: string): Stored<T>[] {
    const stored: Stored<T>[] = [];
    for (const file of view.list(folder)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = this.decode(file);
      if ("value" in decoded) {
        this.#findings.fine(file.path);
        if (isTombstone(this.#shape, decoded.value)) continue;
        stored.push({ name: nameOf(file.path), value: decoded.value });
        continue;
      }
      if (decoded.error.retryable) throw decoded.error;
      this.#findings.report(decoded.finding);
    }
    return stored;
  }

  /** What a file says, a tombstone's too, or why it cannot be used; kept with its text. */
  decode(file: Document): { readonly value: T } | Damaged {
    if (isFault(file)) return unreadable(file);
    return (file.decoded ??= this.#decodeText(file.path, file.text)) as { value: T } | Damaged;
  }

  #decodeText(path: string, text: string): { value: T } | Damaged {
    const shape: Shape<T> = this.#shape;
    const json = decodeJson(path, text);
    if (!("value" in json)) return json;
    const { value } = json;
    if (!isDocumentOf(shape, value)) {
      const problems = explainDocument(shape, value).slice(0, 3);
      const why = problems.map(({ path: at, message }) =>
        at === "" ? message : `${at}: ${message}`,
      );
      return damaged(path, "schema", why.join("; "));
    }
    const problem = this.#nameProblem(nameOf(path), value);
    return problem === null ? { value } : damaged(path, "name", problem);
  }

  /**
   * Writes a document: of a file that is there only the keys that differ, so that unknown keys,
   * their order and a person's layout stay. Writing what is there already changes nothing; over a
   * tombstone the document lives again.
   *
   * @throws FlowError `CORRUPT` for a file that cannot be used: it is never written over.
   */
  write(write: Writing, folder: string, name: string, value: T): void {
    const before = this.#read(write, folder, name);
    if (before === null) {
      const up = "../".repeat(folder.split("/").length);
      const $schema = `${up}${inFolder(SCHEMA, this.#shape.name)}.json`;
      write.put(folder, name, formatJson({ $schema, ...inOrder(this.#shape, value) }));
      return;
    }
    const file = write.get(folder, name);
    if (file === null || isFault(file)) throw gone(inFolder(folder, name));
    const set = new Map<string, unknown>();
    const unset: string[] = [];
    for (const key of Object.keys(this.#shape.fields)) {
      const now = (value as Record<string, unknown>)[key];
      const then = (before as Record<string, unknown>)[key];
      if (JSON.stringify(now) === JSON.stringify(then)) continue;
      if (now === undefined) unset.push(key);
      else set.set(key, now);
    }
    if (set.size === 0 && unset.length === 0) return;
    write.put(folder, name, patchJson(file.text, set, unset, keysOf(this.#shape)));
  }
}

/** The name of the file for a text of the user's, such as a task id. */
export function fileNameFor(key: string): string {
  return `${encodeName(key)}${SUFFIX}`;
}

/** For kinds whose file is named after one of its values: whether it is. */
export function namedAfter<T>(key: (value: T) => string): NameProblem<T> {
  return (name, value) => placeProblem(key(value), fileNameFor, name);
}

/** Why a text does not belong into the place that holds it; `null` when it does. */
export function placeProblem(
  text: string,
  placeFor: (text: string) => string,
  place: string,
  what = "",
): string | null {
  if (!isNameable(text)) return `it holds ${what}${shown(text)}, which no file can be named after`;
  const expected = placeFor(text);
  return place === expected
    ? null
    : `it holds ${what}${shown(text)}, which belongs into ${expected}`;
}

/** Whether a document is what deleting leaves; only kinds that git tracks have such. */
export function isTombstone<T extends object>(shape: Shape<T>, value: T): boolean {
  return "deletedAt" in shape.fields && typeof ownValue(value, "deletedAt") === "string";
}

/** Known keys as the shape orders them, then those of a user's own. */
function inOrder<T extends object>(shape: Shape<T>, value: T): object {
  const known = Object.keys(shape.fields);
  const own = Object.keys(value).filter((key) => !known.includes(key) && key !== "$schema");
  const entries = [...known, ...own].map((key) => [key, ownValue(value, key)] as const);
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
}

function gone(path: string): FlowError {
  return new FlowError("INTERNAL", `Cannot find ${path}, which was there a moment ago`);
}
