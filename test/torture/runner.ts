/** Runs claims one after another and says what became of each. */
import type { Claim, Size, Task, Verdict } from "./claim.ts";
import type { ClaimId, Load } from "./claims.ts";
import { missingNeeds } from "./needs.ts";

/** What the words of the command line came to. */
export interface Settings {
  readonly only: readonly ClaimId[];
  readonly seed: number;
  readonly size: Size;
  /** For all claims together; `Infinity` without a limit. */
  readonly budgetMs: number;
}

/** How a claim came out. */
export type Outcome =
  | { readonly id: string; readonly fate: "not run"; readonly why: string }
  | { readonly id: string; readonly fate: "broke off"; readonly why: string; readonly ms: number }
  | {
      readonly id: string;
      /** `short` of its goal: nothing was found, and too little was tried. */
      readonly fate: "held" | "short" | "violated";
      readonly goal: number;
      readonly verdict: Verdict;
      readonly ms: number;
    };

/** Where the runner speaks. */
export interface Speaker {
  /** What stays. */
  readonly say: (line: string) => void;
  /** How far it is; may be overwritten or left out. */
  readonly progress: (line: string) => void;
}

/** What waits to be let go of, the last one first. */
export class CleanUps {
  readonly #acts: (() => void)[] = [];

  add(act: () => void): void {
    this.#acts.push(act);
  }

  run(): void {
    for (let act = this.#acts.pop(); act !== undefined; act = this.#acts.pop()) act();
  }
}

/** Violations beyond so many of one claim are counted, not shown. */
const SHOWN_VIOLATIONS = 20;

export async function runClaims(
  claims: Readonly<Partial<Record<ClaimId, Load>>>,
  settings: Settings,
  speaker: Speaker,
  cleanUps = new CleanUps(),
  missing = missingNeeds,
): Promise<Outcome[]> {
  const ids = settings.only;
  const end = performance.now() + settings.budgetMs;
  const outcomes: Outcome[] = [];
  for (const [index, id] of ids.entries()) {
    const now = performance.now();
    const deadline = now + (end - now) / (ids.length - index);
    const load = claims[id] ?? null;
    outcomes.push(
      load === null
        ? notRun(id, "nobody has written its attack", speaker)
        : await tryClaim(await load(), { ...settings, deadline }, speaker, cleanUps, missing),
    );
  }
  return outcomes;
}

async function tryClaim(
  claim: Claim,
  settings: Settings & { readonly deadline: number },
  speaker: Speaker,
  cleanUps: CleanUps,
  look: typeof missingNeeds,
): Promise<Outcome> {
  const missing = look(claim.needs);
  if (missing.length > 0) return notRun(claim.id, `needs ${missing.join(", ")}`, speaker);
  return runClaim(claim, settings, speaker, cleanUps);
}

function notRun(id: string, why: string, { say }: Speaker): Outcome {
  say(`\n${id}  NOT RUN: ${why}`);
  return { id, fate: "not run", why };
}

async function runClaim(
  claim: Claim,
  settings: Settings & { readonly deadline: number },
  speaker: Speaker,
  cleanUps: CleanUps,
): Promise<Outcome> {
  const { id, title, goals } = claim;
  const goal = goals[settings.size];
  speaker.say(`\n${id}  ${title}`);
  const started = performance.now();
  const task: Task = {
    size: settings.size,
    goal,
    seed: settings.seed,
    deadline: settings.deadline,
    progress: (line) => speaker.progress(`${id}  ${line}`),
    cleanUp: (act) => cleanUps.add(act),
  };
  let outcome: Outcome;
  try {
    const verdict = await claim.attack(task);
    outcome = { id, fate: fateOf(verdict, goal), goal, verdict, ms: performance.now() - started };
  } catch (error) {
    // Whatever an attack throws, it did not come to an end: that is said, and the others go on.
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    outcome = { id, fate: "broke off", why, ms: performance.now() - started };
  } finally {
    cleanUps.run();
  }
  for (const line of told(outcome)) speaker.say(`    ${line}`);
  speaker.say(`    repeat: ${commandOf(id, settings)}`);
  return outcome;
}

function fateOf(
  { violations, tried, untried = [] }: Verdict,
  goal: number,
): "held" | "short" | "violated" {
  if (violations.length > 0) return "violated";
  return tried >= goal && untried.length === 0 ? "held" : "short";
}

function told(outcome: Outcome): string[] {
  if (outcome.fate === "not run") return [`not run: ${outcome.why}`];
  if (outcome.fate === "broke off") return [`BROKE OFF: ${outcome.why}`];
  const { verdict, goal, ms } = outcome;
  const { violations, notes, untried = [] } = verdict;
  const hidden = violations.length - SHOWN_VIOLATIONS;
  return [
    `${amount(verdict)} of ${grouped(goal)} in ${seconds(ms)}: ${resultOf(outcome)}`,
    ...notes,
    ...untried.map((part) => `not tried: ${part}`),
    ...violations.slice(0, SHOWN_VIOLATIONS).map((text) => `VIOLATION: ${text}`),
    ...(hidden > 0 ? [`and ${hidden} more`] : []),
  ];
}

function resultOf(outcome: Outcome): string {
  switch (outcome.fate) {
    case "held":
      return "held";
    case "short":
      return "held, but the goal was not reached";
    case "violated":
      return `${outcome.verdict.violations.length} VIOLATIONS`;
    case "broke off":
      return "BROKE OFF";
    case "not run":
      return `not run: ${outcome.why}`;
  }
}

/** What does the same again. */
function commandOf(id: string, { seed, size }: Settings): string {
  return `npm run torture -- --only ${id} --seed ${seed}${size === "release" ? " --release" : ""}`;
}

/** One line a claim, then how many came out how. */
export function table(outcomes: readonly Outcome[]): string[] {
  const rows = outcomes.map((outcome) => {
    const { id, fate } = outcome;
    if (fate === "not run") return [id, "", "", `NOT RUN: ${outcome.why}`];
    if (fate === "broke off") return [id, "", seconds(outcome.ms), "BROKE OFF"];
    return [id, amount(outcome.verdict), seconds(outcome.ms), resultOf(outcome)];
  });
  const [widest = 0, longest = 0] = [1, 2].map((column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map(([id = "", tried = "", took = "", result = ""]) =>
    `${id.padEnd(4)} ${tried.padEnd(widest)}  ${took.padStart(longest)}  ${result}`.trimEnd(),
  );
  const count = (fate: Outcome["fate"]): number =>
    outcomes.filter((outcome) => outcome.fate === fate).length;
  const bad = count("violated") + count("broke off");
  return [
    ...lines,
    `${count("held")} held, ${count("short")} short of their goal, ${bad} did not hold`,
    `${count("not run")} not run`,
  ];
}

/** All that ran held and reached its goal, and all ran. */
export const EXIT_HELD = 0;
export const EXIT_VIOLATED = 1;
export const EXIT_SHORT = 2;
export const EXIT_NOT_RUN = 3;

/** The worst that was found decides. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  const fates = new Set(outcomes.map(({ fate }) => fate));
  if (fates.has("violated") || fates.has("broke off")) return EXIT_VIOLATED;
  if (fates.has("short")) return EXIT_SHORT;
  return fates.has("not run") ? EXIT_NOT_RUN : EXIT_HELD;
}

function amount({ tried, unit }: Verdict): string {
  return `${grouped(tried)} ${unit}`;
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
