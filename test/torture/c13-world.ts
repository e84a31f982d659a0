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
import { folderOf, inFolder, isLocal, QUARANTINE } from "#src/storage/layout.js";
import { hurried } from "../crash/rebooted.ts";
import { Model, rowOf, type Row } from "../features/model.ts";
import { makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

/** Nobody bears this pid: whoever comes next need not wait for the guard of one that was killed. */
const NOBODY = 2 ** 30;
/** A hand edit is seen by reads that begin 20 ms later; not by one that begins in that very ms. */
const SEEN_AFTER_MS = 21;
/** Files are stamped by a clock that ticks so slowly: two edits may bear one time. */
const TICK_MS = 4;
/** Nobody edits sooner: within a tick of the clock a power cut may take an edit for an older image. */
const HAND_MS = 10;
/** When the tests' clocks begin. */
const MORNING_MS = Date.UTC(2030, 0, 1, 8);

/** What stands between a store and its disk, to see whether that is noticed. */
export type Plant = (disk: Disk) => Disk;

/** What git has of a commit. */
export interface Snapshot {
  readonly files: ReadonlyMap<string, string>;
  readonly model: ModelWorld;
}

/**
 * When people and git come: `at once` meets a store that is open, warm, and has just written;
 * `rested` one that was opened anew after the system had written everything to the disk.
 */
export const MOMENTS = ["at once", "at once", "rested"] as const;
export type Moment = (typeof MOMENTS)[number];

/** How a document is edited; `twice` in one tick of the clock, with a look in between. */
export const EDITS = ["in place", "twice", "replaced", "CRLF"] as const;
export type Edit = (typeof EDITS)[number];

/** A file as it was edited, and the name that its last commit gave it. */
interface Edited {
  readonly path: string;
  readonly text: string;
  readonly committed: string;
}

/** What a call that was killed came to: refused with a code, answered, or nobody knows. */
export type Killed = { readonly isAnswered: boolean; readonly refusal: string | null };

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
  /** What no writer has cleaned up after yet. */
  #leftBy: "a kill" | "a power cut" | null = null;
  /** Files were removed whose commit may not be on the disk: a power cut would bring them back. */
  #hasRemoved = false;
  /** Edits of files whose commit may not be on the disk, by feature. */
  readonly #edited = new Map<number, Edited>();

  readonly #plant: Plant;

  /** @param plant what is put between the store and the disk */
  constructor(plant: Plant = (disk) => disk) {
    this.#plant = plant;
    const disk = new MemoryDisk({ now: () => this.#nowMs - (this.#nowMs % TICK_MS) });
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

  /** Some time passes: a writer has been there, the system has written everything by itself. */
  async #rest(): Promise<void> {
    await this.recover();
    await this.stores.close();
    this.#disk = this.#disk.crash("all");
    this.#hasRemoved = false;
    this.#edited.clear();
    this.stores = this.#open();
  }

  /** A writer comes. */
  async recover(): Promise<void> {
    await this.stores.storage.recover();
    this.#leftBy = null;
  }

  /** A writer comes after whoever was killed: until then what he did may not be in the files. */
  async #settle(): Promise<void> {
    if (this.#leftBy !== null) await this.recover();
  }

  /** Somebody comes, and finds a store that is open and has just looked at everything. */
  async #come(moment: Moment): Promise<void> {
    await (moment === "rested" ? this.#rest() : this.#settle());
    await this.shown();
  }

  /**
   * Kills the process before the k-th change of a call, or as soon as it is answered. Nobody has
   * written since: what is committed and not in the files is shown by readers alone.
   */
  async killAt(k: number, call: () => Promise<unknown>): Promise<Killed> {
    this.#left = k - 1;
    const killed = await refusalOf(call).then((refusal) => ({
      isAnswered: refusal !== "IO",
      refusal: refusal === "IO" ? null : refusal,
    }));
    this.#leftBy = "a kill";
    await this.#replace();
    return killed;
  }

  /** Another process takes over from one that is gone: nothing that this one does counts. */
  async #replace(): Promise<void> {
    const gone = this.stores;
    this.stores = this.#open();
    // For the memory that it holds alone.
    await gone.close().catch(() => undefined);
  }

  /**
   * Cuts the power: of what was not synced anything may be lost. Whose call was killed has its
   * change for certain, or not, only from the next writer on.
   *
   * @returns the features whose file may be as its last commit made it, not as a person did later
   */
  async cutPower(random: () => number): Promise<ReadonlyMap<number, Edited>> {
    if (this.#hasRemoved) await this.#rest();
    if (this.#leftBy === "a kill") await this.#settle();
    const edited = new Map(this.#edited);
    for (const [id, { path, text }] of edited)
      if (this.#disk.readText(path) !== text) edited.delete(id);
    this.#edited.clear();
    this.#leftBy = "a power cut";
    this.#disk = this.#disk.crash("random", { random });
    this.#boot += 1;
    this.#nowMs += SEEN_AFTER_MS;
    await this.#replace();
    return edited;
  }

  /** What was kept aside, by its file. */
  quarantined(): ReadonlyMap<string, string> {
    const names = this.#disk.list(QUARANTINE) ?? [];
    return new Map(
      names.map((name) => [name, this.#disk.readText(inFolder(QUARANTINE, name)) ?? ""]),
    );
  }

  // ---- git and people ------------------------------------------------------------------------

  /** Every file that git would track. */
  #tracked(): Map<string, string> {
    return new Map([...this.#disk.snapshotTree()].filter(([path]) => !isLocal(path)));
  }

  /** As `git commit -a`. */
  async commit(model: ModelWorld): Promise<Snapshot> {
    await this.#settle();
    this.#head += 1;
    return { files: this.#tracked(), model: model.copy() };
  }

  /** As `git checkout`: what differs is removed and made anew. */
  async checkOut({ files }: Snapshot, moment: Moment): Promise<void> {
    await this.#come(moment);
    this.#head += 1;
    if (moment === "at once") this.#hasRemoved = true;
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

  /** The file of a feature, which somebody is about to change; `null` when nobody has one. */
  async fileOf(id: number, moment: Moment): Promise<string | null> {
    await this.#come(moment);
    const names = this.#disk.list("features") ?? [];
    const living = names.filter((name) => {
      const text = this.#disk.readText(inFolder("features", name)) ?? "";
      return name.startsWith(`${id}-`) && !text.includes('"deletedAt"');
    });
    return living[0] === undefined ? null : inFolder("features", living[0]);
  }

  /** As a person edits a name: in place or not, with line ends of one kind or the other. */
  async edit(path: string, { id, name }: Row, to: string, way: Edit): Promise<void> {
    this.#nowMs += HAND_MS;
    const before = this.#disk.readText(path) ?? "";
    const last = this.#edited.get(id);
    const committed = last?.text === before ? last.committed : name;
    const named = (other: string): string =>
      before.replace(/"name": "[^"]*"/, () => `"name": ${JSON.stringify(other)}`);
    if (way === "in place") this.#overwrite(path, named(to));
    else if (way === "twice") {
      this.#overwrite(path, named(to.toUpperCase()));
      await this.shown();
      this.#overwrite(path, named(to));
    } else {
      const text = named(to);
      this.#write(path, way === "CRLF" ? text.replaceAll(/\r?\n/g, "\r\n") : text);
    }
    this.#edited.set(id, { path, text: this.#disk.readText(path) ?? "", committed });
    this.#nowMs += SEEN_AFTER_MS;
  }

  /** Written anew, no shorter than before, as `echo >` does: the inode stays. */
  #overwrite(path: string, text: string): void {
    const handle = this.#disk.open(path, "write");
    const bytes = Buffer.from(text);
    const size = this.#disk.stat(path)?.size ?? 0;
    const padding = Buffer.alloc(Math.max(0, size - bytes.length), " ");
    handle?.write(Buffer.concat([bytes, padding]), 0);
    handle?.sync();
    handle?.close();
    this.#disk.syncFolder(folderOf(path));
  }

  removeByHand(path: string, moment: Moment): void {
    if (moment === "at once") this.#hasRemoved = true;
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
