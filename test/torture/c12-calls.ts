/** Calls on the tree of the corpus: all that read, and one that writes over each kind of document. */
import type { FlowStore } from "flowstore";

type Act = (store: FlowStore) => Promise<unknown>;

const FEATURES = [1, 2, 3, 4, 5, 6];
const EPICS = ["fn-1", "fn-2"];
const TASKS = ["fn-1.1", "fn-1.2"];

/** The same for each of several names. */
function each<T>(
  name: string,
  all: readonly T[],
  act: (store: FlowStore, one: T) => Promise<unknown>,
) {
  return Object.fromEntries(
    all.map((one): [string, Act] => [`${name} ${String(one)}`, (store) => act(store, one)]),
  );
}

/** Every call that reads, beyond the lists. */
export const READS: Readonly<Record<string, Act>> = {
  ...each("features.getById", FEATURES, ({ features }, id) => features.getById(id)),
  ...each("gaps.list", EPICS, ({ gaps }, epic) => gaps.list(epic)),
  ...each("gaps.check", EPICS, ({ gaps }, epic) => gaps.check(epic)),
  ...each("phases.get", TASKS, ({ phases }, task) => phases.get(task)),
  ...each("outputs.read", TASKS, ({ outputs }, task) => outputs.read(task)),
  ...each("settings.get", ["colour", "limits"], ({ settings }, key) => settings.get(key)),
  "features.getGraph": ({ features }) => features.getGraph(),
  "features.getReady": ({ features }) => features.getReady(),
  "features.getBlocked": ({ features }) => features.getBlocked(),
  "features.getStats": ({ features }) => features.getStats(),
  "decisions.list": ({ decisions }) => decisions.list({ limit: 100 }),
  "approvals.list": ({ approvals }) => approvals.list(),
  "memory.list": ({ memory }) => memory.list(),
  "scoutCache.get": ({ scoutCache }) => scoutCache.get("where is the cart?"),
  "locks.list": ({ locks }) => locks.list(),
  "locks.history": ({ locks }) => locks.history(),
  "checkpoints.list": ({ checkpoints }) => checkpoints.list(),
};

/** By the path of what it writes over. */
export const OVERWRITES: readonly (readonly [pattern: RegExp, act: Act])[] = [
  [/^features\/1-/, ({ features }) => features.update(1, { name: "over" })],
  [/^features\/2-/, ({ features }) => features.markFailing(2)],
  [/^features\/3-/, ({ features }) => features.delete(3)],
  [/^features\//, ({ features }) => features.createBulk([{ name: "over" }])],
  [/^settings\/colour/, ({ settings }) => settings.set("colour", "over")],
  [/^settings\/limits/, ({ settings }) => settings.set("limits", "over")],
  [/^outputs\//, ({ outputs }) => outputs.write("fn-1.1", "over")],
  [/^phases\/fn-1\.1/, ({ phases }) => phases.markDone("fn-1.1", "3")],
  [/^phases\//, ({ phases }) => phases.reset("fn-1.2")],
  [/^pipeline\//, ({ pipeline }) => pipeline.start("fn-2")],
  [/^gaps\/fn-1\/1-/, ({ gaps }) => gaps.resolve("fn-1", 1, "over")],
  [/^gaps\/fn-1\/2-/, ({ gaps }) => gaps.resolve("fn-1", 2, "over")],
  [/^gaps\//, ({ gaps }) => gaps.resolve("fn-2", 1, "over")],
  [/^approvals\//, ({ approvals }) => approvals.create({ taskId: "over", kind: "generic" })],
  [/^memory\//, ({ memory }) => memory.append({ text: "over" })],
  [/^local\/locks\//, ({ locks }) => locks.acquire({ paths: ["src/cart.ts"], taskId: "over" })],
  [/^local\/claims\//, ({ features }) => features.renewClaim(2, "ann", { leaseMs: 60_000 })],
  [/^local\/checkpoints\//, ({ checkpoints }) => checkpoints.restore("before")],
];
