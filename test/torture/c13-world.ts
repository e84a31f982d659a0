/**
 * A store on a disk in memory whose process is killed, whose power is cut, whose files git and
 * people change; and what must be in it then.
 */
import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { folderOf, inFolder, isLocal } from "#src/storage/layout.js";
import { hurried } from "../crash/rebooted.ts";
import { Model, rowOf } from "../features/model.ts";
import { makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

/** Nobody bears this pid: whoever comes next need not wait for the guard of one that was killed. */
const NOBODY = 2 ** 30;
/** A hand edit is seen by reads that begin so much later. */
const SEEN_AFTER_MS = 25;
/** When the tests' clocks begin. */
const MORNING_MS = Date.UTC(2030, 0, 1, 8);

/** What stands between a store and its disk, to see whether that is noticed. */
export type Plant = (disk: Disk) => Disk;

/** What git has of a commit. */
export interface Snapshot {
  readonly files: ReadonlyMap<string, string>;
  readonly model: ModelWorld;
}

/** What is expected. */
export class ModelWorld {
  features = new Model();
  settings = new Map<string, number>();
  /** The highest id that the files and the log know: what is left without `local/`. */
  lastIdInTree = 0;
  /** The highest id that any feature ever had. */
  highestGiven = 0;
  snapshots: Snapshot[] = [];

  copy(): ModelWorld {
    const copy = new ModelWorld();
    copy.features = this.features.copy();
    copy.settings = new Map(this.settings);
    copy.lastIdInTree = this.lastIdInTree;
    copy.highestGiven = this.highestGiven;
    copy.snapshots = this.snapshots;
    return copy;
  }

  /** Takes over what another expects. */
  become(other: ModelWorld): void {
    this.features = other.features;
    this.settings = other.settings;
    this.lastIdInTree = other.lastIdInTree;
    this.highestGiven = Math.max(this.highestGiven, other.highestGiven);
  }
}

/** The store, and what happens around it. */
export class RealWorld {
  stores: StoresOnDisk;
  #disk: MemoryDisk;
  #boot = 1;
  #head = 1;
  #nowMs = MORNING_MS;
  /** How many changes the process may still make before it is killed. */
  #left = Infinity;
  #processes = 0;

  readonly #plant: Plant;

  /** @param plant what is put between the store and the disk */
  constructor(plant: Plant = (disk) => disk) {
    this.#plant = plant;
    const disk = new MemoryDisk({ now: () => this.#nowMs });
    makeStoreRoot(disk);
    this.#disk = disk.crash("all");
    this.stores = this.#open();
  }

  #open(): StoresOnDisk {
    this.#processes += 1;
    this.#left = Infinity;
    const own = this.#processes;
    const disk = wrapDisk(this.#disk, (operation, path, act) => {
      if (own !== this.#processes) throw ioError(operation, path, "EIO");
      if (MUTATING.has(operation)) this.#left -= 1;
      if (this.#left < 0) throw ioError(operation, path, "EIO");
      return act();
    });
    return new StoresOnDisk(this.#plant(disk), {
      ...hurried(),
      actor: "tester",
      identity: { ...thisProcess(), bootId: `boot-${this.#boot}`, pid: NOBODY, pidStart: null },
      gitHead: () => `head ${this.#head}`,
      nowMs: () => this.#tick(),
      wallMs: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      sleep: async (ms) => {
        this.#nowMs += Math.max(ms, SEEN_AFTER_MS);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
  }

  #tick(): number {
    this.#nowMs += 1;
    return this.#nowMs;
  }

  // ---- processes and power -------------------------------------------------------------------

  async reopen(): Promise<void> {
    await this.stores.close();
    this.stores = this.#open();
  }

  /**
   * Some time passes: a writer has been there, and the system has written everything to the disk by
   * itself. (Before the first writer after a power cut, a file that is removed is taken for one that
   * the power cut took.)
   */
  async #rest(): Promise<void> {
    await this.stores.storage.recover();
    await this.stores.close();
    this.#disk = this.#disk.crash("all");
    this.stores = this.#open();
  }

  /** Kills the process before the k-th change of a call; `false` when it had answered before. */
  async killAt(k: number, call: () => Promise<unknown>): Promise<boolean> {
    this.#left = k - 1;
    await call().catch(() => undefined);
    const isKilled = this.#left < 0;
    this.#left = Infinity;
    if (!isKilled) return false;
    await this.#replace();
    await this.stores.storage.recover();
    return true;
  }

  /** Another process takes over from one that is gone: nothing that this one does counts. */
  async #replace(): Promise<void> {
    const gone = this.stores;
    this.stores = this.#open();
    // For the memory that it holds alone.
    await gone.close().catch(() => undefined);
  }

  /** Cuts the power: of what was not synced anything may be lost. */
  async cutPower(random: () => number): Promise<void> {
    this.#disk = this.#disk.crash("random", { random });
    this.#boot += 1;
    this.#nowMs += SEEN_AFTER_MS;
    await this.#replace();
  }

  // ---- git and people ------------------------------------------------------------------------

  /** Every file that git would track. */
  #tracked(): Map<string, string> {
    return new Map([...this.#disk.snapshotTree()].filter(([path]) => !isLocal(path)));
  }

  /** As `git commit -a`, some time after the last change: a power cut may have taken files. */
  async commit(model: ModelWorld): Promise<Snapshot> {
    await this.#rest();
    this.#head += 1;
    return { files: this.#tracked(), model: model.copy() };
  }

  /**
   * As `git checkout`, some time after the last change (in the same moment a file that is removed
   * is taken for one that a power cut took): what differs is removed and made anew.
   */
  async checkOut({ files }: Snapshot): Promise<void> {
    await this.#rest();
    this.#head += 1;
    const now = this.#tracked();
    for (const path of now.keys()) {
      if (files.get(path) === now.get(path)) continue;
      this.#disk.remove(path);
      this.#disk.syncFolder(folderOf(path));
    }
    for (const [path, text] of files) if (text !== now.get(path)) this.#write(path, text);
    this.#nowMs += SEEN_AFTER_MS;
  }

  /** Puts a file in its place as an editor does that cares, by another file and a rename. */
  #write(path: string, text: string): void {
    const temporary = `${path}.tmp`;
    this.#disk.create(temporary, text);
    this.#disk.syncFile(temporary);
    this.#disk.rename(temporary, path);
    this.#disk.syncFolder(folderOf(path));
  }

  /** The file of a feature, some time after the last change; `null` when nobody has one. */
  async fileOf(id: number): Promise<string | null> {
    await this.#rest();
    const names = this.#disk.list("features") ?? [];
    const living = names.filter((name) => {
      const text = this.#disk.readText(inFolder("features", name)) ?? "";
      return name.startsWith(`${id}-`) && !text.includes('"deletedAt"');
    });
    return living[0] === undefined ? null : inFolder("features", living[0]);
  }

  /**
   * As a person edits a name, with the store open, in place or not, with line ends of one kind or
   * the other.
   */
  edit(path: string, name: string, way: "in place" | "replaced" | "CRLF"): void {
    const before = this.#disk.readText(path) ?? "";
    const text = before.replace(/"name": "[^"]*"/, () => `"name": ${JSON.stringify(name)}`);
    if (way !== "in place") {
      this.#write(path, way === "CRLF" ? text.replaceAll(/\r?\n/g, "\r\n") : text);
    } else {
      // Made short and written anew, as `echo >` does: the inode stays.
      const handle = this.#disk.open(path, "write");
      const bytes = Buffer.from(text);
      const padding = Buffer.alloc(Math.max(0, Buffer.byteLength(before) - bytes.length), " ");
      handle?.write(Buffer.concat([bytes, padding]), 0);
      handle?.sync();
      handle?.close();
      this.#disk.syncFolder(folderOf(path));
    }
    this.#nowMs += SEEN_AFTER_MS;
  }

  removeByHand(path: string): void {
    this.#disk.remove(path);
    this.#disk.syncFolder(folderOf(path));
    this.#nowMs += SEEN_AFTER_MS;
  }

  /**
   * As `git clean -fdx`, some time after the last change: until the system has written the files to
   * the disk by itself, the journal is what makes them last.
   */
  async loseLocal(): Promise<void> {
    await this.#rest();
    await this.stores.close();
    const remove = (folder: string): void => {
      for (const name of this.#disk.list(folder) ?? []) {
        const path = inFolder(folder, name);
        if (this.#disk.stat(path)?.isDirectory() === true) remove(path);
        else this.#disk.remove(path);
      }
      this.#disk.removeFolder(folder);
    };
    remove("local");
    this.#disk.syncFolder("");
    this.stores = this.#open();
  }

  // ---- looking -------------------------------------------------------------------------------

  /** What is there, as the model has it. */
  async shown(): Promise<string> {
    const { features, settings, events } = this.stores;
    return JSON.stringify([
      (await features.getAll()).map(rowOf),
      Object.fromEntries((await settings.list()).map(({ key, value }) => [key, value])),
      (await events.query({})).length,
    ]);
  }

  async assertAs(model: ModelWorld): Promise<void> {
    assert.equal(await this.shown(), shownOf(model));
  }

  /** Nothing is wrong with the files; what no event explains, people and git have done. */
  async assertSound(): Promise<void> {
    const wrong = (await this.stores.check()).filter(({ severity }) => severity === "error");
    assert.deepEqual(wrong, []);
  }

  async end(): Promise<void> {
    await this.stores.close();
  }
}

export function shownOf({ features, settings }: ModelWorld): string {
  const sorted = [...settings].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([features.sorted(), Object.fromEntries(sorted), features.events]);
}

/** The code that a call is refused with; `null` when it is not. */
export async function refusalOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (!isFlowError(error)) throw error;
    return error.code;
  }
}
