/** Public calls of every store that changes something, on a store that has something to change. */
import type { StoresOnDisk } from "./stores-on-disk.ts";

/** One call. */
export interface PublicCall {
  readonly name: string;
  /** Several calls at once, each of which may fail by itself; default: one, that makes one commit. */
  readonly isGroup?: true;
  readonly act: (stores: StoresOnDisk) => Promise<unknown>;
}

/** What is there before any of the calls. */
export async function prepare(stores: StoresOnDisk): Promise<void> {
  await stores.transaction(async () => {
    await stores.features.createBulk([
      { name: "Cart", category: "shop", mine: { kept: [1, 2.5] } },
      { name: "Prices", dependencies: [{ index: 0 }] },
      { name: "Checkout", dependencies: [{ index: 0 }, { index: 1 }] },
    ]);
    await stores.features.claimAndGet(1, { leaseMs: 600_000, agent: "first" });
    await stores.gaps.add({ epicId: "fn-1", capability: "search" });
    await stores.gaps.add({ epicId: "fn-1", capability: "sorting", priority: "nice-to-have" });
    await stores.phases.markDone("fn-1.1", "1");
    await stores.pipeline.start("fn-1");
    await stores.approvals.create({ taskId: "fn-1.1", kind: "mutation", payload: { a: 1 } });
    await stores.memory.append({ text: "prices are in cents", tags: ["shop"] });
    await stores.settings.set("colour", { dark: true });
    await stores.outputs.write("fn-1.1", "# Done\n");
    await stores.projections.upsert({ table: "workflows", rows: WORKFLOWS });
    await stores.blobs.put({ key: "logo", data: Buffer.from("old") });
    await stores.blobs.put({ key: "gone", data: Buffer.from("nobody's") });
    await stores.blobs.delete("gone");
  });
  await stores.scoutCache.set({ key: "one", type: "repo", result: { files: 1 } });
  await stores.locks.acquire({ paths: ["src/a.ts", "src/b.ts"], taskId: "fn-1.1" });
  await stores.checkpoints.save("start");
  await stores.settings.set("colour", { dark: false });
  await stores.features.markPassing(1);
  await stores.features.claimAndGet(3, { agent: "third", leaseMs: 300_000 });
}

const WORKFLOWS = [
  { id: "w1", name: "Nightly" },
  { id: "w2", name: "Hourly" },
];

const PORTS: readonly PublicCall[] = [
  {
    name: "projections.upsert",
    act: ({ projections }) =>
      projections.upsert({
        table: "workflows",
        rows: [
          { id: "w1", description: "at night" },
          { id: "w3", name: "Daily" },
        ],
      }),
  },
  {
    name: "projections.upsert, replacing",
    act: ({ projections }) =>
      projections.upsert({
        table: "workflows",
        rows: [{ id: "w4", name: "Hourly" }],
        mode: "replace",
      }),
  },
  {
    name: "projections.upsert, a new table",
    act: ({ projections }) => projections.upsert({ table: "orders", rows: [{ id: 1 }] }),
  },
  {
    name: "projections.truncate",
    act: ({ projections }) => projections.truncate({ table: "workflows" }),
  },
  { name: "blobs.put", act: ({ blobs }) => blobs.put({ key: "logo", data: Buffer.from("new") }) },
  {
    name: "blobs.put, what is there",
    act: ({ blobs }) => blobs.put({ key: "plan", data: Buffer.from("nobody's") }),
  },
  { name: "blobs.delete", act: ({ blobs }) => blobs.delete("logo") },
  { name: "blobs.collect", act: ({ blobs }) => blobs.collect({ olderThanMs: 0 }) },
];

const FEATURES: readonly PublicCall[] = [
  { name: "features.create", act: ({ features }) => features.create({ name: "New" }) },
  {
    name: "features.createBulk",
    act: ({ features }) =>
      features.createBulk([{ name: "X", dependencies: [{ index: 1 }] }, { name: "Y" }]),
  },
  {
    name: "features.claimAndGet",
    act: ({ features }) => features.claimAndGet(2, { leaseMs: 5000 }),
  },
  { name: "features.claimNext", act: ({ features }) => features.claimNext({ agent: "two" }) },
  {
    name: "features.renewClaim",
    act: ({ features }) => features.renewClaim(3, "third", { leaseMs: 900_000 }),
  },
  { name: "features.markPassing", act: ({ features }) => features.markPassing(2) },
  { name: "features.skip", act: ({ features }) => features.skip(1) },
  {
    name: "features.update",
    act: ({ features }) => features.update(2, { name: "Costs", own: { deep: [1] } }),
  },
  { name: "features.addDependency", act: ({ features }) => features.removeDependency(3, 1) },
  { name: "features.delete", act: ({ features }) => features.delete(1) },
  {
    name: "changes.logEvent",
    act: ({ changes }) => changes.logEvent(1, "comment", { newValue: "small" }),
  },
];

