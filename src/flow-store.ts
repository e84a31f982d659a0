/** Opens a root and wires the rooms together: the only place that knows them all. */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { findProblems, findStateProblems } from "./check/check.ts";
import { repairRoot, type RepairOptions, type RepairReport } from "./check/repair.ts";
import { FlowError } from "./errors.ts";
import type { Disk } from "./disk/disk.ts";
import { fileSystemOf } from "./disk/file-system.ts";
import { gitHead } from "./disk/git-head.ts";
import { gitEmail } from "./disk/git-identity.ts";
import { randomName, thisProcess } from "./disk/machine.ts";
import { nodeDisk } from "./disk/node-disk.ts";
import {
  absolute,
  isFile,
  isFolder,
  makeFolder,
  makeTemporaryFolder,
  removeTemporaryFolder,
  upwards,
} from "./disk/roots.ts";
import type { Finding } from "./finding.ts";
import { initRoot, readManifest } from "./init.ts";
import { toIso } from "./model/time.ts";
import { nextUlid } from "./model/ulid.ts";
import { EVENTS, FORMAT, MANIFEST, ROOT_NAME } from "./storage/layout.ts";
import { Storage, type Durability } from "./storage/storage.ts";
import type { Reading, Writing } from "./storage/view.ts";
import type { FlowStoreStatus } from "./stores/status.ts";
import { Changes } from "./stores/changes.ts";
import { requireOptions, type StoreContext } from "./stores/context.ts";
import { shown } from "./model/json-values.ts";
import { Events } from "./stores/events.ts";
import { Features } from "./stores/features.ts";

export type { Durability, Finding, FlowStoreStatus, RepairOptions, RepairReport };

/** How a store is opened. */
export interface FlowStoreOptions {
  /**
   * What an acknowledged change survives: `full` (default) kill -9 and power loss; `relaxed`
   * kill -9, and power loss but for the last 100 ms; `none` kill -9 only.
   */
  readonly durability?: Durability | undefined;
  /** How long a write waits for others, in ms. Default 10,000. */
  readonly guardTimeoutMs?: number | undefined;
  /** Who acts. Default: env `FLOW_ACTOR`, git's `user.email`, env `USER`, `unknown`. */
  readonly actor?: string | undefined;
  /** Through what, in events. Default `api`. */
  readonly source?: string | undefined;
  /** Refuses every write with `READ_ONLY`. Default false. */
  readonly readOnly?: boolean | undefined;
  /** The time, in ms since 1970, for events and leases. Default: the machine's clock. */
  readonly clock?: (() => number) | undefined;
  /** Takes what is wrong with files that calls come upon, each once. Default: nothing. */
  readonly onWarning?: ((finding: Finding) => void) | undefined;
}

/** How a transaction runs. */
export interface TransactionOptions {
  /** How long it may run, in ms. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_GUARD_TIMEOUT_MS = 10_000;
const DEFAULT_TRANSACTION_TIMEOUT_MS = 5_000;
const ULID_RANDOM_BYTES = 10;

/** A `.flow/` folder, open. See README for the promises. */
export class FlowStore {
  /** The format that this version writes. */
  static readonly format: number = FORMAT;

  /** The absolute path of `.flow`. */
  readonly root: string;
  readonly features: Features;
  readonly changes: Changes;
  readonly events: Events;
  readonly #storage: Storage;
  readonly #disk: Disk;
  readonly #settings: Settings;
  readonly #context: StoreContext;
  readonly #temporary: string | null;
  readonly #warned = new Set<string>();
  #closing: Promise<void> | null = null;

