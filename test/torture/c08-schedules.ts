/** Who goes on when: the ways in which a run of simulated processes is directed. */
import { seededRandom } from "#src/disk/power-cut.js";
import type { Choice, Director, Scene } from "./simulation-run.ts";

const TO_THE_END = 10_000;

/** A part of a run in which one process has the machine for itself. */
interface Stretch {
  readonly process: number;
  readonly steps: number;
}

/**
 * Stretches one after another. Whoever is not in his stretch is stopped, wherever he stands, and
 * looks dead to the others: what he holds is stolen at once, and he goes on later as if nothing
 * had happened. A stretch may end before its time, when its process has ended.
 */
export function byStretches(stretches: readonly Stretch[]): Director {
  const left = stretches.map((stretch) => ({ ...stretch }));
  const stopped = new Set<number>();
  let stepsBefore = 0;
  let running = -1;
  return (scene) => {
    const used = scene.steps - stepsBefore;
    stepsBefore = scene.steps;
    const before = left[0];
    if (before !== undefined && before.process === running) before.steps -= used;
    running = -1;
    for (;;) {
      const now = left[0];
      if (now === undefined) return resumeOrGo(scene, stopped);
      const hasEnded = !scene.living.includes(now.process);
      if (now.steps <= 0 || hasEnded) {
        left.shift();
        continue;
      }
      if (stopped.delete(now.process)) return { kind: "resume", process: now.process };
      // Before it goes on: at its first look at the guard it asks whether the holder lives.
      const other = scene.living.find(
        (process) => process !== now.process && !stopped.has(process),
      );
      if (other !== undefined) {
        stopped.add(other);
        return { kind: "stop", process: other, forMs: Infinity, looksDead: true };
      }
      // Who waits becomes ready with time, which passes while nobody else could go on.
      running = now.process;
      return { kind: "go", process: now.process, steps: now.steps };
    }
  };
}

function resumeOrGo(scene: Scene, stopped: Set<number>): Choice {
  for (const process of stopped) {
    stopped.delete(process);
    if (scene.living.includes(process)) return { kind: "resume", process };
  }
  return { kind: "go", process: scene.ready[0] ?? 0, steps: TO_THE_END };
}

/** Each pair of places: the first process to its k-th operation, the other to its j-th, then on. */
export function pairDirector(first: number, k: number, j: number): Director {
  const other = 1 - first;
  return byStretches([
    { process: first, steps: k },
    { process: other, steps: j },
    { process: first, steps: TO_THE_END },
    { process: other, steps: TO_THE_END },
  ]);
}

/** How rough chance plays. */
export interface Roughness {
  /** How likely a switch comes with a stop of who went on before. */
  readonly stop: number;
  readonly kill: number;
  /** How many may be killed. */
  readonly mostKills: number;
  /** Whether nobody who lives is ever taken for dead: stops are too short to count as silence. */
  readonly nobodyLooksDead?: boolean;
}

/** The longest stretch between two switches. */
const LONGEST_STRETCH = 70;
/** Some stops are long enough to count as silent, most are not. */
const STOPS_MS = [0.1, 1, 10, 50, 300, 1200, 3000] as const;
const SHORT_STOPS_MS = STOPS_MS.slice(0, 4);

/** By chance: stretches of any length, stops and kills. */
export function randomDirector(
  seed: number,
  { stop, kill, mostKills, nobodyLooksDead = false }: Roughness,
): Director {
  const stopsMs = nobodyLooksDead ? SHORT_STOPS_MS : STOPS_MS;
  const deadly = nobodyLooksDead ? 0 : 0.4;
  const random = seededRandom(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  let kills = 0;
  return ({ ready }) => {
    const process = pick(ready);
    const throwOf = random();
    if (throwOf < kill && kills < mostKills) {
      kills += 1;
      return { kind: "kill", process };
    }
    // Beyond the last kill nothing takes its place: least of all a stop, where none is wanted.
    if (throwOf >= kill && throwOf < kill + stop)
      return { kind: "stop", process, forMs: pick(stopsMs), looksDead: random() < deadly };
    return { kind: "go", process, steps: 1 + Math.floor(random() ** 3 * LONGEST_STRETCH) };
  };
}

/**
 * The first process to its k-th operation; there it is stopped for a while, and looks alive, while
 * the others go on.
 */
export function pauseDirector(k: number, forMs: number): Director {
  let done = 0;
  let isPast = false;
  return ({ ready }) => {
    if (isPast || !ready.includes(0))
      return { kind: "go", process: ready.at(-1) ?? 0, steps: LONGEST_STRETCH };
    if (done < k) {
      done += 1;
      return { kind: "go", process: 0, steps: 1 };
    }
    isPast = true;
    return { kind: "stop", process: 0, forMs, looksDead: false };
  };
}