const COORDINATION: readonly PublicCall[] = [
  {
    name: "gaps.add",
    act: ({ gaps }) => gaps.add({ epicId: "fn-2", capability: "export", taskId: "fn-2.1" }),
  },
  { name: "gaps.resolve", act: ({ gaps }) => gaps.resolve("fn-1", 1, "seen") },
  { name: "gaps.removeAll", act: ({ gaps }) => gaps.removeAll("fn-1") },
  { name: "phases.markDone", act: ({ phases }) => phases.markDone("fn-1.2", "1") },
  { name: "phases.reset", act: ({ phases }) => phases.reset("fn-1.1") },
  { name: "pipeline.advance", act: ({ pipeline }) => pipeline.advance("fn-1", { from: "plan" }) },
  { name: "pipeline.start", act: ({ pipeline }) => pipeline.start("fn-2") },
  {
    name: "decisions.log",
    act: ({ decisions }) => decisions.log({ epicId: "fn-1", key: "k", value: 1, reason: "r" }),
  },
  {
    name: "approvals.create",
    act: ({ approvals }) => approvals.create({ taskId: "fn-1.2", kind: "generic" }),
  },
  {
    name: "approvals.approve",
    act: async ({ approvals }) => {
      const [first] = await approvals.list();
      await approvals.approve(first?.id ?? "");
    },
  },
  { name: "memory.append", act: ({ memory }) => memory.append({ text: "the cookie is lost" }) },
  {
    name: "memory.delete",
    act: async ({ memory }) => {
      const [first] = await memory.list();
      await memory.delete(first?.id ?? "");
    },
  },
  { name: "settings.set", act: ({ settings }) => settings.set("size", 3) },
  { name: "outputs.write", act: ({ outputs }) => outputs.write("fn-1.2", "# Next\n") },
  {
    name: "scoutCache.set",
    act: ({ scoutCache }) => scoutCache.set({ key: "two", type: "repo", result: [2] }),
  },
  { name: "scoutCache.clear", act: ({ scoutCache }) => scoutCache.clear() },
];

const LOCKS: readonly PublicCall[] = [
  {
    name: "locks.acquire",
    act: ({ locks }) => locks.acquire({ paths: ["lib", "docs/x.md"], taskId: "fn-1.2" }),
  },
  { name: "locks.heartbeat", act: ({ locks }) => locks.heartbeat("fn-1.1") },
  {
    name: "locks.release",
    act: ({ locks }) => locks.release({ taskId: "fn-1.1", paths: ["src/a.ts"] }),
  },
  { name: "locks.releaseForTask", act: ({ locks }) => locks.releaseForTask("fn-1.1") },
  { name: "locks.releaseAll", act: ({ locks }) => locks.releaseAll() },
];

const WHOLE: readonly PublicCall[] = [
  { name: "checkpoints.save", act: ({ checkpoints }) => checkpoints.save("second") },
  { name: "checkpoints.restore", act: ({ checkpoints }) => checkpoints.restore("start") },
  { name: "checkpoints.delete", act: ({ checkpoints }) => checkpoints.delete("start") },
  {
    name: "transaction",
    act: (stores) =>
      stores.transaction(async () => {
        const { id } = await stores.features.create({ name: "In one" });
        await stores.features.addDependency(3, id);
        await stores.gaps.resolve("fn-1", 2, "in one");
        await stores.locks.acquire({ paths: ["one"], taskId: "fn-1.2" });
        await stores.settings.set("one", true);
        await stores.events.append("order:1", [{ type: "placed", payload: {} }]);
        await stores.projections.upsert({ table: "orders", rows: [{ id: 7, state: "placed" }] });
        await stores.blobs.put({ key: "invoice", data: Buffer.from("in one") });
      }),
  },
  {
    name: "a group",
    isGroup: true,
    act: ({ features, settings, memory }) =>
      Promise.all([
        features.markPassing(2),
        settings.set("grouped", 1),
        memory.append({ text: "grouped" }),
      ]),
  },
];

/** Every call; each is tried on what {@link prepare} made. */
export const PUBLIC_CALLS: readonly PublicCall[] = [
  ...FEATURES,
  ...COORDINATION,
  ...LOCKS,
  ...PORTS,
  ...WHOLE,
];
