/**
 * A slip in the name of an option: whoever writes JavaScript hears of it, and nothing is done. The
 * table holds every call of the store that takes options; a call that is in neither list fails.
 */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { DurableEngine, FlowStore, type WorkflowBody } from "flowstore";
import { atEnd } from "../at-end.ts";
import { refused } from "./support.ts";

/** Beside what the call needs: a name that no call takes. */
type Slip = { readonly slip: true };
type Act = (store: FlowStore, slip: Slip) => unknown;

/** Of a row or an argument that TypeScript would refuse. */
function as<T>(value: unknown): T {
  return value as T;
}

const ID = "01M80ZV7RHVSNNCZCD4N2V7CT8";
const EVENT = { type: "a", payload: 1 };
const AT = "2026-11-22T10:00:00.000Z";
const EXECUTION = { workflowExecutionId: "e", workflowId: "w", createdAt: AT, updatedAt: AT };

const TAKERS: Readonly<Record<string, Act>> = {
  "store.transaction": (store, slip) => store.transaction(() => null, as(slip)),
  "store.check": (store, slip) => store.check(as(slip)),
  "store.repair": (store, slip) => store.repair(as(slip)),
  "features.create": ({ features }, slip) => features.create({ name: "x" }, as(slip)),
  "features.createBulk": ({ features }, slip) => features.createBulk([{ name: "x" }], as(slip)),
  "features.list": ({ features }, slip) => features.list(as(slip)),
  "features.claimAndGet": ({ features }, slip) => features.claimAndGet(1, as(slip)),
  "features.claimNext": ({ features }, slip) => features.claimNext(as(slip)),
  "features.renewClaim": ({ features }, slip) =>
    features.renewClaim(1, "ann", as({ leaseMs: 1, ...slip })),
  "features.releaseExpired": ({ features }, slip) => features.releaseExpired(as(slip)),
  "features.markPassing": ({ features }, slip) => features.markPassing(1, as(slip)),
  "features.markFailing": ({ features }, slip) => features.markFailing(1, as(slip)),
  "features.markInProgress": ({ features }, slip) => features.markInProgress(1, as(slip)),
  "features.clearInProgress": ({ features }, slip) => features.clearInProgress(1, as(slip)),
  "features.skip": ({ features }, slip) => features.skip(1, as(slip)),
  "features.addDependency": ({ features }, slip) => features.addDependency(1, 2, as(slip)),
  "features.removeDependency": ({ features }, slip) => features.removeDependency(1, 2, as(slip)),
  "features.setDependencies": ({ features }, slip) => features.setDependencies(1, [], as(slip)),
  "features.update": ({ features }, slip) => features.update(1, { name: "y" }, as(slip)),
  "features.delete": ({ features }, slip) => features.delete(1, as(slip)),
  "changes.logEvent": ({ changes }, slip) => changes.logEvent(1, "seen", as(slip)),
  "locks.list": ({ locks }, slip) => locks.list(as(slip)),
  "locks.holders": ({ locks }, slip) => locks.holders(as(slip)),
  "locks.history": ({ locks }, slip) => locks.history(as(slip)),
  "locks.heartbeat": ({ locks }, slip) => locks.heartbeat("t", as(slip)),
  "locks.releaseForTask": ({ locks }, slip) => locks.releaseForTask("t", as(slip)),
  "locks.releaseAll": ({ locks }, slip) => locks.releaseAll(as(slip)),
  "locks.cleanupStale": ({ locks }, slip) => locks.cleanupStale(as(slip)),
  "phases.markDone": ({ phases }, slip) => phases.markDone("t", "plan", as(slip)),
  "phases.reset": ({ phases }, slip) => phases.reset("t", as(slip)),
  "pipeline.start": ({ pipeline }, slip) => pipeline.start("e", as(slip)),
  "pipeline.write": ({ pipeline }, slip) => pipeline.write("e", "work", as(slip)),
  "pipeline.advance": ({ pipeline }, slip) => pipeline.advance("e", { from: "plan", ...slip }),
  "gaps.add": ({ gaps }, slip) => gaps.add({ epicId: "e", capability: "c" }, as(slip)),
  "gaps.list": ({ gaps }, slip) => gaps.list("e", as(slip)),
  "gaps.resolve": ({ gaps }, slip) => gaps.resolve("e", 1, "seen", as(slip)),
  "gaps.resolveByCapability": ({ gaps }, slip) =>
    gaps.resolveByCapability("e", "kept", "seen", as(slip)),
  "gaps.remove": ({ gaps }, slip) => gaps.remove("e", 1, as(slip)),
  "gaps.removeAll": ({ gaps }, slip) => gaps.removeAll("e", as(slip)),
  "approvals.create": ({ approvals }, slip) =>
    approvals.create({ taskId: "t", kind: "generic", payload: 1 }, as(slip)),
  "approvals.list": ({ approvals }, slip) => approvals.list(as(slip)),
  "approvals.approve": ({ approvals }, slip) => approvals.approve(ID, as(slip)),
  "approvals.reject": ({ approvals }, slip) => approvals.reject(ID, as(slip)),
  "approvals.wait": ({ approvals }, slip) => approvals.wait(ID, as(slip)),
  "decisions.log": ({ decisions }, slip) => decisions.log({ key: "k", value: 1 }, as(slip)),
  "decisions.list": ({ decisions }, slip) => decisions.list(as(slip)),
  "memory.append": ({ memory }, slip) => memory.append({ text: "x" }, as(slip)),
  "memory.list": ({ memory }, slip) => memory.list(as(slip)),
  "memory.search": ({ memory }, slip) => memory.search("x", as(slip)),
  "memory.verify": ({ memory }, slip) => memory.verify(ID, as(slip)),
  "memory.delete": ({ memory }, slip) => memory.delete(ID, as(slip)),
  "outputs.write": ({ outputs }, slip) => outputs.write("t", "x", as(slip)),
  "outputs.list": ({ outputs }, slip) => outputs.list(as(slip)),
  "settings.set": ({ settings }, slip) => settings.set("k", 1, as(slip)),
  "checkpoints.save": ({ checkpoints }, slip) => checkpoints.save("c", as(slip)),
  "checkpoints.restore": ({ checkpoints }, slip) => checkpoints.restore("c", as(slip)),
  "checkpoints.delete": ({ checkpoints }, slip) => checkpoints.delete("c", as(slip)),
  "events.append": ({ events }, slip) => events.append("s", [EVENT], as(slip)),
  "events.appendAll": ({ events }, slip) => events.appendAll([{ stream: "s", ...EVENT }], as(slip)),
  "events.load": ({ events }, slip) => events.load("s", as(slip)),
  "events.query": ({ events }, slip) => events.query(as(slip)),
  "events.countByType": ({ events }, slip) => events.countByType(as(slip)),
  "events.saveSnapshot": ({ events }, slip) =>
    events.saveSnapshot({ stream: "s", version: 1, state: 1, ...slip }),
  "events.archive": ({ events }, slip) => events.archive(as(slip)),
  "events.registerType": ({ events }, slip) => events.registerType("a", as(slip)),
  "events.subscribe": async ({ events }, slip) => events.subscribe(as(slip)),
  "projections.query": ({ projections }, slip) => projections.query({ sql: "SELECT 1", ...slip }),
  "projections.queryResult": ({ projections }, slip) =>
    projections.queryResult({ sql: "SELECT 1", ...slip }),
  "projections.upsert": ({ projections }, slip) =>
    projections.upsert({ table: "t", rows: [{ id: "1" }], ...slip }),
  "projections.truncate": ({ projections }, slip) => projections.truncate({ table: "t", ...slip }),
  "blobs.put": ({ blobs }, slip) => blobs.put({ key: "k", data: Buffer.from("x"), ...slip }),
  "blobs.collect": ({ blobs }, slip) => blobs.collect(as(slip)),
  "workflows.pageExecutions": ({ workflows }, slip) => workflows.pageExecutions(as(slip)),
  "workflows.pageRecords": ({ workflows }, slip) => workflows.pageRecords("e", as(slip)),
  "workflows.loadPendingSignals": ({ workflows }, slip) =>
    workflows.loadPendingSignals("e", as(slip)),
  "workflows.createIfAbsent": ({ workflows }, slip) =>
    workflows.createIfAbsent(as(EXECUTION), as(slip)),
  "workflows.transition": ({ workflows }, slip) =>
    workflows.transition("e", { from: "RUNNING", to: "FAILED", ...slip }),
  "workflows.advance": ({ workflows }, slip) => workflows.advance("e", as(slip)),
  "workflows.claimExecution": ({ workflows }, slip) =>
    workflows.claimExecution("e", { owner: "ann", ...slip }),
  "workflows.renewClaim": ({ workflows }, slip) =>
    workflows.renewClaim("e", { token: 1, leaseMs: 1, ...slip }),
  "workflows.watchExecution": ({ workflows }, slip) =>
    workflows.watchExecution("e", as(slip)).next(),
  "workflows.watchExecutionsByStatus": ({ workflows }, slip) =>
    workflows.watchExecutionsByStatus([], as(slip)).next(),
  "workflows.watchCheckpoints": ({ workflows }, slip) =>
    workflows.watchCheckpoints("e", as(slip)).next(),
  "workflows.watchCommits": async ({ workflows }, slip) =>
    workflows.watchCommits({ signal: AbortSignal.abort(), ...slip }).next(),
};