  private constructor(root: string, settings: Settings, temporary: string | null) {
    this.root = root;
    this.#settings = settings;
    this.#temporary = temporary;
    this.#disk = nodeDisk(root);
    const project = root.slice(0, -ROOT_NAME.length - 1) || "/";
    const newUlid = (after: string | null, nowMs: number): string =>
      nextUlid(after, nowMs, () => randomBytes(ULID_RANDOM_BYTES));
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
      report: (finding) => this.#warn(finding),
    };
    this.changes = new Changes(this.#context);
    this.events = new Events(this.#context);
    this.features = new Features(this.#context, this.changes);
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
      throw new FlowError(
        "NOT_INITIALIZED",
        `Cannot open a store: there is no ${ROOT_NAME}/ in ${start} or above it`,
        {
          context: { startDirectory: start },
          hint: "Make one with `flowstore init` or FlowStore.init().",
        },
      );
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
    const { timeoutMs = DEFAULT_TRANSACTION_TIMEOUT_MS } = requireOptions(options);
    if (typeof fn !== "function") throw badOption("fn", fn);
    return this.#storage.transaction(fn, durationOf("timeoutMs", timeoutMs));
  }

  /** Looks at every file and says what is wrong. Writes nothing; empty when all is well. */
  async check(): Promise<Finding[]> {
    return this.#storage.read((view) => this.#findProblems(view));
  }

  /** Mends what can be mended without a loss; backs up what it changes; may be repeated. */
  async repair(options: RepairOptions = {}): Promise<RepairReport> {
    const { dryRun = false } = requireOptions(options);
    if (typeof dryRun !== "boolean") throw badOption("dryRun", dryRun);
    const look = (): Promise<Finding[]> => this.#storage.read((view) => this.#findProblems(view));
    return repairRoot(this.#context, this.#disk, look, { dryRun });
  }

  /** Counts, sizes and problems. Writes nothing. */
  async status(): Promise<FlowStoreStatus> {
    const features = await this.features.getStats();
    const { events } = await this.#storage.events();
    const { journal, log } = this.#storage;
    const extents = [...log.extents().values()];
    const problems = await this.#storage.read((view) =>
      findStateProblems(this.#storage, view, this.#settings.fileSystem),
    );
    return {
      root: this.root,
      format: FORMAT,
      durability: this.#settings.durability,
      readOnly: this.#settings.readOnly,
      actor: this.#settings.actor,
      features,
      events: {
        total: events.length,
        provisional: events.filter(({ provisional }) => provisional).length,
        segments: (this.#disk.list(EVENTS) ?? []).filter((name) => name.endsWith(".jsonl")).length,
        bytes: extents.reduce((sum, [bytes]) => sum + bytes, 0),
        lastSequence: events.at(-1)?.sequence ?? 0,
        epoch: journal.header?.epoch ?? null,
      },
      journal: { bytes: journal.size, pending: journal.unapplied().length },
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
    await this.#storage.close();
    if (this.#temporary !== null) removeTemporaryFolder(this.#temporary);
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #findProblems(view: Reading | Writing): Finding[] {
    return findProblems(this.#storage, view, this.#settings.fileSystem);
  }

  /** Tells of a finding once, until it changes. */
  #warn(finding: Finding): void {
    const key = `${finding.file}\n${finding.rule}\n${finding.message}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    // Not from amid a call: what the listener throws or does must not break a commit under way.
    queueMicrotask(() => tell(this.#settings.onWarning, finding));
  }

  #warnPending(path: string, reason: string): void {
    this.#warn({
      file: path,
      rule: "APPLY_PENDING",
      severity: "warning",
      message: `The change is kept and ${path} follows: ${reason}`,
    });
  }
}

/** Options with their defaults. */
interface Settings {
  readonly durability: Durability;
  readonly guardTimeoutMs: number;
  readonly actor: string;
  readonly source: string;
  readonly readOnly: boolean;
  readonly clock: () => number;
  readonly onWarning: (finding: Finding) => void;
  readonly fileSystem: { readonly name: string; readonly shared: boolean };
}

function settingsOf(options: FlowStoreOptions, root: string): Settings {
  const { durability, guardTimeoutMs, actor, source, readOnly, clock, onWarning } =
    requireOptions(options);
  if (durability !== undefined && !["full", "relaxed", "none"].includes(durability)) {
    throw badOption("durability", durability);
  }
  for (const [name, value] of Object.entries({ actor, source })) {
    if (
      value !== undefined &&
      (typeof value !== "string" || value === "" || !value.isWellFormed())
    ) {
      throw badOption(name, value);
    }
  }
  for (const [name, value] of Object.entries({ clock, onWarning })) {
    if (value !== undefined && typeof value !== "function") throw badOption(name, value);
  }
  if (readOnly !== undefined && typeof readOnly !== "boolean")
    throw badOption("readOnly", readOnly);
  return {
    durability: durability ?? "full",
    guardTimeoutMs: durationOf(
      "guardTimeoutMs",
      guardTimeoutMs === undefined ? DEFAULT_GUARD_TIMEOUT_MS : guardTimeoutMs,
    ),
    actor: actor ?? defaultActor(root),
    source: source ?? "api",
    readOnly: readOnly ?? false,
    clock: clock ?? (() => Date.now()),
    onWarning: onWarning ?? (() => undefined),
    fileSystem: { name: "unknown", shared: false },
  };
}

function withFileSystem(settings: Settings, root: string): Settings {
  return { ...settings, fileSystem: fileSystemOf(root) };
}

function defaultActor(root: string): string {
  const { FLOW_ACTOR, USER } = process.env;
  if (FLOW_ACTOR !== undefined && FLOW_ACTOR !== "") return FLOW_ACTOR;
  const email = gitEmail(root.slice(0, -ROOT_NAME.length - 1));
  if (email !== null) return email;
  return USER === undefined || USER === "" ? "unknown" : USER;
}

/** The root for a folder: itself, its `.flow`, or that of a folder above it. */
function findRoot(start: string): string | null {
  if (start.endsWith(`/${ROOT_NAME}`) && isFile(`${start}/${MANIFEST}`)) return start;
  for (const folder of upwards(start)) {
    const root = folder === "/" ? `/${ROOT_NAME}` : `${folder}/${ROOT_NAME}`;
    if (isFolder(root) && isFile(`${root}/${MANIFEST}`)) return root;
  }
  return null;
}

function requireFolderName(dir: unknown): string {
  if (dir === undefined) return process.cwd();
  if (typeof dir === "string" && dir !== "" && !dir.includes("\0")) return dir;
  throw badOption("dir", dir);
}

/** Node's timers count in 32 bits, and a longer one ends at once: 24.8 days stand for "for ever". */
const MAX_TIMER_MS = 2 ** 31 - 1;

function durationOf(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return Math.min(Math.max(0, value), MAX_TIMER_MS);
  throw badOption(name, value);
}

function badOption(name: string, value: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot use the store: ${name} cannot be ${shown(value)}`, {
    context: { field: name },
  });
}

/** A listener that throws ends no process and no commit; that it threw is said on stderr. */
function tell(listener: (finding: Finding) => void, finding: Finding): void {
  try {
    listener(finding);
  } catch (error) {
    // Whatever a caller's function throws is expected here, and is the caller's.
    process.emitWarning(`onWarning threw: ${String(error)}`, "FlowStoreWarning");
  }
}
