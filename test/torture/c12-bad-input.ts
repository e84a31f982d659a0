/**
 * C12: whatever stands in the files, no call crashes, no byte of it is deleted, what cannot be used
 * is named by file and line, and the rest stays readable.
 *
 * The healthy tree of the corpus, with damages of one to five of its files that are drawn by
 * chance; one tree of twenty in a real folder, with links among the damages, the others on a disk in
 * memory. In each: everything is read, checked, told by `status`; something else is written, then
 * over what is damaged; repaired, dry and for good, and once more.
 */
import { isFlowError, type Finding, type FlowStore } from "flowstore";

import { seededRandom } from "#src/disk/power-cut.js";
import { caseNames } from "../damage/corpus.ts";
import { shownBy } from "../damage/corpus-view.ts";
import { damagesOf, Dice, type Change, type Damage } from "./c12-damages.ts";
import {
  covers,
  eventLines,
  intactEvents,
  isUnusable,
  lost,
  Shown,
  unplaced,
  unreported,
} from "./c12-judge.ts";
import { OVERWRITES, READS } from "./c12-calls.ts";
import { Trees, type Opened, type World } from "./c12-trees.ts";
import type { Claim, Task, Verdict } from "./claim.ts";

/** One tree of so many lies in a real folder. */
const REAL_EVERY = 20;
const MOST_VIOLATIONS = 20;
/** What every call needs; of the journal's file only that it is one, whatever stands in it. */
const VITAL = /^(?:flow\.json|local\/journal|local)$/;
const JOURNAL_FILE = /^local\/journal\//;

/** How the store is changed to see whether it is noticed. */
export type Plant = (opened: Opened) => Opened;

interface Ground {
  readonly trees: Trees;
  readonly shown: Shown;
}

let ground: Ground | undefined;

/** The healthy tree, and what each of its files tells: what is not shown without it. */
async function groundOf(): Promise<Ground> {
  const trees = new Trees();
  const look = async (changes: readonly Change[]): Promise<string[]> => {
    const opened = await trees.inMemory(changes).open();
    const shown = await shownBy(opened.store);
    await opened.close();
    return shown;
  };
  const healthy = await look([]);
  const own = new Map<string, readonly string[]>();
  for (const path of trees.files.keys()) {
    if (VITAL.test(path) || JOURNAL_FILE.test(path)) continue;
    const shown = await Promise.all(
      [null, Buffer.from([0xff, 10])].map((bytes) => look([{ path, bytes }])),
    );
    own.set(
      path,
      healthy.filter((line) => shown.some((lines) => !lines.includes(line))),
    );
  }
  return { trees, shown: new Shown(healthy, own) };
}

/** One tree, and what did not hold in it. */
async function tryTree(
  seed: number,
  isReal: boolean,
  plant: Plant,
): Promise<{ damages: Damage[]; wrong: string[] }> {
  const { trees, shown } = (ground ??= await groundOf());
  const damages = damagesOf(trees.files, isReal, new Dice(seededRandom(seed)));
  const changes = damages.flatMap((one) => one.changes);
  const world = isReal ? trees.inFolder(changes) : trees.inMemory(changes);
  try {
    const one = new OneTree(world, changes, shown, plant);
    return { damages, wrong: await one.attack(intactEvents(trees.files, changes)) };
  } finally {
    world.end();
  }
}

class OneTree {
  readonly #world: World;
  readonly #changes: readonly Change[];
  readonly #shown: Shown;
  readonly #plant: Plant;
  readonly #wrong: string[] = [];
  /** The last call that was refused, and why. */
  #refusal = "";
  readonly #isVital: boolean;

