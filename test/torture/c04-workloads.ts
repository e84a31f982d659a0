/** What works on a file system when its power is cut, and how it is looked at afterwards. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FlowStore } from "flowstore";
import { Child } from "../process/store-children.ts";
import { heldUpMs, judge, type Tried } from "./c04-account.ts";
import { OPTIONS, prepare } from "./c04-changes.ts";
import { Crew, NO_SCOPE, type Member } from "./c04-crew.ts";
import type { Look } from "./c04-look.worker.ts";
import { patchedTree } from "./engine-patches.ts";

/** What came of one cut. */
export interface Cut {
  readonly violations: readonly string[];
  readonly acknowledged: number;
  /** Acknowledged and gone, which `relaxed` may do, and baselines are to do. */
  readonly forgotten: number;
  /** How long before the cut the oldest of them was acknowledged. */
  readonly longestMs: number;
  /** Plain files that were empty or cut until the first write. */
  readonly torn: number;
}

export interface Workload {
  /** On a file system that is there. */
  readonly prepare: () => Promise<void>;
  /** Works until the moment to cut has come. */
  readonly run: () => Promise<void>;
  /** After the cut, before the file system is taken away. */
  readonly end: () => Promise<void>;
  /** After the power came back. */
  readonly look: (cutMs: number) => Promise<Cut>;
}

/**
 * `full`: writers of that durability; `relaxed`: one alone, who is not made to sync by others that
 * want the guard, for long enough to have something to lose; `both`: of one and the other; `stops`: the same,
 * stopped and killed meanwhile; `chaos`: the same with the guard switched off. To lose data are:
 * `unsynced` and `late`, an engine that never syncs and one that does so later, taken for `full`;
 * and `plain`, a loop that replaces files.
 */
export const WORKLOADS = ["full", "relaxed", "both", "stops", "chaos"] as const;
export const BASELINES = ["unsynced", "late", "plain"] as const;
export type WorkloadName = (typeof WORKLOADS)[number] | (typeof BASELINES)[number];

export function isBaseline(name: WorkloadName): boolean {
  return BASELINES.some((one) => one === name);
}

/** Where a workload has its files. */
export interface Place {
  /** A folder on the file system whose power is cut; not there yet. */
  readonly project: string;
  readonly random: () => number;
}

/** What `relaxed` may forget, where its process was not held up. */
const RELAXED_MS = 100;
const WRITERS = 3;
const MOST_ANSWERS = 120;
const MOST_ANSWERS_ALONE = 4000;

export function workload(name: WorkloadName, place: Place): Workload {
  if (name === "plain") return new PlainWorkload(place);
  return new StoreWorkload(name, place);
}

/** One that has a crew. */
abstract class CrewWorkload implements Workload {
  protected readonly place: Place;
  protected crew: Crew | null = null;
  protected lines: string[] = [];
  protected failures: string[] = [];
  #started = 0;

  constructor(place: Place) {
    this.place = place;
  }

  abstract prepare(): Promise<void>;
  protected abstract account(cutMs: number): Promise<Cut>;
  protected abstract member(number: number): Member;
  protected abstract get isRough(): boolean;
  protected get isAlone(): boolean {
    return false;
  }

  protected counts(line: string): boolean {
    return line.startsWith("did ");
  }

  async run(): Promise<void> {
    const { random } = this.place;
    const counts = (line: string): boolean => this.counts(line);
    this.crew = new Crew(() => this.member((this.#started += 1)), {
      ...{ random, isRough: this.isRough, counts },
      patience: this.isAlone ? MOST_ANSWERS_ALONE : MOST_ANSWERS,
    });
    await this.crew.workUntilTheCut(this.isAlone ? 1 : WRITERS);
  }

  async end(): Promise<void> {
    const { lines = [], failures = [] } = (await this.crew?.end()) ?? {};
    this.lines = lines;
    this.failures = failures;
  }

  async look(cutMs: number): Promise<Cut> {
    try {
      return await this.account(cutMs);
    } catch (error) {
      // Nobody can look at it at all: the worst that may come of a cut.
      const violations = [`looking at it failed: ${String(error)}`];
      return { violations, acknowledged: 0, forgotten: 0, longestMs: 0, torn: 0 };
    }
  }

  /** What a process of the new boot says in its one line. */
  protected async ask<T>(script: string, ...args: string[]): Promise<T> {
    const child = Child.start(NO_SCOPE, `../torture/${script}`, args);
    const line = await child.next(() => true);
    await child.done();
    return JSON.parse(line) as T;
  }

  protected seed(): string {
    return String(Math.floor(this.place.random() * 2 ** 31));
  }
}

const DURABILITIES: Readonly<Record<string, readonly string[]>> = {
  full: ["full"],
  relaxed: ["relaxed"],
  both: ["full", "relaxed"],
  stops: ["full", "full", "relaxed"],
  chaos: ["full", "full", "relaxed"],
  unsynced: ["none"],
  late: ["relaxed"],
};

class StoreWorkload extends CrewWorkload {
  readonly #name: Exclude<WorkloadName, "plain">;
  #there: ReadonlySet<string> = new Set();
  #durabilityOf = new Map<string, string>();

