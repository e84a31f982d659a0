/** The kinds of documents that the store writes again, and the calls that do so. */
import type { StoresOnDisk } from "./stores-on-disk.ts";

/** One document among those of its kind. */
export interface Subject {
  readonly index: number;
  /** Its file. */
  readonly path: string;
}

type Act = (stores: StoresOnDisk, subject: Subject) => Promise<unknown>;

export interface Kind {
  /** Where the documents lie, their paths in the order in which they were made. */
  readonly files: RegExp;
  readonly make: (stores: StoresOnDisk, index: number) => Promise<unknown>;
  readonly inner: Inner | null;
  /** Names that a newer version may give to keys, where not every text is one. */
  readonly names?: readonly string[];
  /** The keys that this version knows, where no schema in the store names them. */
  readonly known?: readonly string[];
  /** Whether a checkpoint holds them. */
  readonly isInCheckpoints: boolean;
  /** Calls that write a document again. Each may come after any other. */
  readonly rewrites: Readonly<Record<string, Act>>;
}

/** Where objects lie within a document. */
export interface Inner {
  /** The key that they are in. */
  readonly key: string;
  /** What tells them apart. */
  readonly by: string;
  /** Whether keys of somebody's own stay where they are; in `local/`, which nobody merges, they go last. */
  readonly isOrdered: boolean;
  /** A call that takes them away: what comes after it is another. */
  readonly endedBy?: string;
}

const number = ({ index }: Subject): number => index + 1;
const task = ({ index }: Subject): string => `fn-1.${index + 1}`;
const epic = ({ index }: Subject): string => `fn-${index + 1}`;
const lockTask = ({ index }: Subject): string => `lock-${index + 1}`;
const lockPath = (index: number): string => `src/${index + 1}.ts`;

/** The id that a file of approvals or memory is named after. */
function ulidOf({ path }: Subject): string {
  return path.slice(path.lastIndexOf("/") + 1, -".json".length).toUpperCase();
}

const FEATURE: Kind = {
  files: /^features\//,
  make: async ({ features }, index) => {
    await features.create({ name: `feature ${index + 1}`, category: "shop", steps: ["look"] });
    if (index % 2 === 0) await features.claimAndGet(index + 1, { agent: "ann" });
  },
  inner: { key: "claim", by: "agent", isOrdered: true },
  isInCheckpoints: true,
  rewrites: {
    update: ({ features }, one) => features.update(number(one), { name: "Prices", priority: 9 }),
    "update an own key": ({ features }, one) => features.update(number(one), { hours: { a: [2] } }),
    claim: ({ features }, one) => features.claimAndGet(number(one), { agent: "bob" }),
    clear: ({ features }, one) => features.clearInProgress(number(one)),
    pass: ({ features }, one) => features.markPassing(number(one)),
    fail: ({ features }, one) => features.markFailing(number(one)),
    skip: ({ features }, one) => features.skip(number(one)),
    depend: ({ features }, one) => features.addDependency(number(one), one.index > 0 ? 1 : 2),
    delete: ({ features }, one) => features.delete(number(one)),
  },
};

const GAP: Kind = {
  files: /^gaps\//,
  make: ({ gaps }, index) => gaps.add({ epicId: "fn-1", capability: `gap ${index + 1}` }),
  inner: null,
  isInCheckpoints: true,
  rewrites: {
    resolve: ({ gaps }, one) => gaps.resolve("fn-1", number(one), "seen"),
    remove: ({ gaps }, one) => gaps.remove("fn-1", number(one)),
  },
};

const PHASES: Kind = {
  files: /^phases\//,
  make: async ({ phases }, index) => {
    await phases.markDone(task({ index, path: "" }), "1");
    await phases.markDone(task({ index, path: "" }), "2");
  },
  inner: { key: "completed", by: "phase", isOrdered: true, endedBy: "reset" },
  isInCheckpoints: true,
  rewrites: {
    "mark done": ({ phases }, one) => phases.markDone(task(one), "3"),
    "mark done again": ({ phases }, one) => phases.markDone(task(one), "1"),
    reset: ({ phases }, one) => phases.reset(task(one)),
  },
};

const PIPELINE: Kind = {
  files: /^pipeline\//,
  make: ({ pipeline }, index) => pipeline.start(epic({ index, path: "" })),
  inner: null,
  isInCheckpoints: true,
  rewrites: {
    advance: ({ pipeline }, one) => pipeline.advance(epic(one), { from: "plan" }),
    write: ({ pipeline }, one) => pipeline.write(epic(one), "close"),
  },
};

