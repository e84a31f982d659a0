/**
 * C15: what a newer version wrote is kept by an older one that reads and writes it again.
 *
 * Documents of every kind get keys that this version does not know, at every level, with values that
 * JavaScript cannot hold; then each is written again by calls that are drawn by chance, and the
 * whole is brought back from a checkpoint and repaired. No key may be lost, none may move.
 */
import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { isFlowError } from "#src/errors.js";
import { schemaFiles } from "#src/init.js";
import { inFolder } from "#src/storage/layout.js";
import { booted, hurried } from "../crash/rebooted.ts";
import { Dice } from "./c12-damages.ts";
import { repairOf } from "./c12-trees.ts";
import { KINDS, type Kind } from "./c15-documents.ts";
import { lostKeys, membersOf, withNewerKeys } from "./c15-keys.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

/** Of each kind so many lie in one store. */
const IN_ONE_STORE = 10;
const MOST_REWRITES = 3;
const MOST_VIOLATIONS = 20;
const CHECKPOINT = "with newer keys";
const FEATURES = /^features\//;
const REFUSALS: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND", "BAD_REQUEST"]);
const NOON_MS = Date.UTC(2030, 0, 1, 12);
/** A hand edit is seen by calls that begin so much later. */
const SEEN_AFTER_MS = 50;

/** What is put between the store and its disk. */
type Plant = (disk: Disk) => Disk;

type KnownKeys = ReadonlyMap<string, ReadonlySet<string>>;

/** The keys that this version knows of each kind: those of its schema. */
function knownKeys(): KnownKeys {
  const schemas = schemaFiles();
  return new Map(
    Object.entries(KINDS).map(([name, { known }]) => {
      if (known !== undefined) return [name, new Set(known)];
      const { properties } = JSON.parse(schemas.get(`${name}.json`) ?? "") as {
        properties: object;
      };
      return [name, new Set([...Object.keys(properties), "$schema"])];
    }),
  );
}

/** Documents that calls have changed, and how. */
class Counts {
  documents = 0;
  refusals = 0;
  /** By kind and call. */
  readonly changes = new Map<string, number>();

  /** The calls that have changed nothing. */
  idle(): string[] {
    const all = Object.entries(KINDS).flatMap(([name, { rewrites }]) =>
      Object.keys(rewrites).map((call) => `${name}: ${call}`),
    );
    return all.filter((call) => !this.changes.has(call));
  }
}

class Life {
  readonly #disk = new MemoryDisk();
  #nowMs = NOON_MS;
  /** Time passes: what only stamps a time changes something too. */
  readonly #options = { ...booted("boot-1", hurried()), nowMs: () => (this.#nowMs += 1) };
  readonly #plant: Plant;
  readonly #dice: Dice;
  readonly #known: KnownKeys;
  /** The texts that a newer version left, by their paths. */
  readonly #newer = new Map<string, string>();
  readonly violations: string[] = [];
  readonly counts: Counts;

  constructor(dice: Dice, known: KnownKeys, plant: Plant, counts: Counts) {
    this.#dice = dice;
    this.#known = known;
    this.#plant = plant;
    this.counts = counts;
    makeStoreRoot(this.#disk);
  }

  #open(): StoresOnDisk {
    return new StoresOnDisk(this.#plant(this.#disk), this.#options);
  }

  async run(): Promise<void> {
    await this.#make();
    for (const kind of Object.values(KINDS)) this.#grow(kind);
    const stores = this.#open();
    await stores.checkpoints.save(CHECKPOINT);
    for (const [name, kind] of Object.entries(KINDS)) await this.#rewrite(stores, name, kind);
    await stores.checkpoints.restore(CHECKPOINT);
    this.#compareAll("after the restore");
    await this.#repair(stores);
    this.#compareAll("after the repair");
    await this.#checkAll(stores);
    await stores.close();
  }

  async #make(): Promise<void> {
    const stores = new StoresOnDisk(this.#disk, this.#options);
    for (const { make } of Object.values(KINDS)) {
      for (let index = 0; index < IN_ONE_STORE; index += 1) await make(stores, index);
    }
    await stores.close();
  }

  get documents(): number {
    return this.#newer.size;
  }

  #paths(kind: Kind, folder = ""): string[] {
    return (this.#disk.list(folder) ?? []).flatMap((name) => {
      const path = inFolder(folder, name);
      if (this.#disk.stat(path)?.isDirectory() === true) return this.#paths(kind, path);
      return kind.files.test(path) && path.endsWith(".json") ? [path] : [];
    });
  }

  /** As a newer version writes them. */
  #grow(kind: Kind): void {
    for (const path of this.#paths(kind)) {
      const before = this.#disk.readText(path) ?? "";
      const text = withNewerKeys(before, kind, this.#dice);
      JSON.parse(text);
      this.#put(path, text);
      this.#newer.set(path, text);
    }
  }