  constructor(world: World, changes: readonly Change[], shown: Shown, plant: Plant) {
    this.#world = world;
    this.#changes = changes;
    this.#shown = shown;
    this.#plant = plant;
    this.#isVital = changes.some(
      (one) => VITAL.test(one.path) || (JOURNAL_FILE.test(one.path) && !("bytes" in one)),
    );
  }

  async attack(intact: readonly string[]): Promise<string[]> {
    const before = this.#world.contents();
    const opened = await this.#call("open", () => this.#world.open());
    if (opened === null) {
      if (!this.#isVital) this.#wrong.push("it cannot be opened");
    } else {
      const planted = this.#plant(opened);
      await this.#read(planted, before, intact);
      await this.#write(planted);
      await this.#repair(planted);
      await this.#call("close", () => planted.close());
    }
    await this.#writeAnew();
    for (const path of lost(before, this.#world.contents(), this.#changes)) {
      this.#wrong.push(`the bytes of ${path} are gone`);
    }
    return this.#wrong;
  }

  /** What a call gives; `null` where it was refused, as it may be; anything else is a crash. */
  async #call<T>(name: string, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      if (!isFlowError(error) || error.code === "INTERNAL") {
        this.#wrong.push(`${name} crashed: ${String((error as Error).stack).slice(0, 900)}`);
      }
      this.#refusal = `${name}: ${String((error as Error).stack).slice(0, 900)}`;
      return null;
    }
  }

  async #read(
    { store, check, problems }: Opened,
    before: ReadonlyMap<string, string>,
    intact: readonly string[],
  ): Promise<void> {
    for (const [name, act] of Object.entries(READS)) await this.#call(name, () => act(store));
    const findings = await this.#call("check", check);
    const named = await this.#call("status", problems);
    const shown = await this.#call("shown", () => shownBy(store));
    if (!sameContents(before, this.#world.contents())) this.#wrong.push("reading has written");
    if (this.#isVital && (findings === null || shown === null)) return;
    if (findings === null || shown === null) {
      this.#wrong.push(`it cannot be checked or read: ${this.#refusal}`);
      return;
    }
    this.#wrong.push(...unreported(this.#changes, findings));
    this.#wrong.push(...unplaced(this.#changes, findings));
    this.#wrong.push(...this.#shown.silent(this.#changes, shown, findings));
    this.#wrong.push(...this.#missing(shown).map((line) => `not shown any more: ${line}`));
    await this.#seeEvents(store, intact, findings);
    const unchecked = (named ?? []).filter((one) => !findings.some((other) => isSame(one, other)));
    for (const { file, rule } of unchecked) this.#wrong.push(`only status says ${rule} ${file}`);
  }

  #missing(shown: readonly string[]): string[] {
    const missing = this.#shown.missing(this.#changes, shown);
    // Of events each line has its own rule.
    return missing.filter((line) => !(line.startsWith("event ") && this.#has("events")));
  }

  #has(folder: string): boolean {
    return this.#changes.some(({ path }) => covers(folder, path) || covers(path, folder));
  }

  async #seeEvents(
    store: FlowStore,
    intact: readonly string[],
    findings: readonly Finding[],
  ): Promise<void> {
    const events = await this.#call("events.query", () => store.events.query());
    if (events === null) return;
    const ids = new Set(events.map(({ id }) => id));
    const missing = intact.filter((id) => !ids.has(id));
    if (missing.length > 0) this.#wrong.push(`not shown, though whole: ${missing.join(", ")}`);
    for (const change of this.#changes) {
      if (!("bytes" in change) || !change.path.startsWith("events/")) continue;
      for (const { id, line } of eventLines(change.bytes ?? Buffer.alloc(0))) {
        const isTold = findings.some((one) => one.file === change.path && one.line === line);
        if (!ids.has(id) && !isTold) this.#wrong.push(`${change.path}:${line} is passed over`);
      }
    }
  }

  /** Something else, then over each file that cannot be used. */
  async #write({ store }: Opened): Promise<void> {
    if (!this.#isVital) await this.#writeElsewhere(store);
    for (const change of this.#changes) {
      if (!("bytes" in change) || change.bytes === null) continue;
      if (!isUnusable(change.path, change.bytes)) continue;
      const over = OVERWRITES.find(([pattern]) => pattern.test(change.path));
      if (over !== undefined) await this.#call(`over ${change.path}`, () => over[1](store));
    }
  }

  async #writeElsewhere(store: FlowStore): Promise<void> {
    // Whose folder is a link or a file, that cannot be written to.
    const isWhole = (folder: string): boolean =>
      this.#changes.every((change) => "bytes" in change || !covers(change.path, folder));
    if (!isWhole("events") || !isWhole("settings")) return;
    const written = await this.#call("write", async () => {
      await store.settings.set("torture", 1);
      return store.settings.get("torture");
    });
    if (written !== 1) this.#wrong.push("nothing else can be written");
  }

  /** What is damaged must outlive the next program that writes. */
  async #writeAnew(): Promise<void> {
    const opened = await this.#call("open anew", () => this.#world.open());
    if (opened === null) return;
    // So many that the journal goes on in a new file, with numbers above those of a damaged one.
    const isHurt = this.#changes.some(({ path }) => JOURNAL_FILE.test(path));
    for (let count = isHurt ? 45 : 1; count > 0; count -= 1) {
      const text = `${isHurt ? "x".repeat(8000) : ""}${count}`;
      await this.#call("write anew", () => opened.store.settings.set("torture", text));
    }
    await this.#call("close anew", () => opened.close());
  }

  async #repair({ store, check, repair }: Opened): Promise<void> {
    const before = this.#world.contents();
    await this.#call("dry repair", () => repair(true));
    if (!sameContents(before, this.#world.contents())) {
      this.#wrong.push("a dry repair has written");
    }
    const report = await this.#call("repair", () => repair(false));
    const findings = await this.#call("check afterwards", check);
    const shown = await this.#call("shown afterwards", () => shownBy(store));
    if (report === null || findings === null || shown === null) return;
    for (const line of this.#missing(shown)) this.#wrong.push(`not shown after repair: ${line}`);
    const again = await this.#call("repair again", () => repair(false));
    if (again !== null && again.done.length > 0) {
      this.#wrong.push(`a second repair does more: ${JSON.stringify(again.done)}`);
    }
  }
}

