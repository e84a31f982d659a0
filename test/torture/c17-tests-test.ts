/**
 * C17: the tests test. Small changes are made to the code of commit, recovery, guard and the
 * readers of logs, one at a time, everywhere that chance leads to; for each, the tests and small
 * attacks that run through the place are run until one notices, those first that noticed most a
 * second. The score is the part that was noticed, without those of `c17-equivalent.ts`.
 *
 * What was found is kept in `build/mutation/`: a run goes on where one before it ended.
 * `TORTURE_MUTANTS=10000` tries all there are, in a night.
 */
import { join } from "node:path";

import { CHANGED_FILES, CHECKS, copyOfProject, printsOf } from "./c17-checks.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { EQUIVALENT, type Equivalent } from "./c17-equivalent.ts";
import { inDrawnOrder, isWording, mutantsOf, type MadeMutant } from "./c17-mutants.ts";
import { Results } from "./c17-results.ts";
import { Trials, type Baseline, type Check } from "./c17-trials.ts";

/** The part of all changes that must be noticed. */
const LEAST_SCORE = 0.85;
/** After so many mutants the checks run on the engine as it is: what fails then fails by chance. */
const CONTROL_EVERY = 60;
/** Checks that take no longer are quick. */
const QUICK_MS = 1000;
/** How far a score of a part may be from that of all, 19 times of 20. */
const STANDARD_ERRORS = 1.96;

/** What one mutant came to; `by` is who noticed. */
interface Fate {
  readonly mutant: MadeMutant;
  readonly by: string | null;
}

/** One run: the mutants there are, and who may notice them. */
export class MutationRun {
  readonly #trials: Trials;
  readonly #results: Results;
  readonly #mutants: readonly MadeMutant[];
  readonly #checks: readonly Check[];
  readonly #indices: ReadonlyMap<MadeMutant, number>;
  readonly #kills = new Map<string, { tries: number; kills: number }>();
  #baselines: readonly Baseline[] = [];

  constructor(
    trials: Trials,
    results: Results,
    mutants: readonly MadeMutant[],
    checks: readonly Check[],
  ) {
    this.#trials = trials;
    this.#results = results;
    this.#mutants = mutants;
    this.#checks = checks;
    this.#indices = new Map(mutants.map((mutant, index) => [mutant, index]));
    for (const { file, by } of results.noticed()) this.#count(by, file, true);
  }

  /** Runs each check on the engine as it is. @returns those that fail */
  async begin(progress: (line: string) => void): Promise<string[]> {
    const kept = this.#results.baselines();
    const baselines: Baseline[] = [];
    for (const check of this.#checks) {
      progress(`on the engine as it is: ${check.name}`);
      const known = kept.find(({ name, passes }) => name === check.name && passes);
      baselines.push(known ?? (await this.#baseline(check)));
      this.#results.keepBaselines(baselines);
    }
    this.#baselines = baselines;
    return baselines.filter(({ passes }) => !passes).map(({ name }) => name);
  }

  /** What fails once may have failed by a busy machine. */
  async #baseline(check: Check): Promise<Baseline> {
    const first = await this.#trials.baseline(check, this.#mutants);
    return first.passes ? first : this.#trials.baseline(check, this.#mutants);
  }

  /**
   * Who notices a mutant; `null` if nobody.
   *
   * @param isListed it is known that nobody can: then only the quickest are asked again
   */
  async try(mutant: MadeMutant, isListed = false): Promise<string | null> {
    const known = this.#results.of(mutant);
    if (known !== undefined) return known;
    const by = await this.#noticedBy(mutant, isListed ? QUICK_MS : Infinity);
    if (by !== null || !isListed) this.#results.add(mutant, by);
    return by;
  }

  async #noticedBy(mutant: MadeMutant, longestMs: number): Promise<string | null> {
    for (const { check, ms } of this.#inOrder(mutant)) {
      if (ms > longestMs) continue;
      const hasNoticed = await this.#trials.notices(check, mutant, ms);
      this.#count(check.name, mutant.file, hasNoticed);
      if (hasNoticed) return check.name;
    }
    return null;
  }

  /** One check on the engine as it is, by turns. @returns its name if it fails */
  async control(turn: number): Promise<string | null> {
    const passing = this.#baselines.filter(({ passes }) => passes);
    const { name, ms } = passing[turn % passing.length] ?? { name: "", ms: 0 };
    const check = this.#checks.find((each) => each.name === name);
    if (check === undefined) return null;
    return (await this.#trials.outcome(check, null, ms)) === "passes" ? null : name;
  }

  /** The checks that may notice, the most promising a second first. */
  #inOrder(mutant: MadeMutant): { readonly check: Check; readonly ms: number }[] {
    const index = this.#indices.get(mutant) ?? -1;
    const rows = this.#checks.flatMap((check) => {
      const baseline = this.#baselines.find(({ name }) => name === check.name);
      if (baseline?.passes !== true || !baseline.covered.includes(index)) return [];
      const { tries, kills } = this.#kills.get(`${check.name} ${mutant.file}`) ?? NEVER;
      const hope = (kills + 0.5) / (tries + 1);
      return [{ check, ms: baseline.ms, worth: hope / baseline.ms }];
    });
    return rows.toSorted((a, b) => b.worth - a.worth);
  }

  #count(name: string, file: string, hasNoticed: boolean): void {
    const { tries, kills } = this.#kills.get(`${name} ${file}`) ?? NEVER;
    const now = { tries: tries + 1, kills: kills + (hasNoticed ? 1 : 0) };
    this.#kills.set(`${name} ${file}`, now);
  }
}

