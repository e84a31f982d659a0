/** Processes that work until the power goes, and what they told. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Scope } from "../at-end.ts";
import { Child } from "../process/store-children.ts";
import { pick } from "../process/store-random.ts";

/** One process of a crew. */
export interface Member {
  readonly script: string;
  readonly args: readonly string[];
  /** The folder of another copy of the compiled tests, whose script is run. */
  readonly tree?: string | undefined;
}

/** A crew ends its processes itself. */
export const NO_SCOPE: Scope = { after: () => undefined };

/** How a crew is treated while it works. */
export interface Treatment {
  readonly random: () => number;
  /** Whether some are stopped, and some killed and replaced. */
  readonly isRough: boolean;
  /** How many lines that match are waited for, at the most. */
  readonly patience: number;
  readonly counts: (line: string) => boolean;
}

/** So many of a hundred cuts come while processes start. */
const EARLY_PERCENT = 10;
const START_MS = 200;
/** Nobody waits longer for lines. */
const LONGEST_MS = 5000;
/** Longer than the guard waits for a holder that shows no life (1 s), now and then. */
const LONG_STOP_MS = 1050;
const LONGER_MS = 150;
const LONG_STOP_SHARE = 0.1;
const STOP_MS = 150;
/** For the last answers after the cut. */
const AFTERMATH_MS = 30;

export class Crew {
  /** All who ever worked, dead ones too. */
  readonly #all: Child[] = [];
  readonly #living: Child[] = [];
  readonly #next: () => Member;
  readonly #treatment: Treatment;
  #isOver = false;
  #rough: Promise<void> = Promise.resolve();

  /** @param next gives the next process to start; each is another one */
  constructor(next: () => Member, treatment: Treatment) {
    this.#next = next;
    this.#treatment = treatment;
  }

  /** Starts so many and lets them work until a random moment. */
  async workUntilTheCut(count: number): Promise<void> {
    const { random, isRough } = this.#treatment;
    const isEarly = random() * 100 < EARLY_PERCENT;
    const ready = Array.from({ length: count }, () => this.#start());
    if (isEarly) {
      await sleep(random() * START_MS);
      return;
    }
    await Promise.all(ready);
    if (isRough) this.#rough = this.#treatRoughly();
    await this.#hear(Math.ceil(random() * this.#treatment.patience));
    await sleep(random() * 5);
  }

  /** After the cut: everybody dies; gives every line, and how processes ended that should not have. */
  async end(): Promise<{ lines: string[]; failures: string[] }> {
    this.#isOver = true;
    await sleep(this.#treatment.random() * AFTERMATH_MS);
    await this.#rough;
    for (const child of this.#living) child.kill("SIGKILL");
    const failures: string[] = [];
    for (const child of this.#all) {
      const { code, signal } = await child.exited;
      const isWell = signal === "SIGKILL" || code === 0;
      if (!isWell || child.errors !== "")
        failures.push(`a process ended (code ${code}, signal ${signal}): ${child.errors}`);
    }
    return { lines: this.#all.flatMap(({ lines }) => lines), failures };
  }

  async #start(): Promise<void> {
    const { script, args, tree } = this.#next();
    const child = Child.start(NO_SCOPE, `../torture/${script}`, args, { tree });
    this.#all.push(child);
    this.#living.push(child);
    // One that dies before is among the failures.
    await child.next((line) => line === "ready").catch(() => undefined);
  }

  /** Until so many lines came that count, of whomever. */
  async #hear(count: number): Promise<void> {
    let left = count;
    const isLast = (line: string): boolean => this.#treatment.counts(line) && (left -= 1) <= 0;
    const heard = this.#living.map((child) => child.next(isLast));
    // All dead is heard as well.
    await Promise.race([Promise.any(heard).catch(() => undefined), sleep(LONGEST_MS)]);
  }

  /** Stops processes, lets them go on, kills some, starts others in their place. */
  async #treatRoughly(): Promise<void> {
    const { random } = this.#treatment;
    while (!this.#isOver) {
      const child = pick(random, this.#living);
      child.kill("SIGSTOP");
      const isLong = random() < LONG_STOP_SHARE;
      await sleep(isLong ? LONG_STOP_MS + random() * LONGER_MS : random() * STOP_MS);
      if (random() < 0.3) {
        child.kill("SIGKILL");
        this.#living.splice(this.#living.indexOf(child), 1);
        if (!this.#isOver) await this.#start();
      } else {
        child.kill("SIGCONT");
      }
      await sleep(random() * 20);
    }
  }
}
