/** Power cuts in the middle of a life, and what must be left of it. */
import { createHash } from "node:crypto";

import type { CrashState, MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { broken, lost, shownOf, tagsOf, unexplained } from "../crash/kept-commits.ts";
import { survives, type Depth } from "../crash/rebooted.ts";
import type { Chapter } from "./c02-lives.ts";

/** How many states a point has, about. */
const STATES_A_POINT = 7;

/**
 * So many of the states that a power cut may leave, at points and by fates drawn by chance; no two
 * alike in all that is on the disk and in what must be there.
 *
 * @yields as {@link MemoryDisk.crashStates}
 */
export function* cutsOf(
  { disk, commits }: Pick<Chapter, "disk" | "commits">,
  count: number,
  seed: number,
): Generator<CrashState> {
  const random = seededRandom(seed);
  const share = count / (disk.operations * STATES_A_POINT);
  const isWanted = (): boolean => random() < share;
  const seen = new Set<string>();
  for (const state of disk.crashStates({ seed, isWanted })) {
    const due = commits.filter(({ to }) => to !== null && to <= state.at).length;
    if (isNew(seen, state, due)) yield state;
  }
}

/** Whether no state was like this one in all that is on the disk and in what must be there. */
export function isNew(seen: Set<string>, { disk }: CrashState, due: number | string): boolean {
  const key = `${digestOf(disk)} ${due}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function digestOf(disk: MemoryDisk): string {
  const hash = createHash("sha1");
  for (const [path, text] of disk.snapshotTree()) hash.update(`${path}\n${text.length}\n${text}`);
  return hash.digest("base64");
}

/** In which way what a power cut left does not hold; empty when it does. */
export async function judgeCut(
  chapter: Pick<Chapter, "commits" | "durable" | "order">,
  state: CrashState,
  depth: Depth,
): Promise<string[]> {
  const { at } = state;
  let seen: string;
  try {
    seen = await survives(state, depth);
  } catch (error) {
    return [String((error as Error).stack)];
  }
  const shown = shownOf(seen);
  // Who was answered later is to be taken for one who waits for his answer.
  const commits = chapter.commits
    .filter(({ from }) => from <= at)
    .map((commit) =>
      commit.to !== null && commit.to <= at ? commit : { ...commit, fate: "open" as const },
    );
  const durable = commits.filter(({ tag }) => chapter.durable.has(tag));
  const problems = [
    ...unexplained(shown),
    ...broken(shown, commits),
    ...lost(shown, durable),
    ...outOfOrder(tagsOf(shown), chapter),
  ];
  return problems.length === 0 ? [] : [...problems, `seen: ${seen}`];
}

/** Whole commits in order: where one of those that came to stay is, all before it are. */
function outOfOrder(
  tags: readonly string[],
  { order, commits }: Pick<Chapter, "order" | "commits">,
): string[] {
  const kept = new Set(commits.flatMap(({ tag, fate }) => (fate === "kept" ? [tag] : [])));
  const own = tags.filter((tag) => kept.has(tag));
  const expected = order.filter((tag) => kept.has(tag)).slice(0, own.length);
  if (own.every((tag, index) => tag === expected[index])) return [];
  return [`${own.join(" ")} is no beginning of ${order.join(" ")}`];
}
