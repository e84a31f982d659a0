/**
 * Any sequence of calls, against a list in memory with rules that are written down here once more:
 * who gets a lock, in which mode, until when, with which token, and what a task is told it lost.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FlowStore, type LockMode } from "flowstore";
import { makeProject, QUICK, TestClock } from "../features/support.ts";

const PATHS = [".", "src", "src/a.ts", "src/deep", "src/deep/b.ts", "lib", "srcs"] as const;
const TASKS = ["t1", "t2", "t3"] as const;

interface Held {
  readonly path: string;
  readonly task: string;
  mode: LockMode;
  token: number;
  ttlMs: number;
  ends: number;
}

type Step =
  | {
      readonly kind: "acquire";
      readonly task: string;
      readonly paths: readonly string[];
      readonly mode: LockMode;
      readonly ttlMs: number;
    }
  | { readonly kind: "release"; readonly task: string; readonly paths: readonly string[] }
  | { readonly kind: "heartbeat" | "releaseForTask"; readonly task: string }
  | { readonly kind: "tick"; readonly ms: number }
  | { readonly kind: "releaseAll" | "cleanup" | "reopen" | "undo" };

const task = fc.constantFrom(...TASKS);
const paths = fc.uniqueArray(fc.constantFrom(...PATHS), { minLength: 1, maxLength: 3 });
const mode = fc.constantFrom<LockMode>("read", "directory_add", "write");

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      ...{ task, paths, mode },
      ttlMs: fc.constantFrom(10, 30, 100),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const), task, paths }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("heartbeat", "heartbeat", "releaseForTask"),
      task,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("tick" as const), ms: fc.constantFrom(1, 9, 10, 30) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("releaseAll", "cleanup", "reopen", "undo") }),
  },
);

class Model {
  now = 0;
  held: Held[] = [];
  lost: Held[] = [];
  highest = 0;

  /** Whether one of two paths lies in the other or is it; by their parts. */
  static inside(path: string, folder: string): boolean {
    const parts = path === "." ? [] : path.split("/");
    const above = folder === "." ? [] : folder.split("/");
    return above.every((part, at) => parts[at] === part);
  }

  /** Whether a lock speaks of a path: of all below a folder, or of the folder's names alone. */
  static speaksOf(lock: { path: string; mode: LockMode }, path: string): boolean {
    if (lock.mode === "directory_add") return lock.path === path;
    return Model.inside(path, lock.path);
  }

  static clash(
    one: { path: string; mode: LockMode },
    other: { path: string; mode: LockMode },
  ): boolean {
    if (one.mode !== "write" && other.mode !== "write") return false;
    return Model.speaksOf(one, other.path) || Model.speaksOf(other, one.path);
  }

  static covers(held: LockMode, asked: LockMode): boolean {
    if (held === "write" || held === asked) return true;
    return held === "read" && asked === "directory_add";
  }

  tick(ms: number): void {
    this.now += ms;
    const over = this.held.filter(({ ends }) => ends <= this.now);
    this.lost.push(...over);
    this.held = this.held.filter(({ ends }) => ends > this.now);
  }

  /** What is in the way, as `task mode path`. */
  inTheWay(todo: Extract<Step, { kind: "acquire" }>): string[] {
    const clashes = this.held.filter(
      (lock) =>
        lock.task !== todo.task &&
        todo.paths.some((path) => {
          const own = this.held.find((one) => one.task === todo.task && one.path === path);
          const isOwned = own !== undefined && Model.covers(own.mode, todo.mode);
          return !isOwned && Model.clash({ path, mode: todo.mode }, lock);
        }),
    );
    return clashes.map(({ task: holder, mode: how, path }) => `${holder} ${how} ${path}`).sort();
  }

  release(todo: { readonly task: string; readonly paths: readonly string[] | null }): number {
    const isMeant = (lock: Held): boolean =>
      lock.task === todo.task && (todo.paths === null || todo.paths.includes(lock.path));
    const count = this.held.filter(isMeant).length;
    this.held = this.held.filter((lock) => !isMeant(lock));
    this.lost = this.lost.filter((lock) => !isMeant(lock));
    return count;
  }
}

class Run {
  readonly model = new Model();
  readonly clock = new TestClock();
  readonly #project: string;
  store: FlowStore;

  private constructor(project: string, store: FlowStore) {
    this.#project = project;
    this.store = store;
  }

  static async begin(project: string): Promise<Run> {
    const clock = new TestClock();
    const store = await FlowStore.init(project, { ...QUICK, clock: clock.now });
    const run = new Run(project, store);
    await store.close();
    run.store = await run.#open();
    return run;
  }

  #open(): Promise<FlowStore> {
    return FlowStore.open(this.#project, { ...QUICK, clock: this.clock.now });
  }

  async do(todo: Step): Promise<void> {
    const { model } = this;
    const { locks } = this.store;
    switch (todo.kind) {
      case "acquire":
        return this.#acquire(todo);
      case "release":
        assert.equal(
          await locks.release({ taskId: todo.task, paths: todo.paths }),
          model.release(todo),
        );
        return;
      case "releaseForTask":
        assert.equal(
          await locks.releaseForTask(todo.task),
          model.release({ task: todo.task, paths: null }),
        );
        return;
      case "heartbeat":
        return this.#heartbeat(todo.task);
      case "tick":
        this.clock.ms += todo.ms;
        model.tick(todo.ms);
        return;
      case "releaseAll":
        assert.equal(await locks.releaseAll(), model.held.length);
        model.lost.push(...model.held);
        model.held = [];
        return;
      case "cleanup":
        await locks.cleanupStale();
        return;
      case "reopen":
        await this.store.close();
        this.store = await this.#open();
        return;
      case "undo":
        await this.#undo();
    }
  }