/** Calls without options: all that they take has a place of its own, or keeps keys of the caller's. */
const OTHERS = `
  store.status store.close
  features.getById features.getAll features.getReady features.getBlocked features.getStats
  features.getGraph features.history changes.getEvents
  locks.acquire locks.tryAcquire locks.conflicts locks.release locks.check locks.assertHeld
  phases.getCompleted phases.get phases.next phases.sequences
  pipeline.read pipeline.list pipeline.phases gaps.check
  approvals.get memory.get outputs.read settings.get settings.list
  scoutCache.get scoutCache.set scoutCache.clear checkpoints.get checkpoints.list
  events.replayAll events.replayFrom events.replayAfter events.queryByType
  events.queryByStreamPrefix events.causes events.effects events.latestSnapshot events.aggregate
  projections.declare projections.tables projections.get projections.list
  blobs.get blobs.stat blobs.list blobs.stream blobs.delete
  workflows.withoutReferenceChecks workflows.saveWorkflow workflows.loadWorkflow
  workflows.saveExecution workflows.loadExecution workflows.loadExecutionsByStatus
  workflows.countExecutions workflows.history workflows.saveCheckpoint workflows.saveCheckpoints
  workflows.loadCheckpoints workflows.saveTimer workflows.loadPendingTimers workflows.saveSignal
  workflows.renewClaims workflows.releaseClaim workflows.deleteExecution
  workflows.deleteCompletedBefore workflows.deleteFinishedBefore workflows.deleteOldTimers
  workflows.deleteOldSignals workflows.validateSchema workflows.close
`;

