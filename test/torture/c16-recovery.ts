/**
 * C16: recovery is quick, and garbage bounded. 64 commits that nobody brought into the files are
 * finished by the next writer; in a soak one writer is killed a second, and what killed ones leave
 * does not add up.
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";

import { copyOf } from "../crash/copies.ts";
import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { strangeNames, tornFiles } from "../process/store-files.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { START_FEATURES, Told } from "../process/store-told.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { patchedTree } from "./engine-patches.ts";
import { collect, scopeOf } from "./scope.ts";

export const PENDING = 64;
/** They are in the files after so long, in the middle of some recoveries. */
export const RECOVERED_WITHIN_MS = 100;
const RECOVERIES = 30;

const WRITERS = 3;
const KILL_EVERY_MS = 1000;
/** Writers rest so long between two changes, so that a long soak is one of time and not of bytes. */
const REST_MS = 120;
/** A writer is killed so long after it began a change, at the most: some are just done by then. */
const IN_CHANGE_MS = 8;
/** And where it begins none: it is waited for so long. */
const BEGINS_WITHIN_MS = 20_000;
/** Fewer kills in the middle of a change, of a hundred, show nothing of what killed writers leave. */
const LEAST_PERCENT = 20;
/** Of names that belong to somebody at work, or were left behind and not yet swept. */
export const MAX_NAMES = 24;
const MAX_JOURNALS = 4;
const MAX_JOURNAL_BYTES = 2 * 1024 * 1024;

export const recovery: Claim = {
  id: "C16",
  title: "recovery is quick, garbage bounded",
  needs: ["linux"],
  goals: { short: 60, release: 3600 },
  attack,
};

async function attack(task: Task): Promise<Verdict> {
  const scope = scopeOf(task);
  const recoveries = await recoveryTimes(scope, RECOVERIES);
  const times = recoveries.map(({ wallMs }) => wallMs).toSorted((a, b) => a - b);
  const old = await oldTemporaries(scope);
  const soaked = await soak(task);
  const at = (share: number): string =>
    `${(times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(1)} ms`;
  const middle = times[Math.floor((times.length - 1) / 2)] ?? Infinity;
  const late =
    middle > RECOVERED_WITHIN_MS ? [`half of the recoveries took ${at(0.5)} or more`] : [];
  const isTame = soaked.within * 100 < soaked.kills * LEAST_PERCENT;
  return {
    tried: soaked.kills,
    unit: "seconds with a kill each",
    violations: [...late, ...old, ...soaked.violations],
    untried: isTame ? ["kills in the middle of a change"] : [],
    notes: [
      `${PENDING} pending commits are finished, and the next call is answered, after ${at(0)} at ` +
        `the quickest of ${times.length}, ${at(0.5)} in the middle, ${at(1)} at the slowest`,
      `${TEMPORARIES.length} kinds of temporaries that were older than an hour: ${old.length} left`,
      ...soaked.notes,
    ],
  };
}

// ---- recovery ----------------------------------------------------------------------------------

/** How long a recovery took. */
export interface Recovered {
  readonly wallMs: number;
  /** Of it, the time that this process was at work. */
  readonly cpuMs: number;
}

/** From opening a store with pending commits until a call of one's own is answered. */
export async function recoveryTimes(scope: Scope, count: number): Promise<Recovered[]> {
  const root = await rootWithPending(scope);
  const times: Recovered[] = [];
  for (let number = 0; number < count; number += 1) {
    const project = temporaryFolder(scope);
    const copy = copyOf(root, join(project, ".flow"));
    const begun = performance.now();
    const workedBefore = process.cpuUsage();
    const store = await FlowStore.open(copy);
    await store.settings.set("afterwards", number);
    const { user, system } = process.cpuUsage(workedBefore);
    times.push({ wallMs: performance.now() - begun, cpuMs: (user + system) / 1000 });
    const { journal } = await store.status();
    assert.equal(journal.pending, 0);
    for (const { id, ["count"]: counted } of await store.features.getAll())
      assert.equal(counted, id, "a pending commit is lost");
    await store.close();
    rmSync(project, { recursive: true, force: true });
  }
  return times;
}

