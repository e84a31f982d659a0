/** The healthy tree of the corpus with damages in it, on a disk in memory or in a real folder. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FlowError, FlowStore, type Finding, type RepairReport } from "flowstore";

import { findProblems, findStateProblems } from "#src/check/check.js";
import { repairRoot } from "#src/check/repair.js";
import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { readManifest } from "#src/init.js";
import { pipelinePhasesOf } from "#src/model/pipeline.js";
import { nextUlid } from "#src/model/ulid.js";
import { decodeLine, encodeLine, splitLines } from "#src/storage/journal-lines.js";
import { foldersOf, inFolder, LOCAL } from "#src/storage/layout.js";
import type { StoreContext } from "#src/stores/context.js";
import { NOBODY } from "#src/stores/told.js";
import { booted, hurried } from "../crash/rebooted.ts";
import { makeHealthy } from "../damage/corpus.ts";
import { QUICK, snapshot } from "../features/support.ts";
import { tempFolder } from "../storage/support.ts";
import type { Change, Files } from "./c12-damages.ts";
import { StoresOnDisk } from "./stores-on-disk.ts";

/** A store in such a tree. */
export interface Opened {
  readonly store: FlowStore;
  check(): Promise<readonly Finding[]>;
  /** What `status` names. */
  problems(): Promise<readonly Finding[]>;
  repair(isDry: boolean): Promise<RepairReport>;
  close(): Promise<void>;
}

/** A damaged tree. */
export interface World {
  open(): Promise<Opened>;
  /** Every file's bytes by its path, and where links lead. */
  contents(): Map<string, string>;
  /** Takes it away. */
  end(): void;
}

const ROOT = ".flow";

/** The files of the healthy tree. */
export function healthyFiles(): Files {
  const root = join(tempFolder(), ROOT);
  makeHealthy(root);
  const files = Object.entries(snapshot(root)).filter(([, { kind }]) => kind === "file");
  return new Map(files.map(([path, { bytes }]) => [path, Buffer.from(bytes, "latin1")]));
}

// ---- in memory -------------------------------------------------------------------------------

const SURROUNDINGS = {
  fileSystem: { name: "memory", shared: false },
  pipelinePhases: pipelinePhasesOf(undefined),
};

/** A disk with these files, whose journal names the `local/` that it has there. */
export function diskWith(files: Files): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) {
    for (const folder of foldersOf(path).toReversed()) if (folder !== "") disk.makeFolder(folder);
    disk.create(path, bytes);
  }
  const local = disk.stat(LOCAL)?.ino ?? 0;
  for (const name of disk.list("local/journal") ?? []) {
    const path = inFolder("local/journal", name);
    const lines: Buffer[] = [];
    splitLines(disk.read(path) ?? Buffer.alloc(0), (bytes) => {
      const line = decodeLine(bytes, name);
      if (line !== null) lines.push(encodeLine(line.kind === "header" ? { ...line, local } : line));
    });
    disk.remove(path);
    disk.create(path, Buffer.concat(lines));
  }
  return disk;
}

async function checkOf({ storage }: StoresOnDisk): Promise<Finding[]> {
  return storage.read((view) => findProblems(storage, view, SURROUNDINGS));
}

/** As `FlowStore` repairs a folder. */
export async function repairOf(
  stores: StoresOnDisk,
  disk: Disk,
  dryRun: boolean,
): Promise<RepairReport> {
  const { storage } = stores;
  const { nowMs } = storage.options;
  const context: StoreContext = {
    ...{ storage, nowMs, actor: "agent", source: "test", findings: NOBODY },
    newUid: () => nextUlid(null, nowMs(), () => randomBytes(10)),
  };
  return repairRoot(context, disk, () => checkOf(stores), { dryRun });
}

class InMemory implements World {
  readonly #disk: MemoryDisk;

  constructor(start: MemoryDisk, changes: readonly Change[]) {
    this.#disk = new MemoryDisk({}, start.beginning());
    for (const change of changes) this.#make(change);
  }

  #make(change: Change): void {
    const disk = this.#disk;
    disk.remove(change.path);
    if ("folder" in change) disk.makeFolder(change.path);
    else if ("bytes" in change && change.bytes !== null) disk.create(change.path, change.bytes);
  }

  async open(): Promise<Opened> {
    const disk = this.#disk;
    if (readManifest(disk) === null) throw new FlowError("NOT_INITIALIZED", "No flow.json");
    const options = booted("boot-2", hurried());
    const stores = new StoresOnDisk(disk, options);
    const { storage } = stores;
    const check = (): Promise<Finding[]> => checkOf(stores);
    return {
      store: stores as unknown as FlowStore,
      check,
      problems: async () => {
        await stores.features.getStats();
        return storage.read((view) => findStateProblems(storage, view, SURROUNDINGS));
      },
      repair: (dryRun) => repairOf(stores, disk, dryRun),
      close: () => stores.close(),
    };
  }

  contents(): Map<string, string> {
    const all = new Map<string, string>();
    const visit = (folder: string): void => {
      for (const name of this.#disk.list(folder) ?? []) {
        const path = inFolder(folder, name);
        if (this.#disk.stat(path)?.isDirectory() === true) visit(path);
        else all.set(path, (this.#disk.read(path) ?? Buffer.alloc(0)).toString("latin1"));
      }
    };
    visit("");
    return all;
  }

  end(): void {
    // Nothing is left of it.
  }
}

// ---- in a folder -----------------------------------------------------------------------------

let count = 0;

class InFolder implements World {
  readonly #project: string;

  constructor(folder: string, changes: readonly Change[]) {
    count += 1;
    this.#project = join(folder, String(count));
    const root = join(this.#project, ROOT);
    mkdirSync(this.#project);
    makeHealthy(root);
    mkdirSync(join(this.#project, "outside"));
    writeFileSync(join(this.#project, "outside/kept.json"), '{ "id": 1 }\n');
    for (const change of changes) this.#make(root, change);
  }

  #make(root: string, change: Change): void {
    const path = join(root, change.path);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(dirname(path), { recursive: true });
    if ("folder" in change) mkdirSync(path);
    else if ("link" in change) symlinkSync(change.link, path);
    else if (change.bytes !== null) writeFileSync(path, change.bytes);
  }

  async open(): Promise<Opened> {
    const store = await FlowStore.open(join(this.#project, ROOT), QUICK);
    return {
      store,
      check: () => store.check(),
      problems: async () => (await store.status()).problems,
      repair: (dryRun) => store.repair({ dryRun }),
      close: () => store.close(),
    };
  }

  contents(): Map<string, string> {
    const all = Object.entries(snapshot(this.#project));
    const things = all.filter(([, { kind }]) => kind === "file" || kind === "link");
    return new Map(
      things.map(([path, { kind, bytes }]) => {
        const name = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : `../${path}`;
        return [name, kind === "link" ? `-> ${bytes}` : bytes];
      }),
    );
  }

  end(): void {
    rmSync(this.#project, { recursive: true, force: true });
  }
}

/** What makes damaged trees of either kind. */
export class Trees {
  readonly files: Files;
  readonly #start: MemoryDisk;
  readonly #folder = tempFolder();

  constructor() {
    this.files = healthyFiles();
    this.#start = diskWith(this.files);
  }

  inMemory(changes: readonly Change[]): World {
    return new InMemory(this.#start, changes);
  }

  inFolder(changes: readonly Change[]): World {
    return new InFolder(this.#folder, changes);
  }
}