  constructor(name: Exclude<WorkloadName, "plain">, place: Place) {
    super(place);
    this.#name = name;
  }

  async prepare(): Promise<void> {
    mkdirSync(this.place.project);
    const store = await FlowStore.init(this.place.project, OPTIONS);
    await prepare(store);
    await store.close();
  }

  protected get isRough(): boolean {
    return this.#name === "stops" || this.#name === "chaos";
  }

  protected override get isAlone(): boolean {
    return this.#name === "relaxed";
  }

  protected member(number: number): Member {
    const all = DURABILITIES[this.#name] ?? [];
    const durability = all[number % all.length] ?? "full";
    this.#durabilityOf.set(`w${number}`, durability);
    return {
      script: "c04-writer",
      args: [this.place.project, `w${number}`, this.seed(), durability],
      tree: this.#name === "chaos" ? patchedTree(["no guard"]) : undefined,
    };
  }

  protected async account(cutMs: number): Promise<Cut> {
    const { project, random } = this.place;
    // Now and then nobody mends it before the next cut but the writers themselves.
    const mend = random() < 0.5 ? ["mend"] : [];
    const { reader, tornBefore, wrong } = await this.ask<Look>("c04-look", project, ...mend);
    const forgetsMs = this.isRough ? null : RELAXED_MS;
    const tried = this.#tried(cutMs);
    const account = judge({ before: this.#there, tried, cutMs, forgetsMs }, reader);
    this.#there = account.there;
    const errors = this.lines.flatMap((line) => misfortune(line, cutMs));
    return {
      violations: [...this.failures, ...errors, ...account.violations, ...wrong],
      acknowledged: account.acknowledged,
      forgotten: account.forgotten,
      longestMs: account.longestMs,
      torn: tornBefore.length,
    };
  }

  #tried(cutMs: number): Tried[] {
    const tried = new Map<string, Tried>();
    const alive = this.#alive();
    for (const line of this.lines) {
      const [word = "", key = "", ms = ""] = line.split(" ");
      const before = tried.get(key);
      if (word === "try") {
        const isRelaxed =
          this.#durabilityOf.get(writerOf(key)) === "relaxed" && this.#name !== "late";
        const durability = isRelaxed ? "relaxed" : "full";
        tried.set(key, { key, begunMs: Number(ms), doneMs: null, durability });
      } else if (word === "did" && before !== undefined) {
        const signs = alive.get(writerOf(key)) ?? [];
        const doneMs = Number(ms);
        tried.set(key, { ...before, doneMs, heldUp: () => heldUpMs(signs, doneMs, cutMs) });
      }
    }
    return [...tried.values()];
  }

  /** When each writer showed that it lives: while calls follow each other, a timer has its turn rarely. */
  #alive(): Map<string, number[]> {
    const alive = new Map<string, number[]>();
    for (const line of this.lines) {
      const [word = "", name = "", ms = ""] = line.split(" ");
      const writer = word === "alive" ? name : writerOf(name);
      const known = alive.get(writer);
      if (ms === "") continue;
      if (known === undefined) alive.set(writer, [Number(ms)]);
      else known.push(Number(ms));
    }
    return alive;
  }
}

function writerOf(key: string): string {
  return /\.(w\d+)-/.exec(key)?.[1] ?? "";
}

/** A failed call is one of the cut, and says so in the store's own words. */
function misfortune(line: string, cutMs: number): string[] {
  const [word, , ms = "", code] = line.split(" ");
  if (word !== "error") return [];
  const isOfTheCut = Number(ms) >= cutMs && code === "IO";
  return isOfTheCut ? [] : [`${(Number(ms) - cutMs).toFixed(1)} ms after the cut: ${line}`];
}

class PlainWorkload extends CrewWorkload {
  async prepare(): Promise<void> {
    mkdirSync(this.place.project);
  }

  protected get isRough(): boolean {
    return false;
  }

  protected member(number: number): Member {
    return { script: "c04-plain", args: [this.place.project, `w${number}`] };
  }

  protected async account(cutMs: number): Promise<Cut> {
    const done = this.lines.filter((line) => this.counts(line)).map((line) => line.split(" "));
    const newest = new Map(done.map(([, file = "", text = "", ms = ""]) => [file, { text, ms }]));
    const lost = [...newest].filter(
      ([file, { text }]) => Number(this.#textOf(file)) < Number(text) || this.#textOf(file) === "",
    );
    const ages = lost.map(([, { ms }]) => cutMs - Number(ms));
    return {
      violations: lost.map(([file, { text }]) => `${file} held ${text}, now ${this.#textOf(file)}`),
      acknowledged: done.length,
      forgotten: lost.length,
      longestMs: Math.max(0, ...ages),
      torn: lost.filter(([file]) => this.#textOf(file) === "").length,
    };
  }

  #textOf(file: string): string {
    try {
      return readFileSync(join(this.place.project, file), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }
}
