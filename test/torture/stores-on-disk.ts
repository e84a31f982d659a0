/** All stores over a disk double, as `FlowStore` makes them over a folder. */
import { randomBytes } from "node:crypto";

import { findProblems } from "#src/check/check.js";
import type { Disk } from "#src/disk/disk.js";
import { isAlive, processOf } from "#src/disk/machine.js";
import { ProjectFolder } from "#src/disk/project-folder.js";
import type { Finding } from "#src/finding.js";
import { MANAGED_BLOCKS, manifestText, schemaFiles, withBlock } from "#src/init.js";
import { EventTypes } from "#src/model/event-types.js";
import { phaseSequencesOf } from "#src/model/phases.js";
import { nextUlid } from "#src/model/ulid.js";
import {
  inFolder,
  LOCAL,
  LOCAL_IGNORE,
  MANIFEST,
  SCHEMA,
  TRACKED_FOLDERS,
} from "#src/storage/layout.js";
import { Storage, type StorageOptions } from "#src/storage/storage.js";
import { Approvals } from "#src/stores/approvals.js";
import { idsOf } from "#src/stores/change-events.js";
import { Blobs } from "#src/stores/blobs.js";
import { Changes } from "#src/stores/changes.js";
import { Checkpoints } from "#src/stores/checkpoints.js";
import type { StoreContext } from "#src/stores/context.js";
import { Decisions } from "#src/stores/decisions.js";
import { Events } from "#src/stores/events.js";
import { Features } from "#src/stores/features.js";
import { Gaps } from "#src/stores/gaps.js";
import { Locks } from "#src/stores/locks.js";
import { LogWatch } from "#src/stores/log-watch.js";
import { Memory } from "#src/stores/memory.js";
import { Outputs } from "#src/stores/outputs.js";
import { Phases } from "#src/stores/phases.js";
import { Pipeline } from "#src/stores/pipeline.js";
import { Projections } from "#src/stores/projections.js";
import { ScoutCache } from "#src/stores/scout-cache.js";
import { Settings } from "#src/stores/settings.js";
import { Subscriptions } from "#src/stores/subscriptions.js";
import { NOBODY } from "#src/stores/told.js";
import { CheckpointStore } from "#src/stores/workflows.js";
import { storageOptions, tempFolder } from "../storage/support.ts";

/** The clock of a test's user: stands still, so that what is stamped can be compared. */
const NOON_MS = Date.UTC(2030, 0, 1, 12);
const ULID_RANDOM_BYTES = 10;
export const PIPELINE_PHASES = ["plan", "work", "close"] as const;

/** Locks look at paths of a project: an empty one. */
let project: ProjectFolder | undefined;

/** A root as `init` leaves it. */
export function makeStoreRoot(disk: Disk): void {
  for (const folder of [...TRACKED_FOLDERS, LOCAL]) disk.makeFolder(folder);
  for (const [path, lines] of MANAGED_BLOCKS) disk.create(path, withBlock("", lines));
  for (const [name, text] of schemaFiles()) disk.create(inFolder(SCHEMA, name), text);
  disk.create(LOCAL_IGNORE, "*\n");
  disk.create(MANIFEST, manifestText());
}

/** What `FlowStore` offers. */
export class StoresOnDisk {
  readonly storage: Storage;
  readonly features: Features;
  readonly changes: Changes;
  readonly events: Events;
  readonly locks: Locks;
  readonly phases: Phases;
  readonly pipeline: Pipeline;
  readonly gaps: Gaps;
  readonly decisions: Decisions;
  readonly approvals: Approvals;
  readonly memory: Memory;
  readonly scoutCache: ScoutCache;
  readonly outputs: Outputs;
  readonly settings: Settings;
  readonly checkpoints: Checkpoints;
  readonly projections: Projections;
  readonly blobs: Blobs;
  readonly workflows: CheckpointStore;

