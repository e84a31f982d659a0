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
/** A hand edit is seen by calls that begin so much later. */
const SEEN_AFTER_MS = 50;

/** What is put between the store and its disk. */
type Plant = (disk: Disk) => Disk;

/** The keys that this version knows of each kind: those of its schema. */
function knownKeys(): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    [...schemaFiles()].map(([name, text]) => {
      const { properties } = JSON.parse(text) as { properties: object };
      return [name.replace(/\.json$/, ""), new Set([...Object.keys(properties), "$schema"])];
    }),
  );
}

class Life {
  readonly #disk = new MemoryDisk();
  readonly #options = booted("boot-1", hurried());
  readonly #plant: Plant;
  readonly #dice: Dice;
  readonly #known: ReadonlyMap<string, ReadonlySet<string>>;
  /** The texts that a newer version left, by their paths. */
  readonly #newer = new Map<string, string>();
  readonly violations: string[] = [];
  readonly called = new Map<string, number>();

  constructor(dice: Dice, known: ReadonlyMap<string, ReadonlySet<string>>, plant: Plant) {
    this.#dice = dice;
    this.#known = known;
    this.#plant = plant;
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
      const text = withNewerKeys(before, kind.inner?.key ?? null, this.#dice);
      JSON.parse(text);
      this.#put(path, text);
      this.#newer.set(path, text);
    }
  }

  async #rewrite(stores: StoresOnDisk, name: string, kind: Kind): Promise<void> {
    for (const path of this.#paths(kind)) {
      const index = indexOf(name, this.#newer.get(path) ?? "", path);
      const calls: string[] = [];
      for (let count = 1 + this.#dice.below(MOST_REWRITES); count > 0; count -= 1) {
        const [call, act] = this.#dice.oneOf(Object.entries(kind.rewrites));
        calls.push(call);
        try {
          await act(stores, { index, path });
          this.called.set(`${name}: ${call}`, (this.called.get(`${name}: ${call}`) ?? 0) + 1);
        } catch (error) {
          // What is deleted, or held by another, cannot be changed any more.
          if (!isFlowError(error) || error.code === "INTERNAL" || error.code === "CORRUPT")
            throw error;
        }
      }
      const isOther = calls.some((call) => call === kind.inner?.endedBy);
      const same = isOther ? { ...kind, inner: null } : kind;
      this.#compareOne(name, same, path, `after ${calls.join(", ")}`);
    }
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
      // Of locks a checkpoint knows nothing.
      if (name === "lock") continue;
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

  get documents(): number {
    return this.#newer.size;
  }
}

/** Which document it is: kinds whose files are named after ids are in no order of their own. */
function indexOf(name: string, text: string, path: string): number {
  const members = new Map(membersOf(text));
  const key = { feature: "id", gap: "id", phases: "taskId", pipeline: "epicId", setting: "key" }[
    name
  ];
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
  const called = new Map<string, number>();
  let tried = 0;
  while (tried < goal && performance.now() < deadline && violations.length < MOST_VIOLATIONS) {
    const life = new Life(dice, known, plant);
    await life.run();
    violations.push(...life.violations);
    tried += life.documents;
    for (const [name, count] of life.called) called.set(name, (called.get(name) ?? 0) + count);
    progress(`${tried} documents`);
  }
  const calls = [...called.values()].reduce((sum, count) => sum + count, 0);
  const notes = [
    `${Object.keys(KINDS).length} kinds, ${calls} calls of ${called.size} kinds, a restore for each`,
  ];
  return { tried, unit: "documents", violations, notes };
}

export const C15: Claim = {
  id: "C15",
  title: "an older version keeps every key that a newer one wrote, in its order",
  needs: [],
  goals: { short: 1000, release: 8000 },
  attack: (task) => attackKeys(task),
};
