/** What the names in `features/` tell: which files may hold an id or a uid. */

import { encodeUlid } from "../model/ulid.ts";
import { digest } from "../storage/hash.ts";

const SUFFIX = ".json";

/** Whether a name in `features/` can be a document's; hidden files are editors' and file managers'. */
export function isDocumentName(name: string): boolean {
  return name.endsWith(SUFFIX) && !name.startsWith(".");
}

const [ZERO, NINE] = [48, 57];

/**
 * The id that a name tells: the number before its first dash, or before `.json`. `null` for one
 * that tells none, as one made by hand may not.
 */
export function idInName(name: string): number | null {
  // Asked of every name at every change: a pattern takes several times as long.
  let end = 0;
  while (isDigit(name.charCodeAt(end))) end += 1;
  if (end === 0 || !(name.startsWith("-", end) || name.length === end + SUFFIX.length)) return null;
  const id = Number(name.slice(0, end));
  return name.endsWith(SUFFIX) && Number.isSafeInteger(id) ? id : null;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

const UID_SUFFIX_LENGTH = 6;

/** Which names may hold an id or end like a uid. */
export class NameIndex {
  readonly #documents: readonly string[];
  /** Names that tell no id: made by hand. */
  readonly odd: readonly string[];
  readonly highestId: number;
  /** Whether two names tell one id, or some name tells none: else no two documents bear one. */
  readonly mayShareIds: boolean;
  #byId: ReadonlyMap<number, readonly string[]> | null = null;
  #bySuffix: ReadonlyMap<string, readonly string[]> | null = null;

  constructor(names: readonly string[]) {
    this.#documents = names.filter(isDocumentName);
    const ids = new Set<number>();
    const odd: string[] = [];
    let highestId = 0;
    for (const name of this.#documents) {
      const id = idInName(name);
      if (id === null) odd.push(name);
      else ids.add(id);
      highestId = Math.max(highestId, id ?? 0);
    }
    this.odd = odd;
    this.highestId = highestId;
    this.mayShareIds = ids.size < this.#documents.length;
  }

  /** Made when it is asked for: a creation asks for the highest id alone. */
  get byId(): ReadonlyMap<number, readonly string[]> {
    this.#byId ??= groupedBy(this.#documents, idInName);
    return this.#byId;
  }

  get bySuffix(): ReadonlyMap<string, readonly string[]> {
    this.#bySuffix ??= groupedBy(this.#documents, (name) => {
      return name.slice(-UID_SUFFIX_LENGTH - SUFFIX.length, -SUFFIX.length);
    });
    return this.#bySuffix;
  }
}

function groupedBy<K>(
  names: readonly string[],
  keyOf: (name: string) => K | null,
): ReadonlyMap<K, readonly string[]> {
  const groups = new Map<K, string[]>();
  for (const name of names) {
    const key = keyOf(name);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name]);
    else group.push(name);
  }
  return groups;
}

const indexes = new WeakMap<readonly string[], NameIndex>();

/** What a list of names tells; made once a list. */
export function indexOf(names: readonly string[]): NameIndex {
  let index = indexes.get(names);
  if (index === undefined) indexes.set(names, (index = new NameIndex(names)));
  return index;
}

/** The end of a uid, as it stands in the name of its file. */
export function suffixOf(uid: string): string {
  return uid.slice(-UID_SUFFIX_LENGTH).toLowerCase();
}

/** A uid for a document that has none of its own: of one text the same one, in every clone. */
export function uidMadeOf(text: string): string {
  return encodeUlid(0, Buffer.from(digest(text), "hex"));
}
