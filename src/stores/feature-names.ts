/** What the names in `features/` tell: which files may hold an id or a uid. */

/** A file name tells the id it holds; one made by hand may not. */
const NUMBERED = /^(\d+)(?:-.*)?\.json$/;

/** Whether a name in `features/` can be a document's; hidden files are editors' and file managers'. */
export function isDocumentName(name: string): boolean {
  return name.endsWith(".json") && !name.startsWith(".");
}

/** The id that a name tells; `null` for one that tells none. */
export function idInName(name: string): number | null {
  const id = Number(NUMBERED.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(id) ? id : null;
}

/** Which names may hold an id or end like a uid. */
export interface NameIndex {
  readonly byId: ReadonlyMap<number, readonly string[]>;
  readonly bySuffix: ReadonlyMap<string, readonly string[]>;
  /** Names that tell no id: made by hand. */
  readonly odd: readonly string[];
  readonly highestId: number;
  /** Whether two names tell one id, or some name tells none: else no two documents bear one. */
  readonly mayShareIds: boolean;
}

const UID_SUFFIX_LENGTH = 6;
const indexes = new WeakMap<readonly string[], NameIndex>();

/** What a list of names tells; made once a list. */
export function indexOf(names: readonly string[]): NameIndex {
  let index = indexes.get(names);
  if (index === undefined) indexes.set(names, (index = makeIndex(names)));
  return index;
}

function makeIndex(names: readonly string[]): NameIndex {
  const byId = new Map<number, string[]>();
  const bySuffix = new Map<string, string[]>();
  const odd: string[] = [];
  let highestId = 0;
  const add = <K>(map: Map<K, string[]>, key: K, name: string): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [name]);
    else list.push(name);
  };
  for (const name of names.filter(isDocumentName)) {
    const id = idInName(name);
    if (id === null) {
      odd.push(name);
    } else {
      add(byId, id, name);
      highestId = Math.max(highestId, id);
    }
    add(bySuffix, name.slice(-UID_SUFFIX_LENGTH - 5, -5), name);
  }
  const mayShareIds = odd.length > 0 || [...byId.values()].some(({ length }) => length > 1);
  return { byId, bySuffix, odd, highestId, mayShareIds };
}

/** The end of a uid, as it stands in the name of its file. */
export function suffixOf(uid: string): string {
  return uid.slice(-UID_SUFFIX_LENGTH).toLowerCase();
}