const NEVER = { tries: 0, kills: 0 };

async function attack({ goal, seed, deadline, progress, cleanUp }: Task): Promise<Verdict> {
  const tree = copyOfProject();
  const trials = new Trials(tree);
  cleanUp(() => trials.end());
  const all: MadeMutant[] = [];
  for (const file of CHANGED_FILES) all.push(...(await mutantsOf(join(tree, "dist"), file)));
  const mutants = all.filter((mutant) => !isWording(mutant));
  const run = new MutationRun(trials, new Results(printsOf(tree)), mutants, CHECKS);
  const violations = (await run.begin(progress)).map((name) => `fails without a mutant: ${name}`);
  const wanted = Number(process.env["TORTURE_MUTANTS"] ?? goal);
  const listed = new Set(EQUIVALENT.map(keyOf));
  const fates: Fate[] = [];
  for (const mutant of inDrawnOrder(mutants, seed).slice(0, wanted)) {
    if (performance.now() > deadline) break;
    progress(`${shortScore(fates)}, now ${mutant.place}`);
    fates.push({ mutant, by: await run.try(mutant, listed.has(keyOf(mutant))) });
    if (fates.length % CONTROL_EVERY !== 0) continue;
    const failing = await run.control(fates.length / CONTROL_EVERY);
    if (failing !== null) violations.push(`failed by chance: ${failing}`);
  }
  const { equivalent, judged, stale } = judge(fates, mutants, EQUIVALENT);
  const score = scoreOf(judged, mutants.length);
  if (score.part < LEAST_SCORE) violations.push(`the score is below ${percent(LEAST_SCORE)}`);
  return {
    tried: fates.length,
    unit: "mutants",
    violations: [...violations, ...stale],
    notes: [
      `${percent(score.part)} noticed, ± ${percent(score.error)}: ${judged.length - score.survivors.length} of ${judged.length}`,
      `besides, ${equivalent} that nobody can notice (test/torture/c17-equivalent.ts)`,
      `there are ${mutants.length} mutants, and ${all.length - mutants.length} of sentences, which are not tried`,
      ...score.survivors.map((mutant) => `nobody notices ${mutant.place}: ${keyOf(mutant)}`),
    ],
  };
}

/** What stands for a change, wherever its line moves. */
function keyOf({ file, unit, line, from, to }: Omit<Equivalent, "why">): string {
  return JSON.stringify({ file, unit, line, from, to });
}

interface Judged {
  readonly equivalent: number;
  readonly judged: readonly Fate[];
  /** What is wrong with the list. */
  readonly stale: readonly string[];
}

/** Sets apart those that are known to change nothing, and holds the list of them against all. */
export function judge(
  fates: readonly Fate[],
  all: readonly MadeMutant[],
  list: readonly Equivalent[],
): Judged {
  const listed = new Set(list.map(keyOf));
  const there = all.map(keyOf);
  const countOf = (key: string): number => there.filter((each) => each === key).length;
  const apart = fates.filter(({ mutant }) => listed.has(keyOf(mutant)));
  return {
    equivalent: apart.length,
    judged: fates.filter((fate) => !apart.includes(fate)),
    stale: [
      ...[...listed]
        .filter((key) => countOf(key) !== 1)
        .map((key) => `not one mutant, but ${countOf(key)} are like ${key}`),
      ...apart
        .filter(({ by }) => by !== null)
        .map(({ mutant, by }) => `${by} notices what nobody could: ${keyOf(mutant)}`),
    ],
  };
}

interface Score {
  readonly part: number;
  /** How far the part of all may be from it. */
  readonly error: number;
  readonly survivors: readonly MadeMutant[];
}

/** @param population how many there are, of which these were drawn */
export function scoreOf(fates: readonly Fate[], population: number): Score {
  const survivors = fates.flatMap(({ mutant, by }) => (by === null ? [mutant] : []));
  const count = Math.max(1, fates.length);
  const part = 1 - survivors.length / count;
  const drawn = Math.max(0, population - count) / Math.max(1, population - 1);
  const error = STANDARD_ERRORS * Math.sqrt((part * (1 - part) * drawn) / count);
  return { part, error, survivors };
}

function shortScore(fates: readonly Fate[]): string {
  const noticed = fates.filter(({ by }) => by !== null).length;
  return `${noticed} of ${fates.length} mutants noticed`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

export const testsTest: Claim = {
  id: "C17",
  title: "the tests test: they notice what is changed in commit, recovery, guard and log reader",
  needs: ["linux", "stryker"],
  goals: { short: 60, release: 500 },
  attack,
};
