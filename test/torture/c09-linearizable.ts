/**
 * C9: linearizable per record. Processes read, write, swap, exchange, claim and release; each tells
 * when a call began and ended, by one clock; a checker of our own looks for an order that explains
 * all answers. In some histories processes are stopped, in some they are killed and followed.
 */
import { rmSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore, type Durability } from "flowstore";

import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { BAD, hidden } from "./c09-histories.ts";
import { wrongIn, wrongKeys, type Input, type KeyedCall, type Output } from "./c09-models.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { patchedTree, type PatchName } from "./engine-patches.ts";
import { scopeOf } from "./scope.ts";

const VALUES = 6;
const CLAIMS = 3;

const PROCESSES = 8;
/** Of them these only read. */
const READERS = 1;
const CALLS = { short: 2000, release: 5000 };
const DURABILITIES: readonly Durability[] = ["full", "relaxed", "none"];
/** What befalls the processes of a history. */
const MOODS = ["nothing", "stops", "kills"] as const;
const STOP_MS = 150;
/** Now and then longer than a silent holder keeps the guard: 1 s. */
const SILENT_MS = 1000;
const LONGER_MS = 400;
const LONG_STOP_SHARE = 0.15;
const BETWEEN_MS = 1500;
/** Calls of the good part in which a planted bad history is hidden. */
const HIDING = 160;

/** What a worker is told: a history's part. */
export interface Round {
  readonly project: string;
  readonly seed: number;
  readonly calls: number;
  readonly durability: Durability;
  /** It only reads, and takes its time. */
  readonly isReader: boolean;
  /** Features that are values, by their ids from 1, */
  readonly values: number;
  /** and behind them features that are claimed. */
  readonly claims: number;
}

/** What a worker tells of a call: first its beginning, then its end. */
export type ToldCall =
  | {
      readonly at: number;
      readonly key: number;
      readonly input: Input;
      readonly output?: undefined;
    }
  | { readonly at: number; readonly output: Output; readonly input?: undefined };

export const linearizable: Claim = {
  id: "C9",
  title: "linearizable per record: one order explains every answer",
  needs: ["linux"],
  goals: { short: 5, release: 50 },
  attack: (task) => attackRecords(task, { calls: CALLS[task.size] }),
};

export interface Races {
  /** Of one history. */
  readonly calls: number;
  readonly processes?: number;
  readonly values?: number;
  readonly claims?: number;
  readonly patches?: readonly PatchName[];
}

export async function attackRecords(task: Task, races: Races): Promise<Verdict> {
  const violations: string[] = [];
  const unseen = Object.entries(BAD).filter(
    ([, bad]) => wrongKeys(hidden(bad, task.seed, HIDING)).length === 0,
  );
  violations.push(...unseen.map(([name]) => `a planted history was not flagged: ${name}`));
  let tried = 0;
  let calls = 0;
  let killed = 0;
  while (tried < task.goal && performance.now() < task.deadline) {
    const seed = task.seed + tried;
    const history = await record(scopeOf(task), races, seed);
    const wrong = wrongIn(history);
    violations.push(...wrong.map((text) => `history ${tried + 1} (seed ${seed}): ${text}`));
    tried += 1;
    calls += history.length;
    killed += history.filter(({ output }) => output === null).length;
    task.progress(`${tried} of ${task.goal} histories, ${violations.length} violations`);
  }
  return {
    tried,
    unit: `histories of ${races.calls} calls`,
    violations,
    notes: [
      `${calls} calls of ${races.processes ?? PROCESSES} processes at a time, ` +
        `${killed} of them cut off by a kill`,
      `${Object.keys(BAD).length} planted bad histories, ${unseen.length} not flagged`,
    ],
  };
}

/** Lets processes race, and returns what they told. */
async function record(scope: Scope, races: Races, seed: number): Promise<KeyedCall[]> {
  const { calls, processes = PROCESSES, values = VALUES, claims = CLAIMS, patches = [] } = races;
  const project = temporaryFolder(scope);
  const store = await FlowStore.init(project, { durability: "none" });
  await store.features.createBulk(
    Array.from({ length: values + claims }, (_, index) => ({ name: `Record ${index + 1}` })),
  );
  await store.close();
  const random = randomOf(seed);
  const mood = pick(random, MOODS);
  const history: KeyedCall[] = [];
  let started = 0;
  const lane = async (_: unknown, index: number): Promise<void> => {
    for (let left = Math.ceil(calls / processes); left > 0;) {
      started += 1;
      const told: ToldCall[] = [];
      const name = `p${started}`;
      const tree = patches.length > 0 ? patchedTree(patches) : undefined;
      const child = Child.start(scope, "../torture/c09-linearizable", [name], {
        tree,
        listen: (line) => void (line.startsWith("{") && told.push(JSON.parse(line) as ToldCall)),
      });
      const durability = pick(random, DURABILITIES);
      await child.next((line) => line === "ready");
      const round: Round = {
        ...{ project, seed: seed * 1000 + started, calls: left, durability, values, claims },
        isReader: index < READERS,
      };
      child.send(JSON.stringify(round));
      const done = child.next((line) => line === "done").catch(() => undefined);
      await befall(child, { mood, random, done });
      child.send("end");
      const { code, signal } = await child.exited;
      if (code !== 0 && signal !== "SIGKILL") throw new Error(`A caller failed: ${child.errors}`);
      history.push(...callsOf(name, told));
      left -= Math.max(1, told.length >> 1);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  rmSync(project, { recursive: true, force: true });
  return history;
}

interface Befalling {
  readonly mood: (typeof MOODS)[number];
  readonly random: () => number;
  readonly done: Promise<unknown>;
}

/** Until a process is done: stops it now and then, or kills it once. */
async function befall(child: Child, { mood, random, done }: Befalling): Promise<void> {
  let isDone = false;
  const ended = done.then(() => (isDone = true));
  while (mood !== "nothing" && !isDone) {
    await Promise.race([ended, after(random() * BETWEEN_MS)]);
    if (isDone) break;
    if (mood === "kills" && random() < 0.2) {
      child.kill("SIGKILL");
      break;
    }
    child.kill("SIGSTOP");
    const isLong = random() < LONG_STOP_SHARE;
    await after(isLong ? SILENT_MS + random() * LONGER_MS : random() * STOP_MS);
    child.kill("SIGCONT");
  }
  await ended;
}

/** A killed one's last call has a beginning and no end. */
function callsOf(process: string, told: readonly ToldCall[]): KeyedCall[] {
  return told.flatMap((begun, index) => {
    if (begun.input === undefined) return [];
    const { key, input, at: invoked } = begun;
    const end = told[index + 1];
    const isAnswered = end?.output !== undefined;
    const output = isAnswered ? end.output : null;
    const returned = isAnswered ? end.at : Infinity;
    return [{ process, key, input, output, invoked, returned }];
  });
}