  async #acquire(todo: Extract<Step, { kind: "acquire" }>): Promise<void> {
    const { model } = this;
    const inTheWay = model.inTheWay(todo);
    const tried = await this.store.locks.tryAcquire({
      ...{ paths: todo.paths, taskId: todo.task, mode: todo.mode, ttlMs: todo.ttlMs },
    });
    if (!tried.acquired) {
      const told = tried.holders.map(({ taskId, mode: how, path }) => `${taskId} ${how} ${path}`);
      assert.deepEqual(told.toSorted(), inTheWay);
      assert.ok(inTheWay.length > 0);
      return;
    }
    assert.deepEqual(inTheWay, []);
    assert.deepEqual(
      tried.locks.map(({ path }) => path),
      todo.paths,
    );
    const before = model.highest;
    for (const lock of tried.locks) this.#granted(todo, lock.path, lock.token, before);
  }

  /** @param before the highest token of all grants before this one */
  #granted(
    todo: Extract<Step, { kind: "acquire" }>,
    path: string,
    token: number,
    before: number,
  ): void {
    const { model } = this;
    const own = model.held.find((one) => one.task === todo.task && one.path === path);
    const ends = { ttlMs: todo.ttlMs, ends: model.now + todo.ttlMs };
    if (own !== undefined && Model.covers(own.mode, todo.mode)) {
      assert.equal(token, own.token, "a renewed lock keeps its token");
      Object.assign(own, ends);
      return;
    }
    const known = [...model.held, ...model.lost].map((one) => one.token);
    assert.ok(!known.includes(token), "a token is given once");
    assert.ok(token > before, "tokens rise with every grant");
    model.highest = Math.max(model.highest, token);
    const fresh = { path, task: todo.task, mode: todo.mode, token, ...ends };
    if (own === undefined) model.held.push(fresh);
    else Object.assign(own, fresh);
    model.lost = model.lost.filter(
      (lock) => lock.task !== todo.task || !Model.speaksOf(fresh, lock.path),
    );
  }

  async #heartbeat(taskId: string): Promise<void> {
    const { model } = this;
    const { extended, lost } = await this.store.locks.heartbeat(taskId);
    const own = model.held.filter((lock) => lock.task === taskId);
    for (const lock of own) lock.ends = model.now + lock.ttlMs;
    assert.equal(extended, own.length);
    const expected = model.lost.filter((lock) => lock.task === taskId).map(({ token }) => token);
    assert.deepEqual(new Set(lost.map(({ token }) => token)), new Set(expected));
    assert.equal(lost.length, expected.length);
  }

  /** A transaction that does much and keeps nothing. */
  async #undo(): Promise<void> {
    const undone = this.store.transaction(async () => {
      await this.store.locks.releaseAll();
      await this.store.locks.acquire({ paths: [...PATHS], taskId: "nobody" });
      throw new Error("undone");
    });
    await assert.rejects(undone, /undone/);
  }

  async compare(): Promise<void> {
    const { model } = this;
    const { locks } = this.store;
    const shown = (lock: Held): string =>
      `${lock.path} ${lock.task} ${lock.mode} ${lock.token} ${lock.ends - model.now}`;
    const listed = (await locks.list()).map((lock) => {
      const left = Date.parse(lock.expiresAt) - this.clock.ms;
      return `${lock.path} ${lock.taskId} ${lock.mode} ${lock.token} ${left}`;
    });
    assert.deepEqual(listed.toSorted(), model.held.map(shown).toSorted());
    for (const path of PATHS) {
      const met = model.held.filter(
        (lock) => Model.speaksOf(lock, path) || Model.inside(lock.path, path),
      );
      const checked = (await locks.check(path)).map(({ token }) => token);
      assert.deepEqual(new Set(checked), new Set(met.map(({ token }) => token)), path);
      assert.equal(checked.length, met.length);
    }
    for (const { token, path } of model.held) {
      assert.equal((await locks.assertHeld(path, token)).token, token);
    }
    for (const { token, path } of model.lost) {
      await assert.rejects(locks.assertHeld(path, token), { code: "LOCK_LOST" });
    }
    this.#refuseClashes();
  }

  /** The one thing that must never be, whatever else is. */
  #refuseClashes(): void {
    const { held } = this.model;
    for (const one of held) {
      for (const other of held) {
        if (one.task !== other.task) assert.ok(!Model.clash(one, other));
      }
    }
  }

  async end(): Promise<void> {
    await this.store.close();
    rmSync(join(this.#project, ".flow"), { recursive: true });
  }
}

const RUNS = Number(process.env["FLOWSTORE_LOCK_RUNS"] ?? 60);

test("random calls agree with a model in memory", async (context) => {
  const project = makeProject(context);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const run = await Run.begin(project);
      try {
        for (const todo of steps) {
          await run.do(todo);
          await run.compare();
        }
      } finally {
        await run.end();
      }
    }),
    { numRuns: RUNS },
  );
});
