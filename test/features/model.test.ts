/** Any sequence of calls, against a plain list in memory: with reopening, hand edits and a lost local/. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import { FlowError, FlowStore } from "flowstore";

import { act, CALLS, expected, Model, rowOf, someName, type Call } from "./model.ts";
import { fileOf, FRESH_MS, makeProject, pass, QUICK } from "./support.ts";

type Step =
  | Call
  | { readonly kind: "edit"; readonly id: number; readonly name: string }
  | { readonly kind: "reopen" | "lose" | "rollback"; readonly id: number };

const id = fc.integer({ min: 1, max: 6 });

const step: fc.Arbitrary<Step> = fc.oneof(
  ...CALLS,
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("edit" as const), id, name: someName }) },
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

  /** What the step should do: the code it is refused with, or a change of the model. */
  expect(todo: Step): string | (() => void) {
    switch (todo.kind) {
      case "reopen":
      case "lose":
      case "rollback":
        return () => undefined;
      case "edit": {
        const row = this.model.find(todo.id);
        return row === undefined ? () => undefined : () => (row.name = todo.name);
      }
      default:
        return expected(this.model, todo);
    }
  }

  async act(todo: Step): Promise<unknown> {
    const { features } = this.store;
    switch (todo.kind) {
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
      default:
        return act(this.store, this.model, todo);
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
    assert.deepEqual((await features.getAll()).map(rowOf), this.model.sorted());
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
            const change = run.expect(todo);
            if (typeof change === "string") {
              const refusal = await run.act(todo).then(
                () => "no refusal",
                (error: unknown) => (error instanceof FlowError ? error.code : String(error)),
              );
              assert.equal(refusal, change, JSON.stringify(todo));
            } else {
              await run.act(todo);
              change();
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
