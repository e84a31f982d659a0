/**
 * What a store shows after commits that each add one to some documents and log it (`add` in
 * `scenarios.ts`), judged by what was told of these commits: the log alone says what the
 * documents must be, each commit must be in it wholly or not at all, and who was answered must be.
 */

/** What a process told, and how many operations the disk had done then. */
export interface Told {
  readonly name: string;
  readonly data: unknown;
  readonly at: number;
}

/** What is known of a commit. */
export interface ToldCommit {
  readonly tag: string;
  readonly documents: readonly string[];
  /** How many operations the disk had done when it began. */
  readonly from: number;
  /** When its caller was answered; `null` while there is no answer. */
  readonly to: number | null;
  /** `open`: its process was killed before it was answered. */
  readonly fate: "kept" | "unknown" | "refused" | "open";
}

/** What is to be seen: the text that `stateOf` gives, taken apart. */
export interface Shown {
  readonly documents: ReadonlyMap<string, string>;
  /** Each event as `document=count tag`, in the order of the log. */
  readonly events: readonly {
    readonly document: string;
    readonly count: number;
    readonly tag: string;
  }[];
  /** What the log says is wrong. */
  readonly damage: readonly string[];
  /** The log's numbers, in its order. */
  readonly numbers: readonly number[];
}

const EVENT = /^(\d+):([^=]+)=(\d+)(.*)$/;

export function shownOf(state: string): Shown {
  const [left = "", right = ""] = state.split("|");
  const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");
  const documents = new Map(
    words(left).map((word) => {
      const equals = word.indexOf("=");
      return [word.slice(0, equals), word.slice(equals + 1)] as const;
    }),
  );
  const events: { document: string; count: number; tag: string }[] = [];
  const numbers: number[] = [];
  const damage: string[] = [];
  for (const word of words(right)) {
    const match = EVENT.exec(word);
    if (match === null) {
      damage.push(word);
      continue;
    }
    const [, number = "", document = "", count = "", tag = ""] = match;
    numbers.push(Number(number));
    events.push({ document, count: Number(count), tag });
  }
  return { documents, events, damage, numbers };
}

/** The tags in the order of the log, each once. */
export function tagsOf({ events }: Shown): string[] {
  return [...new Set(events.map(({ tag }) => tag))];
}

/** In which way the documents are not what the log says. */
export function unexplained({ documents, events, damage, numbers }: Shown): string[] {
  const problems = damage.length > 0 ? [`the log is damaged: ${damage.join(" ")}`] : [];
  if (numbers.some((number, index) => number !== index + 1))
    problems.push(`the log's numbers are ${numbers.join(",")}`);
  const expected = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const { document, count, tag } of events) {
    const next = (counts.get(document) ?? 0) + 1;
    counts.set(document, next);
    if (count !== next) problems.push(`${tag} made ${document} ${count}, not ${next}`);
    expected.set(document, `${count}${tag}`);
  }
  for (const name of new Set([...documents.keys(), ...expected.keys()])) {
    const [is, should] = [documents.get(name), expected.get(name)];
    if (is !== should) problems.push(`${name} is ${is}, and the log says ${should}`);
  }
  return problems;
}

/** In which way commits are there in part, twice, or without having been begun. */
export function broken(shown: Shown, commits: readonly ToldCommit[]): string[] {
  const byTag = new Map(commits.map((commit) => [commit.tag, commit]));
  const problems: string[] = [];
  for (const tag of tagsOf(shown)) {
    const places = shown.events.flatMap((event, index) => (event.tag === tag ? [index] : []));
    const first = places[0] ?? 0;
    const commit = byTag.get(tag);
    const documents = places.map((index) => shown.events[index]?.document).join(" ");
    if (commit === undefined) problems.push(`${tag} was never begun`);
    else if (documents !== commit.documents.join(" "))
      problems.push(`${tag} is there as ${documents}, not as ${commit.documents.join(" ")}`);
    else if (commit.fate === "refused") problems.push(`${tag} was refused and is there`);
    if (places.some((place, index) => place !== first + index))
      problems.push(`others stand between what ${tag} did`);
  }
  return problems;
}

/** Which commits are missing, or stand in the wrong order: all that were answered must be there. */
export function lost(shown: Shown, commits: readonly ToldCommit[]): string[] {
  const tags = tagsOf(shown);
  const place = new Map(tags.map((tag, index) => [tag, index]));
  const problems: string[] = [];
  const answered = commits.filter(({ fate }) => fate === "kept");
  for (const { tag } of answered) if (!place.has(tag)) problems.push(`${tag} is lost`);
  for (const later of commits) {
    for (const earlier of answered) {
      if (earlier.to === null || earlier.to > later.from || earlier === later) continue;
      if ((place.get(earlier.tag) ?? -1) > (place.get(later.tag) ?? Infinity))
        problems.push(`${earlier.tag} was answered before ${later.tag} began, and comes after it`);
    }
  }
  return problems;
}

/** What the processes of a run told of their commits: `begun`, then `kept`, `unknown` or `refused`. */
export function commitsOf(notes: readonly Told[]): ToldCommit[] {
  const commits = new Map<string, ToldCommit>();
  for (const { name, data, at } of notes) {
    if (name === "begun") {
      const { tag, documents } = data as { tag: string; documents: string[] };
      commits.set(tag, { tag, documents, from: at, to: null, fate: "open" });
    } else if (name === "kept" || name === "unknown" || name === "refused") {
      const { tag } = data as { tag: string };
      const begun = commits.get(tag);
      if (begun !== undefined) commits.set(tag, { ...begun, to: at, fate: name });
    }
  }
  return [...commits.values()];
}
