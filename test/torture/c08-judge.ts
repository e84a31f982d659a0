/** What must hold of a run, however its processes came between each other. */
import type { Disk } from "#src/disk/disk.js";
import { add, stateOf } from "../crash/scenarios.ts";
import { hurried } from "../crash/rebooted.ts";
import { openStorage } from "../storage/support.ts";
import {
  broken,
  commitsOf,
  lost,
  shownOf,
  tagsOf,
  unexplained,
  type ToldCommit,
} from "../crash/kept-commits.ts";
import type { Note, Outcome } from "./simulation-run.ts";

/** What a store shows after whoever was killed was cleaned up after. */
export async function stateAfter(disk: Disk): Promise<string> {
  const storage = openStorage(disk, { gitHead: () => "head", ...hurried() });
  await storage.recover();
  const state = await stateOf(storage);
  await storage.close();
  return state;
}

const ONE_MORE = { tag: "one-more", documents: ["one-more.json"] } as const;

/** Whether what follows is built upon all of it: a history that forked may be seen only then. */
async function wrongWithOneMore(disk: Disk): Promise<string[]> {
  const storage = openStorage(disk, { gitHead: () => "head", ...hurried() });
  await storage.commit((write) => add(write, ONE_MORE.documents, ONE_MORE.tag));
  const shown = shownOf(await stateOf(storage));
  await storage.close();
  const isLast = tagsOf(shown).at(-1) === ONE_MORE.tag;
  return [
    ...unexplained(shown).map((problem) => `after one more commit: ${problem}`),
    ...(isLast ? [] : ["one more commit is not the last"]),
  ];
}

/** What is expected of a run. */
export interface Expected {
  /** Changes that were made before. */
  readonly before: readonly ToldCommit[];
  /** Why calls may be refused: nothing, where nothing fails and nobody waits for too long. */
  readonly refusals?: readonly string[];
}

/** In which way a run of writers and readers did not hold; empty when it did. */
export async function judge(
  outcome: Outcome & { readonly disk: Disk },
  { before, refusals = [] }: Expected,
): Promise<string[]> {
  const problems = outcome.errors.flatMap((error, process) =>
    error === null || error === "killed" ? [] : [`process ${process}: ${error}`],
  );
  const commits = [...before, ...commitsOf(outcome.notes)];
  for (const { name, data } of outcome.notes) {
    const isRefused = name === "refused" && !refusals.includes((data as { code: string }).code);
    if (isRefused) problems.push(`refused: ${JSON.stringify(data)}`);
  }
  const state = await stateAfter(outcome.disk);
  const shown = shownOf(state);
  problems.push(...unexplained(shown), ...broken(shown, commits), ...lost(shown, commits));
  problems.push(...wrongLooks(outcome.notes, tagsOf(shown), commits));
  problems.push(...(await wrongWithOneMore(outcome.disk)));
  return problems.length === 0 ? [] : [...problems, `at the end: ${state}`];
}

/** Each look must be a beginning of what came to be, with all that was answered before it. */
function wrongLooks(
  notes: readonly Note[],
  tags: readonly string[],
  commits: readonly ToldCommit[],
): string[] {
  const problems: string[] = [];
  const began = new Map<number, number>();
  for (const { process, name, data, at } of notes) {
    if (name === "looking") began.set(process, at);
    if (name !== "seen") continue;
    const seen = shownOf(String(data));
    const own = tagsOf(seen);
    problems.push(...unexplained(seen).map((problem) => `process ${process} saw: ${problem}`));
    if (own.some((tag, index) => tag !== tags[index]))
      problems.push(`process ${process} saw ${own.join(" ")}, and it came to ${tags.join(" ")}`);
    const since = began.get(process) ?? 0;
    for (const { tag, fate, to } of commits) {
      const isDue = fate === "kept" && to !== null && to < since;
      if (isDue && !own.includes(tag)) problems.push(`process ${process} did not see ${tag}`);
    }
  }
  return problems;
}

/** Who was in at once with another, none of them having lost it before. */
export function together(notes: readonly Note[]): string[] {
  const inside = new Set<number>();
  const problems: string[] = [];
  for (const { process, name, nowMs } of notes) {
    if (name === "entered") {
      for (const other of inside)
        problems.push(`${process} came in while ${other} was in, at ${nowMs.toFixed(2)} ms`);
      inside.add(process);
    } else if (name === "left" || name === "lost") inside.delete(process);
  }
  return problems;
}