const STORES = [
  "features",
  "changes",
  "locks",
  "phases",
  "pipeline",
  "gaps",
  "approvals",
  "decisions",
  "memory",
  "scoutCache",
  "outputs",
  "checkpoints",
  "events",
  "projections",
  "blobs",
  "settings",
  "workflows",
] as const;

async function temporary(context: TestContext): Promise<FlowStore> {
  const store = await FlowStore.openTemporary({ durability: "none", actor: "tester" });
  atEnd(context, () => store.close());
  return store;
}

function callsOf(name: string, one: object): string[] {
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(one));
  const isCall = (key: string): boolean =>
    typeof Object.getOwnPropertyDescriptor(Object.getPrototypeOf(one), key)?.value === "function";
  return own.filter((key) => key !== "constructor" && isCall(key)).map((key) => `${name}.${key}`);
}

describe("an option that is mistyped", () => {
  test("is told by every call that takes options, and nothing is done", async (context) => {
    const store = await temporary(context);
    for (const [name, act] of Object.entries(TAKERS)) {
      const error = await refused("BAD_REQUEST", async () => act(store, { slip: true }));
      assert.equal(error.context["field"], "slip", `${name}: ${error.message}`);
      assert.match(error.message, /^Cannot .*: slip is none of what the call takes: /, name);
    }
    assert.deepEqual(await store.events.query(), []);
    assert.equal((await store.status()).features.total, 0);
  });

  test("is none where what one call takes or gives is handed on to another", async (context) => {
    const store = await temporary(context);
    const asked = { taskId: "t", paths: ["a"], mode: "read", ttlMs: 1000, of: "mine" } as const;
    await store.locks.acquire(asked);
    assert.deepEqual(await store.locks.conflicts(asked), []);
    assert.equal(await store.locks.release(asked), 1);
    await store.events.append("s", [EVENT]);
    const snapshot = await store.events.saveSnapshot({ stream: "s", version: 1, state: 1 });
    assert.equal((await store.events.saveSnapshot(snapshot)).version, 1);
    const { key, ...entry } = await store.blobs.put({ key: "k", data: Buffer.from("x") });
    assert.equal((await store.blobs.put({ key: "l", data: Buffer.from("x"), ...entry })).size, 1);
    assert.equal(key, "k");
  });

  test("no call is forgotten here", async (context) => {
    const store = await temporary(context);
    const calls = [
      ...callsOf("store", store),
      ...STORES.flatMap((name) => callsOf(name, store[name])),
    ];
    const known = new Set([...Object.keys(TAKERS), ...OTHERS.trim().split(/\s+/)]);
    assert.deepEqual(
      calls.filter((name) => !known.has(name)),
      [],
    );
    assert.deepEqual(
      [...known].filter((name) => !calls.includes(name)),
      [],
    );
  });

  test("is told where a store is opened or made, before anything is made", async (context) => {
    const { root } = await temporary(context);
    const slip = as<object>({ duribility: "full" });
    for (const open of [
      () => FlowStore.openTemporary(slip),
      () => FlowStore.open(root, slip),
      () => FlowStore.init(`${root}/none`, slip),
    ]) {
      const error = await refused("BAD_REQUEST", open);
      assert.equal(error.context["field"], "duribility");
    }
    const writable = as<object>({ readonly: true });
    assert.match(
      (await refused("BAD_REQUEST", () => FlowStore.open(root, writable))).message,
      /readonly.*readOnly/,
    );
  });

  test("is told by an engine, its runs and their steps", async (context) => {
    const store = await temporary(context);
    const make = (more: object, body: WorkflowBody = () => null): DurableEngine =>
      new DurableEngine({ store, workflows: { w: body }, ...more });
    const engine = make({}, async (body) => body.step("s", () => 1, as({ compensat: () => null })));
    const waiting = make({}, async (body) => body.waitSignal("s", as({ timeout: 1 })));
    const slips: Readonly<Record<string, () => Promise<unknown>>> = {
      pollms: async () => make({ pollms: 1 }),
      ttl: () => engine.run("w", as({ ttl: 1 })),
      compensat: () => engine.run("w"),
      timeout: () => waiting.run("w"),
    };
    for (const [field, act] of Object.entries(slips)) {
      const error = await refused("BAD_REQUEST", act);
      assert.equal(error.context["field"], field);
    }
    await engine.dispose();
    await waiting.dispose();
  });
});
