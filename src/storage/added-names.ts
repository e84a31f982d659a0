/** The names that a write, or pending commits, add to a folder, laid over those that are there. */

/** More new ones than this are sorted with the others at once; fewer are put in their places. */
const FEW = 16;

/** Names of one folder. The list stays the same one until a name comes: readers index it. */
export class AddedNames {
  readonly #all = new Set<string>();
  /** Those that are not in the list yet. */
  #fresh: string[] = [];
  #below: readonly string[] | null = null;
  #names: readonly string[] = [];

  add(name: string): void {
    if (this.#all.has(name)) return;
    this.#all.add(name);
    this.#fresh.push(name);
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#all.values();
  }

  /** These names and those of `below`, which are sorted, in one sorted list. */
  over(below: readonly string[]): readonly string[] {
    const isSame = below === this.#below;
    let names = isSame ? this.#names : below;
    const fresh = (isSame ? this.#fresh : [...this.#all]).filter((name) => {
      return names[placeIn(names, name)] !== name;
    });
    if (fresh.length > FEW) names = [...names, ...fresh].sort();
    else for (const name of fresh) names = names.toSpliced(placeIn(names, name), 0, name);
    this.#names = names;
    this.#below = below;
    this.#fresh = [];
    return names;
  }
}

/** Where a name stands, or would stand, in a sorted list. */
export function placeIn(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
