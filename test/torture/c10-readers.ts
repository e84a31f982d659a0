/**
 * C10: readers beside writers never see a torn file, nor data of two moments. Plain ones read files
 * as `cat` does; others take snapshots, by the library's calls and by the engine below them.
 */
import { FlowStore } from "flowstore";

import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "../process/store-children.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { patchedTree, type PatchName } from "./engine-patches.ts";
import { scopeOf } from "./scope.ts";

/** What two features hold together; a setting says how much the first one has. */
export const SUM = 1000;
export const SETTING = "share";

const WRITERS = 3;
/** So many plain reads for each snapshot. */
const READS_A_SNAPSHOT = 10;
/** And for each commit meanwhile: reads of files that nobody changes show nothing. */
const READS_A_COMMIT = 100;

/** Who looks how; each has a process of its own. */
export const SIGHTS = ["plain", "plain", "calls", "engine"] as const;
export type Sight = (typeof SIGHTS)[number];

/** What a reader tells now and then: everything since it began. */
export interface Looked {
  readonly reads: number;
  /** How often something else was seen than the last time. */
  readonly states: number;
  readonly faults: readonly string[];
}

export const readers: Claim = {
  id: "C10",
  title: "readers never see torn or mixed data, whoever writes beside them",
  needs: ["linux"],
  goals: { short: 200_000, release: 1_000_000 },
  attack: (task) => attackReaders(task, {}),
};

export interface Beside {
  /** What is taken out of the engine of the writers, */
  readonly writers?: readonly PatchName[];
  /** and of the readers. */
  readonly readers?: readonly PatchName[];
  /** Who looks. Default: {@link SIGHTS}. */
  readonly sights?: readonly Sight[];
}

export async function attackReaders(task: Task, patches: Beside): Promise<Verdict> {
  const scope = scopeOf(task);
  const project = temporaryFolder(scope);
  const store = await FlowStore.init(project, { durability: "none" });
  await store.features.createBulk([
    { name: "Left", share: SUM / 2, text: "" },
    { name: "Right", share: SUM / 2, text: "" },
  ]);
  await store.settings.set(SETTING, SUM / 2);
  const writers = Array.from(
    { length: WRITERS },
    (_, index) => new Writer(scope, project, task.seed + index, patches.writers),
  );
  const eyes = (patches.sights ?? SIGHTS).map(
    (sight) => new Eye(scope, project, sight, patches.readers),
  );
  const seen = (): Seen => seenBy(eyes, writers);
  await Promise.all([...writers, ...eyes].map(({ child }) => ready(child)));
  const isEnough = (): boolean => {
    const { tried, faults } = seen();
    return tried >= task.goal || performance.now() >= task.deadline || faults.length > 0;
  };
  while (!isEnough()) {
    await Promise.race(eyes.map(({ child }) => child.next((line) => line.startsWith("{"))));
    const { plain, snapshots, commits } = seen();
    task.progress(`${plain} plain reads, ${snapshots} snapshots, ${commits} commits`);
  }
  for (const { child } of eyes) child.send("end");
  await Promise.all(eyes.map(({ child }) => child.done()));
  for (const { child } of writers) child.kill("SIGKILL");
  await Promise.all(writers.map(({ child }) => child.exited));
  const { tried, plain, snapshots, commits, states, faults } = seen();
  await store.close();
  return {
    tried,
    unit: "plain reads, and a tenth as many snapshots, and a hundredth as many commits",
    violations: faults,
    notes: [
      `${plain} plain reads and ${snapshots} snapshots beside ${commits} commits of ` +
        `${WRITERS} writers; ${states.plain} of the plain ones saw another text than the last ` +
        `look at that file, ${states.others} of the snapshots another state`,
    ],
  };
}

interface Seen {
  /** Plain reads, as far as there are snapshots and commits to them. */
  readonly tried: number;
  readonly plain: number;
  readonly snapshots: number;
  readonly commits: number;
  /** How often something else was seen than the last time. */
  readonly states: { readonly plain: number; readonly others: number };
  readonly faults: readonly string[];
}

function seenBy(eyes: readonly Eye[], writers: readonly Writer[]): Seen {
  const sum = (chosen: readonly Eye[], of: "reads" | "states"): number =>
    chosen.reduce((total, { last }) => total + last[of], 0);
  const plain = eyes.filter(({ sight }) => sight === "plain");
  const others = eyes.filter(({ sight }) => sight !== "plain");
  const [reads, snapshots] = [sum(plain, "reads"), sum(others, "reads")];
  const commits = writers.reduce((total, writer) => total + writer.commits, 0);
  return {
    tried: Math.min(reads, snapshots * READS_A_SNAPSHOT, commits * READS_A_COMMIT),
    plain: reads,
    snapshots,
    commits,
    states: { plain: sum(plain, "states"), others: sum(others, "states") },
    faults: eyes.flatMap(({ sight, last }) => last.faults.map((fault) => `${sight}: ${fault}`)),
  };
}

/** A reader, and what it told last. */
class Eye {
  readonly sight: Sight;
  readonly child: Child;
  last: Looked = { reads: 0, states: 0, faults: [] };

  constructor(scope: Scope, project: string, sight: Sight, patches: readonly PatchName[] = []) {
    this.sight = sight;
    this.child = Child.start(scope, "../torture/c10-reader", [project, sight], {
      tree: patches.length > 0 ? patchedTree(patches) : undefined,
      listen: (line) => {
        if (line.startsWith("{")) this.last = JSON.parse(line) as Looked;
      },
    });
  }
}

/** A writer, and how many commits it told of last. */
class Writer {
  readonly child: Child;
  commits = 0;

  constructor(scope: Scope, project: string, seed: number, patches: readonly PatchName[] = []) {
    const tree = patches.length > 0 ? patchedTree(patches) : undefined;
    this.child = Child.start(scope, "../torture/c10-writer", [project, String(seed)], {
      tree,
      listen: (line) => {
        const told = /^commits (\d+)$/.exec(line)?.[1];
        if (told !== undefined) this.commits = Number(told);
      },
    });
  }
}

async function ready(child: Child): Promise<void> {
  await child.next((line) => line === "ready");
}
