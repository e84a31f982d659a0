/** Opens a root and wires the rooms together: the only place that knows them all. */

import { setTimeout as sleep } from "node:timers/promises";

import { findProblems, findStateProblems } from "./check/check.ts";
import { repairRoot, type RepairOptions, type RepairReport } from "./check/repair.ts";
import { FlowError } from "./errors.ts";
import type { Disk } from "./disk/disk.ts";
import { FolderWatch } from "./disk/folder-watch.ts";
import { gitHead } from "./disk/git-head.ts";
import { isAlive, processOf, randomName, thisProcess } from "./disk/machine.ts";
import { randomBytesOf } from "./disk/random.ts";
import { nodeDisk } from "./disk/node-disk.ts";
import { ProjectFolder } from "./disk/project-folder.ts";
import { absolute, makeFolder, makeTemporaryFolder, removeTemporaryFolder } from "./disk/roots.ts";
import type { Finding } from "./finding.ts";
import { findRoot, initRoot, readManifest } from "./init.ts";
import { DECISION } from "./model/decisions.ts";
import { EventTypes } from "./model/event-types.ts";
import { toIso } from "./model/time.ts";
import { nextUlid } from "./model/ulid.ts";
import {
  badOption,
  durationOf,
  settingsOf,
  withFileSystem,
  type FlowStoreOptions,
  type Settings,
} from "./store-options.ts";
import {
  BLOB_PARTS,
  BLOBS,
  EVENTS,
  FORMAT,
  JOURNAL,
  LOCK_QUEUE,
  LOCKS,
  ROOT_NAME,
  segmentsIn,
} from "./storage/layout.ts";
import { Storage, type Durability } from "./storage/storage.ts";
import type { Reading, Writing } from "./storage/view.ts";
import type { FlowStoreStatus } from "./stores/status.ts";
import { idsOf, namesIds } from "./stores/change-events.ts";
import { Approvals } from "./stores/approvals.ts";
import { Blobs } from "./stores/blobs.ts";
import { asTooLarge } from "./stores/call-size.ts";
import { Changes } from "./stores/changes.ts";
import { Checkpoints } from "./stores/checkpoints.ts";
import { requireNote, requireOptions, type StoreContext } from "./stores/context.ts";
import { coordinationOf, isReadable } from "./stores/coordination-status.ts";
import { decisionIn, Decisions } from "./stores/decisions.ts";
import { Events } from "./stores/events.ts";
import { Features } from "./stores/features.ts";
import { Gaps } from "./stores/gaps.ts";
import { Locks } from "./stores/locks.ts";
import { LogWatch } from "./stores/log-watch.ts";
import { Memory } from "./stores/memory.ts";
import { Outputs } from "./stores/outputs.ts";
import { Phases } from "./stores/phases.ts";
import { Pipeline } from "./stores/pipeline.ts";
import { Projections } from "./stores/projections.ts";
import { ScoutCache } from "./stores/scout-cache.ts";
import { Settings as SettingsStore } from "./stores/settings.ts";
import { Subscriptions } from "./stores/subscriptions.ts";
import { tell, Told } from "./stores/told.ts";
import { CheckpointStore } from "./stores/workflows.ts";

export type { Durability, Finding, FlowStoreOptions, FlowStoreStatus, RepairOptions, RepairReport };

/** How a transaction runs. */
export interface TransactionOptions {
  /** How long it may run, in ms. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** What a check looks at. */
export interface CheckOptions {
  /** `events`: the log alone, every line of it; `blobs`: blobs alone, every byte. Default `all`. */
  readonly only?: "all" | "events" | "blobs" | undefined;
}

const CHECKED = ["all", "events", "blobs"] as const;
/** The folders that a part of a check is about. */
const FOLDERS_OF = { events: [EVENTS], blobs: [BLOBS, BLOB_PARTS] } as const;
const DEFAULT_TRANSACTION_TIMEOUT_MS = 5_000;
const ULID_RANDOM_BYTES = 10;

/** A `.flow/` folder, open. See README for the promises. */
export class FlowStore {
  /** The format that this version writes. */
  static readonly format: number = FORMAT;