  async #rewrite(stores: StoresOnDisk, name: string, kind: Kind): Promise<void> {
    for (const path of this.#paths(kind)) {
      const newer = this.#newer.get(path) ?? "";
      const subject = { index: indexOf(name, newer, path), path };
      const calls: string[] = [];
      for (let count = 1 + this.#dice.below(MOST_REWRITES); count > 0; count -= 1) {
        const [call, act] = this.#dice.oneOf(Object.entries(kind.rewrites));
        calls.push(call);
        await this.#call(`${name}: ${call}`, path, () => act(stores, subject));
      }
      if (this.#disk.readText(path) !== newer) this.counts.documents += 1;
      const isOther = calls.some((call) => call === kind.inner?.endedBy);
      const same = isOther ? { ...kind, inner: null } : kind;
      this.#compareOne(name, same, path, `after ${calls.join(", ")}`);
    }
  }

  async #call(name: string, path: string, act: () => Promise<unknown>): Promise<void> {
    const { changes } = this.counts;
    const before = this.#disk.readText(path);
    try {
      await act();
    } catch (error) {
      // What is deleted, or held by another, cannot be changed any more.
      const isRefused = isFlowError(error) && REFUSALS.has(error.code);
      if (!isRefused) throw error;
      this.counts.refusals += 1;
    }
    if (this.#disk.readText(path) !== before) changes.set(name, (changes.get(name) ?? 0) + 1);
  }

  /** Features without a uid, as an older version left them, get one. */
  async #repair(stores: StoresOnDisk): Promise<void> {
    for (const [path, text] of this.#newer) {
      if (!FEATURES.test(path) || this.#dice.chance(0.5)) continue;
      const older = text.replace(/^ {2}"uid": .*\n/m, "");
      this.#put(path, older);
      this.#newer.set(path, older);
    }
    await this.#options.sleep?.(SEEN_AFTER_MS);
    const { left } = await repairOf(stores, this.#plant(this.#disk), false);
    const uids = left.filter(({ rule }) => rule === "no-uid");
    for (const { file } of uids) this.violations.push(`${file} is not repaired`);
  }

  #put(path: string, text: string): void {
    this.#disk.create(`${path}.new`, text);
    this.#disk.rename(`${path}.new`, path);
  }

  #compareAll(when: string): void {
    for (const [name, kind] of Object.entries(KINDS)) {
      if (!kind.isInCheckpoints) continue;
      for (const path of this.#newer.keys()) {
        if (kind.files.test(path)) this.#compareOne(name, kind, path, when);
      }
    }
  }

  #compareOne(name: string, kind: Kind, path: string, when: string): void {
    const after = this.#disk.readText(path);
    // A lock that nobody holds any more is no document.
    if (after === null && name === "lock") return;
    const before = this.#newer.get(path) ?? "";
    const known = this.#known.get(name) ?? new Set();
    const lost = after === null ? ["the file"] : lostKeys(before, after, known, kind.inner);
    for (const one of lost) this.violations.push(`${path} ${when}: ${one}`);
  }

  async #checkAll(stores: StoresOnDisk): Promise<void> {
    const wrong = (await stores.check()).filter(({ severity }) => severity === "error");
    for (const { file, message } of wrong) this.violations.push(`check of ${file}: ${message}`);
  }
}

/** Which document it is: kinds whose files are named after ids are in no order of their own. */
function indexOf(name: string, text: string, path: string): number {
  const members = new Map(membersOf(text));
  const keys: Readonly<Record<string, string>> = {
    ...{ feature: "id", gap: "id", phases: "taskId", pipeline: "epicId", setting: "key" },
    ...{ blob: "key", row: "id" },
  };
  const key = keys[name];
  const word = key === undefined ? path : (members.get(key) ?? "");
  return Number(/(\d+)\D*$/.exec(word)?.[1] ?? 1) - 1;
}

export async function attackKeys(
  { goal, seed, deadline, progress }: Task,
  plant: Plant = (disk) => disk,
): Promise<Verdict> {
  const dice = new Dice(seededRandom(seed));
  const known = knownKeys();
  const violations: string[] = [];
  const counts = new Counts();
  let [stores, made] = [0, 0];
  const goesOn = (): boolean => performance.now() < deadline && violations.length < MOST_VIOLATIONS;
  for (; counts.documents < goal && goesOn(); stores += 1) {
    const life = new Life(dice, known, plant, counts);
    await life.run();
    made += life.documents;
    violations.push(...life.violations);
    progress(`${counts.documents} documents`);
  }
  const { documents, refusals } = counts;
  const changes = [...counts.changes.values()].reduce((sum, count) => sum + count, 0);
  const notes = [
    `${documents} documents of ${Object.keys(KINDS).length} kinds were changed of ${made} in ${stores} stores, by ${changes} calls of ${counts.changes.size} kinds; ${refusals} calls were refused`,
  ];
  return { tried: documents, unit: "documents", violations, notes, ...untriedOf(counts) };
}

/** Of so many documents each call has changed some. */
const EACH_CALL = 500;

function untriedOf(counts: Counts): Pick<Verdict, "untried"> {
  const idle = counts.documents < EACH_CALL ? [] : counts.idle();
  return idle.length === 0 ? {} : { untried: idle.map((call) => `${call} changed nothing`) };
}

export const C15: Claim = {
  id: "C15",
  title:
    "an older version keeps every key that a newer one wrote into what git carries, in its order",
  needs: [],
  goals: { short: 1000, release: 8000 },
  attack: (task) => attackKeys(task),
};