/** A root whose last writer was killed after so many commits, none of them in the files. */
async function rootWithPending(scope: Scope): Promise<string> {
  const project = temporaryFolder(scope);
  const store = await FlowStore.init(project, { durability: "none" });
  await store.features.createBulk(
    Array.from({ length: PENDING }, (_, index) => ({ name: `Feature ${index}`, count: 0 })),
  );
  await store.close();
  const tree = patchedTree(["put off"]);
  const child = Child.start(scope, "../torture/c16-pending", [project], { tree });
  assert.equal((await child.exited).signal, "SIGKILL", child.errors);
  const reader = await FlowStore.open(project, { readOnly: true });
  const { journal } = await reader.status();
  await reader.close();
  assert.equal(journal.pending, PENDING);
  return store.root;
}

// ---- old temporaries ---------------------------------------------------------------------------

/** So old is what nobody is at work with any more: longer than the hour that is promised. */
const OLD_MS = 2 * 3_600_000;
const YOUNG_PART = "local/blobs/still-written";
/** What killed processes leave, of each kind. */
const TEMPORARIES = [
  "local/fence/dead/1",
  "local/fence/fallen-dead/2",
  "local/journal/first-dead.tmp",
  "local/journal/000000000000-dead.jsonl",
  "local/guard/queue/000000000-dead.json",
  "local/blobs/left-by-a-kill",
];

/**
 * What is there of temporaries that are older than an hour, after a commit that makes the journal
 * go on in a new file, and a collection of blobs; and that a young part of a blob is still there.
 */
export async function oldTemporaries(scope: Scope): Promise<string[]> {
  const project = temporaryFolder(scope);
  const setup = await FlowStore.init(project, { durability: "none" });
  await setup.features.create({ name: "First" });
  await setup.close();
  const { root } = setup;
  for (const path of [...TEMPORARIES, YOUNG_PART]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "left by a process that was killed");
    const atS = (Date.now() - OLD_MS) / 1000;
    if (path !== YOUNG_PART) utimesSync(join(root, path), atS, atS);
  }
  const store = await FlowStore.open(project);
  await store.features.update(1, { text: "x".repeat(LONG) });
  await store.blobs.collect();
  await store.close();
  const isThere = (path: string): boolean => existsSync(join(root, path));
  return [
    ...TEMPORARIES.filter(isThere).map((path) => `${path} is there after ${OLD_MS / 3_600_000} h`),
    ...(isThere(YOUNG_PART) ? [] : [`${YOUNG_PART} is gone, and may be at work`]),
  ];
}

/** A journal of so many bytes goes on in a new file. */
const LONG = 256 * 1024;

// ---- garbage -----------------------------------------------------------------------------------

interface Soaked {
  readonly kills: number;
  /** How many of them met a writer in the middle of a change. */
  readonly within: number;
  readonly violations: readonly string[];
  readonly notes: readonly string[];
}

/** The most that was there at one moment. */
export class Most {
  names = 0;
  /** Folders of temporaries, empty ones too. */
  fences = 0;
  journals = 0;
  journalBytes = 0;

