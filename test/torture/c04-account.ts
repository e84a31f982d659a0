/** Judges what a power cut left of the changes that were under way: the claim itself. */
import { KINDS, kindOf } from "./c04-changes.ts";
import type { Fact, State } from "./c04-state.ts";

/** So often a writer says that it lives. */
export const PULSE_MS = 5;

/** For how long its loop could not go on between two moments, by when it told that it lives. */
export function heldUpMs(aliveMs: readonly number[], fromMs: number, toMs: number): number {
  const signs = aliveMs.filter((ms) => ms > fromMs && ms < toMs);
  const moments = [fromMs, ...signs.toSorted((a, b) => a - b), toMs];
  // A timer that is a little late is as good as one in time.
  const excess = moments.map((ms, k) => ms - (moments[k - 1] ?? ms) - 2 * PULSE_MS);
  return excess.reduce((sum, ms) => sum + Math.max(0, ms), 0);
}

/** One change, as its writer told of it; times are of the machine's one clock that never jumps. */
export interface Tried {
  readonly key: string;
  readonly begunMs: number;
  /** When it was acknowledged; `null` when it never was. */
  readonly doneMs: number | null;
  /** What it was acknowledged for. */
  readonly durability: "full" | "relaxed";
  /** For how long its process was held up from its answer to the cut; see {@link heldUpMs}. */
  readonly heldUp?: () => number;
}

/** What is known before the power comes back. */
export interface Round {
  /** The keys of all that was there after the cut before this one. */
  readonly before: ReadonlySet<string>;
  readonly tried: readonly Tried[];
  /** When the cut began. */
  readonly cutMs: number;
  /**
   * How long before the cut an answer of `relaxed` may have come to be forgotten, of a process that
   * was not held up; `null`: any time.
   */
  readonly forgetsMs: number | null;
}

/** What came of it. */
export interface Account {
  readonly violations: readonly string[];
  /** All that is there now. */
  readonly there: ReadonlySet<string>;
  readonly acknowledged: number;
  /** Not acknowledged, and there. */
  readonly happened: number;
  /** How many `relaxed` ones were lost, and how long before the cut the oldest was answered. */
  readonly forgotten: number;
  readonly longestMs: number;
}

export function judge(
  { before, tried, cutMs, forgetsMs }: Round,
  { facts, misfits }: State,
): Account {
  const left = leftBy(facts);
  const there = new Set(left.keys());
  const known = new Set(tried.map(({ key }) => key));
  const done = tried.filter(({ doneMs }) => doneMs !== null);
  const lost = done.filter(({ key }) => !there.has(key));
  const age = ({ doneMs }: Tried): number => cutMs - (doneMs ?? cutMs);
  const isLate = (one: Tried): boolean =>
    one.durability === "full" ||
    (forgetsMs !== null && age(one) - (one.heldUp?.() ?? 0) > forgetsMs);
  const lastBegun = Math.max(
    ...tried.filter(({ key }) => there.has(key)).map(({ begunMs }) => begunMs),
  );
  const followed = (one: Tried): boolean => (one.doneMs ?? Infinity) < lastBegun;
  return {
    violations: [
      ...misfits,
      ...[...left].flatMap(([key, parts]) => halves(key, parts)),
      ...[...there].filter((key) => !known.has(key) && !before.has(key)).map(nobodyTried),
      ...[...before].filter((key) => !there.has(key)).map((key) => `${key} was there, and is lost`),
      ...lost.filter(isLate).map((one) => lostLine(one, age(one))),
      ...lost.filter(followed).map(({ key }) => `${key} is lost, and a later change is there`),
    ],
    there,
    acknowledged: done.length,
    happened: tried.filter(({ key, doneMs }) => doneMs === null && there.has(key)).length,
    forgotten: lost.length,
    longestMs: Math.max(0, ...lost.map(age)),
  };
}

function nobodyTried(key: string): string {
  return `${key} is there, and nobody tried it`;
}

function lostLine({ key, durability, heldUp: heldUpFor }: Tried, ageMs: number): string {
  const held = heldUpFor?.() ?? 0;
  const heldUp = held === 0 ? "" : `, its process held up for ${held.toFixed(1)} ms of them`;
  return `${key} is lost, acknowledged (${durability}) ${ageMs.toFixed(1)} ms before the cut${heldUp}`;
}

/** What each change left, and how often. */
function leftBy(facts: readonly Fact[]): Map<string, Map<string, number>> {
  const left = new Map<string, Map<string, number>>();
  for (const { key, part } of facts) {
    const parts = left.get(key) ?? new Map<string, number>();
    parts.set(part, (parts.get(part) ?? 0) + 1);
    left.set(key, parts);
  }
  return left;
}

/** A change of which a part is missing, or there twice. */
function halves(key: string, parts: ReadonlyMap<string, number>): string[] {
  const whole = Object.entries(KINDS[kindOf(key)]?.leaves ?? {});
  const isWhole =
    parts.size === whole.length && whole.every(([part, times]) => parts.get(part) === times);
  if (isWhole) return [];
  const shown = [...parts].map(([part, times]) => `${part} ${times}`).join(", ");
  return [`${key} is half there, or twice: ${shown}`];
}
