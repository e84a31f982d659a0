/** Any sequence of calls, against a plain list in memory: with reopening, hand edits and a lost local/. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import { FlowError, FlowStore, type Feature } from "flowstore";

import { fileOf, FRESH_MS, makeProject, pass, QUICK } from "./support.ts";

interface Row {
  id: number;
  name: string;
  priority: number;
  passes: boolean;
  holder: string | null;
  dependencies: number[];
}

/** What the store should hold, by rules that are written down here once more. */
class Model {
  rows: Row[] = [];
  lastId = 0;
  events = 0;

  find(id: number): Row | undefined {
    return this.rows.find((row) => row.id === id);
  }

  highest(): number {
    return this.rows.reduce((highest, { priority }) => Math.max(highest, priority), -Infinity);
  }

  nextPriority(): number {
    return this.rows.length === 0 ? 1 : this.highest() + 1;
  }

  reaches(from: number, to: number): boolean {
    if (from === to) return true;
    return (this.find(from)?.dependencies ?? []).some((next) => this.reaches(next, to));
  }
}

type Step =
  | {
      readonly kind: "create" | "pass" | "fail" | "claim" | "clear" | "skip" | "delete";
      readonly id: number;
    }
  | { readonly kind: "add" | "remove"; readonly id: number; readonly to: number }
  | { readonly kind: "rename" | "edit"; readonly id: number; readonly name: string }
  | { readonly kind: "reopen" | "lose" | "rollback"; readonly id: number };

const id = fc.integer({ min: 1, max: 6 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("create", "create", "pass", "fail", "claim", "clear", "skip", "delete"),
      id,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("add", "add", "remove"), id, to: id }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("rename", "edit"),
      id,
      name: fc.stringMatching(/^[a-z ]{1,8}$/),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("reopen", "lose", "rollback"), id }) },
);

class Run {
  readonly model = new Model();
  readonly #project: string;
  store: FlowStore;

  private constructor(project: string, store: FlowStore) {
    this.#project = project;
    this.store = store;
  }

  static async begin(project: string): Promise<Run> {
    return new Run(project, await FlowStore.init(project, QUICK));
  }

  /** What the call should do: the code it is refused with, or a change of the model. */
  expect(todo: Step): string | (() => void) {
    const { model } = this;
    const row = model.find(todo.id);
    const logged = (change: () => void) => () => {
      model.events += 1;
      change();
    };
    if (todo.kind === "create") {
      return logged(() => {
        model.lastId += 1;
        const made = { id: model.lastId, name: `n${model.lastId}`, priority: model.nextPriority() };
        model.rows.push({ ...made, passes: false, holder: null, dependencies: [] });
      });
    }
    if (todo.kind === "reopen" || todo.kind === "lose" || todo.kind === "rollback") {
      return () => undefined;
    }
    if (todo.kind === "edit") {
      return row === undefined ? () => undefined : () => (row.name = todo.name);
    }
    if (todo.kind === "add" && model.find(todo.to) === undefined) return "NOT_FOUND";
    if (row === undefined) return "NOT_FOUND";
    switch (todo.kind) {
      case "pass":
        return row.passes
          ? () => undefined
          : logged(() => Object.assign(row, { passes: true, holder: null }));
      case "fail":
        return !row.passes && row.holder === null
          ? () => undefined
          : logged(() => Object.assign(row, { passes: false, holder: null }));
      case "claim":
        return row.passes || row.holder !== null
          ? "CONFLICT"
          : logged(() => (row.holder = "tester"));
      case "clear":
        return row.holder === null ? () => undefined : logged(() => (row.holder = null));
      case "skip":
        return logged(() => (row.priority = model.highest() + 1));
      case "rename":
        return row.name === todo.name ? () => undefined : logged(() => (row.name = todo.name));
      case "delete":
        return logged(() => {
          model.rows = model.rows.filter((other) => other !== row);
          for (const other of model.rows) {
            if (!other.dependencies.includes(row.id)) continue;
            model.events += 1;
            other.dependencies = other.dependencies.filter((one) => one !== row.id);
          }
        });
      case "add":
        if (row.id !== todo.to && row.dependencies.includes(todo.to)) return () => undefined;
        return model.reaches(todo.to, row.id)
          ? "CYCLE_DETECTED"
          : logged(() => row.dependencies.push(todo.to));
      case "remove":
        return row.dependencies.includes(todo.to)
          ? logged(() => (row.dependencies = row.dependencies.filter((one) => one !== todo.to)))
          : () => undefined;
    }
  }

  async act(todo: Step): Promise<unknown> {
    const { features } = this.store;
    switch (todo.kind) {
      case "create":
        return features.create({ name: `n${this.model.lastId + 1}` });
      case "pass":
        return features.markPassing(todo.id);
      case "fail":
        return features.markFailing(todo.id);
      case "claim":
        return features.claimAndGet(todo.id);
      case "clear":
        return features.clearInProgress(todo.id);
      case "skip":
        return features.skip(todo.id);
      case "delete":
        return features.delete(todo.id);
      case "add":
        return features.addDependency(todo.id, todo.to);
      case "remove":
        return features.removeDependency(todo.id, todo.to);
      case "rename":
        return features.update(todo.id, { name: todo.name });
      case "edit":
        return this.#edit(todo.id, todo.name);
      case "rollback":
        return this.store
          .transaction(async () => {
            await features.create({ name: "never" });
            await features.skip(todo.id);
            throw new Error("undo");
          })
          .catch(() => undefined);
      case "lose":
        await this.store.close();
        rmSync(join(this.store.root, "local"), { recursive: true, force: true });
        return this.#reopen();
      case "reopen":
        await this.store.close();
        return this.#reopen();
    }
  }

  async #edit(which: number, name: string): Promise<void> {
    const feature = await this.store.features.getById(which);
    if (feature === null) return;
    const path = fileOf(this.store, feature);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/"name": "[^"]*"/, `"name": ${JSON.stringify(name)}`));
    await pass(FRESH_MS);
  }

  async #reopen(): Promise<void> {
    this.store = await FlowStore.open(this.#project, QUICK);
  }

  async compare(): Promise<void> {
    const { features, events } = this.store;
    const rowOf = ({ id: own, name, priority, passes, claim, dependencies }: Feature): Row => ({
      ...{ id: own, name, priority, passes, dependencies },
      holder: claim?.agent ?? null,
    });
    const expected = this.model.rows.toSorted((a, b) => a.priority - b.priority || a.id - b.id);
    assert.deepEqual((await features.getAll()).map(rowOf), expected);
    assert.equal((await events.query()).length, this.model.events);
  }
}

describe("the store and a list in memory", () => {
  test("agree after every step of any sequence", async (context) => {
    const project = makeProject(context);
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        count += 1;
        const folder = join(project, String(count));
        mkdirSync(folder);
        const run = await Run.begin(folder);
        try {
          for (const todo of steps) {
            const expected = run.expect(todo);
            if (typeof expected === "string") {
              const refusal = await run.act(todo).then(
                () => "no refusal",
                (error: unknown) => (error instanceof FlowError ? error.code : String(error)),
              );
              assert.equal(refusal, expected, JSON.stringify(todo));
            } else {
              await run.act(todo);
              expected();
            }
            await run.compare();
          }
          const errors = (await run.store.check()).filter(({ severity }) => severity === "error");
          assert.deepEqual(errors, []);
          assert.equal(readdirSync(join(folder, ".flow/features")).length, run.model.lastId);
        } finally {
          await run.store.close();
        }
      }),
      { numRuns: 15 },
    );
  });
});
