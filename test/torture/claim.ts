/**
 * What a claim about the store is, to those who attack it: one file a claim, `cNN-….ts`, run by
 * `run.ts` for as long as it takes to reach a release, and in a short version by a test.
 */

/** One claim, and the attack on it. */
export interface Claim {
  /** `C1` and so on. */
  readonly id: string;
  /** What is claimed, in one line. */
  readonly title: string;
  /** Programs or rights that the attack needs; what is missing is said, and counts as not run. */
  readonly needs: readonly Need[];
  /** How much a run of each size must have tried, in {@link Verdict.tried}. */
  readonly goals: Readonly<Record<Size, number>>;
  readonly attack: (task: Task) => Promise<Verdict>;
}

/** Something that not every machine has. */
export type Need = "linux" | "root" | "strace" | "faketime" | "loop devices" | "stryker";

/** `short` fits into the tests; `release` is what must hold before a version is given out. */
export type Size = "short" | "release";

/** What an attack is given. */
export interface Task {
  readonly size: Size;
  /** What to try, from the claim's goals or a part of it where a budget says so. */
  readonly goal: number;
  /** Everything random comes from it, so that a run can be repeated. */
  readonly seed: number;
  /** `performance.now()` at which to end, with what was tried by then. */
  readonly deadline: number;
  /** Tells how far it is, in one line. */
  readonly progress: (line: string) => void;
  /** Lets go of something at the end, whatever happens. */
  readonly cleanUp: (act: () => void) => void;
}

/** What an attack found. */
export interface Verdict {
  /** How often it was tried. */
  readonly tried: number;
  /** What was tried, in the plural: `crash states`. */
  readonly unit: string;
  /** Each way in which the claim did not hold, with what repeats it; empty when it held. */
  readonly violations: readonly string[];
  /** Further figures, a line each. */
  readonly notes: readonly string[];
  /** Parts that {@link tried} does not count, and that time did not suffice for: the goal is not reached. */
  readonly untried?: readonly string[];
}
