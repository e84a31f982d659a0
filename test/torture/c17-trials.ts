/**
 * A copy of the compiled project in which one file at a time is changed, and the checks that should
 * notice it: each a process of its own, ended at the first test that fails.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { tempFolder } from "../storage/support.ts";
import type { Change } from "./c17-mutants.ts";

/** What should notice: a program that fails, or a test among its own that does. */
export interface Check {
  readonly name: string;
  /** What node is given, in the folder of the copy. */
  readonly words: readonly string[];
}

/** How a check ended: `hangs` is one that took far longer than it does without a change. */
export type Outcome = "passes" | "fails" | "hangs";

/** A check on the engine as it is. */
export interface Baseline {
  readonly name: string;
  readonly passes: boolean;
  readonly ms: number;
  /** Which of the changes it runs through, by their indices. */
  readonly covered: readonly number[];
}

/** Longer than this, times what it takes without a change, and it does not end at all. */
const PATIENCE = 4;
const LEAST_PATIENCE_MS = 6000;
const LONGEST_BASELINE_MS = 240_000;
/** A change that makes it remember without end is to end before the machine does. */
const HEAP_MB = 1500;

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly Range[] }[];
  }[];
}

export class Trials {
  readonly #tree: string;
  readonly #scratch: string;
  readonly #leastPatienceMs: number;
  readonly #originals = new Map<string, string>();
  #end: () => void = () => undefined;

  /**
   * @param tree a folder with `dist/` and all that the checks need; it is changed
   * @param leastPatienceMs what every check may take with a change
   */
  constructor(tree: string, leastPatienceMs = LEAST_PATIENCE_MS) {
    this.#tree = tree;
    this.#leastPatienceMs = leastPatienceMs;
    this.#scratch = tempFolder();
  }

  /** Ends what runs. */
  end(): void {
    this.#end();
  }

  /** Runs a check on the engine as it is, and sees which of the changes it runs through. */
  async baseline(check: Check, changes: readonly Change[]): Promise<Baseline> {
    const folder = join(this.#scratch, "coverage");
    mkdirSync(folder, { recursive: true });
    const started = performance.now();
    const outcome = await this.#run(check, LONGEST_BASELINE_MS, { NODE_V8_COVERAGE: folder });
    const passes = outcome === "passes";
    const ms = Math.round(performance.now() - started);
    const seen = passes ? this.#coveredIn(folder, changes) : new Set<number>();
    rmSync(folder, { recursive: true, force: true });
    return { name: check.name, passes, ms, covered: [...seen] };
  }

  /**
   * Whether a check notices a change, and not a machine that is busy: what failed must fail once
   * more, and what took too long must come to its end in that time without the change.
   */
  async notices(check: Check, change: Change, usualMs: number): Promise<boolean> {
    const first = await this.outcome(check, change, usualMs);
    if (first === "passes") return false;
    if (first === "fails") return (await this.outcome(check, change, usualMs)) !== "passes";
    return (await this.outcome(check, null, usualMs)) === "passes";
  }

  /** How a check ends with a change, or without one. */
  async outcome(check: Check, change: Change | null, usualMs: number): Promise<Outcome> {
    const limitMs = Math.max(this.#leastPatienceMs, usualMs * PATIENCE);
    if (change === null) return this.#run(check, limitMs);
    const path = this.#pathOf(change.file);
    const original = this.#original(change.file);
    const { start, end, replacement } = change;
    writeFileSync(path, original.slice(0, start) + replacement + original.slice(end));
    try {
      return await this.#run(check, limitMs);
    } finally {
      writeFileSync(path, original);
    }
  }

  #pathOf(file: string): string {
    return join(this.#tree, "dist", `${file}.js`);
  }

  #original(file: string): string {
    const known = this.#originals.get(file) ?? readFileSync(this.#pathOf(file), "utf8");
    this.#originals.set(file, known);
    return known;
  }

  async #run(check: Check, limitMs: number, added: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const temporary = join(this.#scratch, "temporary");
    mkdirSync(temporary, { recursive: true });
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const child = spawn(process.execPath, ["--test-reporter=tap", ...check.words], {
      cwd: this.#tree,
      stdio: ["ignore", "pipe", "ignore"],
      // A group of its own, so that its children end with it.
      detached: true,
      env: {
        ...inherited,
        NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
        TMPDIR: temporary,
        POWER_RANDOMS: "1",
        ...added,
      },
    });
    let ended: Outcome | null = null;
    const end = (outcome: Outcome): void => {
      ended ??= outcome;
      endGroup(child.pid);
    };
    this.#end = () => end("fails");
    const timer = setTimeout(() => end("hangs"), limitMs);
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text = text.slice(text.lastIndexOf("\n") + 1) + chunk;
      if (/^\s*not ok/m.test(text)) end("fails");
    });
    const code = await new Promise((resolve) => child.on("exit", resolve));
    clearTimeout(timer);
    endGroup(child.pid);
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
    return ended ?? (code === 0 ? "passes" : "fails");
  }

  #coveredIn(folder: string, changes: readonly Change[]): Set<number> {
    const seen = new Set<number>();
    const groups = new Map<string, number[]>();
    for (const [index, { file }] of changes.entries()) {
      const url = pathToFileURL(this.#pathOf(file)).href;
      groups.set(url, [...(groups.get(url) ?? []), index]);
    }
    for (const name of readdirSync(folder)) {
      const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as Coverage;
      for (const { url, functions } of result) {
        const ranges = functions.flatMap((each) => each.ranges);
        for (const index of groups.get(url) ?? [])
          if (runsThrough(ranges, changes[index]?.start ?? 0)) seen.add(index);
      }
    }
    return seen;
  }
}

/** Whether the innermost range around a place was run. */
function runsThrough(ranges: readonly Range[], at: number): boolean {
  let smallest = Infinity;
  let count = 0;
  for (const range of ranges) {
    const size = range.endOffset - range.startOffset;
    if (range.startOffset > at || at >= range.endOffset || size > smallest) continue;
    smallest = size;
    count = range.count;
  }
  return count > 0;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
