/**
 * Locks: which task may touch which path of the project. Every call reads all locks, decides by a
 * pure function in `model/`, and writes what became different in one commit: what is in the way is
 * never looked for apart from taking it.
 */

import { badField, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import {
  decideHeartbeat,
  decideRelease,
  decideReleaseAll,
  holdersInTheWay,
  refuseDamaged,
  type LockRequest,
} from "../model/lock-decisions.ts";
import {
  byPath,
  holderOf,
  LockDraft,
  locksOf,
  shownLock,
  standingOf,
  type DamagedLock,
  type LockWorld,
} from "../model/lock-draft.ts";
import { lockedError, lockLost } from "../model/lock-errors.ts";
import {
  judgeAcquire,
  requireMode,
  requirePaths,
  type AcquireLocksInput,
} from "../model/lock-inputs.ts";
import {
  eventsAbout,
  heldIn,
  lockEventOf,
  loggedPart,
  lostIn,
  type LockEvent,
} from "../model/lock-log.ts";
import {
  Demand,
  reaches,
  type LockEntry,
  type LockHolder,
  type LockProcess,
} from "../model/locks.ts";
import { toIso } from "../model/time.ts";
import type { Writing } from "../storage/view.ts";
import { requireNote, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { fileNameFor } from "./documents.ts";
import { LockCommits, type Obtained } from "./lock-commits.ts";
import type { IsAlive } from "./lock-files.ts";
import type {
  ListLocksOptions,
  LockConflictsOptions,
  LockHeartbeat,
  LockHistoryOptions,
  ReleaseLocksInput,
  TriedLocks,
} from "./lock-options.ts";
import { LockPaths, type ProjectFiles } from "./lock-paths.ts";

/** What locks ask of the system around the store. */
export interface LockSurroundings {
  readonly project: ProjectFiles;
  readonly isAlive: IsAlive;
  /** A process by its number; `null` when there is none. */
  readonly processOf: (pid: number) => LockProcess | null;
}

/**
 * Locks on paths of the project, between tasks. They bind those who ask for them; nothing keeps a
 * program from writing a file that it did not lock. They belong to this clone (`local/locks/`).
 */
export class Locks {
  readonly #context: StoreContext;
  readonly #surroundings: LockSurroundings;
  readonly #paths: LockPaths;
  readonly #commits: LockCommits;

  constructor(context: StoreContext, surroundings: LockSurroundings) {
    this.#context = context;
    this.#surroundings = surroundings;
    this.#paths = new LockPaths(surroundings.project);
    this.#commits = new LockCommits(context, this.#paths.keyOf, surroundings.isAlive);
  }

  // ---- taking --------------------------------------------------------------------------------

  /**
   * Locks paths for a task, all or none, in one commit. What the task holds already in the same or
   * a stronger mode (`directory_add` < `read` < `write`) is renewed: mode and token stay, `ttlMs`
   * counts from now. In a weaker one it becomes the stronger, with a new token, if no other task is
   * in the way.
   *
   * A pattern is expanded now. `folder/**` locks the folder itself, so files that come to be in it
   * are covered; any other pattern locks the files that match now.
   *
   * With `waitMs` it waits in a queue: first come, first served. Nobody gets what somebody waits for
   * who came first and still waits, so nobody starves.
   *
   * @returns the locks in the order of the paths, durable.
   * @throws FlowError `LOCKED` with every lock in the way (`context.holders`) and everybody who came
   * first (`context.waiters`); `BAD_REQUEST` for paths outside of the project, a pattern that
   * matches nothing, and for waiting in a transaction; `CORRUPT` when the file of a lock that could
   * be in the way cannot be used; `ABORTED` by the signal.
   */
  async acquire(input: AcquireLocksInput): Promise<LockEntry[]> {
    const begun = this.#context.storage.options.monotonicMs();
    const { request, obtained, waits } = await this.#obtain(input);
    if (obtained.kind === "granted") return [...obtained.locks];
    const waitedMs = waits ? this.#context.storage.options.monotonicMs() - begun : 0;
    throw lockedError(obtained, request, this.#paths.keyOf, waitedMs);
  }

  /** {@link acquire} with the refusal as a value. @throws FlowError everything else. */
  async tryAcquire(input: AcquireLocksInput): Promise<TriedLocks> {
    const { obtained } = await this.#obtain(input);
    if (obtained.kind === "granted") return { acquired: true, locks: [...obtained.locks] };
    return { acquired: false, holders: obtained.holders, waiters: obtained.waiters };
  }

  async #obtain(
    input: AcquireLocksInput,
  ): Promise<{ request: LockRequest; obtained: Obtained; waits: boolean }> {
    requireNote(input);
    const { words, waitMs, signal, bindToPid, ...judged } = judgeAcquire(input);
    const { agent, source, note } = input;
    const process = this.#processOf(bindToPid);
    const targets = await this.#paths.targets("Cannot lock", words, judged.mode);
    const actor = agent ?? this.#context.actor;
    const request = { ...judged, actor, process, targets };
    const by = { agent, source, note };
    const obtained = await this.#commits.obtain(request, { waitMs, signal }, by);
    return { request, obtained, waits: waitMs > 0 };
  }

  #processOf(bindToPid: boolean | number | undefined): LockProcess | null | undefined {
    if (bindToPid === undefined) return undefined;
    if (bindToPid === false) return null;
    if (bindToPid === true) return this.#context.storage.options.identity;
    const found = this.#surroundings.processOf(bindToPid);
    if (found !== null) return found;
    throw badField("Cannot lock", "bindToPid", `names no process: there is none with ${bindToPid}`);
  }

  // ---- looking -------------------------------------------------------------------------------

  /**
   * The locks that a path has to do with: on it, on a folder above it, or below it. Those that are
   * over by now are not among them, whoever cleans up.
   *
   * @throws FlowError `CORRUPT` when the file of such a lock cannot be used: it is not "free".
   */
  async check(path: string): Promise<LockEntry[]> {
    const demand = this.#demandOf("Cannot look for locks", path);
    return this.#commits.look((world) => {
      refuseDamaged(world, demand);
      return this.#chosen(world, demand, {}).map((entry) => shownLock(world, entry));
    });
  }

  /**
   * Locks by path and task. Damaged files are left out and reported.
   *
   * @throws FlowError `BAD_REQUEST`; with `path`, `CORRUPT` as {@link check}.
   */
  async list(options: ListLocksOptions = {}): Promise<LockEntry[]> {
    return this.#listed(options, shownLock);
  }

  /** {@link list} with the age of each lock and whether its process lives. */
  async holders(options: ListLocksOptions = {}): Promise<LockHolder[]> {
    return this.#listed(options, holderOf);
  }

  /**
   * The locks that would be in the way of locking these paths now; takes nothing and waits for
   * nothing.
   *
   * @throws FlowError `BAD_REQUEST`, `CORRUPT` as {@link acquire}.
   */
  async conflicts(options: LockConflictsOptions): Promise<LockHolder[]> {
    const doing = "Cannot look for conflicts";
    const { paths, taskId, mode = "write" } = requireOptions(options);
    if (taskId !== undefined) requireText(doing, "taskId", taskId);
    const keys = requirePaths(doing, paths).flatMap((path, at) =>
      this.#paths.literalKeys(doing, `paths[${at}]`, path),
    );
    const demand = new Demand(requireMode(doing, mode), keys);
    return this.#commits.look((world) => {
      refuseDamaged(world, demand);
      const inTheWay = holdersInTheWay(new LockDraft(world), demand, taskId);
      return inTheWay.map((entry) => holderOf(world, entry));
    });
  }

  /**
   * Whether a lock still holds, for whoever is about to write. Nothing can stop a write between
   * this and the write itself: keep that time short, and hand the token on to what can check it.
   *
   * @returns the lock.
   * @throws FlowError `LOCK_LOST`, with who holds the path now, unless a lock with this token
   * reaches the path and lives; `CORRUPT` when it may stand in a file that cannot be used.
   */
  async assertHeld(path: string, token: number): Promise<LockEntry> {
    const doing = "Cannot tell whether the lock holds";
    if (!Number.isSafeInteger(token))
      throw badField(doing, "token", `must be a whole number, not ${shown(token)}`);
    const { keyOf } = this.#paths;
    const key = this.#paths.realKey(doing, "path", path);
    const demand = new Demand("write", [key]);
    return this.#commits.look((world) => {
      const locks = this.#chosen(world, demand, {});
      const held = locks.find((lock) => {
        return lock.token === token && reaches({ key: keyOf(lock.path), mode: lock.mode }, key);
      });
      if (held !== undefined) return shownLock(world, held);
      refuseDamaged(world, demand);
      const holders = locks.map((entry) => holderOf(world, entry));
      throw lockLost(path, token, holders);
    });
  }

  /**
   * What happened to locks, oldest first: this clone's own log, of which the last 3 to 4 MiB are
   * kept.
   */
  async history(options: LockHistoryOptions = {}): Promise<LockEvent[]> {
    const doing = "Cannot look at the history of locks";
    const { path, taskId } = requireOptions(options);
    if (taskId !== undefined) requireText(doing, "taskId", taskId);
    const keys = path === undefined ? null : this.#paths.literalKeys(doing, "path", path);
    const lines = await this.#context.storage.read((view) => this.#commits.lines(view, taskId));
    const all = lines.map(lockEventOf).filter((event) => event !== null);
    const about = keys === null ? all : eventsAbout(all, keys, this.#paths.keyOf);
    return about.filter((event) => taskId === undefined || event.taskId === taskId);
  }

  // ---- keeping and giving back ---------------------------------------------------------------

  /**
   * Lets a task's locks live on, each for its own `ttlMs` from now. What has expired stays lost, even
   * where nobody else has taken it: somebody may have, and released it again.
   */
  async heartbeat(taskId: string, options: ChangeNote = {}): Promise<LockHeartbeat> {
    requireText("Cannot renew locks", "taskId", taskId);
    return this.#commits.change(requireNote(options), (draft, write) => ({
      extended: decideHeartbeat(draft, taskId),
      lost: this.#lost(draft, write, taskId),
    }));
  }

  /**
   * Gives back a task's locks on exactly these paths, and no others.
   *
   * A damaged file of a lock on such a path goes too: its bytes are kept in `local/quarantine/`.
   *
   * @returns how many locks and damaged files.
   */
  async release(input: ReleaseLocksInput): Promise<number> {
    const doing = "Cannot release locks";
    const { taskId, paths, ...note } = requireNote(input);
    requireText(doing, "taskId", taskId);
    const keys = await this.#paths.keys(doing, requirePaths(doing, paths));
    return this.#commits.change(note, (draft, write) => {
      const names = new Set([...keys].map(fileNameFor));
      const { keyOf } = this.#paths;
      const damaged = draft.world.damaged.filter(
        ({ name, path }) => names.has(name) || (path !== null && keys.has(keyOf(path))),
      );
      this.#commits.files.clear(write, damaged, note);
      return this.#release(draft, write, taskId, keys) + damaged.length;
    });
  }

  /** Gives back all locks of a task. @returns how many. */
  async releaseForTask(taskId: string, options: ChangeNote = {}): Promise<number> {
    requireText("Cannot release locks", "taskId", taskId);
    return this.#commits.change(requireNote(options), (draft, write) =>
      this.#release(draft, write, taskId, null),
    );
  }

  #release(
    draft: LockDraft,
    write: Writing,
    taskId: string,
    keys: ReadonlySet<string> | null,
  ): number {
    const { nowMs, keyOf } = draft.world;
    // Whoever gives back what it has lost knows of it.
    for (const lost of this.#lost(draft, write, taskId)) {
      if (keys !== null && !keys.has(keyOf(lost.path))) continue;
      draft.note({ at: toIso(nowMs), event: "forgotten", ...loggedPart(lost) });
    }
    return decideRelease(draft, taskId, keys);
  }

  /**
   * Takes all locks away, whosever they are, and damaged files too; their bytes are kept in
   * `local/quarantine/`. The tasks are told by their next heartbeat.
   *
   * @returns how many locks and damaged files.
   */
  async releaseAll(options: ChangeNote = {}): Promise<number> {
    return this.#commits.change(requireNote(options), (draft, write) => {
      const { damaged } = draft.world;
      this.#commits.files.clear(write, damaged, options);
      return decideReleaseAll(draft) + damaged.length;
    });
  }

  /**
   * Cleans up what counts no more: expired locks, those of processes that have ended, places in the
   * queue at which nobody waits, and damaged files of locks of which the log says that nobody can
   * hold them any more. Nobody has to call it: readers and takers see what is over without it.
   *
   * @returns how many locks and damaged files.
   */
  async cleanupStale(options: ChangeNote = {}): Promise<number> {
    return this.#commits.change(requireNote(options), (draft, write) => {
      const { files } = this.#commits;
      const stale = draft.lines.filter(({ event }) => event === "expired" || event === "dead");
      const over = draft.world.damaged.filter((damaged) => this.#isOver(draft, write, damaged));
      files.clear(write, over, options);
      files.sweepQueue(write, options);
      return stale.length + over.length;
    });
  }

  /** Whether the log says that no lock in a damaged file can count any more. */
  #isOver({ world }: LockDraft, write: Writing, { path }: DamagedLock): boolean {
    const held = path === null ? null : heldIn(this.#commits.lines(write), path, world.keyOf);
    return held !== null && held.every((entry) => standingOf(world, entry) !== "live");
  }

  #lost(draft: LockDraft, write: Writing, taskId: string): LockEntry[] {
    const lines = [...this.#commits.lines(write, taskId), ...draft.lines];
    return lostIn(lines, taskId, draft.world.keyOf).sort(byPath);
  }

  #demandOf(doing: string, path: string): Demand {
    return new Demand("write", this.#paths.literalKeys(doing, "path", path));
  }

  async #listed<T>(
    options: ListLocksOptions,
    show: (world: LockWorld, entry: LockEntry) => T,
  ): Promise<T[]> {
    const doing = "Cannot list locks";
    const { taskId, path, expired } = requireOptions(options);
    if (taskId !== undefined) requireText(doing, "taskId", taskId);
    if (expired !== undefined && typeof expired !== "boolean")
      throw badField(doing, "expired", `must be true or false, not ${shown(expired)}`);
    const demand = path === undefined ? null : this.#demandOf(doing, path);
    return this.#commits.look((world) => {
      if (demand !== null) refuseDamaged(world, demand);
      return this.#chosen(world, demand, options).map((entry) => show(world, entry));
    });
  }

  /** The locks of a list, in its order. */
  #chosen(
    world: LockWorld,
    demand: Demand | null,
    { taskId, expired = false }: ListLocksOptions,
  ): LockEntry[] {
    const { keyOf } = this.#paths;
    return [...locksOf(world)]
      .filter((entry) => taskId === undefined || entry.taskId === taskId)
      .filter((entry) => demand?.meets({ key: keyOf(entry.path), mode: entry.mode }) !== false)
      .filter((entry) => (standingOf(world, entry) === "live") !== expired)
      .sort(byPath);
  }
}