  /** The absolute path of `.flow`. */
  readonly root: string;
  /** Who acts, where a call names no agent: the option `actor` or what stands in for it. */
  readonly actor: string;
  readonly features: Features;
  readonly changes: Changes;
  readonly events: Events;
  /** Which task may touch which path of the project. */
  readonly locks: Locks;
  /** Which phases of a task are done, and which is next. */
  readonly phases: Phases;
  /** In which phase an epic is. */
  readonly pipeline: Pipeline;
  /** What epics lack, and the gate that looks at it. */
  readonly gaps: Gaps;
  /** What was decided and why, in the log. */
  readonly decisions: Decisions;
  /** What tasks ask and somebody decides, once. */
  readonly approvals: Approvals;
  /** What agents learnt, each thing once. */
  readonly memory: Memory;
  /** Results that are good for a day, of this clone alone. */
  readonly scoutCache: ScoutCache;
  /** What tasks hand on, one markdown file each. */
  readonly outputs: Outputs;
  /** A JSON value for a key. */
  readonly settings: SettingsStore;
  /** Copies of documents, and the way back to them. */
  readonly checkpoints: Checkpoints;
  /** Read models: tables of rows, and queries over them. */
  readonly projections: Projections;
  /** Bytes by key. */
  readonly blobs: Blobs;
  /** Records of durable workflows, of this clone alone. */
  readonly workflows: CheckpointStore;
  readonly #storage: Storage;
  readonly #disk: Disk;
  readonly #settings: Settings;
  readonly #context: StoreContext;
  readonly #temporary: string | null;
  readonly #told: Told;
  readonly #subscriptions: Subscriptions;
  #closing: Promise<void> | null = null;

