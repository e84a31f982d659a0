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
    const fresh = isSame ? this.#fresh : [...this.#all];
    let names = isSame ? this.#names : below;
    if (fresh.length > FEW) names = [...new Set([...names, ...fresh])].sort();
    else for (const name of fresh) names = withName(names, name);
    this.#names = names;
    this.#below = below;
    this.#fresh = [];
    return names;
  }
}

function withName(names: readonly string[], name: string): readonly string[] {
  let from = 0;
  let to = names.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((names[middle] ?? "") < name) from = middle + 1;
    else to = middle;
  }
  return names[from] === name ? names : names.toSpliced(from, 0, name);
}