  constructor(disk: Disk, changed: Partial<StorageOptions> = {}) {
    const nowMs = changed.nowMs ?? (() => NOON_MS);
    const usual = { gitHead: () => "head", idsOf, nowMs };
    this.storage = new Storage(disk, storageOptions(disk, { ...usual, ...changed }));
    const context: StoreContext = {
      storage: this.storage,
      actor: changed.actor ?? "agent",
      source: "test",
      nowMs,
      newUid: () => nextUlid(null, nowMs(), () => randomBytes(ULID_RANDOM_BYTES)),
      findings: NOBODY,
    };
    this.changes = new Changes(context);
    const types = new EventTypes();
    // Nothing tells of changes on a disk of the memory.
    const watch = new LogWatch(() => ({ refresh: () => undefined, close: () => undefined }));
    this.events = new Events(context, types, new Subscriptions(context, { types, isAlive, watch }));
    this.features = new Features(context, this.changes);
    project ??= new ProjectFolder(tempFolder());
    this.locks = new Locks(context, { project, isAlive, processOf });
    this.phases = new Phases(context, phaseSequencesOf(undefined));
    this.pipeline = new Pipeline(context, PIPELINE_PHASES);
    this.gaps = new Gaps(context);
    this.decisions = new Decisions(context);
    this.approvals = new Approvals(context);
    this.memory = new Memory(context);
    this.scoutCache = new ScoutCache(context);
    this.outputs = new Outputs(context);
    this.settings = new Settings(context);
    this.checkpoints = new Checkpoints(context);
    this.projections = new Projections(context);
    this.blobs = new Blobs(context);
    this.workflows = new CheckpointStore(context, watch);
  }

  transaction<T>(act: () => Promise<T>): Promise<T> {
    return this.storage.transaction(act, 60_000);
  }

  check(): Promise<Finding[]> {
    const surroundings = {
      fileSystem: { name: "memory", shared: false },
      pipelinePhases: PIPELINE_PHASES,
    };
    return this.storage.read((view) => findProblems(this.storage, view, surroundings));
  }

  close(): Promise<void> {
    return this.storage.close();
  }
}

const EPICS = ["fn-1", "fn-2"] as const;
const TASKS = ["fn-1.1", "fn-1.2"] as const;

/** Everything that a store shows, as one text. */
export async function everythingIn(stores: StoresOnDisk): Promise<string> {
  const each = async <T>(names: readonly string[], look: (name: string) => Promise<T>) =>
    Promise.all(names.map(look));
  const outputs = await stores.outputs.list();
  const shown = {
    features: await stores.features.getAll(),
    graph: await stores.features.getGraph(),
    gaps: await each(EPICS, (epic) => stores.gaps.list(epic)),
    phases: await each(TASKS, (task) => stores.phases.get(task)),
    pipeline: await stores.pipeline.list(),
    decisions: await stores.decisions.list({ limit: 100 }),
    approvals: await stores.approvals.list(),
    memory: await stores.memory.list(),
    settings: await stores.settings.list(),
    outputs: await each(
      outputs.map(({ taskId }) => taskId),
      async (task) => [task, await stores.outputs.read(task)],
    ),
    cache: await each(["one", "two"], (key) => stores.scoutCache.get(key)),
    locks: await stores.locks.list(),
    lockLog: (await stores.locks.history()).map(({ event, taskId, path }) => [event, taskId, path]),
    checkpoints: (await stores.checkpoints.list()).map(({ name, documents }) => [name, documents]),
    rows: await each(["orders", "workflows"], (table) => rowsOf(stores, table)),
    blobs: await each(await keysOf(stores), async (key) => [
      key,
      // A key without its content is an error here, and so no state that is allowed.
      String((await stores.blobs.get(key))?.data),
    ]),
    events: await stores.events.query({}),
  };
  return JSON.stringify(shown);
}

/** By key: the clock stands still, and the places of rows are of their times. */
async function rowsOf({ projections }: StoresOnDisk, table: string): Promise<unknown[]> {
  const rows = await projections.list(table);
  return rows.toSorted((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1));
}

async function keysOf({ blobs }: StoresOnDisk): Promise<string[]> {
  return (await blobs.list()).map(({ key }) => key);
}

/**
 * The same without what chance gave: ids by the order in which they appear. Two stores that made
 * the same changes show the same.
 */
export function withoutChance(shown: string): string {
  const places = new Map<string, number>();
  const place = (id: string): string => {
    if (!places.has(id)) places.set(id, places.size);
    return `#${places.get(id)}`;
  };
  return shown
    .replaceAll(/"(?:revision|updatedAt)":"[^"]*",?/g, "")
    .replaceAll(/[0-7][0-9A-HJKMNP-TV-Z]{25}/g, place);
}
