/**
 * Many processes change one store while they are stopped, killed, and followed by others; at the
 * end everything that was acknowledged is there, once. Readers look at every moment.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";

import { GUARD } from "#src/storage/layout.js";
import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { strangeNames, tornFiles } from "../process/store-files.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { Readers } from "../process/store-readers.ts";
import { featuresFor, SHARES, Told, type WriterOptions } from "../process/store-told.ts";
import { patchedTree, type PatchName } from "./engine-patches.ts";
import { collect } from "./scope.ts";

export interface Chaos {
  readonly seed: number;
  readonly processes: number;
  /** Ends when so many changes were acknowledged that count, */
  readonly goal: number;
  /** or at this `performance.now()`. */
  readonly deadline: number;
  /** What is taken out of the engine of the writers. */
  readonly patches?: readonly PatchName[];
  readonly writers?: WriterOptions;
  readonly moods?: Moods;
  /** What runs a writer, and in what surroundings. */
  readonly surroundings?: (random: () => number) => Surroundings;
  readonly progress?: (line: string) => void;
  /** Fails where the store at the end is not as it should be. */
  readonly inspect?: (store: FlowStore) => Promise<void>;
}

export interface Surroundings {
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether a change that is acknowledged now counts towards the goal. Default: each does. */
  readonly counts?: () => boolean;
}

/** What befalls a writer at each of its moments: the chance of each, the rest is a short stop. */
export interface Moods {
  readonly kill: number;
  /** A stop that is longer than the guard's patience with a holder who shows no life. */
  readonly longStop: number;
  readonly nothing: number;
}

export interface ChaosReport {
  readonly acknowledged: number;
  /** Those of them that count towards the goal. */
  readonly counted: number;
  readonly violations: readonly string[];
  readonly notes: readonly string[];
  /** How often the guard was taken from a holder that was dead or silent. */
  readonly takeovers: number;
}

/** The guard is taken from a holder that was silent for 1 s. */
const PATIENCE_MS = 1000;
const LONGER_MS = 600;
const SHORT_STOP_MS = 200;
/** Something befalls a writer at the latest after so many of its changes, */
const MAX_CHANGES = 20;
/** and so many ms on, at any point of the next ones; */
const MAX_DELAY_MS = 20;
/** or after so long, where it comes to nothing. */
const MOMENT_MS = 3000;
/** So many of a hundred stopped writers never wake. */
const KILLED_ASLEEP_PERCENT = 25;
const DURABILITIES = ["full", "full", "relaxed", "none"];
const USUAL: Moods = { kill: 0.2, longStop: 0.1, nothing: 0 };

interface Tally {
  started: number;
  kills: number;
  stops: number;
  longStops: number;
}

export async function runChaos(scope: Scope, chaos: Chaos): Promise<ChaosReport> {
  const project = temporaryFolder(scope);
  const root = join(project, ".flow");
  const setup = await FlowStore.init(project);
  await setup.features.createBulk(featuresFor(chaos.writers));
  await setup.close();
  const readers = await Readers.start(scope, project, { sum: SHARES });
  const told = new Told();
  const tally: Tally = { started: 0, kills: 0, stops: 0, longStops: 0 };
  const lane = new Lanes(scope, chaos, project, told, tally);
  const started = performance.now();
  await Promise.all(Array.from({ length: chaos.processes }, () => lane.run()));
  const seconds = (performance.now() - started) / 1000;

  const takeovers = takeoversIn(root);
  const violations: string[] = [];
  const where = `seed ${chaos.seed}, ${told.acknowledged} acknowledged`;
  await collect(violations, where, () => assert.deepEqual(tornFiles(root), []));
  await collect(violations, where, async () => void (await readers.stop()));
  const store = await FlowStore.open(project);
  await collect(violations, where, async () => assert.deepEqual(await store.check(), []));
  await collect(violations, where, async () => chaos.inspect?.(store));
  await collect(violations, where, async () => void (await told.compare(store)));
  // Whoever writes next sweeps what killed ones left.
  await store.settings.set("afterwards", 1);
  await store.close();
  await collect(violations, where, () => assert.deepEqual(strangeNames(root), []));
  return {
    acknowledged: told.acknowledged,
    counted: lane.counted,
    violations,
    notes: [
      `${tally.started} processes, ${chaos.processes} at a time: ${tally.kills} killed, ` +
        `${tally.stops} stops, ${tally.longStops} of them longer than ${PATIENCE_MS} ms; ` +
        `the guard was taken over ${takeovers} times; ` +
        `${Math.round(told.acknowledged / seconds)} changes a second`,
    ],
    takeovers,
  };
}