function sameContents(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  const isOwn = (path: string): boolean => /^local\/(?:journal|guard|fence|cache)\//.test(path);
  const ofPeople = (all: ReadonlyMap<string, string>): [string, string][] =>
    [...all].filter(([path]) => !isOwn(path));
  const [left, right] = [ofPeople(a), ofPeople(b)];
  return left.length === right.length && left.every(([path, bytes]) => b.get(path) === bytes);
}

function isSame(left: Finding, right: Finding): boolean {
  return left.file === right.file && left.rule === right.rule && left.line === right.line;
}

export async function attackTrees(
  { goal, seed, deadline, progress }: Task,
  plant: Plant = (opened) => opened,
): Promise<Verdict> {
  const violations: string[] = [];
  const kinds = new Map<string, number>();
  let tried = 0;
  let real = 0;
  while (tried < goal && performance.now() < deadline && violations.length < MOST_VIOLATIONS) {
    const isReal = tried % REAL_EVERY === REAL_EVERY - 1;
    // A tree can be had again by its own number, without those before it.
    const own = seed * 1_000_003 + tried;
    const { damages, wrong } = await tryTree(own, isReal, plant);
    tried += 1;
    if (isReal) real += 1;
    for (const { name } of damages) kinds.set(name, (kinds.get(name) ?? 0) + 1);
    const what = damages.map(({ name, changes }) => `${name} (${changes.map(({ path }) => path)})`);
    if (wrong.length > 0) violations.push(`tree ${tried}: ${what.join(", ")}: ${wrong.join("; ")}`);
    if (tried % 100 === 0) progress(`${tried} trees`);
  }
  const total = [...kinds.values()].reduce((sum, count) => sum + count, 0);
  const notes = [
    `${total} damages in ${tried} trees, ${real} of them in real folders`,
    `beside them the ${caseNames().length} trees of fixtures/damaged, which test/damage/corpus.test.ts holds to what is written of each`,
  ];
  return { tried, unit: "trees", violations, notes };
}

export const C12: Claim = {
  id: "C12",
  title: "bad input crashes nothing, deletes nothing, is named, and leaves the rest readable",
  needs: [],
  goals: { short: 2000, release: 10_000 },
  attack: (task) => attackTrees(task),
};