  private constructor(root: string, settings: Settings, temporary: string | null) {
    this.root = root;
    this.actor = settings.actor;
    this.#settings = settings;
    this.#temporary = temporary;
    this.#disk = nodeDisk(root);
    // Not from amid a call: what the listener throws or does must not break a commit under way.
    this.#told = new Told((finding) => queueMicrotask(() => tell(settings.onWarning, finding)));
    const project = root.slice(0, -ROOT_NAME.length - 1) || "/";
    const newUlid = (after: string | null, nowMs: number): string =>
      nextUlid(after, nowMs, () => randomBytesOf(ULID_RANDOM_BYTES));
    this.#storage = new Storage(this.#disk, {
      durability: settings.durability,
      guardTimeoutMs: settings.guardTimeoutMs,
      readOnly: settings.readOnly,
      actor: settings.actor,
      identity: thisProcess(),
      shared: settings.fileSystem.shared,
      gitHead: gitHead(project),
      wallMs: () => Date.now(),
      nowMs: settings.clock,
      monotonicMs: () => performance.now(),
      randomName,
      newUlid,
      toIso,
      sleep: (ms) => sleep(ms),
      idsOf,
      namesIds,
      onApplyPending: (paths) => {
        for (const { path, reason } of paths) this.#warnPending(path, reason);
      },
    });
    this.#context = {
      storage: this.#storage,
      actor: settings.actor,
      source: settings.source,
      nowMs: settings.clock,
      newUid: () => newUlid(null, settings.clock()),
      findings: {
        report: (finding) => this.#told.report(finding),
        fine: (file) => this.#told.fine(file),
        settle: (folder, found) => this.#settle(folder, found),
      },
    };
    this.changes = new Changes(this.#context);
    const types = new EventTypes();
    const watch = new LogWatch((changed) => new FolderWatch(`${root}/${JOURNAL}`, changed));
    this.#subscriptions = new Subscriptions(this.#context, { types, isAlive, watch });
    this.events = new Events(this.#context, types, this.#subscriptions);
    this.features = new Features(this.#context, this.changes);
    this.locks = new Locks(this.#context, {
      project: new ProjectFolder(project),
      isAlive,
      processOf,
    });
    this.phases = new Phases(this.#context, settings.phaseSequences);
    this.pipeline = new Pipeline(this.#context, settings.pipelinePhases);
    this.gaps = new Gaps(this.#context);
    this.decisions = new Decisions(this.#context);
    this.approvals = new Approvals(this.#context);
    this.memory = new Memory(this.#context);
    this.scoutCache = new ScoutCache(this.#context);
    this.outputs = new Outputs(this.#context);
    this.settings = new SettingsStore(this.#context);
    this.checkpoints = new Checkpoints(this.#context);
    this.projections = new Projections(this.#context);
    this.blobs = new Blobs(this.#context);
    this.workflows = new CheckpointStore(this.#context, watch);
  }

  /**
   * Makes `dir/.flow` where it is missing, and opens it. Safe to repeat: what is right stays.
   *
   * @param dir the project's folder. Default: the working folder.
   * @throws FlowError `IO` when it cannot be made, `UNSUPPORTED_FORMAT` for a newer one.
   */
  static async init(dir?: string, options: FlowStoreOptions = {}): Promise<FlowStore> {
    const project = absolute(requireFolderName(dir));
    const root = project.endsWith(`/${ROOT_NAME}`) ? project : `${project}/${ROOT_NAME}`;
    const settings = settingsOf(options, root);
    if (settings.readOnly) throw new FlowError("READ_ONLY", "Cannot make a store read-only");
    makeFolder(root);
    const disk = nodeDisk(root);
    readManifest(disk);
    initRoot(disk);
    return new FlowStore(root, withFileSystem(settings, root), null);
  }

  /**
   * Opens an existing root. Writes nothing.
   *
   * @param dir the project, any folder below it, or `.flow` itself. Default: the working folder.
   * @throws FlowError `NOT_INITIALIZED` without a root, `UNSUPPORTED_FORMAT` for a newer one,
   * `CORRUPT` when `flow.json` says nothing.
   */
  static async open(dir?: string, options: FlowStoreOptions = {}): Promise<FlowStore> {
    const start = absolute(requireFolderName(dir));
    const root = findRoot(start);
    if (root === null) {
      const why = `Cannot open a store: there is no ${ROOT_NAME}/ in ${start} or above it`;
      const hint = "Make one with `flowstore init` or FlowStore.init().";
      throw new FlowError("NOT_INITIALIZED", why, { context: { startDirectory: start }, hint });
    }
    readManifest(nodeDisk(root));
    return new FlowStore(root, withFileSystem(settingsOf(options, root), root), null);
  }

  /** A store in a fresh temporary folder that `close()` removes. */
  static async openTemporary(options: FlowStoreOptions = {}): Promise<FlowStore> {
    const project = makeTemporaryFolder();
    const root = `${project}/${ROOT_NAME}`;
    try {
      const settings = settingsOf(options, root);
      makeFolder(root);
      initRoot(nodeDisk(root));
      return new FlowStore(root, withFileSystem(settings, root), project);
    } catch (error) {
      removeTemporaryFolder(project);
      throw error;
    }
  }

  /**
   * Runs `fn`; all that it does through this store commits as one, or not at all if it throws.
   * Reads inside see its own writes, nobody else does before the end. Nested: a savepoint.
   *
   * @returns what `fn` returns.
   * @throws whatever `fn` throws; FlowError `TIMEOUT` past `timeoutMs` or when others hold the
   * store; `CONFLICT` (retryable) when this process was stopped and what it read has changed.
   */
  async transaction<T>(fn: () => Promise<T> | T, options: TransactionOptions = {}): Promise<T> {
    const { timeoutMs = DEFAULT_TRANSACTION_TIMEOUT_MS } = requireOptions(options, {
      timeoutMs: true,
    });
    if (typeof fn !== "function") throw badOption("fn", fn);
    let isRun = false;
    const act = async (): Promise<T> => {
      const value = await fn();
      isRun = true;
      return value;
    };
    try {
      return await this.#storage.transaction(act, durationOf("timeoutMs", timeoutMs));
    } catch (error) {
      // What the function threw is the caller's own; what came after it is the commit's.
      throw isRun ? asTooLarge(error) : error;
    } finally {
      await this.#subscriptions.settle();
    }
  }

  /**
   * Looks at every file and says what is wrong. Writes nothing; empty when all is well.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async check(options: CheckOptions = {}): Promise<Finding[]> {
    const { only = "all" } = requireOptions(options, { only: true });
    if (!CHECKED.includes(only)) throw badOption("only", only);
    const findings = await this.#storage.read((view) => this.#findProblems(view));
    if (only === "all") return findings;
    return findings.filter(({ file }) =>
      FOLDERS_OF[only].some((folder) => file === folder || file.startsWith(`${folder}/`)),
    );
  }

  /** Mends what can be mended without a loss; backs up what it changes; may be repeated. */
  async repair(options: RepairOptions = {}): Promise<RepairReport> {
    const { dryRun = false } = requireNote(options, { dryRun: true });
    if (typeof dryRun !== "boolean") throw badOption("dryRun", dryRun);
    const look = (): Promise<Finding[]> => this.#storage.read((view) => this.#findProblems(view));
    return repairRoot(this.#context, this.#disk, look, { dryRun });
  }

  /** Counts, what is open now, sizes and problems. Writes nothing. */
  async status(): Promise<FlowStoreStatus> {
    const features = await this.features.getStats();
    const hasLocks = await this.#storage.read((view) =>
      [LOCKS, LOCK_QUEUE].every((folder) => isReadable(view, folder)),
    );
    const locks = hasLocks ? await this.locks.holders() : [];
    const reader = await this.#storage.readerIfThere();
    const decisions = (reader?.ofType(DECISION) ?? []).filter(
      ({ event }) => decisionIn(event) !== null,
    );
    const coordination = await this.#storage.read((view) =>
      coordinationOf(view, locks, decisions.length),
    );
    const { journal } = this.#storage;
    const problems = await this.#storage.read((view) =>
      findStateProblems(this.#storage, view, this.#settings),
    );
    const isThere = this.#disk.stat(EVENTS)?.isDirectory() === true;
    const names = isThere ? (this.#disk.list(EVENTS) ?? []) : [];
    // A file of the journal that follows another begins with a record of nothing.
    const pending = journal.unapplied().filter(({ record }) => record.changes.length > 0);
    return {
      root: this.root,
      format: FORMAT,
      durability: this.#settings.durability,
      readOnly: this.#settings.readOnly,
      actor: this.#settings.actor,
      features,
      ...coordination,
      events: {
        ...(reader?.count() ?? { total: 0, provisional: 0 }),
        segments: segmentsIn(names).length,
        bytes: reader?.bytes ?? 0,
        lastSequence: reader?.last?.sequence ?? 0,
        epoch: journal.header?.epoch ?? null,
      },
      journal: { bytes: journal.size, pending: pending.length },
      fileSystem: this.#settings.fileSystem,
      problems,
    };
  }

  /** Ends calls under way, then lets everything go. Later calls are `CLOSED`. Safe to repeat. */
  async close(): Promise<void> {
    this.#closing ??= this.#end().catch((error: unknown) => {
      // Refused inside a transaction: then the store is still open.
      this.#closing = null;
      throw error;
    });
    return this.#closing;
  }

  async #end(): Promise<void> {
    const subscriptions = this.#subscriptions;
    await this.#storage.close(subscriptions.isUsed ? () => subscriptions.end() : null);
    if (this.#temporary !== null) removeTemporaryFolder(this.#temporary);
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #findProblems(view: Reading | Writing): Finding[] {
    return findProblems(this.#storage, view, this.#settings);
  }

  #settle(folder: string, found: readonly Finding[]): void {
    this.#told.settle(folder, found);
    const waiting = this.#storage.journal.unapplied().flatMap(({ stuck }) => [...stuck]);
    this.#told.applied((file) => waiting.includes(file));
  }

  #warnPending(path: string, reason: string): void {
    this.#told.report({
      file: path,
      rule: "APPLY_PENDING",
      severity: "warning",
      message: `The change is kept and ${path} follows: ${reason}`,
    });
  }
}

function requireFolderName(dir: unknown): string | undefined {
  if (dir === undefined) return undefined;
  if (typeof dir === "string" && dir !== "" && !dir.includes("\0")) return dir;
  throw badOption("dir", dir);
}
