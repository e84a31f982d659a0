/** File systems that are really full, during each kind of call: the part of C4 that cuts no power. */
import type { FullCase, FullLife } from "./c04-full-disk.worker.ts";
import { runApart } from "./c04-namespace.ts";
import type { Task } from "./claim.ts";
import { whyNot } from "./needs.ts";

const FILE_SYSTEMS = ["tmpfs", "ext4", "xfs", "btrfs"] as const;
export type FullFileSystem = (typeof FILE_SYSTEMS)[number];

/** How often each kind of call meets a full file system, on each. */
const ROUNDS = { short: 1, release: 8 };

export interface FullDisks {
  readonly violations: readonly string[];
  readonly notes: readonly string[];
  readonly untried: readonly string[];
}

/** What makes the others is needed by the whole of C4. */
function whyNotOn(fileSystem: FullFileSystem): string | null {
  return fileSystem === "btrfs" ? whyNot("mkfs.btrfs", ["--version"]) : null;
}

export async function attackFullDisks(
  task: Task,
  fileSystems: readonly FullFileSystem[] = FILE_SYSTEMS,
): Promise<FullDisks> {
  const { seed, size, deadline, progress } = task;
  const cases: FullCase[] = [];
  const violations: string[] = [];
  const untried: string[] = [];
  for (const fileSystem of fileSystems) {
    const why = performance.now() >= deadline ? "for want of time" : whyNotOn(fileSystem);
    if (why !== null) {
      untried.push(`full ${fileSystem}, ${why}`);
      continue;
    }
    progress(`full ${fileSystem}`);
    const life: FullLife = { fileSystem, seed, rounds: ROUNDS[size] };
    await runApart("c04-full-disk", JSON.stringify(life), task, (line) => {
      const one = JSON.parse(line) as FullCase;
      cases.push(one);
      const where = `full ${fileSystem}, seed ${seed}, ${one.kind} with ${one.free} bytes left`;
      violations.push(...one.violations.map((text) => `${where}: ${text}`));
    });
  }
  const count = (answer: FullCase["answer"]): number =>
    cases.filter((one) => one.answer === answer).length;
  const kinds = new Set(cases.map(({ kind }) => kind)).size;
  const stuck = cases.filter(({ isStuck }) => isStuck).length;
  return {
    violations,
    untried,
    notes: [
      `${cases.length} calls of ${kinds} kinds on full file systems: ${count("done")} done, ` +
        `${count("refused")} refused, ${count("unknown")} unknown; ${stuck} followed in the files later`,
    ],
  };
}
