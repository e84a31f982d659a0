/** Processes whose clock is wrong, or is set while they run, by faketime. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { randomOf } from "../process/store-random.ts";
import type { Surroundings } from "./chaos.ts";

/** By so much a clock is wrong. */
export const HOUR_S = 3600;
/** So soon a process sees a clock that was set. */
const SEEN_WITHIN_S = 1;

/** A clock that many processes share, and that can be set while they run. */
export class OddClock {
  readonly #file: string;
  offset = 0;

  constructor(folder: string, name: string) {
    this.#file = join(folder, `clock-${name}`);
    this.set(0);
  }

  /** Sets it to so many seconds beside the right time. */
  set(offset: number): void {
    this.offset = offset;
    writeFileSync(this.#file, `${offset < 0 ? "" : "+"}${offset}`);
  }

  /**
   * What makes a process see it.
   *
   * @param fileTimes whether the times of files are by that clock too, as where it was set before
   * they were written; otherwise they are right
   */
  env(fileTimes: boolean): Record<string, string> {
    return {
      LD_PRELOAD: preload(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: String(SEEN_WITHIN_S),
      // Nobody can set that one; both names, for older and newer versions.
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      ...(fileTimes ? {} : { NO_FAKE_STAT: "1" }),
    };
  }
}

/** How far beside the right time a process's clock is that is given such surroundings, in s. */
export function offsetIn(env: Readonly<Record<string, string>>): number {
  const words = ["--eval", "process.stdout.write(String(Date.now()))"];
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  const told = Number(execFileSync(process.execPath, words, options));
  return Math.round((told - Date.now()) / 1000);
}

let library: string | undefined;

/** Where the library lies, by what the command `faketime` says. */
function preload(): string {
  const environment = (): string =>
    execFileSync("faketime", ["-f", "+0", "env"], { encoding: "utf8" });
  library ??= /^LD_PRELOAD=(.*)$/m.exec(environment())?.[1];
  if (library === undefined) throw new Error("faketime does not say where its library lies");
  return library;
}

/** So often a clock that is being set is set. */
const SET_EVERY_MS = 1500;

/** Sets a clock an hour on, an hour back, right again, at random, until it is stopped. */
export function keepSetting(clock: OddClock, seed: number): () => void {
  const random = randomOf(seed);
  const timer = setInterval(() => {
    clock.set(HOUR_S * (Math.floor(random() * 3) - 1));
  }, SET_EVERY_MS);
  return () => clearInterval(timer);
}

/** What a part of an attack found. */
export interface Part {
  readonly violations: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Clocks for processes at random: an hour late, an hour early, right, or one that is being set. What
 * a process does whose clock is right, for good or for now, counts for nothing.
 */
export function clocksOf(clocks: readonly OddClock[]): (random: () => number) => Surroundings {
  return (random) => {
    const clock = clocks[Math.floor(random() * (clocks.length + 1))];
    if (clock === undefined) return { counts: () => false };
    return { env: clock.env(random() < 0.5), counts: () => clock.offset !== 0 };
  };
}