const APPROVAL: Kind = {
  files: /^approvals\//,
  make: ({ approvals }, index) =>
    approvals.create({ taskId: task({ index, path: "" }), kind: "mutation", payload: { a: 1 } }),
  inner: null,
  isInCheckpoints: true,
  rewrites: {
    approve: ({ approvals }, one) => approvals.approve(ulidOf(one)),
    reject: ({ approvals }, one) => approvals.reject(ulidOf(one), { reason: "no" }),
  },
};

const MEMORY: Kind = {
  files: /^memory\//,
  make: ({ memory }, index) => memory.append({ text: `learnt ${index + 1}`, tags: ["shop"] }),
  inner: null,
  isInCheckpoints: true,
  rewrites: {
    verify: ({ memory }, one) => memory.verify(ulidOf(one)),
    delete: ({ memory }, one) => memory.delete(ulidOf(one)),
  },
};

const SETTING: Kind = {
  files: /^settings\//,
  make: ({ settings }, index) => settings.set(`key-${index + 1}`, { dark: true }),
  inner: null,
  isInCheckpoints: true,
  rewrites: {
    set: ({ settings }, one) => settings.set(`key-${number(one)}`, [1, "two"]),
  },
};

const LOCK: Kind = {
  files: /^local\/locks\//,
  make: async ({ locks }, index) => {
    const paths = [lockPath(index)];
    await locks.acquire({ paths, taskId: lockTask({ index, path: "" }), mode: "read" });
    await locks.acquire({ paths, taskId: "another", mode: "read" });
  },
  inner: { key: "holders", by: "taskId", isOrdered: false, endedBy: "release by one" },
  isInCheckpoints: false,
  rewrites: {
    heartbeat: ({ locks }, one) => locks.heartbeat(lockTask(one)),
    "acquire by a third": ({ locks }, { index }) =>
      locks.acquire({ paths: [lockPath(index)], taskId: "third", mode: "read" }),
    "release by one": ({ locks }, one) =>
      locks.release({ taskId: lockTask(one), paths: [lockPath(one.index)] }),
  },
};

const blobKey = (index: number): string => `blob-${index + 1}`;

const BLOB: Kind = {
  files: /^blobs\/keys\//,
  make: ({ blobs }, index) => blobs.put({ key: blobKey(index), data: Buffer.from("old") }),
  inner: null,
  isInCheckpoints: false,
  rewrites: {
    put: ({ blobs }, { index }) => blobs.put({ key: blobKey(index), data: Buffer.from("new") }),
    "put as another type": ({ blobs }, { index }) =>
      blobs.put({ key: blobKey(index), data: Buffer.from("old"), contentType: "text/plain" }),
    delete: ({ blobs }, { index }) => blobs.delete(blobKey(index)),
  },
};

const TABLE = "orders";

const ROW: Kind = {
  files: /^projections\/orders\//,
  make: ({ projections }, index) =>
    projections.upsert({ table: TABLE, rows: [{ id: index + 1, state: "placed", total: 1 }] }),
  inner: null,
  names: ["$newer", "$x-team", "estimate", "team_2", "Total_2", "_x"],
  known: ["$row", "$deletedAt", "id", "state", "total"],
  isInCheckpoints: false,
  // Of a row that is taken out its key alone is left: that is no rewriting.
  rewrites: {
    upsert: ({ projections }, one) =>
      projections.upsert({ table: TABLE, rows: [{ id: number(one), state: "sent" }] }),
    "upsert a value of parts": ({ projections }, one) =>
      projections.upsert({ table: TABLE, rows: [{ id: number(one), total: { net: [1, null] } }] }),
    "upsert a new column": ({ projections }, one) =>
      projections.upsert({ table: TABLE, rows: [{ id: number(one), added: true }] }),
  },
};

/**
 * Every kind of document that git carries and calls write again, and locks, by its name. The other
 * records of `local/`, which are a clone's own (leases, workflows, checkpoints), are written anew
 * as a whole.
 */
export const KINDS: Readonly<Record<string, Kind>> = {
  feature: FEATURE,
  gap: GAP,
  phases: PHASES,
  pipeline: PIPELINE,
  approval: APPROVAL,
  memory: MEMORY,
  setting: SETTING,
  lock: LOCK,
  blob: BLOB,
  row: ROW,
};
