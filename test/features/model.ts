/**
 * Features by rules that are written down here once more: a plain list in memory, and what each call
 * does to it.
 */
import fc from "fast-check";
import type { Feature, FlowStore } from "flowstore";

export interface Row {
  id: number;
  name: string;
  priority: number;
  passes: boolean;
  holder: string | null;
  dependencies: number[];
}

/** What the store should hold, by rules that are written down here once more. */
export class Model {
  rows: Row[] = [];
  lastId = 0;
  events = 0;

  find(id: number): Row | undefined {
    return this.rows.find((row) => row.id === id);
  }

  /** One that goes its own way. */
  copy(): Model {
    const copy = new Model();
    copy.rows = structuredClone(this.rows);
    copy.lastId = this.lastId;
    copy.events = this.events;
    return copy;
  }

  /** The rows in the order of lists. */
  sorted(): Row[] {
    return this.rows.toSorted((a, b) => a.priority - b.priority || a.id - b.id);
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

/** One call. */
export type Call =
  | {
      readonly kind: "create" | "pass" | "fail" | "claim" | "clear" | "skip" | "delete";
      readonly id: number;
    }
  | { readonly kind: "add" | "remove"; readonly id: number; readonly to: number }
  | { readonly kind: "rename"; readonly id: number; readonly name: string };

const id = fc.integer({ min: 1, max: 6 });

export const someName = fc.stringMatching(/^[a-z ]{1,8}$/);

/** Calls, with what they are weighed by. */
export const CALLS: readonly { weight: number; arbitrary: fc.Arbitrary<Call> }[] = [
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rename" as const), id, name: someName }) },
];

/** What a call should do: the code it is refused with, or a change of the model. */
export function expected(model: Model, todo: Call): string | (() => void) {
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
      return row.passes || row.holder !== null ? "CONFLICT" : logged(() => (row.holder = "tester"));
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

/** Makes a call. */
export async function act(
  { features }: Pick<FlowStore, "features">,
  model: Model,
  todo: Call,
): Promise<unknown> {
  switch (todo.kind) {
    case "create":
      return features.create({ name: `n${model.lastId + 1}` });
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
  }
}

/** A feature as the model has it, its keys in the same order. */
export function rowOf({ id, name, priority, passes, claim, dependencies }: Feature): Row {
  return { id, name, priority, passes, holder: claim?.agent ?? null, dependencies };
}
