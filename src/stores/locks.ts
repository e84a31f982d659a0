/**
 * Locks: which task may touch which path of the project. Every call reads all locks, decides by a
 * pure function in `model/`, and writes what became different in one commit: what is in the way is
 * never looked for apart from taking it.
 */

import { badField, requireText } from "../model/given.ts";
import {
  decideHeartbeat,
  decideRelease,
  decideReleaseAll,
  type LockRequest,
} from "../model/lock-decisions.ts";
import { holderOf, shownLock, type LockDraft } from "../model/lock-draft.ts";
import { lockedError } from "../model/lock-errors.ts";
import { judgeAcquire, requirePaths, type AcquireLocksInput } from "../model/lock-inputs.ts";
import { loggedPart, type LockEvent } from "../model/lock-log.ts";
import type { LockEntry, LockHolder, LockKind, LockProcess } from "../model/locks.ts";
import { toIso } from "../model/time.ts";
import type { Writing } from "../storage/view.ts";
import { requireNote, requireNoteIn, type ChangeNote, type StoreContext } from "./context.ts";
import { fileNameFor } from "./documents.ts";
import { LockCommits, type Obtained } from "./lock-commits.ts";
import type { IsAlive } from "./lock-files.ts";
import { LockLooks } from "./lock-looks.ts";
import type {
  ListLocksOptions,
  LockConflictsOptions,
  LockHeartbeat,
  LockHistoryOptions,
  ReleaseLocksInput,
  TriedLocks,
} from "./lock-options.ts";
import { LockPaths, type HeldPaths, type ProjectFiles } from "./lock-paths.ts";

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
  readonly #looks: LockLooks;

  constructor(context: StoreContext, surroundings: LockSurroundings) {
    this.#context = context;
    this.#surroundings = surroundings;
    this.#paths = new LockPaths(surroundings.project);
    this.#commits = new LockCommits(context, this.#paths.keyOf, surroundings.isAlive);
    this.#looks = new LockLooks(context, this.#paths, this.#commits);
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
   * who came first and still waits, but a task for which that one has waited since before it came:
   * by a lock that it still holds. So nobody starves.
   *
   * @returns the locks in the order of the paths, durable.
   * @throws FlowError `LOCKED` with every lock in the way (`context.holders`) and everybody who came
   * first (`context.waiters`); `BAD_REQUEST` for paths outside of the project, a pattern that
   * matches nothing, and for waiting in a transaction; `CORRUPT` when the file of a lock that could
   * be in the way, or their folder, cannot be used; `ABORTED` by the signal.
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
    requireNoteIn(input);
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
    return this.#looks.check(path);
  }

  /**
   * Locks by path and task. Damaged files are left out and reported.
   *
   * @throws FlowError `BAD_REQUEST`; with `path`, `CORRUPT` as {@link check}.
   */
  async list(options: ListLocksOptions = {}): Promise<LockEntry[]> {
    return this.#looks.list(options, shownLock);
  }

  /** {@link list} with the age of each lock and whether its process lives. */
  async holders(options: ListLocksOptions = {}): Promise<LockHolder[]> {
    return this.#looks.list(options, holderOf);
  }

  /**
   * The locks that would be in the way of locking these paths now; takes nothing and waits for
   * nothing.
   *
   * @throws FlowError `BAD_REQUEST`, `CORRUPT` as {@link acquire}.
   */
  async conflicts(options: LockConflictsOptions): Promise<LockHolder[]> {
    return this.#looks.conflicts(options);
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
    return this.#looks.assertHeld(path, token);
  }

  /**
   * What happened to locks, oldest first: this clone's own log, of which the last 3 to 4 MiB are
   * kept.
   */
  async history(options: LockHistoryOptions = {}): Promise<LockEvent[]> {
    return this.#looks.history(options);
  }

  // ---- keeping and giving back ---------------------------------------------------------------

  /**
   * Lets a task's locks live on, each for its own `ttlMs` from now. What has expired stays lost, even
   * where nobody else has taken it: somebody may have, and released it again. So does what is not
   * there any more, or stands in a file that cannot be used, by what this clone's log tells.
   */
  async heartbeat(taskId: string, options: ChangeNote = {}): Promise<LockHeartbeat> {
    requireText("Cannot renew locks", "taskId", taskId);
    return this.#commits.change(requireNote(options, {}), (draft, write) => {
      const lines = this.#commits.lines(write, taskId);
      const logged = new Set(lines.map(({ token }) => token));
      const extended = decideHeartbeat(draft, taskId, (token) => logged.has(token));
      return { extended, lost: this.#commits.lost(draft, lines, taskId) };
    });
  }

  /**
   * Gives back a task's locks on exactly these paths, and no others. A pattern means what it matches
   * on the disk and of the locks that the task has, or has lost.
   *
   * A damaged file of a lock on such a path goes too: its bytes are kept in `local/quarantine/`. What
   * is no file, such as a folder in its place, stays in a transaction.
   *
   * @returns how many locks and damaged files.
   */
  async release(input: ReleaseLocksInput): Promise<number> {
    const doing = "Cannot release locks";
    // What was asked of `acquire` may be handed on whole.
    const { taskId, paths, agent, source, note } = requireNoteIn(input);
    requireText(doing, "taskId", taskId);
    const words = requirePaths(doing, paths);
    const held = words.some((word) => this.#paths.mayBePattern(word))
      ? await this.#heldPaths(taskId)
      : new Map();
    const keys = await this.#paths.keys(doing, words, held);
    const names = new Set([...keys].map(fileNameFor));
    const { keyOf } = this.#paths;
    return this.#commits.clear(
      { agent, source, note },
      ({ name, path }) => names.has(name) || (path !== null && keys.has(keyOf(path))),
      (draft, write) => this.#release(draft, write, taskId, keys),
    );
  }

  /** The paths that a task has locked, or has lost, and what each of them was. */
  async #heldPaths(taskId: string): Promise<HeldPaths> {
    const held = await this.#commits.own(taskId);
    return new Map(
      held.map(({ path, kind }): [string, LockKind] => [path, kind ?? this.#paths.kindOf(path)]),
    );
  }

  /** Gives back all locks of a task. @returns how many. */
  async releaseForTask(taskId: string, options: ChangeNote = {}): Promise<number> {
    requireText("Cannot release locks", "taskId", taskId);
    return this.#commits.change(requireNote(options, {}), (draft, write) =>
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
    for (const lost of this.#commits.lost(draft, this.#commits.lines(write, taskId), taskId)) {
      if (keys !== null && !keys.has(keyOf(lost.path))) continue;
      draft.note({ at: toIso(nowMs), event: "forgotten", ...loggedPart(lost) });
    }
    return decideRelease(draft, taskId, keys);
  }

  /**
   * Takes all locks away, whosever they are, and damaged files too; their bytes are kept in
   * `local/quarantine/`. The tasks are told by their next heartbeat. What is no file, such as a
   * folder in the place of one, stays in a transaction.
   *
   * @returns how many locks and damaged files; of those that could not be moved away the store's
   * `onWarning` is told.
   */
  async releaseAll(options: ChangeNote = {}): Promise<number> {
    return this.#commits.clear(requireNote(options, {}), () => true, decideReleaseAll);
  }

  /**
   * Cleans up what counts no more: expired locks, those of processes that have ended, and places in
   * the queue at which nobody waits. Nobody has to call it: readers and takers see what is over
   * without it. Damaged files stay: nobody knows whether their holders live.
   *
   * @returns how many locks.
   */
  async cleanupStale(options: ChangeNote = {}): Promise<number> {
    return this.#commits.change(requireNote(options, {}), (draft, write) => {
      this.#commits.files.sweepQueue(write, options);
      return draft.lines.filter(({ event }) => event === "expired" || event === "dead").length;
    });
  }
}
