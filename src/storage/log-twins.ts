/**
 * Lines that bear one id: a merge may bring a line twice, and they are one event. The one with the
 * lowest number stands for all; among those without a number the first by segment and line.
 *
 * Ids grow, so only segments whose ranges of ids overlap can hold twins: in the log of one clone
 * there are none, and nothing is looked for.
 */

import type { Place } from "./index-keys.ts";
import type { SegmentFacts } from "./index-part.ts";
import type { Ledger } from "./ledger.ts";
import type { LogIndex } from "./log-index.ts";
import { LineReader } from "./segment-bytes.ts";

/** More events than this are not looked up one by one: all twins are searched for at once. */
const FEW = 200;

/** A line that bears the id of another and says something else. */
export interface Conflict {
  readonly segment: string;
  readonly line: number;
  readonly id: string;
}

export class LogTwins {
  readonly #index: LogIndex;
  #version = -1;
  #overlapping: ReadonlySet<string> = new Set();
  #groups: Place[][] | null = null;
  /** Conflicts that were met in passing. */
  readonly #met = new Map<string, Conflict>();

  constructor(index: LogIndex) {
    this.#index = index;
  }

  #refresh(): void {
    if (this.#version === this.#index.version) return;
    this.#version = this.#index.version;
    this.#overlapping = overlappingOf(this.#index);
    this.#groups = null;
    this.#met.clear();
  }

  /** Whether a segment's ids lie among those of another. */
  overlaps(segment: string): boolean {
    this.#refresh();
    return this.#overlapping.has(segment);
  }

  get hasOverlaps(): boolean {
    this.#refresh();
    return this.#overlapping.size > 0;
  }

  /** The lines that bear one id, for every id that more than one bears. */
  groups(): readonly (readonly Place[])[] {
    this.#refresh();
    this.#groups ??= this.#overlapping.size === 0 ? [] : this.#search();
    return this.#groups;
  }

  /** Places that count, of such as an index gave for one key: twins of others are left out. */
  standing(places: readonly Place[], ledger: Ledger): Place[] {
    const doubtful = places.filter(({ segment }) => this.overlaps(segment));
    if (doubtful.length === 0) return [...places];
    if (doubtful.length > FEW || this.#groups !== null) {
      const hidden = this.hidden(ledger);
      return places.filter((place) => !hidden.has(placeKey(place)));
    }
    const lines = new LineReader(this.#index.disk, this.#index.overlay);
    try {
      return places.filter(
        (place) => !this.overlaps(place.segment) || this.#stands(place, ledger, lines),
      );
    } finally {
      lines.close();
    }
  }

  #stands(place: Place, ledger: Ledger, lines: LineReader): boolean {
    const event = lines.eventAt(place);
    if (event === null) return false;
    const { id } = event;
    const bearers = this.#index.find("id", id).filter((one) => lines.eventAt(one)?.id === id);
    for (const one of conflictsIn(bearers, lines)) this.#met.set(placeKey(one), one);
    return bearers.every((one) => compareRank(place, one, ledger) <= 0);
  }

  /** Lines that do not stand for their event, as {@link placeKey} names them. */
  hidden(ledger: Ledger): ReadonlySet<string> {
    const hidden = new Set<string>();
    for (const group of this.groups()) {
      const inOrder = [...group].sort((a, b) => compareRank(a, b, ledger));
      for (const place of inOrder.slice(1)) hidden.add(placeKey(place));
    }
    return hidden;
  }

  /** {@link conflicts}, as far as anybody had to look for twins. */
  knownConflicts(): Conflict[] {
    this.#refresh();
    return this.#groups === null ? [...this.#met.values()] : this.conflicts();
  }

  /** Lines that bear the id of another line and say something else. */
  conflicts(): Conflict[] {
    const lines = new LineReader(this.#index.disk, this.#index.overlay);
    try {
      return this.groups().flatMap((group) => conflictsIn(group, lines));
    } finally {
      lines.close();
    }
  }

  #search(): Place[][] {
    const repeated = this.#repeatedHashes();
    const byId = new Map<string, Place[]>();
    const lines = new LineReader(this.#index.disk, this.#index.overlay);
    try {
      for (const place of repeated) {
        const id = lines.eventAt(place)?.id;
        if (id === undefined) continue;
        const known = byId.get(id);
        if (known === undefined) byId.set(id, [place]);
        else if (known.every((one) => placeKey(one) !== placeKey(place))) known.push(place);
      }
    } finally {
      lines.close();
    }
    return [...byId.values()].filter((group) => group.length > 1);
  }

  /** Places of ids whose hash another id has too. */
  #repeatedHashes(): Place[] {
    const hashes = this.#hashes();
    hashes.sort();
    const repeated = new Set<number>();
    for (let index = 1; index < hashes.length; index += 1) {
      if (hashes[index] === hashes[index - 1]) repeated.add(hashes[index] ?? 0);
    }
    if (repeated.size === 0) return [];
    const places: Place[] = [];
    this.#eachHash((hash, place) => {
      if (repeated.has(hash)) places.push(place());
    });
    return places;
  }

  #hashes(): Float64Array {
    let count = 0;
    this.#eachHash(() => void (count += 1));
    const hashes = new Float64Array(count);
    let at = 0;
    this.#eachHash((hash) => {
      hashes[at] = hash;
      at += 1;
    });
    return hashes;
  }

  #eachHash(each: (hash: number, place: () => Place) => void): void {
    this.#index.eachId((hash, place, segment) => {
      if (this.#overlapping.has(segment)) each(hash, place);
    });
  }
}

/** A place as a text. */
export function placeKey({ segment, line }: Pick<Place, "segment" | "line">): string {
  return `${line}/${segment}`;
}

function conflictsIn(group: readonly Place[], lines: LineReader): Conflict[] {
  const [first, ...others] = [...group].sort(byPlace);
  const event = first === undefined ? null : lines.eventAt(first);
  const found: Conflict[] = [];
  for (const { segment, line, at } of others) {
    // JSON with a fixed order of keys says by its text whether two lines differ.
    const other = lines.eventAt({ segment, line, at });
    if (other === null || JSON.stringify(event) === JSON.stringify(other)) continue;
    found.push({ segment, line, id: other.id });
  }
  return found;
}

function byPlace(a: Place, b: Place): number {
  return a.segment < b.segment ? -1 : a.segment > b.segment ? 1 : a.line - b.line;
}

function compareRank(a: Place, b: Place, ledger: Ledger): number {
  const numberOf = ({ segment, line }: Place): number =>
    ledger.numberOf(segment, line) ?? Number.MAX_SAFE_INTEGER;
  if (a.segment === b.segment && a.line === b.line) return 0;
  return numberOf(a) - numberOf(b) || byPlace(a, b);
}

function overlappingOf(index: LogIndex): ReadonlySet<string> {
  const facts = index
    .names()
    .flatMap((name) => index.factsOf(name) ?? [])
    .filter(({ events }) => events > 0)
    .sort((a, b) => (a.minId < b.minId ? -1 : 1));
  const found = new Set<string>();
  let highest: SegmentFacts | null = null;
  for (const one of facts) {
    // A segment whose ids are in no order may bear one twice by itself.
    if (!one.isOrdered) found.add(one.name);
    if (highest !== null && highest.maxId >= one.minId) {
      found.add(one.name);
      found.add(highest.name);
    }
    if (highest === null || one.maxId > highest.maxId) highest = one;
  }
  return found;
}
