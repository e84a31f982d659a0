/** Arguments of any kind, at every call: a clear FlowError or a right answer, never a trace of half a change. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import { FlowError, type CreateFeatureInput, type FlowStore } from "flowstore";

import { assertClear, makeStore } from "./support.ts";

function circle(): unknown {
  const value: Record<string, unknown> = {};
  value["self"] = value;
  return value;
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

/** What a caller without types, or a program gone wrong, may pass. */
const STRANGE: readonly unknown[] = [
  ...[null, undefined, true, false, 0, -0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, 5n, Symbol("s")],
  ...["", " ", "1", "x", "\0", "\ud800", "__proto__", "constructor", "../..", "a".repeat(20_000)],
  ...[{}, [], [null], [[]], () => 1, new Date(), /x/, new Map(), new Set([1]), new Uint8Array(3)],
  ...[new Error("e"), Promise.resolve(1), circle(), deep(10_000), { index: 0 }, { id: 1 }],
  ...[JSON.parse('{"__proto__": {"agent": "x", "leaseMs": 1}}'), new Proxy({}, {})],
];

type Call = (store: FlowStore, value: never) => Promise<unknown>;

/** Every argument of every call. */
const CALLS: Readonly<Record<string, Call>> = {
  create: ({ features }, value) => features.create(value),
  "create, options": ({ features }, value) => features.create({ name: "n" }, value),
  "create, name": ({ features }, value) => features.create({ name: value }),
  "create, priority": ({ features }, value) => features.create({ name: "n", priority: value }),
  "create, steps": ({ features }, value) => features.create({ name: "n", steps: value }),
  "create, step": ({ features }, value) => features.create({ name: "n", steps: [value] }),
  "create, dependency": ({ features }, value) =>
    features.create({ name: "n", dependencies: [value] }),
  "create, unknown key": ({ features }, value) => features.create({ name: "n", own: value }),
  createBulk: ({ features }, value) => features.createBulk(value),
  "createBulk, input": ({ features }, value) => features.createBulk([{ name: "n" }, value]),
  "createBulk, options": ({ features }, value) => features.createBulk([{ name: "n" }], value),
  getById: ({ features }, value) => features.getById(value),
  list: ({ features }, value) => features.list(value),
  "list, status": ({ features }, value) => features.list({ status: value }),
  "list, category": ({ features }, value) => features.list({ category: value }),
  "list, text": ({ features }, value) => features.list({ text: value }),
  "list, limit": ({ features }, value) => features.list({ limit: value }),
  "list, after": ({ features }, value) => features.list({ after: value }),
  claimAndGet: ({ features }, value) => features.claimAndGet(value),
  "claimAndGet, options": ({ features }, value) => features.claimAndGet(2, value),
  "claimAndGet, agent": ({ features }, value) => features.claimAndGet(2, { agent: value }),
  "claimAndGet, leaseMs": ({ features }, value) => features.claimAndGet(2, { leaseMs: value }),
  "claimAndGet, requireReady": ({ features }, value) =>
    features.claimAndGet(2, { requireReady: value }),
  claimNext: ({ features }, value) => features.claimNext(value),
  "claimNext, category": ({ features }, value) => features.claimNext({ category: value }),
  markPassing: ({ features }, value) => features.markPassing(value),
  "markPassing, options": ({ features }, value) => features.markPassing(2, value),
  "markFailing, options": ({ features }, value) => features.markFailing(2, value),
  "markInProgress, options": ({ features }, value) => features.markInProgress(1, value),
  "clearInProgress, options": ({ features }, value) => features.clearInProgress(2, value),
  "skip, options": ({ features }, value) => features.skip(2, value),
  "skip, claimedBy": ({ features }, value) => features.skip(2, { claimedBy: value }),
  "skip, expectedRevision": ({ features }, value) => features.skip(2, { expectedRevision: value }),
  addDependency: ({ features }, value) => features.addDependency(value, 1),
  "addDependency, dependency": ({ features }, value) => features.addDependency(1, value),
  "addDependency, options": ({ features }, value) => features.addDependency(1, 2, value),
  "removeDependency, dependency": ({ features }, value) => features.removeDependency(1, value),
  "removeDependency, options": ({ features }, value) => features.removeDependency(1, 2, value),
  setDependencies: ({ features }, value) => features.setDependencies(1, value),
  "setDependencies, item": ({ features }, value) => features.setDependencies(1, [value]),
  "setDependencies, options": ({ features }, value) => features.setDependencies(1, [], value),
  update: ({ features }, value) => features.update(2, value),
  "update, name": ({ features }, value) => features.update(2, { name: value }),
  "update, unknown key": ({ features }, value) => features.update(2, { own: value }),
  "update, options": ({ features }, value) => features.update(2, { category: "c" }, value),
  delete: ({ features }, value) => features.delete(value),
  "delete, options": ({ features }, value) => features.delete(3, value),
  renewClaim: ({ features }, value) => features.renewClaim(value, "ann", { leaseMs: 5 }),
  "renewClaim, agent": ({ features }, value) => features.renewClaim(2, value, { leaseMs: 5 }),
  "renewClaim, options": ({ features }, value) => features.renewClaim(2, "ann", value),
  "renewClaim, leaseMs": ({ features }, value) => features.renewClaim(2, "ann", { leaseMs: value }),
  releaseExpired: ({ features }, value) => features.releaseExpired(value),
  history: ({ features }, value) => features.history(value),
  logEvent: ({ changes }, value) => changes.logEvent(value, "comment"),
  "logEvent, type": ({ changes }, value) => changes.logEvent(1, value),
  "logEvent, input": ({ changes }, value) => changes.logEvent(1, "comment", value),
  "logEvent, newValue": ({ changes }, value) => changes.logEvent(1, "comment", { newValue: value }),
  getEvents: ({ changes }, value) => changes.getEvents(value),
  query: ({ events }, value) => events.query(value),
  "query, since": ({ events }, value) => events.query({ since: value }),
  "query, limit": ({ events }, value) => events.query({ limit: value }),
  "query, order": ({ events }, value) => events.query({ order: value }),
  transaction: (store, value) => store.transaction(value),
  "transaction, options": (store, value) => store.transaction(() => 1, value),
  "transaction, timeoutMs": (store, value) => store.transaction(() => 1, { timeoutMs: value }),
  repair: (store, value) => store.repair(value),
  "repair, dryRun": (store, value) => store.repair({ dryRun: value }),
};

