/** Looking at locks: what `Locks` answers without changing anything. See its docstrings. */

import { badField, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { holdersInTheWay, refuseDamaged } from "../model/lock-decisions.ts";
import {
  byPath,
  holderOf,
  LockDraft,
  locksOf,
  shownLock,
  standingOf,
  type LockWorld,
} from "../model/lock-draft.ts";
import { lockLost } from "../model/lock-errors.ts";
import { requireMode, requirePaths } from "../model/lock-inputs.ts";
import { eventsAbout, lockEventOf, type LockEvent } from "../model/lock-log.ts";
import { Demand, reaches, type LockEntry, type LockHolder } from "../model/locks.ts";
import { requireNoteIn, requireOptions, type StoreContext } from "./context.ts";
import type { LockCommits } from "./lock-commits.ts";
import type { ListLocksOptions, LockConflictsOptions, LockHistoryOptions } from "./lock-options.ts";
import type { LockPaths } from "./lock-paths.ts";

/** The looks of one store. */
export class LockLooks {
  readonly #context: StoreContext;
  readonly #paths: LockPaths;
  readonly #commits: LockCommits;

  constructor(context: StoreContext, paths: LockPaths, commits: LockCommits) {
    this.#context = context;
    this.#paths = paths;
    this.#commits = commits;
  }

  async check(path: string): Promise<LockEntry[]> {
    const demand = this.#demandOf("Cannot look for locks", path);
    return this.#commits.look((world) => {
      refuseDamaged(world, demand);
      return this.#chosen(world, demand, {}).map((entry) => shownLock(world, entry));
    });
  }

  async list<T>(
    options: ListLocksOptions,
    show: (world: LockWorld, entry: LockEntry) => T,
  ): Promise<T[]> {
    const doing = "Cannot list locks";
    const { taskId, path, expired } = requireOptions(options, {
      taskId: true,
      path: true,
      expired: true,
    });
    if (taskId !== undefined) requireText(doing, "taskId", taskId);
    if (expired !== undefined && typeof expired !== "boolean")
      throw badField(doing, "expired", `must be true or false, not ${shown(expired)}`);
    const demand = path === undefined ? null : this.#demandOf(doing, path);
    return this.#commits.look((world) => {
      if (demand !== null) refuseDamaged(world, demand);
      return this.#chosen(world, demand, options).map((entry) => show(world, entry));
    });
  }

  async conflicts(options: LockConflictsOptions): Promise<LockHolder[]> {
    const doing = "Cannot look for conflicts";
    // What is asked of `acquire` may be handed on whole.
    const { paths, taskId, mode = "write" } = requireNoteIn(options);
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

  async history(options: LockHistoryOptions): Promise<LockEvent[]> {
    const doing = "Cannot look at the history of locks";
    const { path, taskId } = requireOptions(options, { path: true, taskId: true });
    if (taskId !== undefined) requireText(doing, "taskId", taskId);
    const keys = path === undefined ? null : this.#paths.literalKeys(doing, "path", path);
    const lines = await this.#context.storage.read((view) => this.#commits.lines(view, taskId));
    const all = lines.map(lockEventOf).filter((event) => event !== null);
    const about = keys === null ? all : eventsAbout(all, keys, this.#paths.keyOf);
    return about.filter((event) => taskId === undefined || event.taskId === taskId);
  }

  #demandOf(doing: string, path: string): Demand {
    return new Demand("write", this.#paths.literalKeys(doing, "path", path));
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