  look(root: string): void {
    const folder = join(root, "local/journal");
    this.fences = Math.max(this.fences, readdirSync(join(root, "local/fence")).length);
    const sizes = readdirSync(folder).map((name) => sizeOf(join(folder, name)));
    this.names = Math.max(this.names, strangeNames(root).length);
    this.journals = Math.max(this.journals, sizes.length);
    this.journalBytes = Math.max(
      this.journalBytes,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }

  get wrong(): string[] {
    const wrong: string[] = [];
    if (this.names > MAX_NAMES) wrong.push(`${this.names} names lay about`);
    if (this.fences > MAX_NAMES) wrong.push(`${this.fences} folders of temporaries`);
    if (this.journals > MAX_JOURNALS) wrong.push(`${this.journals} files of the journal`);
    if (this.journalBytes > MAX_JOURNAL_BYTES) wrong.push(`${this.journalBytes} bytes of journal`);
    return wrong;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** A writer that is to be killed. */
class SoakWriter {
  readonly child: Child;
  readonly isReady: Promise<unknown>;
  /** What it told last. */
  #last = "";

  constructor(scope: Scope, args: readonly string[], told: Told) {
    const options = JSON.stringify({ restMs: REST_MS });
    this.child = Child.start(scope, "store-writer", [...args, options], {
      listen: (line) => {
        told.hear(line);
        this.#last = line;
      },
    });
    // One that ends before is a stray.
    this.isReady = this.child.next((line) => line === "ready").catch(() => undefined);
  }

  /** Kills it so long after it began its next change; a stray is one that had ended by itself. */
  async killAtWork(afterMs: number): Promise<{ wasWithin: boolean; stray?: string }> {
    const { child } = this;
    const begins = child.next((line) => line.startsWith("try ")).catch(() => undefined);
    await Promise.race([begins, after(BEGINS_WITHIN_MS, undefined, { ref: false })]);
    await after(afterMs);
    child.kill("SIGKILL");
    const { code, signal } = await child.exited;
    if (signal !== "SIGKILL")
      return { wasWithin: false, stray: `a writer ended by itself (${code}): ${child.errors}` };
    return { wasWithin: this.#last.startsWith("try ") };
  }
}

/** Kills one writer a second, and looks what lies about. */
export async function soak(task: Task): Promise<Soaked> {
  const { seed, goal, deadline } = task;
  const scope = scopeOf(task);
  const random = randomOf(seed);
  const project = temporaryFolder(scope);
  const root = join(project, ".flow");
  const setup = await FlowStore.init(project);
  await setup.features.createBulk(START_FEATURES);
  await setup.close();
  const told = new Told();
  let started = 0;
  const start = (): SoakWriter => {
    started += 1;
    const durability = pick(random, ["full", "full", "relaxed", "none"]);
    const args = [project, `w${started}`, String(seed + started), durability];
    return new SoakWriter(scope, args, told);
  };
  const writers = Array.from({ length: WRITERS }, start);
  await Promise.all(writers.map(({ isReady }) => isReady));
  const most = new Most();
  const strays: string[] = [];
  let [kills, within, dueMs] = [0, 0, performance.now()];
  for (; kills < goal && performance.now() < deadline; kills += 1) {
    dueMs += KILL_EVERY_MS;
    await after(Math.max(0, dueMs - performance.now()));
    const at = Math.floor(random() * WRITERS);
    const killed = await writers[at]?.killAtWork(random() * IN_CHANGE_MS);
    if (killed?.stray !== undefined) strays.push(killed.stray);
    if (killed?.wasWithin === true) within += 1;
    most.look(root);
    writers[at] = start();
    task.progress(`${kills + 1} of ${goal} kills, ${told.acknowledged} changes acknowledged`);
  }
  for (const { child } of writers) child.kill("SIGKILL");
  await Promise.all(writers.map(({ child }) => child.exited));
  most.look(root);

  const violations = [...most.wrong, ...strays];
  const where = `after ${kills} kills, seed ${seed}`;
  const store = await FlowStore.open(project);
  await collect(violations, where, async () => assert.deepEqual(await store.check(), []));
  await collect(violations, where, async () => void (await told.compare(store)));
  await store.settings.set("afterwards", 1);
  await store.close();
  await collect(violations, where, () => {
    assert.deepEqual([...strangeNames(root), ...tornFiles(root)], []);
  });
  return {
    kills,
    within,
    violations,
    notes: [
      `soak: ${told.acknowledged} changes acknowledged, ${within} of ${kills} writers killed in the ` +
        `middle of one; at most ${most.names} names that lay about, ` +
        `${most.journals} files of the journal, ${Math.round(most.journalBytes / 1024)} KB of it`,
    ],
  };
}