/** Inode, size and times of every file that git would track: cheaper than their bytes. */
function stamps(store: FlowStore): Record<string, string> {
  const found: Record<string, string> = {};
  for (const folder of ["", "features", "events", "schema"]) {
    for (const name of readdirSync(join(store.root, folder))) {
      const { ino, size, mtimeMs, ctimeMs } = lstatSync(join(store.root, folder, name));
      if (name === "local") continue;
      found[`${folder}/${name}`] = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    }
  }
  return found;
}

async function makeThree(store: FlowStore): Promise<void> {
  await store.features.createBulk([{ name: "a" }, { name: "b" }, { name: "c" }]);
}

/** Whatever came of a call: the store is whole, and what was refused left no trace. */
async function judge(store: FlowStore, call: () => Promise<unknown>): Promise<FlowError | null> {
  const before = stamps(store);
  try {
    await call();
    return null;
  } catch (error) {
    assert.ok(error instanceof FlowError, `no FlowError: ${String(error)}`);
    assert.ok(!["INTERNAL", "IO", "CORRUPT"].includes(error.code), error.stack);
    assertClear(error);
    assert.deepEqual(stamps(store), before);
    return error;
  }
}

describe("strange values", () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(name, async (context) => {
      const store = await makeStore(context);
      await makeThree(store);
      for (const value of STRANGE) {
        const error = await judge(store, () => call(store, value as never));
        if (error !== null) assert.notEqual(error.code, "CLOSED");
      }
      const rules = (await store.check()).map(({ rule }) => rule);
      assert.deepEqual(rules, []);
      assert.equal((await store.features.create({ name: "after all" })).status, "ready");
    });
  }
});

describe("generated inputs", () => {
  test("what is accepted is read back the same, what is refused leaves no trace", async (context) => {
    const store = await makeStore(context);
    const input = fc.record(
      {
        name: fc.oneof(fc.string(), fc.string({ unit: "grapheme" })),
        description: fc.oneof(
          { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 200 }) },
          fc.string({ unit: "binary" }),
          fc.constant(null),
        ),
        category: fc.string({ unit: "grapheme" }),
        priority: fc.oneof(
          { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
          fc.maxSafeInteger(),
          fc.double(),
        ),
        steps: fc.array(fc.oneof({ weight: 20, arbitrary: fc.string() }, fc.constant(1)), {
          maxLength: 4,
        }),
        dependencies: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 1 }),
        own: fc.oneof(
          { weight: 4, arbitrary: fc.jsonValue() },
          fc.anything({ maxDepth: 3, withBigInt: true, withDate: true, withMap: true }),
        ),
      },
      { requiredKeys: ["name"] },
    );
    let made = 0;
    await fc.assert(
      fc.asyncProperty(input, async (value) => {
        let id = 0;
        const error = await judge(store, async () => {
          ({ id } = await store.features.create(value as CreateFeatureInput));
        });
        if (error !== null) return;
        made += 1;
        const feature = await store.features.getById(id);
        for (const key of Object.keys(value) as (keyof typeof value)[]) {
          if (key === "dependencies" || value[key] === undefined) continue;
          assert.equal(JSON.stringify(feature?.[key]), JSON.stringify(value[key]), key);
        }
      }),
      { numRuns: 80 },
    );
    assert.ok(made > 10, `only ${made} were accepted`);
    assert.deepEqual(await store.check(), []);
  });
});