/** Each takeover makes the next generation's name. */
function takeoversIn(root: string): number {
  const numbers = readdirSync(join(root, GUARD)).map((name) => Number.parseInt(name, 10) || 0);
  return Math.max(0, ...numbers);
}

/** One writer after another, several lanes side by side. */
class Lanes {
  readonly #scope: Scope;
  readonly #chaos: Chaos;
  readonly #project: string;
  readonly #told: Told;
  readonly #tally: Tally;
  readonly #random: () => number;
  counted = 0;

  constructor(scope: Scope, chaos: Chaos, project: string, told: Told, tally: Tally) {
    this.#scope = scope;
    this.#chaos = chaos;
    this.#project = project;
    this.#told = told;
    this.#tally = tally;
    this.#random = randomOf(chaos.seed);
  }

  get #isOver(): boolean {
    const { goal, deadline } = this.#chaos;
    return this.counted >= goal || performance.now() >= deadline;
  }

  async run(): Promise<void> {
    do await this.#life();
    while (!this.#isOver);
  }

  async #life(): Promise<void> {
    const child = this.#start();
    let isLive = true;
    const ended = child.exited.then(() => (isLive = false));
    await Promise.race([child.next((line) => line === "ready").catch(() => undefined), ended]);
    while (isLive && !this.#isOver) {
      await Promise.race([this.#work(child), ended]);
      if (isLive) await this.#befall(child);
    }
    if (isLive) child.send("end");
    const { code, signal } = await child.exited;
    const isFine = code === 0 || signal === "SIGKILL";
    if (!isFine) this.#told.hear(`error worker ${code} ${signal} ${child.errors}`);
  }

  #start(): Child {
    const { patches = [], writers = {}, surroundings, progress } = this.#chaos;
    this.#tally.started += 1;
    const number = this.#tally.started;
    const { prefix = [], env = {}, counts } = surroundings?.(this.#random) ?? {};
    const durability = pick(this.#random, DURABILITIES);
    const options = JSON.stringify(writers);
    progress?.(`${this.#told.acknowledged} changes acknowledged, ${number} processes`);
    return Child.start(
      this.#scope,
      "store-writer",
      [this.#project, `w${number}`, String(this.#chaos.seed + number), durability, options],
      {
        prefix,
        env,
        tree: patches.length > 0 ? patchedTree(patches) : undefined,
        listen: (line) => {
          this.#told.hear(line);
          if (line.startsWith("did ") && counts?.() !== false) this.counted += 1;
        },
      },
    );
  }

  /** Some of its changes. */
  async #work(child: Child): Promise<void> {
    let left = Math.ceil(this.#random() * MAX_CHANGES);
    const done = child.next((line) => line.startsWith("did") && (left -= 1) <= 0);
    await Promise.race([done.catch(() => undefined), after(MOMENT_MS, undefined, { ref: false })]);
    await after(this.#random() * MAX_DELAY_MS);
  }

  async #befall(child: Child): Promise<void> {
    const { kill, longStop, nothing } = this.#chaos.moods ?? USUAL;
    const mood = this.#random();
    if (mood < kill) {
      this.#tally.kills += 1;
      child.kill("SIGKILL");
      await child.exited;
      return;
    }
    if (mood < kill + nothing) return;
    const isLong = mood < kill + nothing + longStop;
    this.#tally.stops += 1;
    this.#tally.longStops += isLong ? 1 : 0;
    child.kill("SIGSTOP");
    await after(isLong ? PATIENCE_MS + this.#random() * LONGER_MS : this.#random() * SHORT_STOP_MS);
    if (this.#random() * 100 < KILLED_ASLEEP_PERCENT) {
      this.#tally.kills += 1;
      child.kill("SIGKILL");
    }
    child.kill("SIGCONT");
  }
}
